"""Change sets: dropped property values, three pages of changes, rare and unknown values."""

from __future__ import annotations

import pytest

from fsdcf.deploy.model import Exit
from tests.deploy.site import site, template, topic

NAMES = ("Jobs", "Mails", "Bills", "Cards", "Notes")


def test_changes_dropped_for_property_values_are_read_again() -> None:
    made = site()
    made.stand(template(*NAMES))
    made.fault("cfn:drop-values=Jobs")
    body = template(**{name: topic(DisplayName="5") for name in NAMES})
    assert made.deploy(body, "two").exit is Exit.DONE
    changes = {one.logical_id: one for one in made.plan().plan.changes}
    assert {*NAMES, "Release"} <= set(changes)
    assert "5" in [str(one.after) for one in changes["Mails"].details], "the values of the others stay"
    assert changes["Jobs"].action == "Modify"


def test_three_pages_of_changes() -> None:
    made = site("cfn:page-size=2")
    assert made.deploy(template(*NAMES)).exit is Exit.DONE
    assert {one.logical_id for one in made.plan().plan.changes} == {*NAMES, "Release"}
    assert {name for name, status in made.seen() if status == "CREATE_COMPLETE"} >= {*NAMES, "Release"}


def test_a_leftover_resource_is_adopted_and_reported() -> None:
    made = site()
    body = template(Table=table())
    assert made.deploy(body).exit is Exit.DONE
    made.call("DeleteStack", StackName="shop-staging")
    made.clock.advance(300)
    made.forget()
    outcome = made.deploy(body)
    assert outcome.exit is Exit.DONE
    assert made.plan().plan.adopted == ("Table",)


@pytest.mark.parametrize("action", ["Dynamic", "SyncWithActual", "Transmogrify"])
def test_rare_and_unknown_actions(action: str) -> None:
    made = site()
    made.stand()
    made.fault(f"cfn:action={action}")
    assert made.deploy(sha="two").exit is Exit.DONE
    assert action in {one.action for one in made.plan().plan.changes}


def test_unknown_enum_values_are_tolerated() -> None:
    made = site("cfn:unknown-enums")
    assert made.deploy().exit is Exit.DONE
    assert made.deploy(sha="two").exit is Exit.DONE


def table(**properties: object) -> dict[str, object]:
    key = {"AttributeName": "id", "KeyType": "HASH"}
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "TableName": "ledger",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [key],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            **properties,
        },
    }
