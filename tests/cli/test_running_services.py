"""logs, restart, scale, exec and run, as a user meets them."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
from datetime import timezone
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from fsdcf.cli.commands.logs import log_time
from fsdcf.cli.render.logs import LogPrinter, ReaderGone, readable
from fsdcf.cli.runtime import OPERATING_COMMANDS
from fsdcf.cloudformation.limits import compact
from fsdcf.deploy.model import Exit
from fsdcf.deploy.run import Run, stop
from fsdcf.operate.logs import LogLine
from fsdcf.pipeline import Request, run
from fsdcf.plan.permissions.policy import OPERATING, actions_of
from fsdcf.sandbox import logs
from tests.cli.stage import SMALL, Stage, lines
from tests.conftest import ROOT

LONG_AGO = "3650d"
"""The sandbox's time is not this machine's."""

BY_NAME = [("logs",), ("restart",), ("scale", "2"), ("exec",), ("run", "--", "true"), ("tasks",), ("stop-task", "1")]
IDS = [words[0] for words in BY_NAME]


@cache
def template(execute: bool) -> str:
    """hello.yml compiled; lint has nothing to say here."""
    overrides = ("service.enableExecuteCommand=true",) if execute else ()
    result = run(Request("hello.yml", SMALL.encode(), "staging", overrides))
    assert result.template is not None
    return compact(result.template.data)


def stand(stage: Stage, execute: bool = False) -> None:
    """hello is deployed with the image ``one``."""
    tags = {"fsdcf:service": "hello", "fsdcf:environment": "staging"}
    stage.site.call(
        "CreateStack",
        StackName="hello-staging",
        TemplateBody=template(execute),
        Parameters=[{"ParameterKey": "ImageSha", "ParameterValue": "one"}],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    stage.site.clock.advance(900)
    assert stage.site.status("hello-staging") == "CREATE_COMPLETE"


def call(stage: Stage, words: tuple[str, ...], service: str, *more: str, expect: int) -> str:
    stage.folder.joinpath("session-manager-plugin").touch(mode=0o755)
    result = stage(words[0], service, *more, *words[1:], expect=expect)
    return result.stderr


@pytest.mark.parametrize("words", BY_NAME, ids=IDS)
def test_an_unknown_service_and_what_names_none(
    stage: Stage, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(stage.folder), prepend=os.pathsep)
    assert "the stack nobody-staging does not exist in us-east-1" in call(stage, words, "nobody", expect=2)
    assert "neither a spec file nor a service name" in call(stage, words, "No.Such", expect=2)


@pytest.mark.parametrize("words", BY_NAME, ids=IDS)
def test_a_missing_permission_is_one_sentence_and_exit_7(
    stage: Stage, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(stage.folder), prepend=os.pathsep)
    stand(stage, execute=True)
    more = ("--yes",) if words[0] in ("restart", "scale") else ()
    for operation in {"logs": ["FilterLogEvents"], "exec": ["DescribeServices", "ExecuteCommand"]}.get(
        words[0], ["DescribeServices"]
    ):
        stage.site.fault(f"api:{operation}:error=AccessDeniedException")
        told = call(stage, words, "hello", *more, expect=7)
        assert f":{operation}" in told and "denied: no permission for " in told and "Traceback" not in told


def test_logs_in_a_pipe_and_as_json(stage: Stage) -> None:
    stand(stage)
    shown = stage("logs", "hello.yml", "--since", LONG_AGO).stdout.splitlines()
    assert len(shown) == 6 and all(line[10] == "T" and line[23] == "Z" for line in shown)
    assert {line.split(" ", 2)[2] for line in shown} == {
        "[sandbox] No container runs: the lines of this log are made up",
        "[sandbox] Starting hello (hello:one)",
        "[sandbox] Waiting for work",
    }
    assert len({line.split(" ")[1] for line in shown}) == 2, "two tasks, each by its whole id"
    records = lines(stage("logs", "hello", "--since", LONG_AGO, "--filter", "Waiting", "--json"))
    assert [one["event"] for one in records] == ["line", "line", "ended"]
    assert (
        records[0]["text"] == "[sandbox] Waiting for work"
        and records[0]["container"] == "hello"
        and records[0]["time"].endswith("Z")
    )
    assert len({one["id"] for one in records[:2]}) == 2 and records[-1]["sentence"] == "2 lines of hello-staging"


def test_logs_of_one_task_and_the_last_lines(stage: Stage) -> None:
    stand(stage)
    task = stage("logs", "hello", "--since", LONG_AGO).stdout.split(" ")[1]
    one = stage("logs", "hello", "--since", LONG_AGO, "--task", f"arn:aws:ecs:x:0:task/c/{task}").stdout.splitlines()
    assert len(one) == 3 and all(line.split(" ")[1] == task for line in one)
    assert (
        stage("logs", "hello", "--since", LONG_AGO, "--task", task[:8], "--tail", "1").stdout.splitlines() == one[-1:]
    )
    assert "no lines of the task 0000 in the last" in stage("logs", "hello", "--task", "0000", "--tail", "3").stderr
    assert "is not a task ID" in stage("logs", "hello", "--task", "no task", expect=2).stderr


def test_tasks_and_the_stop_of_one(stage: Stage) -> None:
    stand(stage)
    text = stage("tasks", "hello").stdout
    assert text.startswith("hello-staging  2 of 2 running  each 256 CPU, 512 MiB, Fargate\n") and "stopped" not in text
    *told, ended = lines(stage("tasks", "hello", "--json"))
    assert {one["event"] for one in told} == {"task"} and ended["sentence"] == "2 tasks of hello-staging, 0 stopped"
    task = told[0]["id"]
    refused = stage("stop-task", "hello", task[:8], expect=3)
    assert f"fsdcf stop-task hello --env staging {task} --yes" in refused.stderr
    assert "at most 255 characters, not 256" in stage("stop-task", "hello", "1", "--reason", "x" * 256, expect=2).stderr
    done = stage("stop-task", "hello", task[:8], "--yes", "--reason", "hangs")
    assert "ECS starts a new one in its place" in done.stdout
    stage.site.clock.advance(300)
    assert "a person or a program stopped it: hangs" in stage("tasks", "hello").stdout
    assert "no task of hello-staging has stopped" not in stage("tasks", "hello", "--stopped").stdout
    (one, _) = lines(stage("tasks", "hello", "--task", task[:8], "--json"))
    assert (one["id"], one["stopped"]["by"]) == (task, "person")
    assert "does not match a task" in stage("tasks", "hello", "--task", "zz", expect=2).stderr


def test_an_empty_log_is_a_message_for_people_only(stage: Stage) -> None:
    stand(stage)
    result = stage("logs", "hello", "--since", LONG_AGO, "--filter", "Nothing")
    assert (
        result.stdout == "" and "no lines that match in the last 87600h 00m in hello-staging-LogGroup-" in result.stderr
    )


def test_following_ends_with_ctrl_c_and_130(stage: Stage) -> None:
    stand(stage)
    group = stage.site.call("DescribeStacks")["Stacks"][0]["Outputs"]
    name = next(one["OutputValue"] for one in group if one["OutputKey"] == "LogGroupName")
    stage.site.after(
        10, lambda: logs.write(stage.site.state, name, "hello/hello/abc", ["password=geheim \x1b[31mred\x1b[0m\x07"])
    )
    stage.site.pressing(30)
    result = stage("logs", "hello", "--since", LONG_AGO, "--follow", "--filter", "?red ?Waiting", expect=130)
    assert result.stdout.count("Waiting for work") == 2
    assert result.stdout.splitlines()[-1].endswith(r" abc password=******** red\u0007")
    assert "interrupted: stopped following" in result.stderr


def test_times_with_and_without_a_zone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stand(stage)
    assert "combined with --until" in stage("logs", "hello", "--follow", "--until", "5m", expect=2).stderr
    assert "combined with --task" in stage("logs", "hello", "--previous", "--task", "a", expect=2).stderr
    assert "must be before --until" in stage("logs", "hello", "--since", "5m", "--until", "6m", expect=2).stderr
    assert "in the future" in stage("logs", "hello", "--since", "2199-01-01", expect=2).stderr
    first, *_ = stage("logs", "hello", "--since", LONG_AGO).stdout.splitlines()
    assert " 5m 00s before the end" in stage("logs", "hello", "--since", "5m", "--until", "2999-01-01").stderr
    after = stage("logs", "hello", "--since", LONG_AGO, "--until", first[:19] + "Z")
    assert after.stdout == "" and "before the end in hello-staging-LogGroup" in after.stderr
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        said = stage("logs", "hello", "--since", "2020-07-01T10:00")
        zoned = stage("logs", "hello", "--since", "2020-07-01T10:00+02:00")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "time: 2020-07-01T10:00 is taken as UTC, as in the output; it is 12:00 (UTC+0200) here" in said.stderr
    assert "time:" not in zoned.stderr and len(zoned.stdout.splitlines()) == 6


def test_one_container_and_the_previous_task(stage: Stage) -> None:
    stand(stage)
    none = stage("logs", "hello", "--since", LONG_AGO, "--container", "web").stderr
    assert "no lines of the container web in the" in none and "the containers with lines are hello" in none
    assert "no task of hello-staging has stopped" in stage("logs", "hello", "--previous", expect=2).stderr
    task = stage("logs", "hello", "--since", LONG_AGO).stdout.split(" ")[1]
    stage("stop-task", "hello", task[:8], "--yes")
    stage.site.clock.advance(90)
    result = stage("logs", "hello", "--previous", "--container", "hello", "--since", LONG_AGO)
    assert result.stdout.splitlines()[-1].endswith(f"{task} [sandbox] Shutting down")
    assert {line.split(" ")[1] for line in result.stdout.splitlines()} == {task}
    assert f"task: {task} stopped at 20" in result.stderr and "a person" in result.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-29T10:00Z", "2026-11-29T10:00:00+00:00"),
        ("2026-11-29 10:00:01.5+0130", "2026-11-29T08:30:01.500000+00:00"),
        ("2026-11-29", "2026-11-29T00:00:00+00:00"),
        ("2026-11-29T10:00 UTC", "2026-11-29T10:00:00+00:00"),
        ("2026-11-29T10:00-03:30", "2026-11-29T13:30:00+00:00"),
    ],
)
def test_a_point_in_time(text: str, expected: str) -> None:
    found = log_time(click.Context(click.Command("logs")), click.Option(["--since"]), text)
    assert found is not None and found.at is not None
    assert found.at.astimezone(timezone.utc).isoformat() == expected
    today = log_time(click.Context(click.Command("logs")), click.Option(["--since"]), "10:00")
    assert today is not None and today.at is not None and today.assumed and today.at.hour == 10


@pytest.mark.parametrize("since", ["2026-13-01", "2026-11-29T25:00", "+01:00", "T10:00Z", "soon", "0d", "9999d", "48h"])
def test_an_invalid_time(stage: Stage, since: str) -> None:
    said = stage("logs", "hello", "--since", since, expect=2).stderr
    assert "--since" in said and "days such as 3d" in said


def test_an_invalid_filter_is_an_error_with_an_example(stage: Stage) -> None:
    stand(stage)
    result = stage("logs", "hello", "--filter", "a=b", expect=2)
    assert "Invalid character(s) in term 'a=b'" in result.stderr and """--filter '"a=b"'""" in result.stderr


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    """A pipe whose reader has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def line(task: str, text: str, container: str = "web") -> LogLine:
    return LogLine("1", 1_798_761_600_123, f"web/{container}/{task}", text)


