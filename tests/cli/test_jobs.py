"""Jobs as a user meets them: deploy, run, status, logs, history, pause, rollback, diagnose and delete."""

from __future__ import annotations

import os
import re

import pytest

from fsdcf.deploy.model import Exit
from fsdcf.sandbox.stepfunctions import MESSAGE
from tests.cli.stage import Stage, lines, staged

NETWORK = """\
  networking:
    vpc: {id: vpc-0123456789abcdef0, privateSubnets: [subnet-0a1b2c3d4e5f60718, subnet-0b2c3d4e5f6071829]}
"""

NIGHTLY = f"""\
apiVersion: fsd/v1
kind: Job
metadata: {{name: nightly, owners: team}}
job:
  schedule: {{cron: "0 3 * * *"}}
  timeout: 3600
  retries: 1
  overlap: skip
  command: [python, -m, report]
{NETWORK}"""
"""A job with a state machine."""

TICK = f"""\
apiVersion: fsd/v1
kind: Job
metadata: {{name: tick, owners: team}}
job:
  schedule: {{rate: 6 hours}}
{NETWORK}"""
"""A job that the scheduler starts itself."""

DAY = 86_400.0


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: object, cache: object) -> Stage:
    found = staged(monkeypatch, tmp_path, cache, pace=0.1)  # type: ignore[arg-type]
    (found.folder / "nightly.yml").write_text(NIGHTLY)
    (found.folder / "tick.yml").write_text(TICK)
    return found


def deploy(stage: Stage, name: str, sha: str = "one") -> str:
    return stage("deploy", f"{name}.yml", "--image-sha", sha, "--yes").output


def states(stage: Stage, name: str) -> list[tuple[str, int | None]]:
    """The runs that status shows, newest first: state and exit code."""
    (record, *_) = lines(stage("status", name, "--json"))
    return [(run["state"], run["exitCode"]) for run in record["runs"]]


def test_a_job_from_its_first_deploy_to_its_deletion(stage: Stage) -> None:
    assert "a run of one can start, and the next run is at 2027-01-01 03:00:00 UTC" in deploy(stage, "nightly")
    assert states(stage, "nightly") == []
    stage.site.clock.advance(DAY)
    assert states(stage, "nightly") == [("succeeded", 0)], "the schedule has started it"
    assert stage("run", "nightly").exit_code == 0
    assert len(states(stage, "nightly")) == 2
    assert "nightly" in stage("logs", "nightly", "--since", "3650d").stdout
    deploy(stage, "nightly", "two")
    assert "two" in stage("history", "nightly").stdout
    assert "a run of one can start" in stage("rollback", "nightly", "--yes").output
    assert "nothing to change" in stage("deploy", "nightly.yml", "--yes").output
    deleted = stage("delete", "nightly", "--yes", "--allow", "DeadLetters").output
    assert "kept: DeadLetters" in deleted and "adopts it" not in deleted, "its name is made by CloudFormation"
    assert "does not exist" in stage("status", "nightly", expect=2).stderr


def test_a_failed_run_is_explained_with_the_keys_of_a_job(stage: Stage) -> None:
    deploy(stage, "nightly")
    stage.site.fault("nightly-staging:create:oom*2")
    failed = stage("run", "nightly", expect=137)
    for words in ("exit code 137", "an attempt has failed", "more memory", "job.resources.memory"):
        assert words in failed.stderr, words
    sent = [body for _, body in stage.site.state.store.every(MESSAGE)]
    assert [body["body"]["Error"] for body in sent] == ["States.TaskFailed"], "once, after the retry"
    assert states(stage, "nightly") == [("failed", 137)]
    assert "its last run, at 2027-01-01" in stage("diagnose", "nightly", expect=int(Exit.FAILED)).output
    assert "the last run failed" in stage("services").stdout
    stage.site.fault("nightly-staging:create:exit=3")
    stage("run", "nightly")
    assert states(stage, "nightly")[0] == ("succeeded", 0), "the second attempt has succeeded"
    assert stage("diagnose", "nightly").exit_code == 0


def test_a_run_that_takes_too_long_is_stopped_and_one_that_overlaps_is_skipped(stage: Stage) -> None:
    (stage.folder / "nightly.yml").write_text(NIGHTLY.replace("3600", "60"))
    deploy(stage, "nightly")
    stage.site.fault("nightly-staging:create:slow=40*3")
    started = stage("run", "nightly", "--detach").stdout.strip()
    assert "another one had not ended" in stage("run", "nightly", expect=int(Exit.BUSY)).stderr
    stage.site.clock.advance(60)
    assert states(stage, "nightly") == [("skipped", None), ("failed", None)]
    assert "after its timeout" in stage("status", "nightly").stdout
    stage.site.pressing(1)
    left = stage("run", "nightly", expect=int(Exit.INTERRUPTED)).stderr
    running = re.findall(r"stop-task nightly --env staging (\S+)", left)[0]
    assert running != started and "continues" in left and states(stage, "nightly")[0] == ("running", None)
    assert "not tried again" in stage("stop-task", "nightly", running, "--yes").output
    assert states(stage, "nightly")[0] == ("stopped", None)
    stage.site.clock.advance(60)
    assert "no run is in progress" in stage("tasks", "nightly").stdout


def test_a_deploy_during_a_run_ends_its_retries(stage: Stage) -> None:
    deploy(stage, "nightly")
    stage.site.fault("nightly-staging:create:exit=3")
    stage("run", "nightly", "--detach")
    deploy(stage, "nightly", "two")
    stage.site.clock.advance(30)
    assert "inactive" in stage("status", "nightly").stdout.lower()
    assert stage("run", "nightly").exit_code == 0


def test_a_pause_stays_until_it_is_resumed(stage: Stage) -> None:
    deploy(stage, "tick")
    stage("pause", "tick", "--yes")
    deploy(stage, "tick", "two")
    shown = stage("status", "tick").stdout
    assert "paused   since" in shown and "the schedule is disabled" in shown
    stage.site.clock.advance(DAY)
    assert states(stage, "tick") == []
    assert "already paused" in stage("pause", "tick", "--yes").output
    assert "the next run is at" in stage("resume", "tick", "--yes").output
    stage.site.clock.advance(DAY / 4)
    assert states(stage, "tick") == [("succeeded", 0)]


def test_a_job_without_a_state_machine_runs_as_a_task(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(stage, "tick")
    stage.site.fault("tick-staging:create:exit=3")
    assert "job.environment" in stage("run", "tick", expect=3).stderr
    assert "runs no containers" in stage("run", "tick", "--", "true", expect=int(Exit.UNKNOWN)).stderr
    assert states(stage, "tick") == [("failed", None), ("failed", 3)]
    stage.site.fault("tick-staging:create:slow=5")
    stage("run", "tick", "--detach")
    stage.site.clock.advance(14)
    assert "1 task running" in stage("tasks", "tick").stdout and states(stage, "tick")[0] == ("running", None)
    (stage.folder / "session-manager-plugin").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(stage.folder), prepend=os.pathsep)
    assert "job.enableExecuteCommand" in stage("exec", "tick", "--", "sh", expect=2).stderr


@pytest.mark.parametrize("words", [("scale", "tick", "2"), ("restart", "tick")], ids=lambda words: words[0])
def test_what_only_a_service_has(stage: Stage, words: tuple[str, ...]) -> None:
    deploy(stage, "tick")
    assert "is a job" in stage(*words, expect=2).stderr
