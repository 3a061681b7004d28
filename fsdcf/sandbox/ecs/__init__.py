"""Amazon ECS: task definitions, clusters, services and the tasks of their deployments."""

from __future__ import annotations

from collections.abc import Mapping

from fsdcf.sandbox.ecs import calls, clusters, definitions, history, scheduler, services, sessions, tasks
from fsdcf.sandbox.ecs.clusters import create_cluster, delete_cluster, ensure_cluster
from fsdcf.sandbox.ecs.definitions import definition_of, deregister, register
from fsdcf.sandbox.ecs.deployments import Rollout, rollout
from fsdcf.sandbox.ecs.services import create_service, delete_service, service_of, update_service
from fsdcf.sandbox.services import Action, Handler

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
    "CreateCluster": clusters.create_cluster,
    "CreateService": services.create_service_call,
    "DeleteCluster": clusters.delete_cluster,
    "DeleteService": services.delete_service_call,
    "DeregisterTaskDefinition": definitions.deregister_task_definition,
    "DescribeClusters": clusters.describe_clusters,
    "DescribeServiceDeployments": history.describe_service_deployments,
    "DescribeServices": services.describe_services,
    "DescribeTaskDefinition": definitions.describe_task_definition,
    "DescribeTasks": calls.describe_tasks,
    "ExecuteCommand": sessions.execute_command,
    "ListServiceDeployments": history.list_service_deployments,
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
