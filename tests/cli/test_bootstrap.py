"""``fsdcf bootstrap`` and ``fsdcf permissions``: output, deploys into the sandbox, and invalid input."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli
from fsdcf.cloudformation.template import read
from fsdcf.compiler.pipeline import ISSUER
from fsdcf.sandbox.cloudformation.resources import add
from tests.cli.stage import Stage
from tests.conftest import HELLO, ROOT

BOUND = "  permissionsBoundary: fsdcf-boundary-${ENV}\n"


@pytest.fixture(autouse=True)
def programs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH besides that of the shell: this machine's gh is never asked."""
    folder = tmp_path_factory.mktemp("bin")
    monkeypatch.setenv("PATH", str(folder))
    return folder


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
        "GitHubProvider",
        *(f"{name}{what}" for name in ("Staging", "Prod") for what in ("Boundary", "DeployRole", "ExecutionRole")),
    } <= set(found)
    for variable in ("AWS_REGION", "FSDCF_ROLE_STAGING", "FSDCF_EXECUTION_ROLE_PROD", "FSDCF_ARTIFACTS_BUCKET"):
        assert variable in done.stderr
    assert "--github-ids" not in done.stderr and "permissionsBoundary" not in done.stderr
    assert found["ProdBoundary"]["Properties"]["ManagedPolicyName"] == "fsdcf-boundary-prod"


