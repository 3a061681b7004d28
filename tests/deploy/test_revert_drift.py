"""deploy --revert-drift: the plan shows what was changed outside CloudFormation, and the deploy reverts it."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.deploy.model import Exit, NoticeIssued
from fsdcf.operate.drift import DriftReport, detect
from tests.deploy.site import STACK, Site, queue, site, template, topic
from tests.operate.test_drift import SHOP, Run

BODY = template(
    Jobs=topic(DisplayName="five"), Log={"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}}
)


def stand(*faults: str, body: Any = BODY) -> Site:
    made = site()
    made.deploy(body)
    made.forget()
    made.fault(*faults)
    return made


def drift(made: Site) -> DriftReport:
    return detect(Run(made.aws, made.tell, SHOP))


def notices(made: Site) -> list[str]:
    return [one.text for one in made.told if isinstance(one, NoticeIssued) and one.label == "drift"]


def test_the_plan_shows_the_drift_and_the_deploy_reverts_it() -> None:
    made = stand("Jobs:drift:DisplayName=six", "Log:drift:deleted")
    planned = made.deploy(BODY, revert_drift=True, plan_only=True)
    plan = made.plan().plan
    assert planned.exit is Exit.DONE and plan.drift == "DRIFTED"
    changes = {one.logical_id: one for one in plan.changes}
    assert {name: (one.action, one.drift) for name, one in changes.items()} == {
        "Jobs": ("Modify", "MODIFIED"),
        "Log": ("Add", "DELETED"),
    }
    (detail,) = changes["Jobs"].details
    assert detail.drift is not None and (detail.drift.previous, detail.drift.actual) == ("five", "six")
    assert (detail.before, detail.after) == ("six", "five")
    assert "actual state" in notices(made)[0]
    assert made.deploy(BODY, revert_drift=True).exit is Exit.DONE
    assert drift(made).drifted == ()


def test_without_the_option_drift_is_not_looked_for() -> None:
    made = stand("Jobs:drift:DisplayName=six")
    outcome = made.deploy(BODY)
    assert outcome.exit is Exit.DONE and "nothing to change" in outcome.sentence
    assert [one.logical_id for one in drift(made).drifted] == ["Jobs"]


def test_a_template_that_takes_over_the_change_only_records_it() -> None:
    made = stand("Jobs:drift:DisplayName=six")
    body = template(Jobs=topic(DisplayName="six"), Log=BODY["Resources"]["Log"])
    made.deploy(body, revert_drift=True)
    (change,) = made.plan().plan.changes
    assert (change.logical_id, change.action, change.drift) == ("Jobs", "SyncWithActual", "MODIFIED")
    assert drift(made).drifted == ()


def test_without_drift_the_deploy_is_a_usual_one() -> None:
    made = stand()
    assert "nothing to change" in made.deploy(BODY, revert_drift=True).sentence
    assert made.deploy(BODY, "two", revert_drift=True).exit is Exit.DONE
    assert made.plan().plan.drift == "IN_SYNC" and notices(made) == []


def test_a_failed_deploy_returns_to_the_actual_state() -> None:
    made = stand("Jobs:drift:DisplayName=six")
    body = template(Jobs=topic(DisplayName="five"), Log=BODY["Resources"]["Log"])
    body["Resources"]["Release"]["DependsOn"] = ["Jobs"]
    made.fault("Release:update:bad")
    outcome = made.deploy(body, "two", revert_drift=True)
    assert outcome.exit is Exit.FAILED and made.status() == "UPDATE_ROLLBACK_COMPLETE"
    ((name, part),) = [(one.logical_id, part) for one in drift(made).drifted for part in one.properties]
    assert (name, part.expected, part.actual) == ("Jobs", "five", "six")


def test_data_at_risk_is_asked_for_all_the_same() -> None:
    body = template(Old=queue(QueueName="old", DelaySeconds=5), Jobs=topic(DisplayName="five"))
    made = stand("Jobs:drift:DisplayName=six", body=body)
    outcome = made.deploy(template(Jobs=topic(DisplayName="five")), revert_drift=True)
    assert outcome.exit is Exit.REFUSED and "Old" in outcome.sentence
    assert drift(made).drifted and made.status() == "CREATE_COMPLETE"


def test_a_stack_that_does_not_exist_cannot_have_drifted() -> None:
    made = site()
    assert made.deploy(BODY, revert_drift=True).exit is Exit.DONE
    assert any("--revert-drift has no effect" in text for text in made.warnings())
    assert made.status(STACK) == "CREATE_COMPLETE"


def test_an_endpoint_that_does_not_look_for_drift_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stand("Jobs:drift:DisplayName=six")
    call = made.aws.call

    def forget(service: str, name: str, /, **parameters: Any) -> Any:
        parameters.pop("DeploymentMode", None)
        return call(service, name, **parameters)

    monkeypatch.setattr(made.aws, "call", forget)
    made.deploy(BODY, "two", revert_drift=True, plan_only=True)
    assert any("drift may remain" in text for text in made.warnings()) and notices(made) == []
