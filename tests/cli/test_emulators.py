"""The commands on an endpoint that is not quite AWS: a sentence and an exit code, and no silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.stage import Stage, isolated, lines
from tests.deploy.emulators import LACKING, LOCAL, instead
from tests.deploy.site import Site, site, twin
from tests.deploy.wired import Rewrite

COMMANDS: dict[str, tuple[str, ...]] = {
    "status": ("status", "hello"),
    "tasks": ("tasks", "hello"),
    "diagnose": ("diagnose", "hello"),
    "watch": ("watch", "hello"),
    "history": ("history", "hello"),
    "logs": ("logs", "hello"),
    "diff": ("diff", "hello.yml", "--deployed"),
    "restart": ("restart", "hello", "--yes"),
    "scale": ("scale", "hello", "1", "--yes"),
    "run": ("run", "hello", "--yes", "--", "true"),
    "rollback": ("rollback", "hello", "--yes"),
    "pause": ("pause", "hello", "--yes"),
    "cancel": ("cancel", "hello"),
    "recover": ("recover", "hello"),
    "delete": ("delete", "hello", "--yes", "--allow", "LogGroup"),
}
LOOKS = (
    *("DescribeStackEvents", "ListStackResources", "GetTemplate", "DescribeTasks", "ListTasks", "DescribeTargetHealth"),
    *("ListServiceDeployments", "DescribeScalableTargets", "DescribeAlarms", "DescribeScalingActivities"),
)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Site:
    """A service at an emulator, deployed twice."""
    folder = tmp_path_factory.mktemp("deployed")
    with pytest.MonkeyPatch.context() as patch:
        isolated(patch, folder, cache)
        stage = Stage(folder, site(endpoint=LOCAL, pace=0.1), [])
        stage.deploy("--yes")
        stage.deploy("--yes", sha="two")
    return stage.site


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path, deployed: Site) -> Stage:
    """The service at the emulator in a new process, whose answers ``answers`` changes."""
    isolated(monkeypatch, tmp_path, cache)
    state: dict[str, Rewrite] = {}

    def rewrite(operation: str, status: int, body: bytes) -> tuple[int, bytes]:
        return state["now"](operation, status, body) if state else (status, body)

    stage = Stage(tmp_path, twin(deployed, rewrite, LOCAL), [])
    stage.answers = state  # type: ignore[attr-defined]
    return stage


@pytest.mark.parametrize("kind", ["license", "a page"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_service_that_is_missing(emulated: Stage, command: str, kind: str) -> None:
    """Without ECS, as in an emulator's free edition."""
    ecs = ("DescribeServices", "DescribeTasks", "ListTasks", "RunTask", "UpdateService", "DescribeTaskDefinition")
    emulated.answers["now"] = instead(LACKING[kind], *ecs)  # type: ignore[attr-defined]
    begun = emulated.site.clock.now()
    code = 1 if command in ("tasks", "restart", "scale", "run", "pause") else 3 if command == "cancel" else 0
    result = emulated(*COMMANDS[command], expect=code)
    assert emulated.site.clock.now() - begun < 60
    if code == 1:
        assert "implement" in result.output or "as AWS does" in result.output
        assert "ecs" in result.output or "Describe" in result.output


@pytest.mark.parametrize("operation", LOOKS)
@pytest.mark.parametrize("command", ["status", "delete"])
def test_a_look_that_is_missing(emulated: Stage, command: str, operation: str) -> None:
    emulated.answers["now"] = instead(LACKING["pro"], operation)  # type: ignore[attr-defined]
    result = emulated(*COMMANDS[command], expect=0)
    assert result.output.count(f":{operation}") <= 1


@pytest.mark.parametrize("kind", LACKING)
def test_no_aws_at_all(emulated: Stage, kind: str) -> None:
    emulated.answers["now"] = instead(LACKING[kind])  # type: ignore[attr-defined]
    begun = emulated.site.clock.now()
    told = lines(emulated("status", "hello", "--json", expect=1))
    assert [one["event"] for one in told] == ["ended"]
    assert "DescribeStacks" in told[0]["sentence"]
    assert emulated.site.clock.now() - begun < 5


def test_a_command_that_waits_says_so(emulated: Stage) -> None:
    emulated.answers["now"] = instead((503, lambda given: b""), "DescribeServices")  # type: ignore[attr-defined]
    told = lines(emulated("status", "hello", "--json"))
    assert [one["event"] for one in told] == ["noted", "status", "ended"]
    assert told[0]["lead"] == "waiting"
    assert "ecs:DescribeServices failed" in told[0]["text"] and "for up to" in told[0]["text"]
    emulated.site.aws._answered.clear()
    result = emulated("status", "hello")
    assert result.output.count("waiting: ecs:DescribeServices") == 1


@pytest.mark.parametrize("command", ["tasks", "run"])
def test_logs_that_never_answer_are_asked_for_once(emulated: Stage, command: str) -> None:
    emulated.answers["now"] = instead((502, lambda given: b""), "GetLogEvents")  # type: ignore[attr-defined]
    begun = emulated.site.clock.now()
    result = emulated(*COMMANDS[command], expect=6 if command == "run" else 0)
    assert emulated.site.clock.now() - begun < 30
    assert result.output.count("warning: ") == result.output.count("waiting: ") == 1


@pytest.mark.parametrize("command", ["pause", "rollback"])
def test_a_template_that_must_be_read(emulated: Stage, command: str) -> None:
    emulated.answers["now"] = instead(LACKING["pro"], "GetTemplate")  # type: ignore[attr-defined]
    result = emulated(*COMMANDS[command], expect=1)
    assert "the endpoint does not implement cloudformation:GetTemplate" in result.output


@pytest.mark.parametrize("member", ["status", "pendingCount", "createdAt", "events", "loadBalancers", "clusterArn"])
@pytest.mark.parametrize("command", ["tasks", "restart", "status"])
def test_a_service_without_a_member(emulated: Stage, command: str, member: str) -> None:
    def rewrite(operation: str, status: int, body: bytes) -> tuple[int, bytes]:
        if operation == "DescribeServices":
            answer = json.loads(body)
            answer["services"] = [{**one, member: None} for one in answer["services"]]
            body = json.dumps(answer).encode()
        return status, body

    emulated.answers["now"] = rewrite  # type: ignore[attr-defined]
    assert "2 of 2" in emulated(*COMMANDS[command]).output
