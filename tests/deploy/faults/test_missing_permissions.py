"""AccessDenied on each optional API is one warning; on each needed one it is exit 7, or unknown once
something runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsdcf.deploy.model import Exit
from tests.deploy.site import service, site, template, topic

OPTIONAL = ("GetCallerIdentity", "DescribeImages", "ListStackResources", "DescribeServices", "DescribeStackEvents")
NEEDED = ("DescribeStacks", "CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet")


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
@pytest.mark.parametrize("operation", OPTIONAL)
def test_an_optional_api(operation: str, exists: bool) -> None:
    made = site()
    if exists:
        made.stand(template(**service()))
    made.fault(f"api:{operation}:error=AccessDeniedException**")
    release = made.release(template(**service()), "two", image=("000000000000", None, "shop"), account=None)
    outcome = made.run(release)
    assert outcome.exit is Exit.DONE
    assert made.image() == "two"
    asked = made.made(operation)
    assert len(made.warnings()) == (1 if asked else 0)
    assert asked or (operation == "GetCallerIdentity" and exists)


@pytest.mark.parametrize("operation", ["DescribeStackEvents", "DescribeServices", "ListTasks", "DescribeTasks"])
def test_an_optional_api_while_something_fails(operation: str) -> None:
    made = site()
    made.stand(template(**service()))
    made.fault("Service:update:CannotPullContainerError", f"api:{operation}:error=AccessDeniedException**")
    outcome = made.deploy(template(**service()), "two")
    assert outcome.exit is Exit.FAILED
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert sum(operation in one for one in made.warnings()) == 1
    assert outcome.next


UNREAD = "api:DescribeStackEvents:error=AccessDeniedException**"


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_the_status_alone_tells_that_it_failed_at_once(exists: bool) -> None:
    made = site()
    if exists:
        made.stand()
    made.fault("Jobs:create:no topic", "Jobs:update:no topic", "cfn:stale-status*3", UNREAD)
    outcome = made.deploy(template(Jobs=topic(DisplayName="other")), "two")
    assert outcome.exit is Exit.FAILED
    assert made.status() == ("UPDATE_ROLLBACK_COMPLETE" if exists else "ROLLBACK_COMPLETE")
    assert [one.text for one in outcome.evidence] == [f"shop-staging is {made.status()}; its events could not be read"]
    assert len(made.warnings()) == 1


def test_the_reason_of_the_stack_is_told_where_no_event_can_be_read() -> None:
    made = site()
    made.stand()
    made.fault("Jobs:update:no topic", "Jobs:rollback:stuck", UNREAD)
    outcome = made.deploy(template(Jobs=topic(DisplayName="other")), "two")
    assert outcome.exit is Exit.NEEDS_RECOVERY
    assert "The following resource(s) failed to update: [Jobs]; and" in outcome.sentence
    made.state.faults.clear()
    made.fault(UNREAD)
    made.forget()
    assert made.recover().exit is Exit.DONE
    assert len(made.warnings()) == 1


def test_watching_without_events_tells_the_end() -> None:
    made = site("Jobs:update:no topic", UNREAD)
    made.stand()
    made.beside("UpdateStack", template(Jobs=topic(DisplayName="other")), "two")
    assert made.watch().exit is Exit.FAILED
    assert len(made.warnings()) == 1


def test_listing_change_sets_is_optional_when_cleaning_up() -> None:
    made = site("api:ListChangeSets:error=AccessDenied**")
    assert made.deploy(plan_only=True).exit is Exit.DONE
    assert made.status() == ""
    assert len(made.warnings()) == 1


@pytest.mark.parametrize("operation", ["DeleteChangeSet", "DeleteStack"])
def test_what_may_not_be_deleted_is_named(operation: str) -> None:
    made = site(f"api:{operation}:error=AccessDenied**")
    outcome = made.deploy(plan_only=True)
    assert outcome.exit is Exit.DONE
    assert [one for one in outcome.evidence if one.source == "left behind"]


@pytest.mark.parametrize("operation", NEEDED)
def test_a_needed_api(operation: str) -> None:
    made = site()
    made.stand()
    made.fault(f"api:{operation}:error=AccessDenied**")
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.DENIED
    assert f"cloudformation:{operation}" in outcome.sentence
    assert made.image() == "one"
    assert made.change_sets() == []


def test_what_a_diagnosis_could_not_read_is_said() -> None:
    made = site()
    made.stand(template(**service()))
    made.fault("Service:update:CannotPullContainerError")
    made.deploy(template(**service()), "two")
    made.fault("api:DescribeServices:error=AccessDeniedException**")
    outcome = made.diagnose()
    assert outcome.exit is Exit.FAILED
    assert [one.text for one in outcome.evidence if one.source == "not read"] == [
        "ECS's information on the failure is missing: no permission for ecs:DescribeServices"
    ]


def test_a_permission_that_is_taken_away_while_watching() -> None:
    made = site()
    made.stand()
    made.fault("api:DescribeStacks:error=AccessDenied**@1")
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.UNKNOWN
    assert "continues" in outcome.sentence


def test_another_account_is_refused() -> None:
    made = site()
    outcome = made.run(made.release(account="123456789012"))
    assert outcome.exit is Exit.REFUSED
    assert "123456789012" in outcome.sentence
    made.stand()
    assert made.run(made.release(account="123456789012")).exit is Exit.REFUSED
    assert made.run(made.release(sha="two", account="000000000000")).exit is Exit.DONE


def test_an_image_that_does_not_exist() -> None:
    made = site("api:DescribeImages:error=ImageNotFoundException")
    outcome = made.run(made.release(image=(None, None, "shop")))
    assert outcome.exit is Exit.USAGE
    assert "shop:one does not exist" in outcome.sentence
    assert outcome.next == ("fsdcf deploy shop.yml --env staging --build",)
    assert not made.made("CreateChangeSet")


def test_a_repository_that_does_not_exist_is_created_by_the_command_that_builds() -> None:
    made = site("api:DescribeImages:error=RepositoryNotFoundException")
    outcome = made.run(made.release(image=(None, "cn-north-1", "shop")))
    assert "the repository of the image shop:one does not exist" in outcome.sentence
    assert outcome.next == ("fsdcf deploy shop.yml --env staging --build --create-repository",)


def test_the_image_of_an_earlier_release_is_not_built_again() -> None:
    made = site("api:DescribeImages:error=ImageNotFoundException")
    again = "fsdcf rollback shop --env staging --to one"
    outcome = made.run(replace(made.release(image=(None, None, "shop")), redeploy_command=again))
    assert outcome.next == ("fsdcf history shop --env staging",)


def test_the_image_is_looked_for_where_it_is_kept() -> None:
    made = site()
    made.run(made.release(sha="sha256:" + "a" * 64, image=("123456789012", "eu-west-1", "shop")), plan_only=True)
    assert ("ecr", "eu-west-1", True) in made.aws._clients


@pytest.mark.parametrize("image", ["agent:7", "agent@sha256:" + "0" * 64])
def test_the_image_of_a_sidecar_is_looked_up(image: str) -> None:
    """In ECR; that of the service is a parameter, and other registries are not asked."""
    resources = service()
    containers = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    containers.append({"Name": "proxy", "Image": "public.ecr.aws/nginx/nginx:1.29"})
    address = "${AWS::AccountId}.dkr.ecr.us-east-1.amazonaws.com"
    containers.append({"Name": "agent", "Image": {"Fn::Sub": f"{address}/{image}"}})
    made = site("api:DescribeImages:error=ImageNotFoundException")
    outcome = made.deploy(template(**resources))
    assert outcome.exit is Exit.USAGE and f"the image {image} does not exist" in outcome.sentence
    assert outcome.advice is not None and outcome.advice.key == "service.sidecars"
