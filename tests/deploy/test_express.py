"""The express mode: CloudFormation ends early, and the outcome is that of the rollout all the same."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.model import Exit, NoticeIssued, RolloutChanged
from tests.deploy.site import STACK, Site, service, site, template

BODY = template(**service(2))


def notices(made: Site) -> list[str]:
    return [one.text for one in made.told if isinstance(one, NoticeIssued) and one.label == "express"]


def sent(made: Site, monkeypatch: pytest.MonkeyPatch, operation: str) -> list[dict[str, Any]]:
    """The parameters of an operation that the engine calls from now on."""
    requests: list[dict[str, Any]] = []
    call = made.aws.call

    def spy(service: str, name: str, /, **parameters: Any) -> Any:
        if name == operation:
            requests.append(parameters)
        return call(service, name, **parameters)

    monkeypatch.setattr(made.aws, "call", spy)
    return requests


def test_the_rollout_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made = site()
    requests = sent(made, monkeypatch, "CreateChangeSet")
    assert made.deploy(BODY, express=True).exit is Exit.DONE
    assert requests[0]["DeploymentConfig"] == {"Mode": "EXPRESS", "DisableRollback": False}
    assert "no earlier version" in notices(made)[0]
    ends = [index for index, one in enumerate(made.seen()) if one == (STACK, "CREATE_COMPLETE")]
    assert len(ends) == 1
    last = next(one for one in reversed(made.told) if isinstance(one, RolloutChanged))
    assert (last.state, last.running) == ("COMPLETED", 2)
    assert made.call("DescribeStacks", StackName=STACK)["Stacks"][0]["DisableRollback"] is False


def test_without_express_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    made = site()
    requests = sent(made, monkeypatch, "CreateChangeSet")
    assert made.deploy(BODY).exit is Exit.DONE
    assert "DeploymentConfig" not in requests[0] and notices(made) == []


def test_it_is_faster_than_the_standard_mode() -> None:
    ends = []
    for express in (False, True):
        made = site()
        made.deploy(BODY, express=express)
        ends.append(next(event["Timestamp"] for event in made.events()) - made.events()[-1]["Timestamp"])
    assert ends[1] < ends[0]


def test_a_failed_rollout_is_a_failure_that_ecs_rolls_back() -> None:
    made = site()
    made.deploy(BODY)
    made.forget()
    made.fault("Service:update:exit=1")
    outcome = made.deploy(BODY, "two", express=True)
    assert outcome.exit is Exit.FAILED and "rolled it back" in outcome.sentence and "exit code 1" in outcome.sentence
    assert made.status() == "UPDATE_COMPLETE"
    assert "circuit breaker of ECS rolls the service back" in notices(made)[0]


def test_without_a_circuit_breaker_nothing_rolls_back() -> None:
    made = site()
    body = template(**service(2))
    body["Resources"]["Service"]["Properties"]["DeploymentConfiguration"] = {}
    made.deploy(body)
    made.forget()
    made.deploy(body, "two", express=True, plan_only=True)
    assert "the circuit breaker is off" in notices(made)[0]


def test_a_resource_that_fails_is_rolled_back_by_cloudformation() -> None:
    made = site()
    made.stand()
    made.fault("Release:update:no parameter")
    outcome = made.deploy(sha="two", express=True)
    assert outcome.exit is Exit.FAILED and made.status() == "UPDATE_ROLLBACK_COMPLETE"


def test_the_deadline_ends_the_wait() -> None:
    made = site()
    made.deploy(BODY)
    made.fault("Service:update:slow=40")
    outcome = made.deploy(BODY, "two", express=True, timeout=200.0)
    assert outcome.exit is Exit.UNKNOWN


def test_a_region_without_it_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    made = site()
    call = made.aws.call

    def refuse(service: str, name: str, /, **parameters: Any) -> Any:
        if name == "CreateChangeSet" and "DeploymentConfig" in parameters:
            raise ApiError(service, name, "ValidationError", "DeploymentConfig is not supported in this region")
        return call(service, name, **parameters)

    monkeypatch.setattr(made.aws, "call", refuse)
    outcome = made.deploy(express=True)
    assert outcome.exit is Exit.USAGE and "the express mode (--express)" in outcome.sentence and made.status() == ""
    assert made.deploy().exit is Exit.DONE
