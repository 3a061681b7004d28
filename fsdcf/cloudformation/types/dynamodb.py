"""DynamoDB: tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn, named_by
from fsdcf.cloudformation.evaluation import unknowns
from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, items, items_by, mapping, text_of
from fsdcf.cloudformation.pricing import (
    HOURS,
    MILLION,
    PRICE_LIST,
    SECONDS,
    CostItems,
    PricingContext,
    PricingRule,
    Range,
    Resources,
    Unpriced,
    assumption,
    at_least_zero,
    number,
    price,
    sum_of,
)
from fsdcf.cloudformation.types import (
    ADOPTED,
    NEVER,
    AccessActions,
    DeletionProtection,
    DeployPermissions,
    Drawing,
    Expiry,
    ForeignType,
    Managed,
    Part,
    Properties,
    Refusal,
    ResourceType,
    Simulation,
    StoredData,
    Updates,
)
from fsdcf.cloudformation.types.applicationautoscaling import SCALABLE_TARGET, SCALING_POLICY
from fsdcf.cloudformation.types.kms import requests_to

PART: Part = "data"
TABLE = "AWS::DynamoDB::Table"

_AIRBYTE = f"airbyte.com on DynamoDB; {PRICE_LIST}"
_CLASS_BLOG = "AWS's blog on table classes"
_IA = f"a quarter above the class STANDARD, as {_CLASS_BLOG} says"
_ARN = "arn:{partition}:dynamodb:{region}:{account}:table/{id}"
_STREAM = {"StreamArn": frozenset({"StreamSpecification"})}
_DEFINITIONS = frozenset({"AttributeDefinitions"})


_CLASSES = {"STANDARD": "", "STANDARD_INFREQUENT_ACCESS": "ia."}
"""The table classes, and the part of the names of their prices."""


def _price_tables(context: PricingContext, tables: Resources) -> CostItems:
    for table in tables:
        kind = table.text("TableClass", "STANDARD")
        if kind in _CLASSES:
            yield from _price(context, table, f"dynamodb.{_CLASSES[kind]}")
        else:
            yield Unpriced(f"Table {table.name}", f"no price for the class {kind}", (table.name,))


def _price(context: PricingContext, table: PlannedResource, prices: str) -> CostItems:
    properties = table.properties
    indexes = items(properties.get("GlobalSecondaryIndexes"))
    copies = 1 + len(indexes) + len(items(properties.get("LocalSecondaryIndexes")))
    words = f" × {copies} (table and indexes)" if copies > 1 else ""
    if properties.get("BillingMode", "PROVISIONED") == "PAY_PER_REQUEST":
        for verb, factor in (("write", copies), ("read", 1)):
            assumed = f"dynamodb-{verb}s-per-second"
            rate = context.assumed[assumed]
            how = f"{number(rate)} units/s" + (words if factor > 1 else "")
            quantity = rate * factor * SECONDS / MILLION
            yield context.line(f"{prices}{verb}", f"DynamoDB {verb} requests", quantity, how, table, assumed)
    else:
        for verb in ("write", "read"):
            units = _units(context.stack, table, verb.capitalize())
            how = f"{units} units × {HOURS} h"
            yield context.line(f"{prices}{verb[0]}cu", f"DynamoDB {verb} capacity", units.times(HOURS), how, table)
    size = context.assumed["dynamodb-gigabytes"]
    how = f"{number(size)} GB{words}"
    yield context.line(f"{prices}storage", "DynamoDB storage", size * copies, how, table, "dynamodb-gigabytes")
    if _is_recoverable(properties.get("PointInTimeRecoverySpecification")):
        unit = "GB, the table without its indexes"
        yield context.usage("dynamodb.pitr", "DynamoDB point-in-time recovery", "dynamodb-gigabytes", unit, table)
    yield from requests_to(text_of(mapping(properties.get("SSESpecification")).get("SSEEnabled")) == "true", table)
    if properties.get("StreamSpecification"):
        yield Unpriced(f"Stream of {table.name}", "its readers are not in the template", (table.name,))
    if any(mapping(one).get("WarmThroughput") for one in (properties, *indexes)):
        why = "it is charged once, for the units that it adds"
        yield Unpriced(f"Warm throughput of {table.name}", why, (table.name,))


def _units(stack: PlannedStack, table: PlannedResource, verb: str) -> Range:
    """The capacity of a table and its indexes for a verb (``Read``), between the bounds of auto scaling if there are
    any."""
    ranges = []
    for (index, of), units in provisioned(table).items():
        if of == verb:
            target = scaling_of(stack, table, index, verb)
            bounds = target and [at_least_zero(target.get(f"{bound}Capacity")) for bound in ("Min", "Max")]
            ranges.append(Range(*bounds) if bounds else Range.of(units))
    return sum_of(ranges)


def provisioned(table: PlannedResource) -> dict[tuple[str, str], Decimal]:
    """The units of a table and its indexes, by the name of the index, empty for the table, and ``Read`` or
    ``Write``."""
    owners = {"": table.properties, **items_by(table.get("GlobalSecondaryIndexes"), "IndexName")}
    return {
        (index, verb): at_least_zero(mapping(own.get("ProvisionedThroughput")).get(f"{verb}CapacityUnits"))
        for index, own in owners.items()
        for verb in ("Read", "Write")
    }


def scaling_of(stack: PlannedStack, table: PlannedResource, index: str, verb: str) -> PlannedResource | None:
    """The scalable target of a capacity; None where auto scaling does not change it."""
    dimension = f"dynamodb:{'index' if index else 'table'}:{verb}CapacityUnits"
    for target in stack.of(SCALABLE_TARGET):
        resource = target.get("ResourceId")
        named = {*(one.target for one in unknowns(resource)), *text_of(resource).split("/")[1:2]}
        if (
            target.get("ScalableDimension") == dimension
            and named & {table.name, table.text("TableName")}
            and text_of(resource).partition("/index/")[2] == index
        ):
            return target
    return None


def _is_recoverable(specification: Any) -> bool:
    return text_of(mapping(specification).get("PointInTimeRecoveryEnabled")) == "true"


def _details(properties: Properties) -> Iterator[str]:
    indexes = sum(len(items(properties.get(f"{kind}SecondaryIndexes"))) for kind in ("Global", "Local"))
    words = [f"{indexes} index{'es' if indexes > 1 else ''}"] if indexes else []
    words += ["stream"] if properties.get("StreamSpecification") else []
    if words:
        yield ", ".join(words)


def _expires_otherwise(before: Any, after: Any) -> bool:
    """Whether items expire that did not, or by another attribute."""
    old, new = mapping(before), mapping(after)
    was_on, is_on = (text_of(one.get("Enabled")) == "true" for one in (old, new))
    return is_on and (not was_on or old.get("AttributeName") != new.get("AttributeName"))


def _redefines_attribute(before: Any, after: Any) -> bool:
    """Whether an attribute that both sides define has another type."""
    old, new = ({one.get("AttributeName"): one.get("AttributeType") for one in side or ()} for side in (before, after))
    return any(old[name] != new[name] for name in old.keys() & new.keys())


def _other_time_to_live(before: Any, after: Any) -> Refusal | None:
    """A time to live that is on has one attribute, and is switched off by a specification that names it.

    Without the specification CloudFormation fails, or leaves it on.
    Sources: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html,
    https://github.com/aws/aws-cdk/issues/25655 and https://github.com/aws/aws-cdk/issues/10576
    """
    old, new = mapping(before), mapping(after)
    attribute = text_of(old.get("AttributeName"))
    if text_of(old.get("Enabled")) != "true" or text_of(new.get("AttributeName")) == attribute:
        return None
    off = f"`timeToLive: {{attribute: {attribute}, enabled: false}}`"
    if not new:
        why = f"the time to live by {attribute} leaves the template while it is on: the update fails, or it stays on"
        return Refusal(why, f"write {off} to switch it off")
    why = f"the time to live by {attribute} is on, and DynamoDB refuses another attribute until it is off"
    reason = f"TimeToLive is active on a different AttributeName: current AttributeName is {attribute}"
    return Refusal(
        why, f"1. write {off}, and deploy; 2. write the new attribute, at the earliest an hour later", reason
    )


def _other_view(before: Any, after: Any) -> Refusal | None:
    """DynamoDB does not change the view type of a stream that is on: it needs a new stream, with another ARN.

    CloudFormation's page says that it makes the new stream.
    Sources: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html and StreamSpecification
    in the template reference of CloudFormation
    """
    old, new = (text_of(mapping(one).get("StreamViewType")) for one in (before, after))
    if not old or not new or old == new:
        return None
    why = f"DynamoDB refuses to change a stream that is on from {old} to {new}: that is a new stream, with another ARN"
    return Refusal(why, f"1. write `stream: false`, and deploy; 2. write `stream: {new}`, and point its readers to it")


def _less_warm(before: Any, after: Any) -> Refusal | None:
    """Sources: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html and
    https://github.com/hashicorp/terraform-provider-aws/pull/49032"""
    old, new = mapping(before), mapping(after)
    for key in ("ReadUnitsPerSecond", "WriteUnitsPerSecond"):
        was, now = at_least_zero(old.get(key)), at_least_zero(new.get(key))
        if 0 < now < was:
            why = f"the warm throughput falls from {number(was)} to {number(now)} units, and it can only grow"
            return Refusal(why, f"write {number(was)}, or leave it out", "decreasing WarmThroughput is not supported")
    return None


