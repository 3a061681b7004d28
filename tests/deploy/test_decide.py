"""What each state asks for: the whole table of statuses, tags, protection and flags."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from botocore.loaders import Loader

from fsdcf.deploy.model import Exit, Options, Target
from fsdcf.deploy.state import (
    NEVER_WORKED,
    STABLE,
    Action,
    Await,
    Create,
    Recreate,
    Refuse,
    RollBackFirst,
    Snapshot,
    Update,
    decide,
)

STATUSES = tuple(Loader().load_service_model("cloudformation", "service-2")["shapes"]["StackStatus"]["enum"])
TARGET = Target("shop", "staging", "fsdcf deploy shop.yml --env staging")
OURS = {"fsdcf:service": "shop", "fsdcf:environment": "staging"}
FOREIGN = ({}, {"fsdcf:service": "shop"}, {"fsdcf:service": "shop", "fsdcf:environment": "prod"}, {"owner": "b"})
BEGUN = datetime(2027, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
CLEANUPS = ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")


def stack(status: str, tags: dict[str, str] = OURS, protected: bool = False) -> Snapshot:
    return Snapshot("shop-staging", "arn:x", status, tags=tags, protected=protected, since=BEGUN, reason="why")


def expected(status: str) -> type[Action]:
    if status in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
        return Create
    if status in STABLE:
        return Update
    if status in NEVER_WORKED:
        return Recreate
    if status == "UPDATE_FAILED":
        return RollBackFirst
    return Await if status in CLEANUPS or status == "DELETE_IN_PROGRESS" else Refuse


def test_no_stack_is_created() -> None:
    assert decide(None, Options(), TARGET) == Create()


def test_the_table_is_whole() -> None:
    assert len(STATUSES) >= 23
    assert set(STABLE) | set(NEVER_WORKED) <= set(STATUSES)


@pytest.mark.parametrize("status", STATUSES)
def test_a_managed_stack(status: str) -> None:
    action = decide(stack(status), Options(), TARGET)
    assert isinstance(action, expected(status))
    if isinstance(action, Recreate):
        assert not action.agreed
    if isinstance(action, Refuse):
        assert status in action.sentence
        assert action.next
        assert action.exit is (Exit.BUSY if status.endswith("_IN_PROGRESS") else Exit.NEEDS_RECOVERY)
        assert action.blocked == (action.exit is Exit.NEEDS_RECOVERY)


@pytest.mark.parametrize("status", [one for one in STATUSES if one not in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")])
@pytest.mark.parametrize("tags", FOREIGN, ids=str)
def test_a_stack_not_managed_by_fsdcf(status: str, tags: dict[str, str]) -> None:
    for options in (Options(), Options(yes=True, recreate=True, wait_lock=True)):
        action = decide(stack(status, tags), options, TARGET)
        assert isinstance(action, Refuse)
        assert action.exit is Exit.REFUSED
        assert action.next == ("fsdcf deploy shop.yml --env staging --adopt",)
    adopted = decide(stack(status, tags), Options(adopt=True, recreate=True), TARGET)
    assert type(adopted) is (Refuse if status in NEVER_WORKED else expected(status)), "what others own is never deleted"


def test_the_tags_of_a_stack_in_review_decide_whose_it_is() -> None:
    assert isinstance(decide(stack("REVIEW_IN_PROGRESS", {}), Options(), TARGET), Create)
    assert isinstance(decide(stack("REVIEW_IN_PROGRESS", OURS), Options(), TARGET), Create)
    action = decide(stack("REVIEW_IN_PROGRESS", FOREIGN[2]), Options(), TARGET)
    assert isinstance(action, Refuse)
    assert action.exit is Exit.REFUSED


@pytest.mark.parametrize("status", STATUSES)
def test_termination_protection_matters_only_where_something_is_deleted(status: str) -> None:
    action = decide(stack(status, protected=True), Options(recreate=True), TARGET)
    if status in NEVER_WORKED:
        assert isinstance(action, Refuse)
        assert action.exit is Exit.REFUSED
        assert "termination protection" in action.sentence
    else:
        assert isinstance(action, expected(status))


@pytest.mark.parametrize(
    "status", [one for one in STATUSES if one.endswith("_IN_PROGRESS") and one != "REVIEW_IN_PROGRESS"]
)
def test_waiting_for_the_lock(status: str) -> None:
    action = decide(stack(status), Options(wait_lock=True), TARGET)
    assert isinstance(action, Await)
    assert "2027-01-02 03:04:05 UTC" in action.text


def test_a_busy_stack_is_reported_with_its_operation_and_start() -> None:
    action = decide(stack("UPDATE_ROLLBACK_IN_PROGRESS"), Options(), TARGET)
    assert isinstance(action, Refuse)
    assert "UPDATE_ROLLBACK_IN_PROGRESS, started 2027-01-02 03:04:05 UTC" in action.sentence
    watch, recover = "fsdcf watch shop --env staging", "fsdcf recover shop --env staging"
    assert action.next == (watch, recover, "fsdcf deploy shop.yml --env staging --wait-lock")


@pytest.mark.parametrize("status", sorted(NEVER_WORKED))
def test_recreating_is_agreed_by_the_flag(status: str) -> None:
    assert decide(stack(status), Options(recreate=True), TARGET) == Recreate(True)


@pytest.mark.parametrize("status", [*sorted(NEVER_WORKED), "UPDATE_FAILED"])
def test_a_plan_alone_deletes_and_rolls_back_nothing(status: str) -> None:
    assert isinstance(decide(stack(status), Options(plan_only=True, recreate=True), TARGET), Refuse)


def test_what_comes_next_after_each_kind_of_failure() -> None:
    def next_of(status: str) -> tuple[str, ...]:
        action = decide(stack(status), Options(), TARGET)
        assert isinstance(action, Refuse)
        return action.next

    assert next_of("UPDATE_ROLLBACK_FAILED") == (
        "fsdcf recover shop --env staging",
        "fsdcf recover shop --env staging --skip LOGICAL_ID",
    )
    assert next_of("DELETE_FAILED")[0] == "fsdcf delete shop --env staging"
    assert next_of("IMPORT_ROLLBACK_FAILED") == ("fsdcf diagnose shop --env staging",)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("TELEPORT_IN_PROGRESS", Exit.BUSY),
        ("TELEPORT_FAILED", Exit.NEEDS_RECOVERY),
        ("TELEPORT_COMPLETE", Exit.NEEDS_RECOVERY),
    ],
)
def test_an_unknown_status_is_refused(status: str, kind: Exit) -> None:
    action = decide(stack(status), Options(), TARGET)
    assert isinstance(action, Refuse)
    assert action.exit is kind
