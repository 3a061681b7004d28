"""Interruptions: Ctrl-C once and twice in each phase, and SIGTERM."""

from __future__ import annotations

from contextlib import suppress

import pytest

from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.model import Exit, Question, Terminated
from tests.deploy.site import Site, site, template


def ready(exists: bool) -> Site:
    made = site()
    if exists:
        made.stand()
    return made


def interrupting(made: Site, operation: str, kind: type[BaseException], times: int = 1, done: bool = False) -> None:
    """Interrupts calls of an operation, before they are sent or after they are done."""
    plain, left = made.aws._attempt, [times]

    def attempt(service: str, name: str, region: str, parameters: dict[str, object], look: bool) -> dict[str, object]:
        if name == operation and left[0]:
            left[0] -= 1
            with suppress(ApiError):
                if done:
                    plain(service, name, region, parameters, look)
            raise kind
        return plain(service, name, region, parameters, look)

    made.aws._attempt = attempt  # type: ignore[method-assign]


BEFORE = ("DescribeStacks", "CreateChangeSet", "DescribeChangeSet")


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, Terminated])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", BEFORE)
def test_before_the_execution_nothing_is_left(
    operation: str, done: bool, kind: type[BaseException], exists: bool
) -> None:
    made = ready(exists)
    interrupting(made, operation, kind, done=done)
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.INTERRUPTED
    assert outcome.sentence.endswith(": nothing was executed")
    assert made.change_sets() == []
    assert made.status() == ("CREATE_COMPLETE" if exists else "")
    assert made.executions() == []


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
@pytest.mark.parametrize("operation", ["DeleteChangeSet", "ListChangeSets", "DeleteStack"])
def test_twice_before_the_execution(operation: str, exists: bool) -> None:
    made = ready(exists)
    interrupting(made, operation, KeyboardInterrupt)
    made.pressing(1.0)
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.INTERRUPTED
    assert made.change_sets() == []
    assert made.status() == ("CREATE_COMPLETE" if exists else "")


def test_three_times_before_the_execution_says_what_may_be_left() -> None:
    made = ready(True)
    interrupting(made, "DeleteChangeSet", KeyboardInterrupt, times=2)
    made.pressing(1.0)
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.INTERRUPTED
    assert any(made.change_sets()[0] in one.text for one in outcome.evidence)


def test_during_the_question() -> None:
    made = ready(False)

    def ask(question: Question) -> bool:
        raise KeyboardInterrupt

    made.answers, made.ask = {}, ask  # type: ignore[method-assign]
    outcome = made.deploy(yes=False)
    assert outcome.exit is Exit.INTERRUPTED
    assert made.status() == ""


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_during_the_call_that_executes(done: bool, exists: bool) -> None:
    made = ready(exists)
    made.answers = {"interrupt": False}
    interrupting(made, "ExecuteChangeSet", KeyboardInterrupt, done=done)
    outcome = made.deploy(sha="two")
    if done:
        assert outcome.exit is Exit.UNKNOWN
        assert "continues" in outcome.sentence
        assert len(made.executions()) == 1
    else:
        assert outcome.exit is Exit.INTERRUPTED
        assert "nothing was executed" in outcome.sentence
        assert made.executions() == []
        assert made.change_sets() == []
        assert made.status() == ("CREATE_COMPLETE" if exists else "")


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_twice_during_the_call_that_executes(done: bool) -> None:
    made = ready(True)
    interrupting(made, "ExecuteChangeSet", KeyboardInterrupt, done=done)
    plain, presses = made.aws._attempt, [1]

    def attempt(service: str, name: str, region: str, parameters: dict[str, object], look: bool) -> dict[str, object]:
        if (
            name == "DescribeChangeSet"
            and made.made("ExecuteChangeSet") + (not done)
            and presses
            and "execute" in made.steps()
        ):
            presses.pop()
            raise KeyboardInterrupt
        return plain(service, name, region, parameters, look)

    made.aws._attempt = attempt  # type: ignore[method-assign]
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.INTERRUPTED
    assert len(made.executions()) == done
    assert ("continues" in outcome.sentence) == done
    assert done or made.change_sets() == []


