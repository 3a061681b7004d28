"""The ECS service: how many tasks run, where, behind what, and how a new version replaces the old one."""

from __future__ import annotations

from collections.abc import Iterable

from troposphere import Ref, ecs

from fsdcf.compiler.parts.network import Network
from fsdcf.compiler.stack import Stack
from fsdcf.language.model.service import Deployment, Resources, Service, Spec, Spot

DEFAULT_COUNT = 2


def add_service(stack: Stack, spec: Spec, network: Network, waits: Iterable[str], single_writer: bool) -> None:
    """``Service``. It waits for what CloudFormation does not infer: listeners, routes, mount targets, policies."""
    service = spec.service
    deployment = service.deployment
    least, most = percents(deployment, single_writer)
    breaker = deployment.circuit_breaker
    resource = ecs.Service(
        "Service",
        Cluster=Ref("Cluster"),
        TaskDefinition=Ref("TaskDefinition"),
        CapacityProviderStrategy=_strategy(service.resources),
        DeploymentConfiguration=ecs.DeploymentConfiguration(
            MinimumHealthyPercent=least,
            MaximumPercent=most,
            DeploymentCircuitBreaker=ecs.DeploymentCircuitBreaker(
                Enable=breaker.enabled, Rollback=breaker.enabled and breaker.rollback
            ),
        ),
        # ECS refuses zone rebalancing where a task may not start before another one stops.
        AvailabilityZoneRebalancing="DISABLED" if most <= 100 else "ENABLED",
        NetworkConfiguration=_network(service, network),
        EnableECSManagedTags=True,
        PropagateTags="SERVICE",
        EnableExecuteCommand=service.enable_execute_command,
    )
    if service.auto_scaling is None:
        count = desired(service.resources)
        resource.DesiredCount = min(1, count) if single_writer else count
    # A list that is left out stays as it was: the service of a port that is taken out would keep its load balancer.
    # Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html
    resource.LoadBalancers = []
    if service.port is not None:
        target = ecs.LoadBalancer(
            ContainerName=spec.metadata.name, ContainerPort=service.port, TargetGroupArn=Ref("TargetGroup")
        )
        resource.LoadBalancers.append(target)
    if service.port is not None or service.health_check.container:
        resource.HealthCheckGracePeriodSeconds = service.health_check.grace_period
    waiting = sorted(set(waits))
    if waiting:
        resource.DependsOn = waiting
    stack.add(resource, "service", _SOURCES)


_SOURCES: dict[tuple[str | int, ...], str] = {
    ("DeploymentConfiguration",): "service.deployment",
    ("DesiredCount",): "service.resources.desiredCount",
    ("CapacityProviderStrategy",): "service.resources.spot",
    ("LoadBalancers",): "service.port",
    ("HealthCheckGracePeriodSeconds",): "service.healthCheck.gracePeriod",
    ("EnableExecuteCommand",): "service.enableExecuteCommand",
    ("NetworkConfiguration",): "service.networking",
    ("NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp"): "service.networking.assignPublicIp",
}


def desired(resources: Resources) -> int:
    """The number of tasks where auto scaling does not set it."""
    return DEFAULT_COUNT if resources.desired_count is None else resources.desired_count


def percents(deployment: Deployment, single_writer: bool) -> tuple[int, int]:
    """Minimum healthy and maximum percent; a single writer is stopped before the next one starts."""
    least, most = (0, 100) if single_writer else (100, 200)
    least = least if deployment.minimum_healthy_percent is None else deployment.minimum_healthy_percent
    return least, most if deployment.maximum_percent is None else deployment.maximum_percent


def _strategy(resources: Resources) -> list[ecs.CapacityProviderStrategyItem]:
    """Always a capacity provider strategy: going from a launch type to one would replace the service."""
    if resources.spot is True:
        return [ecs.CapacityProviderStrategyItem(CapacityProvider="FARGATE_SPOT", Weight=1)]
    if isinstance(resources.spot, Spot):
        return [
            ecs.CapacityProviderStrategyItem(CapacityProvider="FARGATE", Base=resources.spot.base, Weight=1),
            ecs.CapacityProviderStrategyItem(CapacityProvider="FARGATE_SPOT", Weight=resources.spot.weight),
        ]
    return [ecs.CapacityProviderStrategyItem(CapacityProvider="FARGATE", Weight=1)]


def _network(service: Service, network: Network) -> ecs.NetworkConfiguration:
    configuration = ecs.AwsvpcConfiguration(
        Subnets=list(network.task_subnets),
        SecurityGroups=[Ref("TaskSecurityGroup")],
        AssignPublicIp="ENABLED" if service.networking.assign_public_ip else "DISABLED",
    )
    return ecs.NetworkConfiguration(AwsvpcConfiguration=configuration)
