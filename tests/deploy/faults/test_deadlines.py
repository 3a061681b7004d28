"""Deadlines: cancel and detach."""

from __future__ import annotations

import pytest

from fsdcf.deploy.model import Exit
from tests.deploy.site import Site, site, template


def ready(exists: bool = True) -> Site:
    made = site()
    if exists:
        made.stand()
    return made


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_the_default_is_to_detach(exists: bool) -> None:
    made = ready(exists)
    begun = made.clock.now()
    outcome = made.deploy(template("Jobs", "Slow"), "two", timeout=20.0)
    assert outcome.exit is Exit.UNKNOWN
    assert "the deadline has passed" in outcome.sentence
    assert "fsdcf watch shop --env staging" in outcome.next
    assert made.clock.now() - begun == pytest.approx(20.0, abs=1.0)
    made.clock.advance(300)
    assert made.image() == "two"


def test_cancel_rolls_an_update_back_and_watches_it() -> None:
    made = ready()
    outcome = made.deploy(template("Jobs", "Slow"), "two", timeout=20.0, on_timeout="cancel")
    assert outcome.exit is Exit.FAILED
    assert "cancelled because the deadline passed" in outcome.sentence
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert made.image() == "one"


def test_a_creation_cannot_be_cancelled() -> None:
    made = ready(False)
    outcome = made.deploy(template("Slow"), timeout=20.0, on_timeout="cancel")
    assert outcome.exit is Exit.UNKNOWN
    assert "fsdcf delete shop --env staging" in outcome.next
    assert not made.made("CancelUpdateStack")
    assert made.status() == "CREATE_IN_PROGRESS"


def test_the_deadline_before_the_plan_is_made() -> None:
    made = ready(False)
    outcome = made.deploy(timeout=1.0)
    assert outcome.exit is Exit.FAILED
    assert made.status() == ""
    assert made.executions() == []


def test_the_deadline_while_another_operation_is_waited_for() -> None:
    made = ready()
    made.beside("UpdateStack", template("Jobs", "Slow"), "other")
    outcome = made.deploy(sha="two", timeout=20.0, wait_lock=True)
    assert outcome.exit is Exit.BUSY
    assert not made.made("CreateChangeSet")


def test_the_time_for_an_answer_does_not_count() -> None:
    made = ready()
    plain = made.ask

    def ask(question: object) -> bool:
        made.clock.advance(3600)
        return plain(question)  # type: ignore[arg-type]

    made.answers, made.ask = {"execute": True}, ask  # type: ignore[method-assign]
    assert made.deploy(sha="two", yes=False, timeout=300.0).exit is Exit.DONE


def test_the_answer_to_the_cancellation_is_lost() -> None:
    made = ready()
    made.fault("api:CancelUpdateStack:lost")
    outcome = made.deploy(template("Jobs", "Slow"), "two", timeout=20.0, on_timeout="cancel")
    assert outcome.exit is Exit.FAILED
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"


def test_watch_has_a_deadline_too() -> None:
    made = ready()
    made.deploy(template("Jobs", "Slow"), "two", detach=True)
    outcome = made.watch(timeout=10.0)
    assert outcome.exit is Exit.UNKNOWN
    assert made.watch().exit is Exit.DONE


def test_the_command_cancel() -> None:
    made = ready()
    made.deploy(template("Jobs", "Slow"), "two", detach=True)
    outcome = made.cancel()
    assert outcome.exit is Exit.DONE
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert made.image() == "one"


def test_the_update_ends_while_it_is_cancelled() -> None:
    made = ready()
    made.deploy(template("Jobs", "Slow"), "two", detach=True)
    made.fault("api:CancelUpdateStack:error=ValidationError")
    late = made.cancel()
    assert (late.exit, late.next) == (Exit.REFUSED, ("fsdcf rollback shop --env staging",))
    assert made.image() == "two" and any(one.startswith("too late to cancel: ") for one in made.warnings())


def test_on_timeout_cancel_comes_too_late() -> None:
    made = ready()
    made.fault("api:CancelUpdateStack:error=ValidationError")
    outcome = made.deploy(template("Jobs", "Slow"), "two", timeout=20.0, on_timeout="cancel")
    assert (outcome.exit, outcome.next) == (Exit.DONE, ("fsdcf rollback shop --env staging",))
    assert outcome.sentence.endswith("; it was too late to cancel")


def test_the_command_cancel_has_nothing_to_cancel() -> None:
    made = ready()
    assert "no operation is in progress" in made.cancel().sentence
    made.deploy(sha="two")
    late = made.cancel()
    assert (late.exit, late.next) == (Exit.REFUSED, ("fsdcf rollback shop --env staging",))
    assert late.sentence == "shop-staging: too late to cancel: the update has ended (UPDATE_COMPLETE)"
    created = ready(False)
    created.deploy(detach=True)
    outcome = created.cancel()
    assert outcome.exit is Exit.REFUSED
    assert "fsdcf delete shop --env staging" in outcome.next


@pytest.mark.parametrize("fail_fast", [True, False])
def test_repeated_task_failures_are_reported_at_once_and_cancelled_on_request(fail_fast: bool) -> None:
    from tests.deploy.site import service

    made = site()
    made.stand(template(**service(1)))
    made.fault("Service:update:CannotPullContainerError")
    outcome = made.deploy(template(**service(1)), "two", fail_fast=fail_fast)
    assert outcome.exit is Exit.FAILED
    assert any("tasks stopped for the same reason: CannotPullContainerError" in one for one in made.warnings())
    assert made.made("CancelUpdateStack") == fail_fast
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert "the registry does not contain the image" in outcome.sentence
    assert any("task" in one.source and "CannotPullContainerError" in one.text for one in outcome.evidence)
