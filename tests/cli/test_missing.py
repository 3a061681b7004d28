"""What a deploy lacks: said at once without a terminal, asked for on one, and what a first deploy costs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fsdcf.cli import runtime
from fsdcf.cli.main import cli
from fsdcf.cli.options import Connection
from fsdcf.deploy.aws import Aws, connect
from fsdcf.deploy.model import Ask
from tests.cli.stage import Stage, isolated
from tests.cli.test_questions import seated
from tests.deploy.site import site


def deploy(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["deploy", "hello.yml", *words])
    return result.exit_code, result.stderr


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> Path:
    isolated(monkeypatch, tmp_path, cache)
    return tmp_path


def test_all_that_is_missing_is_said_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = deploy()
    assert code == 2
    assert "error: no region is set; no AWS credentials were found; a first deploy needs an image\n" in text
    assert "next: set one: --region" in text and "        aws configure sso" in text
    assert "        fsdcf deploy hello.yml --env staging --image-sha SHA\n" in text
    code, text = deploy("--image-sha", "one", "--region", "eu-west-1")
    assert code == 7 and "denied: no AWS credentials were found\n" in text
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    code, text = deploy()
    assert code == 2 and "no region is set; a first deploy needs an image" in text and "credentials" not in text
    code, text = deploy("--image-sha", "one")
    assert code == 2 and "error: no region is set\n" in text


@pytest.fixture
def profiles(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".aws").mkdir()
    (folder / ".aws" / "config").write_text("[profile work]\nregion = eu-west-1\n[profile bare]\n[profile empty]\n")
    key = "aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = x\n"
    (folder / ".aws" / "credentials").write_text(f"[work]\n{key}[bare]\n{key}")


class Seated:
    """A sandbox behind the real way to connect, and a person who types."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch, self.site = monkeypatch, site()

    def deploy(self, typed: str, *words: str) -> tuple[int, str]:
        errors = seated(self.monkeypatch, typed)

        def bring(connection: Connection) -> Aws:
            connect(connection.profile, connection.region, connection.endpoint)
            return self.site.aws

        code = 0
        try:
            code = cli.main(["deploy", "hello.yml", *words], standalone_mode=False, obj=bring) or 0
        except SystemExit as end:
            code = int(end.code or 0)
        return code, errors.getvalue()


@pytest.mark.usefixtures("profiles")
def test_on_a_terminal_the_profile_the_region_and_the_image_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person = Seated(monkeypatch)
    code, asked = person.deploy("other\nbare\nnowhere!\neu-west-1\nbad tag\none\nn\n")
    assert code == 3, asked
    assert asked.count("No AWS credentials were found. AWS profile") == 2
    assert "'nowhere!' is not a valid region" in asked and "'bad tag' is neither a tag" in asked
    assert "The stack hello-staging does not exist yet. Tag or digest of the image: " in asked
    shown = capsys.readouterr()
    again = "next: fsdcf deploy hello.yml --env staging --image-sha one --profile bare --region eu-west-1\n"
    assert again in shown.out + shown.err + asked


@pytest.mark.usefixtures("profiles")
def test_a_new_environment_is_confirmed_before_the_image_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    code, asked = Seated(monkeypatch).deploy("work\nn\n", "--env", "prodd")
    assert code == 3 and "Create the new environment prodd?" in asked and "of the image" not in asked
    code, asked = Seated(monkeypatch).deploy("work\ny\none\ny\n", "--env", "prodd")
    assert code == 0 and asked.count("Create the new environment prodd?") == 1


@pytest.mark.usefixtures("profiles")
def test_a_profile_brings_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    code, asked = Seated(monkeypatch).deploy("work\ny\n", "--image-sha", "one")
    assert code == 0 and "AWS region" not in asked


@pytest.mark.usefixtures("profiles")
def test_a_profile_without_credentials_is_not_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    code, asked = Seated(monkeypatch).deploy("empty\n", "--image-sha", "one")
    assert code != 0 and asked.count("AWS profile") == 1


def test_without_profiles_nothing_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, asked = Seated(monkeypatch).deploy("", "--image-sha", "one")
    assert code == 2 and "no region is set; no AWS credentials were found" in asked and "AWS region" not in asked


def test_the_question_of_a_first_deploy_shows_the_cost(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, ...]] = []

    def person(pause: object) -> Ask:
        return lambda question: seen.append(question.details) is None

    monkeypatch.setattr(runtime, "person", person)
    stage.deploy("--env", "prod")
    (details,) = seen
    assert details[-1].startswith("the stack costs about ") and "USD a month" in details[-1]
    command = details[-1].partition("`")[2].removesuffix("`")
    assert command == "fsdcf cost hello.yml --env prod"
    amount = stage(*command.split()[1:]).stdout.split(": ")[1].split(" USD")[0]
    assert f" {amount} USD" in details[-1]
    stage.deploy("--env", "prod", sha="two")
    assert not [detail for detail in seen[-1] if "USD" in detail], "an update does not create the stack"
