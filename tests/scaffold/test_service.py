"""The services that init writes: their golden files, and the consistency of spec and image."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from fsdcf.cli.commands.init import SCHEMA
from fsdcf.lint.runner import Linter
from fsdcf.pipeline import Request, run
from fsdcf.scaffold.service import KINDS, service
from tests.scaffold.services import data_layer, written

GOLDEN = Path(__file__).parent / "golden"
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_golden(kind: str) -> None:
    files = service(kind, "shop", 8000, "team-shop", SCHEMA)
    text = "".join(f"==> {path}\n{text}" for path, text in files.items())
    golden = GOLDEN / f"{kind}.txt"
    if os.environ.get("FSDCF_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == text, (
        "differs from the golden file: make golden, and read the difference"
    )


@each_kind
def test_the_spec_compiles_without_warnings(kind: str, tmp_path: Path) -> None:
    assert compiled(kind, tmp_path, "prod")


@each_kind
def test_the_template_is_clean(kind: str, tmp_path: Path, linter: Linter) -> None:
    spec = written(kind, tmp_path) / "shop.yml"
    result = run(Request(str(spec), spec.read_bytes(), "staging"), linter.lint)
    assert result.template is not None and not result.diagnostics


@each_kind
def test_names_and_ports_in_all_files(kind: str) -> None:
    files = service(kind, "big-ledger", 9000, "team one", SCHEMA)
    assert "big-ledger.yml" in files and "owners: team one\n" in files["big-ledger.yml"]
    text = "".join(files.values())
    assert "8000" not in text and "shop" not in text
    assert all(re.search(r"\b9000\b", files[name]) for name in ("big-ledger.yml", "Dockerfile", "app/__main__.py"))
    assert not re.search(r"\{=|=\}|\{%|%\}", text)


def compiled(kind: str, folder: Path, environment: str = "staging") -> dict[str, Any]:
    """The resources of the template; without findings, except about certificate and zones."""
    spec = written(kind, folder) / "shop.yml"
    result = run(Request(str(spec), spec.read_bytes(), environment))
    assert result.template is not None
    assert {one.code for one in result.diagnostics} == ({"W112", "W123", "W210"} if environment == "prod" else set())
    resources: dict[str, Any] = result.template.data["Resources"]
    return resources


def container(resources: dict[str, Any]) -> dict[str, Any]:
    (one,) = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    return dict(one)


@each_kind
def test_the_image_s_health_check_is_the_container_s(kind: str, tmp_path: Path) -> None:
    check = container(compiled(kind, tmp_path))["HealthCheck"]
    dockerfile = (tmp_path / "Dockerfile").read_text(encoding="utf-8")
    words = re.search(r"^HEALTHCHECK .*\\\n  CMD (\[.*\])$", dockerfile, re.M)
    assert words and check["Command"] == ["CMD", *json.loads(words[1])]
    assert "http://127.0.0.1:8000/health" in check["Command"][-1]
    assert "timeout=4" in check["Command"][-1] and check["Timeout"] == 5


@each_kind
def test_the_image(kind: str, tmp_path: Path) -> None:
    folder = written(kind, tmp_path)
    instructions = re.findall(r"^([A-Z]+) (.+)$", (folder / "Dockerfile").read_text(encoding="utf-8"), re.M)
    order = [word for word, _ in instructions]
    assert order.index("COPY") < order.index("RUN") < order.index("USER") < order.index("CMD")
    assert dict(instructions)["USER"] == "1000:1000"
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", dict(instructions)["FROM"])
    for name in ("requirements.txt", "requirements-test.txt"):
        lines = [
            line for line in (folder / name).read_text(encoding="utf-8").splitlines() if line and line[0] not in "#-"
        ]
        assert lines and all(re.fullmatch(r"[A-Za-z0-9_.-]+(\[[a-z]+\])?==[0-9][0-9a-z.]*", line) for line in lines), (
            lines
        )
    ignored = (folder / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1:4] == ["*", "!app", "!requirements.txt"]


def test_sqlite_gets_its_environment_variables(tmp_path: Path) -> None:
    resources = compiled("sqlite-api", tmp_path)
    given = {one["Name"]: one["Value"] for one in container(resources)["Environment"]}
    settings = data_layer(tmp_path).Settings
    assert settings.of(given) == settings("/mnt/efs/app.db", "DELETE", "FULL", "EXCLUSIVE", 5000)
    assert settings.of({}) == settings("shop.db", "DELETE", "FULL", "EXCLUSIVE", 5000)


def test_sqlite_s_user_owns_the_files(tmp_path: Path) -> None:
    resources = compiled("sqlite-api", tmp_path)
    (point,) = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::EFS::AccessPoint"]
    user = re.search(r"^USER (\d+):(\d+)$", (tmp_path / "Dockerfile").read_text(encoding="utf-8"), re.M)
    assert user and point["PosixUser"] == {"Uid": user[1], "Gid": user[2]}


def test_a_task_that_waits_for_the_file_is_not_stopped(tmp_path: Path) -> None:
    resources = compiled("sqlite-api", tmp_path)
    wait = data_layer(tmp_path).LOCK_WAIT
    assert wait + 20 <= container(resources)["HealthCheck"]["StartPeriod"]
    assert wait + 20 <= resources["Service"]["Properties"]["HealthCheckGracePeriodSeconds"]


def test_dynamodb_gets_its_table(tmp_path: Path) -> None:
    resources = compiled("dynamodb-api", tmp_path)
    given = {one["Name"] for one in container(resources)["Environment"]}
    code = (tmp_path / "app" / "store.py").read_text(encoding="utf-8")
    (name,) = re.findall(r'^TABLE = "(\w+)"$', code, re.M)
    assert name in given
    (table,) = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::DynamoDB::Table"]
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    called = set(re.findall(r"_client\.((?:get|put|update|delete)_item|scan)\(", code))
    (policy,) = [
        one
        for one in resources.values()
        if one["Type"] == "AWS::IAM::Policy" and "dynamodb:" in json.dumps(one, default=str)
    ]
    allowed = json.dumps(policy, default=str)
    assert called == {"get_item", "put_item", "update_item", "delete_item", "scan"}
    assert all(f"dynamodb:{''.join(word.title() for word in one.split('_'))}" in allowed for one in called)