def test_the_how_to_s_spec_has_the_boundary_of_each_environment(folder: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "pipeline.md").read_text(encoding="utf-8")
    (spec,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (folder / "shop.yml").write_text(spec, encoding="utf-8")
    done = fsdcf("bootstrap", "--github", "acme/shop", "shop.yml", "--github-ids", "12/34")
    assert done.exit_code == 0, done.output
    assert "permissionsBoundary" not in done.stderr
    assert {"fsdcf-boundary-staging", "fsdcf-boundary-prod"} == {
        one["Properties"]["ManagedPolicyName"] for name, one in resources(done).items() if name.endswith("Boundary")
    }


def test_production_is_for_its_branch_alone(folder: Path) -> None:
    def branch(role: str, *arguments: str) -> str | None:
        done = fsdcf("bootstrap", "--github", "acme/shop", "hello.yml", *arguments)
        (statement,) = resources(done)[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        ref: str | None = statement["Condition"]["StringEquals"].get(f"{ISSUER}:ref")
        return ref

    assert branch("ProdDeployRole") == "refs/heads/main", "as the workflow of fsdcf ci github deploys"
    assert branch("ProdDeployRole", "--branch", "release/1=prod") == "refs/heads/release/1"
    assert branch("StagingDeployRole") is None, "the rules of the environment on GitHub restrict it"
    done = fsdcf("bootstrap", "--github", "acme/shop", "hello.yml", "--env", "prod", "--branch", "x=staging")
    assert "no branch is known for prod" in done.stderr and "add --branch BRANCH=prod" in done.stderr
    (folder / "environments").mkdir()
    file = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: qa, owners: t}\nenvironment: {protected: true}\n"
    (folder / "environments" / "qa.yml").write_text(file, encoding="utf-8")
    allowed = HELLO.replace("  port:", "  # fsdcf: allow S286 because this is a test\n  port:")
    (folder / "hello.yml").write_text(allowed + BOUND, encoding="utf-8")
    assert branch("QaDeployRole", "--env", "qa", "--branch", "next=qa") == "refs/heads/next", "its file protects it"


def test_each_service_has_roles_of_its_own_with_per_service(folder: Path) -> None:
    done = fsdcf("bootstrap", "--github", "acme/shop", "hello.yml", "plain.yml", "--env", "staging", "--per-service")
    assert done.exit_code == 0, done.output
    found = resources(done)
    assert {"StagingHelloDeployRole", "StagingPlainExecutionRole", "StagingPlainBoundary"} <= set(found)
    assert "stack/plain-staging/*" not in json.dumps(found["StagingHelloDeployPolicy1"])
    assert found["StagingHelloBoundary"]["Properties"]["ManagedPolicyName"] == "fsdcf-boundary-staging-hello"
    assert "write `permissionsBoundary: fsdcf-boundary-${ENV}-plain` under service" in done.stderr
    assert "FSDCF_EXECUTION_ROLE_STAGING_PLAIN: the output StagingPlainExecutionRoleArn" in done.stderr


def test_a_boundary_is_that_of_one_environment(folder: Path) -> None:
    command = ("bootstrap", "--github", "acme/shop", "hello.yml", "--permissions-boundary")
    refused = fsdcf(*command, "team-limit")
    assert refused.exit_code == 2 and "write 'team-limit-${ENV}', in single quotes" in refused.stderr
    assert fsdcf(*command, "team-limit", "--env", "prod").exit_code == 0
    refused = fsdcf(*command, "team-${ENV}", "--per-service", "plain.yml")
    assert refused.exit_code == 2 and "write 'team-${ENV}-${SERVICE}'" in refused.stderr
    done = fsdcf(*command, "team-${ENV}")
    assert resources(done)["ProdBoundary"]["Properties"]["ManagedPolicyName"] == "team-prod"
    line = "write `permissionsBoundary: team-${ENV}` under service"
    assert "the roles of hello-prod have the boundary fsdcf-boundary-prod, and the pipeline creates" in done.stderr
    granted = json.dumps([one for name, one in resources(done).items() if "ExecutionPolicy" in name])
    assert "policy/team-prod" in granted and "policy/fsdcf-boundary-prod" not in granted, "it creates no role without"
    assert line in done.stderr
    spec = (folder / "hello.yml").read_text(encoding="utf-8").replace("fsdcf-boundary-${ENV}", "team-${ENV}")
    (folder / "hello.yml").write_text(spec, encoding="utf-8")
    assert line not in fsdcf(*command, "team-${ENV}").stderr, "the line that it names is right"


def test_a_resource_with_the_name_of_another_environment_is_named(folder: Path) -> None:
    """The boundary allows what a spec names, and not every service compares tags."""
    for name in ("prod", "pre-prod"):
        (folder / "environments").mkdir(exist_ok=True)
        file = f"apiVersion: fsd/v1\nkind: Environment\nmetadata: {{name: {name}, owners: t}}\n"
        (folder / "environments" / f"{name}.yml").write_text(file, encoding="utf-8")
    role = "  taskRole:\n    statements: [{actions: ['s3:GetObject'], resources: ['arn:aws:s3:::NAME/*']}]\n"

    def notes(bucket: str) -> list[str]:
        text = HELLO.replace("name: hello", "name: prod-tools") + BOUND + role.replace("NAME", bucket)
        (folder / "tools.yml").write_text(text, encoding="utf-8")
        command = ("bootstrap", "--github", "acme/shop", "tools.yml", "--env", "prod", "--env", "pre-prod")
        done = fsdcf(*command, "--github-ids", "1/2")
        assert done.exit_code == 0, done.output
        return [one for one in done.stderr.splitlines() if "a name of another environment" in one]

    (note,) = notes("prod-data")
    assert "tools.yml: s3:GetObject on arn:aws:s3:::prod-data/*" in note and "prod-tools-pre-prod may do so" in note
    (note,) = notes("data-pre-prod")
    assert "prod-tools-prod may do so" in note and note.endswith("name one of prod")
    assert notes("data-${ENV}") == notes("media") == []


def test_a_wildcard_in_a_spec_widens_its_own_role_alone_and_the_cost_is_named(folder: Path) -> None:
    role = "  taskRole:\n    statements: [{actions: ['dynamodb:GetItem', 's3:GetObject'], resources: ['*']}]\n"
    (folder / "wide.yml").write_text(HELLO.replace("name: hello", "name: wide") + BOUND + role, encoding="utf-8")
    done = fsdcf(
        "bootstrap", "--github", "acme/shop", "hello.yml", "wide.yml", "--env", "staging", "--github-ids", "1/2"
    )
    assert done.exit_code == 0, done.output
    assert (
        "wide.yml: dynamodb:GetItem, s3:GetObject on *: within the boundary, wide-staging may do so only" in done.stderr
    )
    assert "hello.yml" not in done.stderr


def test_the_name_of_pipelines_is_no_environment(folder: Path) -> None:
    done = fsdcf("bootstrap", "--github", "acme/shop", "hello.yml", "--env", "pipeline", "--new-env")
    assert done.exit_code == 2 and done.stderr.endswith("which marks the stack of a pipeline\n"), done.stderr


def test_more_specs_than_fit_need_roles_for_each_service(folder: Path) -> None:
    for number in range(40):
        (folder / f"s{number}.yml").write_text(HELLO.replace("name: hello", f"name: s{number}") + BOUND)
    (folder / "bad.yml").unlink()
    done = fsdcf("bootstrap", "--github", "acme/shop", "--env", "staging")
    assert done.exit_code == 2 and "--per-service" in done.stderr, done.output


def test_missing_settings_are_notes(folder: Path) -> None:
    done = fsdcf("bootstrap", "--github", "acme/shop", "plain.yml", "--env", "qa")
    assert done.exit_code == 0, done.output
    assert (
        "gh api repos/acme/shop" in done.stderr
        and "write `permissionsBoundary: fsdcf-boundary-${ENV}` under service" in done.stderr
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
    assert "GitHubProvider" not in found and "StagingBoundary" not in found
    assert limit in json.dumps([one for name, one in found.items() if "StagingExecutionPolicy" in name])
    assert "it keeps none of them from another" in done.stderr


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
        (["--github", "acme/shop", "hello.yml", "--recreate"], "--deploy"),
        (["--github", "acme/shop", "hello.yml", "--branch", "main"], "BRANCH=ENV"),
        (["--github", "acme/shop", "reserved.yml"], "S402"),
        (["--github", "acme/shop", "hello.yml", "--deploy", "-o", "x.yml"], "-o"),
        (["--github", "acme/shop", "itself.yml", "--env", "pipeline"], "S402"),
    ],
)
def test_invalid_options_are_refused(folder: Path, arguments: list[str], word: str) -> None:
    (folder / "itself.yml").write_text(HELLO.replace("name: hello", "name: fsdcf"), encoding="utf-8")
    (folder / "reserved.yml").write_text(HELLO.replace("name: hello", "name: fsdcf-pipeline-acme"), encoding="utf-8")
    done = fsdcf("bootstrap", *arguments)
    assert done.exit_code == 2 and word in done.stderr, done.output
    assert done.stdout == "" and "Traceback" not in done.output


