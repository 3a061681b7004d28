"""Pausing: no tasks until the service is resumed, whatever is deployed or fails meanwhile."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from fsdcf.cli.commands.status import status_lines, status_record
from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.model import Exit, NoticeIssued, Options, Outcome
from fsdcf.deploy.pause import Pause, kept_paused, pause_of, paused, resumed
from fsdcf.deploy.run import Run, Stop
from fsdcf.deploy.state import snapshot
from fsdcf.diagnostics import plain
from fsdcf.operate.pause import pause, resume
from fsdcf.operate.releases import rollback
from fsdcf.operate.rolling import restart, scale
from fsdcf.operate.services import services
from fsdcf.operate.status import status
from fsdcf.sandbox.ecs import scheduler
from tests.deploy.site import STACK, Site
from tests.operate.shop import TARGET, body, described, one_off_tasks, shop

ALL = {"DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"}


def do(found: Site, act: Any, *words: Any, yes: bool = True, **more: Any) -> Outcome:
    ask = found.ask if found.answers is not None else None
    run = Run(found.aws, found.tell, TARGET, ask)
    outcome: Outcome = act(run, *words, Options(yes=yes, **more))
    return outcome


def ended(found: Site, act: Any, *words: Any, **more: Any) -> Outcome:
    with pytest.raises(Stop) as raised:
        do(found, act, *words, **more)
    return raised.value.outcome


def limits(found: Site) -> tuple[int, int, set[str]]:
    """The minimum and the maximum of auto scaling, and what of it is suspended."""
    (target,) = found.call("DescribeScalableTargets", "application-autoscaling", ServiceNamespace="ecs")[
        "ScalableTargets"
    ]
    return target["MinCapacity"], target["MaxCapacity"], {name for name, off in target["SuspendedState"].items() if off}


def counts(found: Site) -> tuple[int, int]:
    service = described(found)
    return service["desiredCount"], service["runningCount"]


@pytest.mark.parametrize("bounds", [None, (1, 4)], ids=["fixed", "scaled"])
def test_pause_and_resume(bounds: tuple[int, int] | None) -> None:
    found = shop(count=2, bounds=bounds)
    do(found, scale, 3)
    outcome = do(found, pause)
    assert (outcome.exit, outcome.next) == (Exit.DONE, ("fsdcf resume shop --env staging",))
    assert outcome.sentence == "shop-staging is paused: it has no tasks, and later deploys start none"
    assert counts(found) == (0, 0)
    known = pause_of(snapshot(found.aws, STACK))
    assert known is not None and (known.tasks, known.by) == (3, "arn:aws:iam::000000000000:user/sandbox")
    shown = status(STACK, found.aws)
    assert shown is not None and f"  paused   {known.text}" in list(status_lines(shown, plain))
    assert status_record(shown)["paused"]["tasks"] == 3
    (one,) = services(Run(found.aws, found.tell, TARGET), None)
    assert one.condition == "notable" and one.state.startswith("paused since 20")
    if bounds:
        assert limits(found) == (0, 4, ALL)
    assert do(found, pause).sentence.startswith("shop-staging is already paused since 20")
    outcome = do(found, resume)
    assert outcome.sentence == "shop-staging is resumed: it runs 3 tasks" and counts(found) == (3, 3)
    assert pause_of(snapshot(found.aws, STACK)) is None
    if bounds:
        assert limits(found) == (1, 4, set())
    assert do(found, resume).sentence == "shop-staging is not paused: 3 of 3 tasks running"


def test_a_single_writer() -> None:
    found = shop(single=True)
    assert do(found, pause).exit is Exit.DONE and counts(found) == (0, 0)
    assert do(found, resume).exit is Exit.DONE and counts(found) == (1, 1)


@pytest.mark.parametrize("bounds", [None, (2, 4)], ids=["fixed", "scaled"])
def test_a_deploy_keeps_the_pause(bounds: tuple[int, int] | None) -> None:
    found = shop(count=2, bounds=bounds)
    do(found, pause)
    found.forget()
    wider = (3, 5) if bounds else None
    outcome = found.deploy(body(4, False, wider, False), "two")
    assert outcome.exit is Exit.DONE and counts(found) == (0, 0)
    assert outcome.sentence.endswith(
        "; no task was started, because the service is paused: nothing shows whether two works"
    )
    assert outcome.next == ("fsdcf resume shop --env staging",)
    (notice,) = [one for one in found.told if isinstance(one, NoticeIssued) and one.label == "paused"]
    assert notice.text.endswith("no task is started until it is resumed")
    if bounds:
        assert limits(found) == (0, 5, ALL)
    assert do(found, resume).exit is Exit.DONE
    assert counts(found) == ((3, 3) if bounds else (4, 4)), "the spec's new number, or the new minimum"
    assert found.image() == "two"
    if bounds:
        assert limits(found) == (3, 5, set())
    found.forget()
    assert found.deploy(body(4, False, wider, False), "three").exit is Exit.DONE
    assert counts(found) == ((3, 3) if bounds else (4, 4))


def test_a_deploy_that_fails_and_a_rollback_keep_the_pause() -> None:
    found, template = shop(count=2), body(2, False, None, False)
    template["Resources"]["Release"]["Properties"]["Value"] = {"Fn::Sub": "shop:${ImageSha}"}
    found.deploy(template, "two")
    found.deploy(template, "three")
    do(found, pause)
    found.fault("Release:update:AccessDenied")
    assert found.deploy(template, "four").exit is Exit.FAILED
    assert counts(found) == (0, 0) and found.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert do(found, rollback, None).exit is Exit.DONE and counts(found) == (0, 0)
    assert do(found, resume).exit is Exit.DONE and counts(found) == (2, 2)


def test_what_was_interrupted_can_be_repeated() -> None:
    found = shop(count=2)
    found.pressing(8.0)
    assert do(found, pause).exit in (Exit.UNKNOWN, Exit.INTERRUPTED)
    found.clock.advance(300)
    assert do(found, pause).exit is Exit.DONE and counts(found) == (0, 0)
    found.pressing(20.0)
    assert "the resumption continues" in ended(found, resume).sentence
    assert pause_of(snapshot(found.aws, STACK)) is not None
    assert do(found, resume).exit is Exit.DONE and counts(found) == (2, 2)
    do(found, pause)
    found.pressing(20.0)
    ended(found, resume)
    assert do(found, pause).exit is Exit.DONE and counts(found) == (0, 0), "a resumption that is taken back"


def test_the_confirmation() -> None:
    found = shop(count=2)
    refused = ended(found, pause, yes=False)
    assert (refused.exit, refused.next) == (Exit.REFUSED, ("fsdcf pause shop --env staging --yes",))
    found.answers = {"execute": True}
    assert do(found, pause, yes=False).exit is Exit.DONE
    assert found.asked[0].text == "Pause shop-staging?" and found.asked[0].details[0].startswith("2 tasks will stop")
    found.answers = None
    assert ended(found, resume, yes=False).next == ("fsdcf resume shop --env staging --yes",)


def test_other_commands_on_a_paused_service() -> None:
    found = shop()
    do(found, pause)
    resuming = ("fsdcf resume shop --env staging",)
    refused = ended(found, scale, 2)
    assert (refused.exit, refused.next) == (Exit.REFUSED, resuming) and "is paused since" in refused.sentence
    assert do(found, scale, 0).exit is Exit.DONE
    assert do(found, restart).next == resuming
    assert one_off_tasks(found) == []


def test_without_the_permission_to_read_the_template_or_the_caller() -> None:
    found = shop("api:GetCallerIdentity:error=AccessDenied")
    assert do(found, pause).exit is Exit.DONE
    known = pause_of(snapshot(found.aws, STACK))
    assert known is not None and known.by == ""
    found.fault("api:GetTemplate:error=AccessDenied")
    with pytest.raises(ApiError) as refused:
        do(found, resume)
    assert refused.value.denied and refused.value.denial.action == "cloudformation:GetTemplate"


def test_a_paused_template_and_back() -> None:
    found = shop(count=2, bounds=(1, 3))
    do(found, pause)
    known = pause_of(snapshot(found.aws, STACK))
    assert known is not None and pause_of(None) is None
    template = body(2, False, (1, 3), False)
    held = paused(template, known)
    assert kept_paused(held, known) == held and template == body(2, False, (1, 3), False), "unchanged"
    back = resumed(held, known)
    state = back["Resources"]["ScalableTarget"]["Properties"].pop("SuspendedState")
    assert set(state) == ALL and not any(state.values()), "what is left out would stay suspended"
    for name in ("Service", "ScalableTarget"):
        assert back["Resources"][name].pop("Metadata") == {"fsdcf": {}}
    assert back == template


def test_alarms_notify_nobody_during_a_pause() -> None:
    template = {"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": 1}}}}
    known = Pause(datetime(2026, 11, 29, tzinfo=timezone.utc), 2)
    held = paused(template, known)
    assert held["Resources"]["Alarm"]["Properties"] == {"Threshold": 1, "ActionsEnabled": False}
    assert resumed(held, known)["Resources"]["Alarm"]["Properties"] == {"Threshold": 1}


def test_a_version_that_does_not_work_leaves_the_service_paused() -> None:
    found = shop(count=2)
    do(found, pause)
    key = "/".join(described(found)["serviceArn"].split("/")[-2:])
    primary = scheduler.primary_of(found.state, key)
    assert primary is not None
    scheduler.change(found.state, primary, problem=["exit", "3"])
    outcome = do(found, resume)
    assert outcome.exit is Exit.FAILED and "the application ended with exit code 3" in outcome.sentence
    assert outcome.next[-2:] == ("fsdcf resume shop --env staging", "fsdcf pause shop --env staging")
    assert pause_of(snapshot(found.aws, STACK)) is not None
    assert do(found, pause).exit is Exit.DONE and counts(found) == (0, 0)
