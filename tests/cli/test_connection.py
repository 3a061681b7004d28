"""The way to AWS: options and environment, and what is said where there is no way."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from fsdcf.cli.files import lint_folder
from fsdcf.cli.main import cli
from fsdcf.cli.options import Connection, state_file
from fsdcf.cli.runtime import addressed, options_of, with_options
from fsdcf.deploy.aws import Aws, connect
from fsdcf.sandbox.state import VirtualClock
from fsdcf.sandbox.store import Store
from tests.cli.stage import Stage, isolated, lines


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> None:
    isolated(monkeypatch, tmp_path, cache)


def fsdcf(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    result = fsdcf("status", "hello", "--json")
    assert result.exit_code == 2 and "no region is set" in result.stderr and "--region" in result.stderr
    assert lines(result) == [{**lines(result)[0], "event": "ended", "exit": 2}]


@pytest.mark.parametrize("command", ["status", "history", "watch", "delete", "diagnose"])
def test_no_credentials(command: str) -> None:
    result = fsdcf(command, "hello", "--region", "eu-west-1")
    assert (
        result.exit_code == 7 and "denied: no AWS credentials were found" in result.stderr and "next: " in result.stderr
    )


def test_no_such_profile() -> None:
    result = fsdcf("status", "hello", "--profile", "nobody", "--region", "eu-west-1")
    assert result.exit_code == 2 and "nobody" in result.stderr


def test_no_such_profile_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    result = fsdcf("status", "hello", "--region", "eu-west-1")
    assert result.exit_code == 2 and "somebody" in result.stderr


def test_both_variables_of_the_region_count_and_the_option_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def region(*arguments: str) -> str:
        said = fsdcf("status", "hello", "--sandbox", *arguments).stderr
        return said.split("the stack hello-staging does not exist in ")[1].split("\n")[0]

    assert region() == "us-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert region() == "eu-central-1"
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert region() == "eu-north-1"
    assert region("--region", "eu-west-3") == "eu-west-3"


@pytest.mark.parametrize(
    ("name", "value"),
    [("AWS_REGION", "Erde!"), ("AWS_ENDPOINT_URL", "localhost:4566"), ("AWS_ENDPOINT_URL", "http://[")],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    result = fsdcf("status", "hello")
    assert result.exit_code == 2 and name in result.stderr and repr(value) in result.stderr


def test_an_endpoint_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    clock = VirtualClock()

    def bring(connection: Connection) -> Aws:
        aws = connect(connection.profile, connection.region, connection.endpoint)
        aws.clock, aws.sleep = clock.now, clock.advance
        return aws

    arguments = ["status", "hello", "--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:9"]
    result = CliRunner().invoke(cli, arguments, obj=bring)
    assert result.exit_code == 6 and "AWS cannot be reached" in result.stderr and "--endpoint-url" in result.stderr


def test_a_wrong_clock_is_reported() -> None:
    class Untimely:
        def describe_stacks(self, **parameters: Any) -> dict[str, Any]:
            said = (
                "Signature not yet current: 20260101T001000Z is still later than 20260101T000500Z "
                "(20260101T000000Z + 5 min.)"
            )
            raise ClientError({"Error": {"Code": "SignatureDoesNotMatch", "Message": said}}, "DescribeStacks")

    clock = VirtualClock(0.0)
    aws = Aws(lambda service, region: Untimely(), clock.now, clock.advance, random.Random(1), "us-east-1")
    result = CliRunner().invoke(cli, ["status", "hello", "--region", "us-east-1"], obj=lambda connection: aws)
    assert (
        result.exit_code == 7 and "the clock of this machine is wrong" in result.stderr and "date -u" in result.stderr
    )


def test_the_sandbox_keeps_its_state_in_the_cache_and_knows_no_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert fsdcf("status", "hello", "--sandbox").exit_code == 2
    assert state_file() == tmp_path / "fsdcf" / "sandbox" / "state.sqlite" and state_file().is_file()
    state_file().write_text("not a data base" * 100)
    broken = fsdcf("status", "hello", "--sandbox")
    assert broken.exit_code == 2 and "state.sqlite" in broken.stderr and "remove the file" in broken.stderr


def test_a_sandbox_state_that_fails_during_a_run_is_an_outcome(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with Store(state_file()) as store:
        store._connection.execute("INSERT INTO documents VALUES ('sandbox.runner', '', '{')")
    broken = fsdcf("status", "hello", "--sandbox", "--json")
    last = json.loads(broken.stdout.splitlines()[-1])
    assert broken.exit_code == 2 and last["event"] == "ended" and last["next"] == [f"rm {state_file()}"]
    assert "remove the file to start over" in last["sentence"] and "bug" not in broken.stderr


def test_a_user_without_a_home_has_a_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert Path("/") in lint_folder(nowhere).parents


def test_the_next_command_leads_to_the_same_place() -> None:
    flags = Connection("work", "eu-west-1", "http://127.0.0.1:9").flags
    assert (
        with_options("fsdcf watch hello", flags)
        == "fsdcf watch hello --profile work --region eu-west-1 --endpoint-url http://127.0.0.1:9"
    )
    assert with_options("fsdcf status", Connection(sandbox=True).flags) == "fsdcf status --sandbox"
    ours = with_options("fsdcf run hello -- x --sandbox", Connection(profile="work").flags)
    assert ours == "fsdcf run hello --profile work -- x --sandbox"
    root = click.Context(cli)
    assert {flag for flag, *_ in flags} <= options_of(root, "fsdcf logs hello --env prod")[1]
    assert "--profile" not in options_of(root, "fsdcf validate hello.yml")[1]
    assert options_of(root, "fsdcf ci github --check")[0] == "github"
    assert options_of(root, "fsdcf unknown") == ("unknown", frozenset())


def test_aws_cli_commands_get_the_options_of_the_connection() -> None:
    work = Connection("work", "eu-west-1")
    sandbox = Connection(sandbox=True)
    assert addressed("aws sts get-caller-identity", work) == (
        "aws sts get-caller-identity --profile work --region eu-west-1",
    )
    assert addressed("aws ecr list-images --region us-east-1", work) == (
        "aws ecr list-images --region us-east-1 --profile work",
    )
    for same in ("fsdcf logs hello", "aws configure list-profiles", "docker manifest inspect x"):
        assert addressed(same, work) == addressed(same, sandbox) == (same,)
    variable = "gh variable set AWS_REGION --body eu-west-1 --repo acme/shop"
    assert addressed(variable, work) == (variable,), "what was made on AWS is for the pipeline"
    assert addressed(variable, sandbox) == (f"on AWS: {variable}",), "what the sandbox made is not"
    assert addressed("aws ecr list-images --repository-name x", sandbox) == (
        "on AWS: aws ecr list-images --repository-name x",
    )
    there = "--endpoint-url http://127.0.0.1:4580 --region"
    assert addressed("aws cloudformation list-stacks", sandbox) == (
        "fsdcf sandbox",
        f"aws cloudformation list-stacks {there} us-east-1 --no-sign-request",
    )
    serve, call = addressed("aws ecs list-tasks", Connection(region="eu-west-1", sandbox=True))
    assert (serve, call) == (
        "fsdcf sandbox --region eu-west-1",
        f"aws ecs list-tasks {there} eu-west-1 --no-sign-request",
    )


def test_options_reach_the_connection(stage: Stage) -> None:
    stage(
        "status",
        "hello",
        "--profile",
        "p",
        "--region",
        "eu-west-1",
        "--endpoint-url",
        "https://localhost:4566",
        expect=2,
    )
    assert stage.connections == [Connection("p", "eu-west-1", "https://localhost:4566", False)]


def test_boto3_is_loaded_by_commands_that_talk_to_aws_alone() -> None:
    commands = [
        ["--help"],
        ["build", "--help"],
        ["deploy", "--help"],
        ["sandbox", "--help"],
        ["validate", "hello.yml", "--no-lint"],
        ["deploy", "gone.yml"],
    ]
    script = (
        "import sys\nfrom fsdcf.cli import main\n"
        f"for arguments in {commands}:\n"
        "    sys.argv = ['fsdcf', *arguments]\n    main._run()\n"
        "    heavy = sorted({'boto3', 'botocore', 'rich', 'cfnlint', 'sqlite3'} & set(sys.modules))\n"
        "    print('ended:', heavy, arguments, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    ends = [line for line in done.stderr.splitlines() if line.startswith("ended:")]
    assert ends == [f"ended: [] {arguments}" for arguments in commands], done.stderr
