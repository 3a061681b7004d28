"""``fsdcf deploy --build``: what is refused before the build, the order of events, and what a broken one leaves."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fsdcf.cli import runtime
from fsdcf.cli.main import cli
from fsdcf.deploy.model import Ask, Question
from tests.cli.stage import SMALL, Stage, lines
from tests.conftest import ROOT
from tests.repositories import commit, committed, git

DOCKER = """#!/bin/sh
echo "$*" >> "$RECORD"
case $* in
    "image inspect "*) printf '[{"Id": "sha256:%064d", "Os": "linux", "Architecture": "amd64"}]' "${ID:-1}" ;;
    *" --tag ${FAILS:-none}"*) echo "no such file: web"; exit 1 ;;
    "buildx build "*) [ -z "${PRESSES:-}" ] || { sleep 0.5; kill -INT $PPID; } ;;
esac
"""
"""A docker that records its words, and fails for the images that ``FAILS`` names."""


@pytest.fixture
def pace() -> float:
    return 0.05


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a spec and a Dockerfile, all of it committed."""
    files = {"hello.yml": SMALL, "Dockerfile": "FROM scratch\n", ".gitignore": "/.cache\n"}
    return committed(tmp_path_factory.mktemp("repository"), files)


@pytest.fixture(autouse=True)
def docker(
    stage: Stage, repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage's folder as a repository with a Dockerfile, and a docker that records."""
    shutil.copytree(repository, stage.folder, dirs_exist_ok=True)
    programs = tmp_path_factory.mktemp("programs")
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(programs / "record"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


def tag() -> str:
    """The tag of an image that is built now."""
    return git("rev-parse", "HEAD")[:12]


def built() -> list[str]:
    """The images that docker was told to build."""
    record = Path(os.environ["RECORD"])
    commands = [line.split() for line in record.read_text().splitlines()] if record.exists() else []
    return [words[words.index("--tag") + 1] for words in commands if "build" in words[:2]]


def deployed(stage: Stage, stack: str = "hello-staging") -> str:
    """The tag or digest that a stack has."""
    (described,) = stage.site.call("DescribeStacks", StackName=stack)["Stacks"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in described["Parameters"]}["ImageSha"]


def steps(events: list[dict[str, Any]]) -> list[str]:
    names = (one.get("step", one["event"]) for one in events if one["event"] in ("step", "planned", "ended"))
    return list(dict.fromkeys(names))


def answered(monkeypatch: pytest.MonkeyPatch, answers: dict[str, bool]) -> list[Question]:
    """A person with an answer to each kind of question. What the person was asked."""
    asked: list[Question] = []

    def person(pause: object) -> Ask:
        return lambda question: (asked.append(question), answers[question.kind])[1]

    monkeypatch.setattr(runtime, "person", person)
    return asked


ENVIRONMENT = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging, owners: team}
environment:
  network: {cidr: 10.40.0.0/16}
"""

BUILD = ("deploy", "hello.yml", "--build", "--create-repository", "--yes")


def test_the_image_is_built_and_pushed_before_the_plan(stage: Stage) -> None:
    events = lines(stage(*BUILD, "--json"))
    order = ["preflight", "repository", "build", "push", "decide", "change set", "planned", "gate", "execute"]
    assert [one for one in steps(events) if one in order] == order
    assert built() == [f"hello:{tag()}"]
    assert deployed(stage) == tag()
    assert stage.site.call("DescribeImages", "ecr", repositoryName="hello", imageIds=[{"imageTag": tag()}])


def test_a_given_tag_is_that_of_the_image(stage: Stage) -> None:
    stage(*BUILD, "--image-sha", "v1")
    assert built() == ["hello:v1"]
    assert deployed(stage) == "v1"


def test_errors_of_the_spec_come_before_the_build(stage: Stage) -> None:
    with (stage.folder / "hello.yml").open("a") as spec:
        spec.write("  port: true\n")
    commit()
    result = stage(*BUILD, expect=2)
    assert "nothing deployed" in result.stderr
    assert (built(), stage.connections) == ([], [])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--build", "--plan-only"), "--plan-only"),
        (("--build", "--image", "hello:v1"), "--image"),
        (("--build", "--image-sha", "sha256:" + "a" * 64), "--image-sha"),
        (("--builder", "docker"), "--builder needs --build"),
        (("--allow-dirty",), "--allow-dirty needs --build"),
        (("--create-repository",), "--create-repository needs --build"),
        (("--build", "--builder", "nerdctl"), "nerdctl is not installed"),
    ],
)
def test_options_that_contradict_each_other(stage: Stage, words: tuple[str, ...], told: str) -> None:
    assert told in stage("deploy", "hello.yml", *words, expect=2).stderr
    assert (built(), stage.connections) == ([], [])


def test_what_is_not_committed_is_refused(stage: Stage) -> None:
    (stage.folder / "new").touch()
    assert "--allow-dirty" in stage(*BUILD, expect=2).stderr
    assert (built(), stage.connections) == ([], [])
    stage(*BUILD, "--allow-dirty")
    assert built()[0].startswith(f"hello:{tag()}-dirty-")


def test_outside_a_repository_the_tag_is_asked_for(stage: Stage) -> None:
    (stage.folder / ".git").rename(stage.folder / "other")
    assert "use --image-sha TAG" in stage(*BUILD, expect=2).stderr


def busy(stage: Stage) -> None:
    stage.deploy("--yes")
    stage.site.force("UPDATE_IN_PROGRESS", name="hello-staging")


def stuck(stage: Stage) -> None:
    stage.deploy("--yes")
    stage.site.force("UPDATE_ROLLBACK_FAILED", name="hello-staging")


def failed(stage: Stage) -> None:
    stage.deploy("--yes")
    stage.site.force("ROLLBACK_COMPLETE", name="hello-staging")


def foreign(stage: Stage) -> None:
    queue = json.dumps({"Resources": {"Jobs": {"Type": "AWS::SQS::Queue"}}})
    stage.site.call("CreateStack", StackName="hello-staging", TemplateBody=queue)
    stage.site.clock.advance(900)


def unstored(stage: Stage) -> None:
    """A secret that does not exist."""
    secrets = "service:\n  secrets:\n    - {name: KEY, valueFrom: /hello/staging/KEY}\n"
    (stage.folder / "hello.yml").write_text(SMALL.replace("service:\n", secrets))
    commit()


def another_account(stage: Stage) -> None:
    """The file of the environment names an account, which is not that of the credentials."""
    (stage.folder / "environments").mkdir()
    (stage.folder / "environments" / "staging.yml").write_text(f"{ENVIRONMENT}  account: '123456789012'\n")
    commit()


def another_region(stage: Stage) -> None:
    """The spec names zones of another region."""
    zones = SMALL.partition("  networking:")[0] + "  networking: {vpc: {availabilityZones: [euw1-az1, euw1-az2]}}\n"
    (stage.folder / "hello.yml").write_text(zones)
    commit()


def nothing(stage: Stage) -> None:
    """The stack does not exist."""


@pytest.mark.parametrize(
    ("arrange", "words", "code", "told", "hint"),
    [
        (busy, (), 5, "another operation is in progress", "--build --create-repository --wait-lock"),
        (stuck, (), 4, "cannot be updated", "fsdcf recover hello"),
        (failed, (), 3, "must be deleted before", "--build --create-repository --recreate"),
        (foreign, (), 3, "is not managed by fsdcf", "--build --create-repository --adopt"),
        (unstored, (), 2, "/hello/staging/KEY does not exist", "fsdcf secret set hello.yml KEY --env staging"),
        (another_account, (), 3, "the environment is in the account 123456789012", "aws sts get-caller-identity"),
        (another_region, (), 2, "the zone euw1-az1", "aws ec2 describe-availability-zones"),
        (nothing, ("--env", "stagin"), 3, "no file names the environment", "--build --create-repository --new-env"),
    ],
    ids=["busy", "stuck", "failed", "foreign", "secret", "account", "region", "environment"],
)
def test_what_can_be_refused_is_refused_before_the_build(
    stage: Stage, arrange: Callable[[Stage], None], words: tuple[str, ...], code: int, told: str, hint: str
) -> None:
    arrange(stage)
    result = stage(*BUILD, *words, expect=code)
    assert told in result.stderr
    assert hint in result.stderr
    assert built() == []


def test_a_person_agrees_once_to_delete_what_a_failed_creation_left(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed(stage)
    asked = answered(monkeypatch, {"recreate": False})
    stage(*BUILD, expect=3)
    assert built() == []
    asked = answered(monkeypatch, {"recreate": True})
    stage(*BUILD)
    assert [one.kind for one in asked] == ["recreate"]
    assert deployed(stage) == tag()


def test_a_repository_that_does_not_exist_is_offered_before_the_build(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("deploy", "hello.yml", "--build")
    result = stage(*words, expect=2)
    assert "the repository hello does not exist" in result.stderr
    assert "next: fsdcf deploy hello.yml --env staging --build --create-repository" in result.stderr
    asked = answered(monkeypatch, {"repository": False})
    stage(*words, expect=3)
    assert built() == []
    asked = answered(monkeypatch, {"repository": True, "execute": False})
    result = stage(*words, expect=3)
    assert [one.kind for one in asked] == ["repository", "execute"]
    assert built() == [f"hello:{tag()}"]


def test_a_no_leaves_the_image_and_names_the_command_that_deploys_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, {"execute": False})
    result = stage("deploy", "hello.yml", "--build", "--create-repository", expect=3)
    assert f"hello:{tag()}@sha256:" in result.stderr and "is in its repository" in result.stderr
    assert f"next: fsdcf deploy hello.yml --env staging --image-sha {tag()}\n" in result.stderr
    assert stage.site.status("hello-staging") == ""
    answered(monkeypatch, {"execute": True})
    stage("deploy", "hello.yml", "--image-sha", tag())
    assert built() == [f"hello:{tag()}"]


def test_a_failed_deploy_does_not_suggest_another_build(stage: Stage) -> None:
    stage(*BUILD)
    before = tag()
    commit()
    after = tag()
    stage.site.fault("Service:update:oom")
    result = stage(*BUILD, expect=1)
    assert before != after
    assert "--build" not in result.stderr
    assert f"fsdcf deploy hello.yml --env staging --image-sha {after} --yes" in result.stderr


def test_a_failed_build_deploys_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILS", "hello")
    result = stage(*BUILD, expect=1)
    assert "nothing was deployed" in result.stderr
    assert "next: fsdcf deploy hello.yml --env staging --build --create-repository --yes\n" in result.stderr
    assert stage.site.status("hello-staging") == ""


def test_a_moved_tag_is_deployed_by_its_digest(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.site.call("CreateRepository", "ecr", repositoryName="hello", imageTagMutability="MUTABLE")
    stage(*BUILD, "--image-sha", "latest")
    assert deployed(stage) == "latest"
    stage(*BUILD, "--image-sha", "latest")
    assert deployed(stage) == "latest"
    monkeypatch.setenv("ID", "2")
    stage(*BUILD, "--image-sha", "latest")
    assert deployed(stage).startswith("sha256:")


def test_a_rehearsal_pushes_to_no_registry_of_others_and_deploys_the_new_image(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether that registry has the tag is not known: a stack with the tag gets the image by its digest."""
    stage.site.aws.rehearses = True
    spec = stage.folder / "hello.yml"
    spec.write_text(SMALL.replace("service:\n", "service:\n  image: registry.example.com/team/hello\n"))
    commit()
    result = stage(*BUILD, "--image-sha", "v1")
    assert "registry.example.com/team/hello:v1 is not pushed" in result.stderr + result.stdout
    assert deployed(stage) == "v1"
    monkeypatch.setenv("ID", "2")
    for _ in range(2):
        stage(*BUILD, "--image-sha", "v1")
        assert deployed(stage) == f"sha256:{2:064d}"
    assert "push" not in Path(os.environ["RECORD"]).read_text()


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("phase", ["build", "PutImage", "CreateChangeSet", "ExecuteChangeSet"])
def test_ctrl_c_in_each_phase(stage: Stage, monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    call = stage.site.aws.call

    def pressed(service: str, operation: str, **parameters: Any) -> Any:
        if operation == phase:
            raise KeyboardInterrupt
        return call(service, operation, **parameters)

    monkeypatch.setattr(stage.site.aws, "call", pressed)
    if phase == "build":
        monkeypatch.setenv("PRESSES", "1")
    result = stage(*BUILD, expect=130)
    pushed = phase.endswith("ChangeSet")
    again = f"--image-sha {tag()}" if pushed else "--build --create-repository"
    assert f"next: fsdcf deploy hello.yml --env staging {again} --yes" in result.stderr or phase == "ExecuteChangeSet"
    assert ("is in its repository" in result.stderr) is pushed
    assert stage.site.status("hello-staging") in ("", "REVIEW_IN_PROGRESS")


# Several specs.

MANY = ("services/orders.yml", "services/users.yml")


@pytest.fixture
def several(stage: Stage) -> Stage:
    """Two services, each with a Dockerfile of its own."""
    for name in ("orders", "users"):
        folder = stage.folder / "services" / name
        folder.mkdir(parents=True)
        (folder / "Dockerfile").write_text(f"FROM scratch AS {name}\n")
        build = f"service:\n  build: {{context: {name}}}\n"
        spec = SMALL.replace("name: hello", f"name: {name}").replace("service:\n", build)
        (stage.folder / "services" / f"{name}.yml").write_text(spec)
    commit()
    return stage


def test_all_images_are_pushed_before_the_first_plan(several: Stage) -> None:
    events = lines(several("deploy", *MANY, *BUILD[2:], "--json"))
    kinds = [one.get("step", one["event"]) for one in events]
    assert max(at for at, one in enumerate(kinds) if one == "push") < kinds.index("change set")
    assert built() == [f"orders:{tag()}", f"users:{tag()}"]
    assert {deployed(several, f"{name}-staging") for name in ("orders", "users")} == {tag()}


def test_a_failed_build_names_what_was_pushed(several: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILS", "users")
    result = several("deploy", *MANY, *BUILD[2:], expect=1)
    assert f"/orders:{tag()}@sha256:" in result.stderr and "is in its repository" in result.stderr
    again = "fsdcf deploy services/orders.yml services/users.yml --env staging --build --create-repository --yes"
    assert f"next: {again}\n" in result.stderr
    assert several.site.status("orders-staging") == ""


def test_a_failed_deploy_of_several_is_repeated_without_a_build(several: Stage) -> None:
    several.site.fault("Service:create:oom")
    result = several("deploy", *MANY, *BUILD[2:], "--image-sha", "orders=v1", "--parallel", "1", expect=1)
    last = result.stderr.rpartition("of 2 stacks deployed")[2]
    assert "next: fsdcf deploy services/orders.yml --env staging --image-sha v1 --recreate --yes\n" in last
    assert deployed(several, "users-staging") == tag()


def test_every_refusal_is_said_at_once(several: Stage) -> None:
    for name in ("orders", "users"):
        several("deploy", f"services/{name}.yml", "--image-sha", "one", "--yes")
        several.site.force("UPDATE_IN_PROGRESS", name=f"{name}-staging")
    result = several("deploy", *MANY, *BUILD[2:], expect=5)
    assert "orders-staging: another operation" in result.stderr and "users-staging: another operation" in result.stderr
    assert built() == []


def test_a_new_environment_is_confirmed_once(several: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answered(monkeypatch, {"environment": True, "execute": True})
    several("deploy", *MANY, "--build", "--create-repository", "--env", "stagin")
    assert [one.kind for one in asked] == ["environment", "execute"]


def share(stage: Stage, **contexts: str) -> None:
    """Let services push to one repository, from these folders."""
    for name, context in contexts.items():
        spec = stage.folder / "services" / f"{name}.yml"
        image = "service:\n  image: 000000000000.dkr.ecr.us-east-1.amazonaws.com/shared\n"
        spec.write_text(
            spec.read_text().replace("service:\n", image).replace(f"context: {name}", f"context: {context}")
        )
    commit()


def test_services_with_the_same_image_are_built_once(several: Stage) -> None:
    share(several, orders="orders", users="./orders")
    several("deploy", *MANY, *BUILD[2:])
    assert built() == [f"orders:{tag()}"]
    assert deployed(several, "users-staging") == tag()


def test_a_repository_that_only_cloudformation_knows_is_refused(stage: Stage) -> None:
    image = "service:\n  image: registry.example.com/${AWS::Region}/web\n"
    (stage.folder / "hello.yml").write_text(SMALL.replace("service:\n", image))
    commit()
    assert "CloudFormation alone fills in" in stage(*BUILD, expect=2).stderr
    assert (built(), stage.connections) == ([], [])


def test_two_builds_cannot_have_the_same_name(several: Stage) -> None:
    share(several, orders="orders", users="users")
    result = several("deploy", *MANY, *BUILD[2:], expect=2)
    assert "orders and users have the same repository" in result.stderr
    assert built() == []
    several("deploy", *MANY, *BUILD[2:], "--image-sha", "users=v2")
    assert built() == [f"orders:{tag()}", "users:v2"]


def test_the_environment_has_no_image(several: Stage) -> None:
    file = several.folder / "environments" / "staging.yml"
    file.parent.mkdir()
    file.write_text(ENVIRONMENT)
    commit()
    result = several("deploy", "environments/staging.yml", *BUILD[2:], expect=2)
    assert "has no image" in result.stderr
    several("deploy", ".", *BUILD[2:])
    assert built() == [f"{name}:{tag()}" for name in ("hello", "orders", "users")]
    assert several.site.status("fsdcf-staging") == "CREATE_COMPLETE"


def test_an_environment_that_is_not_deployed_is_refused_before_the_build(several: Stage) -> None:
    file = several.folder / "environments" / "staging.yml"
    file.parent.mkdir()
    file.write_text(ENVIRONMENT)
    spec = several.folder / "hello.yml"
    head = SMALL.partition("  networking:")[0]
    spec.write_text(f"{head}  networking: {{shared: true, loadBalancer: false}}\n")
    commit()
    result = several(*BUILD, expect=1)
    assert "the environment staging is not deployed" in result.stderr
    assert built() == []
    several("deploy", "environments/staging.yml", "hello.yml", *BUILD[2:])
    assert built() == [f"hello:{tag()}"]


# A first deploy without an image.


def test_a_person_is_offered_a_build(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answered(monkeypatch, {"build": True, "repository": True, "execute": False})
    result = stage("deploy", "hello.yml", expect=3)
    assert [one.kind for one in asked] == ["build", "repository", "execute"]
    assert asked[0].text == "Build the image from this folder?" and asked[0].expected
    assert "hello-staging does not exist yet" in asked[0].details[0]
    assert built() == [f"hello:{tag()}"]
    assert f"next: fsdcf deploy hello.yml --env staging --image-sha {tag()}\n" in result.stderr


def test_an_existing_stack_keeps_its_image(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.deploy("--yes")
    asked = answered(monkeypatch, {})
    stage("deploy", "hello.yml")
    assert (asked, built()) == ([], [])


def test_what_is_not_committed_is_not_built_for_a_person_either(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (stage.folder / "new").touch()
    answered(monkeypatch, {"build": True})
    result = stage("deploy", "hello.yml", expect=2)
    assert "next: fsdcf deploy hello.yml --env staging --build --allow-dirty\n" in result.stderr
    assert built() == []


def test_a_person_is_offered_the_images_of_several_specs(several: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answered(monkeypatch, {"environment": True, "build": True, "repository": True, "execute": True})
    several("deploy", *MANY, "--env", "stagin")
    assert [one.kind for one in asked] == ["environment", "build", "repository", "repository", "execute"]
    assert "services/orders, services/users" in asked[1].text
    assert len(built()) == 2


def test_a_person_enters_a_tag_where_there_is_no_commit(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (stage.folder / ".git").rename(stage.folder / "other")
    answered(monkeypatch, {"build": True, "repository": True, "execute": False})
    typed = "two words\nv1\n"
    result = CliRunner().invoke(cli, ["deploy", "hello.yml"], input=typed, obj=lambda _: stage.site.aws)
    assert result.exit_code == 3, result.output
    assert "'two words' is not a tag" in result.stderr
    assert built() == ["hello:v1"]


def test_without_a_person_the_message_names_both_ways(stage: Stage) -> None:
    result = stage("deploy", "hello.yml", "--yes", expect=2)
    assert "build the image (--build), or name one (--image-sha)" in result.stderr
    assert "next: fsdcf deploy hello.yml --env staging --build --yes\n" in result.stderr
    assert "fsdcf deploy hello.yml --env staging --image-sha SHA --yes\n" in result.stderr


def test_three_commands_take_a_folder_with_a_dockerfile_to_a_service(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of the README and of the tutorial."""
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/tutorial.md")]
    blocks = [re.findall(r"^```sh\n(fsdcf init --from .*?)^```", page, re.M | re.S) for page in pages]
    (first,), (second,) = (
        [[shlex.split(line, comments=True)[1:] for line in one.splitlines()] for one in each] for each in blocks
    )
    assert first == second
    init, secret, deploy = first
    folder = stage.folder / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "Dockerfile").write_text("FROM python:3.12-slim\nUSER 1000\nEXPOSE 8000\nCMD python3 main.py\n")
    stage(*init)
    stored = CliRunner().invoke(cli, [*secret, "-"], input="a value of the test", obj=lambda _: stage.site.aws)
    assert stored.exit_code == 0, stored.output
    assert "API_KEY: ${ssm:/shop/${ENV}/API_KEY}" in (folder / "shop.yml").read_text()
    stage(*deploy, "--create-repository", "--yes")
    assert built() == [f"shop:{deployed(stage, 'shop-staging')}"]
    assert stage.site.status("shop-staging") == "CREATE_COMPLETE"
