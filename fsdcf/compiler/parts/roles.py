"""The execution role, by which ECS starts the service, and the task role, by which the service acts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from troposphere import GetAtt, Ref, iam

from fsdcf.compiler.parts.image import repository_arn
from fsdcf.compiler.parts.secrets import ContainerSecret
from fsdcf.compiler.stack import PropertyPath, Stack
from fsdcf.compiler.text import Attributes, fragment, intrinsic, value
from fsdcf.language.model.common import Statement
from fsdcf.language.model.service import Spec
from fsdcf.language.placeholders import String, sample

VERSION = "2012-10-17"
_PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
_EXEC = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]

_BOUNDARY: dict[PropertyPath, str] = {("PermissionsBoundary",): "service.permissionsBoundary"}


def add_task_role(stack: Stack, spec: Spec) -> None:
    """``TaskRole``. What dependencies and the spec grant are policies of their own, so that they may name what names the role."""
    policies = []
    if spec.service.enable_execute_command:
        policies.append(_inline("ExecuteCommand", [allow(_EXEC, ["*"])]))
    stack.add(
        _role("TaskRole", policies, spec),
        "service.taskRole",
        {("Policies",): "service.enableExecuteCommand", **_BOUNDARY},
    )


def add_execution_role(
    stack: Stack, spec: Spec, secrets: Iterable[ContainerSecret], attributes: Attributes
) -> tuple[str, ...]:
    """``ExecutionRole``: pull this image, write to this log group, read these secrets. The service waits for what is returned."""
    wanted: list[tuple[str, dict[str, Any]]] = []
    repository = repository_arn(spec)
    if repository:
        wanted.append(("service.image", allow(["ecr:GetAuthorizationToken"], ["*"])))
        wanted.append(("service.image", allow(_PULL, [intrinsic(repository)])))
    if spec.service.observability.logs.enabled:
        write = allow(["logs:CreateLogStream", "logs:PutLogEvents"], [GetAtt("LogGroup", "Arn")])
        wanted.append(("service.observability.logs", write))
    wanted += _secret_statements(secrets, spec)
    policies = [_inline("Start", [statement for _, statement in wanted])] if wanted else []
    inside: PropertyPath = ("Policies", 0, "PolicyDocument", "Statement")
    sources = {(*inside, number): cause for number, (cause, _) in enumerate(wanted)} | _BOUNDARY
    stack.add(_role("ExecutionRole", policies, spec), "service.executionRole", sources)
    return add_statements(stack, "ExecutionRole", spec.service.execution_role.statements, attributes)


def add_statements(
    stack: Stack, role: str, statements: tuple[Statement, ...], attributes: Attributes
) -> tuple[str, ...]:
    """The spec's own statements for a role, as a policy of their own."""
    if not statements:
        return ()
    path = "service.taskRole" if role == "TaskRole" else "service.executionRole"
    documents = [_written(statement, attributes) for statement in statements]
    return add_policy(stack, f"{role}Statements", "Statements", role, documents, f"{path}.statements")


def add_policy(
    stack: Stack, title: str, name: str, role: str, statements: Iterable[Mapping[str, Any]], origin: str
) -> tuple[str, ...]:
    """A policy of its own for a role; its logical id, to wait for."""
    policy = iam.PolicyType(title, PolicyName=name, PolicyDocument=_document(statements), Roles=[Ref(role)])
    stack.add(policy, origin, {("PolicyDocument",): origin})
    return (title,)


def allow(actions: Iterable[str], resources: list[Any]) -> dict[str, Any]:
    """An IAM statement that allows actions on resources."""
    return {"Effect": "Allow", "Action": sorted(actions), "Resource": resources}


def _written(statement: Statement, attributes: Attributes) -> dict[str, Any]:
    out: dict[str, Any] = {"Sid": statement.sid} if statement.sid else {}
    out |= {"Effect": statement.effect, "Action": list(statement.actions)}
    out["Resource"] = [value(resource, attributes) for resource in statement.resources]
    if statement.conditions:
        out["Condition"] = _conditions(statement.conditions, attributes)
    return out


def _conditions(data: Any, attributes: Attributes) -> Any:
    if isinstance(data, Mapping):
        return {key: _conditions(data[key], attributes) for key in sorted(data)}
    if isinstance(data, list):
        return [_conditions(item, attributes) for item in data]
    return (
        str(data).lower()
        if isinstance(data, bool)
        else data
        if isinstance(data, (int, float))
        else value(data, attributes)
    )


def _secret_statements(secrets: Iterable[ContainerSecret], spec: Spec) -> list[tuple[str, dict[str, Any]]]:
    """A statement for each action, with the part of the spec that names its secrets."""
    by_action: dict[str, list[ContainerSecret]] = {}
    for secret in secrets:
        by_action.setdefault(secret.action, []).append(secret)
    return [
        (_cause(found, spec), allow([action], [intrinsic(arn) for arn in sorted({one.resource for one in found})]))
        for action, found in sorted(by_action.items())
    ]


def _cause(secrets: list[ContainerSecret], spec: Spec) -> str:
    """The path of the only secret; else that of the list, or of the variables, which hold them."""
    in_environment = [one.name for one in secrets if one.name in spec.service.environment]
    if len(in_environment) < len(secrets):
        return "service.secrets"
    return f"service.environment.{in_environment[0]}" if len(in_environment) == 1 else "service.environment"


def _role(title: str, policies: list[Any], spec: Spec) -> iam.Role:
    """A role that ECS takes for tasks of this account alone, as AWS recommends against a confused deputy.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}},
    }
    role = iam.Role(title, AssumeRolePolicyDocument=_document([trust]))
    if policies:
        role.Policies = policies
    if spec.service.permissions_boundary is not None:
        role.PermissionsBoundary = _policy_arn(spec.service.permissions_boundary)
    return role


def _policy_arn(written: String) -> Any:
    """The ARN of a policy that is named, or written as an ARN."""
    if sample(written).startswith("arn:"):
        return value(written)
    return intrinsic(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{fragment(written, {})}")


def _inline(name: str, statements: Iterable[Mapping[str, Any]]) -> iam.Policy:
    return iam.Policy(PolicyName=name, PolicyDocument=_document(statements))


def _document(statements: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {"Version": VERSION, "Statement": [dict(statement) for statement in statements]}