def test_on_a_terminal_each_task_has_its_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    show = LogPrinter(out, as_json=False)
    for task in ("a" * 32, "b" * 32, "a" * 32):
        show(line(task, "text"))
    show(line("a" * 32, "other", "collector"))
    one, two, again, other = out.getvalue().splitlines()
    assert one == again != two and "aaaaaaaa\x1b[0m text" in one and "00:00:00" in one
    assert "aaaaaaaa/collector" in other
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    LogPrinter(plain, as_json=False)(line("a" * 32, "text"))
    assert plain.getvalue() == "00:00:00 aaaaaaaa text\n"


def test_a_missing_reader_ends_the_logs_but_not_a_one_off_task() -> None:
    with pytest.raises(ReaderGone):
        LogPrinter(Closed(), as_json=False)(line("a", "text"))
    with pytest.raises(ReaderGone):
        LogPrinter(Closed(), as_json=True)(line("a", "text"))
    show = LogPrinter(Closed(), as_json=False, plain=True)
    show(line("a", "one"))
    show(line("a", "two"))
    assert show.count == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("a\tb", "a   b"),
        ("a\r\nb\nc", "a\nb\nc"),
        ("\x1b]0;title\x07", r"\u001b]0;title\u0007"),
        ("connect postgres://me:geheim@db/x", "connect postgres://********@db/x"),
        ("key AKIAABCDEFGHIJKLMNOP", "key ********"),
    ],
)
def test_the_readable_text_of_a_log_line(text: str, shown: str) -> None:
    assert readable(text) == shown


