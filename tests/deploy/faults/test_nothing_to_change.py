"""Both messages of an empty change set; sets that change outputs or tags alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsdcf.deploy.model import Exit
from tests.deploy.site import service, site, template


@pytest.mark.parametrize(
    "faults", [(), ("cfn:no-updates",), ("cfn:no-reason",)], ids=["contained no changes", "no updates", "reason hidden"]
)
def test_nothing_to_change_is_done_and_leaves_no_change_set(faults: tuple[str, ...]) -> None:
    made = site()
    made.stand(template(**service()))
    made.fault(*faults)
    made.run(replace(made.release(template(**service())), tags={}))
    made.forget()
    outcome = made.run(replace(made.release(template(**service())), tags={}))
    assert outcome.exit is Exit.DONE
    assert "nothing to change" in outcome.sentence
    assert made.change_sets() == []
    assert not made.made("ExecuteChangeSet")
    if "cfn:no-reason" not in faults:
        assert len(made.aws.calls) <= 8


def test_an_unchanged_deploy_with_an_image_in_ecr_makes_at_most_eight_calls() -> None:
    made = site()
    release = replace(made.release(template(**service())), image=(None, None, "shop"))
    assert made.run(release).exit is Exit.DONE
    made.forget()
    assert made.run(release).exit is Exit.DONE
    assert made.made("DescribeImages") == 1
    assert made.made("DescribeServices") == 1, "nothing to change is said after a look at what runs"
    assert len(made.aws.calls) <= 8
    assert len(made.requests) == len(made.aws.calls), "nothing is hidden from the count"


def test_an_output_alone_is_executed() -> None:
    made = site()
    body = template()
    assert made.deploy(body).exit is Exit.DONE
    more = {**body, "Outputs": {"Queue": {"Value": {"Ref": "Jobs"}}}}
    made.forget()
    outcome = made.deploy(more)
    assert outcome.exit is Exit.DONE
    assert made.plan().plan.changes == ()
    assert made.made("ExecuteChangeSet") == 1
    assert "Queue" in outcome.outputs


def test_an_output_alone_counts_as_a_change_when_only_planned() -> None:
    made = site()
    made.deploy()
    more = {**template(), "Outputs": {"Queue": {"Value": {"Ref": "Jobs"}}}}
    assert made.deploy(more, plan_only=True, detailed_exitcode=True).exit is Exit.CHANGES
    assert made.deploy(template(), plan_only=True, detailed_exitcode=True).exit is Exit.DONE
    assert made.change_sets() == []


def test_a_tag_alone_is_executed() -> None:
    made = site()
    made.deploy()
    made.forget()
    outcome = made.run(replace(made.release(), tags={"team": "b"}))
    assert outcome.exit is Exit.DONE
    assert made.made("ExecuteChangeSet") == 1
    tags = {one["Key"]: one["Value"] for one in made.call("DescribeStacks")["Stacks"][0]["Tags"]}
    assert tags == {"team": "b", "fsdcf:service": "shop", "fsdcf:environment": "staging"}
