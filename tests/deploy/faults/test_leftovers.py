"""After any abort, no change set and no empty stack of ours is left."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.deploy.engine import deploy
from fsdcf.deploy.model import Event, Exit, Options, PlanCreated
from fsdcf.sandbox.cloudformation import records
from tests.deploy.site import STACK, Site, queue, site, template

ABORTS: dict[str, tuple[dict[str, Any], tuple[str, ...], Exit]] = {
    "only planned": ({"plan_only": True}, (), Exit.DONE),
    "changes counted": ({"plan_only": True, "detailed_exitcode": True}, (), Exit.CHANGES),
    "nobody to ask": ({"yes": False}, (), Exit.REFUSED),
    "hook": ({}, ("cfn:hook=A::B",), Exit.FAILED),
    "early validation": ({}, ("cfn:early-validation=Jobs",), Exit.USAGE),
    "describing is forbidden": ({}, ("api:DescribeChangeSet:error=AccessDenied**",), Exit.DENIED),
    "execution is forbidden": ({}, ("api:ExecuteChangeSet:error=AccessDenied**",), Exit.DENIED),
    "execution is not valid": ({}, ("api:ExecuteChangeSet:error=ValidationError**",), Exit.FAILED),
    "execution breaks": ({}, ("api:ExecuteChangeSet:broken**",), Exit.FAILED),
    "execution never arrives": ({}, ("api:ExecuteChangeSet:reset**",), Exit.FAILED),
    "description breaks": ({}, ("api:DescribeChangeSet:broken**",), Exit.FAILED),
    "description is no answer": ({}, ("api:DescribeChangeSet:html**",), Exit.FAILED),
    "creation loses its answer": ({}, ("api:CreateChangeSet:lost**",), Exit.FAILED),
    "cleaning is throttled": (
        {"plan_only": True},
        ("api:DeleteChangeSet:throttle*5", "api:DeleteStack:throttle*5"),
        Exit.DONE,
    ),
    "cleaning loses answers": (
        {"plan_only": True},
        ("api:DeleteChangeSet:lost*2", "api:DeleteStack:lost*2"),
        Exit.DONE,
    ),
    "late": ({"timeout": 1.0}, (), Exit.FAILED),
}


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
@pytest.mark.parametrize("name", ABORTS)
def test_an_abort(name: str, exists: bool) -> None:
    options, faults, code = ABORTS[name]
    made = site()
    if exists:
        made.stand()
    made.fault(*faults)
    outcome = made.deploy(sha="two", **options)
    assert outcome.exit is code, outcome
    assert made.change_sets() == []
    assert made.status() == ("CREATE_COMPLETE" if exists else "")
    assert made.executions() == []
    assert not [one for one in outcome.evidence if one.source == "left behind"]


@pytest.mark.parametrize("kind", ["execute", "data"])
def test_a_person_says_no(kind: str) -> None:
    made = site()
    made.stand(template("Jobs", "Old"))
    made.answers = {"execute": kind != "execute", "data": kind != "data"}
    outcome = made.deploy(template("Jobs"), "two", yes=False)
    assert outcome.exit is Exit.REFUSED
    assert made.change_sets() == []


def test_data_at_risk_is_not_allowed_by_yes_alone() -> None:
    made = site()
    made.stand(template("Jobs", "Old"))
    outcome = made.deploy(template("Jobs"), "two")
    assert outcome.exit is Exit.REFUSED
    assert outcome.next == ("fsdcf deploy shop.yml --env staging --allow Old",)
    assert made.change_sets() == []
    assert made.deploy(template("Jobs"), "two", allow=frozenset({"Old"})).exit is Exit.DONE


def test_a_table_that_is_left_behind_is_data_at_risk() -> None:
    made = site()
    made.stand(template(Jobs={**queue(), "DeletionPolicy": "Retain"}))
    outcome = made.deploy(template("Mails"), "two")
    assert outcome.exit is Exit.REFUSED
    assert "Jobs would be left behind" in outcome.sentence


def test_the_empty_stack_of_somebody_else_stays() -> None:
    made = site()
    made.beside("CreateChangeSet", template(), "one", ChangeSetName="theirs", ChangeSetType="CREATE")
    assert made.deploy(plan_only=True).exit is Exit.DONE
    assert made.status() == "REVIEW_IN_PROGRESS"
    assert made.change_sets() == ["theirs"]


def test_an_empty_stack_on_which_somebody_else_plans_by_now_stays() -> None:
    made = site()

    def plan() -> object:
        return made.beside("CreateChangeSet", template(), "one", ChangeSetName="theirs", ChangeSetType="CREATE")

    made.after(1.0, plan)
    assert made.deploy(plan_only=True).exit is Exit.DONE
    assert made.change_sets() == ["theirs"]


def test_an_interrupted_creation_does_not_delete_the_stack_of_somebody_who_was_faster() -> None:
    made = site()
    plain = made.aws._attempt

    def attempt(service: str, name: str, region: str, parameters: dict[str, Any], look: bool) -> dict[str, Any]:
        if name == "CreateChangeSet":
            made.beside("CreateChangeSet", template(), "one", ChangeSetName="theirs", ChangeSetType="CREATE")
            raise KeyboardInterrupt
        return plain(service, name, region, parameters, look)

    made.aws._attempt = attempt  # type: ignore[method-assign]
    assert made.deploy().exit is Exit.INTERRUPTED
    assert made.change_sets() == ["theirs"]


def test_a_change_set_that_is_still_being_made_is_deleted_when_it_can_be() -> None:
    made = site()
    made.stand()
    refused = [3]
    plain = made.aws._attempt

    def attempt(service: str, name: str, region: str, parameters: dict[str, Any], look: bool) -> dict[str, Any]:
        from fsdcf.deploy.aws import ApiError

        if name == "DeleteChangeSet" and refused[0]:
            refused[0] -= 1
            raise ApiError(service, name, "InvalidChangeSetStatus", "cannot be deleted in status CREATE_IN_PROGRESS")
        return plain(service, name, region, parameters, look)

    made.aws._attempt = attempt  # type: ignore[method-assign]
    assert made.deploy(sha="two", plan_only=True).exit is Exit.DONE
    assert made.change_sets() == []
    assert refused == [0]


def test_failed_sets_do_not_pile_up() -> None:
    made = site()
    made.deploy()
    for _ in range(3):
        made.deploy()
    assert made.change_sets() == []
    assert made.call("ListChangeSets", StackName=STACK)["Summaries"] == []


class Killed(BaseException):
    """The process is gone: nothing is cleaned up."""


def killed(made: Site, body: dict[str, Any] | None = None) -> str:
    """A run that is killed while its plan is read; the name of the change set that it leaves."""

    def tell(event: Event) -> None:
        made.told.append(event)
        if isinstance(event, PlanCreated):
            raise Killed

    with pytest.raises(Killed):
        deploy(made.release(body, "two"), Options(), made.aws, tell, None)
    (left,) = (name for name in made.change_sets() if name.startswith("fsdcf-two-"))
    return left


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_what_a_killed_run_left_is_taken_away_by_a_later_one(exists: bool) -> None:
    made = site()
    if exists:
        made.stand()
    left = killed(made)
    assert made.deploy(sha="three", plan_only=True).exit is Exit.DONE
    assert made.change_sets() == [left], "another run may be waiting with it"
    made.clock.advance(3600)
    assert made.deploy(sha="three", plan_only=True).exit is Exit.DONE
    assert made.change_sets() == []
    assert made.status() == ("CREATE_COMPLETE" if exists else "")


def test_a_deploy_that_executes_needs_no_call_for_what_others_left() -> None:
    made = site()
    made.stand()
    killed(made)
    made.forget()
    assert made.deploy(sha="three").exit is Exit.DONE
    assert made.change_sets() == []
    assert not made.made("ListChangeSets") and not made.made("DeleteChangeSet")


@pytest.mark.parametrize("name", ["theirs", "fsdcf-hand-made", "fsdcf-two-0123456789"])
def test_the_stack_that_somebody_else_planned_stays_however_old_it_is(name: str) -> None:
    made = site()
    made.beside("CreateChangeSet", template(), "one", ChangeSetName="first", ChangeSetType="CREATE")
    made.clock.advance(7200)
    made.beside("CreateChangeSet", template(), "one", ChangeSetName=name, ChangeSetType="CREATE")
    made.clock.advance(7200)
    made.call("DeleteChangeSet", StackName=STACK, ChangeSetName="first")
    assert made.deploy(plan_only=True).exit is Exit.DONE
    assert made.change_sets() == ([] if name == "fsdcf-two-0123456789" else [name])
    assert made.status() == "REVIEW_IN_PROGRESS"


def test_an_empty_stack_with_the_tags_of_another_stays() -> None:
    made = site()
    killed(made)
    with made.state.store.transaction():
        stack = records.living(made.state, STACK)
        assert stack is not None
        stack["settings"] = {
            **records.change_sets(made.state, stack["id"])[0]["settings"],
            "tags": {"owner": "somebody"},
        }
        records.save_stack(made.state, stack)
    made.clock.advance(7200)
    assert made.deploy(plan_only=True, adopt=True).exit is Exit.DONE
    assert made.status() == "REVIEW_IN_PROGRESS"


@pytest.mark.parametrize("operation", ["ListChangeSets", "DeleteChangeSet"])
def test_sweeping_is_optional(operation: str) -> None:
    made = site()
    made.stand()
    killed(made)
    made.clock.advance(7200)
    made.fault(f"api:{operation}:error=AccessDenied**@{'01'[operation == 'DeleteChangeSet']}")
    outcome = made.deploy(sha="three", plan_only=True)
    assert outcome.exit is Exit.DONE and outcome.evidence == ()
    assert len(made.warnings()) == 1
