"""Logs, alarms, secrets, keys and parameters."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fsdcf.cloudformation.evaluation import unknowns
from fsdcf.cloudformation.planned import PlannedResource, items, mapping, text_of
from fsdcf.cloudformation.pricing import (
    DAYS,
    NOTHING,
    CostLine,
    PricingContext,
    Range,
    Unpriced,
    counted,
    decimal,
    number,
)
from fsdcf.plan.cost.tasks import SERVICE, counts, definition_of

PART, KEPT = "logs and alarms", "permissions"


def price_logs(case: PricingContext) -> Iterator[CostLine | Unpriced]:
    """Log groups that tasks write to: what comes in, and what is in store once the retention time has passed."""
    for group in case.view.of("AWS::Logs::LogGroup"):
        tasks = _writers(case, group)
        kind = text_of(group.properties.get("LogGroupClass", "STANDARD"))
        if tasks is None or kind != "STANDARD":
            why = f"no price for the class {kind}" if kind != "STANDARD" else "no task of the template writes to it"
            yield Unpriced(f"Log group {group.name}", why, (group.name,))
            continue
        each = case.assumed["log-gigabytes-per-task"]
        coming = tasks.times(each)
        rate = "log-gigabytes-per-task"
        how = f"{counted(tasks, 'task')} × {number(each)} GB"
        yield case.line("logs.ingestion", PART, "Logs, ingestion", coming, how, (group.name,), (rate,), group.name)
        days = decimal(group.properties.get("RetentionInDays"))
        months = case.assumed["log-months"] if days is None else days / DAYS
        names = (rate, "log-compression") if days is not None else (rate, "log-compression", "log-months")
        small = case.assumed["log-compression"]
        stored = coming.times(months * small)
        kept = f"{number(days)} days" if days is not None else f"{number(months)} months, kept for ever"
        how = f"{coming} GB a month × {kept}, compressed to {number(small)}"
        yield case.line("logs.storage", PART, "Logs, storage", stored, how, (group.name,), names, group.name)


def _writers(case: PricingContext, group: PlannedResource) -> Range | None:
    """The tasks of the services whose task definition mentions a log group; None where no service does."""
    found = None
    for service in case.view.of(SERVICE):
        definition = definition_of(case.view, service)
        if definition is not None and any(one.target == group.name for one in unknowns(definition.properties)):
            found = (found or NOTHING).plus(counts(case.view, service))
    return found


def price_alarms(case: PricingContext) -> Iterator[CostLine | Unpriced]:
    """Alarms by the metrics that they watch, and those that target tracking makes for itself.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/target-tracking-create-policy.html
    """
    watched: dict[str, dict[str, int]] = {"alarm.standard": {}, "alarm.high-resolution": {}}
    for alarm in case.view.of("AWS::CloudWatch::Alarm"):
        price, metrics = _metrics(alarm)
        watched[price][alarm.name] = metrics
    for price, found in watched.items():
        if found:
            total = sum(found.values())
            name = "Alarms" if price == "alarm.standard" else "Alarms, high resolution"
            how = f"{counted(len(found), 'alarm')}, {counted(total, 'metric')}"
            yield case.line(price, PART, name, Range.of(total), how, tuple(found))
    made = {one.name: _made(one) for one in case.view.of("AWS::ApplicationAutoScaling::ScalingPolicy") if _made(one)}
    if made:
        total = sum(made.values())
        how = f"{counted(total, 'alarm')} for {counted(len(made), 'policy')}"
        yield case.line(
            "alarm.standard",
            PART,
            "Alarms of target tracking",
            Range.of(total),
            how,
            tuple(made),
            owner="target tracking",
        )


def _metrics(alarm: PlannedResource) -> tuple[str, int]:
    queries = [mapping(one) for one in items(alarm.properties.get("Metrics"))]
    stats = [mapping(one.get("MetricStat")) for one in queries if one.get("MetricStat")]
    periods = [decimal(one.get("Period")) for one in (stats or [alarm.properties])]
    high = any(period is not None and period < 60 for period in periods)
    return "alarm.high-resolution" if high else "alarm.standard", max(1, len(stats))


def _made(policy: PlannedResource) -> int:
    tracking = mapping(policy.properties.get("TargetTrackingScalingPolicyConfiguration"))
    if not tracking:
        return 0
    return 1 if text_of(tracking.get("DisableScaleIn")) == "true" else 2


def price_kept(case: PricingContext) -> Iterator[CostLine | Unpriced]:
    """Secrets, keys and parameters that the stack makes. Standard parameters are free."""
    parameters = [one for one in case.view.of("AWS::SSM::Parameter") if one.properties.get("Tier") == "Advanced"]
    for price, name, found in (
        ("secret.month", "Secrets", list(case.view.of("AWS::SecretsManager::Secret"))),
        ("kms.month", "KMS keys", list(case.view.of("AWS::KMS::Key", "AWS::KMS::ReplicaKey"))),
        ("parameter.advanced", "Advanced parameters", parameters),
    ):
        if found:
            ids = tuple(one.name for one in found)
            yield case.line(price, KEPT, name, Range.of(Decimal(len(ids))), f"{len(ids)} × 1 month", ids)
