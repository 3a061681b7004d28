"""The ECS cluster, the log group and the ECS service."""

from __future__ import annotations

from typing import Any

from troposphere import Ref, ecs

from fsdcf.compiler.encryption import add_log_group
from fsdcf.compiler.parts.connect import CONNECT_SOURCES, registries, service_connect
from fsdcf.compiler.parts.roles import EXEC_LOG_GROUP
from fsdcf.compiler.stack import Context, PropertyPath, Sources, StackPart, origin_of, present
from fsdcf.compiler.text import value
from fsdcf.language.dependency import reached_services
from fsdcf.language.model.common import ExecuteCommandLogs, days_of, recorded_in
from fsdcf.language.model.service import Deployment, Resources, Spot
from fsdcf.language.placeholders import String

DEFAULT_COUNT = 2


def cluster(context: Context) -> StackPart:
    """The cluster; none for a service that joins an environment."""
    part, service = StackPart(), context.service
    if context.joined is None:
        recorded = recorded_in(service.execute_command_logs)
        add_cluster(part, service.container_insights, recorded, "service", service.encryption)
    return part


def add_cluster(
    part: StackPart,
    insights: str | None,
    recorded: ExecuteCommandLogs | None,
    origin: str,
    encryption: String | None = None,
) -> None:
    """Add a cluster with both Fargate capacity providers, so that a change to Spot does not update it, and the log
    group in which it records sessions of ECS Exec, unless one is named. ``encryption`` is that of the service.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
    """
    settings = [ecs.ClusterSetting(Name="containerInsights", Value=insights)] if insights else []
    configuration = None
    if recorded is not None:
        if recorded.log_group is None:
            days = days_of(recorded.retention)
            add_log_group(part, EXEC_LOG_GROUP, days, recorded.encryption, encryption, f"{origin}.executeCommandLogs")
        name = Ref(EXEC_LOG_GROUP) if recorded.log_group is None else value(recorded.log_group)
        to_group = ecs.ExecuteCommandLogConfiguration(CloudWatchLogGroupName=name)
        override = ecs.ExecuteCommandConfiguration(Logging="OVERRIDE", LogConfiguration=to_group)
        configuration = ecs.ClusterConfiguration(ExecuteCommandConfiguration=override)
    resource = ecs.Cluster(
        "Cluster",
        CapacityProviders=["FARGATE", "FARGATE_SPOT"],
        **present(ClusterSettings=settings, Configuration=configuration),
    )
    sources: Sources = {
        "ClusterSettings": f"{origin}.containerInsights",
        "Configuration": f"{origin}.executeCommandLogs",
    }
    part.add(resource, origin, sources)


def log_group(context: Context) -> StackPart:
    """The log group of the containers, which is kept when the stack is deleted."""
    settings, origin = context.service.observability.logs, "service.observability.logs"
    part = StackPart()
    if settings.enabled:
        add_log_group(part, "LogGroup", settings.days, settings.encryption, context.service.encryption, origin)
    return part


