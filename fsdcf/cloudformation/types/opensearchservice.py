"""OpenSearch Service: domains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsdcf.cloudformation.arns import named_by
from fsdcf.cloudformation.planned import PlannedResource, mapping, text_of, whole_number
from fsdcf.cloudformation.pricing import (
    HOURS,
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    at_least_zero,
    number,
    price,
)
from fsdcf.cloudformation.types import (
    AccessActions,
    DeployPermissions,
    Drawing,
    Part,
    PolicyDocuments,
    Properties,
    Refusal,
    ResourceType,
    Simulation,
    StoredData,
    Updates,
)
from fsdcf.cloudformation.types.kms import requests_to

PART: Part = "data"
DOMAIN = "AWS::OpenSearchService::Domain"

_PRICES = "AWS Price List (AmazonES), as read by a public tool for cost reports"
_TYPES = {
    "t3.small": "0.036",
    "t3.medium": "0.073",
    "m6g.large": "0.128",
    "m7g.medium": "0.068",
    "m7g.large": "0.135",
    "m7g.xlarge": "0.271",
    "m8g.large": "0.15",
    "r6g.large": "0.167",
    "r7g.large": "0.178",
    "r7g.xlarge": "0.356",
    "r8g.large": "0.196",
    "c7g.large": "0.12",
    "or2.medium": "0.1",
    "or2.large": "0.2",
}
_ARN = "arn:{partition}:es:{region}:{account}:domain/{id}"


def _price_domains(context: PricingContext, domains: Resources) -> CostItems:
    for domain in domains:
        config = domain.mapping("ClusterConfig")
        count = whole_number(config.get("InstanceCount")) or 1
        yield _nodes(context, domain, "data nodes", text_of(config.get("InstanceType")), count)
        masters = whole_number(config.get("DedicatedMasterCount")) or 0
        if text_of(config.get("DedicatedMasterEnabled")) == "true" and masters:
            yield _nodes(context, domain, "masters", text_of(config.get("DedicatedMasterType")), masters)
        volumes = domain.mapping("EBSOptions")
        size = at_least_zero(volumes.get("VolumeSize"))
        if text_of(volumes.get("VolumeType")) == "gp3":
            how = f"{count} × {number(size)} GiB"
            yield context.line("opensearch.storage", "OpenSearch storage", count * size, how, domain)
        elif size:
            yield Unpriced(f"Volumes of {domain.name}", "a price for gp3 alone is known", (domain.name,))
        yield from requests_to(domain.mapping("EncryptionAtRestOptions").get("KmsKeyId"), domain)


def _nodes(context: PricingContext, domain: PlannedResource, what: str, kind: str, count: int) -> Any:
    name = kind.removesuffix(".search")
    if name not in _TYPES:
        return Unpriced(f"OpenSearch {what} of {domain.name}", f"no price for {kind or 'its type'}", (domain.name,))
    line = context.line(f"opensearch.{name}", f"OpenSearch {what}", count * HOURS, f"{count} × {HOURS} h", domain)
    return line._replace(key=f"{line.key} {what}")


def _details(properties: Properties) -> Iterator[str]:
    config = mapping(properties.get("ClusterConfig"))
    yield f"{text_of(config.get('InstanceCount', 1))} × {text_of(config.get('InstanceType'))}"


def _older_version(before: Any, after: Any) -> Refusal | None:
    """Source: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/version-migration.html"""
    old, new = text_of(before), text_of(after)
    if not old or not new or _version(new) >= _version(old):
        return None
    why = f"the version falls from {old} to {new}, and OpenSearch Service upgrades domains only"
    return Refusal(why, "keep the version; or add a domain with another name, and index anew", "cannot be downgraded")


def _version(text: str) -> tuple[int, ...]:
    """``Elasticsearch_7.10`` comes before every version of OpenSearch."""
    engine, _, version = text.partition("_")
    return (engine == "OpenSearch", *(int(part) for part in version.split(".") if part.isdigit()))


def _less_storage(before: Any, after: Any) -> Refusal | None:
    """Source:
    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-configuration-changes.html
    """
    old, new = (at_least_zero(mapping(one).get("VolumeSize")) for one in (before, after))
    if not old or not new or new >= old:
        return None
    why = f"each volume shrinks from {number(old)} to {number(new)} GiB, and the new nodes must hold all documents"
    return Refusal(why, "delete indexes before, or keep the size")


def _less_encryption(before: Any, after: Any) -> Refusal | None:
    """Source: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/ntn.html"""
    old, new = (text_of(mapping(one).get("Enabled")) == "true" for one in (before, after))
    if not old or new:
        return None
    why = "the encryption between nodes is on, and OpenSearch Service does not switch it off again"
    return Refusal(why, "keep it on; or add a domain with another name", "You cannot disable node-to-node encryption")


def _other_network(before: Any, after: Any) -> Refusal | None:
    """Source: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/vpc.html#vpc-limitations"""
    if bool(mapping(before).get("SubnetIds")) == bool(mapping(after).get("SubnetIds")):
        return None
    why = "a domain is in a VPC or has a public endpoint from its creation on"
    return Refusal(
        why, "add a domain with another name, and index anew", "You cannot change a domain from VPC to public"
    )


RECORDS = (
    ResourceType(
        DOMAIN,
        PricingRule(
            "data",
            _price_domains,
            (
                *(
                    price(f"opensearch.{kind}", amount, "node-hour", _PRICES, "2026-10-01")
                    for kind, amount in _TYPES.items()
                ),
                price(
                    "opensearch.storage",
                    "0.122",
                    "GiB-month",
                    "AWS's blog on gp3 in OpenSearch Service: 9.6 % below gp2, which is 0.135",
                    "2022-07-01",
                    "gp3",
                ),
            ),
            order=5,
        ),
        Simulation(
            attributes={
                "Arn": _ARN,
                "DomainArn": _ARN,
                "Id": "{account}/{id}",
                "DomainEndpoint": "vpc-{id}-{long}.{region}.es.amazonaws.com",
            },
            create=900.0,
            update=600.0,
            delete=300.0,
            longest_name=28,
            lower_case=True,
        ),
        DeployPermissions(
            arns=named_by("es", "DomainName", ("domain", "domain/{}")),
            linked_role="opensearchservice.amazonaws.com",
        ),
        data=StoredData("its documents"),
        # Source of the fixed endpoint:
        # https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-configuration-changes.html
        updates=Updates(
            {"DomainEndpoint": frozenset()},
            refused={
                "EngineVersion": _older_version,
                "EBSOptions": _less_storage,
                "NodeToNodeEncryptionOptions": _less_encryption,
                "VPCOptions": _other_network,
            },
        ),
        drawing=Drawing(
            "database", "OpenSearch domain", "DomainName", _details, arn_service="es", arn_name="domain/([^/]*).*"
        ),
        policies=PolicyDocuments("resource"),
        access=AccessActions(("es:ESHttpGet", "es:ESHttpHead")),
    ),
)
