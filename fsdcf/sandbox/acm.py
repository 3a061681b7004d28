"""Certificate Manager: certificates, which wait until the records that prove the ownership of their domains exist.

What CloudFormation reports of it is described in
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-certificatemanager-certificate.html
"""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.sandbox import elbv2, route53
from fsdcf.sandbox.ids import token
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError

CERTIFICATE = "acm.certificate"

VALIDATED_AFTER = 80.0
"""Seconds until ACM has seen the validation records in DNS; it may take up to 30 minutes."""


def request_certificate(state: SandboxState, arn: str, properties: Data) -> None:
    """Store a certificate by its CloudFormation properties. Like CloudFormation, write the validation records of the
    domains whose hosted zone is named. They stay when the certificate is deleted.
    """
    zones = {
        str(one["DomainName"]): one["HostedZoneId"]
        for one in properties.get("DomainValidationOptions", [])
        if "HostedZoneId" in one
    }
    records = list(_validation_records(state, properties))
    for record in records:
        if record["Domain"] in zones:
            text = {"Name": record["Name"], "Type": "CNAME", "ResourceRecords": [record["Value"]]}
            route53.put_record(state, {**text, "HostedZoneId": zones[record["Domain"]]})
    by_dns = properties.get("ValidationMethod") == "DNS"
    body = {"records": records, "by_dns": by_dns, "seen_at": state.clock.now() + state.duration(VALIDATED_AFTER)}
    state.store.put(CERTIFICATE, arn, body)


def _validation_records(state: SandboxState, properties: Data) -> Iterator[Document]:
    """Return the records by which ACM validates the domains. A wildcard has the record of its parent."""
    domains = [properties["DomainName"], *properties.get("SubjectAlternativeNames", [])]
    for domain in dict.fromkeys(str(one) for one in domains):
        seed = state.account, domain.removeprefix("*.")
        name = f"_{token(*seed, 'name', length=32)}.{seed[1]}."
        value = f"_{token(*seed, 'value', length=32)}.{token(*seed, 'zone', length=10)}.acm-validations.aws."
        yield {"Domain": domain, "Name": name, "Value": value}


def notes(state: SandboxState, arn: str) -> list[str]:
    """Return the status reasons with which CloudFormation tells the records to create, while a certificate waits."""
    body = state.store.get(CERTIFICATE, arn) or {"records": [], "by_dns": False}
    unique = {record["Name"]: record["Value"] for record in body["records"] if body["by_dns"]}
    return [f"Content of DNS Record is: {{Name: {name},Type: CNAME,Value: {value}}}" for name, value in unique.items()]


def is_issued(state: SandboxState, arn: str) -> bool:
    """Return whether a certificate is issued: its records exist since a while. One validated by e-mail never is."""
    body = state.store.get(CERTIFICATE, arn)
    if body is None:
        return True
    proven = body["by_dns"] and all(route53.has_record(state, one["Name"], "CNAME") for one in body["records"])
    return proven and state.clock.now() >= float(body["seen_at"])


def delete_certificate(state: SandboxState, arn: str) -> None:
    """Delete a certificate. Raises ServiceError if a listener uses it."""
    if elbv2.uses_certificate(state, arn):
        text = f"Certificate {arn} in account {state.account} is in use."
        raise ServiceError("ResourceInUseException", text)
    state.store.remove(CERTIFICATE, arn)
