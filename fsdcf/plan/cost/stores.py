"""The data: DynamoDB tables, S3 buckets, SQS queues and EFS file systems."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fsdcf.cloudformation.planned import PlannedResource, items, mapping, target_of, text_of
from fsdcf.cloudformation.pricing import HOURS, SECONDS, CostLine, PricingContext, Range, Unpriced, decimal, number

PART = "data"
TABLE, BUCKET, QUEUE, FILES = "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::EFS::FileSystem"
_MILLION = Decimal(10) ** 6
_CALLS = 3
"""Requests for a message: it is sent, received and deleted. Source: https://aws.amazon.com/sqs/pricing/"""


def price_stores(case: PricingContext) -> Iterator[CostLine | Unpriced]:
    """Every store of data."""
    for table in case.view.of(TABLE):
        yield from _table(case, table)
    for bucket in case.view.of(BUCKET):
        yield from _bucket(case, bucket)
    yield from _queues(case)
    for system in case.view.of(FILES):
        yield from _files(case, system)


def _table(case: PricingContext, table: PlannedResource) -> Iterator[CostLine | Unpriced]:
    properties = table.properties
    if properties.get("TableClass", "STANDARD") != "STANDARD":
        yield Unpriced(
            f"Table {table.name}", f"no price for the class {text_of(properties['TableClass'])}", (table.name,)
        )
        return
    indexes = items(properties.get("GlobalSecondaryIndexes"))
    copies = 1 + len(indexes)
    index_words = f" × {copies} (table and indexes)" if indexes else ""
    if properties.get("BillingMode", "PROVISIONED") == "PAY_PER_REQUEST":
        for word, name, factor in (("write", "writes", copies), ("read", "reads", 1)):
            assumption = f"dynamodb-{name}-per-second"
            rate = case.assumed[assumption]
            how = f"{number(rate)} units/s" + (index_words if factor > 1 else "")
            quantity = Range.of(rate * factor * SECONDS / _MILLION)
            yield _of(case, f"dynamodb.{word}", f"DynamoDB {word} requests", quantity, how, table, assumption)
    else:
        for price, key, name in (
            ("dynamodb.wcu", "WriteCapacityUnits", "write"),
            ("dynamodb.rcu", "ReadCapacityUnits", "read"),
        ):
            units = sum((_provisioned(mapping(one), key) for one in (properties, *indexes)), Decimal(0))
            how = f"{number(units)} units × {HOURS} h"
            yield _of(case, price, f"DynamoDB {name} capacity", Range.of(units * HOURS), how, table)
    size = case.assumed["dynamodb-gigabytes"]
    how = f"{number(size)} GB{index_words}"
    yield _of(case, "dynamodb.storage", "DynamoDB storage", Range.of(size * copies), how, table, "dynamodb-gigabytes")
    if text_of(mapping(properties.get("PointInTimeRecoverySpecification")).get("PointInTimeRecoveryEnabled")) == "true":
        how = f"{number(size)} GB, the table without its indexes"
        yield _of(
            case, "dynamodb.pitr", "DynamoDB point-in-time recovery", Range.of(size), how, table, "dynamodb-gigabytes"
        )
    if properties.get("StreamSpecification"):
        yield Unpriced(f"Stream of {table.name}", "what reads it is not in the template", (table.name,))


def _provisioned(properties: object, key: str) -> Decimal:
    return max(decimal(mapping(mapping(properties).get("ProvisionedThroughput")).get(key)) or Decimal(0), Decimal(0))


def _bucket(case: PricingContext, bucket: PlannedResource) -> Iterator[CostLine]:
    size, writes, reads = (case.assumed[name] for name in ("s3-gigabytes", "s3-writes", "s3-reads"))
    yield _of(case, "s3.storage", "S3 storage", Range.of(size), f"{number(size)} GB, Standard", bucket, "s3-gigabytes")
    yield _of(case, "s3.put", "S3 writes", Range.of(writes / 1000), f"{number(writes)} requests", bucket, "s3-writes")
    yield _of(case, "s3.get", "S3 reads", Range.of(reads / 1000), f"{number(reads)} requests", bucket, "s3-reads")


def _queues(case: PricingContext) -> Iterator[CostLine | Unpriced]:
    """Queues by their messages. Dead letters cost only where messages fail."""
    queues = list(case.view.of(QUEUE))
    dead = {target_of(mapping(one.properties.get("RedrivePolicy")).get("deadLetterTargetArn")) for one in queues}
    rate = case.assumed["sqs-messages-per-second"]
    for queue in queues:
        if queue.name in dead:
            yield Unpriced(f"Dead letters in {queue.name}", "few messages should get there", (queue.name,))
            continue
        fifo = text_of(queue.properties.get("FifoQueue")) == "true"
        how = f"{number(rate)} messages/s × {_CALLS} requests"
        quantity = Range.of(rate * _CALLS * SECONDS / _MILLION)
        name = "SQS requests, FIFO" if fifo else "SQS requests"
        yield _of(case, "sqs.fifo" if fifo else "sqs.standard", name, quantity, how, queue, "sqs-messages-per-second")


def _files(case: PricingContext, system: PlannedResource) -> Iterator[CostLine | Unpriced]:
    size = case.assumed["efs-gigabytes"]
    if system.properties.get("AvailabilityZoneName"):
        yield Unpriced(f"File system {system.name}", "no price for the One Zone classes", (system.name,))
        return
    yield _of(
        case, "efs.storage", "EFS storage", Range.of(size), f"{number(size)} GB, Standard", system, "efs-gigabytes"
    )
    mode = system.properties.get("ThroughputMode", "bursting")
    if mode == "elastic":
        for word, price in (("read", "efs.read"), ("write", "efs.write")):
            traffic = case.assumed[f"efs-{word}-gigabytes"]
            how = f"{number(traffic)} GB, elastic throughput"
            yield _of(case, price, f"EFS {word}s", Range.of(traffic), how, system, f"efs-{word}-gigabytes")
    elif mode == "provisioned":
        speed = decimal(system.properties.get("ProvisionedThroughputInMibps")) or Decimal(0)
        yield _of(case, "efs.provisioned", "EFS throughput", Range.of(speed), f"{number(speed)} MiB/s", system)
    if mapping(system.properties.get("BackupPolicy")).get("Status") == "ENABLED":
        yield _of(
            case, "efs.backup", "EFS backups", Range.of(size), f"{number(size)} GB, warm", system, "efs-gigabytes"
        )


def _of(
    case: PricingContext, price: str, name: str, quantity: Range, how: str, owner: PlannedResource, *assumptions: str
) -> CostLine:
    return case.line(price, PART, name, quantity, how, (owner.name,), assumptions, owner.name)
