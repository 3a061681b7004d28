"""An ECS service as a node: how many tasks of which size, by what they scale, and what runs beside the container."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fsdcf.plan.cost.model import counted, number
from fsdcf.plan.cost.tasks import DEFINITION, SERVICE, counts, scales, shares, size_of
from fsdcf.plan.graph.model import Node, id_of
from fsdcf.plan.view import Resource, View, items, mapping, target_of, text_of

__all__ = ["DEFINITION", "SERVICE", "described", "mounted"]

_METRICS = {
    "ECSServiceAverageCPUUtilization": "CPU",
    "ECSServiceAverageMemoryUtilization": "memory",
    "ALBRequestCountPerTarget": "requests",
}


def described(view: View, service: Resource, group: str) -> Node:
    """The node of a service."""
    definition = view.named(service.properties.get("TaskDefinition"), DEFINITION)
    containers = (
        [mapping(one) for one in items(definition.properties.get("ContainerDefinitions"))] if definition else []
    )
    names = [text_of(one.get("Name")) for one in containers]
    lines = [
        "ECS service" + (f" {names[0]}" if names else ""),
        f"{counted(counts(view, service), 'task')}{_spot(view, service)}",
    ]
    if definition is not None:
        lines += _size(definition)
    by = list(_scaled_by(view, service))
    if by:
        lines.append(f"scales by {', '.join(by)}")
    if len(names) > 1:
        lines.append(f"with {', '.join(names[1:])}")
    return Node(id_of(service.name), "compute", tuple(lines), group)


def _size(definition: Resource) -> Iterator[str]:
    size = size_of(definition)
    chip = text_of(mapping(definition.properties.get("RuntimePlatform")).get("CpuArchitecture", "X86_64"))
    if size is not None:
        yield f"{number(size[0])} vCPU, {number(size[1])} GB, {'ARM' if chip == 'ARM64' else 'x86'}"


def _spot(view: View, service: Resource) -> str:
    """`` on Fargate``, with the share of Spot at the most tasks."""
    most = counts(view, service).maximum
    strategy = items(service.properties.get("CapacityProviderStrategy"))
    launch = text_of(service.properties.get("LaunchType") or "FARGATE")
    if launch != "FARGATE":
        return f" on {launch}"
    on_demand, spot = shares(strategy, most or Decimal(1))
    if not spot:
        return " on Fargate"
    return " on Fargate Spot" if not on_demand else " on Fargate and Spot"


def _scaled_by(view: View, service: Resource) -> Iterator[str]:
    """``CPU at 70 %`` for each policy of the service's scalable target."""
    targets = {one.name for one in view.of("AWS::ApplicationAutoScaling::ScalableTarget") if scales(one, service)}
    for policy in view.of("AWS::ApplicationAutoScaling::ScalingPolicy"):
        if target_of(policy.properties.get("ScalingTargetId")) in targets:
            tracking = mapping(policy.properties.get("TargetTrackingScalingPolicyConfiguration"))
            metric = text_of(mapping(tracking.get("PredefinedMetricSpecification")).get("PredefinedMetricType"))
            word = _METRICS.get(metric)
            value = text_of(tracking.get("TargetValue"))
            yield f"{word} at {value}{' %' if word in ('CPU', 'memory') else ''}" if word else policy.name


def mounted(definition: Resource) -> dict[str, str]:
    """Where the containers mount each file system of the stack, by its logical id."""
    volumes = {}
    for volume in items(definition.properties.get("Volumes")):
        configuration = mapping(mapping(volume).get("EFSVolumeConfiguration"))
        system = target_of(configuration.get("FilesystemId") or configuration.get("FileSystemId"))
        if system is not None:
            volumes[text_of(mapping(volume).get("Name"))] = system
    found: dict[str, str] = {}
    for container in items(definition.properties.get("ContainerDefinitions")):
        for point in items(mapping(container).get("MountPoints")):
            system = volumes.get(text_of(mapping(point).get("SourceVolume")))
            if system is not None:
                found.setdefault(system, text_of(mapping(point).get("ContainerPath")))
    return found
