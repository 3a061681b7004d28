"""``fsdcf explain --failure``: what is printed of a message of AWS, its exit codes, and what a spec adds."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli

SPEC = (
    "apiVersion: fsd/v1\nkind: Service\nmetadata:\n  name: shop\nservice:\n  image: ghcr.io/acme/shop\n  port: 8000\n"
    "  imageCredentials: secretsmanager:shop/registry\n  healthCheck:\n    path: /up\n"
)
UNHEALTHY = "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:x)"
DENIED = "CannotPullContainerError: failed to resolve ref ghcr.io/acme/shop:1: failed to fetch anonymous token: 401"
OUT_OF_MEMORY = "EssentialContainerExited\nEssential container in task exited\nExit code: 137"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FSDCF_ENV", raising=False)
    Path("shop.yml").write_text(SPEC, encoding="utf-8")
    return "shop.yml"


def explain(*words: str, stdin: str = "", code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["explain", *words], input=stdin)
    assert result.exit_code == code, result.output
    return result


def test_without_a_spec() -> None:
    out = explain("--failure", UNHEALTHY).stdout
    assert out.startswith("cause: the load balancer's health check fails\n")
    assert "(service.healthCheck.path)" in out and "-->" not in out
    assert out.endswith("  next: fsdcf healthcheck SPEC --url http://127.0.0.1:8000\n")


def test_a_spec_adds_numbers_lines_and_names(spec: str) -> None:
    out = explain("--failure", UNHEALTHY, "--spec", spec, "--env", "prod").stdout
    assert "the check requests /up on port 8000" in out
    assert "   --> shop.yml:10\n    10 |     path: /up\n" in out
    assert "  next: fsdcf healthcheck shop.yml --env prod --url http://127.0.0.1:8000\n" in out
    out = explain("--failure", OUT_OF_MEMORY, "--spec", spec, "--env", "prod").stdout
    assert "; the task has 512 MiB" in out and "next: fsdcf logs shop --env prod" in out
    out = explain("--failure", DENIED, "--spec", spec).stdout
    assert "renew the user and the token in the secret of imageCredentials" in out
    assert "shop.yml:8" in out and "docker manifest inspect ghcr.io/acme/shop:1" in out


def test_a_template_has_numbers_and_no_name(spec: str) -> None:
    template = CliRunner().invoke(cli, ["template", spec, "--no-lint"]).stdout
    Path("shop.template.yml").write_text(template, encoding="utf-8")
    out = explain("--failure", OUT_OF_MEMORY, "--spec", "shop.template.yml").stdout
    assert "; the task has 512 MiB" in out and out.endswith("next: fsdcf logs SPEC\n") and "-->" not in out


def test_standard_input_and_a_file(tmp_path: Path) -> None:
    data = {"tasks": [{"stopCode": "TaskFailedToStart", "stoppedReason": DENIED, "containers": []}]}
    Path(tmp_path, "tasks.json").write_text(json.dumps(data), encoding="utf-8")
    expected = explain("--failure", DENIED).stdout
    assert "the GitHub Container Registry" in expected
    assert explain("--failure", "-", stdin=json.dumps(data)).stdout == expected
    assert explain("--file", str(tmp_path / "tasks.json")).stdout == expected
    result = CliRunner().invoke(cli, ["explain", "--failure", "-"], input=b"\xff " + DENIED.encode())
    assert result.exit_code == 0 and result.stdout == expected
    assert explain("--failure", "\udcff\n" + DENIED).stdout == expected
    Path(tmp_path, "bytes").write_bytes(b"\xff\xfe" + DENIED.encode())
    assert explain("--file", str(tmp_path / "bytes")).stdout == expected


def test_several_messages_are_told_apart() -> None:
    events = "(service shop) has reached a steady state.\n(service shop) operations are being throttled."
    first, second = explain("--failure", events).stdout.split("\n\n")
    assert first.startswith("cause: AWS limits") and "  message: (service shop) operations are" in first
    assert "  passing: " in first and second.startswith("meaning: this is not a failure")


def test_json(spec: str) -> None:
    data = json.loads(explain("--failure", UNHEALTHY, "--spec", spec, "--format", "json").stdout)
    (failure,) = data["failures"]
    assert data["known"] and failure["name"] == "check" and failure["key"] == "service.healthCheck.path"
    assert failure["spec"] == {"file": "shop.yml", "line": 10, "column": 5, "text": "    path: /up"}
    assert failure["conclusive"] and not failure["passing"] and failure["message"] == UNHEALTHY
    assert {*failure} == {"name", "message", "cause", "advice", "key", "spec", "next", "conclusive", "passing"}
    data = json.loads(explain("--failure", "hello", "--format", "json", code=1).stdout)
    assert not data["known"] and data["failures"][0]["name"] == "" and data["failures"][0]["advice"]


@pytest.mark.parametrize(
    ("message", "where"),
    [
        ("hello", "a line of the application's log"),
        ("TaskFailedToStart\nSomething new happened to the task", "stopped-task-error-codes.html"),
        ("(service shop) did something new", "service-event-messages-list.html"),
        ("It went wrong (HandlerErrorCode: GeneralServiceException)", "_FAILED"),
    ],
)
def test_an_unknown_message_says_where_to_look(message: str, where: str) -> None:
    out = explain("--failure", message, code=1).stdout
    assert out.startswith("not known: ") and where in out and "next:" not in out


def test_secrets_in_a_message_are_masked() -> None:
    for message in ("hello https://user:hunter2@example.com/", "DB_PASSWORD=hunter2 python app.py", 'TOKEN="hunter2"'):
        out = explain("--failure", message, code=1).stdout
        assert "hunter2" not in out and "********" in out
    key = "AKIA" + "A" * 16
    command = f'CannotStartContainerError: runc: exec: "run {key} --url=x://u:hunter2@h API_KEY=hunter2": not found'
    for form in ("text", "json"):
        out = explain("--failure", command, "--format", form).stdout
        assert key not in out and "hunter2" not in out and "the command run ********" in out
    assert (
        "expired" in explain("--failure", "ExpiredToken: The security token included in the request is expired").stdout
    )


def test_a_long_text_is_masked_at_once(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("x://" + "a:" * 400_000 + '\nTOKEN="' * 9_000)
    begun = time.monotonic()
    explain("--file", str(tmp_path / "long.txt"), code=1)
    assert time.monotonic() - begun < 5


def test_no_control_character_is_printed() -> None:
    text = 'CannotStartContainerError: exec: "\x9b31mrun\x1b]0;title\x07\x85\x7f\x1b[2J\u202e": not found'
    for form in ("text", "json"):
        out = explain("--failure", text, "--format", form).stdout
        assert "the command run is not" in out and all(one.isprintable() or one == "\n" for one in out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--failure"),
        (("--failure", ""), "is empty"),
        (("--failure", " \n "), "is empty"),
        (("--failure", "-"), "is empty"),
        (("S203", "--failure", "x"), "exclude each other"),
        (("--failure", "x", "--file", "y"), "exclude each other"),
        (("--file", "/does/not/exist"), "cannot read"),
        (("--failure", "x", "--spec", "/does/not/exist"), "cannot read"),
        (("--failure", "x", "--env", "prod"), "need --spec"),
        (("S203", "--spec", "x.yml"), "need --failure"),
        (("S203", "--format", "json"), "need --failure"),
    ],
)
def test_usage_errors(words: tuple[str, ...], said: str) -> None:
    assert said in explain(*words, code=2).stderr