def test_an_execution_that_arrives_after_its_interruption() -> None:
    made = ready(True)
    interrupting(made, "ExecuteChangeSet", KeyboardInterrupt)
    plain = made.aws._attempt

    def attempt(service: str, name: str, region: str, parameters: dict[str, object], look: bool) -> dict[str, object]:
        if name == "DeleteChangeSet" and not made.executions():
            made.call(
                "ExecuteChangeSet", ChangeSetName=parameters["ChangeSetName"], ClientRequestToken="fsdcf-in-flight"
            )
        return plain(service, name, region, parameters, look)

    made.aws._attempt = attempt  # type: ignore[method-assign]
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.INTERRUPTED
    assert "continues" in outcome.sentence
    assert not [one for one in outcome.evidence if one.source == "left behind"]


def test_detaching_from_an_update() -> None:
    made = ready(True)
    made.answers = {"interrupt": False}
    made.pressing(10.0)
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.UNKNOWN
    assert [one.kind for one in made.asked] == ["interrupt"]
    assert outcome.next[:1] == ("fsdcf watch shop --env staging",)
    made.clock.advance(300)
    assert made.image() == "two"


def test_cancelling_an_update() -> None:
    made = ready(True)
    made.answers = {"interrupt": True}
    made.pressing(10.0)
    outcome = made.deploy(template("Jobs", "Slow"), "two")
    assert outcome.exit is Exit.FAILED
    assert "cancelled" in outcome.sentence
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert made.image() == "one"
    assert ("shop-staging", "UPDATE_ROLLBACK_COMPLETE") in made.seen()


@pytest.mark.parametrize("cancels", [True, False])
def test_twice_during_an_update_leaves_at_once(cancels: bool) -> None:
    made = ready(True)
    made.answers = {"interrupt": True}
    if cancels:
        made.pressing(20.0)
    else:

        def ask(question: Question) -> bool:
            raise KeyboardInterrupt

        made.ask = ask  # type: ignore[method-assign]
    made.pressing(10.0)
    outcome = made.deploy(template("Jobs", "Slow"), "two")
    assert outcome.exit is Exit.INTERRUPTED
    assert "continues" in outcome.sentence
    assert made.status().endswith("_IN_PROGRESS")


def test_without_a_person_an_update_continues() -> None:
    made = ready(True)
    made.pressing(10.0)
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.UNKNOWN
    assert not made.made("CancelUpdateStack")


def test_a_creation_cannot_be_cancelled_and_is_never_deleted() -> None:
    made = ready(False)
    made.answers = {"interrupt": True}
    made.pressing(10.0)
    outcome = made.deploy()
    assert outcome.exit is Exit.UNKNOWN
    assert made.asked == []
    assert "fsdcf delete shop --env staging" in outcome.next
    assert not made.made("DeleteStack")
    made.clock.advance(300)
    assert made.status() == "CREATE_COMPLETE"


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_sigterm_while_watching_detaches(exists: bool) -> None:
    made = ready(exists)
    made.answers = {}
    made.pressing(10.0, Terminated)
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.UNKNOWN
    assert made.asked == []
    made.clock.advance(300)
    assert made.image() == "two"


def test_during_the_deletion_of_a_failed_creation() -> None:
    made = site("Release:create:no parameter")
    made.deploy(template("Slow"))
    made.forget()
    made.pressing(1.0)
    outcome = made.deploy(recreate=True)
    assert outcome.exit is Exit.UNKNOWN
    assert "the deletion of shop-staging continues" in outcome.sentence
    assert outcome.next == ("fsdcf watch shop --env staging", "fsdcf deploy shop.yml --env staging")
    assert not made.made("CreateChangeSet")