def test_secrets_are_masked_in_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    LogPrinter(out, as_json=True)(line("a", "key AKIAABCDEFGHIJKLMNOP"))
    assert json.loads(out.getvalue())["text"] == "key ********"


def test_restart_and_scale_pass_the_gate(stage: Stage) -> None:
    stand(stage)
    refused = stage("restart", "hello", "--region", "eu-west-1", expect=3)
    assert "next: fsdcf restart hello --env staging --yes --region eu-west-1" in refused.stderr
    done = stage("restart", "hello", "--yes")
    assert (
        "restart: replacing 2 tasks of hello-staging" in done.stdout
        and "done: hello-staging was restarted: 2 of 2 tasks are running" in done.stdout
    )
    assert "next: fsdcf scale hello --env staging 3 --yes" in stage("scale", "hello", "3", expect=3).stderr
    events = lines(stage("scale", "hello.yml", "3", "--yes", "--json"))
    assert [one["event"] for one in events[:2]] == ["warned", "step"] and events[-1][
        "sentence"
    ] == "hello-staging runs 3 tasks"
    assert "service.resources.desiredCount" in events[0]["text"]


def test_a_restart_that_fails_points_to_the_spec(stage: Stage) -> None:
    stand(stage)
    stage.site.fault("AWS::ECS::Service:update:exit=1")
    result = stage("restart", "hello.yml", "--yes", expect=1)
    assert "failed: the restart of hello-staging failed: the application ended with exit code 1" in result.stderr
    assert "--> hello.yml:6" in result.stderr and "next: fsdcf logs hello --env staging --since 30m" in result.stderr
    assert "STOPPED" in result.stdout and "exit code 1" in result.stdout


