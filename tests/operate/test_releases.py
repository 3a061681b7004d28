"""The history of releases, and the rollback."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from fsdcf.cloudformation.ecr import image_tag
from fsdcf.deploy.model import Exit, Options, Target
from fsdcf.deploy.run import Run, Stop
from fsdcf.operate.releases import (
    RecordedRelease,
    collapse,
    ecr_repository,
    history,
    rollback,
    select_release,
)
from fsdcf.operate.rolling import scale
from fsdcf.operate.service import existing_stack
from tests.deploy.site import STACK, Site, record, service, site, template

SHOP = Target("shop", "staging")
NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def releases(*shas: str) -> tuple[RecordedRelease, ...]:
    """The history of a record that had these images, the oldest first."""
    return collapse(
        RecordedRelease(number, f"shop:{sha}", sha, NOON + timedelta(hours=number))
        for number, sha in enumerate(shas, 1)
    )


def shown(found: tuple[RecordedRelease, ...]) -> list[tuple[int, str, bool]]:
    return [(one.version, one.sha, one.latest) for one in found]


def test_repeated_versions_are_one_release() -> None:
    assert shown(releases("a", "a", "b", "b", "a")) == [(5, "a", True), (3, "b", False), (1, "a", False)]
    assert shown(releases()) == []
    assert (
        collapse(reversed([RecordedRelease(1, "x:a", "a", NOON), RecordedRelease(2, "x:b", "b", NOON)]))[0].version == 2
    )


def test_the_selected_release() -> None:
    found = releases("3f2c1ab", "3f9d000", "9d4e7f0")
    assert select_release(found, None, SHOP).sha == "3f9d000"
    assert (
        select_release(found, "3f2", SHOP).sha == "3f2c1ab" and select_release(found, "9d4e7f0", SHOP).sha == "9d4e7f0"
    )
    digests = releases("sha256:" + "a" * 64, "sha256:" + "b" * 64)
    assert (
        select_release(digests, "aaaa", SHOP).sha
        == select_release(digests, "sha256:aa", SHOP).sha
        == "sha256:" + "a" * 64
    )
    assert select_release(releases("v1", "v10"), "v1", SHOP).sha == "v1", "a whole name is not the beginning of another"
    assert select_release(releases("a", "b", "a", "c"), "a", SHOP).sha == "a", (
        "one image released twice is not ambiguous"
    )


@pytest.mark.parametrize(
    ("shas", "to", "words"),
    [
        (("a",), None, "no earlier release"),
        (("a", "b"), "c", "no release has the image c"),
        (("3f2c1ab", "3f9d000"), "3f", "3f is ambiguous: 3f2c1ab, 3f9d000"),
    ],
)
def test_a_release_that_does_not_exist(shas: tuple[str, ...], to: str | None, words: str) -> None:
    with pytest.raises(Stop) as caught:
        select_release(releases(*shas), to, SHOP)
    assert caught.value.outcome.exit is Exit.USAGE and words in caught.value.outcome.sentence
    assert caught.value.outcome.next[0] == "fsdcf history shop --env staging"


@pytest.mark.parametrize(
    ("image", "sha", "asked"),
    [
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/shop:one",
            "one",
            ("123456789012", "eu-west-1", "team/shop"),
        ),
        ("123456789012.dkr-ecr.eu-west-1.on.aws/shop:one", "one", ("123456789012", "eu-west-1", "shop")),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/shop@sha256:ab",
            "sha256:ab",
            ("123456789012", "cn-north-1", "shop"),
        ),
        ("localhost:5000/shop:one", "one", None),
        ("localhost:5000/shop", "", None),
        ("ghcr.io/team/shop@sha256:ab", "sha256:ab", None),
    ],
)
def test_the_parts_of_an_image(image: str, sha: str, asked: tuple[str, str, str] | None) -> None:
    assert (image_tag(image), ecr_repository(image)) == (sha, asked)


def running(*shas: str) -> Site:
    """A service that had these releases."""
    made = site()
    body = template(**service())
    body["Resources"]["Release"]["Properties"]["Value"] = {"Fn::Sub": "shop:${ImageSha}"}
    for sha in shas:
        assert made.deploy(body, sha).exit is Exit.DONE
    return made


def test_a_rollback_changes_only_the_image() -> None:
    made = running("one", "two")
    before = made.call("GetTemplate", StackName=STACK)["TemplateBody"]
    assert shown(history(existing_stack(SHOP, made.aws), made.aws)) == [(2, "two", True), (1, "one", False)]
    outcome = rollback(Run(made.aws, made.tell, SHOP), None, Options(yes=True))
    assert outcome.exit is Exit.DONE and made.image() == "shop:one"
    assert {one.logical_id for one in made.plan().plan.changes} == {"TaskDefinition", "Service", "Release"}
    assert made.call("GetTemplate", StackName=STACK)["TemplateBody"] == before
    assert rollback(Run(made.aws, made.tell, SHOP), "two", Options(yes=True)).exit is Exit.DONE
    assert [one.sha for one in history(existing_stack(SHOP, made.aws), made.aws)] == ["two", "one", "two", "one"]


def test_a_failed_release_is_not_recorded() -> None:
    made = running("one")
    made.fault("Service:update:exit=1")
    assert made.deploy(made_body(), "two").exit is Exit.FAILED
    assert [one.sha for one in history(existing_stack(SHOP, made.aws), made.aws)] == ["one"]


def made_body() -> dict[str, object]:
    body = template(**service())
    body["Resources"]["Release"]["Properties"]["Value"] = {"Fn::Sub": "shop:${ImageSha}"}
    return body


def test_more_than_a_page_of_versions() -> None:
    made = site()
    made.deploy(template(), "v0")
    name = made.call("DescribeStackResources", StackName=STACK)["StackResources"]
    physical = next(one["PhysicalResourceId"] for one in name if one["LogicalResourceId"] == "Release")
    for number in range(1, 70):
        made.call("PutParameter", "ssm", Name=physical, Value=f"shop:v{number}", Type="String", Overwrite=True)
    found = history(existing_stack(SHOP, made.aws), made.aws)
    assert len(found) == 70 and found[0].sha == "v69" and found[0].latest
    assert made.made("GetParameterHistory") == 2


def test_a_stack_without_a_record() -> None:
    made = site()
    body = template()
    del body["Resources"]["Release"]
    made.deploy(body)
    with pytest.raises(Stop) as caught:
        history(existing_stack(SHOP, made.aws), made.aws)
    assert "has no release yet" in caught.value.outcome.sentence
    made.forget()
    assert made.deploy({**body, "Resources": {**body["Resources"], "Release": record()}}).exit is Exit.DONE
    made.fault("api:GetParameterHistory:error=ParameterNotFound")
    with pytest.raises(Stop) as caught:
        history(existing_stack(SHOP, made.aws), made.aws)
    assert "does not exist" in caught.value.outcome.sentence


def test_an_unmanaged_stack_is_not_rolled_back() -> None:
    made = running("one", "two")
    with pytest.raises(Stop) as caught:
        rollback(Run(made.aws, made.tell, Target("shop-x", "staging")), None, Options(yes=True))
    assert caught.value.outcome.exit is Exit.USAGE, "there is no such stack"
    with pytest.raises(Stop) as caught:
        rollback(Run(made.aws, made.tell, _Alias("shop", "prod")), None, Options(yes=True))
    assert caught.value.outcome.exit is Exit.REFUSED


class _Alias(Target):
    """Another environment of the service, that happens to have this stack's name."""

    @property
    def stack(self) -> str:
        return STACK


