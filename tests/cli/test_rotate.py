"""``fsdcf secret rotate``: a new value is stored, and the tasks that read it are replaced."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from typing import Any

import pytest

from fsdcf.deploy.model import Question, Target
from fsdcf.deploy.run import Run
from fsdcf.operate.rotation import Rotation, agree, plan_rotation
from fsdcf.operate.secrets import SecretPlace
from fsdcf.plan.permissions.policy import KEEPING_SECRETS, OPERATING
from tests.cli.stage import SMALL, Stage, lines
from tests.conftest import HELLO
from tests.plan.shared import compiled
from tests.printed import problem_of

OLD, NEW = "old-q7Zk2mV9xR4tY8w", "new-B3nL6fT1pX5cJ0s"
READS = """\
  environment:
    TOKEN: ${ssm:/hello/${ENV}/TOKEN}
    SHARED: ${secrets:shared/db:password}
  networking:"""
SHARED = "    SHARED: ${secrets:shared/db:password}\n"
SPEC = SMALL.replace("  networking:", READS)
PARAMETER, SECRET = "/hello/staging/TOKEN", "shared/db"


@pytest.fixture
def pace() -> float:
    return 0.05


@cache
def body(text: str) -> str:
    return json.dumps(compiled("hello.yml", text, "staging"))


def stand(stage: Stage, text: str = SPEC, name: str = "hello") -> None:
    """A service that reads both secrets, with the old values in the stores."""
    (stage.folder / f"{name}.yml").write_text(text)
    tags = {"fsdcf:service": name, "fsdcf:environment": "staging"}
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    if name == "hello":
        stage.site.call("PutParameter", "ssm", Name=PARAMETER, Value=OLD, Type="SecureString", Tags=listed)
        value = json.dumps({"password": OLD, "user": "app"})
        stage.site.call("CreateSecret", "secretsmanager", Name=SECRET, SecretString=value, Tags=listed)
    stage.site.call(
        "CreateStack",
        StackName=f"{name}-staging",
        TemplateBody=body(text),
        Parameters=[{"ParameterKey": "ImageSha", "ParameterValue": "one"}],
        Tags=listed,
        Capabilities=["CAPABILITY_IAM"],
    )
    stage.site.clock.advance(900)
    assert stage.site.status(f"{name}-staging") == "CREATE_COMPLETE"


def rotate(stage: Stage, *words: str, expect: int = 0, yes: bool = True, value: str = NEW) -> Any:
    (stage.folder / "value").write_text(value)
    more = ("--yes",) if yes else ()
    result = stage("secret", "rotate", "hello.yml", *words, "--file", "value", *more, expect=expect)
    for each in (OLD, NEW):
        assert each not in result.output and each not in repr(stage.site.told)
    return result


def parameter(stage: Stage) -> str:
    answer = stage.site.call("GetParameter", "ssm", Name=PARAMETER, WithDecryption=True)
    return str(answer["Parameter"]["Value"])


def password(stage: Stage) -> str:
    answer = stage.site.call("GetSecretValue", "secretsmanager", SecretId=SECRET)
    return str(json.loads(answer["SecretString"])["password"])


def restarts(stage: Stage) -> int:
    return len([name for *_, name in stage.site.aws.calls if name == "UpdateService"])


def test_the_tasks_that_read_it_are_replaced(stage: Stage) -> None:
    stand(stage)
    shown = rotate(stage, "TOKEN")
    assert "restart: replacing 2 tasks of hello-staging" in shown.stderr
    assert re.search(
        r"done: stored TOKEN as .*, version 2; hello\.yml:\d+ reads it; hello-staging was restarted", shown.stderr
    )
    assert shown.stderr.index("store: stored TOKEN") < shown.stderr.index("restart: replacing")
    assert (parameter(stage), password(stage), restarts(stage)) == (NEW, OLD, 1)
    records = lines(rotate(stage, "SHARED", "--json"))
    (one,) = [each for each in records if each["event"] == "secret"]
    assert (one["name"], one["created"]) == ("SHARED", False)
    assert records[-1]["exit"] == 0 and "was restarted" in records[-1]["sentence"]
    assert (password(stage), restarts(stage)) == (NEW, 2)
    assert (
        json.loads(stage.site.call("GetSecretValue", "secretsmanager", SecretId=SECRET)["SecretString"])["user"]
        == "app"
    )


def test_without_consent_nothing_is_stored(stage: Stage) -> None:
    stand(stage)
    assert "nothing was stored: pass --yes" in rotate(stage, "TOKEN", yes=False, expect=3).stderr
    assert (parameter(stage), restarts(stage)) == (OLD, 0)


def test_a_name_that_the_spec_does_not_have(stage: Stage) -> None:
    stand(stage)
    shown = rotate(stage, "OTHER", expect=2).stderr
    assert "the spec has no secret OTHER: it reads TOKEN, SHARED" in shown and "fsdcf secret list hello.yml" in shown
    assert "history of your shell" in stage("secret", "rotate", "hello.yml", "TOKEN", NEW, expect=2).stderr


def test_a_service_that_is_not_deployed(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SPEC)
    assert "is not deployed yet" in rotate(stage, "TOKEN", yes=False).stderr
    assert parameter(stage) == NEW


def test_a_service_without_tasks(stage: Stage) -> None:
    stand(stage)
    stage("scale", "hello", "0", "--yes")
    stage.site.aws.calls.clear()
    shown = rotate(stage, "TOKEN", yes=False).stderr
    assert "hello-staging has no tasks" in shown and "next: fsdcf scale hello --env staging 1" in shown
    assert (parameter(stage), restarts(stage)) == (NEW, 0)
    stage("scale", "hello", "1", "--yes")
    stage("pause", "hello", "--yes")
    assert "next: fsdcf resume hello --env staging" in rotate(stage, "TOKEN", yes=False).stderr


def test_an_operation_in_progress(stage: Stage) -> None:
    stand(stage)
    image = [{"ParameterKey": "ImageSha", "ParameterValue": "two"}]
    capable = ["CAPABILITY_IAM"]
    stage.site.call(
        "UpdateStack", StackName="hello-staging", UsePreviousTemplate=True, Parameters=image, Capabilities=capable
    )
    shown = rotate(stage, "TOKEN", expect=5).stderr
    assert "nothing was stored" in shown and "next: fsdcf watch hello" in shown and "fsdcf secret set" in shown
    assert parameter(stage) == OLD


def test_a_stack_of_this_name_that_is_not_of_fsdcf(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SPEC)
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    stage.site.call("CreateStack", StackName="hello-staging", TemplateBody=json.dumps(template))
    stage.site.clock.advance(900)
    assert "not managed by fsdcf" in rotate(stage, "TOKEN", expect=3).stderr
    assert not stage.site.call("DescribeParameters", "ssm")["Parameters"]


def test_a_stack_whose_creation_failed_has_no_tasks(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SPEC)
    for name in (PARAMETER, SECRET):
        stage.site.store_secret(name)
    stage.site.fault("TaskRole:create:no more")
    tags = [{"Key": "fsdcf:service", "Value": "hello"}, {"Key": "fsdcf:environment", "Value": "staging"}]
    image = [{"ParameterKey": "ImageSha", "ParameterValue": "one"}]
    name, capable = "hello-staging", ["CAPABILITY_IAM"]
    stage.site.call(
        "CreateStack", StackName=name, TemplateBody=body(SPEC), Tags=tags, Parameters=image, Capabilities=capable
    )
    stage.site.clock.advance(900)
    assert stage.site.status(name) == "ROLLBACK_COMPLETE"
    shown = rotate(stage, "TOKEN").stderr
    assert "stored TOKEN" in shown and "no tasks were replaced" in shown
    assert (parameter(stage), restarts(stage)) == (NEW, 0)


def test_a_running_version_that_does_not_read_it_yet(stage: Stage) -> None:
    stand(stage)
    (stage.folder / "hello.yml").write_text(SPEC.replace("TOKEN}", "OTHER}").replace("    TOKEN:", "    OTHER:"))
    shown = rotate(stage, "OTHER", yes=False).stderr
    assert "the running version of hello-staging does not read it" in shown
    assert "next: fsdcf deploy hello.yml --env staging" in shown
    assert restarts(stage) == 0


def test_a_version_that_the_running_tasks_read(stage: Stage) -> None:
    pinned = SPEC.replace("    SHARED: ${secrets:shared/db:password}\n", "").replace(
        "  networking:",
        "  secrets: [{name: SHARED, valueFrom: 'secretsmanager:shared/db:password:AWSPREVIOUS:'}]\n  networking:",
    )
    stand(stage, pinned)
    assert "the spec reads the stage AWSPREVIOUS" in rotate(stage, "SHARED", expect=3).stderr
    assert password(stage) == OLD
    (stage.folder / "hello.yml").write_text(SPEC)
    shown = rotate(stage, "SHARED").stderr
    assert "reads the stage AWSPREVIOUS of it, and a restart does not change that" in shown
    assert (password(stage), restarts(stage)) == (NEW, 0)


def test_the_credentials_of_a_registry_need_no_restart(stage: Stage) -> None:
    text = SMALL.replace(
        "service:\n", "service:\n  image: registry.example.com/hello\n  imageCredentials: secretsmanager:r\n"
    )
    stand(stage, text)
    stage.site.store_secret("r")
    assert '{"username": "…", "password": "…"}' in rotate(stage, "service.imageCredentials", expect=2).stderr
    shown = rotate(stage, "service.imageCredentials", value=json.dumps({"username": "robot", "password": NEW})).stderr
    assert "ECS reads it when it pulls the image" in shown
    assert restarts(stage) == 0


def test_the_client_secret_of_a_sign_in_waits_for_a_deploy(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(HELLO + SIGN_IN)
    shown = rotate(stage, "service.networking.loadBalancer.auth.oidc.clientSecret").stderr
    assert "the load balancer keeps the old value until a deploy changes its rule" in shown
    assert "next: fsdcf deploy hello.yml --env staging" in shown


SIGN_IN = """\
  networking:
    loadBalancer:
      certificateArn: arn:aws:acm:us-east-1:000000000000:certificate/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c
      hosts: [a.example.com]
      auth:
        oidc:
          issuer: https://x.example
          authorizationEndpoint: https://x.example/a
          tokenEndpoint: https://x.example/t
          userInfoEndpoint: https://x.example/u
          clientId: c
          clientSecret: secretsmanager:sign-in:secret
