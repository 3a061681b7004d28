"""CloudWatch: alarms and dashboards."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn
from fsdcf.cloudformation.planned import PlannedResource, mapping
from fsdcf.cloudformation.pricing import (
    PRICE_LIST,
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    decimal,
    price,
)
from fsdcf.cloudformation.types import DeployPermissions, Part, Properties, ResourceType, Simulation
from fsdcf.wording import counted

PART: Part = "logs and alarms"

ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE_ALARM = "AWS::CloudWatch::CompositeAlarm"
DASHBOARD = "AWS::CloudWatch::Dashboard"


def _price_alarms(context: PricingContext, alarms: Resources) -> CostItems:
    """Alarms by the metrics that they watch."""
    for kind, name in (("standard", "Alarms"), ("high-resolution", "Alarms, high resolution")):
        watching = {one.name: metrics for one in alarms for price, metrics in [_metrics(one)] if price == kind}
        if watching:
            total = sum(watching.values())
            how = f"{counted(len(watching), 'alarm')}, {counted(total, 'metric')}"
            yield context.line(f"alarm.{kind}", name, total, how, [one for one in alarms if one.name in watching])


def _metrics(alarm: PlannedResource) -> tuple[str, int]:
    """Which price an alarm has, and how many metrics it watches."""
    queries = alarm.mappings("Metrics")
    stats = [mapping(one.get("MetricStat")) for one in queries if one.get("MetricStat")]
    periods = [decimal(one.get("Period")) for one in (stats or [alarm.properties])]
    is_high = any(period is not None and period < 60 for period in periods)
    return "high-resolution" if is_high else "standard", max(1, len(stats))


def _price_dashboards(context: PricingContext, dashboards: Resources) -> CostItems:
    """Dashboards by their number. Three with up to 50 metrics each are free in an account."""
    how = counted(len(dashboards), "dashboard")
    yield context.line("dashboard", "Dashboards", len(dashboards), how, dashboards)


def _arns_of_dashboard(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """A dashboard by its name: it belongs to no region."""
    name = stack.name_of("DashboardName", logical_id, properties)
    yield ("cloudwatch", "dashboard"), arn("cloudwatch", f"dashboard/{name}", region="")


def _arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """An alarm by its name. Those of a stack that CloudFormation names have one pattern, since they are many."""
    own = f"{stack.stack}-*Alarm-*" if logical_id.endswith("Alarm") else stack.generated_name(logical_id)
    name = stack.name_of("AlarmName", logical_id, properties) if "AlarmName" in properties else own
    yield ("cloudwatch", "alarm"), arn("cloudwatch", f"alarm:{name}")


RECORDS = (
    ResourceType(
        ALARM,
        PricingRule(
            "logs and alarms",
            _price_alarms,
            (
                price(
                    "alarm.standard",
                    "0.10",
                    "metric-month",
                    PRICE_LIST,
                    "2026-11-24",
                    "period of 60 seconds or more",
                ),
                price(
                    "alarm.high-resolution",
                    "0.30",
                    "metric-month",
                    PRICE_LIST,
                    "2026-11-24",
                    "period below 60 seconds",
                ),
            ),
            order=1,
        ),
        permissions=DeployPermissions(arns=_arns),
        simulation=Simulation(
            attributes={"Arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{id}"}, create=6.0
        ),
    ),
    ResourceType(
        DASHBOARD,
        PricingRule(
            "logs and alarms",
            _price_dashboards,
            (
                price(
                    "dashboard",
                    "3.00",
                    "dashboard-month",
                    PRICE_LIST,
                    "2026-11-24",
                    "after three free for an account",
                ),
            ),
            order=3,
        ),
        Simulation(create=3.0),
        DeployPermissions(arns=_arns_of_dashboard),
    ),
)