def zero(count: int) -> dict[str, object]:
    """A service whose number of tasks a deploy does not set, as with auto scaling."""
    parts = service(count)
    parts["Release"]["Properties"]["Value"] = {"Fn::Sub": "shop:${ImageSha}"}
    if not count:
        del parts["Service"]["Properties"]["DesiredCount"]
    return template(**parts)


def marks(made: Site) -> list[tuple[str, bool]]:
    return [(one.sha, one.proven) for one in history(existing_stack(SHOP, made.aws), made.aws)]


def idle() -> Site:
    """A service that ran one, was scaled to zero, and then got two."""
    made = site()
    made.stand(zero(1))
    _set_count(made, 0)
    made.fault("Service:update:oom")
    made.forget()
    outcome = made.run(made.release(zero(0), "two"))
    assert outcome.exit is Exit.DONE and "no task was started" in outcome.sentence and "two" in outcome.sentence
    assert outcome.next == ("fsdcf scale shop --env staging 1",)
    return made


def _set_count(made: Site, count: int) -> None:
    names = {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in made.call("DescribeStackResources", StackName=STACK)["StackResources"]
    }
    made.call("UpdateService", "ecs", cluster=names["Cluster"], service=names["Service"], desiredCount=count)
    made.clock.advance(300)


def test_a_release_that_no_task_has_run_is_not_chosen_by_a_rollback() -> None:
    made = idle()
    assert marks(made) == [("two", False), ("one", True)]
    made.forget()
    assert made.run(made.release(zero(0), "three")).exit is Exit.DONE
    assert marks(made) == [("three", False), ("two", False), ("one", True)]
    run = Run(made.aws, made.tell, SHOP)
    outcome = rollback(run, None, Options(yes=True))
    assert "no task was started" in outcome.sentence and "one" in outcome.sentence
    assert any("two is skipped" in one and "--to two" in one for one in made.warnings())
    assert marks(made)[0] == ("one", True), "an image that has run is proven for good"


