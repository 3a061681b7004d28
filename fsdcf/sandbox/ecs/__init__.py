"""Amazon ECS: task definitions, clusters, services and the tasks of their deployments."""

from __future__ import annotations

from collections.abc import Mapping

from fsdcf.sandbox.ecs import calls, definitions, scheduler, services, tasks
from fsdcf.sandbox.ecs.definitions import (
    create_cluster,
    definition_of,
    delete_cluster,
    deregister,
    ensure_cluster,
    register,
)
from fsdcf.sandbox.ecs.deployments import Rollout, rollout
from fsdcf.sandbox.ecs.services import create_service, delete_service, service_of, update_service
from fsdcf.sandbox.schedule import Action, Handler

__all__ = [
    "ACTIONS",
    "OPERATIONS",
    "Rollout",
    "create_cluster",
    "create_service",
    "definition_of",
    "delete_cluster",
    "delete_service",
    "deregister",
    "ensure_cluster",
    "register",
    "rollout",
    "service_of",
    "update_service",
]

OPERATIONS: Mapping[str, Handler] = {
    "CreateCluster": definitions.create_cluster,
    "CreateService": services.create_service_call,
    "DeleteCluster": definitions.delete_cluster,
    "DeleteService": services.delete_service_call,
    "DeregisterTaskDefinition": definitions.deregister_task_definition,
    "DescribeClusters": definitions.describe_clusters,
    "DescribeServiceDeployments": calls.describe_service_deployments,
    "DescribeServices": services.describe_services,
    "DescribeTaskDefinition": definitions.describe_task_definition,
    "DescribeTasks": calls.describe_tasks,
    "ExecuteCommand": calls.execute_command,
    "ListServiceDeployments": calls.list_service_deployments,
    "ListServices": services.list_services,
    "ListTaskDefinitions": definitions.list_task_definitions,
    "ListTasks": calls.list_tasks,
    "RegisterTaskDefinition": definitions.register_task_definition,
    "RunTask": calls.run_task,
    "StopTask": calls.stop_task,
    "UpdateService": services.update_service_call,
}

ACTIONS: Mapping[str, Action] = {
    "ecs.forget": tasks.forget,
    "ecs.reconcile": scheduler.reconcile,
    "ecs.step": tasks.step,
}
