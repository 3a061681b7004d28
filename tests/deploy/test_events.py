"""Events: readable reasons, whose they are, where an operation begins and ends."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from fsdcf.deploy.diagnosis.causes import blockers, failures, root_cause
from fsdcf.deploy.events import (
    EventBoundary,
    Timeline,
    in_progress,
    is_cancellation,
    is_root,
    is_terminal,
    latest_operation,
    leftover_resources,
    plain,
    read,
    rollback_begin,
)
from fsdcf.deploy.model import StackEvent

ARN = "arn:aws:cloudformation:us-east-1:000000000000:stack/shop/1"
START = datetime(2027, 1, 1, tzinfo=timezone.utc)
HANDLER = (
    'Resource handler returned message: "{}" (RequestToken: 0b5c71e8-1bb5-4a0d-a4c3-3a0f3f0f4b55, HandlerErrorCode: {})'
)


def event(
    number: int, name: str, status: str, reason: str = "", token: str = "", at: float | None = None, operation: str = ""
) -> StackEvent:
    root = name == "stack"
    return StackEvent(
        f"e{number}",
        START + timedelta(seconds=number if at is None else at),
        "shop" if root else name,
        ARN if root else f"physical-{name}",
        "AWS::CloudFormation::Stack" if root else "AWS::SQS::Queue",
        status,
        reason,
        token,
        operation,
        ARN,
    )


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (HANDLER.format("no such queue", "NotFound"), "no such queue (HandlerErrorCode: NotFound)"),
        (HANDLER.format('it said \\"no\\"', "AccessDenied"), 'it said \\"no\\" (HandlerErrorCode: AccessDenied)'),
        (
            HANDLER.format(
                "Invalid (Service: Sqs, Status Code: 400, Request ID: 6f1e) (SDK Attempt Count: 1)", "InvalidRequest"
            ),
            "Invalid (HandlerErrorCode: InvalidRequest)",
        ),
        (
            HANDLER.format("two\nlines", "GeneralServiceException"),
            "two\nlines (HandlerErrorCode: GeneralServiceException)",
        ),
        ('Resource handler returned message: "plain"', "plain"),
        ('Resource handler returned message: "x" (RequestToken: 0b5c71e8-1bb5)', "x"),
        ("Resource creation cancelled", "Resource creation cancelled"),
        ("  spaces  ", "spaces"),
        ("", ""),
    ],
)
def test_a_reason_in_plain_words(reason: str, shown: str) -> None:
    assert plain(reason) == shown


def test_an_event_is_read_whatever_is_missing() -> None:
    bare = read({"EventId": "1", "ResourceStatus": "NEW_STATUS"})
    assert (bare.id, bare.status, bare.reason, bare.logical_id) == ("1", "NEW_STATUS", "", "")
    assert read({"HookStatus": "HOOK_COMPLETE_FAILED", "HookStatusReason": "no"}).reason == "no"


@pytest.mark.parametrize(
    ("status", "mode", "said"),
    [
        ("HOOK_COMPLETE_FAILED", "FAIL", "no"),
        ("HOOK_FAILED", None, "no"),
        ("HOOK_FAILED", "WARN", ""),
        ("HOOK_COMPLETE_SUCCEEDED", "FAIL", ""),
    ],
)
def test_a_hook_that_only_warns_does_not_refuse(status: str, mode: str | None, said: str) -> None:
    told = read(
        {
            "ResourceStatus": "CREATE_IN_PROGRESS",
            "HookStatus": status,
            "HookStatusReason": "no",
            "HookFailureMode": mode,
        }
    )
    assert (told.status, told.hook) == ("CREATE_IN_PROGRESS", said)


def test_the_row_of_the_stack_itself() -> None:
    assert is_root(event(1, "stack", "CREATE_IN_PROGRESS"))
    assert not is_root(event(1, "Jobs", "CREATE_IN_PROGRESS"))
    nested = event(1, "stack", "CREATE_COMPLETE")
    assert not is_root(StackEvent(**{**vars(nested), "physical_id": ARN.replace("/1", "/2")}))


@pytest.mark.parametrize(
    ("status", "ends"),
    [
        ("CREATE_COMPLETE", True),
        ("UPDATE_ROLLBACK_FAILED", True),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", False),
        ("REVIEW_IN_PROGRESS", False),
        ("SOMETHING_NEW", False),
        ("SOMETHING_COMPLETE", True),
    ],
)
def test_terminal_statuses(status: str, ends: bool) -> None:
    assert is_terminal(status) == ends


@pytest.mark.parametrize(
    ("reason", "victim"),
    [
        ("Resource creation cancelled", True),
        ("Resource update cancelled", True),
        ("Resource deletion canceled", True),
        ("resource creation was cancelled", True),
        ("The creation was cancelled by its owner", False),
        ("", False),
    ],
)
def test_cancellations(reason: str, victim: bool) -> None:
    assert is_cancellation(event(1, "Jobs", "CREATE_FAILED", reason)) == victim


def newest_first(*events: StackEvent) -> list[StackEvent]:
    return list(reversed(events))


def test_a_token_decides() -> None:
    mine, theirs = event(1, "Jobs", "UPDATE_COMPLETE", token="me"), event(2, "Jobs", "UPDATE_COMPLETE", token="they")
    timeline = Timeline(EventBoundary(frozenset({"me"}), START))
    assert timeline.take(newest_first(mine, theirs)) == (mine,)
    assert timeline.take(newest_first(mine, theirs)) == ()


def test_an_operation_id_helps_where_the_token_is_missing() -> None:
    first = event(1, "stack", "UPDATE_IN_PROGRESS", token="me", operation="op")
    late = event(2, "Jobs", "UPDATE_COMPLETE", operation="op", at=-100)
    assert Timeline(EventBoundary(frozenset({"me"}), START)).take(newest_first(first, late)) == (first, late)


def test_the_change_sets_creation_is_the_last_resort() -> None:
    old, new = event(1, "Jobs", "UPDATE_COMPLETE", at=-1), event(2, "Jobs", "UPDATE_COMPLETE", at=0)
    assert Timeline(EventBoundary(frozenset({"me"}), START)).take(newest_first(old, new)) == (new,)


def test_a_review_is_not_part_of_the_operation() -> None:
    assert Timeline(EventBoundary(since=START)).take([event(1, "stack", "REVIEW_IN_PROGRESS")]) == ()


def test_after_the_end_events_need_the_token() -> None:
    timeline = Timeline(EventBoundary(frozenset({"me"}), START))
    ours = [event(1, "stack", "UPDATE_IN_PROGRESS", token="me"), event(2, "stack", "UPDATE_COMPLETE", token="me")]
    others = [
        event(3, "stack", "UPDATE_IN_PROGRESS"),
        event(4, "Jobs", "UPDATE_FAILED", "no"),
        event(5, "stack", "UPDATE_ROLLBACK_COMPLETE"),
    ]
    assert timeline.take(newest_first(*ours, *others)) == tuple(ours)
    assert timeline.succeeded
    assert timeline.end == ours[1]


def test_late_events_are_reported_when_they_arrive() -> None:
    timeline = Timeline(EventBoundary(frozenset({"me"}), START))
    first, second, third = (event(number, "Jobs", "UPDATE_IN_PROGRESS", token="me") for number in (1, 2, 3))
    assert timeline.take(newest_first(first, third)) == (first, third)
    assert timeline.take(newest_first(first, second, third)) == (second,)


def test_paging_stops_at_a_known_or_earlier_event() -> None:
    timeline = Timeline(EventBoundary(frozenset({"me"}), START, frozenset({"e9"})))
    known, old, new, seen = (
        event(1, "A", "X", token="me"),
        event(2, "A", "X", at=-1),
        event(3, "A", "X", token="me"),
        event(9, "A", "X"),
    )
    timeline.take([known])
    assert timeline.reaches([new, known])
    assert timeline.reaches([old])
    assert timeline.reaches([seen])
    assert not timeline.reaches([new])
    assert not timeline.reaches([])


def update(begin: int, end: str, token: str = "") -> list[StackEvent]:
    return [
        event(begin, "stack", "UPDATE_IN_PROGRESS", token=token),
        event(begin + 1, "Jobs", "UPDATE_FAILED", "no", token=token),
        event(begin + 2, "stack", "UPDATE_ROLLBACK_IN_PROGRESS", token=token),
        event(begin + 3, "stack", end, token=token),
    ]


def test_the_latest_operation() -> None:
    first, second = update(1, "UPDATE_COMPLETE"), update(11, "UPDATE_ROLLBACK_FAILED")
    assert latest_operation(newest_first(*first, *second)) == (tuple(second), True)
    going_on = second[:3]
    assert latest_operation(newest_first(*first, *going_on)) == (tuple(going_on), True)
    assert latest_operation(newest_first(*first[1:])) == (tuple(first[1:]), False)
    assert latest_operation([]) == ((), False)


def test_a_rollback_that_is_continued_is_an_operation_of_its_own() -> None:
    failed = update(1, "UPDATE_ROLLBACK_FAILED")
    again = [event(20, "stack", "UPDATE_ROLLBACK_IN_PROGRESS"), event(21, "stack", "UPDATE_ROLLBACK_COMPLETE")]
    assert latest_operation(newest_first(*failed, *again)) == (tuple(again), True)


def test_what_is_in_progress() -> None:
    events = [
        event(1, "stack", "CREATE_IN_PROGRESS"),
        event(2, "A", "CREATE_IN_PROGRESS"),
        event(3, "B", "CREATE_IN_PROGRESS"),
        event(4, "A", "CREATE_COMPLETE"),
    ]
    assert [one.logical_id for one in in_progress(events)] == ["B"]


CANCELLED = "Resource creation cancelled"


@pytest.mark.parametrize(
    ("events", "cause"),
    [
        ([("A", "CREATE_FAILED", CANCELLED), ("B", "CREATE_FAILED", "no")], "B"),
        ([("B", "CREATE_FAILED", "first"), ("C", "CREATE_FAILED", "second")], "B"),
        ([("stack", "CREATE_FAILED", "x"), ("B", "CREATE_FAILED", "no")], "B"),
        (
            [
                ("B", "UPDATE_FAILED", "no"),
                ("stack", "UPDATE_ROLLBACK_IN_PROGRESS", "x"),
                ("C", "UPDATE_FAILED", "stuck"),
            ],
            "B",
        ),
        ([("stack", "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated"), ("C", "UPDATE_FAILED", "stuck")], "C"),
        ([("stack", "UPDATE_ROLLBACK_IN_PROGRESS", "Export X cannot be updated")], "shop"),
        ([("stack", "CREATE_IN_PROGRESS", "User Initiated"), ("A", "CREATE_COMPLETE", "")], None),
        ([("A", "DELETE_FAILED", "in use")], "A"),
        ([], None),
    ],
)
def test_the_root_cause(events: list[tuple[str, str, str]], cause: str | None) -> None:
    found = root_cause([event(number, *one) for number, one in enumerate(events)])
    assert (found.logical_id if found else None) == cause


def test_the_blockers_of_a_rollback() -> None:
    events = [
        *update(1, "UPDATE_ROLLBACK_FAILED")[:3],
        event(8, "Mails", "UPDATE_FAILED", "stuck"),
        event(9, "Bills", "UPDATE_FAILED", "Resource update cancelled"),
    ]
    assert rollback_begin(events) == 2
    assert [one.logical_id for one in blockers(events)] == ["Mails"]
    assert [one.logical_id for one in failures(events)] == ["Jobs", "Mails"]


def test_leftover_resources() -> None:
    events = [
        event(1, "A", "DELETE_SKIPPED"),
        event(2, "B", "DELETE_FAILED", "x"),
        event(3, "stack", "DELETE_FAILED"),
        event(4, "C", "DELETE_COMPLETE"),
    ]
    assert [one.logical_id for one in leftover_resources(events)] == ["A", "B"]
