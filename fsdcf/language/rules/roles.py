"""Rules about the IAM statements of the task role and the execution role."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.diagnostics import SpecPath
from fsdcf.language.model.common import Statement
from fsdcf.language.placeholders import sample
from fsdcf.language.rules.case import Case, Problem, Problems, rule
from fsdcf.language.unknown import until_unknown


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
        if not isinstance(keys, dict) or not keys:
            yield Problem((*path, operator), f"`{operator}` contains no context keys", hint, key=True)
            continue
        for key, values in keys.items():
            listed = values if isinstance(values, list) else [values]
            if not listed or any(value is None or isinstance(value, (dict, list)) for value in listed):
                yield Problem((*path, operator, key), f"`{key}` has no value that IAM can compare", hint, key=True)


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
