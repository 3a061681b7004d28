"""Priorities of the rules that services put at a shared listener: free ones, kept ones, and races for them."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from fsdcf.cloudformation.priorities import band_of, default_priority
from fsdcf.deploy import priorities
from tests.cli.stage import Stage

ENVIRONMENT = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging}
environment:
  network:
    id: vpc-0123456789abcdef0
    privateSubnets: [subnet-0a1b2c3d4e5f60718, subnet-0b2c3d4e5f6071829]
    publicSubnets: [subnet-0c1b2c3d4e5f60718, subnet-0d2c3d4e5f6071829]
  loadBalancers: {public: {}}
"""
SPEC = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: NAME, owners: team}
service:
  port: 8000
  healthCheck: {container: {command: exit 0}}
  networking: {shared: true, loadBalancer: {hosts: [NAME.example.com]}}
"""


def twins() -> tuple[str, str]:
    """Two names of services whose rules have the same number by hash."""
    band, seen = band_of(["a.example.com"], []), dict[int, str]()
    for number in count():
        name = f"s{number}"
        priority = default_priority(name, "ListenerRule", band)
        if priority in seen:
            return seen[priority], name
        seen[priority] = name
    raise AssertionError


ONE, TWO = twins()


@pytest.fixture
def shared(stage: Stage) -> Stage:
    (stage.folder / "environments").mkdir()
    (stage.folder / "environments" / "staging.yml").write_text(ENVIRONMENT)
    stage("deploy", "environments/staging.yml", "--yes")
    return stage


def deploy(stage: Stage, name: str, text: str = SPEC, expect: int = 0, sha: str = "one") -> str:
    (stage.folder / f"{name}.yml").write_text(text.replace("NAME", name))
    return stage("deploy", f"{name}.yml", "--image-sha", sha, "--yes", expect=expect).output


def numbers(stage: Stage) -> dict[str, int]:
    """The priority of each service's rule at the listener, by its host."""
    listener = next(
        one["OutputValue"]
        for stack in stage.site.aws.call("cloudformation", "DescribeStacks")["Stacks"]
        for one in stack.get("Outputs", [])
        if one["OutputKey"] == "PublicHttpListenerArn"
    )
    rules = stage.site.aws.call("elbv2", "DescribeRules", ListenerArn=listener)["Rules"]
    return {
        rule["Conditions"][0]["HostHeaderConfig"]["Values"][0].split(".")[0]: int(rule["Priority"])
        for rule in rules
        if rule["Priority"] != "default"
    }


def test_a_taken_priority_gives_the_next_free_one_which_is_kept(shared: Stage) -> None:
    deploy(shared, ONE)
    deploy(shared, TWO)
    first = numbers(shared)[ONE]
    assert numbers(shared) == {ONE: first, TWO: first + 1}
    deploy(shared, TWO, sha="two")
    shared("delete", f"{ONE}.yml", "--yes")
    deploy(shared, TWO, sha="three")
    assert numbers(shared) == {TWO: first + 1}


def test_deploys_of_one_run_choose_different_priorities_before_any_rule_exists(shared: Stage) -> None:
    names = sorted([ONE, TWO, "shop"])
    for name in names:
        (shared.folder / f"{name}.yml").write_text(SPEC.replace("NAME", name))
    (shared.folder / "hello.yml").unlink()
    told = shared("deploy", ".", "--image-sha", "one", "--yes", "--parallel", "3").output
    assert "done: 4 stacks deployed" in told and "another service took" not in told
    found = numbers(shared)
    assert sorted(found) == names and abs(found[ONE] - found[TWO]) == 1


def test_a_written_priority_that_is_taken_is_refused_and_one_that_changes_applies(shared: Stage) -> None:
    written = SPEC.replace("loadBalancer: {", "loadBalancer: {priority: 120, ")
    deploy(shared, "first", written)
    assert numbers(shared) == {"first": 120}
    assert "the priority 120 is taken" in deploy(shared, "second", written, expect=2)
    deploy(shared, "second", written.replace("120", "121"))
    deploy(shared, "first", written.replace("120", "119"))
    assert numbers(shared) == {"first": 119, "second": 121}


def test_other_hosts_and_paths_move_a_rule_to_their_band(shared: Stage) -> None:
    deploy(shared, "shop")
    before = numbers(shared)["shop"]
    deploy(shared, "shop", SPEC.replace(".com]", '.com], paths: ["/api/*"]'))
    assert 20_001 <= before <= 36_000 and 13_000 <= numbers(shared)["shop"] <= 19_999


@pytest.mark.parametrize("updates", [False, True], ids=["first deploy", "update"])
def test_a_lost_race_is_run_once_more(shared: Stage, monkeypatch: pytest.MonkeyPatch, updates: bool) -> None:
    deploy(shared, ONE)
    if updates:
        deploy(shared, TWO, SPEC.replace(".com]", '.com], paths: ["/api/*"]'))
    look, stale = priorities._taken, [True]

    def taken(*arguments: Any) -> dict[int, str]:
        return {} if stale and stale.pop() else look(*arguments)

    monkeypatch.setattr(priorities, "_taken", taken)
    told = deploy(shared, TWO)
    assert "another service took the priority" in told and "done: " in told
    assert numbers(shared)[TWO] == numbers(shared)[ONE] + 1


def test_a_race_that_is_lost_again_is_a_failure(shared: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(shared, ONE)
    monkeypatch.setattr(priorities, "_taken", lambda *arguments: {})
    told = deploy(shared, TWO, expect=1)
    assert told.count("another service took the priority") == 1 and "currently in use" in told


def test_a_protected_stack_is_protected_after_a_lost_race(shared: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(shared, ONE)
    file = shared.folder / "environments" / "staging.yml"
    file.write_text(file.read_text() + "  defaults: {service: {terminationProtection: true}}\n")
    look, stale = priorities._taken, [True]
    monkeypatch.setattr(priorities, "_taken", lambda *known: {} if stale and stale.pop() else look(*known))
    assert "another service took the priority" in deploy(shared, TWO)
    stacks = shared.site.aws.call("cloudformation", "DescribeStacks", StackName=f"{TWO}-staging")["Stacks"]
    assert stacks[0]["EnableTerminationProtection"] is True
