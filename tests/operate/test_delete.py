"""Deletion: from every state, only managed stacks, with a report on everything that contains data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.loaders import Loader

from fsdcf.deploy.model import Exit, NoticeIssued, Options, Outcome, Place, Question, Target
from fsdcf.deploy.run import Run
from fsdcf.operate.delete import data_resources, delete
from tests.deploy.site import STACK, TAGS, Site, queue, record, site, template
from tests.sandbox.cloudformation import scenes

SHOP = Target("shop", "staging")
STATUSES = Loader().load_service_model("cloudformation", "service-2")["shapes"]["StackStatus"]["enum"]
KEPT = {"Type": "AWS::SQS::Queue", "DeletionPolicy": "RetainExceptOnCreate"}


def put(state: str, resources: Mapping[str, Any] | None = None, **wish: Any) -> Site:
    body = {"Parameters": template()["Parameters"], "Resources": resources or {"Release": record(), "Kept": KEPT}}
    made = site()
    scenes.put(made.state, state, scenes.Wish(STACK, body, {"ImageSha": "one"}, **{"tags": TAGS, **wish}))
    return made


def deleted(made: Site, where: Any = lambda logical_id: None, **options: Any) -> Outcome:
    made.told.clear()
    ask = made.ask if made.answers is not None else None
    outcome = delete(Run(made.aws, made.tell, SHOP, ask, where), Options(**{"yes": True, **options}))
    return made._ended(outcome)


@pytest.mark.parametrize("state", STATUSES)
def test_from_every_state(state: str) -> None:
    made = put(state, culprit="Release" if state == "DELETE_FAILED" else None)
    outcome = deleted(made)
    if state == "DELETE_COMPLETE":
        assert outcome.exit is Exit.USAGE and outcome.next == () and "nothing to delete" in outcome.sentence
    elif state.endswith("_IN_PROGRESS") and not state.startswith(("DELETE", "CREATE", "REVIEW")):
        recover = ("fsdcf recover shop --env staging",) if state == "UPDATE_ROLLBACK_IN_PROGRESS" else ()
        assert outcome.exit is Exit.BUSY and outcome.next == ("fsdcf watch shop --env staging", *recover)
    else:
        assert outcome.exit is Exit.DONE and made.status() == ""


def test_kept_resources_are_reported_before_and_after() -> None:
    made = put("CREATE_COMPLETE")
    outcome = deleted(made)
    noted = [event for event in made.told if isinstance(event, NoticeIssued)]
    assert [one.label for one in noted] == ["kept"] and noted[0].text.startswith("Kept (AWS::SQS::Queue ")
    assert made.warnings() == []
    assert "1 resource was kept" in outcome.sentence and outcome.evidence[0].text.startswith("Kept (AWS::SQS::Queue ")


def test_an_interrupted_deletion_does_not_suggest_a_deploy() -> None:
    made = put("CREATE_COMPLETE")

    def press(question: Question) -> bool:
        raise KeyboardInterrupt

    outcome = delete(Run(made.aws, made.tell, SHOP, press), Options())
    assert (outcome.exit, outcome.sentence) == (Exit.INTERRUPTED, "interrupted: nothing was executed")
    assert outcome.next == ("fsdcf status shop --env staging",)


def test_loss_of_data_requires_allow_or_a_confirmation() -> None:
    made = put("CREATE_COMPLETE", {"Jobs": queue(), "Release": record()})
    place = Place("shop.yml", 7, 3, "  - type: aws_sqs_queue")
    refused = deleted(made, where={"Jobs": place}.get)
    assert refused.exit is Exit.REFUSED and refused.evidence[0].place == place
    assert refused.next == ("fsdcf delete shop --env staging --yes --allow Jobs",)
    assert any("deleted with its messages: Jobs" in text for text in made.warnings())
    made.answers = {"data": False}
    assert deleted(made).exit is Exit.REFUSED
    assert made.asked[-1].details[0].startswith("Jobs (AWS::SQS::Queue")
    made.answers = {"data": True, "execute": False}
    assert deleted(made, yes=False).exit is Exit.REFUSED and made.status() == "CREATE_COMPLETE"
    made.answers = None
    assert deleted(made, allow=frozenset({"Jobs"})).exit is Exit.DONE


def test_nothing_is_deleted_without_yes_or_a_confirmation() -> None:
    made = put("CREATE_COMPLETE")
    assert deleted(made, yes=False).exit is Exit.REFUSED and made.status() == "CREATE_COMPLETE"
    made.answers = {"execute": True}
    assert deleted(made, yes=False).exit is Exit.DONE


@pytest.mark.parametrize("wish", [{"tags": {}}, {"tags": {"fsdcf:service": "shop", "fsdcf:environment": "prod"}}])
def test_unmanaged_stacks_are_refused(wish: dict[str, Any]) -> None:
    made = put("CREATE_COMPLETE", **wish)
    outcome = deleted(made)
    assert outcome.exit is Exit.REFUSED and made.status() == "CREATE_COMPLETE"
    assert outcome.next[0].startswith("aws cloudformation ")


LIFT = "ModifyLoadBalancerAttributes"
BALANCER = {
    "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "Properties": {"LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": "true"}]},
}


DATABASE = {
    "Type": "AWS::RDS::DBInstance",
    "DeletionPolicy": "Snapshot",
    "Properties": {"Engine": "mysql", "DeletionProtection": True},
}


@pytest.mark.parametrize(
    ("resources", "wish"),
    [
        (None, {"protection": True}),
        ({"Front": BALANCER}, {}),
        ({"Front": BALANCER}, {"protection": True}),
        ({"Main": DATABASE}, {}),
    ],
    ids=["stack", "load balancer", "both", "database"],
)
def test_protection_is_lifted_by_name_alone(resources: dict[str, Any] | None, wish: dict[str, Any]) -> None:
    made = put("CREATE_COMPLETE", resources, **wish)
    for options in ({}, {"unprotect": "shop-prod"}):
        outcome = deleted(made, **options)
        assert outcome.exit is Exit.REFUSED and made.status() == "CREATE_COMPLETE"
        assert outcome.next == ("fsdcf delete shop --env staging --unprotect shop-staging",)
    made.answers = {"execute": False}
    assert deleted(made, yes=False, unprotect=STACK).exit is Exit.REFUSED
    calls = ("UpdateTerminationProtection", "ModifyDBInstance" if resources and "Main" in resources else LIFT)
    assert not any(map(made.made, calls)), "nothing is lifted before a yes"
    made.answers = None
    assert deleted(made, unprotect=STACK).exit is Exit.DONE and made.status() == ""
    assert list(map(made.made, calls)) == [int(bool(wish)), int(resources is not None)]


def test_protection_that_may_not_be_lifted() -> None:
    made = put("CREATE_COMPLETE", protection=True)
    made.fault("api:UpdateTerminationProtection:error=AccessDenied")
    assert deleted(made, unprotect=STACK).exit is Exit.DENIED and made.status() == "CREATE_COMPLETE"


def test_a_stack_without_protection_can_be_named() -> None:
    made = put("CREATE_COMPLETE")
    assert deleted(made, unprotect=STACK).exit is Exit.DONE


def test_a_blocked_deletion_is_explained() -> None:
    made = put(
        "CREATE_COMPLETE", {"Files": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Delete"}, "Release": record()}
    )
    made.fault("Files:delete:The bucket you tried to delete is not empty")
    outcome = deleted(made, allow=frozenset({"Files"}))
    assert outcome.exit is Exit.NEEDS_RECOVERY and "Files blocks the deletion" in outcome.sentence
    assert "not empty" in outcome.evidence[0].text and "must be empty" in outcome.evidence[1].text
    assert outcome.next[0] == "fsdcf delete shop --env staging"
    assert made.status() == "DELETE_FAILED"
    assert deleted(made, allow=frozenset({"Files"})).exit is Exit.DONE


def test_unreadable_resources_are_a_warning() -> None:
    made = put("CREATE_COMPLETE")
    made.fault("api:GetTemplate:error=AccessDenied")
    assert deleted(made).exit is Exit.DONE
    assert any("cannot determine which resources the stack keeps" in text for text in made.warnings())


def test_the_deletion_continues_when_detached_and_after_the_deadline() -> None:
    made = put("CREATE_COMPLETE")
    assert deleted(made, detach=True).exit is Exit.UNKNOWN
    assert deleted(made).exit is Exit.DONE
    made = put("CREATE_COMPLETE", {"Nat": {"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "subnet-1"}}})
    late = deleted(made, timeout=5.0)
    assert late.exit is Exit.UNKNOWN and "the deadline has passed" in late.sentence
    assert late.next[-1].endswith(" --env staging --image-sha one"), "no image can stay where the stack is gone"


def test_no_permission() -> None:
    made = put("CREATE_COMPLETE")
    made.fault("api:DeleteStack:error=AccessDenied")
    assert deleted(made).exit is Exit.DENIED


def test_data_resources_follow_the_deletion_policies() -> None:
    def one(type: str, **more: Any) -> dict[str, Any]:
        return {"Type": type, **more}

    body = {
        "Resources": {
            "Table": one("AWS::DynamoDB::Table", DeletionPolicy="Retain"),
            "Lost": one("AWS::DynamoDB::Table"),
            "Base": one("AWS::RDS::DBInstance"),
            "Inside": one("AWS::RDS::DBInstance", Properties={"DBClusterIdentifier": "c"}),
            "Disk": one("AWS::EC2::Volume", DeletionPolicy="Snapshot"),
            "Role": one("AWS::IAM::Role"),
            "KeptRole": one("AWS::IAM::Role", DeletionPolicy="RetainExceptOnCreate"),
            "Never": one("AWS::S3::Bucket", DeletionPolicy="Retain"),
        }
    }
    ids = {name: name.lower() for name in body["Resources"] if name != "Never"}
    assert {one.logical_id: one.fate for one in data_resources(body, ids)} == {
        "Base": "snapshot",
        "Disk": "snapshot",
        "KeptRole": "kept",
        "Lost": "deleted",
        "Table": "kept",
    }


def test_a_forced_deletion_leaves_behind_what_blocks_it() -> None:
    made = put("DELETE_FAILED", {"Jobs": queue(), "Release": record()}, culprit="Jobs")
    made.fault("Jobs:delete:not yours**")
    refused = deleted(made, yes=False, force=True)
    assert refused.exit is Exit.REFUSED and refused.next == ("fsdcf delete shop --env staging --yes --force",)
    assert any("left behind in the account" in one and "Jobs" in one for one in made.warnings())
    failed = deleted(made, allow=frozenset({"Jobs"}))
    assert failed.exit is Exit.NEEDS_RECOVERY and "fsdcf delete shop --env staging --force" in failed.next
    outcome = deleted(made, force=True)
    assert outcome.exit is Exit.DONE and "1 resource was left behind" in outcome.sentence
    assert outcome.evidence[0].text.startswith("Jobs (AWS::SQS::Queue ") and made.status() == ""


@pytest.mark.parametrize("state", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "UPDATE_COMPLETE"])
def test_only_a_failed_deletion_can_be_forced(state: str) -> None:
    made = put(state)
    outcome = deleted(made, force=True)
    assert outcome.exit is Exit.REFUSED and "DELETE_FAILED" in outcome.sentence and made.status() == state
