"""``fsdcf deploy`` with several specs: one confirmation, lines that say whose they are, and a summary at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.stage import QUEUE, SMALL, Stage, lines
from tests.sandbox.routing import answering

NAMES = ("orders", "shop", "users")
MANY = [f"services/{name}.yml" for name in NAMES]


@pytest.fixture(autouse=True)
def specs(stage: Stage) -> None:
    (stage.folder / "services").mkdir()
    for name in NAMES:
        write(stage, name)


def write(stage: Stage, name: str, more: str = "") -> Path:
    file = stage.folder / "services" / f"{name}.yml"
    file.write_text(SMALL.replace("name: hello", f"name: {name}") + more)
    return file


def deploy(stage: Stage, *arguments: str, sha: str = "one", expect: int = 0) -> tuple[str, str]:
    result = stage("deploy", *MANY, "--image-sha", sha, *arguments, expect=expect)
    return result.stdout, result.stderr


def test_all_of_them_are_deployed_and_the_summary_says_how_long_each_took(stage: Stage) -> None:
    out, _ = deploy(stage, "--yes")
    for name in NAMES:
        assert stage.site.status(f"{name}-staging") == "CREATE_COMPLETE"
        assert f"{name}-staging".ljust(14) + " | plan: 11 added" in out
        assert f"\n  {name}-staging: done in " in out
    assert "\ndone: 3 stacks deployed\n" in out
    again, _ = deploy(stage, "--yes", "--parallel", "3")
    assert "users-staging  | done: users-staging is up to date" in again and "done: 3 stacks deployed" in again


def test_a_failure_is_explained_and_the_next_command_repeats_what_is_left(stage: Stage) -> None:
    deploy(stage, "--yes")
    stage.site.fault("Service:update:oom")
    out, err = deploy(stage, "--yes", "--parallel", "1", sha="two", expect=1)
    assert "orders-staging | failed: Service (AWS::ECS::Service) could not be updated" in err
    assert "orders-staging |    --> services/orders.yml:6" in err
    assert "\nfailed: 2 of 3 stacks deployed\n  orders-staging: failed after " in err
    assert "\n  next: fsdcf deploy services/orders.yml --env staging --image-sha two --yes\n" in err
    assert "shop-staging   | done: shop-staging is UPDATE_COMPLETE and runs two" in out


def test_json_lines_name_the_stack_and_the_last_one_ends_all(stage: Stage) -> None:
    out = stage("deploy", *MANY, "--image-sha", "one", "--yes", "--json")
    events = lines(out)
    ended = [(one.get("stack"), one["exit"]) for one in events if one["event"] == "ended"]
    assert sorted(ended[:-1]) == [(f"{name}-staging", 0) for name in NAMES] and ended[-1] == (None, 0)
    assert events[-1]["event"] == "ended"
    assert [one["source"] for one in events[-1]["evidence"]] == [f"{name}-staging" for name in NAMES]
    assert all("stack" in one for one in events if one["event"] in ("planned", "seen", "rollout", "step"))


def test_a_finding_in_one_spec_refuses_all_before_the_first_call(stage: Stage) -> None:
    write(stage, "shop", "  port: true\n")
    _, err = deploy(stage, "--yes", expect=2)
    assert "error: services/shop.yml: 1 error; nothing deployed" in err
    assert "next: fsdcf validate services/orders.yml services/shop.yml services/users.yml" in err
    assert stage.connections == []


def test_data_at_risk_refuses_all_until_it_is_allowed_with_its_stack(stage: Stage) -> None:
    file = write(stage, "shop", QUEUE)
    deploy(stage, "--yes")
    file.write_text(file.read_text().replace(QUEUE, ""))
    _, err = deploy(stage, "--yes", sha="two", expect=3)
    assert "shop-staging   | refused: data at risk: OrdersQueue would be left behind" in err
    assert "orders-staging | refused: not started, because shop-staging was refused" in err
    assert stage.site.status("orders-staging") == "CREATE_COMPLETE" and not changed(stage, "users-staging")
    allowed = [f"--allow shop-staging/OrdersQueue{suffix}" for suffix in ("", "DeadLetters")]
    assert f" --image-sha two {' '.join(allowed)} --yes" in err.splitlines()[-1], "the next command is not refused"
    _, err = deploy(stage, "--yes", "--allow", "OrdersQueue", sha="two", expect=2)
    assert "write STACK/OrdersQueue" in err
    deploy(stage, "--yes", *" ".join(allowed).split(), sha="two")
    assert stage.site.status("shop-staging") == "UPDATE_COMPLETE"


def changed(stage: Stage, stack: str) -> bool:
    return any(one["ResourceStatus"].startswith("UPDATE") for one in stage.site.events(stack))


def test_an_image_that_does_not_exist_refuses_all(stage: Stage) -> None:
    stage.site.fault("api:DescribeImages:error=ImageNotFoundException")
    _, err = deploy(stage, "--yes", "--parallel", "1", expect=2)
    assert "orders-staging | error: the image orders:one does not exist" in err
    assert "users-staging  | refused: not started, because orders-staging cannot be deployed" in err
    assert [stage.site.status(f"{name}-staging") for name in NAMES] == [""] * 3


def test_a_missing_secret_of_one_spec_refuses_all(stage: Stage) -> None:
    write(stage, "shop", "  environment: {KEY: '${ssm:/shop/key}'}\n")
    _, err = deploy(stage, "--yes", expect=2)
    assert "shop-staging   | error: the parameter /shop/key does not exist" in err
    assert "next: fsdcf secret set services/shop.yml KEY --env staging" in err
    assert [stage.site.status(f"{name}-staging") for name in NAMES] == [""] * 3
    stage.site.store_secret("/shop/key")
    deploy(stage, "--yes")


def test_without_a_confirmation_nothing_is_executed_or_left(stage: Stage) -> None:
    _, err = deploy(stage, expect=3)
    assert "confirmation is required" in err and "0 of 3 stacks deployed" in err
    assert [stage.site.status(f"{name}-staging") for name in NAMES] == [""] * 3


def test_plans_alone(stage: Stage) -> None:
    out, _ = deploy(stage, "--plan-only", "--detailed-exitcode", expect=10)
    assert "changes: 3 stacks planned: nothing was executed (--plan-only)" in out
    assert [stage.site.status(f"{name}-staging") for name in NAMES] == [""] * 3


@pytest.fixture
def joined(stage: Stage) -> None:
    """Two environments, and services that join them: they import what the environment exports."""
    (stage.folder / "environments").mkdir()
    for name in ("staging", "prod"):
        text = (
            f"apiVersion: fsd/v1\nkind: Environment\nmetadata: {{name: {name}}}\n"
            "environment:\n  network: {nat: single}\n  defaults: {service: {networking: {shared: true}}}\n"
        )
        (stage.folder / "environments" / f"{name}.yml").write_text(text)
    for name in NAMES:
        file = stage.folder / "services" / f"{name}.yml"
        file.write_text(file.read_text().partition("  networking:")[0])
    (stage.folder / "hello.yml").unlink()


FOLDERS = ("deploy", "environments", "services", "--image-sha", "one")


def test_a_folder_means_its_services_and_the_one_environment_of_the_deploy(stage: Stage, joined: None) -> None:
    for arguments in (FOLDERS, ("deploy", ".", "--image-sha", "one")):
        out = stage(*arguments, "--yes").stdout
        assert out.startswith("order: fsdcf-staging, orders-staging, shop-staging, users-staging\n")
        assert "\ndone: 4 stacks deployed\n  fsdcf-staging: done in " in out
    assert stage.site.status("fsdcf-prod") == "" and stage.site.status("users-staging") == "CREATE_COMPLETE"
    exported = {one["Name"] for one in stage.site.call("ListExports")["Exports"]}
    assert "fsdcf-staging-VpcId" in exported


TEN = ("carts", "health", "images", "mail", "orders", "prices", "search", "shop", "stock", "users")


def test_ten_services_and_their_environment_are_deployed_in_order_and_each_is_reached(stage: Stage) -> None:
    """Each service calls the next one, so that the last one is deployed first."""
    for file in stage.folder.rglob("*.yml"):
        file.unlink()
    (stage.folder / "environments").mkdir()
    (stage.folder / "environments" / "staging.yml").write_text(
        "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\nenvironment:\n  network: {nat: single}\n"
        "  loadBalancers: {public: {domain: example.com, hostedZoneId: Z0123456789ABCDEFGHIJ}}\n"
        "  defaults: {service: {networking: {shared: true, serviceConnect: true}}}\n"
    )
    for name, called in zip(TEN, (*TEN[1:], ""), strict=True):
        calls = f"dependencies: [{{type: service, name: {called}}}]\n" if called else ""
        spec = f"apiVersion: fsd/v1\nkind: Service\nmetadata: {{name: {name}}}\nservice: {{port: 8000}}\n{calls}"
        (stage.folder / "services" / f"{name}.yml").write_text(spec)
    out = stage("deploy", ".", "--image-sha", "one", "--yes").stdout
    wanted = ["fsdcf-staging", *(f"{name}-staging" for name in reversed(TEN))]
    assert out.startswith(f"order: {', '.join(wanted)}\n") and "\ndone: 11 stacks deployed\n" in out
    stacks = {one["StackName"]: one for one in stage.site.call("DescribeStacks")["Stacks"]}
    assert sorted(stacks, key=lambda name: stacks[name]["LastUpdatedTime"]) == wanted
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stacks["fsdcf-staging"]["Outputs"]}

    def call(operation: str, **parameters: Any) -> dict[str, Any]:
        return stage.site.call(operation, "elbv2", **parameters)

    for name in TEN:
        group = answering(call, outputs["PublicHttpsListenerArn"], f"{name}.example.com")
        assert f":targetgroup/{name}-" in group


def test_a_named_environment_is_the_one_of_the_deploy(stage: Stage, joined: None) -> None:
    stage("deploy", "environments/prod.yml", "services/users.yml", "--image-sha", "one", "--yes")
    assert [stage.site.status(name) for name in ("fsdcf-prod", "users-prod")] == ["CREATE_COMPLETE"] * 2
    for arguments in (
        ("environments/prod.yml", "services", "--env", "staging"),
        ("environments/prod.yml", "environments/staging.yml"),
    ):
        assert "does not describe the environment" in stage("deploy", *arguments, "--yes", expect=2).stderr


def test_an_environment_that_fails_stops_its_services(stage: Stage, joined: None) -> None:
    stage.site.fault("Vpc:create:LimitExceeded")
    result = stage(*FOLDERS, "--yes", expect=1)
    assert "orders-staging | wait: waiting for fsdcf-staging" in result.stdout
    assert "users-staging  | refused: not started, because fsdcf-staging failed" in result.stderr
    assert "\nfailed: 0 of 4 stacks deployed\n  fsdcf-staging: failed after " in result.stderr
    assert "  users-staging: not started, because fsdcf-staging failed\n" in result.stderr
    assert "preflight: looking up the stack users-staging" not in result.stdout


def test_services_are_deployed_after_those_that_they_call_and_a_cycle_has_a_first_one(
    stage: Stage, joined: None
) -> None:
    for name, needed in (("orders", "users"), ("users", "shop"), ("shop", "users")):
        file = stage.folder / "services" / f"{name}.yml"
        text = file.read_text().replace(
            "service:\n", "service:\n  networking: {serviceConnect: true, loadBalancer: false}\n  port: 8000\n"
        )
        file.write_text(f"{text}dependencies:\n  - {{type: service, name: {needed}}}\n")
    out = stage(*FOLDERS, "--yes").stdout
    assert "order: fsdcf-staging, shop-staging, users-staging, orders-staging\n" in out
    assert "order: shop-staging needs users-staging, which needs it, too: shop-staging is deployed first" in out
    assert "orders-staging | wait: waiting for users-staging" in out
    executed = [line.split()[0] for line in out.splitlines() if "| execute: " in line]
    assert executed == ["fsdcf-staging", "shop-staging", "users-staging", "orders-staging"]


def test_what_the_environment_no_longer_exports_leaves_the_services_first(stage: Stage, joined: None) -> None:
    file = stage.folder / "environments" / "staging.yml"
    three = file.read_text().replace("nat: single", "nat: single, availabilityZones: 3")
    file.write_text(three)
    stage(*FOLDERS, "--yes")
    file.write_text(three.replace("Zones: 3", "Zones: 2"))
    out = stage(*FOLDERS, "--yes").stdout
    assert "order: orders-staging, shop-staging, users-staging, fsdcf-staging\n" in out
    assert "order: fsdcf-staging follows orders-staging, shop-staging, users-staging" in out
    exported = {one["Name"] for one in stage.site.call("ListExports")["Exports"]}
    assert "fsdcf-staging-PrivateSubnet2" in exported and "fsdcf-staging-PrivateSubnet3" not in exported


def test_a_first_deploy_that_failed_is_repeated_by_the_next_command(stage: Stage) -> None:
    stage.site.fault("Service:create:oom")
    _, err = deploy(stage, "--yes", "--parallel", "1", expect=1)
    (command,) = [line for line in err.splitlines() if line.startswith("  next: ") and "orders.yml" in line][-1:]
    assert "--recreate" in command
    stage(*command.split()[2:])


def test_services_without_their_environment_name_it_first(stage: Stage, joined: None) -> None:
    _, err = deploy(stage, "--yes", expect=1)
    first, then = err.splitlines()[-2:]
    assert first == "  next: fsdcf deploy environments/staging.yml --yes"
    assert then == f"        fsdcf deploy {' '.join(MANY)} --env staging --image-sha one --yes"


def test_a_plan_names_what_cannot_be_planned_before_its_environment_exists(stage: Stage, joined: None) -> None:
    result = stage(*FOLDERS, "--plan-only")
    assert "users-staging  | done: not planned: its template imports what fsdcf-staging exports" in result.stdout
    assert "next: fsdcf diff services/users.yml --first --env staging" in result.stdout
    assert "4 stacks planned: nothing was executed" in result.stdout
    stage("deploy", "environments/staging.yml", "--yes")
    assert "users-staging  | plan: 10 added" in stage(*FOLDERS, "--plan-only").stdout


def test_detached_deploys_cannot_wait_for_each_other(stage: Stage, joined: None) -> None:
    assert "--detach does not wait" in stage(*FOLDERS, "--yes", "--detach", expect=2).stderr
    assert stage.connections == []


def test_a_folder_without_specs(stage: Stage) -> None:
    (stage.folder / "empty").mkdir()
    assert "no spec found in 'empty'" in stage("deploy", "empty", expect=2).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--image", "a:b"), "use --image-sha for several"),
        (("--parallel", "0"), "0 is not in the range"),
        (("--sandbox", "--fault", "Gateway:create:oom"), "creates no resource Gateway"),
    ],
)
def test_wrong_usage(stage: Stage, arguments: tuple[str, ...], words: str) -> None:
    assert words in stage("deploy", *MANY, *arguments, expect=2).stderr
    assert stage.connections == []


def test_github_gets_a_summary_of_all_and_no_fold_that_would_mix_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(stage, "--yes")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(stage.folder / "summary.md"))
    stage.site.fault("Service:update:exit=1")
    out, _ = deploy(stage, "--yes", "--parallel", "1", sha="two", expect=1)
    assert "::group::" not in out and "::error file=services/orders.yml" in out
    summary = (stage.folder / "summary.md").read_text()
    assert summary.count("### ") == 2, "the failed stack, then all of them"
    assert "### 3 stacks in staging: failed" in summary and "**users-staging**: done in" in summary


def test_each_service_has_an_image_of_its_own_and_the_next_command_names_those_that_are_left(stage: Stage) -> None:
    images = [word for name in NAMES for word in ("--image-sha", f"{name}={name}-1")]
    out = stage("deploy", *MANY, *images, "--yes").stdout
    assert "shop-staging is CREATE_COMPLETE and runs shop-1" in out and "runs users-1" in out
    err = stage("deploy", *MANY, "--image-sha", "shop=shop-2", "--image-sha", "cart=one", "--yes", expect=2).stderr
    assert "does not deploy 'cart'; it deploys orders, shop, users" in err
    stage.site.fault("api:DescribeImages:error=ImageNotFoundException")
    err = stage("deploy", *MANY, *images[:2], "--parallel", "1", "--image-sha", "shop=shop-2", expect=3).stderr
    left = "fsdcf deploy services/orders.yml services/shop.yml --env staging"
    assert f"next: {left} --image-sha orders=orders-1 --image-sha shop=shop-2" in err, "users is up to date"
