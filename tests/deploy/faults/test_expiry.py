"""Credentials that expire before and after the execution, renewable or not."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from fsdcf.deploy.model import Exit, Options, Target
from fsdcf.deploy.run import Run
from fsdcf.operate.delete import delete
from tests.deploy.site import Site, service, site, template

OPERATIONS = (
    "DescribeStacks",
    "CreateChangeSet",
    "DescribeChangeSet",
    "ExecuteChangeSet",
    "DescribeStackEvents",
    "ListStackResources",
)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("after", [0, 2])
def test_renewable_credentials_are_renewed(operation: str, after: int) -> None:
    made = site()
    made.stand()
    made.fault(f"api:{operation}:expired@{after}")
    assert made.deploy(sha="two").exit is Exit.DONE
    assert made.image() == "two"
    assert len(made.executions()) == 1


def test_new_credentials_come_through_a_new_client() -> None:
    made = site()
    made.stand()
    renewed: list[bool] = []
    made.aws._renew = lambda: renewed.append(True)
    made.fault("api:DescribeStackEvents:expired")
    before = dict(made.aws._clients)
    assert made.deploy(sha="two").exit is Exit.DONE
    assert renewed == [True]
    assert before == {}


@pytest.mark.parametrize("operation", ["DescribeStacks", "CreateChangeSet"])
def test_credentials_that_cannot_be_renewed_before_anything_is_made(operation: str) -> None:
    made = site(f"api:{operation}:expired**")
    outcome = made.deploy()
    assert outcome.exit is Exit.DENIED
    assert "nothing was executed" in outcome.sentence
    assert "aws sso login" in outcome.next
    assert made.status() == ""
    assert not [one for one in outcome.evidence if one.source == "left behind"]


def expire(made: Site) -> None:
    made.fault("api:*:expired**")


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_credentials_that_expire_while_a_person_reads_the_plan(exists: bool) -> None:
    made = site()
    if exists:
        made.stand()
    made.after(1.0, lambda: expire(made))
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.DENIED
    assert made.image() == ("one" if exists else "")
    (left,), (name,) = [one for one in outcome.evidence if one.source == "left behind"], made.change_sets()
    assert name in left.text, "what could not be deleted is named"
    by_hand = f"aws cloudformation delete-change-set --stack-name shop-staging --change-set-name {name}"
    assert outcome.next[-1] == (by_hand if exists else "fsdcf delete shop --env staging")
    made.state.faults.clear()
    made.clock.advance(3600)
    assert made.deploy(sha="two", plan_only=True).exit is Exit.DONE
    assert made.change_sets() == [] and made.status() == ("CREATE_COMPLETE" if exists else "")


def test_the_next_command_deletes_the_empty_stack() -> None:
    made = site()
    made.after(1.0, lambda: expire(made))
    assert made.deploy().next[-1] == "fsdcf delete shop --env staging"
    made.state.faults.clear()
    run = Run(made.aws, made.tell, Target("shop", "staging"))
    assert delete(run, Options(yes=True)).exit is Exit.DONE
    assert made.status() == "" and made.warnings() == []


def test_credentials_are_renewed_for_the_cleanup() -> None:
    made = site("api:DeleteChangeSet:expired", "api:DeleteStack:expired")
    assert made.deploy(plan_only=True).evidence == ()
    assert made.status() == ""


def test_credentials_that_expire_at_the_execution_leave_it_undone() -> None:
    made = site()
    made.stand()
    made.fault("api:ExecuteChangeSet:expired**")
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.DENIED
    assert "nothing was executed" in outcome.sentence
    assert made.change_sets() == []
    assert made.executions() == []


def test_credentials_that_expire_while_watching_leave_the_outcome_unknown() -> None:
    made = site()
    made.stand()
    made.after(12.0, lambda: expire(made))
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.UNKNOWN
    assert "the update of shop-staging continues" in outcome.sentence
    assert "fsdcf watch shop --env staging" in outcome.next
    made.clock.advance(300)
    assert made.image() == "two"


@pytest.mark.parametrize("operation", ["ListStackResources", "DescribeServices"])
def test_credentials_that_expire_before_the_verification(operation: str) -> None:
    made = site()
    made.stand(template(**service()))
    made.fault(f"api:{operation}:expired**")
    outcome = made.deploy(template(**service()), "two")
    assert outcome.exit is Exit.DONE
    assert len([one for one in made.warnings() if "rollout not verified" in one]) == 1
    assert made.image() == "two"


class _Untimely:
    """A client whose signatures AWS does not take for their time."""

    def describe_stacks(self, **parameters: Any) -> dict[str, Any]:
        said = "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)"
        raise ClientError({"Error": {"Code": "SignatureDoesNotMatch", "Message": said}}, "DescribeStacks")


def test_a_wrong_clock_is_not_reported_as_expired_credentials() -> None:
    made = site()
    made.aws._make = lambda service, region: _Untimely()
    outcome = made.deploy()
    assert outcome.exit is Exit.DENIED
    assert "clock of this machine is wrong" in outcome.sentence and "nothing was executed" in outcome.sentence
    assert outcome.next[0] == "date -u" and "Signature expired" in outcome.sentence
