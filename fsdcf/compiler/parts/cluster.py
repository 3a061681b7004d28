"""The ECS cluster and the log group."""

from __future__ import annotations

from troposphere import ecs, logs

from fsdcf.compiler.stack import Stack
from fsdcf.language.model.service import Service


def add_cluster(stack: Stack) -> None:
    """A cluster with both Fargate capacity providers, so that Spot can be switched on without touching it."""
    stack.add(ecs.Cluster("Cluster", CapacityProviders=["FARGATE", "FARGATE_SPOT"]), "service")


def add_log_group(stack: Stack, service: Service) -> None:
    """The log group of the container's output, kept when the stack goes."""
    if not service.observability.logs.enabled:
        return
    group = logs.LogGroup("LogGroup", RetentionInDays=service.observability.logs.retention)
    group.DeletionPolicy = "RetainExceptOnCreate"
    group.UpdateReplacePolicy = "Retain"
    stack.add(group, "service.observability.logs", {("RetentionInDays",): "service.observability.logs.retention"})