@pytest.mark.parametrize("count", ["-1", "5001", "many"])
def test_an_invalid_number(stage: Stage, count: str) -> None:
    assert stage("scale", "hello", "--", count, expect=2).stderr


PLUGIN = """\
#!{python}
import json, os, sys
if sys.argv[1:] == ["--version"]:
    print("{version}")
    raise SystemExit
with open("{record}", "w") as file:
    json.dump([sys.argv[1:], os.environ.get("AWS_SSM_START_SESSION_RESPONSE")], file)
raise SystemExit({code})
"""


def plugin(folder: Path, version: str = "1.2.707.0", code: int = 0) -> Path:
    """A session plugin that writes down how it was called."""
    record = folder / "record.json"
    program = folder / "session-manager-plugin"
    program.write_text(PLUGIN.format(python=sys.executable, record=record, version=version, code=code))
    program.chmod(0o755)
    return record


def test_exec_without_the_plugin_says_how_to_get_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stand(stage, execute=True)
    monkeypatch.setenv("PATH", str(stage.folder))
    stage.calls()
    result = stage("exec", "hello", expect=2)
    assert "the Session Manager plugin of AWS is not installed (session-manager-plugin)" in result.stderr
    assert "session-manager-working-with-install-plugin.html" in result.stderr and stage.calls() == 0


