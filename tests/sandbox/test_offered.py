"""Every offered operation with a real client: a successful call, and each of its errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.model import ServiceModel

from fsdcf.cloudformation.ecr import lifecycle_policy
from fsdcf.sandbox import (
    cloudwatch,
    dynamodb,
    ecr,
    ecs,
    elbv2,
    logs,
    s3,
    schedule,
    scheduler,
    secretsmanager,
    ssm,
    stepfunctions,
)
from fsdcf.sandbox.cloudformation.resources import add
from fsdcf.sandbox.state import SandboxState
from tests.sandbox.conftest import LOADER, Sandbox

GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/0123456789abcdef"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/01"
LISTENER, RULE = (BALANCER.replace("loadbalancer", kind) + "/02" for kind in ("listener", "listener-rule"))
FORWARD = [{"Type": "forward", "TargetGroupArn": GROUP}]
CONTAINERS = [{"name": "web", "image": "nginx"}]
TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}],
}
ITEM = {"id": {"N": "1"}}
SERVICE = {"cluster": "c", "serviceName": "s", "taskDefinition": "f", "enableExecuteCommand": True}


VERSION = "v" * 32


def prepare(state: SandboxState) -> None:
    """Create a little of everything."""
    ssm.put(state, "/a/p", "v")
    secretsmanager.create_secret(state, {"Name": "shop/db", "SecretString": "v", "ClientRequestToken": VERSION})
    logs.write(state, "group", "stream", ["one", "two"])
    elbv2.put_target_group(state, GROUP, {"Port": 8000})
    elbv2.set_target(state, GROUP, "10.0.0.1", 80, "healthy")
    elbv2.put_listener(state, LISTENER, {"LoadBalancerArn": BALANCER, "Port": "443", "DefaultActions": []})
    elbv2.put_rule(state, RULE, {"ListenerArn": LISTENER, "Priority": "7", "Conditions": [], "Actions": FORWARD})
    s3.add_bucket(state, "bucket")
    add(state, "AWS::IAM::ManagedPolicy", POLICY, "Limit", None, {"ManagedPolicyName": "limit"})
    add(state, "AWS::IAM::OIDCProvider", PROVIDER, "Provider", None, {"ClientIdList": ["sts.amazonaws.com"]})
    cloudwatch.put_alarm(state, "errors", "Errors", {"Threshold": 1, "MetricName": "Errors"})
    ecs.register(state, {"family": "f", "containerDefinitions": CONTAINERS, "tags": [{"key": "k", "value": "v"}]})
    ecs.create_service(state, SERVICE)
    ecs.create_cluster(state, {"clusterName": "empty"})
    ecr.put_repository(state, "made", {"LifecyclePolicy": {"LifecyclePolicyText": "{}"}})
    dynamodb.put_table(replace(state, pace=0.0), "notes", TABLE)
    ecs.create_cluster(state, {"clusterName": "default"})
    stepfunctions.put_machine(state, MACHINE, {"RoleArn": POLICY, "Definition": DEFINITION})
    stepfunctions.start_execution(state, {"stateMachineArn": MACHINE, "name": "known"})
    target = {"Arn": MACHINE, "RoleArn": POLICY, "Input": "{}"}
    scheduler.put_schedule(state, "nightly", {"ScheduleExpression": "rate(1 day)", "Target": target})


POLICY = "arn:aws:iam::000000000000:policy/limit"
PROVIDER = "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"

MACHINE, EXECUTION = (
    f"arn:aws:states:us-east-1:000000000000:{kind}" for kind in ("stateMachine:m", "execution:m:known")
)
DEFINITION = {
    "StartAt": "Run",
    "States": {
        "Run": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "Arguments": {"TaskDefinition": "f"}}
    },
}

Call = tuple[str, str, dict[str, Any]]

GOOD: list[Call] = [
    ("application-autoscaling", "DescribeScalableTargets", {"ServiceNamespace": "ecs", "ResourceIds": ["service/c/s"]}),
    (
        "application-autoscaling",
        "DescribeScalingActivities",
        {"ServiceNamespace": "ecs", "ResourceId": "service/c/s", "ScalableDimension": "ecs:service:DesiredCount"},
    ),
    (
        "application-autoscaling",
        "DescribeScheduledActions",
        {"ServiceNamespace": "ecs", "ResourceId": "service/c/s", "ScalableDimension": "ecs:service:DesiredCount"},
    ),
    ("cloudwatch", "DescribeAlarms", {"AlarmNames": ["errors", "none"], "StateValue": "OK"}),
    ("cloudwatch", "SetAlarmState", {"AlarmName": "errors", "StateValue": "ALARM", "StateReason": "a test"}),
    ("iam", "GetPolicy", {"PolicyArn": POLICY}),
    ("iam", "GetOpenIDConnectProvider", {"OpenIDConnectProviderArn": PROVIDER}),
    ("dynamodb", "BatchGetItem", {"RequestItems": {"notes": {"Keys": [ITEM]}}}),
    ("dynamodb", "BatchWriteItem", {"RequestItems": {"notes": [{"PutRequest": {"Item": ITEM}}]}}),
    ("dynamodb", "DeleteItem", {"TableName": "notes", "Key": ITEM}),
    ("dynamodb", "DescribeTable", {"TableName": "notes"}),
    ("dynamodb", "GetItem", {"TableName": "notes", "Key": ITEM}),
    ("dynamodb", "ListTables", {}),
    ("dynamodb", "PutItem", {"TableName": "notes", "Item": ITEM}),
    ("dynamodb", "Scan", {"TableName": "notes"}),
    (
        "dynamodb",
        "UpdateItem",
        {
            "TableName": "notes",
            "Key": ITEM,
            "UpdateExpression": "SET a = :a",
            "ExpressionAttributeValues": {":a": {"S": "b"}},
        },
    ),
    ("ecr", "BatchGetImage", {"repositoryName": "made", "imageIds": [{"imageTag": "t"}]}),
    ("ecr", "CreateRepository", {"repositoryName": "new", "imageTagMutability": "IMMUTABLE"}),
    ("ecr", "DescribeImages", {"repositoryName": "repo", "imageIds": [{"imageTag": "t"}]}),
    ("ecr", "DescribeRepositories", {"repositoryNames": ["made"]}),
    ("ecr", "GetAuthorizationToken", {}),
    ("ecr", "GetLifecyclePolicy", {"repositoryName": "made"}),
    ("ecr", "ListTagsForResource", {"resourceArn": "arn:aws:ecr:us-east-1:000000000000:repository/made"}),
    ("ecr", "PutImage", {"repositoryName": "made", "imageManifest": "{}", "imageTag": "t"}),
    ("ecr", "PutLifecyclePolicy", {"repositoryName": "made", "lifecyclePolicyText": lifecycle_policy(True)}),
    ("ecs", "DescribeClusters", {"clusters": ["c", "none"]}),
    (
        "ecs",
        "DescribeServiceDeployments",
        {"serviceDeploymentArns": ["arn:aws:ecs:us-east-1:0:service-deployment/c/s/none"]},
    ),
    ("ecs", "DescribeServices", {"cluster": "c", "services": ["s", "none"], "include": ["TAGS"]}),
    ("ecs", "DescribeTaskDefinition", {"taskDefinition": "f", "include": ["TAGS"]}),
    ("ecs", "DescribeTasks", {"cluster": "c", "tasks": ["none"]}),
    ("ecs", "ExecuteCommand", {"cluster": "c", "task": "TASK", "command": "/bin/sh", "interactive": True}),
    ("ecs", "ListServiceDeployments", {"cluster": "c", "service": "s", "status": ["IN_PROGRESS"]}),
    ("ecs", "ListServices", {"cluster": "c"}),
    ("ecs", "ListTaskDefinitions", {"familyPrefix": "f", "sort": "DESC"}),
    ("ecs", "ListTasks", {"cluster": "c", "family": "f"}),
    ("ecs", "RegisterTaskDefinition", {"family": "f", "containerDefinitions": CONTAINERS}),
    ("ecs", "RunTask", {"cluster": "c", "taskDefinition": "f", "count": 2}),
    ("ecs", "StopTask", {"cluster": "c", "task": "TASK"}),
    ("ecs", "UpdateService", {"cluster": "c", "service": "s", "desiredCount": 0}),
    ("elbv2", "DescribeListeners", {"LoadBalancerArn": BALANCER}),
    ("elbv2", "DescribeRules", {"ListenerArn": LISTENER}),
    ("elbv2", "DescribeTargetGroups", {"Names": ["web"]}),
    ("elbv2", "DescribeTargetHealth", {"TargetGroupArn": GROUP, "Targets": [{"Id": "10.0.0.1"}, {"Id": "10.0.0.2"}]}),
    (
        "elbv2",
        "ModifyLoadBalancerAttributes",
        {"LoadBalancerArn": BALANCER, "Attributes": [{"Key": "idle_timeout.timeout_seconds", "Value": "90"}]},
    ),
    ("rds", "ModifyDBCluster", {"DBClusterIdentifier": "main", "DeletionProtection": False}),
    ("rds", "ModifyDBInstance", {"DBInstanceIdentifier": "main", "DeletionProtection": False}),
    ("logs", "DescribeLogGroups", {"logGroupNamePrefix": "gr"}),
    ("logs", "DescribeLogStreams", {"logGroupName": "group"}),
    ("logs", "FilterLogEvents", {"logGroupName": "group", "filterPattern": "one"}),
    ("logs", "GetLogEvents", {"logGroupName": "group", "logStreamName": "stream"}),
    ("s3", "CreateBucket", {"Bucket": "another"}),
    ("s3", "DeleteObject", {"Bucket": "bucket", "Key": "none"}),
    ("s3", "GetBucketLocation", {"Bucket": "bucket"}),
    ("s3", "GetObject", {"Bucket": "bucket", "Key": "k"}),
    ("s3", "HeadBucket", {"Bucket": "bucket"}),
    ("s3", "HeadObject", {"Bucket": "bucket", "Key": "k"}),
    ("s3", "ListObjectsV2", {"Bucket": "bucket"}),
    ("s3", "PutObject", {"Bucket": "bucket", "Key": "k", "Body": b"content"}),
    ("secretsmanager", "CreateSecret", {"Name": "new", "SecretString": "v", "ClientRequestToken": "t" * 32}),
    ("secretsmanager", "DeleteSecret", {"SecretId": "shop/db", "RecoveryWindowInDays": 7}),
    ("secretsmanager", "DescribeSecret", {"SecretId": "shop/db"}),
    ("secretsmanager", "GetSecretValue", {"SecretId": "shop/db"}),
    ("secretsmanager", "PutSecretValue", {"SecretId": "shop/db", "SecretString": "w"}),
    ("secretsmanager", "RestoreSecret", {"SecretId": "shop/db"}),
    ("secretsmanager", "TagResource", {"SecretId": "shop/db", "Tags": [{"Key": "k", "Value": "v"}]}),
    (
        "secretsmanager",
        "UpdateSecretVersionStage",
        {
            "SecretId": "shop/db",
            "VersionStage": "AWSCURRENT",
            "MoveToVersionId": VERSION,
            "RemoveFromVersionId": VERSION,
        },
    ),
    ("scheduler", "GetSchedule", {"Name": "nightly"}),
    ("stepfunctions", "DescribeExecution", {"executionArn": EXECUTION}),
    ("stepfunctions", "GetExecutionHistory", {"executionArn": EXECUTION, "reverseOrder": True}),
    ("stepfunctions", "ListExecutions", {"stateMachineArn": MACHINE, "statusFilter": "RUNNING"}),
    ("stepfunctions", "StartExecution", {"stateMachineArn": MACHINE}),
    ("stepfunctions", "StopExecution", {"executionArn": EXECUTION, "cause": "enough"}),
    (
        "ssm",
        "AddTagsToResource",
        {"ResourceType": "Parameter", "ResourceId": "/a/p", "Tags": [{"Key": "k", "Value": "v"}]},
    ),
    ("ssm", "DeleteParameter", {"Name": "/a/p"}),
    ("ssm", "DescribeParameters", {"ParameterFilters": [{"Key": "Name", "Values": ["/a/p", "none"]}]}),
    ("ssm", "GetParameter", {"Name": "/a/p"}),
    ("ssm", "GetParameterHistory", {"Name": "/a/p"}),
    ("ssm", "GetParameters", {"Names": ["/a/p", "none"]}),
    ("ssm", "LabelParameterVersion", {"Name": "/a/p", "Labels": ["good", "awsbad", "1"]}),
    ("ssm", "ListTagsForResource", {"ResourceType": "Parameter", "ResourceId": "/a/p"}),
    ("ssm", "PutParameter", {"Name": "q", "Value": "v", "Type": "String"}),
    ("ssm", "UnlabelParameterVersion", {"Name": "/a/p", "ParameterVersion": 1, "Labels": ["good"]}),
    ("sts", "GetCallerIdentity", {}),
]

OURS = [name for name in schedule.NAMES if name != "cloudformation"]


def call(sandbox: Sandbox, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
    made: Any = sandbox.client(service)
    names = {value: key for key, value in made.meta.method_to_api_mapping.items()}
    method: Callable[..., dict[str, Any]] = getattr(made, names[operation])
    return method(**params)


@pytest.mark.parametrize(("service", "operation", "params"), GOOD, ids=[f"{one}.{two}" for one, two, _ in GOOD])
def test_an_offered_operation_answers(sandbox: Sandbox, service: str, operation: str, params: dict[str, Any]) -> None:
    prepare(sandbox.state)
    if operation in ("GetObject", "HeadObject"):
        sandbox.client("s3").put_object(Bucket="bucket", Key="k", Body=b"")
    if operation in ("StopTask", "ExecuteCommand"):
        sandbox.pass_time(60)
        params = {**params, "task": sandbox.client("ecs").list_tasks(cluster="c")["taskArns"][0]}
    answer = call(sandbox, service, operation, params)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] in (200, 204)
    shape = model(service).operation_model(operation).output_shape
    assert shape is None or answer.keys() - {"ResponseMetadata"} <= shape.members.keys()


def model(service: str) -> ServiceModel:
    loader: Loader = LOADER
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


def test_every_offered_operation_is_tried() -> None:
    offered = {(name, operation) for name in OURS for operation in schedule.operations(name)}
    assert {(service, operation) for service, operation, _ in GOOD} == offered


def test_the_docs_list_every_offered_operation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "sandbox.md").read_text(encoding="utf-8")
    table = [row for row in page.splitlines() if re.match(r"\| [^|`]+ \| `[A-Z]", row)]
    listed = sorted(operation for row in table for operation in re.findall(r"`(\w+)`", row))
    assert listed == sorted(operation for name in schedule.NAMES for operation in schedule.operations(name))


NO_SECRET = ("ResourceNotFoundException", "can't find the specified secret")
MISSING_GROUP = GROUP.replace("web", "none")

BAD: list[tuple[str, str, dict[str, Any], str, str]] = [
    (
        "application-autoscaling",
        "DescribeScalingActivities",
        {"ServiceNamespace": "ecs", "NextToken": "odd"},
        "InvalidNextTokenException",
        "not valid",
    ),
    (
        "application-autoscaling",
        "DescribeScalingActivities",
        {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"},
        "ValidationException",
        "ResourceId",
    ),
    ("iam", "GetPolicy", {"PolicyArn": f"{POLICY}s"}, "NoSuchEntity", "was not found"),
    ("iam", "GetOpenIDConnectProvider", {"OpenIDConnectProviderArn": f"{PROVIDER}.org"}, "NoSuchEntity", "not found"),
    ("cloudwatch", "DescribeAlarms", {"NextToken": "odd"}, "InvalidNextToken", "invalid"),
    ("cloudwatch", "DescribeAlarms", {"AlarmNames": ["a"] * 101}, "ValidationError", "at most 100"),
    (
        "cloudwatch",
        "SetAlarmState",
        {"AlarmName": "x", "StateValue": "OK", "StateReason": "x"},
        "ResourceNotFound",
        "exist",
    ),
    (
        "application-autoscaling",
        "DescribeScalableTargets",
        {"ServiceNamespace": "ecs", "NextToken": "odd"},
        "InvalidNextTokenException",
        "not valid",
    ),
    (
        "application-autoscaling",
        "DescribeScalableTargets",
        {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"},
        "ValidationException",
        "ResourceIds",
    ),
    (
        "ecs",
        "ExecuteCommand",
        {"cluster": "none", "task": "x", "command": "sh", "interactive": True},
        "ClusterNotFoundException",
        "Cluster not found.",
    ),
    (
        "ecs",
        "ExecuteCommand",
        {"cluster": "c", "task": "none", "command": "sh", "interactive": True},
        "InvalidParameterException",
        "The referenced task was not found.",
    ),
    (
        "ecs",
        "ExecuteCommand",
        {"cluster": "c", "task": "none", "command": "sh", "interactive": False},
        "InvalidParameterException",
        "Interactive",
    ),
    (
        "logs",
        "FilterLogEvents",
        {"logGroupName": "group", "filterPattern": "status=500"},
        "InvalidParameterException",
        "Invalid character(s) in term 'status=500'",
    ),
    (
        "ecs",
        "RunTask",
        {"cluster": "c", "taskDefinition": "none"},
        "ClientException",
        "Unable to describe task definition.",
    ),
    (
        "ecs",
        "RunTask",
        {"cluster": "c", "taskDefinition": "f:old"},
        "ClientException",
        "Unable to describe task definition.",
    ),
    ("ecs", "RunTask", {"cluster": "c", "taskDefinition": "gone:1"}, "ClientException", "TaskDefinition is inactive"),
    ("ecs", "UpdateService", {"cluster": "c", "service": "none"}, "ServiceNotFoundException", "Service not found."),
    ("ecs", "UpdateService", {"cluster": "none", "service": "s"}, "ClusterNotFoundException", "Cluster not found."),
    (
        "ecs",
        "UpdateService",
        {"cluster": "c", "service": "leaving"},
        "ServiceNotActiveException",
        "Service was not ACTIVE.",
    ),
    (
        "ecs",
        "DescribeServices",
        {"cluster": "none", "services": ["s"]},
        "ClusterNotFoundException",
        "Cluster not found.",
    ),
    (
        "ecs",
        "DescribeServices",
        {"cluster": "c", "services": []},
        "InvalidParameterException",
        "Services cannot be empty.",
    ),
    (
        "ecs",
        "DescribeServices",
        {"cluster": "c", "services": [str(n) for n in range(11)]},
        "InvalidParameterException",
        "must not exceed 10",
    ),
    ("ecs", "DescribeTasks", {"cluster": "c", "tasks": []}, "InvalidParameterException", "Tasks cannot be empty."),
    (
        "ecs",
        "DescribeTasks",
        {"cluster": "c", "tasks": [str(n) for n in range(101)]},
        "InvalidParameterException",
        "must not exceed 100",
    ),
    ("ecs", "ListTasks", {"cluster": "c", "serviceName": "none"}, "ServiceNotFoundException", "Service not found."),
    ("ecs", "ListTasks", {"cluster": "c", "nextToken": "odd"}, "InvalidParameterException", "Invalid token."),
    (
        "ecs",
        "ListServiceDeployments",
        {"cluster": "c", "service": "none"},
        "ServiceNotFoundException",
        "Service not found.",
    ),
    (
        "ecs",
        "DescribeTaskDefinition",
        {"taskDefinition": "f:9"},
        "ClientException",
        "Unable to describe task definition.",
    ),
    (
        "ecs",
        "RegisterTaskDefinition",
        {"family": "f", "containerDefinitions": []},
        "ClientException",
        "Container list cannot be empty.",
    ),
    (
        "ecs",
        "StopTask",
        {"cluster": "c", "task": "none"},
        "InvalidParameterException",
        "The referenced task was not found.",
    ),
    (
        "elbv2",
        "DescribeTargetHealth",
        {"TargetGroupArn": MISSING_GROUP},
        "TargetGroupNotFound",
        f"Target groups '{MISSING_GROUP}' not found",
    ),
    ("elbv2", "DescribeListeners", {"ListenerArns": ["none"]}, "ListenerNotFound", "One or more listeners not found"),
    ("elbv2", "DescribeRules", {"ListenerArn": "none"}, "ListenerNotFound", "One or more listeners not found"),
    ("elbv2", "DescribeRules", {"RuleArns": [RULE, "none"]}, "RuleNotFound", "One or more rules not found"),
    ("elbv2", "DescribeRules", {"ListenerArn": LISTENER, "Marker": "odd"}, "ValidationError", "marker"),
    ("elbv2", "DescribeTargetGroups", {"Names": ["none"]}, "TargetGroupNotFound", "Target groups 'none' not found"),
    (
        "logs",
        "GetLogEvents",
        {"logGroupName": "none", "logStreamName": "s"},
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    ),
    (
        "logs",
        "GetLogEvents",
        {"logGroupName": "group", "logStreamName": "none"},
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    ),
    (
        "logs",
        "GetLogEvents",
        {"logGroupName": "group", "logStreamName": "stream", "nextToken": "x/1"},
        "InvalidParameterException",
        "The specified nextToken is invalid.",
    ),
    (
        "logs",
        "FilterLogEvents",
        {"logGroupName": "group", "nextToken": "odd"},
        "InvalidParameterException",
        "The specified nextToken is invalid.",
    ),
    ("s3", "HeadBucket", {"Bucket": "none"}, "404", "Not Found"),
    ("s3", "GetObject", {"Bucket": "bucket", "Key": "none"}, "NoSuchKey", "The specified key does not exist."),
    ("s3", "PutObject", {"Bucket": "none", "Key": "k"}, "NoSuchBucket", "The specified bucket does not exist"),
    ("s3", "CreateBucket", {"Bucket": "bucket"}, "BucketAlreadyOwnedByYou", "you already own it"),
    ("s3", "CreateBucket", {"Bucket": "Bad_Name"}, "InvalidBucketName", "The specified bucket is not valid."),
    (
        "s3",
        "CreateBucket",
        {"Bucket": "new", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}},
        "IllegalLocationConstraintException",
        "The eu-west-1 location constraint is incompatible",
    ),
    ("s3", "GetBucketLocation", {"Bucket": "none"}, "NoSuchBucket", "does not exist"),
    ("secretsmanager", "CreateSecret", {"Name": "shop/db", "SecretString": "w"}, "ResourceExistsException", "exists"),
    ("secretsmanager", "CreateSecret", {"Name": "a b", "SecretString": "w"}, "ValidationException", "Invalid name"),
    ("secretsmanager", "PutSecretValue", {"SecretId": "shop/db"}, "InvalidParameterException", "SecretString"),
    ("secretsmanager", "PutSecretValue", {"SecretId": "none", "SecretString": "w"}, *NO_SECRET),
    ("secretsmanager", "DescribeSecret", {"SecretId": "none"}, *NO_SECRET),
    (
        "secretsmanager",
        "DescribeSecret",
        {"SecretId": "arn:aws:secretsmanager:us-east-1:0:secret:shop/db-x"},
        *NO_SECRET,
    ),
    (
        "secretsmanager",
        "GetSecretValue",
        {"SecretId": "shop/db", "VersionStage": "AWSPREVIOUS"},
        *NO_SECRET[:1],
        "stag",
    ),
    (
        "secretsmanager",
        "DeleteSecret",
        {"SecretId": "shop/db", "RecoveryWindowInDays": 6},
        "InvalidParameterException",
        "7",
    ),
    ("secretsmanager", "RestoreSecret", {"SecretId": "none"}, *NO_SECRET),
    ("secretsmanager", "TagResource", {"SecretId": "none", "Tags": []}, *NO_SECRET),
    ("scheduler", "GetSchedule", {"Name": "none"}, "ResourceNotFoundException", "does not exist"),
    ("stepfunctions", "DescribeExecution", {"executionArn": f"{EXECUTION}s"}, "ExecutionDoesNotExist", "Not Exist"),
    ("stepfunctions", "ListExecutions", {"stateMachineArn": "none"}, "StateMachineDoesNotExist", "Not Exist"),
    ("stepfunctions", "ListExecutions", {"stateMachineArn": MACHINE, "nextToken": "odd"}, "InvalidToken", "Token"),
    (
        "stepfunctions",
        "StartExecution",
        {"stateMachineArn": MACHINE, "name": "known", "input": '{"a": 1}'},
        "ExecutionAlreadyExists",
        "Already Exists",
    ),
    ("stepfunctions", "StartExecution", {"stateMachineArn": MACHINE, "input": "{"}, "InvalidExecutionInput", "Input"),
    ("ssm", "DeleteParameter", {"Name": "none"}, "ParameterNotFound", ""),
    ("ssm", "DescribeParameters", {"ParameterFilters": [{"Key": "Tier"}]}, "InvalidFilterOption", "does not support"),
    ("ssm", "DescribeParameters", {"NextToken": "odd"}, "InvalidNextToken", "token"),
    ("ssm", "ListTagsForResource", {"ResourceType": "Parameter", "ResourceId": "none"}, "InvalidResourceId", ""),
    (
        "ssm",
        "AddTagsToResource",
        {"ResourceType": "Document", "ResourceId": "a", "Tags": []},
        "InvalidResourceType",
        "Doc",
    ),
    ("ssm", "PutParameter", {"Name": "/a/p", "Value": "{{x}}", "Overwrite": True}, "ValidationException", "can't nest"),
    (
        "ssm",
        "PutParameter",
        {"Name": "/a/p", "Value": "v", "Overwrite": True, "Tags": [{"Key": "k", "Value": "v"}]},
        "ValidationException",
        "can't be used together",
    ),
    (
        "ssm",
        "PutParameter",
        {"Name": "/a/p", "Value": "v", "Type": "SecureString", "Overwrite": True},
        "HierarchyTypeMismatchException",
        "type",
    ),
    ("ssm", "GetParameter", {"Name": "none"}, "ParameterNotFound", ""),
    ("ssm", "GetParameter", {"Name": "/a/p:7"}, "ParameterVersionNotFound", "could not find version 7 of /a/p"),
    (
        "ssm",
        "LabelParameterVersion",
        {"Name": "/a/p", "ParameterVersion": 7, "Labels": ["a"]},
        "ParameterVersionNotFound",
        "could not find version 7 of /a/p",
    ),
    (
        "ssm",
        "LabelParameterVersion",
        {"Name": "/a/p", "Labels": [*"abcdefghij", "k"]},
        "ParameterVersionLabelLimitExceeded",
        "10 labels",
    ),
    ("ssm", "GetParameterHistory", {"Name": "/a/p", "NextToken": "odd"}, "InvalidNextToken", "token"),
    ("ssm", "PutParameter", {"Name": "/a/p", "Value": "v"}, "ParameterAlreadyExists", "The parameter already exists."),
    ("ssm", "PutParameter", {"Name": "aws-mine", "Value": "v"}, "ValidationException", "can't be prefixed"),
    (
        "ssm",
        "PutParameter",
        {"Name": "q", "Value": ""},
        "ValidationException",
        "Member must have length greater than or equal to 1",
    ),
    (
        "ssm",
        "PutParameter",
        {"Name": "q", "Value": "é" * 2049},
        "ValidationException",
        "maximum parameter value of 4096",
    ),
]


@pytest.mark.parametrize(
    ("service", "operation", "params", "code", "words"),
    BAD,
    ids=[f"{row[1]}-{row[3]}-{n}" for n, row in enumerate(BAD)],
)
def test_errors_have_the_messages_of_aws(
    sandbox: Sandbox, service: str, operation: str, params: dict[str, Any], code: str, words: str
) -> None:
    state = sandbox.state
    prepare(state)
    if params.get("taskDefinition") == "gone:1":
        ecs.register(state, {"family": "gone", "containerDefinitions": CONTAINERS})
        ecs.deregister(state, "gone:1")
    if params.get("service") == "leaving":
        service_arn = ecs.create_service(state, {**SERVICE, "serviceName": "leaving"})["serviceArn"]
        sandbox.pass_time(60)
        ecs.delete_service(state, service_arn)
    with pytest.raises(ClientError) as raised:
        call(sandbox, service, operation, params)
    answer = raised.value.response["Error"]
    assert answer["Code"] == code
    assert words in answer["Message"]
