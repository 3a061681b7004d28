"""Scale: the number of tasks, the gate, and what will undo it."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.deploy.model import Exit, Outcome, RolloutChanged
from fsdcf.deploy.run import Stop
from fsdcf.operate.bounds import Bounds, undone_by
from fsdcf.operate.rolling import restart, scale
from fsdcf.sandbox.ecs import scheduler
from tests.deploy.site import Site
from tests.operate.shop import TARGET, shop, steps, told


def to(
    found: Site, count: int, yes: bool = True, allow: frozenset[str] = frozenset(), timeout: float | None = None
) -> Outcome:
    ask = found.ask if found.answers is not None else None
    return scale(TARGET, count, yes, allow, timeout, found.aws, found.tell, ask)


def ended(found: Site, count: int, **more: Any) -> Outcome:
    with pytest.raises(Stop) as raised:
        to(found, count, **more)
    return raised.value.outcome


def test_out_and_back() -> None:
    found = shop()
    assert to(found, 3).sentence == "shop-staging runs 3 tasks"
    assert told(found)["runningCount"] == 3
    assert steps(found) == ["goes from 1 to 3 tasks in shop-staging"]
    assert (1, 3) in [(one.running, one.desired) for one in found.told if isinstance(one, RolloutChanged)]
    assert to(found, 1).sentence == "shop-staging runs 1 task"
    assert to(found, 1).sentence == "shop-staging runs 1 task already" and found.made("UpdateService") == 2


def test_the_gate_and_what_is_told_before() -> None:
    found = shop()
    refused = ended(found, 0, yes=False)
    assert refused.exit is Exit.REFUSED and refused.next == ("fsdcf scale shop --env staging 0 --yes",)
    assert "no task will run: the service will not answer" in found.warnings()
    found.answers = {"execute": False}
    assert ended(found, 0, yes=False).exit is Exit.REFUSED
    found.answers = {"execute": True}
    found.forget()
    assert to(found, 0, yes=False).sentence == "shop-staging runs 0 tasks"
    assert found.asked[0].text == "Go from 1 to 0 tasks in shop-staging?" and len(found.asked[0].details) == 2
    assert found.warnings() == []


def test_auto_scaling_will_undo_it() -> None:
    found = shop(bounds=(1, 3))
    to(found, 4)
    assert "between 1 and 3 tasks: it will undo 4 when it next takes tasks away" in found.warnings()[0]
    assert "service.autoScaling.maxCount" in found.warnings()[0]
    found.forget()
    to(found, 0)
    assert "it will undo 0 when it next adds tasks" in found.warnings()[0]
    found.forget()
    to(found, 2)
    assert "it will change 2 as soon as the load asks" in found.warnings()[0]


def test_the_bounds_come_from_the_template_where_auto_scaling_may_not_be_asked() -> None:
    found = shop("api:DescribeScalableTargets:error=AccessDeniedException", bounds=(1, 3))
    assert to(found, 4).exit is Exit.DONE
    assert "no permission for application-autoscaling:DescribeScalableTargets" in found.warnings()[0]
    assert "between 1 and 3 tasks" in found.warnings()[1]


def test_without_the_template_it_is_not_known() -> None:
    found = shop(
        "api:GetTemplate:error=AccessDenied", "api:DescribeScalableTargets:error=AccessDeniedException", bounds=(1, 3)
    )
    assert to(found, 2).exit is Exit.DONE
    assert any("it cannot be read" in one for one in found.warnings())


def test_the_next_deploy_will_undo_it() -> None:
    found = shop()
    to(found, 2)
    assert found.warnings() == [
        "the next deploy that changes the service sets it to 1 again: write service.resources.desiredCount to keep 2"
    ]


@pytest.mark.parametrize(
    ("bounds", "count", "words"),
    [
        (Bounds(2, 4, False, False), 9, "suspended: nothing undoes 9"),
        (Bounds(2, 4), 2, "will change 2"),
        (Bounds(2, 4), 1, "when it next adds tasks; write service.autoScaling.minCount"),
        (Bounds(2, 4), 5, "when it next takes tasks away"),
    ],
)
def test_bounds(bounds: Bounds, count: int, words: str) -> None:
    (text,) = undone_by(count, bounds, {})
    assert words in text and "between 2 and 4 tasks" in text


def test_what_the_template_says_is_not_undone() -> None:
    template = {"Resources": {"Service": {"Type": "AWS::ECS::Service", "Properties": {"DesiredCount": 2}}}}
    assert list(undone_by(2, None, template)) == [] and list(undone_by(2, None, {})) == []


def test_a_single_writer_needs_more_than_yes() -> None:
    found = shop(single=True)
    refused = ended(found, 2)
    assert refused.exit is Exit.REFUSED and refused.sentence.startswith(
        "data at risk: the service is made so that one task runs"
    )
    assert refused.next == ("fsdcf scale shop --env staging 2 --allow Service",)
    found.answers = {"data": False}
    assert ended(found, 2).exit is Exit.REFUSED and found.made("UpdateService") == 0
    found.answers = {"data": True}
    assert to(found, 2).exit is Exit.DONE
    found.answers = None
    assert to(found, 3, allow=frozenset({"Service"})).exit is Exit.DONE
    assert to(found, 0).exit is Exit.DONE, "fewer put nothing at risk"


def test_somebody_else_sets_another_number() -> None:
    found = shop()
    service = told(found)
    found.after(
        10,
        lambda: found.call(
            "UpdateService", "ecs", cluster=service["clusterArn"], service=service["serviceName"], desiredCount=1
        ),
    )
    outcome = to(found, 3)
    assert outcome.exit is Exit.FAILED and "has set 1 meanwhile" in outcome.sentence


def test_tasks_that_do_not_come_are_explained_until_the_deadline() -> None:
    found = shop()
    key = "/".join(told(found)["serviceArn"].split("/")[-2:])
    primary = scheduler.primary_of(found.world, key)
    assert primary is not None
    scheduler.change(found.world, primary, trouble=["capacity", ""])
    outcome = ended(found, 2, timeout=300.0)
    assert (outcome.exit, outcome.sentence) == (
        Exit.UNKNOWN,
        "the deadline has passed: the scaling goes on, its outcome is unknown",
    )
    assert any("unable to place a task" in one for one in found.warnings())
    assert sum("a task stopped: Capacity is unavailable" in one for one in found.warnings()) == 1


def test_silence_is_broken_once_a_minute() -> None:
    found = shop("AWS::ECS::Service:update:slow=30")
    restart(TARGET, True, None, found.aws, found.tell, None)
    assert any(one.startswith("still 0 of 1 running") for one in steps(found))