FIRST = ("bootstrap", "--github", "acme/shop", "--github-ids", "12/34", "hello.yml", "--env", "staging", "--deploy")
STACK = "fsdcf-pipeline-acme-shop"


def test_it_deploys_the_stack_and_gives_the_commands_for_github(stage: Stage) -> None:
    refused = stage(*FIRST, expect=3)
    assert "ArtifactsBucket" in refused.stdout
    done = stage(*FIRST, "--yes")
    assert stage.site.status(STACK) == "CREATE_COMPLETE"
    assert "ECS" not in done.stdout.split("gate:")[1], "it has neither an image nor a service"
    assert "gh variable set FSDCF_ROLE_STAGING --body arn:aws:iam::" in done.stdout
    assert "gh variable set FSDCF_EXECUTION_ROLE_STAGING --body arn:aws:iam::" in done.stdout
    region = "gh variable set AWS_REGION --body us-east-1 --env staging --repo acme/shop"
    rule = "gh api --method PUT repos/acme/shop/environments/staging -F 'deployment_branch_policy"
    assert done.stdout.index(rule) < done.stdout.index(region), "a variable needs its environment"
    again = stage(*FIRST, "--yes", "--json")
    last = json.loads(again.stdout.splitlines()[-1])
    assert "up to date" in last["sentence"], "the second deploy changes nothing"
    assert any(one.startswith("gh variable set FSDCF_ARTIFACTS_BUCKET") for one in last["next"])


def test_the_ids_of_the_repository_are_never_forgotten(stage: Stage) -> None:
    stage(*FIRST, "--yes")
    again = stage("bootstrap", "--github", "acme/shop", "hello.yml", "--env", "staging", "--deploy", "--yes")
    assert "up to date" in again.stdout and "--github-ids" not in again.stdout + again.stderr


def test_a_large_template_travels_through_the_bucket_of_its_own_stack(stage: Stage) -> None:
    names = [f"s{number}" for number in range(8)]
    for name in names:
        spec = HELLO.replace("name: hello", f"name: {name}")
        (stage.folder / f"{name}.yml").write_text(f"{spec}{BOUND}-{name}\n".replace("}\n-", "}-"))
    command = ("bootstrap", "--github", "acme/shop", "--github-ids", "12/34", *(f"{name}.yml" for name in names))
    done = stage(*command, "--env", "staging", "--per-service", "--deploy", "--yes")
    assert "its bucket is deployed first" in done.stdout and "uploading the template" in done.stdout
    assert stage.site.status(STACK) == "UPDATE_COMPLETE" and "FSDCF_EXECUTION_ROLE_STAGING_S7" in done.stdout
    assert "note:" not in done.stderr, "each spec has the boundary of its service"
    again = stage(*command, "--env", "staging", "--per-service", "--deploy", "--yes")
    assert "up to date" in again.stdout and "deployed first" not in again.stdout


