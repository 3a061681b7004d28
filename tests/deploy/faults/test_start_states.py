"""Every status as a start state, with and without the tags of fsdcf and termination protection."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from fsdcf.deploy.model import Exit
from tests.deploy.site import STACK, TAGS, Site, queue, site, template, topic

STATUSES = Loader().load_service_model("cloudformation", "service-2")["shapes"]["StackStatus"]["enum"]
THEIRS = {"fsdcf:service": "shop", "fsdcf:environment": "prod"}
EXPECTED = {
    "REVIEW_IN_PROGRESS": Exit.DONE,
    "CREATE_COMPLETE": Exit.DONE,
    "UPDATE_COMPLETE": Exit.DONE,
    "UPDATE_ROLLBACK_COMPLETE": Exit.DONE,
    "IMPORT_COMPLETE": Exit.DONE,
    "IMPORT_ROLLBACK_COMPLETE": Exit.DONE,
    "DELETE_COMPLETE": Exit.DONE,
    "ROLLBACK_COMPLETE": Exit.REFUSED,
    "ROLLBACK_FAILED": Exit.REFUSED,
    "CREATE_FAILED": Exit.REFUSED,
    "UPDATE_FAILED": Exit.NEEDS_RECOVERY,
    "UPDATE_ROLLBACK_FAILED": Exit.NEEDS_RECOVERY,
    "IMPORT_ROLLBACK_FAILED": Exit.NEEDS_RECOVERY,
    "DELETE_FAILED": Exit.NEEDS_RECOVERY,
}
"""The end of a deploy from each status that is at rest; all others are busy."""


def started(status: str, tags: dict[str, str] = TAGS, protection: bool = False) -> Site:
    """A sandbox with the stack in a status; one that is only planned has no tags to tell."""
    made = site()
    if status == "REVIEW_IN_PROGRESS":
        made.beside("CreateChangeSet", template(), "one", tags, ChangeSetName="earlier", ChangeSetType="CREATE")
        made.clock.advance(60)
    else:
        made.stand(tags=tags)
        if status == "DELETE_COMPLETE":
            made.call("DeleteStack", StackName=STACK)
            made.clock.advance(600)
        else:
            made.force(status, protection=protection)
    return made


@pytest.mark.parametrize("status", STATUSES)
def test_a_managed_stack(status: str) -> None:
    made = started(status)
    outcome = made.deploy(template("Jobs", "More"), "two", timeout=300.0, plan_only=status == "UPDATE_FAILED")
    assert outcome.exit is EXPECTED.get(status, Exit.BUSY), outcome
    if outcome.exit is Exit.DONE:
        assert made.image() == "two"
        assert len(made.executions()) == 1
    else:
        assert status in outcome.sentence
        assert made.status() == status
        assert outcome.next
        assert not made.made("CreateChangeSet")
    if status.endswith("_IN_PROGRESS") and outcome.exit is Exit.BUSY:
        assert "fsdcf watch shop --env staging" in outcome.next


@pytest.mark.parametrize("status", [one for one in STATUSES if one not in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")])
@pytest.mark.parametrize("tags", [{}, THEIRS], ids=["no-tags", "other-tags"])
def test_a_stack_not_managed_by_fsdcf_is_refused(status: str, tags: dict[str, str]) -> None:
    made = started(status, tags)
    outcome = made.deploy(sha="two", recreate=True, wait_lock=True)
    assert outcome.exit is Exit.REFUSED
    assert "not managed by fsdcf" in outcome.sentence
    assert outcome.next == ("fsdcf deploy shop.yml --env staging --adopt",)
    assert made.status() == status
    assert {name for _, _, name in made.aws.calls} == {"DescribeStacks"}


@pytest.mark.parametrize("tags", [{}, THEIRS], ids=["no-tags", "other-tags"])
def test_a_stack_not_managed_by_fsdcf_is_adopted_on_request(tags: dict[str, str]) -> None:
    made = started("CREATE_COMPLETE", tags)
    assert made.deploy(sha="two", adopt=True).exit is Exit.DONE
    assert made.image() == "two"
    assert made.deploy(sha="three").exit is Exit.DONE, "it is ours now"


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"])
def test_termination_protection_prevents_recreation(status: str) -> None:
    made = started(status, protection=True)
    outcome = made.deploy(recreate=True)
    assert outcome.exit is Exit.REFUSED
    assert "termination protection" in outcome.sentence
    assert made.status() == status


def test_a_protected_load_balancer_that_never_worked_does_not_prevent_recreation() -> None:
    on = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    balancer = {"Subnets": ["subnet-1"], "LoadBalancerAttributes": on}
    more = {"Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": balancer}}
    late = {"Late": {**topic(), "DependsOn": "Balancer"}}
    made = site()
    made.fault("Late:create:AccessDenied")
    made.fault("api:ModifyLoadBalancerAttributes:error=AccessDenied")
    outcome = made.deploy(template(**more, **late))
    assert (made.status(), outcome.exit) == ("ROLLBACK_FAILED", Exit.NEEDS_RECOVERY)
    assert made.made("ModifyLoadBalancerAttributes") == 1
    outcome = made.deploy(template(**more, **late), recreate=True)
    assert (made.status(), outcome.exit) == ("CREATE_COMPLETE", Exit.DONE)
    assert made.made("ModifyLoadBalancerAttributes") == 2
    assert made.deploy(template(), "two").exit is Exit.DONE
    assert made.made("ModifyLoadBalancerAttributes") == 2, "that of one that worked is kept"


@pytest.mark.parametrize("update", [False, True], ids=["creation", "update"])
def test_a_rollback_deletes_the_protected_load_balancers_that_it_takes_back(update: bool) -> None:
    on = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    balancer = {"Subnets": ["subnet-1"], "LoadBalancerAttributes": on}
    more = {"Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": balancer}}
    late = {"Late": {**topic(), "DependsOn": "Balancer"}}
    made = site()
    if update:
        assert made.deploy().exit is Exit.DONE
    made.fault("Late:create:AccessDenied")
    outcome = made.deploy(template(**more, **late), sha="two")
    assert (made.status(), outcome.exit) == (f"{'UPDATE_' if update else ''}ROLLBACK_COMPLETE", Exit.FAILED)
    assert made.made("ModifyLoadBalancerAttributes") == 1
    assert not made.warnings()


@pytest.mark.parametrize(("kind", "call"), [("DBInstance", "ModifyDBInstance"), ("DBCluster", "ModifyDBCluster")])
def test_a_protected_database_that_never_worked_does_not_prevent_recreation(kind: str, call: str) -> None:
    database = {"Type": f"AWS::RDS::{kind}", "Properties": {"Engine": "mysql", "DeletionProtection": True}}
    whole = template(Main=database, Late={**topic(), "DependsOn": "Main"})
    made = site()
    made.fault("Late:create:AccessDenied", f"api:{call}:error=AccessDenied")
    assert made.deploy(whole).exit is Exit.NEEDS_RECOVERY and made.status() == "ROLLBACK_FAILED"
    assert made.deploy(whole, recreate=True).exit is Exit.DONE and made.made(call) == 2


def test_a_rollback_leaves_a_load_balancer_alone_that_worked() -> None:
    on = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    balancer = {"Subnets": ["subnet-1"], "LoadBalancerAttributes": on}
    more = {"Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": balancer}}
    made = site()
    assert made.deploy(template(**more)).exit is Exit.DONE
    made.fault("Late:create:AccessDenied")
    assert made.deploy(template(**more, Late={**topic(), "DependsOn": "Balancer"}), sha="two").exit is Exit.FAILED
    assert not made.made("ModifyLoadBalancerAttributes")


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_termination_protection_allows_an_update(status: str) -> None:
    made = started(status, protection=True)
    assert made.deploy(sha="two").exit is Exit.DONE


@pytest.mark.parametrize("how", ["flag", "prompt"])
def test_a_failed_creation_is_recreated_with_consent(how: str) -> None:
    made = site("Release:create:no parameter")
    body = template(Jobs={**topic(), "DeletionPolicy": "Retain"})
    body["Resources"]["Release"]["DependsOn"] = ["Jobs"]
    first = made.deploy(body)
    assert first.exit is Exit.FAILED
    assert first.next[0] == "fsdcf deploy shop.yml --env staging --image-sha one --recreate"
    assert made.status() == "ROLLBACK_COMPLETE"
    made.forget()
    made.answers = {"recreate": True} if how == "prompt" else None
    outcome = made.deploy(sha="two", recreate=how == "flag")
    assert outcome.exit is Exit.DONE
    assert made.image() == "two"
    told = made.asked[0].details if how == "prompt" else tuple(made.warnings())
    assert any("no parameter" in one for one in told), "the earlier cause is shown"
    assert any("DELETE_SKIPPED" in one for one in told), "and what survived"


def test_a_failed_creation_is_kept_without_consent() -> None:
    made = site("Release:create:no parameter")
    made.deploy()
    made.forget()
    made.answers = {"recreate": False}
    outcome = made.deploy()
    assert outcome.exit is Exit.REFUSED
    assert "ROLLBACK_COMPLETE" in outcome.sentence
    assert made.status() == "ROLLBACK_COMPLETE"


def test_the_image_must_be_named_before_anything_is_deleted() -> None:
    made = started("ROLLBACK_COMPLETE")
    outcome = made.deploy(sha=None, recreate=True)
    assert outcome.exit is Exit.USAGE
    assert made.status() == "ROLLBACK_COMPLETE"


def test_a_kept_failed_update_is_rolled_back_first() -> None:
    made = site()
    made.stand()
    made.fault("Jobs:update:no change")
    made.beside("UpdateStack", template(Jobs=topic(DisplayName="5")), "one", DisableRollback=True)
    made.clock.advance(300)
    assert made.status() == "UPDATE_FAILED"
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.DONE
    assert made.made("RollbackStack") == 1
    assert made.image() == "two"


def test_a_kept_failed_update_stays_without_consent() -> None:
    made = started("UPDATE_FAILED")
    outcome = made.deploy(sha="two", yes=False)
    assert outcome.exit is Exit.REFUSED
    assert "fsdcf recover shop --env staging" in outcome.next
    assert not made.made("RollbackStack")


def test_a_stack_that_is_cleaning_up_is_waited_for() -> None:
    made = site()
    body = template(Jobs=queue())
    made.stand(body)
    made.beside("UpdateStack", template("Other"), "one")
    while made.status() != "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
        made.clock.advance(1)
    outcome = made.deploy(template("Other"), "two")
    assert outcome.exit is Exit.DONE
    assert "wait" in made.steps()
    assert made.image() == "two"


def test_a_stack_that_is_being_deleted_is_waited_for_and_created_again() -> None:
    made = site()
    made.stand()
    made.call("DeleteStack", StackName=STACK)
    assert made.status() == "DELETE_IN_PROGRESS"
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.DONE
    assert made.status() == "CREATE_COMPLETE"


@pytest.mark.parametrize("wait", [True, False])
def test_another_update_is_waited_for_only_on_request(wait: bool) -> None:
    made = site()
    made.stand()
    made.beside("UpdateStack", template("Jobs", "Other"), "two")
    outcome = made.deploy(template("Jobs", "Other"), "three", wait_lock=wait)
    assert outcome.exit is (Exit.DONE if wait else Exit.BUSY)
    if wait:
        assert ("Other", "CREATE_COMPLETE") in made.seen(), "the other operation is attached to"
        assert made.image() == "three"
    else:
        assert "UPDATE_IN_PROGRESS" in outcome.sentence
        assert "started 20" in outcome.sentence


def test_a_stack_whose_rollback_failed_names_resource_and_cause() -> None:
    made = site()
    made.stand()
    made.fault("Release:update:no parameter", "Jobs:rollback:AccessDenied=stuck")
    body = template(Jobs=topic(DisplayName="5"))
    body["Resources"]["Release"]["DependsOn"] = ["Jobs"]
    assert made.deploy(body, "two").exit is Exit.NEEDS_RECOVERY
    made.forget()
    outcome = made.deploy(sha="three")
    assert outcome.exit is Exit.NEEDS_RECOVERY
    assert "fsdcf recover shop --env staging" in outcome.next
    assert any("Jobs" in one.source and "stuck" in one.text for one in outcome.evidence)
    assert any("Release" in one.source and "no parameter" in one.text for one in outcome.evidence)
    assert not made.made("ContinueUpdateRollback")
