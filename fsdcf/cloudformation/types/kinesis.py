"""Kinesis: data streams and their consumers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, named_by, text
from fsdcf.cloudformation.planned import mapping, text_of
from fsdcf.cloudformation.pricing import (
    HOURS,
    MILLION,
    PRICE_LIST,
    SECONDS,
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    assumption,
    at_least_zero,
    decimal,
    number,
    price,
)
from fsdcf.cloudformation.types import (
    ADOPTED,
    NEVER,
    AccessActions,
    DeployPermissions,
    Drawing,
    Expiry,
    Part,
    Properties,
    Refusal,
    ResourceType,
    Simulation,
    StoredData,
    Updates,
)
from fsdcf.cloudformation.types.kms import left_with_key, requests_to

PART: Part = "data"
STREAM, CONSUMER = "AWS::Kinesis::Stream", "AWS::Kinesis::StreamConsumer"

_DAY, _WEEK = Decimal(24), Decimal(168)
"""Hours that Kinesis keeps records without a charge, and at the price of the extended retention."""

_FEWEST_ON_DEMAND = 4
"""Shards of a new stream on demand.
Source: https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html"""

_PRICES = f"AWS's pricing page for Kinesis Data Streams; {PRICE_LIST}"
_DATE = "2026-11-30"


def _is_on_demand(properties: Properties) -> bool:
    return mapping(properties.get("StreamModeDetails")).get("StreamMode") == "ON_DEMAND"


def _hours_kept(value: Any) -> Decimal:
    return _DAY if (hours := decimal(value)) is None else hours


def _price_streams(context: PricingContext, streams: Resources) -> CostItems:
    """Streams by their records, of 1 KB each: what is smaller is charged as 1 KB on demand, and up to 25 KB are one
    unit of a provisioned stream."""
    rate = context.assumed["kinesis-records-per-second"]
    records, gigabytes = rate * SECONDS, rate * SECONDS / 1024**2
    for stream in streams:
        how, assumed = f"{number(rate)} records/s of 1 KB", "kinesis-records-per-second"
        shards = at_least_zero(stream.get("ShardCount"))
        on_demand = _is_on_demand(stream.properties)
        if on_demand:
            yield context.line("kinesis.stream", "Kinesis stream", HOURS, f"{HOURS} h", stream)
            yield context.line("kinesis.written", "Kinesis data written", gigabytes, how, stream, assumed)
            yield context.line("kinesis.read", "Kinesis data read", gigabytes, f"{how}, read once", stream, assumed)
        else:
            shown = f"{number(shards)} shards × {HOURS} h"
            yield context.line("kinesis.shard", "Kinesis shards", shards * HOURS, shown, stream)
            yield context.line("kinesis.put", "Kinesis records", records / MILLION, how, stream, assumed)
        hours = _hours_kept(stream.get("RetentionPeriodHours"))
        extended, long = min(hours, _WEEK) - _DAY, max(hours - _WEEK, Decimal(0))
        if extended > 0 and on_demand:
            kept = f"{how}, {number(extended)} h beyond the first day"
            yield context.line(
                "kinesis.extended", "Kinesis retention", gigabytes / HOURS * extended, kept, stream, assumed
            )
        elif extended > 0:
            kept = f"{number(shards)} shards × {HOURS} h"
            yield context.line("kinesis.shard-extended", "Kinesis retention", shards * HOURS, kept, stream)
        if long:
            kept = f"{how}, {number(long)} h beyond a week"
            yield context.line(
                "kinesis.long", "Kinesis long-term retention", gigabytes / HOURS * long, kept, stream, assumed
            )
        yield from requests_to(stream.get("StreamEncryption"), stream, "writers and readers")


def _price_consumers(context: PricingContext, consumers: Resources) -> CostItems:
    """Consumers by what they read: every record once."""
    rate = context.assumed["kinesis-records-per-second"]
    how, gigabytes = f"{number(rate)} records/s of 1 KB", rate * SECONDS / 1024**2
    for consumer in consumers:
        stream = context.stack.named(consumer.get("StreamARN"), STREAM)
        if stream is None:
            why = "the mode of a stream of another stack is not known"
            yield Unpriced(f"Enhanced fan-out of {consumer.name}", why, (consumer.name,))
            continue
        kind = "on-demand-fan-out" if _is_on_demand(stream.properties) else "fan-out"
        name = "Kinesis enhanced fan-out, data"
        yield context.line(f"kinesis.{kind}", name, gigabytes, how, consumer, "kinesis-records-per-second")
        if kind == "fan-out":
            shards = at_least_zero(stream.get("ShardCount"))
            shown = f"{number(shards)} shards × {HOURS} h"
            yield context.line("kinesis.consumer", "Kinesis enhanced fan-out", shards * HOURS, shown, consumer)


def _details(properties: Properties) -> Iterator[str]:
    shards = text_of(properties.get("ShardCount"))
    yield "on demand" if _is_on_demand(properties) else f"{shards} shard{'s' * (shards != '1')}"


def _too_many_steps(before: Any, after: Any) -> Refusal | None:
    """Kinesis refuses more than double and less than half of the open shards, in one change.

    A stream that was on demand keeps its shards.
    Sources: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html and
    https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html
    """
    old, new = decimal(before), decimal(after)
    if new is None:
        return None
    if old is None:
        if new * 2 >= _FEWEST_ON_DEMAND:
            return None
        why = f"a stream that was on demand has at least {_FEWEST_ON_DEMAND} shards, and Kinesis refuses less than half"
        return Refusal(why, f"write `shards: {_FEWEST_ON_DEMAND // 2}`, and halve it in a later deploy")
    if old / 2 <= new <= old * 2:
        return None
    bound, step = ("more than double", old * 2) if new > old else ("less than half", -(-old // 2))
    scaled = "up over double" if new > old else "down below half"
    why = f"Kinesis changes a stream of {number(old)} shards to {bound} only in several steps"
    reason = f"UpdateShardCount cannot scale {scaled} your current open shard count."
    return Refusal(why, f"1. write `shards: {number(step)}`, and deploy; 2. go on from there", reason)


def _arns_of_existing(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """The stream of a consumer that another stack made, and the consumer; those of its own the stream names."""
    stream = text(properties.get("StreamARN"))
    if stream.startswith("arn:"):
        yield ("kinesis", "stream"), stream
        yield ("kinesis", "consumer"), f"{stream}/consumer/{text(properties.get('ConsumerName'))}:*"


RECORDS = (
    ResourceType(
        STREAM,
        PricingRule(
            "data",
            _price_streams,
            (
                price("kinesis.stream", "0.04", "stream-hour", _PRICES, _DATE, "on demand"),
                price("kinesis.written", "0.08", "GB", _PRICES, _DATE, "on demand"),
                price("kinesis.read", "0.04", "GB", _PRICES, _DATE, "on demand"),
                price(
                    "kinesis.extended", "0.10", "GB-month", _PRICES, _DATE, "on demand, the second to the seventh day"
                ),
                price("kinesis.shard", "0.015", "shard-hour", _PRICES, _DATE),
                price("kinesis.put", "0.014", "million units", _PRICES, _DATE, "a unit is up to 25 KB"),
                price("kinesis.shard-extended", "0.02", "shard-hour", _PRICES, _DATE, "up to seven days"),
                price("kinesis.long", "0.023", "GB-month", _PRICES, _DATE, "after seven days"),
            ),
            (
                assumption(
                    "kinesis-records-per-second",
                    "10",
                    "records/s",
                    "of 1 KB, written to each stream, and read once, and once more by each consumer",
                ),
            ),
        ),
        Simulation(attributes={"Arn": "arn:{partition}:kinesis:{region}:{account}:stream/{id}"}, create=22.0),
        DeployPermissions(
            only_with={
                NEVER: ("kinesis:UpdateStreamRecordDistributionStrategy", "kinesis:*EnhancedMonitoring"),
                "MaxRecordSizeInKiB": ("kinesis:UpdateMaxRecordSize",),
                "WarmThroughputMiBps": ("kinesis:UpdateStreamWarmThroughput",),
            },
            arns=named_by("kinesis", "Name", ("stream", "stream/{}"), ("consumer", "stream/{}/consumer/*")),
        ),
        retained=True,
        taken_over=ADOPTED,
        data=StoredData(
            "its records",
            expiry=(
                Expiry(
                    "RetentionPeriodHours",
                    lambda before, after: _hours_kept(after) < _hours_kept(before),
                    "keeps records for a shorter time",
                ),
            ),
        ),
        out_of_reach=left_with_key(
            lambda properties: mapping(properties.get("StreamEncryption")).get("KeyId"), "each record"
        ),
        updates=Updates(
            refused={"ShardCount": _too_many_steps},
            # https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html and
            # https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateStreamMode.html
            limited={
                "ShardCount": "a stream can change its number of shards ten times in 24 hours",
                "StreamModeDetails": "a stream can change between on demand and provisioned twice in 24 hours",
            },
        ),
        drawing=Drawing(
            "queue", "Kinesis stream", "Name", _details, arn_service="kinesis", arn_name="stream/([^/]*).*"
        ),
        access=AccessActions(reading=("kinesis:SubscribeToShard",), describing=("kinesis:ListShards",)),
    ),
    ResourceType(
        CONSUMER,
        PricingRule(
            "data",
            _price_consumers,
            (
                price("kinesis.on-demand-fan-out", "0.05", "GB", _PRICES, _DATE, "on demand"),
                price("kinesis.fan-out", "0.013", "GB", _PRICES, _DATE),
                price("kinesis.consumer", "0.015", "consumer-shard-hour", _PRICES, _DATE),
            ),
        ),
        Simulation(
            "{p[StreamARN]}/consumer/{p[ConsumerName]}:1609459200",
            {"ConsumerARN": "{id}", "ConsumerStatus": "ACTIVE", "ConsumerCreationTimestamp": "1609459200"},
            create=32.0,
        ),
        DeployPermissions(only_with={"Tags": ("kinesis:TagResource", "kinesis:UntagResource")}, arns=_arns_of_existing),
    ),
)
