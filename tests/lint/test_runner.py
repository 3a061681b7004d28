"""cfn-lint in-process: what it finds, in which order, and that nothing outside changes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest

from fsdcf.lint.runner import CONFIGURATION, Finding, Linter
from tests.lint.templates import CLEAN, DELAY, ERROR, INFORMATIONAL, WARNING, template

ROOT = Path(__file__).resolve().parents[2]

HOSTILE = """
import json, socket, sys

def refuse(*_, **__):
    raise AssertionError("the network was used")

socket.socket.connect = refuse
socket.getaddrinfo = refuse
from dataclasses import asdict
from fsdcf.lint.runner import Linter

linter = Linter()
found = [[asdict(one) for one in linter.lint(text)] for text in json.load(sys.stdin)]
from cfnlint.config import ConfigMixIn
from cfnlint.schema.manager import ProviderSchemaManager

schemas = ProviderSchemaManager()._resolve_schema_dirs()[0]
json.dump({"found": found, "schemas": str(schemas), "ignored": ConfigMixIn([]).ignore_checks}, sys.stdout)
"""
"""Lints what it reads; then shows that cfn-lint, left to itself, would have listened to the surroundings."""


def test_a_clean_template(linter: Linter) -> None:
    assert linter.lint(CLEAN) == ()


@pytest.mark.parametrize(
    ("text", "rule", "severity", "path"),
    [
        (ERROR, "E3034", "error", DELAY),
        (WARNING, "W2001", "warning", ("Parameters", "Spare")),
        (INFORMATIONAL, "I3042", "informational", ("Resources", "OrdersQueue", "Properties", "QueueName", "Fn::Sub")),
        ("{", "E0000", "error", ()),
        ("[]", "E0000", "error", ()),
    ],
)
def test_each_severity(linter: Linter, text: str, rule: str, severity: str, path: tuple[str | int, ...]) -> None:
    (found,) = linter.lint(text)
    assert (found.rule, found.severity, found.path) == (rule, severity, path)
    assert found.message


def test_an_index_in_a_path_is_a_number(linter: Linter) -> None:
    (found,) = linter.lint(template(Tags=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d", "Bogus": "e"}]))
    assert found.path == ("Resources", "OrdersQueue", "Properties", "Tags", 1, "Bogus")
    assert found.url.startswith("https://")


def test_the_order_is_fixed_and_independent_of_previous_templates(linter: Linter) -> None:
    many = template(DelaySeconds=9_999, VisibilityTimeout=99_999, Bogus=1)
    first = linter.lint(many)
    assert [one.rule for one in first] == ["E3002", "E3034", "E3034"]
    assert linter.lint(CLEAN) == ()
    assert linter.lint(many) == first


def test_linting_leaves_the_configuration_alone(linter: Linter) -> None:
    before = deepcopy(CONFIGURATION)
    linter.lint(ERROR)
    assert before == CONFIGURATION
    assert CONFIGURATION["regions"] == ["us-east-1"]


def test_a_finding_is_immutable() -> None:
    with pytest.raises(FrozenInstanceError):
        Finding("E3034", (), "text", "error").rule = "E1"  # type: ignore[misc]


def test_the_environment_does_not_change_the_findings(linter: Linter, tmp_path: Path) -> None:
    texts = [CLEAN, ERROR, WARNING, INFORMATIONAL]
    home, work, caches = hostile_surroundings(tmp_path)
    environ = {
        **{name: value for name, value in os.environ.items() if name == "SYSTEMROOT"},
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CACHE_HOME": str(caches),
        "LOCALAPPDATA": str(caches),
        "PYTHONPATH": str(ROOT),
        "AWS_REGION": "nowhere-1",
        "AWS_DEFAULT_REGION": "nowhere-2",
    }
    command = [sys.executable, "-c", HOSTILE]
    done = subprocess.run(command, input=json.dumps(texts), cwd=work, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["schemas"].startswith(str(tmp_path)) and answer["ignored"] == ["E", "W", "I"], "nothing was hostile"
    expected = json.loads(json.dumps([[asdict(one) for one in linter.lint(text)] for text in texts]))
    assert answer["found"] == expected


def hostile_surroundings(folder: Path) -> tuple[Path, Path, Path]:
    """A home, a current folder and a cache folder that would each change cfn-lint's findings."""
    home, work = folder / "home", folder / "work"
    caches = home / "Library" / "Caches"
    work.mkdir()
    schemas = caches / "aws" / "cfn-lint" / "schemas"
    for name in ("providers", "resources"):
        (schemas / name).mkdir(parents=True)
    (schemas / "version.json").write_text('{"schema_date": "2999-01-01T00:00:00Z"}')
    (schemas / "providers" / "us-east-1.json").write_text('{"AWS::Made::Up": "0"}')
    (schemas / "resources" / "0.json").write_text('{"typeName": "AWS::Made::Up"}')
    for place in (home, work):
        (place / ".cfnlintrc").write_text("ignore_checks: [E, W, I]\nregions: [eu-west-1]\n")
    return home, work, caches
