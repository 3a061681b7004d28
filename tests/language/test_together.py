"""Rules about several specs: what none of them shows alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsdcf.compiler.dependencies import types
from fsdcf.diagnostics import Diagnostic
from fsdcf.language.dependency import ReachedService
from fsdcf.language.rules.together import Sibling, check_together
from fsdcf.language.shape import spec_record
from fsdcf.pipeline import Request, run, together
from tests.conftest import HELLO

TABLE = """\
dependencies:
  - type: aws_dynamodb_table
    name: {name}
    attributes: [{{name: id, type: S}}]
    keySchema: [{{name: id, type: HASH}}]
"""
UNMANAGED = "    unmanaged: {permissions: read}\n"
ENVIRONMENT = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\n"


def spec(name: str, more: str = "", file: str = "", environment: str = "staging") -> Sibling:
    text = HELLO.replace("name: hello", f"name: {name}") + more
    result = run(Request(file or f"{name}.yml", text.encode(), environment))
    assert result.sibling is not None, result.diagnostics
    return result.sibling


def environment(file: str) -> Sibling:
    sibling = run(Request(file, ENVIRONMENT.encode(), "prod")).sibling
    assert sibling is not None
    return sibling


def check(*siblings: Sibling) -> list[tuple[str, str, int]]:
    return [(one.code, one.span.file, one.span.line) for one in together(siblings).diagnostics]


def test_services_that_share_nothing_have_no_findings() -> None:
    assert check(spec("aa"), spec("bb"), environment("environments/staging.yml")) == []
    assert check(spec("aa")) == check() == []


def test_two_specs_of_one_stack() -> None:
    (found,) = together([spec("aa"), spec("bb"), spec("aa", file="other/aa.yml")]).diagnostics
    assert (found.code, found.span.file, found.path) == ("S476", "other/aa.yml", ("metadata", "name"))
    assert "`aa` is also in aa.yml:" in found.message
    assert check(spec("aa"), spec("aa", environment="prod")) == [], "each environment has a stack of its own"
    two = environment("environments/staging.yml"), environment("more/environments/staging.yml")
    assert check(*two) == [("S476", "more/environments/staging.yml", 3)]


@pytest.mark.parametrize(
    ("first", "second", "codes"),
    [
        ("${ENV}-orders", "${ENV}-orders", ["S477"]),
        ("staging-orders", "${ENV}-orders", ["S477"]),
        ("${AWS::AccountId}-orders", "${AWS::AccountId}-orders", ["S477"]),
        ("${ENV}-orders", "${ENV}-bills", []),
    ],
)
def test_a_physical_name_is_created_once(first: str, second: str, codes: list[str]) -> None:
    one, other = spec("aa", TABLE.format(name=first)), spec("bb", TABLE.format(name=second))
    found = together([one, other]).diagnostics
    assert [each.code for each in found] == codes
    assert all(f"`aa` creates `{second}`, too, in aa.yml:13" == each.message for each in found)
    assert all(each.path == ("dependencies", 0, "name") and each.span.file == "bb.yml" for each in found)


def test_an_existing_resource_may_be_used_by_all() -> None:
    table = TABLE.format(name="${ENV}-orders")
    assert check(spec("aa", table), spec("bb", table + UNMANAGED), spec("cc", table + UNMANAGED)) == []
    queue = "dependencies:\n  - type: aws_sqs_queue\n    name: ${ENV}-orders\n"
    assert check(spec("aa", table), spec("bb", queue)) == [], "a queue may have the name of a table"


@spec_record
class Called(ReachedService):
    name: str
    type: str = "aws_sqs_queue"


def calling(sibling: Sibling, *names: str) -> Sibling:
    assert sibling.service is not None
    return replace(sibling, service=replace(sibling.service, dependencies=tuple(Called(name=name) for name in names)))


def findings(*siblings: Sibling) -> tuple[Diagnostic, ...]:
    return check_together(siblings, {"aws_sqs_queue": replace(types()["aws_sqs_queue"], managed=lambda one: False)})


def test_a_service_that_no_spec_at_hand_describes() -> None:
    assert findings(calling(spec("aa"), "bb"), spec("bb")) == ()
    (found,) = findings(calling(spec("aa"), "bb", "userss"), spec("bb"), spec("users"))
    assert (found.code, "`userss`" in found.message, found.hint) == ("W160", True, "did you mean `users`?")
    (other,) = findings(calling(spec("aa"), "elsewhere"), spec("bb"))
    assert "describe aa, bb" in other.hint
