"""The estimate: every rule applied to a template, what no rule knows listed, and two estimates beside each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fsdcf.cloudformation.planned import PlannedStack, items, mapping, planned, text_of
from fsdcf.cloudformation.pricing import NOTHING, CostLine, Prices, PricingContext, Range, Unpriced
from fsdcf.conventions import IMAGE_PARAMETER
from fsdcf.plan.cost.network import BALANCER, price_balancers, price_network
from fsdcf.plan.cost.stores import BUCKET, FILES, QUEUE, TABLE, price_stores
from fsdcf.plan.cost.tasks import SERVICE, definition_of, price_tasks
from fsdcf.plan.cost.watch import price_alarms, price_kept, price_logs

_OF_THE_STACK = re.compile(r"arn:aws[a-z-]*:(?:acm|kafka):([a-z0-9-]+):")
"""Certificates and Kafka clusters serve their own region alone.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html"""


def region_of(view: PlannedStack) -> str:
    """The region that the resources of a template name; empty where they name none, or several."""
    found = {
        region
        for one in view.resources.values()
        for text in _texts(one.properties)
        for region in _OF_THE_STACK.findall(text)
    }
    return found.pop() if len(found) == 1 else ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from _texts(child)


PARTS = ("tasks", "way in", "network", "data", "logs and alarms", "permissions")
"""In the order in which they are shown."""

NOTES = (
    "Usage is the same at minimum and maximum; only the number of tasks differs.",
    "Prices are list prices on demand: free tiers, savings plans, discounts, support and taxes are not counted.",
)

_RULES: tuple[Callable[[PricingContext], Iterator[CostLine | Unpriced]], ...] = (
    *(price_tasks, price_balancers, price_network, price_stores, price_logs, price_alarms, price_kept),
)

_PRICED = frozenset(
    {
        *(
            SERVICE,
            BALANCER,
            TABLE,
            BUCKET,
            QUEUE,
            FILES,
            "AWS::EC2::NatGateway",
            "AWS::EC2::EIP",
            "AWS::EC2::VPCEndpoint",
        ),
        *(
            "AWS::Logs::LogGroup",
            "AWS::CloudWatch::Alarm",
            "AWS::ApplicationAutoScaling::ScalingPolicy",
            "AWS::SSM::Parameter",
        ),
        *("AWS::SecretsManager::Secret", "AWS::KMS::Key", "AWS::KMS::ReplicaKey"),
    }
)
"""Types that a rule knows."""

_FREE = frozenset(
    {
        *(
            f"AWS::EC2::{name}"
            for name in ("VPC", "Subnet", "RouteTable", "Route", "SubnetRouteTableAssociation", "InternetGateway")
        ),
        *(
            f"AWS::EC2::{name}"
            for name in ("VPCGatewayAttachment", "SecurityGroup", "SecurityGroupIngress", "SecurityGroupEgress")
        ),
        *(f"AWS::EC2::{name}" for name in ("EIPAssociation", "NetworkAcl", "NetworkAclEntry", "VPCCidrBlock")),
        *(
            f"AWS::ElasticLoadBalancingV2::{name}"
            for name in ("Listener", "ListenerRule", "ListenerCertificate", "TargetGroup")
        ),
        *(f"AWS::ECS::{name}" for name in ("Cluster", "TaskDefinition", "ClusterCapacityProviderAssociations")),
        *("AWS::ApplicationAutoScaling::ScalableTarget", "AWS::CertificateManager::Certificate", "AWS::KMS::Alias"),
        *(f"AWS::EFS::{name}" for name in ("MountTarget", "AccessPoint")),
        *(
            "AWS::S3::BucketPolicy",
            "AWS::SQS::QueuePolicy",
            "AWS::SNS::TopicPolicy",
            "AWS::SecretsManager::ResourcePolicy",
        ),
        *(
            "AWS::Logs::ResourcePolicy",
            "AWS::CloudFormation::WaitConditionHandle",
            "AWS::CloudFormation::WaitCondition",
        ),
    }
)
"""Types that cost nothing by themselves."""


@dataclass(frozen=True)
class Estimate:
    """What a template costs in a month. ``assumed`` holds the assumptions that count here, by name; ``region`` is the stack's, empty where
    that is not known: the prices may be those of another one."""

    lines: tuple[CostLine, ...]
    unpriced: tuple[Unpriced, ...]
    assumed: Mapping[str, Decimal]
    prices: Prices
    region: str = ""

    @property
    def total(self) -> Range:
        return _sum(self.lines)

    @property
    def weak(self) -> Range:
        """The part of the total that rests on prices without a good source."""
        return _sum(tuple(line for line in self.lines if line.price.weak))


@dataclass(frozen=True)
class Delta:
    """A line before and after; None where it was not, or is no more."""

    before: CostLine | None
    after: CostLine | None

    @property
    def line(self) -> CostLine:
        found = self.after or self.before
        assert found is not None  # noqa: S101 - one of them is always there
        return found

    @property
    def amount(self) -> Range:
        """How much more it costs; negative where it costs less."""
        new, old = (one.amount if one else NOTHING for one in (self.after, self.before))
        return new.minus(old)


def estimate(template: Mapping[str, Any], prices: Prices, assumed: Mapping[str, Decimal], region: str = "") -> Estimate:
    """What a template costs in a month at these prices and assumptions. Raises PlanError where it is no template.

    ``region`` is where the stack goes, if somebody says so; else the template may tell.
    """
    case = PricingContext(planned(template), prices, assumed)
    found = [one for rule in _RULES for one in rule(case)]
    lines = sorted((one for one in found if isinstance(one, CostLine)), key=lambda line: PARTS.index(line.part))
    used = {name for line in lines for name in line.assumptions}
    unpriced = [one for one in found if isinstance(one, Unpriced)] + list(_left_out(case.view))
    counting = {name: value for name, value in assumed.items() if name in used}
    return Estimate(tuple(lines), tuple(unpriced), counting, prices, region or region_of(case.view))


def deltas(before: Estimate, after: Estimate) -> tuple[Delta, ...]:
    """Every line of both estimates, matched by key: those of ``after`` in order, then those that are gone."""
    old = {line.key: line for line in before.lines}
    new = {line.key: line for line in after.lines}
    pairs = [Delta(old.get(key), line) for key, line in new.items()]
    pairs += [Delta(line, None) for key, line in old.items() if key not in new]
    return tuple(sorted(pairs, key=lambda pair: PARTS.index(pair.line.part)))


def _left_out(found: PlannedStack) -> Iterator[Unpriced]:
    """What no rule prices: types without a price, and costs that the template causes and does not hold."""
    foreign: dict[str, list[str]] = {}
    for one in found.resources.values():
        if one.type not in _PRICED and one.type not in _FREE and not one.type.startswith("AWS::IAM::"):
            foreign.setdefault(one.type, []).append(one.name)
    for kind, names in foreign.items():
        yield Unpriced(kind, "no price for this type", tuple(names))
    for target in found.of("AWS::ApplicationAutoScaling::ScalableTarget"):
        if target.properties.get("ServiceNamespace") != "ecs":
            yield Unpriced(f"Scaling by {target.name}", "only the scaling of ECS services is counted", (target.name,))
    for cluster in found.of("AWS::ECS::Cluster"):
        settings = [mapping(one) for one in items(cluster.properties.get("ClusterSettings"))]
        if any(one.get("Name") == "containerInsights" and one.get("Value") != "disabled" for one in settings):
            yield Unpriced(
                "Container Insights", "its metrics and logs depend on the tasks' number and churn", (cluster.name,)
            )
    for name in found.stand_ins:
        if name != IMAGE_PARAMETER:
            yield Unpriced(f"Parameter {name}", "it has no default: a stand-in was taken")
    services = tuple(one.name for one in found.of(SERVICE))
    if services:
        yield from _around(found, services)


def _around(found: PlannedStack, services: tuple[str, ...]) -> Iterator[Unpriced]:
    """What running services cost beside their resources."""
    yield Unpriced("Images in ECR", "the repository is not in the template")
    yield Unpriced("Traffic between zones", "it depends on where tasks, NAT gateways and data are")
    yield Unpriced("Deployments and one-off tasks", "old and new tasks run side by side for some minutes")
    if not any(found.of("AWS::EC2::VPC")):
        yield Unpriced("The network that exists already", "its NAT gateways and endpoints are not in the template")
    collected, secret = [], []
    for name in services:
        definition = definition_of(found, found.resources[name])
        containers = (
            [mapping(one) for one in items(definition.properties.get("ContainerDefinitions"))] if definition else []
        )
        if any("otel" in text_of(one.get("Image")) for one in containers):
            collected.append(name)
        if any(items(one.get("Secrets")) for one in containers):
            secret.append(name)
    if collected:
        yield Unpriced("Custom metrics and traces", "their number is the application's", tuple(collected))
    if secret:
        yield Unpriced("Secrets and parameters that the tasks read", "they are not in the template", tuple(secret))


def _sum(lines: tuple[CostLine, ...]) -> Range:
    total = NOTHING
    for line in lines:
        total = total.plus(line.amount)
    return total