def test_the_roles_of_another_environment_are_not_removed_by_mistake(stage: Stage) -> None:
    stage(*FIRST, "--yes")
    other = ("bootstrap", "--github", "acme/shop", "hello.yml", "--deploy", "--yes", "--env", "prod")
    refused = stage(*other, expect=3)
    assert "has StagingDeployRole, which this command would remove" in refused.stderr
    assert "--allow StagingDeployRole" in refused.stderr and stage.site.status(STACK) == "CREATE_COMPLETE"
    both = stage(*other, "--env", "staging")
    assert "ProdDeployRole" in both.stdout and stage.site.status(STACK) == "UPDATE_COMPLETE"
    assert "StagingDeployRole" in stage(*other, "--allow", "StagingDeployRole").stdout


def trusting(stage: Stage, stack: str) -> str:
    """The deploy role of a stack as JSON, by its template."""
    template = stage.site.aws.call("cloudformation", "GetTemplate", StackName=stack)["TemplateBody"]
    return json.dumps(template["Resources"]["StagingDeployRole"]["Properties"]["AssumeRolePolicyDocument"])


def test_a_second_repository_takes_nothing_from_the_first_one(stage: Stage) -> None:
    stage(*FIRST, "--yes")
    before = trusting(stage, STACK)
    second = ("bootstrap", "--github", "acme/blog", "--github-ids", "12/35", "--env", "staging", "--deploy", "--yes")
    refused = stage(*second, "hello.yml", expect=3)
    for word in ("fsdcf-boundary-staging: belongs to the pipeline of acme/shop", f"stack {STACK}", "hello: belongs to"):
        assert word in refused.stderr, refused.output
    assert "--permissions-boundary 'acme-blog-boundary-${ENV}'" in refused.stderr
    assert "`image: ${AWS_ACCOUNT}.dkr.ecr.${AWS_REGION}.amazonaws.com/blog/hello`" in refused.stderr
    image = "  image: ${AWS_ACCOUNT}.dkr.ecr.${AWS_REGION}.amazonaws.com/blog/hello\n"
    more = f"{image}  permissionsBoundary: acme-blog-boundary-${{ENV}}\n"
    (stage.folder / "blog.yml").write_text((stage.folder / "hello.yml").read_text() + more)
    done = stage(*second, "blog.yml", "--permissions-boundary", "acme-blog-boundary-${ENV}")
    assert stage.site.status("fsdcf-pipeline-acme-blog") == "CREATE_COMPLETE"
    assert "GitHubProvider" not in done.stdout, "the account has one, which the first stack keeps"
    assert trusting(stage, STACK) == before and "acme/shop" in before and "acme/blog" not in before
    assert "acme/blog" in trusting(stage, "fsdcf-pipeline-acme-blog")
    assert "up to date" in stage(*second, "blog.yml", "--permissions-boundary", "acme-blog-boundary-${ENV}").stdout
    assert "up to date" in stage(*FIRST, "--yes").stdout, "and the provider is still that of the first stack"


def test_another_repository_of_the_same_name_is_refused_and_a_renamed_one_keeps_its_stack(stage: Stage) -> None:
    stage(*FIRST, "--yes")
    other = tuple("12/99" if one == "12/34" else one for one in FIRST)
    refused = stage(*other, "--yes", expect=3)
    assert f"the stack {STACK} belongs to the pipeline of acme/shop (id 34), not to acme/shop (id 99)" in refused.stderr
    renamed = tuple("acme/store" if one == "acme/shop" else one for one in FIRST)
    done = stage(*renamed, "--yes")
    assert f"{STACK} is the pipeline of this repository from before it was renamed" in done.stdout
    assert "repo:acme/store:environment:staging" in trusting(stage, STACK)


