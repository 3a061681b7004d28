"""Sessions: the task and the container, the errors of ECS Exec, and the plugin's input."""

from __future__ import annotations

from collections import Counter

import pytest

from fsdcf.deploy.aws import ApiError, connect
from fsdcf.deploy.model import Exit, Outcome, Place
from fsdcf.deploy.run import Run, Stop
from fsdcf.operate.sessions import Session, open_session
from fsdcf.sandbox.ecs import definitions
from tests.deploy.site import Site
from tests.operate.shop import TARGET, change, described, running, shop

HERE = Place("shop.yml", 7, 3, "service:")


def enter(found: Site, task: str = "", container: str = "", command: str = "/bin/sh") -> Session:
    run = Run(found.aws, found.tell, TARGET, where=lambda logical_id: HERE)
    return open_session(run, task, container, command)


def refused(found: Site, **more: str) -> Outcome:
    with pytest.raises(Stop) as raised:
        enter(found, **more)
    return raised.value.outcome


def test_the_latest_task_and_the_main_container() -> None:
    found = shop(count=2, execute=True)
    session = enter(found)
    assert session.task in running(found) and session.container == "shop"
    cluster = described(found)["clusterArn"].rpartition("/")[2]
    assert session.target.startswith(f"ecs:{cluster}_{session.task}_{session.task}-")
    assert (session.region, session.endpoint) == ("us-east-1", "https://ssm.us-east-1.amazonaws.com")
    assert set(session.response) == {"sessionId", "streamUrl", "tokenValue"}
    assert session.response["tokenValue"] not in repr(session), "the token is never shown"


def test_a_task_by_a_prefix_of_its_id() -> None:
    found = shop(count=2, execute=True)
    one, two = running(found)
    assert enter(found, task=two[:6]).task == two and enter(found, task=one).task == one
    none = refused(found, task="zzz")
    assert none.exit is Exit.USAGE and "zzz does not match a running task" in none.sentence and one in none.sentence
    found = shop(count=17, execute=True)
    (digit, _), *_ = Counter(task[0] for task in running(found)).most_common(1)
    assert f"{digit} matches several running tasks of shop-staging: " in refused(found, task=digit).sentence


def test_disabled_ecs_exec_names_the_key_and_the_line() -> None:
    found = shop()
    outcome = refused(found)
    assert (outcome.exit, outcome.sentence) == (
        Exit.USAGE,
        "ECS Exec is disabled for shop-staging: set service.enableExecuteCommand: true",
    )
    assert outcome.evidence[0].place == HERE
    assert found.made("ExecuteCommand") == 0


def test_a_task_started_before_ecs_exec_was_enabled() -> None:
    found = shop(execute=True)
    (task,) = running(found)
    change(found, task, enableExecuteCommand=False)
    outcome = refused(found)
    assert "was started before ECS Exec was enabled" in outcome.sentence and outcome.next == (
        "fsdcf restart shop --env staging",
    )


def test_an_agent_that_is_not_running() -> None:
    found = shop(execute=True)
    (task,) = running(found)
    body = found.call("DescribeTasks", "ecs", cluster=described(found)["clusterArn"], tasks=[task])["tasks"][0]
    agent = {"name": "ExecuteCommandAgent", "lastStatus": "STOPPED", "reason": "no ssmmessages"}
    change(
        found,
        task,
        containers=[{"name": "shop", "containerArn": body["containers"][0]["containerArn"], "managedAgents": [agent]}],
    )
    assert "is STOPPED: no ssmmessages" in refused(found).sentence
    found = shop("api:ExecuteCommand:error=TargetNotConnectedException", execute=True)
    assert refused(found).exit is Exit.FAILED


def test_a_missing_container_and_no_task() -> None:
    found = shop(execute=True)
    assert "has no container db; its containers: shop" in refused(found, container="db").sentence
    found = shop(count=0, execute=True)
    assert refused(found).sentence == "shop-staging has no running task"


def test_an_unmanaged_stack_and_a_missing_permission() -> None:
    assert refused(shop(execute=True, tags={"team": "x"})).exit is Exit.REFUSED
    found = shop("api:ExecuteCommand:error=AccessDeniedException", execute=True)
    with pytest.raises(ApiError) as raised:
        enter(found)
    assert raised.value.denied


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("eu-west-1", "https://ssm.eu-west-1.amazonaws.com"),
        ("cn-north-1", "https://ssm.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "https://ssm.us-gov-west-1.amazonaws.com"),
        ("eusc-de-east-1", "https://ssm.eusc-de-east-1.amazonaws.eu"),
        ("us-iso-east-1", "https://ssm.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "https://ssm.us-isob-east-1.sc2s.sgov.gov"),
        ("eu-isoe-west-1", "https://ssm.eu-isoe-west-1.cloud.adc-e.uk"),
        ("us-isof-south-1", "https://ssm.us-isof-south-1.csp.hci.ic.gov"),
    ],
)
def test_the_endpoint_of_the_session_is_that_of_botocore(
    monkeypatch: pytest.MonkeyPatch, region: str, endpoint: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    assert connect(None, region, None).endpoint("ssm") == endpoint
    assert connect(None, region, "http://127.0.0.1:4566").endpoint("ssm") == "http://127.0.0.1:4566"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "https://vpce-1.example")
    assert connect(None, region, None).endpoint("ssm") == "https://vpce-1.example"


@pytest.mark.parametrize("variables", ["environment", "secrets"])
def test_access_keys_in_the_container_are_named_as_the_cause(variables: str) -> None:
    found = shop("api:ExecuteCommand:error=TargetNotConnectedException", execute=True)
    (task,) = running(found)
    arn = described(found)["taskDefinition"]
    key = f"{arn.rpartition('/')[2].partition(':')[0]}:{int(arn.rpartition(':')[2]):08d}"
    body = found.state.store.get(definitions.DEFINITION, key)
    assert body is not None
    (container,) = body["definition"]["containerDefinitions"]
    container[variables] = [{"name": name} for name in ("AWS_SECRET_ACCESS_KEY", "OTHER", "AWS_ACCESS_KEY_ID")]
    found.state.store.put(definitions.DEFINITION, key, body)
    outcome = refused(found)
    assert outcome.exit is Exit.FAILED and f"cannot connect to the task {task}" in outcome.sentence
    assert "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in its variables hide the task role" in outcome.sentence
    assert outcome.advice is not None and outcome.advice.key == "service.environment"
    assert outcome.next == ("fsdcf deploy SPEC --env staging",)
    agent = {"name": "ExecuteCommandAgent", "lastStatus": "STOPPED", "reason": "no ssmmessages"}
    change(found, task, containers=[{"name": container["name"], "managedAgents": [agent]}])
    assert "is STOPPED: no ssmmessages; AWS_ACCESS_KEY_ID and" in refused(found).sentence