def test_an_update_that_ends_before_its_cancellation() -> None:
    made = ready(True)
    plain = made.ask

    def ask(question: Question) -> bool:
        made.clock.advance(300)
        return plain(question)

    made.answers, made.ask = {"interrupt": True}, ask  # type: ignore[method-assign]
    made.pressing(10.0)
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.DONE
    assert made.image() == "two"
    assert "too late to cancel: the update has ended (UPDATE_COMPLETE)" in made.warnings()
    assert outcome.sentence.endswith("; it was too late to cancel")
    assert outcome.next == ("fsdcf rollback shop --env staging",)


def test_an_update_that_fails_before_its_cancellation_was_not_cancelled() -> None:
    made = ready(True)
    made.fault("Jobs:update:AccessDenied")
    plain = made.ask

    def ask(question: Question) -> bool:
        made.clock.advance(10)
        return plain(question)

    made.answers, made.ask = {"interrupt": True}, ask  # type: ignore[method-assign]
    made.pressing(6.0)
    body = template("Jobs", "Slow")
    body["Resources"]["Jobs"]["Properties"]["DisplayName"] = "new"
    outcome = made.deploy(body, "two")
    assert outcome.exit is Exit.FAILED and "cancelled" not in outcome.sentence
    assert any("too late to cancel: the update has already failed" in one for one in made.warnings())


def test_a_cancellation_that_is_not_permitted() -> None:
    made = ready(True)
    made.answers = {"interrupt": True}
    made.fault("api:CancelUpdateStack:error=AccessDenied**")
    made.pressing(10.0)
    outcome = made.deploy(template("Jobs", "Slow"), "two")
    assert outcome.exit is Exit.UNKNOWN
    assert "cannot be cancelled: no permission for cloudformation:CancelUpdateStack" in outcome.sentence


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Terminated])
def test_interrupting_watch_changes_nothing(kind: type[BaseException]) -> None:
    made = ready(True)
    made.deploy(sha="two", detach=True)
    made.forget()
    made.pressing(5.0, kind)
    outcome = made.watch()
    assert outcome.exit is (Exit.INTERRUPTED if kind is KeyboardInterrupt else Exit.UNKNOWN)
    assert "continues" in outcome.sentence
    made.clock.advance(300)
    assert made.image() == "two"


@pytest.mark.parametrize("operation", ["DescribeStacks", "DescribeStackEvents"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, Terminated])
def test_watching_is_interrupted_before_the_first_event(kind: type[BaseException], operation: str) -> None:
    made = ready(True)
    made.deploy(sha="two", detach=True)
    made.forget()
    interrupting(made, operation, kind)
    outcome = made.watch()
    assert outcome.exit is (Exit.INTERRUPTED if kind is KeyboardInterrupt else Exit.UNKNOWN)
    assert "stopped watching" in outcome.sentence and "continues" in outcome.sentence
    assert outcome.next == ("fsdcf watch shop --env staging",)


@pytest.mark.parametrize("seconds", [float(one) for one in range(0, 40, 2)])
@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_at_any_moment(seconds: float, exists: bool) -> None:
    made = ready(exists)
    made.pressing(seconds)
    outcome = made.deploy(sha="two")
    executed = len(made.executions())
    assert executed <= 1
    assert outcome.exit is (Exit.INTERRUPTED if not executed else Exit.UNKNOWN) or made.image() == "two"
    if not executed:
        assert made.change_sets() == []
        assert made.status() == ("CREATE_COMPLETE" if exists else "")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Terminated])
def test_during_the_verification(kind: type[BaseException]) -> None:
    made = ready(True)
    interrupting(made, "ListStackResources", kind)
    outcome = made.deploy(sha="two")
    assert outcome.exit is (Exit.INTERRUPTED if kind is KeyboardInterrupt else Exit.UNKNOWN)
    assert "shop-staging is UPDATE_COMPLETE" in outcome.sentence
    assert "continues" not in outcome.sentence