def test_a_policy_of_the_boundary_s_name_outside_of_a_pipeline_is_refused(stage: Stage) -> None:
    arn = "arn:aws:iam::000000000000:policy/fsdcf-boundary-staging"
    add(stage.site.state, "AWS::IAM::ManagedPolicy", arn, "Policy", None, {"ManagedPolicyName": arn.rpartition("/")[2]})
    refused = stage(*FIRST, "--yes", expect=3)
    assert "fsdcf-boundary-staging: belongs to something outside of the pipelines in us-east-1" in refused.stderr
    assert stage.site.status(STACK) == ""
    stage.site.fault("api:GetPolicy:error=AccessDenied")
    assert "iam:GetPolicy" in stage(*FIRST, "--yes", expect=7).stderr


def test_a_stack_of_the_name_that_is_not_a_pipeline_is_refused(stage: Stage) -> None:
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    stage.site.call("CreateStack", StackName=STACK, TemplateBody=body, Tags=[{"Key": "team", "Value": "network"}])
    refused = stage(*FIRST, "--yes", expect=3)
    assert f"the stack {STACK} belongs to something else, not to acme/shop" in refused.stderr


def test_the_pipeline_s_stack_is_operated_by_its_name(stage: Stage) -> None:
    stage(*FIRST, "--yes")
    assert f"{STACK}  CREATE_COMPLETE" in stage("status", STACK).stdout
    assert "used by" not in stage("status", STACK).stdout, "nothing imports from it"
    absent = stage("status", f"{STACK}s", expect=2).stderr
    assert f"the stack {STACK}s does not exist" in absent and "fsdcf bootstrap --github ORG/REPO --deploy" in absent
    assert STACK not in stage("services").stdout, "it is not a service"
    assert "is the stack of a pipeline" in stage("history", STACK, expect=2).stderr
    deleted = stage("delete", STACK, "--yes")
    for kept in ("HelloRepository", "ArtifactsBucket", "GitHubProvider"):
        assert f"kept: {kept}" in deleted.stdout
    again = stage(*FIRST, "--yes")
    assert "GitHubProvider" not in again.stdout, "the provider that was kept is used"
    assert stage.site.status(STACK) == "CREATE_COMPLETE"


GH = """#!{shell}
echo "$@" >> {folder}/calls
case "$*" in
  *deployment-branch-policies) cat {folder}/policies ;;
  *environments/prod) cat {folder}/prod ;;
  *environments/*) echo "gh: Not Found (HTTP 404)" >&2; exit 1 ;;
  *) cat {folder}/repository ;;
esac
"""


@pytest.fixture
def gh(programs: Path, folder: Path) -> Path:
    """A folder whose files a fake gh prints: what it knows of the repository and of an environment ``prod``."""
    answers: dict[str, Any] = {
        "repository": {"id": 34, "owner": {"id": 12}},
        "prod": {
            "can_admins_bypass": False,
            "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
            "protection_rules": [
                {"type": "wait_timer", "wait_timer": 30},
                {"type": "required_reviewers", "reviewers": [{"type": "Team", "reviewer": {"id": 7}}]},
            ],
        },
        "policies": {"branch_policies": [{"id": 5, "name": "main"}]},
    }
    for name, answer in answers.items():
        (folder / name).write_text(json.dumps(answer), encoding="utf-8")
    for program in ("cat", "sleep"):
        (programs / program).symlink_to(f"/bin/{program}")
    script(programs, GH.format(shell="/bin/sh", folder=folder))
    return folder


def script(programs: Path, text: str) -> None:
    (programs / "gh").write_text(text, encoding="utf-8")
    (programs / "gh").chmod(0o755)


HELLO_PROD = ("bootstrap", "--github", "acme/shop", "hello.yml", "--env", "prod")


def test_gh_tells_the_ids_and_whether_the_environment_is_restricted(gh: Path) -> None:
    done = fsdcf(*HELLO_PROD)
    assert done.exit_code == 0 and "repo:acme@12/shop@34:environment:prod" in done.stdout
    assert "--github-ids" not in done.stderr and "gh api" not in done.stderr, "nothing is missing"
    assert "--hostname github.com repos/acme/shop\n" in (gh / "calls").read_text()


