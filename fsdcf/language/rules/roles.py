"""Rules about the IAM statements of the task role and the execution role."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fsdcf.diagnostics import SpecPath
from fsdcf.language.model.common import Statement
from fsdcf.language.placeholders import matches, reads_elsewhere, sample
from fsdcf.language.rules.case import Case, Problem, Problems, rule
from fsdcf.language.unknown import until_unknown
from fsdcf.links import TASK_ROLES

_ARN = r"(?s)arn:(aws[A-Za-z-]*|\*):[^:]+:[^:]*(:(\d{12}|\*|aws)?:.+)?"
_OPERATOR = re.compile(
    r"((ForAnyValue|ForAllValues):)?"
    r"(String(Not)?(Equals(IgnoreCase)?|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)"
    r"|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Bool)(IfExists)?"
    r"|Null|BinaryEquals"
)
"""Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
_POLICY_TEXT = re.compile(r"[\t\n\r -\u00ff]*")
"""The characters of a policy document. Source: PutRolePolicy in the API reference of IAM."""


def _statements(case: Case) -> Iterator[tuple[SpecPath, Statement]]:
    for name, role in (("taskRole", case.service.task_role), ("executionRole", case.service.execution_role)):
        for number, statement in enumerate(role.statements):
            yield ("service", name, "statements", number), statement


@rule(
    "S241",
    "an invalid IAM condition",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html",
)
def conditions(case: Case) -> Problems:
    """`conditions` maps each operator to context keys, and each context key to its values: text, numbers, booleans,
    or lists of them."""
    for path, statement in _statements(case):
        yield from until_unknown(_conditions((*path, "conditions"), statement))


def _conditions(path: SpecPath, statement: Statement) -> Problems:
    hint = "write a condition such as `StringEquals: {aws:ResourceTag/team: shop}`"
    for operator, keys in statement.conditions.items():
        if not _OPERATOR.fullmatch(str(operator)):
            yield Problem((*path, operator), f"`{operator}` is not an operator of IAM", hint, key=True)
        if not isinstance(keys, dict) or not keys:
            yield Problem((*path, operator), f"`{operator}` contains no context keys", hint, key=True)
            continue
        for key, values in keys.items():
            listed = values if isinstance(values, list) else [values]
            if not listed or any(value is None or isinstance(value, (dict, list)) for value in listed):
                yield Problem((*path, operator, key), f"`{key}` has no value that IAM can compare", hint, key=True)
            elif operator == "Null" and {str(value).lower() for value in listed} - {"true", "false"}:
                yield Problem((*path, operator, key), "`Null` compares with true or false", "write true or false")
            elif not all(_POLICY_TEXT.fullmatch(f"{key}{value}") for value in listed):
                message = f"`{key}` contains a character that a policy cannot contain"
                yield Problem((*path, operator, key), message, _LATIN)


_LATIN = "use the characters of Latin-1, or a wildcard: `*` or `?`"


@rule(
    "S270",
    "statements with the same sid",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html",
)
def sids(case: Case) -> Problems:
    """The statements of a role are one policy, and within a policy each `sid` is unique."""
    seen = set()
    for path, statement in _statements(case):
        if statement.sid and (path[1], statement.sid) in seen:
            message = f"another statement also has the sid `{statement.sid}`"
            yield Problem((*path, "sid"), message, "give each its own sid, or leave it out")
        seen.add((path[1], statement.sid))


@rule(
    "S271",
    "a resource that IAM rejects",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html",
)
def resources(case: Case) -> Problems:
    """A resource of a statement is an ARN, in which `*` and `?` are wildcards, or `*` alone. Policies contain the
    characters of Latin-1 only."""
    for path, statement in _statements(case):
        for index, resource in enumerate(statement.resources):
            text = sample(resource)
            if text != "*" and not matches(_ARN, resource):
                message = f"`{resource}` is not an ARN"
                hint = "write an ARN such as arn:${AWS::Partition}:s3:::my-bucket/*, or the `arn` of a dependency"
                yield Problem((*path, "resources", index), message, hint)
            elif not _POLICY_TEXT.fullmatch(text):
                message = f"`{resource}` contains a character that a policy cannot contain"
                yield Problem((*path, "resources", index), message, _LATIN)


@rule(
    "S586",
    "a key without effect on an existing role",
    TASK_ROLES,
)
def existing_roles(case: Case) -> Problems:
    """`taskRole.arn` and `executionRole.arn` name roles that exist, in the account of the stack: the stack adds neither
    statements nor policies nor a permissions boundary to them."""
    account = case.settings.environment.account if case.settings else None
    roles = {"taskRole": case.service.task_role, "executionRole": case.service.execution_role}
    for name, role in roles.items():
        at = f"service.{name}"
        for key in ("statements", "managedPolicies") if role.arn is not None else ():
            if case.wrote(f"{at}.{key}"):
                message = f"the stack adds no `{key}` to an existing role"
                yield Problem(f"{at}.{key}", message, "add them to the role itself, and leave them out here", key=True)
        found = sample(role.arn).split(":")[4:5] if role.arn is not None and not reads_elsewhere(role.arn) else []
        if account and found and found[0].isdecimal() and found != [account]:
            message = f"the role is in the account {found[0]}, and the environment is in {account}"
            yield Problem(f"{at}.arn", message, f"use a role of {account}, which may assume one of another account")
    if case.service.permissions_boundary is not None and all(role.arn is not None for role in roles.values()):
        message = "both roles exist, and keep their own permissions boundary"
        yield Problem("service.permissionsBoundary", message, "leave it out", key=True)


@rule(
    "W196",
    "an existing role that must have the permissions of the service",
    TASK_ROLES,
)
def foreign_roles(case: Case) -> Problems:
    """The stack adds nothing to a role that it does not make. `fsdcf access` lists the statements that the compiler
    would have given to the role: without them in its policies, tasks cannot start, or their calls are denied. The role
    must also trust `ecs-tasks.amazonaws.com`."""
    for name, role in (("taskRole", case.service.task_role), ("executionRole", case.service.execution_role)):
        if role.arn is not None:
            message = "the stack adds no permission to an existing role"
            hint = "add the statements that `fsdcf access` lists for it, then silence this warning"
            yield Problem(f"service.{name}.arn", message, hint)


@rule("W105", "a wildcard in a statement")
def wildcards(case: Case) -> Problems:
    """`*` in actions or resources allows more than the service needs, and the extra access is easy to overlook."""
    for path, statement in _statements(case):
        if statement.effect != "Allow":
            continue
        for index, action in enumerate(statement.actions):
            if action == "*" or action.endswith(":*"):
                yield Problem(
                    (*path, "actions", index), f"`{action}` allows more than the service needs", "name the actions"
                )
        for index, resource in enumerate(statement.resources):
            if sample(resource) == "*":
                yield Problem((*path, "resources", index), "`*` matches every resource", "name the resources")
