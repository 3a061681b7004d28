"""Amazon ECS: task definitions, clusters, services and the tasks of their deployments."""

from __future__ import annotations

from fsdcf.sandbox.ecs import api, definitions, scheduler, tasks
from fsdcf.sandbox.ecs.api import create_service, delete_service, service_of, tag_service, update_service
from fsdcf.sandbox.ecs.connections import is_connected
from fsdcf.sandbox.ecs.definitions import create_cluster, delete_cluster, deregister, register
from fsdcf.sandbox.ecs.scheduler import deployment_of

__all__ = [
    "ACTIONS",
    "OPERATIONS",
    "create_cluster",
    "create_service",
    "delete_cluster",
    "delete_service",
    "deployment_of",
    "deregister",
    "is_connected",
    "register",
    "service_of",
    "tag_service",
    "update_service",
]

OPERATIONS = {
    "DescribeClusters": definitions.describe_clusters,
    "DescribeServiceDeployments": api.describe_service_deployments,
    "DescribeServices": api.describe_services,
    "DescribeTaskDefinition": definitions.describe_task_definition,
    "DescribeTasks": api.describe_tasks,
    "ExecuteCommand": api.execute_command,
    "ListServiceDeployments": api.list_service_deployments,
    "ListServices": api.list_services,
    "ListTaskDefinitions": definitions.list_task_definitions,
    "ListTasks": api.list_tasks,
    "RegisterTaskDefinition": definitions.register_task_definition,
    "RunTask": api.run_task,
    "StopTask": api.stop_task,
    "UpdateService": api.update_service_operation,
}
ACTIONS = {
    "ecs.forget": tasks.forget,
    "ecs.reconcile": scheduler.reconcile,
    "ecs.step": tasks.step,
}
