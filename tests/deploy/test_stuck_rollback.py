"""A rollback that does not end, since the earlier version of the service does not start: why, and the ways out."""

from __future__ import annotations

import pytest

from fsdcf.deploy.model import Exit, Question, Target
from fsdcf.deploy.run import Run, Stop
from fsdcf.operate.service import idle_stack
from fsdcf.wording import counted
from tests.deploy.site import STACK, Site, service, site, template

BODY = template(**service(2))
RECOVER = "fsdcf recover shop --env staging"


def stuck(detail: str = "", update: str = "slow=60") -> Site:
    """A stack whose update was cancelled, and whose service cannot return to its earlier version."""
    made = site()
    made.deploy(BODY)
    made.fault(f"Service:update:{update}", f"Service:rollback:stuck{detail}")
    cancelled(made)
    return made


def cancelled(made: Site) -> None:
    """An update that somebody cancels, and whose rollback has begun."""
    made.deploy(BODY, "two", detach=True)
    made.clock.advance(60)
    made.call("CancelUpdateStack", StackName=STACK)
    made.clock.advance(180)
    assert made.status() == "UPDATE_ROLLBACK_IN_PROGRESS"
    made.forget()


def desired(made: Site) -> int:
    (arn,) = made.call("ListServices", "ecs", cluster=cluster(made))["serviceArns"]
    (found,) = made.call("DescribeServices", "ecs", cluster=cluster(made), services=[arn])["services"]
    return int(found["desiredCount"])


def cluster(made: Site) -> str:
    rows = made.call("DescribeStackResources", StackName=STACK)["StackResources"]
    return next(str(row["PhysicalResourceId"]) for row in rows if row["LogicalResourceId"] == "Cluster")


def test_without_a_choice_the_ways_are_listed_with_what_they_cost() -> None:
    made = stuck()
    outcome = made.recover()
    assert outcome.exit is Exit.REFUSED and "no capacity" in outcome.sentence
    texts = {one.source: one.text for one in outcome.evidence}
    assert "0 of 2 running, and 2 tasks of other deployments" in texts["Service, earlier version"]
    assert "if the cause has passed" in texts["--force-deployment"]
    assert "does not respond" in texts["--desired-to-running"] and "2 tasks of other" in texts["--desired-to-running"]
    assert "--skip Service" in texts["wait"]
    assert outcome.next == (
        f"{RECOVER} --force-deployment --yes",
        f"{RECOVER} --desired-to-running --yes",
        "fsdcf watch shop --env staging",
    )
    assert not made.made("UpdateService")


@pytest.mark.parametrize(("detail", "words"), [("=image", "image"), ("=secret", "secret")])
def test_the_cause_is_that_of_the_earlier_version(detail: str, words: str) -> None:
    outcome = stuck(detail, "exit=7").recover()
    assert outcome.exit is Exit.REFUSED and words in outcome.sentence and "exit code 7" not in outcome.sentence
    assert not any("exit code 7" in one.text for one in outcome.evidence)
    assert outcome.advice is not None
    assert any(one.source == "--force-deployment" and "cause is removed" in one.text for one in outcome.evidence)


@pytest.mark.parametrize(("detail", "count"), [("", 0), ("=1", 1)])
def test_the_desired_count_becomes_what_runs(detail: str, count: int) -> None:
    made = stuck(detail)
    outcome = made.recover(desired_to_running=True, yes=True)
    assert outcome.exit is Exit.DONE and made.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert f"{counted(count, 'task')} instead of 2" in outcome.sentence and desired(made) == count
    assert outcome.next[0] == "fsdcf scale shop --env staging 2"


def test_a_new_deployment_helps_once_the_cause_has_passed() -> None:
    made = stuck()
    outcome = made.recover(force_deployment=True, yes=True)
    assert outcome.exit is Exit.DONE and made.status() == "UPDATE_ROLLBACK_COMPLETE" and desired(made) == 2


def test_a_new_deployment_does_not_help_while_the_cause_exists() -> None:
    made = stuck()
    made.fault("AWS::ECS::Service:update:stuck")
    outcome = made.recover(force_deployment=True, yes=True, timeout=120.0)
    assert outcome.exit is Exit.UNKNOWN and made.status() == "UPDATE_ROLLBACK_IN_PROGRESS"
    assert made.recover().exit is Exit.REFUSED


def test_a_choice_needs_a_confirmation() -> None:
    made = stuck()
    outcome = made.recover(desired_to_running=True)
    assert outcome.exit is Exit.REFUSED and f"{RECOVER} --desired-to-running --yes" in outcome.next
    made.answers = {"execute": False}
    assert made.recover(desired_to_running=True).exit is Exit.REFUSED
    assert len(made.asked) == 1 and "does not respond" in made.asked[0].details[0]
    made.asked.clear()
    assert made.recover().exit is Exit.REFUSED
    assert len(made.asked) == 2 and not made.made("UpdateService")
    made.answers = {"execute": True}
    assert made.recover(desired_to_running=True).exit is Exit.DONE


def test_what_only_takes_time_is_not_called_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    made = site()
    made.deploy(BODY)
    made.fault("Service:update:slow=60", "Service:rollback:slow=200")
    cancelled(made)
    outcome = made.recover()
    assert outcome.exit is Exit.BUSY and "nothing shows" in outcome.sentence
    assert any(one.source == "--desired-to-running" for one in outcome.evidence)

    def wait(question: Question) -> bool:
        made.clock.advance(4 * 3600)
        return True

    monkeypatch.setattr(made, "ask", wait)
    made.answers = {}
    outcome = made.recover(desired_to_running=True)
    assert "UPDATE_ROLLBACK_" in outcome.sentence and not made.made("UpdateService")


def test_options_of_another_state_are_refused() -> None:
    made = stuck()
    for options in ({"force": True}, {"skip": ("Service",)}):
        outcome = made.recover(*options.pop("skip", ()), **options)
        assert outcome.exit is Exit.USAGE and "once the rollback has failed" in outcome.sentence
    made = site()
    made.stand()
    outcome = made.recover(desired_to_running=True, yes=True)
    assert outcome.exit is Exit.USAGE and "rollback in progress" in outcome.sentence


@pytest.mark.parametrize("detail", ["", "=image"])
def test_diagnose_says_what_the_rollback_waits_for(detail: str) -> None:
    outcome = stuck(detail).diagnose()
    assert outcome.exit is Exit.UNKNOWN and "waits for Service: " in outcome.sentence and RECOVER in outcome.next


def test_commands_that_the_rollback_blocks_name_recover() -> None:
    made = stuck()
    assert RECOVER in made.cancel().next and RECOVER in made.diagnose().next
    assert RECOVER in made.deploy(BODY, "three").next
    with pytest.raises(Stop) as refused:
        idle_stack(Run(made.aws, made.tell, Target("shop", "staging")))
    assert RECOVER in refused.value.outcome.next


def test_without_the_permission_nothing_is_changed() -> None:
    made = stuck()
    made.fault("api:UpdateService:error=AccessDeniedException**")
    outcome = made.recover(desired_to_running=True, yes=True)
    assert outcome.exit is Exit.DENIED and "UpdateService" in outcome.sentence


def test_a_run_that_leaves_the_rollback_names_recover() -> None:
    made = stuck()
    made.pressing(30)
    outcome = made.recover(force_deployment=True, yes=True)
    assert outcome.exit is Exit.UNKNOWN and RECOVER in outcome.next
