"""``fsdcf bootstrap`` and ``fsdcf permissions``: output, deploys into the sandbox, and invalid input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli
from fsdcf.cloudformation.template import read
from fsdcf.compiler.pipeline import ISSUER
from tests.cli.stage import Stage
from tests.conftest import HELLO

BOUND = "  permissionsBoundary: fsdcf-boundary\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hello.yml").write_text(HELLO + BOUND, encoding="utf-8")
    (tmp_path / "plain.yml").write_text(HELLO.replace("name: hello", "name: plain"), encoding="utf-8")
    (tmp_path / "bad.yml").write_text(HELLO.replace("port: 8000", "port: true"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fsdcf(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def resources(result: Result) -> dict[str, Any]:
    return dict(read(result.stdout)["Resources"])


def test_it_prints_the_stack_and_what_to_do_with_it(folder: Path) -> None:
    done = fsdcf("bootstrap", "--github", "acme/shop", "hello.yml", "--github-ids", "12/34")
    assert done.exit_code == 0, done.output
    found = resources(done)
    assert {
        "HelloRepository",
        "ArtifactsBucket",
        "Boundary",
        "GitHubProvider",
        "StagingDeployRole",
        "ProdDeployRole",
    } <= set(found)
    for variable in ("AWS_REGION", "FSDCF_ROLE_STAGING", "FSDCF_ROLE_PROD", "FSDCF_ARTIFACTS_BUCKET"):
        assert variable in done.stderr
    assert "--github-ids" not in done.stderr and "permissionsBoundary" not in done.stderr


def test_missing_settings_are_notes(folder: Path) -> None:
    done = fsdcf("bootstrap", "--github", "acme/shop", "plain.yml", "--env", "qa")
    assert done.exit_code == 0, done.output
    assert (
        "gh api repos/acme/shop" in done.stderr
        and "set permissionsBoundary: fsdcf-boundary under service" in done.stderr
    )
    assert "QaDeployRole" in resources(done) and "StagingDeployRole" not in resources(done)


def test_existing_resources_of_an_account_are_not_created(folder: Path) -> None:
    provider = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"
    limit = "arn:aws:iam::123456789012:policy/team/limit"
    done = fsdcf(
        "bootstrap",
        "--github",
        "acme/shop",
        "plain.yml",
        "--oidc-provider",
        provider,
        "--permissions-boundary",
        limit,
        "--format",
        "json",
    )
    found = json.loads(done.stdout)["Resources"]
    assert "GitHubProvider" not in found and "Boundary" not in found
    assert limit in json.dumps(found["StagingDeployPolicy1"]) + json.dumps(found["StagingDeployPolicy2"])


def test_without_specs_it_serves_the_repository(folder: Path) -> None:
    (folder / "bad.yml").unlink()
    (folder / ".git").mkdir()
    (folder / "elsewhere.yml").write_text(
        HELLO.replace("hello", "other") + "  image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/other\n",
        encoding="utf-8",
    )
    (folder / "hub.yml").write_text(HELLO.replace("hello", "hub") + "  image: ghcr.io/acme/hub\n", encoding="utf-8")
    done = fsdcf("bootstrap", "--github", "acme/shop", "-o", "pipeline.yml")
    assert done.exit_code == 0, done.output
    found = dict(read((folder / "pipeline.yml").read_text(encoding="utf-8"))["Resources"])
    assert {name for name, one in found.items() if one["Type"] == "AWS::ECR::Repository"} == {
        "HelloRepository",
        "PlainRepository",
    }
    assert "elsewhere.yml: service.image names an account or region" in done.stderr
    assert "123456789012:repository/other" in json.dumps(found["StagingDeployRole"])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["hello.yml"], "--github"),
        (["--github", "acme", "hello.yml"], "ORG/REPO"),
        (["--github", "acme/shop/x", "hello.yml"], "ORG/REPO"),
        (["--github", "acme/shop", "nowhere.yml"], "cannot read"),
        (["--github", "acme/shop", "bad.yml"], "S102"),
        (["--github", "acme/shop", "hello.yml", "--github-ids", "acme/shop"], "two numbers"),
        (["--github", "acme/shop", "hello.yml", "--oidc-provider", "arn:aws:iam::1:x"], "--oidc-provider"),
        (["--github", "acme/shop", "hello.yml", "--permissions-boundary", "a b"], "--permissions-boundary"),
        (["--github", "acme/shop", "hello.yml", "--env", "Prod"], "is not a valid environment name"),
        (["--github", "acme/shop", "hello.yml", "hello.yml"], "the stack hello-staging of hello.yml"),
        (["--github", "acme/shop", "hello.yml", "--yes"], "--deploy"),
        (["--github", "acme/shop", "hello.yml", "--deploy", "-o", "x.yml"], "-o"),
        (["--github", "acme/shop", "itself.yml", "--env", "pipeline"], "S402"),
    ],
)
def test_invalid_options_are_refused(folder: Path, arguments: list[str], word: str) -> None:
    (folder / "itself.yml").write_text(HELLO.replace("name: hello", "name: fsdcf"), encoding="utf-8")
    done = fsdcf("bootstrap", *arguments)
    assert done.exit_code == 2 and word in done.stderr, done.output
    assert done.stdout == "" and "Traceback" not in done.output


def test_it_deploys_the_stack_and_gives_the_commands_for_the_variables(stage: Stage) -> None:
    arguments = ("bootstrap", "--github", "acme/shop", "hello.yml", "--env", "staging", "--deploy")
    refused = stage(*arguments, expect=3)
    assert "ArtifactsBucket" in refused.stdout
    done = stage(*arguments, "--yes")
    assert "CREATE_COMPLETE" in done.stdout
    assert "image" not in done.stdout and "ECS" not in done.stdout.split("gate:")[1], (
        "it has neither an image nor a service"
    )
    assert "gh variable set FSDCF_ROLE_STAGING --body arn:aws:iam::" in done.stdout
    assert "gh variable set AWS_REGION --body us-east-1 --repo acme/shop" in done.stdout
    again = stage(*arguments, "--yes", "--json")
    last = json.loads(again.stdout.splitlines()[-1])
    assert any(one.startswith("gh variable set FSDCF_ARTIFACTS_BUCKET") for one in last["next"])


def test_the_policy_of_a_deploy_is_printed(folder: Path) -> None:
    done = fsdcf("permissions", "hello.yml", "--env", "prod", "--account", "123456789012", "--region", "cn-north-1")
    assert done.exit_code == 0, done.output
    policy = json.loads(done.stdout)
    (boundary,) = [one["Condition"] for one in policy["Statement"] if one["Sid"] == "RolesWithinBoundary"]
    assert boundary == {"StringLike": {"iam:PermissionsBoundary": "arn:aws-cn:iam::123456789012:policy/fsdcf-boundary"}}
    assert "arn:aws-cn:cloudformation:cn-north-1:123456789012:stack/hello-prod/*" in done.stdout
    assert "note" not in done.stderr and "6,144" in done.stderr


def test_open_values_are_wildcards_with_a_note(folder: Path) -> None:
    done = fsdcf("permissions", "plain.yml", "--permissions-boundary", "limit", "--artifacts-bucket", "artifacts")
    assert "arn:aws:cloudformation:*:*:stack/plain-staging/*" in done.stdout and "${" not in done.stdout
    assert "arn:aws:iam::*:policy/limit" in done.stdout and '"arn:aws:s3:::artifacts/staging/*"' in done.stdout
    (role, *_) = [one for one in json.loads(done.stdout)["Statement"] if one["Sid"] == "RolesWithinBoundary"]
    assert role["Condition"] == {"StringLike": {"iam:PermissionsBoundary": "arn:aws:iam::*:policy/limit"}}
    assert "restrict the policy" in done.stderr
    assert "have no permissions boundary" in fsdcf("permissions", "plain.yml").stderr


def test_policies_of_iam_s_size_in_a_folder(folder: Path) -> None:
    done = fsdcf("permissions", "hello.yml", "plain.yml", "-o", "policies/")
    assert done.exit_code == 0 and done.stdout == ""
    written = sorted((folder / "policies").iterdir())
    assert [one.name for one in written][:2] == ["policy-1.json", "policy-2.json"]
    assert all(len("".join(one.read_text(encoding="utf-8").split())) <= 6144 for one in written)
    assert fsdcf("permissions", "hello.yml", "-o", "policy.json").exit_code == 0
    assert json.loads((folder / "policy.json").read_text(encoding="utf-8"))["Version"] == "2012-10-17"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nowhere.yml"], "cannot read"),
        (["bad.yml"], "S102"),
        (["hello.yml", "--account", "12"], "12 digits"),
        (["hello.yml", "--region", "mars"], "--region"),
        (["hello.yml", "--permissions-boundary", "a b"], "--permissions-boundary"),
        (["hello.yml", "--artifacts-bucket", "A_B"], "--artifacts-bucket"),
    ],
)
def test_permissions_refuses_invalid_options(folder: Path, arguments: list[str], word: str) -> None:
    done = fsdcf("permissions", *arguments)
    assert done.exit_code == 2 and word in done.stderr and done.stdout == "", done.output


def test_the_yaml_of_the_stack_is_plain_yaml_but_for_its_tags(folder: Path) -> None:
    text = fsdcf("bootstrap", "--github", "acme/shop", "hello.yml").stdout
    assert "!Sub" in text and yaml.compose(text) is not None


ENVIRONMENT = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging, owners: team}
environment:
  network: {availabilityZones: [use1-az1, use1-az2]}
  defaults: {service: {networking: {shared: true, loadBalancer: false}}}
"""


