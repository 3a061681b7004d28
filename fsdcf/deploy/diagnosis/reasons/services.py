"""Services, clusters and task definitions of ECS that CloudFormation cannot create or change.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html, and published reports.
"""

from __future__ import annotations

from fsdcf.deploy.diagnosis.reasons.reason import STATUS, Reason
from fsdcf.suggested import suggested

SERVICE_REASONS = (
    Reason(
        "definition-inactive",
        "UpdateService error: TaskDefinition is inactive",
        r"TaskDefinition is inactive|task definition .*is (?:INACTIVE|not active)",
        "the task definition of the service was deregistered, outside the stack",
        "deploy a new image SHA, or a change of the container, which registers a new one; keep tools that clean up"
        " task definitions away from those that services and rollbacks still use",
        "",
        STATUS,
    ),
    Reason(
        "definition-missing",
        "TaskDefinition not found; Unable to describe task definition",
        r"TaskDefinition not found|Unable to describe task definition",
        "the task definition does not exist in this account and region",
        "deploy a new image SHA, which registers a new one, or correct the name or the region of the request",
        "",
        STATUS,
    ),
    Reason(
        "size-invalid",
        "No Fargate configuration exists for given values; Invalid 'cpu' setting for task",
        r"No Fargate configuration exists|Invalid '(?:cpu|memory)' setting for task"
        r"|Fargate requires that '\w+' be defined",
        "Fargate does not offer this pair of CPU and memory",
        "use a pair that Fargate offers; validating the spec lists them for its CPU",
        "service.resources.memory",
        suggested("validate", "{spec}", env="{environment}"),
    ),
    Reason(
        "definition-size",
        "Actual length: '70000'. Max allowed length is '65536' bytes",
        r"Max allowed length is '65536' bytes|task definition .*(?:too large|exceeds)",
        "the task definition is larger than the 64 KiB that ECS allows",
        "set fewer or shorter variables: let the application read its settings from a file, a parameter or S3",
        "service.environment",
        suggested("template", "{spec}", env="{environment}"),
    ),
    Reason(
        "service-draining",
        "Unable to Start a service that is still Draining",
        r"service that is still Draining",
        "a service of that name was deleted, and its tasks are still stopping",
        "deploy again in some minutes: it passes by itself",
        "",
        STATUS,
        passing=True,
    ),
    Reason(
        "service-inactive",
        "Service was not ACTIVE; ServiceNotActiveException; ServiceNotFoundException",
        r"Service was not ACTIVE|Service(?:NotActive|NotFound)Exception",
        "the service was deleted outside the stack",
        "deploy with --revert-drift, which creates the service again",
        "",
        STATUS,
    ),
    Reason(
        "cluster-gone",
        "Cluster not found; ClusterNotFoundException; The referenced cluster was inactive",
        r"ClusterNotFoundException|Cluster not found.*HandlerErrorCode|referenced cluster was inactive",
        "the cluster was deleted outside the stack",
        "deploy with --revert-drift, which creates the cluster again",
        "",
        "aws ecs list-clusters",
    ),
    Reason(
        "namespace-missing",
        "The specified namespace wasn't found; NamespaceNotFoundException",
        r"specified namespace (?:wasn.t|was not) found|NamespaceNotFound|namespace \S+ was not found",
        "the namespace, in which services find each other by name, does not exist in this region and account",
        "deploy the environment of the service first: it makes the namespace",
        "",
        "aws servicediscovery list-namespaces",
    ),
    Reason(
        "endpoint-protocol",
        "The following config cannot be changed for a SC service. Previous config: ScServiceStableConfig(...)",
        r"config cannot be changed for a SC service",
        "the endpoint of a service in Service Connect keeps its protocol, and this update changes it",
        "keep the protocol; or deploy the service under another name with the new one, and move its callers",
        "service.networking.serviceConnect.protocol",
        suggested("diff", "{spec}", "--deployed", env="{environment}"),
    ),
    Reason(
        "port-name-missing",
        "The portName 'http' of the Service Connect configuration is not in the task definition",
        r"portName '([\w.-]+)' .*not in the task definition",
        "Service Connect offers the port …, and no port of the task definition has this name",
        "name the port in the task definition, as fsdcf does",
        "",
        STATUS,
    ),
    Reason(
        "capacity-provider-missing",
        "The specified capacity provider 'FARGATE_SPOT' was not found",
        r"capacity provider '?([\w-]+)'? (?:was not found|is not associated)"
        r"|capacity provider .*not associated with the"
        r" cluster",
        "the cluster does not offer the capacity provider …",
        "deploy again, so that the stack restores the cluster's capacity providers",
        "service.resources.spot",
        "aws ecs describe-clusters --query 'clusters[].[clusterName,capacityProviders]'",
    ),
    Reason(
        "arn-format",
        "The new ARN and resource ID format must be enabled to add tags to the service",
        r"new ARN and resource ID format must be enabled",
        "the account still uses the old format of ECS ids, without which ECS cannot tag services",
        "enable the new format for the account, then deploy again",
        "",
        "aws ecs put-account-setting-default --name serviceLongArnFormat --value enabled",
    ),
    Reason(
        "deployment-in-progress",
        "Service cannot be updated while a deployment is in progress; The service cannot be stopped while deployments"
        " are"
        " active",
        r"(?:cannot be (?:updated|stopped|deleted)|Cannot update).*(?:deployments? (?:is|are)|while .*deployment)"
        r"|Unable to update .*deployment(?! controller)",
        "a deployment of the service is still in progress",
        "wait until it ends, then deploy again",
        "",
        STATUS,
        passing=True,
    ),
)
