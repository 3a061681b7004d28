"""Faults: their texts, their counts, and what they affect."""

from __future__ import annotations

import pytest

from fsdcf.sandbox.faults import (
    HANDLER_CODES,
    TASK_PROBLEMS,
    CallFault,
    Fault,
    FaultError,
    Faults,
    ResourceFault,
    TaskFault,
    parse_fault,
)

TEXTS: list[tuple[str, Fault]] = [
    ("Service:create:oom", TaskFault("Service", "create", "oom")),
    ("Service:create:exit=1", TaskFault("Service", "create", "exit", "1")),
    ("Service:update:unhealthy=404*2", TaskFault("Service", "update", "unhealthy", "404", 2)),
    ("Service:update:unhealthy", TaskFault("Service", "update", "unhealthy")),
    ("my-service_1:create:slow=12", TaskFault("my-service_1", "create", "slow", "12")),
    (
        "AWS::ECS::Service:create:CannotPullContainerError",
        TaskFault("AWS::ECS::Service", "create", "CannotPullContainerError"),
    ),
    (
        "Service:create:ResourceInitializationError=log-group",
        TaskFault("Service", "create", "ResourceInitializationError", "log-group"),
    ),
    ("Role:create:AccessDenied", ResourceFault("Role", "create", HANDLER_CODES["AccessDenied"], "AccessDenied")),
    ("Role:delete:AccessDenied=not: yours**", ResourceFault("Role", "delete", "not: yours", "AccessDenied", None)),
    ("AWS::IAM::Role:rollback:it = bad", ResourceFault("AWS::IAM::Role", "rollback", "it = bad")),
    (
        "Bucket:cleanup:The bucket you tried to delete is not empty*3",
        ResourceFault("Bucket", "cleanup", "The bucket you tried to delete is not empty", times=3),
    ),
    ("api:CreateChangeSet:throttle*3", CallFault("CreateChangeSet", "throttle", times=3)),
    (
        "api:ecs.DescribeServices:error=AccessDeniedException**",
        CallFault("ecs.DescribeServices", "error", "AccessDeniedException", None),
    ),
    ("api:*:delay=2.5@4%30", CallFault("*", "delay", "2.5", 1, 4, 0.3)),
    ("api:ecs.*:lost", CallFault("ecs.*", "lost")),
]


@pytest.mark.parametrize(("text", "fault"), TEXTS, ids=[text for text, _ in TEXTS])
def test_the_text_of_a_fault_is_parsed(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


BAD = [
    ("Service", "write LOGICAL_ID:PHASE:REASON, where PHASE is one of create, update, delete, cleanup, rollback"),
    ("Service:creation:oom", "write LOGICAL_ID:PHASE:REASON"),
    ("Service:create:", "write LOGICAL_ID:PHASE:REASON"),
    ("Service:create:exit", "exit: the container exits with this code"),
    ("Service:create:exit=one", "exit=1"),
    ("Service:create:oom=2", "oom: the container exceeds its memory"),
    ("Service:create:unhealthy=9", "unhealthy=404"),
    ("Service:create:slow=very", "slow=12"),
    ("api:CreateChangeSet", "write api:OPERATION:KIND"),
    ("api:CreateChangeSet:explode", "explode is not one of throttle, error, reset"),
    ("api:CreateChangeSet:error", "error=AccessDeniedException"),
    ("api:CreateChangeSet:delay", "delay=2.5"),
    ("api:CreateChangeSet:delay=long", "delay=2.5"),
    ("api:ListTables:partial", "only a batch can be processed in part"),
    ("", "write LOGICAL_ID:PHASE:REASON"),
]


@pytest.mark.parametrize(("text", "words"), BAD, ids=[text for text, _ in BAD])
def test_an_invalid_text_raises_an_error_with_a_hint(text: str, words: str) -> None:
    with pytest.raises(FaultError) as raised:
        parse_fault(text)
    assert words in str(raised.value)
    assert repr(text) in str(raised.value)


def test_every_task_problem_can_be_written() -> None:
    details = {"exit": "=3", "slow": "=2"}
    for word in TASK_PROBLEMS:
        assert parse_fault(f"Service:create:{word}{details.get(word, '')}").problem == word  # type: ignore[union-attr]


def kinds(faults: Faults, calls: int, service: str = "ecs", operation: str = "ListTasks") -> list[str]:
    found = [faults.call_fault(service, operation) for _ in range(calls)]
    return ["-" if fault is None else fault.kind for fault in found]


def test_a_call_fault_applies_its_number_of_times() -> None:
    assert kinds(Faults([parse_fault("api:ListTasks:reset*2")]), 4) == ["reset", "reset", "-", "-"]
    assert kinds(Faults([parse_fault("api:ListTasks:reset**")]), 3) == ["reset"] * 3
    assert kinds(Faults([parse_fault("api:ListTasks:reset@2")]), 4) == ["-", "-", "reset", "-"]


def test_call_faults_match_service_and_operation() -> None:
    for text in ("api:ListTasks:lost", "api:ecs.ListTasks:lost", "api:ecs.*:lost", "api:*:lost"):
        assert kinds(Faults([parse_fault(text)]), 1) == ["lost"], text
    for text in ("api:StopTask:lost", "api:ssm.ListTasks:lost", "api:ssm.*:lost"):
        assert kinds(Faults([parse_fault(text)]), 1) == ["-"], text


def test_the_next_fault_applies_when_one_is_used_up() -> None:
    faults = Faults([parse_fault("api:*:reset"), parse_fault("api:*:lost")])
    faults.add(parse_fault("api:*:html"))
    assert kinds(faults, 4) == ["reset", "lost", "html", "-"]
    faults.add(parse_fault("api:*:html"))
    faults.clear()
    assert kinds(faults, 1) == ["-"]


def test_probability_is_seeded() -> None:
    runs = [kinds(Faults([parse_fault("api:*:reset**%50")], seed), 40) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert 5 < runs[0].count("reset") < 35


def test_resource_faults_match_a_logical_id_or_type_and_a_phase() -> None:
    faults = Faults(map(parse_fault, ("Role:create:NotFound", "AWS::S3::Bucket:delete:full*2")))
    assert faults.resource_fault("Role", "AWS::IAM::Role", "update") is None
    found = faults.resource_fault("Role", "AWS::IAM::Role", "create")
    assert found is not None
    assert (found.code, found.reason) == ("NotFound", HANDLER_CODES["NotFound"])
    assert faults.resource_fault("Role", "AWS::IAM::Role", "create") is None
    assert [faults.resource_fault("B", "AWS::S3::Bucket", "delete") is None for _ in range(3)] == [False, False, True]


def test_task_problems_affect_services_and_fail_other_resources() -> None:
    faults = Faults([parse_fault("Service:create:unhealthy=404"), parse_fault("Table:create:exit=1")])
    assert faults.resource_fault("Service", "AWS::ECS::Service", "create") is None
    assert faults.task_fault("Service", "update") is None
    found = faults.task_fault("Service", "create")
    assert found is not None
    assert (found.problem, found.detail) == ("unhealthy", "404")
    assert faults.task_fault("Service", "create") is None
    resource = faults.resource_fault("Table", "AWS::DynamoDB::Table", "create")
    assert resource is not None
    assert (resource.reason, resource.code) == ("exit=1", "GeneralServiceException")