def test_what_an_environment_on_github_lacks_is_named_with_the_commands(gh: Path) -> None:
    (gh / "policies").write_text(json.dumps({"branch_policies": [{"id": 5, "name": "*"}, {"id": 6, "name": "main"}]}))
    done = fsdcf(*HELLO_PROD)
    assert "the environment prod of acme/shop on GitHub: *, main may deploy to it instead of main" in done.stderr
    put, post, delete = (line for line in done.stderr.splitlines() if line.startswith("  gh api"))
    assert put.startswith("  gh api --method PUT repos/acme/shop/environments/prod ") and "wait_timer=30" in put
    assert "-F 'reviewers[][type]=Team' -F 'reviewers[][id]=7'" in put, "the reviewers are kept"
    assert post.endswith("deployment-branch-policies -f name=main")
    assert delete == "  gh api --method DELETE repos/acme/shop/environments/prod/deployment-branch-policies/5"
    (gh / "prod").write_text(json.dumps({"can_admins_bypass": True, "protection_rules": []}))
    lacking = fsdcf(*HELLO_PROD).stderr
    for word in ("every branch may deploy", "a deploy needs no approval", "administrators may bypass", "$(gh api user"):
        assert word in lacking
    other = fsdcf(*HELLO_PROD[:-1], "qa", "--new-env").stderr
    assert "qa of acme/shop on GitHub: it does not exist" in other
    assert "  gh api --method PUT repos/acme/shop/environments/qa\n" in other, (
        "it admits any branch, as long as none is known"
    )
    (gh / "repository").unlink()
    assert "were not checked" in fsdcf(*HELLO_PROD, "--github-ids", "12/34").stderr, "it may not see the repository"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("#!/bin/sh\necho 'To get started with GitHub CLI, please run: gh auth login' >&2\nexit 4\n", "gh auth login"),
        ("#!/bin/sh\necho '[1, 2]'\n", "gh does not tell"),
        ("#!/bin/sh\necho '{'\n", "gh cannot be run"),
        ("no program", "gh cannot be run"),
        ("#!/bin/sh\nsleep 60\n", "gh does not answer"),
    ],
)
def test_without_an_answer_of_gh_the_commands_are_printed(
    gh: Path, programs: Path, text: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsdcf.cli.github._CALL_SECONDS", 0.3)
    script(programs, text)
    done = fsdcf(*HELLO_PROD)
    assert done.exit_code == 0 and word in done.stderr and "--github-ids" in done.stderr, done.output
    assert "gh api --method PUT repos/acme/shop/environments/prod" in done.stderr
    assert "which these commands set in place of all others:" in done.stderr
    other = fsdcf(*HELLO_PROD[:-1], "qa", "--new-env").stderr
    assert "method PUT" not in other, "it would take away the rules of an environment for which none are wanted"
    explicit = fsdcf(*HELLO_PROD, "--github-ids", "1/2")
    assert "repo:acme@1/shop@2:environment:prod" in explicit.stdout


def test_the_policy_of_a_deploy_is_printed(folder: Path) -> None:
    done = fsdcf("permissions", "hello.yml", "--env", "prod", "--account", "123456789012", "--region", "cn-north-1")
    assert done.exit_code == 0, done.output
    policy = json.loads(done.stdout)
    (boundary,) = [one["Condition"] for one in policy["Statement"] if one["Sid"] == "RolesWithinBoundary"]
    arn = "arn:aws-cn:iam::123456789012:policy/fsdcf-boundary-prod"
    assert boundary == {"StringLike": {"iam:PermissionsBoundary": arn}}
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


def granted(template: dict[str, Any], environment: str) -> set[str]:
    """The actions that the policies of the roles of an environment allow."""
    roles = (template[f"{environment}{role}Role"] for role in ("Deploy", "Execution"))
    names = [one["Ref"] for role in roles for one in role["Properties"]["ManagedPolicyArns"]]
    documents = [template[name]["Properties"]["PolicyDocument"] for name in names]
    return {action for one in documents for statement in one["Statement"] for action in statement["Action"]}


def test_the_role_of_an_environment_deploys_what_its_services_share(shared: Path) -> None:
    alone = fsdcf("bootstrap", "--github", "acme/shop", "--github-ids", "12/34")
    assert "ProdDeployRole" not in resources(alone), "the files name the environments"
    done = fsdcf(
        "bootstrap", "--github", "acme/shop", "--github-ids", "12/34", "--env", "staging", "--env", "prod", "--new-env"
    )
    assert done.exit_code == 0, done.output
    staging, prod = (granted(resources(done), name) for name in ("Staging", "Prod"))
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
