"""Bursts of throttling, also on the last poll; server errors, resets, the page of a proxy."""

from __future__ import annotations

import pytest

from fsdcf.deploy.aws import BUDGET
from fsdcf.deploy.model import Exit
from tests.deploy.site import service, site, template

READS = ("DescribeStacks", "DescribeChangeSet", "DescribeStackEvents", "ListStackResources")
WRITES = ("CreateChangeSet", "ExecuteChangeSet", "DeleteChangeSet")


@pytest.mark.parametrize("operation", [*READS, *WRITES, "DescribeImages", "DescribeServices"])
@pytest.mark.parametrize("after", [0, 3])
def test_throttling_never_fails_a_run(operation: str, after: int) -> None:
    made = site()
    body = template(**service()) if operation == "DescribeServices" else template()
    made.stand(body)
    made.fault(f"api:{operation}:throttle*12@{after}")
    release = made.release(body, "two", image=(None, None, "shop"))
    outcome = made.run(release)
    assert outcome.exit is Exit.DONE
    assert made.image() == "two"
    assert made.warnings() == []
    assert made.busiest() <= BUDGET


@pytest.mark.parametrize("after", range(6, 14, 2))
def test_the_last_poll_is_throttled(after: int) -> None:
    made = site()
    made.stand()
    made.fault(f"api:DescribeStackEvents:throttle*4@{after}", f"api:DescribeStacks:throttle*4@{after // 4}")
    assert made.deploy(sha="two").exit is Exit.DONE


@pytest.mark.parametrize("kind", ["broken", "reset", "html", "half", "delay=70"])
@pytest.mark.parametrize(
    "operation", ["DescribeStacks", "DescribeChangeSet", "DescribeStackEvents", "ExecuteChangeSet"]
)
def test_network_errors_are_retried(operation: str, kind: str) -> None:
    made = site()
    made.stand()
    made.fault(f"api:{operation}:{kind}*3")
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.DONE
    assert made.image() == "two"
    assert len(made.executions()) == 1


def test_permanent_throttling_keeps_the_budget_and_continues() -> None:
    made = site("api:*:throttle**%70", seed=3)
    outcome = made.deploy()
    assert outcome.exit is Exit.DONE
    assert made.busiest() <= BUDGET


def test_throttling_until_the_deadline_executes_nothing() -> None:
    made = site("api:CreateChangeSet:throttle**")
    outcome = made.deploy(timeout=120.0)
    assert outcome.exit is Exit.FAILED
    assert "nothing was executed" in outcome.sentence
    assert made.status() == ""


def test_throttling_of_the_watch_until_the_deadline_leaves_the_outcome_unknown() -> None:
    made = site()
    made.stand()
    made.fault("api:DescribeStackEvents:throttle**")
    outcome = made.deploy(sha="two", timeout=120.0)
    assert outcome.exit is Exit.UNKNOWN
    assert "fsdcf watch shop --env staging" in outcome.next


def test_the_poll_interval_doubles_while_throttled() -> None:
    made = site()
    made.stand(template(**service()))
    made.deploy(template(**service()), "two")
    usual = made.made("DescribeStackEvents")
    made.forget()
    made.fault("api:DescribeStackEvents:throttle*4@2")
    made.deploy(template(**service()), "three")
    assert made.made("DescribeStackEvents") - 4 < usual


@pytest.mark.parametrize("kind", ["reset", "unreachable", "html", "broken"])
def test_no_network_at_all_ends_soon(kind: str) -> None:
    made = site(f"api:*:{kind}**")
    begun = made.clock.now()
    outcome = made.deploy()
    assert outcome.exit is Exit.FAILED
    assert "nothing was executed" in outcome.sentence
    assert made.clock.now() - begun < 60


def test_the_network_goes_away_while_watching() -> None:
    made = site()
    made.stand()
    made.fault("api:*:unreachable**@8")
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.UNKNOWN
    assert "the update of shop-staging continues" in outcome.sentence