def test_nothing_is_left_to_roll_back_to() -> None:
    found = collapse(
        [
            RecordedRelease(1, "shop:a", "a", NOON, labels=("unproven-a",)),
            RecordedRelease(2, "shop:b", "b", NOON),
        ]
    )
    with pytest.raises(Stop, match="no earlier release whose tasks have run"):
        select_release(found, None, SHOP)
    assert select_release(found, "a", SHOP).sha == "a"


def test_a_scaling_from_zero_proves_a_release() -> None:
    made = site()
    body = zero(1)
    body["Outputs"] = {
        "ReleaseParameter": {"Value": {"Ref": "Release"}},
        "ClusterName": {"Value": {"Ref": "Cluster"}},
        "ServiceName": {"Value": {"Fn::GetAtt": ["Service", "Name"]}},
    }
    made.stand(body)
    _set_count(made, 0)
    del body["Resources"]["Service"]["Properties"]["DesiredCount"]  # type: ignore[index]
    made.run(made.release(body, "two"))
    assert marks(made)[0] == ("two", False)
    outcome = scale(Run(made.aws, made.tell, SHOP), 1, Options(yes=True))
    assert outcome.exit is Exit.DONE and marks(made)[0] == ("two", True)


def test_a_label_that_is_denied_is_one_warning() -> None:
    made = site()
    made.stand(zero(1))
    _set_count(made, 0)
    made.fault("api:LabelParameterVersion:error=AccessDeniedException**")
    assert made.run(made.release(zero(0), "two")).exit is Exit.DONE
    (warning,) = made.warnings()
    assert "two is not marked as unproven" in warning and "ssm:LabelParameterVersion" in warning


def test_a_deploy_without_a_new_image_proves_nothing_new_and_marks_nothing() -> None:
    made = site()
    made.stand(zero(1))
    _set_count(made, 0)
    body = zero(0)
    body["Resources"]["Jobs"] = {"Type": "AWS::SNS::Topic"}  # type: ignore[index]
    outcome = made.run(made.release(body, "one"))
    assert outcome.exit is Exit.DONE and "no task was started" in outcome.sentence
    assert marks(made) == [("one", True)]
