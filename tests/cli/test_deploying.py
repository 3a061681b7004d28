"""``fsdcf deploy`` as a user meets it: plans, questions, exit codes, JSON lines, failures and what comes next."""

from __future__ import annotations

import pytest

from tests.cli.stage import QUEUE, SMALL, Stage, lines
from tests.conftest import HELLO


def test_first_deploy_new_image_nothing_to_do(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(HELLO)
    first = stage.deploy("--yes")
    assert "plan: 41 added" in first.stdout and "  + Service " in first.stdout and "hello.yml:6" in first.stdout
    assert "done: hello-staging is CREATE_COMPLETE and runs one" in first.stdout and "Url " in first.stdout
    second = stage.deploy("--yes", sha="two")
    assert "plan: 1 replaced, 2 changed" in second.stdout
    assert "hello:one\n        -> 000000000000.dkr.ecr.us-east-1.amazonaws.com/hello:two" in second.stdout
    stage.calls()
    third = stage.deploy("--yes", sha="two")
    assert "done: hello-staging is up to date: there is nothing to change" in third.stdout
    assert stage.calls() <= 8
    kept = stage("deploy", "hello.yml", "--yes")
    assert "nothing to change" in kept.stdout, "without --image-sha the stack keeps its own"


@pytest.mark.linted
def test_changes_need_yes_or_a_confirmation(stage: Stage) -> None:
    result = stage.deploy("--region", "eu-west-1", expect=3)
    assert "plan: " in result.stdout
    assert "next: fsdcf deploy hello.yml --env staging --image-sha one --yes --region eu-west-1" in result.stderr
    assert stage.site.status("hello-staging") == "", "nothing is left of a plan"


def test_plan_only_and_its_exit_code(stage: Stage) -> None:
    assert "nothing was executed" in stage.deploy("--plan-only").stdout
    stage.deploy("--plan-only", "--detailed-exitcode", expect=10)
    stage.deploy("--yes")
    stage.deploy("--plan-only", "--detailed-exitcode")
    changed = stage.deploy(
        "--plan-only",
        "--detailed-exitcode",
        "--override",
        "resources.cpu=512",
        "--override",
        "resources.memory=1024",
        expect=10,
    )
    assert "Cpu: 256 -> 512" in changed.stdout


def test_json_lines_and_nothing_else(stage: Stage) -> None:
    result = stage.deploy("--yes", "--json")
    events = lines(result)
    assert {one["event"] for one in events} >= {"step", "planned", "seen", "ended"}
    assert (events[-1]["event"], events[-1]["exit"], events[-1]["outcome"]) == ("ended", 0, "DONE")
    assert "ServiceName" in events[-1]["outputs"]
    assert "done: hello-staging" in result.stderr and "plan: " in result.stderr


def test_a_spec_with_errors_is_refused_before_anything_is_asked(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SMALL.replace("  healthCheck:", "  port: true\n  healthCheck:"))
    result = stage.deploy("--yes", "--json", expect=2)
    assert "error[S102]" in result.stderr and "hello.yml:7:9" in result.stderr
    (end,) = lines(result)
    assert end["exit"] == 2 and end["next"] == ["fsdcf validate hello.yml"]
    assert stage.connections == []


def test_data_at_risk_needs_more_than_yes_and_names_the_line(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SMALL + QUEUE + "  - type: aws_sqs_queue\n    name: ${ENV}-mails\n")
    stage.deploy("--yes")
    (stage.folder / "hello.yml").write_text(SMALL + QUEUE)
    refused = stage.deploy("--yes", expect=3)
    assert "data at risk\n  ! MailsQueue (SQS::Queue) left behind" in refused.stdout
    assert "--> hello.yml:14: dependencies:" in refused.stdout
    assert "--> hello.yml:14" in refused.stderr and "--allow MailsQueue --allow MailsQueueDeadLetters" in refused.stderr
    stage.deploy("--yes", "--allow", "MailsQueue", "--allow", "MailsQueueDeadLetters")


def test_a_failure_ends_in_cause_evidence_and_next_command(stage: Stage) -> None:
    stage.deploy("--yes")
    stage.site.fault("Service:update:exit=1")
    result = stage.deploy("--yes", "--profile", "work", sha="two", expect=1)
    assert result.stderr.count("failed: Service (AWS::ECS::Service) could not be updated") == 1
    assert "   --> hello.yml:6\n    6 | service:" in result.stderr
    assert "  help: the last lines of the log" in result.stderr and "(service.environment)" in result.stderr
    assert "  next: fsdcf logs hello --env staging --profile work" in result.stderr
    assert "        fsdcf deploy hello.yml --env staging --image-sha two --yes --profile work" in result.stderr
    assert "UPDATE_FAILED      Service ECS::Service hello.yml:6: " in result.stdout
    told = stage("diagnose", "hello.yml", expect=1)
    assert "could not be updated" in told.stderr and "6 | service:" in told.stderr
    assert "fsdcf deploy hello.yml --env staging" in told.stderr, "a spec that was given stands in the next command"


def test_recreate_repeats_a_failed_first_deploy(stage: Stage) -> None:
    stage.site.fault("Service:create:exit=1")
    stage.deploy("--yes", expect=1)
    assert "--recreate" in stage.deploy("--yes", expect=3).stderr
    stage.deploy("--yes", "--recreate")


def test_secrets_never_show(stage: Stage) -> None:
    stage.deploy("--yes", "--override", "service.environment.DB_PASSWORD=geheim-eins")
    result = stage.deploy(
        "--override", "service.environment.DB_PASSWORD=geheim-zwei", "--override", "service.environment.A=1", expect=3
    )
    assert "geheim" not in result.stdout + result.stderr and "********" in result.stdout and "********" in result.stderr
    as_json = stage.deploy("--json", "--override", "service.environment.DB_PASSWORD=geheim-zwei", expect=3)
    assert "geheim" not in as_json.stdout + as_json.stderr


def test_an_image_by_its_whole_name(stage: Stage) -> None:
    own = "000000000000.dkr.ecr.us-east-1.amazonaws.com/hello"
    stage("deploy", "hello.yml", "--image", f"{own}:one", "--yes")
    assert (
        "hello-staging is UPDATE_COMPLETE"
        in stage("deploy", "hello.yml", "--image", f"{own}@sha256:{'a' * 64}", "--yes").stdout
    )
    elsewhere = stage(
        "deploy", "hello.yml", "--image", f"{own.replace('us-east-1', 'eu-west-1')}:one", "--yes", expect=2
    )
    assert "--image names a registry in eu-west-1" in elsewhere.stderr and "--region eu-west-1" in elsewhere.stderr
    stranger = stage(
        "deploy", "hello.yml", "--image", f"{own.replace('000000000000', '111111111111')}:one", "--yes", expect=3
    )
    assert "for the account 111111111111, but the credentials belong to 000000000000" in stranger.stderr


def test_a_missing_image(stage: Stage) -> None:
    stage.site.fault("api:DescribeImages:error=ImageNotFoundException")
    assert "does not exist" in stage.deploy("--yes", expect=2).stderr


def test_missing_secrets_with_their_lines(stage: Stage) -> None:
    more = "  environment: {TOKEN: '${ssm:/${ENV}/token}'}\n"
    more += "  secrets: [{name: USER, valueFrom: 'secretsmanager:db:user'}]\n"
    (stage.folder / "hello.yml").write_text(HELLO + more, encoding="utf-8")
    shown = stage.deploy("--yes", expect=2)
    first, second = (len(HELLO.splitlines()) + number for number in (1, 2))
    for text in (
        "2 secrets of the spec cannot be read",
        f"TOKEN: the parameter /staging/token does not exist\n   --> hello.yml:{first}",
        f"USER: the secret db does not exist\n   --> hello.yml:{second}",
        "next: fsdcf secret set hello.yml TOKEN --env staging\n        fsdcf secret set hello.yml USER --env staging",
    ):
        assert text in shown.stderr, shown.stderr
    record = lines(stage.deploy("--yes", "--json", expect=2))[-1]
    assert [(one["source"], one["spec"]["line"]) for one in record["evidence"]] == [("TOKEN", first), ("USER", second)]
    assert len(record["next"]) == 2
    assert "CreateChangeSet" not in {name for *_, name in stage.site.aws.calls}
    stage.site.store_secret("/staging/token")
    stage.site.store_secret("db")
    assert "looking up the stack hello-staging, the image and the secrets" in stage.deploy("--yes").stdout


def test_detach_watch_and_cancel(stage: Stage) -> None:
    left = stage.deploy("--yes", "--detach", expect=6)
    assert "next: fsdcf watch hello --env staging" in left.stderr
    assert "hello-staging  CREATE_IN_PROGRESS" in stage("status", "hello").stdout
    assert "only an update can be cancelled" in stage("cancel", "hello", expect=3).stderr
    assert "done: hello-staging is CREATE_COMPLETE" in stage("watch", "hello").stdout
    stage.deploy("--yes", "--detach", sha="two", expect=6)
    busy = stage.deploy("--yes", sha="three", expect=5)
    assert (
        "busy: another operation is in progress on the stack hello-staging" in busy.stderr
        and "--wait-lock" in busy.stderr
    )
    assert "the stack is in its earlier state" in stage("cancel", "hello").stdout
    assert "no operation is in progress on hello-staging" in stage("cancel", "hello").stdout
    assert "hello:one" in stage("status", "hello").stdout


def test_a_deadline(stage: Stage) -> None:
    result = stage.deploy("--yes", "--timeout", "10s", expect=6)
    assert "the deadline has passed" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--timeout", "soon"), "is not a valid duration"),
        (("--timeout", "30x"), "is not a valid duration"),
        (("--timeout", "0"), "out of range"),
        (("--timeout", "37h"), "out of range"),
        (("--detailed-exitcode",), "needs --plan-only"),
        (("--on-timeout", "cancel"), "needs --timeout"),
        (("--detach", "--timeout", "30m"), "does not wait"),
        (("--image", "x:y"), "cannot be combined"),
        (("--sandbox", "--profile", "work"), "cannot be combined with --profile"),
        (("--region", "-x"), "is not a valid region"),
        (("--endpoint-url", "localhost"), "is not a valid endpoint"),
        (("--env", "Prod!"), "is not a valid environment name"),
        (("--var", "x"), "expects NAME=VALUE"),
        (("--frobnicate",), "No such option"),
    ],
)
def test_wrong_usage(stage: Stage, arguments: tuple[str, ...], words: str) -> None:
    result = stage.deploy(*arguments, expect=2)
    assert words in result.stderr and result.stdout == ""
    assert stage.connections == []