def test_exec_passes_the_session_to_the_plugin_without_showing_the_token(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand(stage, execute=True)
    record = plugin(stage.folder)
    monkeypatch.setenv("PATH", str(stage.folder), prepend=os.pathsep)
    result = stage("exec", "hello", "--command", "ls; rm -rf /", "--profile", "work")
    words, response = json.loads(record.read_text())
    session = json.loads(response)
    assert words[0] == "AWS_SSM_START_SESSION_RESPONSE" and words[1:4] == ["us-east-1", "StartSession", "work"]
    assert (
        json.loads(words[4])["Target"].startswith("ecs:hello-staging-Cluster-")
        and words[5] == "https://ssm.us-east-1.amazonaws.com"
    )
    assert set(session) == {"sessionId", "streamUrl", "tokenValue"}
    assert session["tokenValue"] not in result.output + " ".join(words)
    assert "ls; rm -rf / in hello of the task " in result.stderr


SCRIPT = "echo \"$HOME\" 'a b' | cat"
COMMANDS = {
    "nothing": ((), ["/bin/sh"]),
    "a marked command": (("--", "ls", "-la", "/"), ["ls", "-la", "/"]),
    "a word": (("ls",), ["ls"]),
    "options of the command": (("ls", "-la", "/"), ["ls", "-la", "/"]),
    "an option that fsdcf has too": (("--", "tool", "--env", "prod"), ["tool", "--env", "prod"]),
    "fsdcf's options in front": (("--region", "eu-west-1", "--", "ls"), ["ls"]),
    "the help of the command": (("ls", "--help"), ["ls", "--help"]),
    "the flags of docker": (("-it", "--", "ls", "-t"), ["ls", "-t"]),
    "a flag of docker in the command": (("ls", "-it"), ["ls", "-it"]),
    "a second mark": (("npm", "run", "build", "--", "--prod"), ["npm", "run", "build", "--", "--prod"]),
    "two marks": (("--", "npm", "run", "build", "--", "--prod"), ["npm", "run", "build", "--", "--prod"]),
    "a script": (("--", "sh", "-c", SCRIPT), ["sh", "-c", SCRIPT]),
    "a line": (("ls -la '/a b'",), ["ls", "-la", "/a b"]),
    "a line for a shell": (("--", "cd /app && ls"), ["/bin/sh", "-c", "cd /app && ls"]),
    "a line with a variable": (("A=1 env",), ["/bin/sh", "-c", "A=1 env"]),
    "a line with a quotation mark": (("echo it's",), ["/bin/sh", "-c", "echo it's"]),
    "a word with a quotation mark": (("--", "echo", "it's", "a  b"), ["echo", "it's", "a  b"]),
}


@pytest.mark.parametrize(
    ("service", "typed", "words"),
    [
        pytest.param(service, *command, id=" ".join((*service, name)))
        for service in (("hello",), ("hello.yml",), ())
        for name, command in COMMANDS.items()
        if service or "--" in command[0][:3]  # without a service, a command needs its mark
    ],
)
def test_a_command_for_a_container_in_the_ways_of_habit(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...], words: list[str], service: tuple[str, ...]
) -> None:
    sent: list[str] = []
    ran: list[list[str]] = []

    def open_session(run: Run, task: str, container: str, command: str) -> None:
        sent.append(command)
        raise stop(Exit.USAGE, "enough")

    def one_off(run: Run, command: list[str], *more: Any) -> None:
        ran.append(command)
        raise stop(Exit.USAGE, "enough")

    plugin(stage.folder)
    monkeypatch.setenv("PATH", str(stage.folder), prepend=os.pathsep)
    monkeypatch.setattr("fsdcf.operate.sessions.open_session", open_session)
    monkeypatch.setattr("fsdcf.operate.run.run", one_off)
    stage("exec", *service, *typed, expect=2)
    assert shlex.split(sent[0]) == words  # as the agent of Systems Manager reads it
    if typed and typed[0] != "-it":
        stage("run", *service, *typed, expect=2)
        assert ran == [words]


@pytest.mark.parametrize("command", ["exec", "run"])
@pytest.mark.parametrize("option", [("--env", "prod"), ("--env=prod",), ("--region", "eu-west-1")])
def test_an_option_of_fsdcf_behind_the_command_is_refused(stage: Stage, command: str, option: tuple[str, ...]) -> None:
    stage.calls()
    result = stage(command, "hello", "--profile", "work", "ls", "-l", *option, expect=2)
    assert f"{option[0]} follows the command for the container" in result.stderr
    typed = f"fsdcf {command} hello --profile work -- ls -l {' '.join(option)}"
    assert typed in " ".join(result.stderr.replace("│", " ").split()) and stage.calls() == 0


@pytest.mark.parametrize("command", ["exec", "run"])
@pytest.mark.parametrize("words", [("",), ("  ",), ("", "ls")])
def test_an_empty_command_is_refused(stage: Stage, command: str, words: tuple[str, ...]) -> None:
    assert "the command for the container is empty" in stage(command, "hello", "--", *words, expect=2).stderr
    assert stage.calls() == 0


def test_a_command_that_is_given_twice(stage: Stage) -> None:
    result = stage("exec", "hello", "--command", "ls", "--", "id", expect=2)
    assert "given twice" in result.stderr


