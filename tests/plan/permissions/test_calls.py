"""The table of the engine's calls says what the engine's source says."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path

import botocore.session
import pytest

from fsdcf.cloudformation.permissions import is_action
from fsdcf.plan.permissions.policy import CALLS, IMPORTING, KEEPING_SECRETS, OPERATING, actions_of, pushing
from tests.conftest import ROOT

ENGINE = [
    *(one for one in sorted((ROOT / "fsdcf" / "deploy").rglob("*.py")) if "permissions" not in one.parts),
    ROOT / "fsdcf" / "cli" / "review.py",
    ROOT / "fsdcf" / "operate" / "drift.py",
]
"""The engine, what ``fsdcf deploy`` reads beside it, and the look for drift before it."""


@cache
def operations(service: str) -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_service_model(service).operation_names)


@cache
def available() -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_available_services())


def pairs(file: Path) -> Iterator[tuple[str, str]]:
    """The calls of a file: a service and an operation, which begins with a capital letter, written next to each
    other."""
    services = available()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            words = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
            yield from (
                (str(a), b)
                for a, b in pairwise(words)
                if a in services and isinstance(b, str) and b.isidentifier() and b[0].isupper()
            )


def named_operations(file: Path) -> set[str]:
    """The operations of the services in the table that a file names, wherever it does."""
    names = frozenset().union(*(operations(service) for service in CALLS))
    found = (
        node.value for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Constant)
    )
    return {one for one in found if isinstance(one, str) and one in names}


def test_every_call_of_the_engine_is_in_the_table() -> None:
    missing = {
        f"{file.name}: {service} {operation}"
        for file in ENGINE
        for service, operation in pairs(file)
        if operation not in {*CALLS.get(service, ()), *IMPORTING.get(service, ())}
    }
    assert not missing


def test_the_table_holds_what_the_engine_names_and_no_more() -> None:
    named = set().union(*(named_operations(file) for file in ENGINE))
    assert named == set().union(*CALLS.values(), *IMPORTING.values())


def test_the_reader_of_calls_sees_calls() -> None:
    assert sum(len(list(pairs(file))) for file in ENGINE) >= 15


@pytest.mark.parametrize(
    "calls", [CALLS, IMPORTING, OPERATING, KEEPING_SECRETS], ids=["deploy", "import", "operate", "secrets"]
)
def test_the_operations_exist(calls: Mapping[str, frozenset[str]]) -> None:
    for service, named in calls.items():
        assert named <= operations(service)


def test_the_actions_exist() -> None:
    actions = set(actions_of(CALLS))
    known_elsewhere = {"cloudwatch:DescribeAlarms"}
    known_elsewhere |= {f"application-autoscaling:{name}" for name in OPERATING["application-autoscaling"]}
    actions |= {*actions_of(OPERATING), *actions_of(KEEPING_SECRETS)}
    assert [one for one in actions - known_elsewhere if not is_action(one)] == []
    assert "sts:GetCallerIdentity" not in actions
    assert {"s3:ListBucket", "s3:GetObject", "cloudformation:TagResource"} <= actions


def test_every_call_of_a_push_is_in_its_permissions() -> None:
    called = {pair for file in (ROOT / "fsdcf" / "images").glob("*.py") for pair in pairs(file)}
    allowed = {action for one in pushing([("*", {"a": "b"})]).statements for action in one.actions}
    assert {f"{service}:{operation}" for service, operation in called} <= allowed
    assert len(called) >= 5