def test_a_spec_must_be_a_file(stage: Stage) -> None:
    assert "cannot read 'gone.yml'" in stage("deploy", "gone.yml", "--image-sha", "x", expect=2).stderr
    assert stage("deploy", expect=2).stderr


@pytest.mark.parametrize("broken", [False, True])
def test_a_changed_port_never_closes_the_old_one_before_the_new_tasks_serve(stage: Stage, broken: bool) -> None:
    (stage.folder / "hello.yml").write_text(HELLO)
    stage.deploy("--yes")
    before = stage.site.events("hello-staging")
    rules = ("LoadBalancerEgressToTasks", "TaskIngressFromLoadBalancer")
    if broken:
        stage.site.fault("Service:update:oom")
    changed = stage.deploy("--yes", "--override", "service.port=9000", sha="two", expect=1 if broken else 0)
    assert "way-in-closed" not in changed.output and "[port-changed]" in changed.output
    told = sorted(
        (one for one in stage.site.events("hello-staging") if one not in before), key=lambda one: one["Timestamp"]
    )
    order = [
        (one["LogicalResourceId"], one["ResourceStatus"]) for one in sorted(told, key=lambda one: one["Timestamp"])
    ]
    updated = order.index(("Service", "UPDATE_COMPLETE"))
    for rule in rules:
        deleted = [number for number, one in enumerate(order) if one == (rule, "DELETE_COMPLETE")]
        assert order.index((rule, "UPDATE_COMPLETE")) < order.index(("Service", "UPDATE_IN_PROGRESS"))
        assert len(deleted) == 1 and deleted[0] > updated
    assert not [one for one in order if one[0] == "LoadBalancerSecurityGroup" and "UPDATE" in one[1]]


