"""Concurrent changes: the stack is deleted or created anew, and a second operation follows ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fsdcf.deploy.engine import deploy
from fsdcf.deploy.model import Event, Exit, Options, Outcome, StackEventReceived, StepStarted
from tests.deploy.site import STACK, Site, site, template, topic


def _deployed(made: Site, act: Callable[[], object], **options: bool) -> Outcome:
    """The outcome of a deploy in which somebody acts once, after the stack was looked at and before the change set is
    asked for."""
    acts = [act]

    def tell(event: Event) -> None:
        made.tell(event)
        if isinstance(event, StepStarted) and event.name == "change set" and acts:
            acts.pop()()

    return deploy(made.release(), Options(yes=True, **options), made.aws, tell, None)


def test_another_user_creates_the_stack_meanwhile() -> None:
    made = site()
    outcome = _deployed(made, lambda: made.beside("CreateStack", template("Other"), "two"))
    assert outcome.exit is Exit.BUSY
    assert "another operation is in progress on the stack shop-staging: CREATE_IN_PROGRESS" in outcome.sentence
    assert made.status() == "CREATE_IN_PROGRESS"


def test_another_users_creation_is_waited_for() -> None:
    made = site()
    outcome = _deployed(made, lambda: made.beside("CreateStack", template("Other"), "two"), wait_lock=True)
    assert outcome.exit is Exit.DONE
    assert (made.status(), made.image()) == ("UPDATE_COMPLETE", "one")


def test_another_user_deletes_the_stack_meanwhile() -> None:
    made = site()
    made.stand(sha="two")

    def act() -> None:
        made.call("DeleteStack", StackName=STACK)
        made.clock.advance(300)

    outcome = _deployed(made, act)
    assert outcome.exit is Exit.DONE
    assert (made.status(), made.image()) == ("CREATE_COMPLETE", "one")


@pytest.mark.parametrize("again", [False, True], ids=["deleted", "created anew"])
def test_the_stack_is_deleted_during_the_update(again: bool) -> None:
    made = site()
    made.after(10.0, lambda: made.call("DeleteStack", StackName=STACK))
    if again:
        made.after(150.0, lambda: made.beside("CreateStack", template(), "other"))
    outcome = made.deploy(template("Jobs", "More"))
    assert outcome.exit is Exit.FAILED
    assert "the stack was deleted" in outcome.sentence
    assert {one.event.token for one in made.told if isinstance(one, StackEventReceived)} == {made.executions()[0]}, (
        "events of ours alone"
    )


def test_the_stack_is_deleted_and_created_between_two_polls() -> None:
    made = site()

    def act() -> None:
        made.call("DeleteStack", StackName=STACK)
        made.clock.advance(300)
        made.beside("CreateStack", template(), "other")
        made.clock.advance(300)

    made.after(10.0, act)
    outcome = made.deploy()
    assert outcome.exit is Exit.FAILED
    assert "deleted" in outcome.sentence
    assert made.status() == "CREATE_COMPLETE", "that of others, which is not ours to tell of"


@pytest.mark.parametrize("fails", [False, True], ids=["ours succeeds", "ours fails"])
def test_a_second_operation_right_after_ours(fails: bool) -> None:
    made = site()
    made.stand()
    if fails:
        made.fault("Release:update:no parameter")
    acted: list[bool] = []

    def act() -> None:
        if not acted and made.status().endswith("_COMPLETE") and made.executions():
            acted.append(True)
            made.beside("UpdateStack", template("Jobs", "Other"), "other")
            made.clock.advance(3)

    made.on_sleep.append(lambda seconds: act())
    outcome = made.deploy(sha="two")
    assert acted
    assert outcome.exit is (Exit.FAILED if fails else Exit.DONE) or "runs" in outcome.sentence
    assert any("another operation has started" in one for one in made.warnings())
    assert "Other" not in {name for name, _ in made.seen()}


def test_a_second_operation_with_another_end_before_the_next_poll() -> None:
    made = site()
    made.stand()
    acted: list[bool] = []

    def act() -> None:
        if not acted and made.status().endswith("_COMPLETE") and made.executions():
            acted.append(True)
            made.fault("Jobs:update:no change")
            made.beside("UpdateStack", template(Jobs=topic(DisplayName="9")), "two")
            made.clock.advance(600)
            assert made.status() == "UPDATE_ROLLBACK_COMPLETE"

    made.on_sleep.append(lambda seconds: act())
    outcome = made.deploy(sha="two")
    assert acted
    assert outcome.exit is Exit.DONE, "ours was done, whatever became of theirs"
    assert made.image() == "two"


def test_watch_reports_only_the_operation_in_progress() -> None:
    made = site()
    made.deploy()
    made.deploy(template("Jobs", "More"), "two", detach=True)
    made.forget()
    outcome = made.watch()
    assert outcome.exit is Exit.DONE
    assert ("More", "CREATE_COMPLETE") in made.seen()
    assert made.seen()[0] == ("shop-staging", "UPDATE_IN_PROGRESS")
    assert made.seen()[-1] == ("shop-staging", "UPDATE_COMPLETE")
