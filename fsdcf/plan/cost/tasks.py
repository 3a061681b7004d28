"""The tasks of the services: Fargate by size, architecture and capacity provider, their disks and public addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from fsdcf.cloudformation.evaluation import unknowns
from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, items, mapping, text_of
from fsdcf.cloudformation.pricing import HOURS, NOTHING, CostLine, PricingContext, Range, Unpriced, counted, decimal

PART = "tasks"
SERVICE, DEFINITION = "AWS::ECS::Service", "AWS::ECS::TaskDefinition"
FREE_DISK = 20
"""GB of ephemeral storage that every task has. Source: https://aws.amazon.com/fargate/pricing/"""

_UNITS = {"": 1, "vcpu": 1024}
_SIZES = {"": 1, "gb": 1024}


def price_tasks(case: PricingContext) -> Iterator[CostLine | Unpriced]:
    """Fargate for every service."""
    for service in case.view.of(SERVICE):
        yield from _service(case, service)


def counts(view: PlannedStack, service: PlannedResource) -> Range:
    """The least and the most tasks of a service: by auto scaling, else its DesiredCount, else one, as ECS starts it."""
    for target in view.of("AWS::ApplicationAutoScaling::ScalableTarget"):
        if scales(target, service):
            found = [decimal(target.properties.get(key)) for key in ("MinCapacity", "MaxCapacity")]
            low, high = (Decimal(0) if one is None else max(one, Decimal(0)) for one in found)
            return Range(min(low, high), max(low, high))
    desired = decimal(service.properties.get("DesiredCount"))
    return Range.of(1 if desired is None else max(desired, Decimal(0)))


def scales(target: PlannedResource, service: PlannedResource) -> bool:
    """Whether a scalable target is for a service: it refers to it, or names it."""
    resource = target.properties.get("ResourceId")
    if any(one.target == service.name for one in unknowns(resource)):
        return True
    name = service.properties.get("ServiceName")
    return isinstance(name, str) and text_of(resource).endswith(f"/{name}")


def definition_of(view: PlannedStack, service: PlannedResource) -> PlannedResource | None:
    """The task definition of a service, where it is in the template."""
    return view.named(service.properties.get("TaskDefinition"), DEFINITION)


def size_of(definition: PlannedResource) -> tuple[Decimal, Decimal] | None:
    """vCPU and GB of a task; None where the definition does not tell. ``512``, ``.5 vCPU`` and ``1 GB`` are all allowed.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size
    """
    cpu = _measured(definition.properties.get("Cpu"), _UNITS)
    memory = _measured(definition.properties.get("Memory"), _SIZES)
    return None if cpu is None or memory is None else (cpu / 1024, memory / 1024)


def _measured(value: Any, units: Mapping[str, int]) -> Decimal | None:
    found = re.fullmatch(r"(\d*\.?\d+)\s*([a-z]*)", text_of(value).strip().lower())
    factor = units.get(found[2]) if found else None
    return None if found is None or factor is None else Decimal(found[1]) * factor


def shares(strategy: list[Any], tasks: Decimal) -> tuple[Decimal, Decimal]:
    """How many tasks run on demand and on Spot: the base first, the rest by weight. Fractions are what ECS rounds.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html
    """
    found = [
        (
            text_of(mapping(one).get("CapacityProvider")),
            decimal(mapping(one).get("Base")),
            decimal(mapping(one).get("Weight")),
        )
        for one in strategy
    ]
    on_demand, spot, left = Decimal(0), Decimal(0), tasks
    total = sum((weight or Decimal(0) for _, _, weight in found), Decimal(0))
    for provider, base, _ in found:
        first = min(left, base or Decimal(0))
        left -= first
        on_demand, spot = (on_demand, spot + first) if provider == "FARGATE_SPOT" else (on_demand + first, spot)
    for provider, _, weight in found if total else ():
        share = left * (weight or Decimal(0)) / total
        on_demand, spot = (on_demand, spot + share) if provider == "FARGATE_SPOT" else (on_demand + share, spot)
    return (on_demand, spot) if total else (on_demand + left, spot)


def _service(case: PricingContext, service: PlannedResource) -> Iterator[CostLine | Unpriced]:
    definition = definition_of(case.view, service)
    size = size_of(definition) if definition is not None else None
    if definition is None or size is None:
        why = (
            "its task definition is not in the template" if definition is None else "its task definition gives no size"
        )
        yield Unpriced(f"Tasks of {service.name}", why, (service.name,))
        return
    platform = mapping(definition.properties.get("RuntimePlatform"))
    system = text_of(platform.get("OperatingSystemFamily") or "LINUX")
    strategy = items(service.properties.get("CapacityProviderStrategy"))
    foreign = [
        name
        for name in (text_of(mapping(one).get("CapacityProvider")) for one in strategy)
        if not name.startswith("FARGATE")
    ]
    launch = text_of(service.properties.get("LaunchType") or "FARGATE")
    if system != "LINUX" or launch != "FARGATE" or foreign:
        what = system if system != "LINUX" else launch if launch != "FARGATE" else foreign[0]
        yield Unpriced(f"Tasks of {service.name}", f"no price for tasks on {what}", (service.name,))
        return
    tasks = counts(case.view, service)
    yield from _capacity(
        case, service, tasks, strategy, "arm64" if platform.get("CpuArchitecture") == "ARM64" else "x86", size
    )
    yield from _disk(case, service, definition, tasks)
    network = mapping(mapping(service.properties.get("NetworkConfiguration")).get("AwsvpcConfiguration"))
    if network.get("AssignPublicIp") == "ENABLED":
        how = f"{counted(tasks, 'task')} × {HOURS} h"
        yield case.line(
            "ipv4.hour",
            PART,
            "Public IPv4 addresses of tasks",
            tasks.times(HOURS),
            how,
            (service.name,),
            owner=service.name,
        )


def _capacity(
    case: PricingContext,
    service: PlannedResource,
    tasks: Range,
    strategy: list[Any],
    chip: str,
    size: tuple[Decimal, Decimal],
) -> Iterator[CostLine]:
    low, high = shares(strategy, tasks.minimum), shares(strategy, tasks.maximum)
    kinds = {"fargate": ("Fargate", Range(low[0], high[0])), "fargate-spot": ("Fargate Spot", Range(low[1], high[1]))}
    label = {"arm64": "ARM", "x86": "x86"}[chip]
    measures = (("vcpu", "vCPU", Range.of(size[0])), ("memory", "memory", Range.of(size[1])))
    for kind, (title, running) in kinds.items():
        if running == NOTHING and (kind == "fargate-spot" or strategy):
            continue
        for measure, word, amount in measures:
            unit = "vCPU" if measure == "vcpu" else "GB"
            how = f"{counted(running, 'task')} × {amount} {unit} × {HOURS} h"
            quantity = running.times(amount.minimum * HOURS)
            name = f"{title} {word}, {label}"
            yield case.line(f"{kind}.{measure}.{chip}", PART, name, quantity, how, (service.name,), owner=service.name)


def _disk(
    case: PricingContext, service: PlannedResource, definition: PlannedResource, tasks: Range
) -> Iterator[CostLine]:
    size = decimal(mapping(definition.properties.get("EphemeralStorage")).get("SizeInGiB"))
    extra = max(size - FREE_DISK, Decimal(0)) if size is not None else Decimal(0)
    if extra:
        how = f"{counted(tasks, 'task')} × {extra} GB above {FREE_DISK} × {HOURS} h"
        quantity = tasks.times(extra * HOURS)
        yield case.line(
            "fargate.storage", PART, "Ephemeral storage", quantity, how, (service.name,), owner=service.name
        )