def test_a_load_balancer_becomes_internal_and_public_again(stage: Stage) -> None:
    """The sandbox refuses a target group behind two load balancers, as ELB does."""
    (stage.folder / "hello.yml").write_text(HELLO)
    internal = ("--override", "service.networking.loadBalancer.internal=true")
    replaced = ["Listener", "LoadBalancer", "LoadBalancerSecurityGroup", "TargetGroup"]
    stage.deploy("--yes")
    for override, fault in ((internal, "Service:update:oom"), (internal, ""), ((), "")):
        before = stage.site.events("hello-staging")
        if fault:
            stage.site.fault(fault)
        flipped = stage.deploy("--yes", *override, expect=1 if fault else 0)
        assert "blocked" not in flipped.output and "[address-changed]" in flipped.output
        assert "target-group-replaced" not in flipped.output and "way-in-closed" not in flipped.output
        told = [one for one in stage.site.events("hello-staging") if one not in before]
        told.sort(key=lambda one: one["Timestamp"])
        order = [(one["LogicalResourceId"], one["ResourceStatus"]) for one in told]
        updated = order.index(("Service", "UPDATE_COMPLETE"))
        assert all(order.index((name, "DELETE_COMPLETE")) > updated for name in replaced)
        assert order[-1][1] == ("UPDATE_ROLLBACK_COMPLETE" if fault else "UPDATE_COMPLETE")


