"""Stale status, late events, equal timestamps, duplicates, thousands of old events, a wrong clock."""

from __future__ import annotations

import pytest

from fsdcf.deploy.model import Exit, StackEventReceived
from fsdcf.sandbox.cloudformation import records
from fsdcf.sandbox.cloudformation.records import EVENT
from tests.deploy.site import STACK, Site, site, template

QUIRKS = {
    "stale status": ("cfn:stale-status*3",),
    "status lags": ("cfn:lag-status=25",),
    "events lag": ("cfn:lag-events=25",),
    "both lag": ("cfn:lag-status=7", "cfn:lag-events=19"),
    "equal timestamps": ("cfn:equal-timestamps",),
    "duplicates": ("cfn:duplicate-events",),
    "small pages": ("cfn:page-size=3", "cfn:duplicate-events"),
}


@pytest.mark.parametrize("name", QUIRKS)
@pytest.mark.parametrize("fails", [False, True], ids=["succeeds", "fails"])
def test_the_outcome_is_correct(name: str, fails: bool) -> None:
    made = site()
    made.stand(template())
    made.fault(*QUIRKS[name], *(["Release:update:no parameter"] if fails else []))
    outcome = made.deploy(template(), "two")
    assert outcome.exit is (Exit.FAILED if fails else Exit.DONE)
    assert made.image() == ("one" if fails else "two")
    assert made.status() == ("UPDATE_ROLLBACK_COMPLETE" if fails else "UPDATE_COMPLETE")
    if fails:
        assert "Release" in outcome.sentence
        assert "no parameter" in outcome.sentence


@pytest.mark.parametrize("name", QUIRKS)
def test_every_event_is_reported_once_and_in_order(name: str) -> None:
    made = site()
    made.stand(template())
    made.fault(*QUIRKS[name])
    made.deploy(template(), "two")
    told = [one.event for one in made.told if isinstance(one, StackEventReceived)]
    assert len({event.id for event in told}) == len(told)
    written = [one for one in reversed(made.events()) if one.get("ClientRequestToken") == told[0].token]
    end = next(
        index
        for index, one in enumerate(written)
        if one["ResourceStatus"] == "UPDATE_COMPLETE" and one["PhysicalResourceId"] == one["StackId"]
    )
    assert [event.id for event in told] == [one["EventId"] for one in written[: end + 1]]


def old_events(made: Site, count: int) -> None:
    """The stack's history as if it had been updated hundreds of times: copies of its first events, older than all
    others."""
    with made.state.store.transaction():
        stack = records.living(made.state, STACK)
        assert stack is not None
        known = [made.state.store.get(EVENT, f"{stack['id']}|{number:09d}") for number in range(1, stack["events"] + 1)]
        for number in range(1, count + 1):
            event = known[(number - 1) % len(known)]
            assert event is not None
            stamp = made.clock.now() - 86_400 + number
            old = {**event, "EventId": f"old-{number}", "Timestamp": stamp}
            made.state.store.put(EVENT, f"{stack['id']}|{number:09d}", old)
        stack.update(events=count, stamp=made.clock.now() - 80_000)
        records.save_stack(made.state, stack)


def test_five_thousand_old_events_cost_nothing() -> None:
    made = site()
    made.stand()
    old_events(made, 5_000)
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.DONE
    assert not any(one.event.id.startswith("old-") for one in made.told if isinstance(one, StackEventReceived))
    polls = made.made("DescribeStackEvents")
    waits = sum(1 for at, name in made.requests if name.endswith("DescribeStackEvents"))
    assert waits == polls <= 25


def test_five_thousand_old_events_do_not_hide_the_latest_failure() -> None:
    made = site()
    made.stand()
    old_events(made, 5_000)
    made.fault("Release:update:no parameter")
    assert made.deploy(sha="two").exit is Exit.FAILED
    made.forget()
    outcome = made.diagnose()
    assert "no parameter" in outcome.sentence
    assert made.made("DescribeStackEvents") == 1


@pytest.mark.parametrize("wrong", [-600.0, 600.0])
def test_a_local_clock_that_is_ten_minutes_off(wrong: float) -> None:
    made = site()
    made.stand()
    right = made.aws.clock
    made.aws.clock = lambda: right() + wrong
    outcome = made.deploy(sha="two", timeout=600.0)
    assert outcome.exit is Exit.DONE
    assert ("Release", "UPDATE_COMPLETE") in made.seen()
    assert all(0 <= one.elapsed < 600 for one in made.told if isinstance(one, StackEventReceived))