def service(context: Context) -> StackPart:
    """``Service``. It waits for what CloudFormation does not infer: listeners, routes, mount targets, policies."""
    spec = context.service
    single_writer = context.before.single_writer
    least, most = percents(spec.deployment, single_writer)
    breaker = spec.deployment.circuit_breaker
    network = ecs.AwsvpcConfiguration(
        Subnets=list(context.network.task_subnets),
        SecurityGroups=task_groups(context),
        AssignPublicIp=public_address(context),
    )
    resource = ecs.Service(
        "Service",
        Cluster=context.cluster,
        TaskDefinition=Ref("TaskDefinition"),
        CapacityProviderStrategy=capacity_providers(spec.resources),
        DeploymentConfiguration=ecs.DeploymentConfiguration(
            MinimumHealthyPercent=least,
            MaximumPercent=most,
            DeploymentCircuitBreaker=ecs.DeploymentCircuitBreaker(
                Enable=breaker.enabled, Rollback=breaker.enabled and breaker.rollback
            ),
        ),
        # ECS refuses zone rebalancing if a task must stop before another one starts.
        AvailabilityZoneRebalancing="DISABLED" if most <= 100 else "ENABLED",
        NetworkConfiguration=ecs.NetworkConfiguration(AwsvpcConfiguration=network),
        EnableECSManagedTags=True,
        PropagateTags="SERVICE",
        EnableExecuteCommand=spec.enable_execute_command,
    )
    if spec.auto_scaling is None:
        count = desired(spec.resources)
        resource.DesiredCount = min(1, count) if single_writer else count
    # ECS leaves a list that is absent as it was: a service whose port is removed would keep its load balancer.
    # Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html
    resource.LoadBalancers = []
    if spec.load_balancer is not None:
        target = ecs.LoadBalancer(
            ContainerName=context.entry, ContainerPort=spec.entry_port, TargetGroupArn=Ref("TargetGroup")
        )
        resource.LoadBalancers.append(target)
    if spec.grace_period is not None:
        resource.HealthCheckGracePeriodSeconds = spec.grace_period
    if context.joined is not None:
        # For the same reason both are written in any case.
        resource.ServiceConnectConfiguration = service_connect(context, context.joined)
        resource.ServiceRegistries = registries(context)
    if calls := reached_services(context.spec):
        resource.Metadata = {"fsdcf": {"Calls": sorted(calls)}}
    if context.before.waits:
        resource.DependsOn = sorted(set(context.before.waits))
    listed: PropertyPath = ("NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups")
    first = len(network.SecurityGroups) - len(context.before.groups)
    groups: Sources = {(*listed, number): origin for number, (_, origin) in enumerate(context.before.groups, first)}
    reason = (
        "service.networking.loadBalancer"
        if spec.port and spec.load_balancer is None
        else f"{origin_of(spec.entry[1])}.port"
    )
    return StackPart().add(resource, "service", {**_SOURCES, **groups, "LoadBalancers": reason})


_SOURCES: Sources = {
    "DeploymentConfiguration": "service.deployment",
    "DesiredCount": "service.resources.desiredCount",
    "CapacityProviderStrategy": "service.resources.spot",
    "HealthCheckGracePeriodSeconds": "service.healthCheck.gracePeriod",
    "EnableExecuteCommand": "service.enableExecuteCommand",
    "NetworkConfiguration": "service.networking",
    **CONNECT_SOURCES,
    "ServiceRegistries": "service.networking.serviceDiscovery",
    ("NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp"): "service.networking.assignPublicIp",
    ("NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups"): "service.networking.securityGroups",
}


def task_groups(context: Context) -> list[Any]:
    """The security groups of the tasks, as values."""
    written = sorted(context.service.networking.security_groups, key=str)
    of_addons = (group for group, _ in context.before.groups)
    return [Ref("TaskSecurityGroup"), *context.network.groups, *map(value, written), *of_addons]


def public_address(context: Context) -> str:
    """Whether the tasks get public addresses, in the words of ECS."""
    return "ENABLED" if context.service.networking.assign_public_ip else "DISABLED"


def desired(resources: Resources) -> int:
    """The number of tasks of a service without auto scaling."""
    return DEFAULT_COUNT if resources.desired_count is None else resources.desired_count


def percents(deployment: Deployment, single_writer: bool) -> tuple[int, int]:
    """Minimum healthy and maximum percent; the task of a single writer stops before the next one starts."""
    least, most = (0, 100) if single_writer else (100, 200)
    least = least if deployment.minimum_healthy_percent is None else deployment.minimum_healthy_percent
    return least, most if deployment.maximum_percent is None else deployment.maximum_percent


def capacity_providers(resources: Resources) -> list[ecs.CapacityProviderStrategyItem]:
    """A capacity provider strategy in every case: a change from a launch type to one would replace the service."""
    item = ecs.CapacityProviderStrategyItem
    if isinstance(resources.spot, Spot):
        return [
            item(CapacityProvider="FARGATE", Base=resources.spot.base, Weight=1),
            item(CapacityProvider="FARGATE_SPOT", Weight=resources.spot.weight),
        ]
    return [item(CapacityProvider="FARGATE_SPOT" if resources.spot else "FARGATE", Weight=1)]