@pytest.fixture
def shared(folder: Path) -> Path:
    """A folder with the file of an environment, and a service that joins it in staging alone."""
    for name in ("bad", "hello", "plain"):
        (folder / f"{name}.yml").unlink()
    (folder / "environments").mkdir()
    (folder / "environments" / "staging.yml").write_text(ENVIRONMENT)
    (folder / "users.yml").write_text(HELLO.replace("name: hello", "name: users") + BOUND)
    return folder


def granted(template: dict[str, Any], role: str) -> set[str]:
    """The actions that the policies of a role allow."""
    names = [one["Ref"] for one in template[role]["Properties"]["ManagedPolicyArns"]]
    documents = [template[name]["Properties"]["PolicyDocument"] for name in names]
    return {action for one in documents for statement in one["Statement"] for action in statement["Action"]}


def test_the_role_of_an_environment_deploys_what_its_services_share(shared: Path) -> None:
    alone = fsdcf("bootstrap", "--github", "acme/shop", "--github-ids", "12/34")
    assert "ProdDeployRole" not in resources(alone), "the files name the environments"
    done = fsdcf(
        "bootstrap", "--github", "acme/shop", "--github-ids", "12/34", "--env", "staging", "--env", "prod", "--new-env"
    )
    assert done.exit_code == 0, done.output
    staging, prod = (granted(resources(done), f"{name}DeployRole") for name in ("Staging", "Prod"))
    assert "servicediscovery:CreatePrivateDnsNamespace" in staging and "cloudformation:ListExports" in staging
    assert "servicediscovery:CreatePrivateDnsNamespace" not in prod, "it has no file, and each service its own network"
    assert "elasticloadbalancing:CreateLoadBalancer" in prod and "cloudformation:ListExports" not in prod
    assert "permissionsBoundary" not in done.stderr and "unknown" not in done.stderr


def test_permissions_of_an_environment_alone_and_with_its_services(shared: Path) -> None:
    def actions(*files: str) -> set[str]:
        done = fsdcf("permissions", *files)
        assert done.exit_code == 0, done.output
        return {action for one in json.loads(done.stdout)["Statement"] for action in one["Action"]}

    alone, service = actions("environments/staging.yml"), actions("users.yml")
    assert "ec2:CreateVpc" in alone and "ec2:CreateVpc" not in service
    assert actions("environments/staging.yml", "users.yml") == alone | service == actions(".")
    wrong = fsdcf("permissions", "environments/staging.yml", "--env", "prod")
    assert wrong.exit_code == 2 and "describes the environment staging" in wrong.stderr
