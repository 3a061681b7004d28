"""Roles that exist: the stack passes them to ECS and adds nothing to them."""

from __future__ import annotations

import json

import pytest

from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.planned import planned
from fsdcf.cloudformation.references import depends_on
from fsdcf.plan.access import access
from fsdcf.plan.permissions.policy import permissions
from tests.conftest import HELLO, Compile

ROLE = "arn:aws:iam::123456789012:role/shop"
QUEUE = 'dependencies:\n  - {type: aws_sqs_queue, name: "${ENV}-orders"}\n'


@pytest.mark.parametrize(("key", "title"), [("taskRole", "TaskRole"), ("executionRole", "ExecutionRole")])
def test_the_statements_are_those_that_the_compiler_would_have_given(compiled: Compile, key: str, title: str) -> None:
    own, existing = (compiled(HELLO + text + QUEUE) for text in ("", f"  {key}: {{arn: '{ROLE}'}}\n"))
    assert own.template and existing.template
    assert [one.code for one in existing.diagnostics if one.code == "W196"] == ["W196"]
    text = json.dumps({name: one.get("Properties") for name, one in existing.template.data["Resources"].items()})
    assert title not in existing.template.data["Resources"] and f'"{title}"' not in text

    before = {
        (row.actions, row.resources, row.conditions)
        for row in access(planned(own.template.data))
        if row.kind == "identity" and title in row.principals
    }
    rows = [row for row in access(planned(existing.template.data)) if row.kind == "needed"]
    assert {(row.actions, row.resources, row.conditions) for row in rows} == before and before
    assert {row.principals for row in rows} == {(ROLE,)} and {row.effect for row in rows} == {"Need"}

    stack = DeployedStack("shop-staging", existing.template.data)
    (passed,) = [one for one in permissions([stack], "arn:b").statements if one.sid == "PassRole"]
    assert ROLE in passed.resources and not any(f"-{title}-" in one for one in passed.resources)


def test_without_roles_of_its_own_a_stack_passes_the_existing_ones_alone(compiled: Compile) -> None:
    result = compiled(f"{HELLO}  taskRole: {{arn: '{ROLE}'}}\n  executionRole: {{arn: '${{import:start}}'}}\n{QUEUE}")
    assert result.template
    needed = permissions([DeployedStack("shop-staging", result.template.data)], "arn:b")
    assert {one.sid for one in needed.statements if one.sid.startswith(("PassRole", "Roles"))} == {"PassRole"}
    waits = {name for one in result.template.data["Resources"].values() for name in depends_on(one)}
    assert waits <= result.template.data["Resources"].keys(), "nothing waits for a policy that is not there"
