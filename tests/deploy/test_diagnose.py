"""From evidence to what is said: cause, evidence, next command, exit code, for each way a stack can end."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from fsdcf.deploy.diagnosis.explanations import FailedOperation, diagnose_operation
from fsdcf.deploy.ecs.rollout import ServiceRollout, StoppedTask
from fsdcf.deploy.ecs.service import EcsDeployment
from fsdcf.deploy.model import Exit, Place, StackEvent, Target
from tests.operate.shop import body as shop_body
from tests.operate.shop import shop

TARGET = Target("shop", "staging", "fsdcf deploy shop.yml --env staging")
ARN = "arn:aws:cloudformation:us-east-1:0:stack/shop-staging/1"
PLACE = Place("shop.yml", 12, 3, "image: x")
AT = datetime(2027, 1, 1, 12, 30, 5, tzinfo=timezone.utc)


def event(name: str, status: str, reason: str = "", type: str = "AWS::SQS::Queue") -> StackEvent:
    root = name == "shop-staging"
    return StackEvent(
        f"{name}{status}",
        AT,
        name,
        ARN if root else "p",
        "AWS::CloudFormation::Stack" if root else type,
        status,
        reason,
        stack=ARN,
    )


def case(status: str, *events: StackEvent, **more: object) -> FailedOperation:
    return FailedOperation(TARGET, "shop-staging", status, "", events, places={"Jobs": PLACE}, **more)  # type: ignore[arg-type]


FAILED = event("Jobs", "UPDATE_FAILED", "no (HandlerErrorCode: NotFound)")
BACK = event("shop-staging", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [Jobs].")


@pytest.mark.parametrize(
    ("status", "code", "words", "next_one"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", Exit.FAILED, "was rolled back", "fsdcf diagnose shop --env staging"),
        ("ROLLBACK_COMPLETE", Exit.FAILED, "resources were deleted", "fsdcf deploy shop.yml --env staging --recreate"),
        ("DELETE_COMPLETE", Exit.FAILED, "was deleted", "fsdcf diagnose shop --env staging"),
        ("UPDATE_ROLLBACK_FAILED", Exit.NEEDS_RECOVERY, "could not be rolled back", "fsdcf recover shop --env staging"),
        (
            "ROLLBACK_FAILED",
            Exit.NEEDS_RECOVERY,
            "could not be deleted",
            "fsdcf deploy shop.yml --env staging --recreate",
        ),
        ("CREATE_FAILED", Exit.NEEDS_RECOVERY, "were kept", "fsdcf deploy shop.yml --env staging --recreate"),
        ("UPDATE_FAILED", Exit.NEEDS_RECOVERY, "were kept", "fsdcf recover shop --env staging"),
        ("DELETE_FAILED", Exit.NEEDS_RECOVERY, "could not be deleted", "fsdcf delete shop --env staging"),
        ("IMPORT_ROLLBACK_COMPLETE", Exit.FAILED, "was rolled back", "fsdcf diagnose shop --env staging"),
        (
            "IMPORT_ROLLBACK_FAILED",
            Exit.NEEDS_RECOVERY,
            "could not be rolled back",
            "fsdcf diagnose shop --env staging",
        ),
        ("UPDATE_ROLLBACK_IN_PROGRESS", Exit.UNKNOWN, "UPDATE_ROLLBACK_IN_PROGRESS", "fsdcf watch shop --env staging"),
        ("TELEPORT_FAILED", Exit.NEEDS_RECOVERY, "TELEPORT_FAILED", "fsdcf diagnose shop --env staging"),
        ("TELEPORT_COMPLETE", Exit.FAILED, "TELEPORT_COMPLETE", "fsdcf diagnose shop --env staging"),
    ],
)
def test_every_end(status: str, code: Exit, words: str, next_one: str) -> None:
    outcome = diagnose_operation(case(status, FAILED, BACK))
    assert outcome.exit is code
    assert outcome.sentence.startswith("Jobs (AWS::SQS::Queue) could not be updated: no (HandlerErrorCode: NotFound); ")
    assert words in outcome.sentence
    assert outcome.next[0] == next_one
    assert outcome.evidence[0].place == PLACE
    assert "12:30:05 UTC UPDATE_FAILED" in outcome.evidence[0].text


def test_a_known_reason_of_a_resource_has_advice_and_a_command() -> None:
    denied = event(
        "Jobs",
        "CREATE_FAILED",
        "User: x is not authorized to perform: sqs:CreateQueue (HandlerErrorCode: AccessDenied)",
    )
    outcome = diagnose_operation(case("ROLLBACK_COMPLETE", denied, event("shop-staging", "ROLLBACK_IN_PROGRESS")))
    assert outcome.advice is not None and outcome.advice.text.startswith("no permission for sqs:CreateQueue as x; ")
    assert outcome.next[:2] == (
        "fsdcf permissions shop.yml --env staging",
        "fsdcf deploy shop.yml --env staging --recreate",
    )
    taken = event("Jobs", "UPDATE_FAILED", "jobs already exists (HandlerErrorCode: AlreadyExists)")
    outcome = diagnose_operation(case("UPDATE_ROLLBACK_FAILED", taken, BACK))
    assert outcome.advice is not None and "another name" in outcome.advice.text
    assert outcome.next[0] == "fsdcf recover shop --env staging" and "" not in outcome.next


ROLE = "arn:aws:iam::123456789012:role/shop-TaskRole-1A"
REFUSED = (
    "User: arn:aws:sts::123456789012:assumed-role/deploy/ci is not authorized to perform: iam:PassRole on resource: "
    + ROLE
)


@pytest.mark.parametrize(
    ("why", "said", "advice"),
    [
        (
            "because no identity-based policy allows the iam:PassRole action",
            "no identity-based policy",
            "PassedToService",
        ),
        ("because no resource-based policy allows the iam:PassRole action", "no resource-based policy", "itself"),
        ("because no permissions boundary allows the iam:PassRole action", "no permissions boundary", "boundary"),
        ("because no session policy allows the iam:PassRole action", "no session policy", "session"),
        ("because no VPC endpoint policy allows the iam:PassRole action", "no VPC endpoint policy", "endpoint"),
        ("because no service control policy allows the iam:PassRole action", "no service control", "organization"),
        ("because no resource control policy allows the iam:PassRole action", "no resource control", "organization"),
        ("with an explicit deny in a service control policy", "denies it explicitly", "find the Deny"),
        ("with an explicit deny in a permissions boundary", "denies it explicitly", "find the Deny"),
        ("", "", "PassedToService"),
    ],
)
def test_a_role_that_may_not_be_passed(why: str, said: str, advice: str) -> None:
    reason = f"{REFUSED} {why} (Service: Ecs, Status Code: 400) (HandlerErrorCode: AccessDenied)"
    denied = event("Service", "CREATE_FAILED", reason, "AWS::ECS::Service")
    outcome = diagnose_operation(case("ROLLBACK_COMPLETE", denied, event("shop-staging", "ROLLBACK_IN_PROGRESS")))
    assert outcome.advice is not None and outcome.next[0] == "fsdcf permissions shop.yml --env staging"
    assert outcome.advice.text.startswith(
        f"no permission to pass the role {ROLE} to ecs-tasks.amazonaws.com (iam:PassRole) as "
        "arn:aws:sts::123456789012:assumed-role/deploy/ci"
    )
    assert said in outcome.advice.text and advice in outcome.advice.text


def test_an_event_without_the_cause_gives_no_advice() -> None:
    tripped = "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."
    outcome = diagnose_operation(case("ROLLBACK_COMPLETE", event("Service", "CREATE_FAILED", tripped)))
    assert outcome.advice is None


def test_what_can_be_skipped_is_named() -> None:
    stuck = event("Mails", "UPDATE_FAILED", "stuck")
    outcome = diagnose_operation(case("UPDATE_ROLLBACK_FAILED", FAILED, BACK, stuck))
    assert outcome.next == ("fsdcf recover shop --env staging", "fsdcf recover shop --env staging --skip Mails")
    assert [one.source for one in outcome.evidence] == ["Jobs (AWS::SQS::Queue)", "Mails (AWS::SQS::Queue)"]


def test_without_events_the_status_reason_is_shown() -> None:
    outcome = diagnose_operation(
        FailedOperation(TARGET, "shop-staging", "UPDATE_ROLLBACK_COMPLETE", "something went wrong")
    )
    assert outcome.sentence.startswith("shop-staging failed: something went wrong; ")
    assert outcome.next


def test_a_failure_of_the_stack_itself() -> None:
    outcome = diagnose_operation(
        case("UPDATE_ROLLBACK_COMPLETE", event("shop-staging", "UPDATE_ROLLBACK_IN_PROGRESS", "Export x is in use"))
    )
    assert outcome.sentence.startswith("the stack failed: Export x is in use; ")


def test_a_cancellation_is_not_a_failure_of_a_resource() -> None:
    victim = event("Jobs", "UPDATE_FAILED", "Resource update cancelled")
    outcome = diagnose_operation(case("UPDATE_ROLLBACK_COMPLETE", victim, cancelled="by you (Ctrl-C)"))
    assert outcome.sentence.startswith("shop-staging was cancelled by you (Ctrl-C); ")
    assert outcome.exit is Exit.FAILED


def test_many_failures_are_cut_short() -> None:
    outcome = diagnose_operation(
        case("ROLLBACK_COMPLETE", *(event(f"Q{number}", "CREATE_FAILED", "no") for number in range(25)))
    )
    assert len(outcome.evidence) == 11
    assert outcome.evidence[-1].text == "and 15 more resources failed"


def test_kept_resources_are_named() -> None:
    kept = event("Table", "DELETE_SKIPPED")
    outcome = diagnose_operation(case("ROLLBACK_COMPLETE", FAILED, kept))
    assert outcome.evidence[-1].source == "Table"
    assert "exists outside the stack" in outcome.evidence[-1].text


def test_the_cause_of_a_service_names_its_tasks() -> None:
    stopped = tuple(
        StoppedTask(f"t{number}", "new", "Essential container in task exited", "", (("shop", 1, ""),))
        for number in range(3)
    )
    other = StoppedTask("t9", "old", "Scaling", "")
    found = ServiceRollout(
        "arn",
        "Service",
        (
            EcsDeployment("new", "ACTIVE", "shop:2", "FAILED", "breaker tripped", 3),
            EcsDeployment("old", "PRIMARY", "shop:1", "COMPLETED"),
        ),
        tuple(f"event {number}" for number in range(9)),
        (*stopped, other),
    )
    failed = event("Service", "UPDATE_FAILED", "circuit breaker", "AWS::ECS::Service")
    outcome = diagnose_operation(case("UPDATE_ROLLBACK_COMPLETE", failed, rollouts=(found,)))
    assert "its tasks stopped: Essential container in task exited; exit code 1" in outcome.sentence
    told = {one.source: one.text for one in outcome.evidence}
    assert told["Service, deployment"] == "breaker tripped; 3 tasks failed"
    assert told["Service, task t0"] == "Essential container in task exited; exit code 1 (3 tasks)"
    assert sum(one.source == "Service, service event" for one in outcome.evidence) == 5
    assert "Scaling" not in str(outcome)


def test_a_sidecar_that_fails() -> None:
    """It is named, with its own log, and the stack is rolled back; so is one that did not prepare the task."""
    found = shop()
    body = shop_body(1, False, None, False)
    containers = body["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    log = containers[0]["LogConfiguration"]
    containers[0]["DependsOn"] = [{"ContainerName": "migrate", "Condition": "SUCCESS"}]
    containers.append({"Name": "migrate", "Image": "shop:1", "Essential": False, "LogConfiguration": log})
    containers.append({"Name": "proxy", "Image": "nginx:1.29", "LogConfiguration": log})
    assert found.deploy(body, "two").exit is Exit.DONE
    found.fault("Service:update:exit=3@proxy")
    outcome = found.deploy(body, "three")
    assert outcome.exit is Exit.FAILED and "the container proxy: the application ended" in outcome.sentence
    assert any("Starting proxy" in one.text for one in outcome.evidence)
    assert outcome.advice is not None and outcome.advice.key == "service.sidecars.proxy.environment"
    assert any(command.endswith("--container proxy") for command in outcome.next)
    assert "--image-sha three" in found.diagnose().next[-1]
    found.fault("Service:update:exit=4@migrate")
    outcome = found.deploy(body, "four")
    assert "waits for `migrate`" in outcome.sentence and found.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert any("(container migrate)" in one.text for one in outcome.evidence)
    assert any("Starting migrate" in one.text for one in outcome.evidence)
