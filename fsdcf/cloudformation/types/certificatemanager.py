"""Certificate Manager: certificates for TLS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, text
from fsdcf.cloudformation.types import NEVER, DeployPermissions, Part, Properties, ResourceType, Simulation, Wait
from fsdcf.cloudformation.types.route53 import ZONE_IAM_TYPE, normalized, zone_arn

PART: Part = "ingress"
CERTIFICATE = "AWS::CertificateManager::Certificate"


def _zones(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """The hosted zones in which CloudFormation writes the records that prove the ownership of the domains."""
    for option in properties.get("DomainValidationOptions", ()):
        if "HostedZoneId" in option:
            yield ZONE_IAM_TYPE, zone_arn(text(option["HostedZoneId"]))


def _proofs(properties: Properties) -> Iterator[tuple[str, str]]:
    """The records by which ACM proves the ownership of a domain, and with it of ``*.domain``: ``_x1.domain``.

    Source: https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
    """
    for option in properties.get("DomainValidationOptions", ()):
        domain = option.get("DomainName")
        if "HostedZoneId" in option:
            own = f"_*.{normalized(domain.removeprefix('*.'))}" if isinstance(domain, str) else "*"
            yield text(option["HostedZoneId"]), own


def _unvalidated(properties: Properties) -> str:
    """Usually, a record of ACM in a zone of Route 53 is found within minutes; ACM gives up after 72 hours.

    Source: https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
    """
    domain = properties.get("DomainName")
    options: Sequence[Properties] = properties.get("DomainValidationOptions") or ({},)
    zone = options[0].get("HostedZoneId", "ZONE_ID")
    return (
        f"ACM does not find the record that proves the ownership of {domain}, and waits for up to 72 hours. The record "
        f"is in the hosted zone {zone}: compare the name servers of that zone (`aws route53 get-hosted-zone "
        f"--id {zone}`) with those of the domain (`dig +short NS {domain}`). If they "
        "differ, write the zone that the domain uses, or delegate the domain to this one"
    )


RECORDS = (
    ResourceType(
        CERTIFICATE,
        # Those of a private authority are not; fsdcf has none.
        # Source: https://aws.amazon.com/certificate-manager/pricing/
        "free",
        Simulation("arn:{partition}:acm:{region}:{account}:certificate/{uuid}", create=12.0, update=3.0, delete=4.0),
        DeployPermissions(
            only_with={
                NEVER: ("acm-pca:*",),
                "DomainValidationOptions.HostedZoneId": ("route53:ChangeResourceRecordSets",),
            },
            arns=_zones,
            dns_records=_proofs,
        ),
        wait=Wait(600.0, _unvalidated),
        before_deletion="a certificate can be deleted once no listener uses it",
    ),
)
