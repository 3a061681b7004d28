"""Early validation with several findings, and without the permission to read them; hooks."""

from __future__ import annotations

import pytest

from fsdcf.deploy.model import Exit, Place
from tests.deploy.site import STACK, site, template, topic


def test_every_finding_of_early_validation_is_shown_with_its_line() -> None:
    made = site("cfn:early-validation=Jobs,Release")
    places = {"Jobs": Place("shop.yml", 7, 3, "jobs:")}
    outcome = made.run(made.release(where=places.get))
    assert outcome.exit is Exit.USAGE
    found = {one.source.split()[0]: one for one in outcome.evidence}
    assert {"Jobs", "Release"} <= set(found)
    assert found["Jobs"].place == places["Jobs"]
    assert outcome.evidence[0].text in outcome.sentence
    assert "more)" in outcome.sentence
    assert made.status() == ""
    assert outcome.next


def test_without_permission_for_the_findings_the_reason_is_shown() -> None:
    made = site("cfn:early-validation=Jobs", "api:DescribeEvents:error=AccessDenied**")
    outcome = made.deploy()
    assert outcome.exit is Exit.USAGE
    assert any("AWS::EarlyValidation::" in one.text for one in outcome.evidence)
    assert [one for one in made.warnings() if "DescribeEvents" in one] == made.warnings()
    assert len(made.warnings()) == 1
    assert made.status() == ""


def test_the_findings_are_paged() -> None:
    made = site("cfn:early-validation=Jobs,Release", "cfn:page-size=1")
    outcome = made.deploy()
    assert {"Jobs", "Release"} <= {one.source.split()[0] for one in outcome.evidence}


def test_a_hook_that_fails_is_named() -> None:
    made = site()
    made.stand()
    made.fault("cfn:hook=My::Guard::Hook")
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.FAILED
    assert any("My::Guard::Hook" in one.source + one.text for one in outcome.evidence)
    assert made.change_sets() == []
    assert made.image() == "one"


def test_a_reason_that_is_missing_beside_property_values_is_read_without_them() -> None:
    made = site("cfn:hook=My::Guard::Hook", "cfn:no-reason")
    outcome = made.deploy()
    assert outcome.exit is Exit.FAILED
    assert any("My::Guard::Hook" in one.source + one.text for one in outcome.evidence)


def test_an_immediate_refusal_of_cloudformation_is_a_usage_error() -> None:
    made = site()
    body = template(Jobs={"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Nowhere"}}})
    outcome = made.deploy(body)
    assert outcome.exit is Exit.USAGE
    assert "Unresolved resource dependencies [Nowhere]" in outcome.sentence
    assert made.status() == ""


def test_warnings_are_part_of_a_plan_that_can_be_executed() -> None:
    made = site("cfn:validation-warning=Jobs/DisplayName,Release")
    places = {"Jobs": Place("shop.yml", 7, 3, "jobs:"), "Jobs/DisplayName": Place("shop.yml", 8, 5, "name: five")}
    outcome = made.run(made.release(template(Jobs=topic(DisplayName="5")), where=places.get))
    assert outcome.exit is Exit.DONE
    warnings = made.plan().plan.warnings
    assert [one.source for one in warnings] == [
        "Jobs /Resources/Jobs/Properties/DisplayName",
        "Release /Resources/Release",
    ]
    assert [one.place for one in warnings] == [places["Jobs/DisplayName"], None]


def test_a_bucket_that_is_not_empty_is_a_warning_before_it_is_removed() -> None:
    made = site()
    made.stand(template(Files={"Type": "AWS::S3::Bucket", "DeletionPolicy": "Delete"}))
    rows = made.call("DescribeStackResources", StackName=STACK)["StackResources"]
    bucket = next(row["PhysicalResourceId"] for row in rows if row["LogicalResourceId"] == "Files")
    made.call("PutObject", "s3", Bucket=bucket, Key="a", Body=b"a")
    made.deploy(template(), "two", plan_only=True)
    (warning,) = made.plan().plan.warnings
    assert warning.source.startswith("Files") and "not empty" in warning.text


@pytest.mark.parametrize("fault", ["throttle**", "error=AccessDenied**", "reset**", "broken**"])
def test_warnings_that_cannot_be_read_are_neither_waited_for_nor_mentioned(fault: str) -> None:
    clocks = []
    for faults in ((), (f"api:DescribeEvents:{fault}",)):
        made = site("cfn:validation-warning=Jobs", *faults)
        assert made.deploy(plan_only=True).exit is Exit.DONE
        assert made.warnings() == [] and bool(made.plan().plan.warnings) is not bool(faults)
        clocks.append(made.clock.now())
    assert clocks[0] == clocks[1]
    assert made.made("DescribeEvents") == 1