def _less_warm_index(before: Any, after: Any) -> Refusal | None:
    old, new = (items_by(side, "IndexName") for side in (before, after))
    both = ([side[name].get("WarmThroughput") for side in (old, new)] for name in old if name in new)
    return next((found for was, now in both if (found := _less_warm(was, now)) is not None), None)


def _arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """Those of the table and its indexes, and of the alarms that Application Auto Scaling makes for them.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.CLI.html
    """
    own = named_by("dynamodb", "TableName", ("table", "table/{}"), ("table", "table/{}/index/*"))
    yield from own(stack, logical_id, properties)
    if stack.resources(SCALING_POLICY):
        name = stack.name_of("TableName", logical_id, properties)
        yield ("cloudwatch", "alarm"), arn("cloudwatch", f"alarm:TargetTracking-table/{name}*")


def _is_scaled(properties: Properties, template: Mapping[str, Any]) -> bool:
    """Whether a template scales the capacity of tables."""
    resources = map(mapping, mapping(template.get("Resources")).values())
    targets = (mapping(one.get("Properties")) for one in resources if one.get("Type") == SCALABLE_TARGET)
    return any(one.get("ServiceNamespace") == "dynamodb" for one in targets)


RECORDS = (
    ResourceType(
        TABLE,
        PricingRule(
            "data",
            _price_tables,
            (
                price("dynamodb.write", "0.625", "million write units", _AIRBYTE, "2025-07-21"),
                price("dynamodb.read", "0.125", "million read units", _AIRBYTE, "2025-07-21"),
                price("dynamodb.storage", "0.25", "GB-month", PRICE_LIST, "2026-11-24"),
                price("dynamodb.pitr", "0.20", "GB-month", PRICE_LIST, "2026-11-24"),
                price("dynamodb.wcu", "0.00065", "WCU-hour", PRICE_LIST, "2026-11-24"),
                price("dynamodb.rcu", "0.00013", "RCU-hour", PRICE_LIST, "2026-11-24"),
                price("dynamodb.ia.storage", "0.10", "GB-month", _CLASS_BLOG, "2021-12-01"),
                price("dynamodb.ia.write", "0.78", "million write units", _IA, "2026-11-30", weak=True),
                price("dynamodb.ia.read", "0.155", "million read units", _IA, "2026-11-30", weak=True),
                price("dynamodb.ia.wcu", "0.00081", "WCU-hour", _IA, "2026-11-30", weak=True),
                price("dynamodb.ia.rcu", "0.00016", "RCU-hour", _IA, "2026-11-30", weak=True),
            ),
            (
                assumption(
                    "dynamodb-writes-per-second",
                    "1",
                    "units/s",
                    "write request units for each table on demand; indexes take as many again",
                ),
                assumption("dynamodb-reads-per-second", "5", "units/s", "read request units for each table on demand"),
                assumption("dynamodb-gigabytes", "5", "GB", "in each table; an index holds as much again"),
            ),
        ),
        Simulation(
            attributes={"Arn": _ARN, "StreamArn": f"{_ARN}/stream/2027-01-01T00:00:00.000"},
            create=31.0,
            update=12.0,
            delete=12.0,
            protection=DeletionProtection(
                lambda properties: properties.get("DeletionProtectionEnabled") in (True, "true"),
                "Resource cannot be deleted as it is currently protected against deletion."
                " Disable deletion protection first.",
                "GeneralServiceException",
                "DeletionProtectionEnabled",
            ),
        ),
        DeployPermissions(
            only_with={
                # The handlers also make the replicas of a global table.
                NEVER: ("dynamodb:*Item", "dynamodb:Query", "dynamodb:Scan", "dynamodb:*Replica"),
                "ImportSourceSpecification": ("s3:*", "logs:*", "dynamodb:ImportTable", "dynamodb:DescribeImport"),
                "KinesisStreamSpecification": (
                    "kinesis:*",
                    "dynamodb:EnableKinesis*",
                    "dynamodb:DisableKinesis*",
                    "dynamodb:UpdateKinesis*",
                ),
                "ResourcePolicy": ("dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy"),
                "SSESpecification.KMSMasterKeyId": ("kms:*",),
            },
            arns=_arns,
        ),
        retained=True,
        taken_over=ADOPTED,
        data=StoredData(
            "its items",
            expiry=(
                Expiry("TimeToLiveSpecification", _expires_otherwise, "lets items expire by another attribute"),
                Expiry(
                    "PointInTimeRecoverySpecification",
                    lambda before, after: _is_recoverable(before) and not _is_recoverable(after),
                    "drops its continuous backups",
                ),
            ),
        ),
        # An edited attribute definition or another key replaces the table, one definition more or less does not.
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
        updates=Updates(
            _STREAM,
            edited=_DEFINITIONS,
            replaced_if={"AttributeDefinitions": _redefines_attribute, "KeySchema": lambda before, after: True},
            refused={
                "TimeToLiveSpecification": _other_time_to_live,
                "StreamSpecification": _other_view,
                "WarmThroughput": _less_warm,
                "GlobalSecondaryIndexes": _less_warm_index,
            },
            kept={"WarmThroughput": None},
            # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html,
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-switching-capacity-modes.html and
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.tableclasses.html
            limited={
                "TimeToLiveSpecification": "DynamoDB refuses another change of the time to live for up to an hour",
                "BillingMode": "a table can change to on-demand four times in 24 hours",
                "TableClass": "a table can change its class twice in 30 days",
            },
        ),
        drawing=Drawing(
            "database", "DynamoDB table", "TableName", _details, arn_service="dynamodb", arn_name="(?:[^/]*/)?([^/]*).*"
        ),
        managed=(
            Managed(
                "(/GlobalSecondaryIndexes/[0-9]+)?/ProvisionedThroughput/(Read|Write)CapacityUnits",
                "auto scaling sets the capacity",
                _is_scaled,
            ),
            Managed(
                "(/GlobalSecondaryIndexes/[0-9]+)?/WarmThroughput/(Read|Write)UnitsPerSecond",
                "DynamoDB raises it as the load grows",
            ),
        ),
        access=AccessActions(reading=("dynamodb:ConditionCheckItem", "dynamodb:PartiQLSelect")),
        before_deletion=(
            "disable the deletion protection of the table: aws dynamodb update-table --no-deletion-protection-enabled"
        ),
    ),
    ForeignType(
        "AWS::DynamoDB::GlobalTable",
        data=StoredData("its items"),
        updates=Updates(_STREAM, edited=_DEFINITIONS),
    ),
)
