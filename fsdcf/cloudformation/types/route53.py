"""Route 53: hosted zones and their records."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn, text
from fsdcf.cloudformation.planned import PlannedStack
from fsdcf.cloudformation.pricing import PRICE_LIST, PricingRule, Resources, Unpriced, each_month, price
from fsdcf.cloudformation.types import (
    DeployPermissions,
    ForeignType,
    Part,
    Properties,
    ResourceType,
    Simulation,
    Single,
)

PART: Part = "ingress"
HOSTED_ZONE, RECORD_SET = "AWS::Route53::HostedZone", "AWS::Route53::RecordSet"
ZONE_IAM_TYPE = ("route53", "hostedzone")

ZONE_PRICE = PricingRule(
    "network",
    each_month("hosted-zone.month", "Hosted zones"),
    (
        price(
            "hosted-zone.month",
            "0.50",
            "zone-month",
            f"AWS's pricing page for Route 53; {PRICE_LIST}",
            "2026-11-24",
            "first 25 of an account",
        ),
    ),
    order=2,
)


def zone_arn(zone: str = "*") -> str:
    """The ARN of a hosted zone, or of all."""
    return arn("route53", f"hostedzone/{zone}", "", "")


def query_costs(stack: PlannedStack, zones: Resources) -> Iterator[Unpriced]:
    """The queries that Route 53 answers from these zones."""
    yield Unpriced("DNS queries", "they follow the use of the names", tuple(one.name for one in zones))


def _zone_of(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    yield ZONE_IAM_TYPE, zone_arn(text(properties.get("HostedZoneId")))


def normalized(name: str) -> str:
    """A record's name as IAM compares it: small letters, no dot at the end, an octal escape for all else but ``-``,
    ``_`` and ``.``.

    Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html
    """
    return re.sub(r"[^a-z0-9._-]", lambda match: f"\\{ord(match[0]):03o}", name.lower().removesuffix("."))


def _written(properties: Properties) -> Iterator[tuple[str, str]]:
    name = properties.get("Name")
    yield text(properties.get("HostedZoneId")), normalized(name) if isinstance(name, str) else "*"


RECORDS = (
    ResourceType(
        RECORD_SET,
        "free",
        # A record is deployed once all name servers have it. The ID is the one that identifies it in its schema.
        # Source: https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html
        Simulation("{p[Name]}|{p[HostedZoneId]}|{p[Type]}", create=38.0, update=36.0, delete=36.0),
        DeployPermissions(arns=_zone_of, dns_records=_written),
        # Source: https://github.com/aws/aws-cdk/issues/12564
        single=Single(
            ("HostedZoneId", "HostedZoneName", "Name", "Type", "SetIdentifier"),
            "a hosted zone has one record of a name and a type",
            "1. deploy without the old record, from when on its name leads nowhere; 2. deploy this change",
            "[Tried to create resource record set [name='{Name}.', type='{Type}'] but it already exists]",
        ),
    ),
    ForeignType(
        HOSTED_ZONE,
        price=ZONE_PRICE,
        side_costs=query_costs,
        simulation=Simulation("Z{long}", create=45.0),
        before_deletion="a hosted zone can be deleted once its own NS and SOA records are the only ones",
    ),
)
