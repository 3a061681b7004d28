"""Names of files that try to be more than names, in every command and every format."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fsdcf.cli.main import cli
from tests.conftest import HELLO

PIECES = "\n::error::x\r##[error]y \x1b[31m\x07\x7f\x9b\u202e\u2028 `touch pwned` $(touch pwned) '\"|*<b>%0A"
NAME = f"a{PIECES}" + os.fsdecode(b"\xff.yml")
FORMATS = {"validate": ("text", "json", "github"), "graph": ("mermaid", "markdown", "dot", "svg")}
OTHERS = dict.fromkeys(("diff", "cost", "access"), ("text", "markdown", "json"))
ON_SERVICE = (
    *("status", "logs", "tasks", "history", "drift", "watch", "diagnose", "cancel", "recover", "rollback", "restart"),
    *("pause", "resume", "delete"),
)
COMMANDS: list[tuple[str, ...]] = [
    *((name, "{}", "--format", form) for name, forms in {**FORMATS, **OTHERS}.items() for form in forms),
    *(("diff", *sides) for sides in (("other.yml", "{}"), ("{}", "other.yml"), ("HEAD:{}", "{}"), ("{}:x", "{}"))),
    *(("cost", "{}", "other.yml"), ("cost", "other.yml", "--prices", "{}"), ("graph", "{}", "other.yml")),
    *(("template", "{}", "--no-lint", "-o", output) for output in ("{}", "{}.out", "{}/x", "{}.d/", "other.yml")),
    *(("template", "{}", "other.yml"), ("template", "missing{}"), ("validate", "{}", "--no-lint", "--strict")),
    *(("permissions", "{}"), ("bootstrap", "{}", "--github", "a/b")),
    *(("explain", "--file", "{}"), ("explain", "--failure", "x", "--spec", "{}"), ("explain", "{}")),
    *(
        ("advise", "storage", "--spec", "{}"),
        ("healthcheck", "{}"),
    ),
    ("deploy", "{}", "--sandbox", "--yes"),
    ("deploy", "{}", "--sandbox", "--yes", "--image-sha", "one", "--plan-only"),
    ("deploy", "{}", "--sandbox", "--yes", "--image-sha", "one", "--plan-only", "--json"),
    ("deploy", "{}", "other.yml", "--sandbox", "--yes", "--image-sha", "one", "--plan-only"),
    *((name, "{}", "--sandbox") for name in ON_SERVICE),
    *(("scale", "{}", "3", "--sandbox"), ("stop-task", "{}", "x", "--sandbox"), ("run", "{}", "--sandbox", "--", "ls")),
    *(("exec", "{}", "--sandbox", "--", "ls"), ("status", "missing{}", "--sandbox")),
    ("migrate-data", "{}", "--table", "t", "--from", "{}"),
    *(
        ("ci", "github", "{}"),
        ("ci", "github", "other.yml", "-o", "{}", "--check"),
        ("ci", "comment", "{}", "--env", "e"),
    ),
    *(("init", "shop", "-o", "{}"), ("init", "shop", "-o", "{}.new"), ("init", "environment", "staging", "-o", "{}")),
    ("init", "shop", "--template", "sqlite-api", "-o", "{}.folder"),
]


@pytest.fixture(scope="module", params=[HELLO, HELLO.replace("port:", "porrt:")], ids=["right", "wrong"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("hostile")
    try:
        (path / NAME).write_text(request.param)
    except OSError:
        pytest.skip("the file system does not take such a name")
    (path / "other.yml").write_text(HELLO.replace("name: hello", "name: users"))
    (path / "environments").mkdir()
    for command in ("init", "add -A", "-c user.name=a -c user.email=a@b commit -m x"):
        subprocess.run(["git", *command.split()], cwd=path, check=True, capture_output=True)
    return path


def fsdcf(folder: Path, *arguments: str, **more: str) -> str:
    environment = {"XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder), "FSDCF_ENV": "", **more}
    result = CliRunner().invoke(cli, arguments, env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result.output


def check(told: str) -> None:
    assert "bug in fsdcf" not in told
    lines = told.replace("\u200b", "").split("\n")  # it separates what a runner of GitHub would take for a command
    assert not [line for line in lines if not line.isprintable()]
    assert not [line for line in told.split("\n") if line.startswith(("::error::x", "##[error]y"))]


COMMAND = "::add-mask::a##[error]b.yml"
"""The name of a file that is a workflow command from its first character on."""


@pytest.mark.parametrize("folder", [HELLO], indirect=True, ids=["right"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_name_is_not_a_workflow_command(
    folder: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / COMMAND).write_text((folder / NAME).read_text())
    words = [word.replace("{}", COMMAND) for word in command]
    told = fsdcf(folder, *words, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY="", GITHUB_WORKSPACE=str(folder))
    lines = [line for line in told.split("\n") if not line.startswith(("::error ", "::warning ", "::group::"))]
    assert not [line for line in lines if line.lstrip().startswith("::add-mask")]
    if command[0] != "graph" and not {"json", "markdown"} & set(command):
        assert not [line for line in lines if "##[" in line]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_name_is_escaped_in_every_message(
    folder: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = (folder / NAME).read_text()
    told = fsdcf(folder, *(word.replace("{}", NAME) for word in command))
    check(told)
    assert (folder / NAME).read_text() == before, "the spec itself is never written"


@pytest.mark.parametrize("command", COMMANDS[:4], ids=" ".join)
def test_a_name_is_escaped_for_github(folder: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    summary = folder / "summary"
    names = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(folder), "GITHUB_STEP_SUMMARY": str(summary)}
    links = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/b", "GITHUB_SHA": "c"}
    told = fsdcf(folder, *(word.replace("{}", NAME) for word in command), **names, **links)
    check(told)
    fsdcf(folder, "deploy", NAME, "--sandbox", "--yes", **names, **links)
    if summary.exists():
        assert all(line.replace("\u200b", "").isprintable() for line in summary.read_text().split("\n"))


def test_a_suggested_command_works_when_it_is_pasted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "-x.yml").write_text(HELLO)
    for name in (NAME, "-x.yml"):
        given = f"./{name}" if name.startswith("-") else name
        told = fsdcf(folder, "deploy", "--sandbox", "--yes", "--json", "--", given)
        commands = json.loads(next(line for line in told.split("\n") if '"next"' in line))["next"]
        command = next(each for each in commands if each.startswith(("fsdcf deploy", "fsdcf validate")))
        words = subprocess.run(
            ["bash", "-c", f'fsdcf() {{ printf "%s\\0" "$@"; }}; {command}'], capture_output=True, check=True
        ).stdout.split(b"\0")
        assert os.fsencode(given) in words or os.fsencode(name) in words, command
        assert b"-x.yml" not in words
    assert not (folder / "pwned").exists()


def test_a_process_escapes_a_name_that_is_not_utf_8(folder: Path) -> None:
    for form in ("text", "json", "github"):
        done = subprocess.run(
            [sys.executable, "-m", "fsdcf", "validate", "--no-lint", "--format", form, NAME],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            check=False,
        )
        assert done.returncode in (0, 2)
        check(done.stdout.decode() + done.stderr.decode())


def test_a_very_long_name_is_an_error_of_the_file_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for name in ("a" * 5000, "a" * 251 + ".yml"):
        for command in ("template", "template other.yml --no-lint -o", "status --sandbox"):
            check(fsdcf(folder, *command.split(), name))
