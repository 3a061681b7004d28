"""A deploy from end to end: what is told and in which order, how fast, how often AWS is asked, and what is never
shown."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from fsdcf.deploy.model import (
    Exit,
    NoticeIssued,
    Place,
    PlanCreated,
    RunEnded,
    StackEventReceived,
    StepStarted,
    Waiting,
)
from tests.deploy.site import STACK, service, site, template, topic


def test_a_first_deploy_an_update_and_nothing_to_do() -> None:
    made = site()
    body = {**template(**service()), "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Service", "Name"]}}}}
    first = made.deploy(body)
    assert first.exit is Exit.DONE
    assert first.sentence == "shop-staging is CREATE_COMPLETE and runs one"
    assert set(first.outputs) == {"Name"}
    assert made.steps() == ["preflight", "decide", "change set", "gate", "execute", "verify"]
    made.forget()
    second = made.deploy(body, "two")
    assert second.sentence == "shop-staging is UPDATE_COMPLETE and runs two"
    assert {one.logical_id for one in made.plan().plan.changes} == {"TaskDefinition", "Service", "Release"}
    made.forget()
    assert made.deploy(body, "two").exit is Exit.DONE
    assert made.steps() == ["preflight", "decide", "change set", "verify"]
    assert len(made.aws.calls) <= 8
    assert made.warnings() == []


def test_the_events_come_in_order() -> None:
    made = site()
    made.deploy({**template(), "Resources": service()})
    kinds = [type(one) for one in made.told]
    assert (
        kinds.index(PlanCreated)
        < kinds.index(StackEventReceived)
        < kinds.index(Waiting)
        < kinds.index(RunEnded)
        == len(kinds) - 1
    )
    seen = made.seen()
    assert seen[0] == (STACK, "CREATE_IN_PROGRESS")
    assert seen[-1] == (STACK, "CREATE_COMPLETE")
    times = [one.elapsed for one in made.told if isinstance(one, StackEventReceived | Waiting)]
    assert times == sorted(times)
    waiting = [one.on for one in made.told if isinstance(one, Waiting)]
    assert ("Service",) in waiting, "at last, only the service is waited for"


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_the_first_event_is_shown_within_half_a_second_of_the_execution(exists: bool) -> None:
    made = site()
    if exists:
        made.stand()
    shown: list[float] = []
    plain = made.tell

    def tell(event: object) -> None:
        if isinstance(event, StackEventReceived):
            shown.append(made.clock.now())
        plain(event)  # type: ignore[arg-type]

    made.tell = tell  # type: ignore[method-assign]
    made.deploy(sha="two")
    executed = next(at for at, _, name in made.aws.calls if name == "ExecuteChangeSet")
    assert shown[0] - executed < 0.5


def test_the_first_event_may_be_a_moment_late() -> None:
    made = site("cfn:lag-events=0.3")
    made.deploy()
    executed = next(at for at, _, name in made.aws.calls if name == "ExecuteChangeSet")
    polls = [at - executed for at, _, name in made.aws.calls if name == "DescribeStackEvents"]
    assert polls[0] < 0.1
    assert 0.3 < polls[1] < 0.5


def test_the_pace_of_a_long_deploy() -> None:
    made = site()
    made.stand(template(**service()))
    made.fault("Service:update:slow=6")
    assert made.deploy(template(**service()), "two").exit is Exit.DONE
    executed = next(at for at, _, name in made.aws.calls if name == "ExecuteChangeSet")
    polls = [at - executed for at, _, name in made.aws.calls if name == "DescribeStackEvents"]
    gaps = [(after, after - before) for before, after in pairwise(polls)]
    assert all(1.5 <= gap <= 2.5 for at, gap in gaps if 3 < at < 28)
    assert all(3.9 <= gap <= 12.1 for at, gap in gaps if at > 65)
    assert max(gap for _, gap in gaps) < 15, "the budget makes no long silence"
    assert any(gap > 7 for _, gap in gaps), "while the service only stabilises, every ten seconds"
    assert len({round(gap, 2) for at, gap in gaps if 3 < at < 28}) > 5, "with jitter"
    assert made.busiest() <= 30
    status = [at - executed for at, _, name in made.aws.calls if name == "DescribeStacks" and at > executed]
    assert all(gap >= 14 for gap in (after - before for before, after in pairwise(status[:-1])))


def test_a_stack_is_polled_by_its_arn() -> None:
    made = site()
    asked: list[str] = []
    plain = made.aws._attempt

    def attempt(service: str, name: str, region: str, parameters: dict[str, object], look: bool) -> dict[str, object]:
        if name in ("DescribeStacks", "DescribeStackEvents") and made.made("ExecuteChangeSet"):
            asked.append(str(parameters["StackName"]))
        return plain(service, name, region, parameters, look)

    made.aws._attempt = attempt  # type: ignore[method-assign]
    made.deploy()
    assert asked
    assert all(one.startswith("arn:aws:cloudformation:") for one in asked)


def test_events_carry_the_line_of_the_spec() -> None:
    made = site()
    place = Place("shop.yml", 3, 1, "jobs:")
    made.run(made.release(where={"Jobs": place}.get))
    assert made.plan().places == {"Jobs": place}
    assert {
        one.place for one in made.told if isinstance(one, StackEventReceived) and one.event.logical_id == "Jobs"
    } == {place}
    assert {
        one.place for one in made.told if isinstance(one, StackEventReceived) and one.event.logical_id != "Jobs"
    } == {None}


def test_detach_leaves_at_once_and_watch_comes_back() -> None:
    made = site()
    outcome = made.deploy(detach=True)
    assert outcome.exit is Exit.UNKNOWN
    assert outcome.next[0] == "fsdcf watch shop --env staging"
    assert not [one for one in made.told if isinstance(one, StackEventReceived)]
    made.forget()
    assert made.watch().exit is Exit.DONE
    assert made.seen()[0] == (STACK, "CREATE_IN_PROGRESS")


@pytest.mark.parametrize("fails", [True, False])
def test_watching_a_finished_operation_reports_its_outcome(fails: bool) -> None:
    made = site()
    made.stand()
    if fails:
        made.fault("Release:update:no parameter")
    live = made.deploy(sha="two")
    made.forget()
    outcome = made.watch()
    assert outcome.exit is live.exit
    if fails:
        assert outcome.sentence == live.sentence


def test_nothing_to_watch() -> None:
    assert site().watch().exit is Exit.USAGE


def test_without_yes_and_without_a_person_nothing_is_executed() -> None:
    made = site()
    outcome = made.deploy(yes=False)
    assert outcome.exit is Exit.REFUSED
    assert outcome.next == ("fsdcf deploy shop.yml --env staging --yes",)
    assert made.status() == ""


def test_a_person_is_asked_once() -> None:
    made = site()
    made.answers = {"execute": True}
    assert made.deploy(yes=False).exit is Exit.DONE
    assert [one.kind for one in made.asked] == ["execute"]


def test_a_protected_environment_asks_in_spite_of_yes() -> None:
    made = site()
    made.answers = {"protected": True}
    assert made.run(made.release(), protected=True).exit is Exit.DONE
    made.answers = {"protected": False}
    assert made.run(made.release(sha="two"), protected=True).exit is Exit.REFUSED
    made.answers = None
    assert made.run(made.release(sha="two"), protected=True).exit is Exit.DONE, "in CI, --yes is the answer"


def test_a_stack_has_the_termination_protection_that_its_release_wants() -> None:
    made = site()

    def is_protected() -> bool:
        return bool(made.call("DescribeStacks")["Stacks"][0].get("EnableTerminationProtection"))

    for wanted, after in ((None, False), (True, True), (None, True), (False, False)):
        assert made.run(replace(made.release(), termination_protection=wanted)).exit is Exit.DONE
        assert is_protected() is after
    assert any("no longer protected" in event.text for event in made.told if isinstance(event, NoticeIssued))


def test_a_plan_shows_that_the_termination_protection_changes() -> None:
    made = site()
    assert made.run(replace(made.release(), termination_protection=True)).exit is Exit.DONE

    def planned(wanted: bool | None) -> tuple[Exit, str, list[str]]:
        made.told.clear()
        release = replace(made.release(), termination_protection=wanted)
        outcome = made.run(release, plan_only=True, detailed_exitcode=True)
        notices = [event.text for event in made.told if isinstance(event, NoticeIssued)]
        return outcome.exit, outcome.sentence, [text for text in notices if "termination protection" in text]

    assert planned(True)[0] is planned(None)[0] is Exit.DONE
    assert not planned(True)[2] + planned(None)[2]
    code, sentence, notices = planned(False)
    assert code is Exit.CHANGES and "only the termination protection would change" in sentence
    assert len(notices) == 1 and "disables" in notices[0]
    assert made.call("DescribeStacks")["Stacks"][0]["EnableTerminationProtection"] is True


def test_a_creation_that_fails_leaves_a_stack_that_can_be_deleted() -> None:
    made = site("Release:create:no parameter")
    assert made.run(replace(made.release(), termination_protection=True)).exit is Exit.FAILED
    assert not made.made("UpdateTerminationProtection")


def test_tags() -> None:
    made = site()
    assert made.run(replace(made.release(), tags={"a": "b", "empty": ""})).exit is Exit.DONE
    tags = {one["Key"]: one["Value"] for one in made.call("DescribeStacks")["Stacks"][0]["Tags"]}
    assert tags == {"a": "b", "fsdcf:service": "shop", "fsdcf:environment": "staging"}
    many = {f"tag{number}": "x" for number in range(49)}
    outcome = made.run(replace(made.release(), tags=many))
    assert outcome.exit is Exit.USAGE
    assert "50 tags" in outcome.sentence


def test_rollback_is_requested_explicitly() -> None:
    made = site()
    sent: dict[str, object] = {}
    plain = made.aws._attempt

    def attempt(service: str, name: str, region: str, parameters: dict[str, object], look: bool) -> dict[str, object]:
        if name in ("CreateChangeSet", "ExecuteChangeSet"):
            sent[name] = parameters
        return plain(service, name, region, parameters, look)

    made.aws._attempt = attempt  # type: ignore[method-assign]
    role = "arn:aws:iam::000000000000:role/deploy"
    made.deploy(role_arn=role)
    create, execute = sent["CreateChangeSet"], sent["ExecuteChangeSet"]
    assert isinstance(create, dict)
    assert isinstance(execute, dict)
    assert execute["DisableRollback"] is False
    assert execute["ChangeSetName"].startswith("arn:")
    assert "OnStackFailure" not in create
    assert create["RoleARN"] == role
    assert create["ImportExistingResources"] is True
    assert create["TemplateBody"].startswith('{"Parameters":{'), "compact JSON"


def test_capabilities_come_from_the_template() -> None:
    made = site()
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
        ],
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    assert made.deploy(template(Role=role)).exit is Exit.DONE


def test_a_secret_is_never_shown() -> None:
    made = site()
    body = template(Jobs=topic(TopicName={"Ref": "ImageSha"}))
    body["Parameters"]["ImageSha"]["NoEcho"] = True
    made.fault("Jobs:create:AccessDenied=may not create hush123")
    outcome = made.deploy(body, "hush123")
    assert outcome.exit is Exit.FAILED
    assert "****" in outcome.sentence
    assert "hush123" not in repr(made.told)
    assert "hush123" not in repr(outcome)


def test_a_failed_deploy_reports_cause_evidence_and_next_command() -> None:
    made = site()
    made.stand(template(**service()))
    made.fault("Service:update:exit=1")
    outcome = made.run(
        made.release(template(**service()), "two", where={"Service": Place("shop.yml", 5, 1, "service:")}.get)
    )
    assert outcome.exit is Exit.FAILED
    assert outcome.sentence.startswith("Service (AWS::ECS::Service) could not be updated")
    assert any(one.place and one.place.line == 5 for one in outcome.evidence)
    assert any(one.source.startswith("Service, task") for one in outcome.evidence)
    assert outcome.advice is not None and outcome.advice.key == "service.environment"
    assert any(one.source == "Service, deployment" for one in outcome.evidence)
    assert all(command.startswith("fsdcf ") for command in outcome.next)


def test_the_evidence_of_a_service_outlives_the_rollback_of_its_creation() -> None:
    made = site("Service:create:CannotPullContainerError")
    outcome = made.deploy(template(**service()))
    assert made.status() == "ROLLBACK_COMPLETE"
    assert outcome.exit is Exit.FAILED
    assert "the registry does not contain the image" in outcome.sentence
    assert any(
        one.source.startswith("Service, task") and "CannotPullContainerError" in one.text for one in outcome.evidence
    )


def test_a_bug_is_not_swallowed() -> None:
    made = site()

    def where(logical_id: str) -> Place | None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        made.run(made.release(where=where))
    assert [one for one in made.told if isinstance(one, StepStarted)]