READER = """\
#!{python}
import os, sys
if sys.argv[1:] != ["--version"]:
    got = b""
    while b"\\x04" not in got:
        got += os.read(0, 100)
    print(os.isatty(0), got)
"""
ATTACHED = """\
from fsdcf.cli.commands.exec import attached
from fsdcf.operate.sessions import Session
raise SystemExit(attached({program!r}, Session("t", "c", "r", "x", "e", {{}}), "", {{}}))
"""


@pytest.mark.parametrize(
    ("given", "received"), [(b"", b"\x04"), (b"select 1;\n", b"select 1;\n\x04"), (b"a", b"a\x04\x04")]
)
def test_the_plugin_has_a_terminal_although_the_input_is_a_pipe(tmp_path: Path, given: bytes, received: bytes) -> None:
    program = tmp_path / "session-manager-plugin"
    program.write_text(READER.format(python=sys.executable))
    program.chmod(0o755)
    script = ATTACHED.format(program=str(program))
    done = subprocess.run([sys.executable, "-c", script], input=given, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.decode()) == (0, f"True {received!r}\n"), done.stderr


def test_an_old_plugin_takes_the_session_as_an_argument(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stand(stage, execute=True)
    record = plugin(stage.folder, "1.2.497.0", code=3)
    monkeypatch.setenv("PATH", str(stage.folder), prepend=os.pathsep)
    result = stage("exec", "hello", expect=1)
    words, response = json.loads(record.read_text())
    assert response is None and json.loads(words[0])["tokenValue"] not in result.output
    assert "the session in hello-staging ended with exit code 3" in result.stderr


def test_exec_that_is_disabled_names_the_key_and_the_deploy(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stand(stage)
    plugin(stage.folder)
    monkeypatch.setenv("PATH", str(stage.folder), prepend=os.pathsep)
    result = stage("exec", "hello.yml", expect=2)
    assert "ECS Exec is disabled for hello-staging: set service.enableExecuteCommand: true" in result.stderr
    assert "--> hello.yml:6" in result.stderr and "next: fsdcf deploy hello.yml --env staging" in result.stderr


def test_a_plugin_that_cannot_run_is_an_error_with_a_solution(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    program = plugin(stage.folder).with_name("session-manager-plugin")
    program.write_bytes(b"no program")
    stand(stage, execute=True)
    monkeypatch.setenv("PATH", str(stage.folder))
    result = stage("exec", "hello", expect=2)
    assert f"error: the Session Manager plugin cannot be run: {program}: " in result.stderr
    assert "next: reinstall it: https://" in result.stderr


def test_exec_in_the_sandbox_needs_no_plugin(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stand(stage, execute=True)
    monkeypatch.setenv("PATH", str(stage.folder))
    said = stage("exec", "hello", "--sandbox", expect=6).stderr
    assert "no session was opened and `/bin/sh` was not run: the sandbox runs no containers" in said
    assert "sandbox: no container runs: health, exit codes and log lines are made up" in said


def test_run_gives_the_output_alone_and_the_exit_code(stage: Stage) -> None:
    stand(stage)
    stage.site.fault("hello-staging:create:exit=0")
    result = stage("run", "hello", "--", "python", "manage.py", "migrate", "--fake")
    assert result.stdout.splitlines()[1:3] == ["[sandbox] Starting hello (hello:one)", "[sandbox] Waiting for work"]
    assert (
        "done: the command ended with exit code 0 in hello-staging" in result.stderr
        and "is PROVISIONING" in result.stderr
    )
    stage.site.fault("hello-staging:create:exit=42")
    failed = stage("run", "hello", "--profile", "work", "--", "false", expect=42)
    assert "failed: the command ended with exit code 42" in failed.stderr
    assert "next: fsdcf logs hello --env staging --since 30m --profile work" in failed.stderr
    stage.site.fault("hello-staging:create:exit=3")
    records = lines(stage("run", "hello", "--json", "--", "x", expect=3))
    assert records[-1]["exit"] == 1 and {one["event"] for one in records} == {"step", "line", "ended"}


def test_run_in_the_sandbox_is_no_success(stage: Stage) -> None:
    stand(stage)
    result = stage("run", "hello", "--cpu", "512", "--memory", "1024", "--", "false", expect=6)
    assert "the command was not run: the sandbox runs no containers" in result.stderr
    assert "on AWS: it would run `false` in 000000000000.dkr.ecr.us-east-1" in result.stderr
    assert "amazonaws.com/hello:one with 512 CPU units and 1024 MiB, and the role hello-" in result.stderr
    assert all(line.startswith("[sandbox] ") for line in result.stdout.splitlines())


def test_run_detached_prints_the_id_alone(stage: Stage) -> None:
    stand(stage)
    result = stage("run", "hello", "--detach", "--env-var", "A=1", "--", "true")
    assert len(result.stdout) == 33 and f"--follow --since 30m --task {result.stdout.strip()}" in result.stderr
    said = stage("run", "hello", "--env-var", "geheim", "--", "true", expect=2).stderr
    assert "expects NAME=VALUE" in said and "geheim" not in said


@pytest.mark.parametrize("pace", [1.0])
def test_run_that_never_ran_and_one_that_was_interrupted(stage: Stage) -> None:
    stand(stage)
    stage.site.fault("hello-staging:create:CannotPullContainerError")
    assert (
        "failed: the command did not run: CannotPullContainerError" in stage("run", "hello", "--", "x", expect=1).stderr
    )
    stage.site.fault("hello-staging:create:slow")
    stage.site.pressing(150)
    assert "was stopped" in stage("run", "hello", "--", "x", expect=130).stderr


def test_run_needs_a_command(stage: Stage) -> None:
    stand(stage)
    assert "write a command" in stage("run", "hello", expect=2).stderr


def test_the_permissions_are_those_of_the_page(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
    rows = {
        name: set(re.findall(r"`([a-z-]+:\w+)`", row))
        for name, row in re.findall(r"^\| `([a-z-]+)` \| (.*)\|$", page, re.M)
    }
    rows["scale"] |= rows["restart"]
    iam = {"elbv2": "elasticloadbalancing"}
    stand(stage, execute=True)
    plugin(stage.folder)
    monkeypatch.setenv("PATH", str(stage.folder), prepend=os.pathsep)
    runs = {
        "status": (),
        "logs": (),
        "restart": ("--yes",),
        "scale": ("3", "--yes"),
        "exec": (),
        "run": ("--", "true"),
        "tasks": (),
    }
    task = lines(stage("tasks", "hello", "--json"))[0]["id"]
    runs["stop-task"] = (task, "--yes")
    assert set(rows) == {*runs, "services"} == OPERATING_COMMANDS - {"history"}
    assert set().union(*rows.values()) - {"iam:PassRole"} <= set(actions_of(OPERATING)), "fsdcf permissions --operate"
    for name, words in runs.items():
        stage.site.aws.calls.clear()
        stage(name, "hello", *words, expect=6 if name == "run" else 0)
        made = {f"{iam.get(service, service)}:{operation}" for _, service, operation in stage.site.aws.calls}
        allowed = rows[name] | {"cloudformation:DescribeStacks", "cloudformation:ListStackResources"}
        assert made <= allowed, name
        beside = {"ecs:TagResource", "iam:PassRole", "ecs:ListTasks", "ecs:StopTask"}
        assert name in ("restart", "scale", "tasks", "status", "logs") or rows[name] - beside <= made, "and no more"


def test_services_of_the_account(stage: Stage) -> None:
    nothing = stage("services")
    assert nothing.stdout == "" and "fsdcf manages no service in us-east-1: `fsdcf deploy SPEC`" in nothing.stderr
    stand(stage)
    shown = stage("services")
    assert [line.split()[:5] for line in shown.stdout.splitlines()[1:]] == [
        ["hello", "staging", "one", "2/2", "running"]
    ]
    assert shown.stderr == ""
    one, ended = lines(stage("services", "--json"))
    assert (one["event"], one["service"], one["condition"]) == ("service", "hello", "good")
    assert ended["sentence"] == "1 service in us-east-1"
    other = stage("services", "--env", "prod")
    assert "in us-east-1 and the environment prod: `fsdcf services` lists every environment" in other.stderr
    assert "not a valid environment name" in stage("services", "--env", "X!", expect=2).stderr
    stage.site.fault("api:DescribeStacks:error=AccessDenied")
    assert "cloudformation:DescribeStacks" in stage("services", expect=7).stderr