"""


def test_other_services_that_read_it_are_named(stage: Stage) -> None:
    stand(stage)
    for name in ("billing", "search"):
        reads = READS.replace("/hello/", f"/{name}/")
        text = SMALL.replace("name: hello", f"name: {name}").replace("  networking:", reads)
        stand(stage, text.replace(SHARED, "") if name == "search" else text, name)
    shown = rotate(stage, "SHARED").stderr
    assert "reads it, too: billing-staging" in shown and "search" not in shown
    assert "next: fsdcf restart billing --env staging" in shown
    assert restarts(stage) == 1
    stage.site.aws.calls.clear()
    assert "billing" not in rotate(stage, "TOKEN").stderr
    looked = [name for *_, name in stage.site.aws.calls if name == "DescribeTaskDefinition"]
    assert len(looked) == 1, "what is below the path of the service is its own"


def next_commands(shown: str) -> list[str]:
    lead = shown.partition("  next: ")[2]
    return [line.strip() for line in lead.splitlines()]


def test_a_restart_that_fails_keeps_the_new_value_and_says_how_to_go_back(stage: Stage) -> None:
    stand(stage)
    stage.site.fault("AWS::ECS::Service:update:exit=1")
    shown = rotate(stage, "TOKEN", "--profile", "work", expect=1).stderr
    assert re.search(
        r"failed: stored TOKEN as .*, but the restart of hello-staging failed: the application ended", shown
    )
    assert parameter(stage) == NEW
    (back,) = [line for line in next_commands(shown) if line.startswith("aws ssm")]
    read, _, sink = back.partition(" | ")
    words = shlex.split(read)
    assert words[:5] == ["aws", "ssm", "get-parameter", "--name", f"{PARAMETER}:1"] and "us-east-1" in words
    earlier = stage.site.call("GetParameter", "ssm", Name=words[4], WithDecryption=True)["Parameter"]["Value"]
    assert earlier == OLD
    assert sink == "fsdcf secret rotate hello.yml TOKEN --env staging --file - --yes --profile work"
    assert read.endswith("--region us-east-1 --profile work") and not problem_of(sink)


def test_the_way_back_in_secrets_manager(stage: Stage) -> None:
    stand(stage)
    stage.site.fault("AWS::ECS::Service:update:exit=1")
    shown = rotate(stage, "SHARED", expect=1).stderr
    back, restart = next_commands(shown)[-2:]
    options = dict(zip(*[iter(shlex.split(back)[3:])] * 2, strict=True))
    assert restart == "fsdcf restart hello --env staging"
    stage.site.call(
        "UpdateSecretVersionStage",
        "secretsmanager",
        SecretId=options["--secret-id"],
        VersionStage=options["--version-stage"],
        MoveToVersionId=options["--move-to-version-id"],
        RemoveFromVersionId=options["--remove-from-version-id"],
    )
    assert password(stage) == OLD


def test_a_first_value_has_no_way_back(stage: Stage) -> None:
    stand(stage)
    stage.site.call("DeleteParameter", "ssm", Name=PARAMETER)
    stage.site.fault("AWS::ECS::Service:update:exit=1")
    shown = rotate(stage, "TOKEN", expect=1).stderr
    assert parameter(stage) == NEW and "aws ssm" not in shown


def test_the_way_back_in_the_sandbox(stage: Stage) -> None:
    stand(stage)
    stage.site.fault("AWS::ECS::Service:update:exit=1")
    commands = next_commands(rotate(stage, "TOKEN", "--sandbox", expect=1).stderr)
    (number,) = [number for number, line in enumerate(commands) if line.startswith("aws ssm")]
    read, _, sink = commands[number].partition(" | ")
    assert commands[number - 1].startswith("fsdcf sandbox") and "--endpoint-url http://127.0.0.1" in read
    assert sink == "fsdcf secret rotate hello.yml TOKEN --env staging --file - --yes --sandbox"


def test_a_restart_that_is_not_allowed(stage: Stage) -> None:
    stand(stage)
    stage.site.fault("api:UpdateService:error=AccessDeniedException**")
    shown = rotate(stage, "TOKEN", expect=7).stderr
    assert "stored TOKEN" in shown and ", but " in shown and "ecs:UpdateService" in shown
    assert parameter(stage) == NEW and "aws ssm get-parameter" in shown


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_an_interrupted_restart(stage: Stage, seconds: float) -> None:
    stand(stage)
    stage.site.pressing(seconds)
    shown = rotate(stage, "TOKEN", expect=130).stderr
    assert "stored TOKEN" in shown and ", but interrupted" in shown
    assert parameter(stage) == NEW


def test_a_deadline(stage: Stage) -> None:
    stand(stage)
    shown = rotate(stage, "TOKEN", "--timeout", "3s", expect=6).stderr
    assert "stored TOKEN" in shown and "the restart continues" in shown


def test_a_value_that_cannot_be_stored_restarts_nothing(stage: Stage) -> None:
    stand(stage)
    stage.site.fault("api:PutParameter:error=InvalidKeyId**")
    assert "was not stored" in rotate(stage, "TOKEN", expect=1).stderr
    assert restarts(stage) == 0


def test_what_the_tasks_read_may_be_unknown(stage: Stage) -> None:
    stand(stage)
    stage.site.fault("api:DescribeTaskDefinition:error=AccessDeniedException**")
    shown = rotate(stage, "TOKEN").stderr
    assert "whether its tasks read the secret is not known" in shown and "next: fsdcf restart hello" in shown
    assert (parameter(stage), restarts(stage)) == (NEW, 0)


def test_who_may_not_see_other_services_gets_a_notice(stage: Stage) -> None:
    stand(stage)
    stage.site.fault("api:DescribeStacks:error=AccessDenied")
    shown = rotate(stage, "SHARED").stderr
    assert "whether other services read it is not known" in shown and "warning" not in shown
    assert (password(stage), restarts(stage)) == (NEW, 1)


def test_a_person_is_told_what_else_happens(stage: Stage) -> None:
    stand(stage)
    asked: list[Question] = []
    run = Run(stage.site.aws, stage.site.tell, Target("hello", "staging"), lambda one: bool(asked.append(one)) or True)
    plan = plan_rotation(run, SecretPlace("ssm", PARAMETER, "us-east-1"))
    assert plan.service is not None
    agree(run, Rotation(plan.service, others=(Target("billing", "staging"),)), "TOKEN", False)
    (one,) = asked
    assert "Store a new value of TOKEN, and replace 2 tasks of hello-staging" in one.text
    assert [detail for detail in one.details if "billing-staging" in detail]


def test_the_permissions_are_those_that_are_printed(stage: Stage) -> None:
    stand(stage)
    (stage.folder / "value").write_text(NEW)
    stage.site.aws.calls.clear()
    for words in (("set", "TOKEN"), ("set", "SHARED"), ("rotate", "TOKEN"), ("rotate", "SHARED")):
        stage("secret", words[0], "hello.yml", words[1], "--file", "value", "--yes")
    stage("secret", "list", "hello.yml")
    stage("secret", "remove", "hello.yml", "TOKEN", "--yes")
    stage("secret", "remove", "hello.yml", "SHARED", "--yes")
    allowed = {(service, name) for each in (KEEPING_SECRETS, OPERATING) for service in each for name in each[service]}
    made = {(service, name) for _, service, name in stage.site.aws.calls}
    assert made - {("sts", "GetCallerIdentity")} <= allowed
    assert {("ssm", "PutParameter"), ("secretsmanager", "PutSecretValue"), ("ssm", "DeleteParameter")} <= made
    stage.site.fault("api:PutParameter:error=AccessDeniedException**")
    shown = rotate(stage, "TOKEN", expect=7).stderr
    assert "next: fsdcf permissions hello.yml --env staging --operate" in shown