def test_express_leaves_no_update_to_cancel(stage: Stage) -> None:
    for options in (("--fail-fast",), ("--timeout", "5m", "--on-timeout", "cancel")):
        assert "no update to cancel" in stage.deploy("--yes", "--express", *options, expect=2).stderr
    assert stage.connections == []


def test_every_suggested_command_on_the_stack_keeps_the_role_of_cloudformation(stage: Stage) -> None:
    role = "arn:aws:iam::123456789012:role/execution"
    stage.deploy("--yes", "--role-arn", role)
    refused = stage.deploy("--role-arn", role, sha="two", expect=3)
    assert f"--image-sha two --yes --role-arn {role}" in refused.stderr
    stage.site.fault("Service:update:unhealthy=404")
    failed = stage.deploy("--yes", "--role-arn", role, sha="two", expect=1)
    assert f"fsdcf deploy hello.yml --env staging --image-sha two --yes --role-arn {role}" in failed.stderr
    unknown = stage("rollback", "hello", "--to", "three", "--role-arn", role, expect=2)
    assert f"fsdcf deploy hello.yml --env staging --image-sha three --role-arn {role}" in unknown.stderr
    assert "history hello --env staging\n" in unknown.stderr


def test_the_tag_of_a_pipeline_s_image_shows_the_commit(stage: Stage) -> None:
    commit = "3f2c1ab9d4e7" + "0" * 28
    tag = f"{commit}-19284756301-2"  # commit, run and attempt, as the workflow of fsdcf ci github pushes it
    stage.deploy("--yes", sha=tag)
    assert commit in stage("history", "hello").stdout and f"hello:{tag}" in stage("status", "hello").stdout
    assert "3f2c1ab9d4e7…" in stage("services").stdout
