"""Thirty random schedules of faults; ``make soak`` runs a thousand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsdcf.deploy.aws import BUDGET
from fsdcf.deploy.model import Exit, Outcome
from tests.deploy.site import template
from tests.deploy.soak import Schedule, base, problems, run, schedule, soak

PIECES = 5
SIZE = 6


@pytest.mark.parametrize("piece", range(PIECES))
def test_the_engine_survives_random_faults(piece: int) -> None:
    figures = soak(range(piece * SIZE, (piece + 1) * SIZE))
    assert figures.failed == []
    assert figures.runs == SIZE
    assert figures.busiest <= BUDGET


def test_a_schedule_is_always_the_same() -> None:
    assert schedule(7) == schedule(7)
    assert schedule(7) != schedule(8)
    first, second = run(schedule(11)), run(schedule(11))
    assert first.outcome == second.outcome
    assert [name for _, name in first.made.requests] == [name for _, name in second.made.requests]


PLAIN = {"plan_only": False, "yes": True}


def test_the_harness_detects_leftovers() -> None:
    done = run(Schedule(0, "complete", (), {**PLAIN, "plan_only": True}))
    assert problems(done) == []
    done.made.beside("CreateChangeSet", template("Jobs", "More"), "one", ChangeSetName="fsdcf-left")
    assert any("fsdcf-left" in one for one in problems(done))


def test_the_harness_detects_a_false_outcome() -> None:
    done = run(Schedule(0, "complete", ("Jobs:update:no", "Release:update:no"), dict(PLAIN)))
    assert done.outcome.exit is Exit.FAILED
    assert problems(done) == []
    assert problems(replace(done, outcome=Outcome(Exit.DONE, "done")))
    assert problems(replace(done, outcome=Outcome(Exit.REFUSED, "refused")))
    assert problems(replace(done, outcome=Outcome(Exit.FAILED, "failed: nothing was executed")))
    good = run(Schedule(0, "complete", (), dict(PLAIN)))
    assert problems(good) == []
    assert problems(replace(good, outcome=Outcome(Exit.FAILED, "failed")))
    assert problems(replace(good, outcome=Outcome(Exit.NEEDS_RECOVERY, "stuck")))


def test_the_harness_counts_executions_and_calls() -> None:
    done = run(Schedule(0, "complete", (), dict(PLAIN)))
    done.made.deploy(template(**base(0)), "three")
    assert any("executed 2 times" in one for one in problems(done))
    done.made.requests.extend([(done.made.clock.now(), "before-send.cloudformation.DescribeStacks")] * 31)
    assert any("within a minute" in one for one in problems(done))
