"""Change sets: name conflicts, obsolete and deleted sets, the limit."""

from __future__ import annotations

from collections.abc import Callable

from fsdcf.deploy.model import Exit, Question
from tests.deploy.site import STACK, Site, site, template


def asked(made: Site, act: Callable[[], object]) -> None:
    """Somebody acts while the first question waits for its answer."""
    made.answers = {"execute": True}
    plain, once = made.ask, [act]

    def ask(question: Question) -> bool:
        if once:
            once.pop()()
        return plain(question)

    made.ask = ask  # type: ignore[method-assign]


def others(made: Site) -> None:
    """Another update, from beginning to end."""
    made.beside("UpdateStack", template("Jobs", "Other"), "other")
    made.clock.advance(300)
    assert made.status() == "UPDATE_COMPLETE"


def test_a_name_conflict_is_retried_with_another_name() -> None:
    made = site("api:CreateChangeSet:error=AlreadyExistsException*2")
    assert made.deploy().exit is Exit.DONE
    assert made.made("CreateChangeSet") == 3


def test_permanent_name_conflicts_end_the_run() -> None:
    made = site("api:CreateChangeSet:error=AlreadyExistsException**")
    outcome = made.deploy()
    assert outcome.exit is Exit.USAGE
    assert made.made("CreateChangeSet") == 3
    assert made.status() == ""


def test_an_obsolete_plan_is_repeated_and_confirmed_again() -> None:
    made = site()
    made.stand()
    asked(made, lambda: others(made))
    outcome = made.deploy(template("Jobs", "Other"), "two", yes=False)
    assert outcome.exit is Exit.DONE
    assert [question.kind for question in made.asked] == ["execute", "execute"]
    assert made.image() == "two"
    assert any("planning again" in one for one in made.warnings())
    assert made.change_sets() == []


def test_a_concurrent_update_after_the_plan_makes_the_stack_busy() -> None:
    made = site()
    made.stand()
    asked(made, lambda: made.beside("UpdateStack", template("Jobs", "Other"), "other"))
    outcome = made.deploy(sha="two", yes=False)
    assert outcome.exit is Exit.BUSY
    assert "UPDATE_IN_PROGRESS" in outcome.sentence
    made.clock.advance(300)
    assert made.image() == "other"
    assert made.change_sets() == []


def test_repeatedly_obsolete_plans_end_the_run() -> None:
    made = site()
    made.stand()
    made.answers = {"execute": True}
    plain = made.ask

    def ask(question: Question) -> bool:
        made.beside("UpdateStack", template(), f"other-{len(made.asked)}")
        made.clock.advance(300)
        return plain(question)

    made.ask = ask  # type: ignore[method-assign]
    outcome = made.deploy(sha="two", yes=False)
    assert outcome.exit is Exit.BUSY
    assert len(made.asked) == 3
    assert made.change_sets() == []


def test_a_change_set_deleted_before_it_is_described() -> None:
    made = site()
    made.stand()
    made.after(
        1.5, lambda: [made.call("DeleteChangeSet", StackName=STACK, ChangeSetName=one) for one in made.change_sets()]
    )
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.BUSY
    assert made.image() == "one"


def test_a_change_set_deleted_before_its_execution() -> None:
    made = site()
    made.stand()
    asked(
        made, lambda: [made.call("DeleteChangeSet", StackName=STACK, ChangeSetName=one) for one in made.change_sets()]
    )
    outcome = made.deploy(sha="two", yes=False)
    assert outcome.exit is Exit.BUSY
    assert "deleted the change set" in outcome.sentence
    assert made.image() == "one"


def test_another_user_executes_the_change_set() -> None:
    made = site()
    made.stand()
    asked(made, lambda: made.call("ExecuteChangeSet", StackName=STACK, ChangeSetName=made.change_sets()[0]))
    outcome = made.deploy(sha="two", yes=False)
    assert outcome.exit is Exit.DONE
    assert any("another user executed" in one for one in made.warnings())
    assert made.image() == "two"


def test_the_limit_of_change_sets() -> None:
    made = site()
    made.stand()
    made.fault("cfn:limit-exceeded")
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.FAILED
    assert "no more change sets" in outcome.sentence
    assert made.change_sets() == []
