"""CloudWatch Logs: log groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import prod
from typing import Any

from fsdcf.cloudformation.arns import named_by
from fsdcf.cloudformation.evaluation import unknowns
from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, items, mappings, target_of, text_of
from fsdcf.cloudformation.pricing import (
    DAYS,
    NOTHING,
    PRICE_LIST,
    CostItems,
    PricingContext,
    PricingRule,
    Range,
    Resources,
    Unpriced,
    assumption,
    decimal,
    number,
    price,
)
from fsdcf.cloudformation.types import (
    NEVER,
    DeployPermissions,
    Drawing,
    Expiry,
    ForeignType,
    Part,
    Properties,
    ResourceType,
    Simulation,
    StoredData,
)
from fsdcf.cloudformation.types.ecs import (
    CLUSTER,
    SERVICE,
    definition_of,
    exporters_of,
    runs_of,
    session_log,
    task_counts,
    task_share,
)
from fsdcf.cloudformation.types.kms import requests_to
from fsdcf.wording import counted

PART: Part = "logs and alarms"
LOG_GROUP = "AWS::Logs::LogGroup"

_EXACT = re.compile(r"\^?[A-Za-z0-9_:]+\$?")
"""A regular expression that matches one name."""
_METRICS = "the AWS page, quoted by api-evangelist/cloudwatch and cal53.calculator.city"
_PER_PATTERN, _LABEL_SETS = "metrics-per-pattern", "metric-label-sets"


def _price_groups(context: PricingContext, groups: Resources) -> CostItems:
    """Log groups that tasks write to: what they ingest, what they store once the retention time has passed, and the
    metrics that CloudWatch makes of them."""
    recorded = {target_of(session_log(cluster)) for cluster in context.stack.of(CLUSTER)}
    for group in groups:
        if group.name in recorded:
            why = "what it records depends on the sessions of ECS Exec"
            yield Unpriced(f"Log group {group.name}", why, (group.name,))
            continue
        tasks = _writers(context, group)
        kind = group.text("LogGroupClass", "STANDARD")
        if tasks is None or kind != "STANDARD":
            why = f"no price for the class {kind}" if kind != "STANDARD" else "no task of the template writes to it"
            yield Unpriced(f"Log group {group.name}", why, (group.name,))
            continue
        rate = "log-gigabytes-per-task"
        each, small = context.assumed[rate], context.assumed["log-compression"]
        ingested = tasks.times(each)
        how = f"{counted(tasks, 'task')} × {number(each)} GB"
        yield context.line("logs.ingestion", "Logs, ingestion", ingested, how, group, rate)
        days = decimal(group.get("RetentionInDays"))
        months = context.assumed["log-months"] if days is None else days / DAYS
        kept = f"{number(months)} months, kept forever" if days is None else f"{number(days)} days"
        how = f"{ingested} GB a month × {kept}, compressed to {number(small)}"
        names = (rate, "log-compression") + (("log-months",) if days is None else ())
        yield context.line("logs.storage", "Logs, storage", ingested.times(months * small), how, group, *names)
        yield from _custom_metrics(context, group)
        yield from requests_to(group.get("KmsKeyId"), group, "events and their readers")


def _custom_metrics(context: PricingContext, group: PlannedResource) -> CostItems:
    """The metrics that a collector selects and writes to a log group: one for each name, or for each combination of
    labels. All tasks write the same ones."""
    series = {
        (text_of(name), text_of(labels))
        for declaration in _declarations(context.stack, group)
        for name in items(declaration.get("metric_name_selectors"))
        for labels in items(declaration.get("dimensions")) or [[]]
    }
    factors = [
        [each for each, counts in ((_PER_PATTERN, not _EXACT.fullmatch(name)), (_LABEL_SETS, labels)) if counts]
        for name, labels in sorted(series)
    ]
    total = sum((prod(context.assumed[each] for each in one) for one in factors), Decimal(0))
    if total:
        used = sorted({each for one in factors for each in one})
        how = counted(Range.of(total), "metric") + (f" of {counted(len(series), 'selection')}" if used else "")
        yield context.line("metric.custom", "Custom metrics", total, how, group, *used)


def _declarations(stack: PlannedStack, group: PlannedResource) -> Iterator[Mapping[str, Any]]:
    """The selections of metrics that the collectors of the services write to a log group."""
    for service in stack.of(SERVICE):
        for name, settings in (exporters_of(definition_of(stack, service)) or {}).items():
            target = text_of(settings.get("log_group_name"))
            if name.startswith("awsemf") and target in (group.name, group.text("LogGroupName")):
                yield from mappings(settings.get("metric_declarations"))


def _writers(context: PricingContext, group: PlannedResource) -> Range | None:
    """The tasks of the services whose task definition mentions a log group; None where no service does."""
    total = None
    for service in context.stack.of(SERVICE):
        definition = definition_of(context.stack, service)
        if definition is not None and any(one.target == group.name for one in unknowns(definition.properties)):
            total = (total or NOTHING).plus(task_counts(context.stack, service))
    for runs in runs_of(context.stack):
        if any(one.target == group.name for one in unknowns(runs.definition.properties)):
            share = task_share(context, runs)
            total = total if share is None else (total or NOTHING).plus(Range.of(share))
    return total


def _details(properties: Properties) -> Iterator[str]:
    days = properties.get("RetentionInDays")
    yield f"kept {text_of(days)} days" if days else "kept forever"


def _keeps_shorter(before: Any, after: Any) -> bool:
    """Whether events are kept for fewer days; without a number they never expire."""
    old, new = decimal(before), decimal(after)
    return new is not None and (old is None or new < old)


def _side_costs(stack: PlannedStack, groups: Resources) -> Iterator[Unpriced]:
    why = "Logs Insights, dashboards and API calls are billed by use"
    yield Unpriced("Queries of logs and metrics", why, tuple(one.name for one in groups))


RECORDS = (
    ResourceType(
        LOG_GROUP,
        PricingRule(
            "logs and alarms",
            _price_groups,
            (
                price("logs.ingestion", "0.50", "GB", f"factualminds.com on CloudWatch; {PRICE_LIST}", "2026-06-13"),
                price("logs.storage", "0.03", "GB-month", PRICE_LIST, "2026-11-24", "of compressed logs"),
                price("metric.custom", "0.30", "metric-month", _METRICS, "2026-05-05", "of the first 10,000"),
            ),
            (
                assumption("log-gigabytes-per-task", "1", "GB/month", "that a running task writes to each log group"),
                assumption("log-compression", "0.15", "", "stored size of logs by their size at ingestion"),
                assumption("log-months", "12", "months", "of logs in store where a log group keeps them forever"),
                assumption(_PER_PATTERN, "10", "metrics", "that a name with `*` selects"),
                assumption(_LABEL_SETS, "10", "", "combinations of labels of a metric with dimensions"),
            ),
        ),
        Simulation(attributes={"Arn": "arn:{partition}:logs:{region}:{account}:log-group:{id}:*"}, create=7.0),
        DeployPermissions(
            only_with={
                NEVER: ("firehose:*",),
                "BearerTokenAuthenticationEnabled": ("logs:PutBearerTokenAuthentication",),
                "DataProtectionPolicy": (
                    "logs:PutDataProtectionPolicy",
                    "logs:DeleteDataProtectionPolicy",
                    "logs:CreateLogDelivery",
                ),
                "DeletionProtectionEnabled": ("logs:PutLogGroupDeletionProtection",),
                "FieldIndexPolicies": ("logs:PutIndexPolicy", "logs:DeleteIndexPolicy"),
                "KmsKeyId": ("logs:*ociateKmsKey",),
                "ResourcePolicyDocument": ("logs:PutResourcePolicy", "logs:DeleteResourcePolicy"),
            },
            arns=named_by(
                "logs",
                "LogGroupName",
                ("log-group", "log-group:{}"),
                ("log-group", "log-group:{}:*"),
                ("log-stream", "log-group:{}:log-stream:*"),
            ),
        ),
        retained=True,
        side_costs=_side_costs,
        data=StoredData(
            "its log events",
            used_by_tasks=False,
            expiry=(Expiry("RetentionInDays", _keeps_shorter, "keeps log events for a shorter time"),),
        ),
        drawing=Drawing(
            "service",
            "CloudWatch logs",
            "LogGroupName",
            _details,
            access="writes logs",
            arn_service="logs",
            arn_name=r"(?:log-group:)?(.+?)(?::\*)?",
        ),
    ),
    ForeignType("AWS::Logs::ResourcePolicy", price="free"),
)
