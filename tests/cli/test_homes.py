"""The file of an environment, as the commands that talk to AWS obey it: order, account, region and protection."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fsdcf.cli.main import cli
from tests.cli.stage import Stage, lines

HEAD = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\n"
SHOP = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: shop, owners: team}
service:
  healthCheck: {container: {command: exit 0}}
  networking: {shared: true}
"""


@pytest.fixture
def home(stage: Stage) -> Stage:
    """A folder with an environment whose network exists, and a service that joins it."""
    (stage.folder / "environments").mkdir()
    write(stage, 'account: "000000000000"', "region: us-east-1")
    (stage.folder / "shop.yml").write_text(SHOP)
    return stage


def write(stage: Stage, *lines: str) -> None:
    network = (
        "network: {id: vpc-0123456789abcdef0, privateSubnets: [subnet-0a1b2c3d4e5f60718, subnet-0b2c3d4e5f6071829]}"
    )
    text = HEAD + "environment:\n" + "".join(f"  {line}\n" for line in (*lines, network))
    (stage.folder / "environments" / "staging.yml").write_text(text)


def test_a_service_before_its_environment_is_told_what_to_deploy_first(home: Stage) -> None:
    told = home("deploy", "shop.yml", "--image-sha", "one", "--yes", expect=1)
    assert "the environment staging is not deployed: deploy it first" in told.output
    assert "next: fsdcf deploy environments/staging.yml" in told.output
    home("deploy", "environments/staging.yml", "--yes")
    home("deploy", "shop.yml", "--image-sha", "one", "--yes")


def test_an_older_stack_of_the_environment_is_told_apart(home: Stage) -> None:
    home("deploy", "environments/staging.yml", "--yes")
    file = home.folder / "environments" / "staging.yml"
    file.write_text(file.read_text().replace("829]", "829, subnet-0c3d4e5f607182930]"))
    told = home("deploy", "shop.yml", "--image-sha", "one", "--yes", expect=1)
    assert "the environment's file is newer: deploy it first" in told.output


def test_an_environment_whose_creation_failed_is_deployed_first(home: Stage) -> None:
    home.site.fault("Cluster:create:LimitExceeded")
    told = home("deploy", "environments/staging.yml", "--yes", expect=1).output
    again = "fsdcf deploy environments/staging.yml"
    assert f"{again} --recreate --yes" in told and f"{again} --recreate" in home("diagnose", "fsdcf", expect=1).output
    told = home("deploy", "shop.yml", "--image-sha", "one", "--yes", expect=1).output
    assert "is not complete, because the stack fsdcf-staging is ROLLBACK_COMPLETE: deploy it first" in told
    told = home("deploy", ".", "--image-sha", "one", "--plan-only", expect=3).output
    assert "shop-staging  | done: not planned" in told
    *_, last = told.splitlines()
    assert last == "  next: fsdcf deploy environments/staging.yml --env staging --plan-only"


def test_a_service_does_not_move_because_of_a_file_alone(home: Stage) -> None:
    spec, shared = home.folder / "shop.yml", "networking: {shared: true}"
    spec.write_text(SHOP.replace(shared, "networking: {shared: false}"))
    home("deploy", "shop.yml", "--image-sha", "one", "--yes")
    write(home, f"defaults: {{service: {{{shared}}}}}")
    home("deploy", "environments/staging.yml", "--yes")
    spec.write_text(SHOP.partition("  networking")[0])
    told = home("deploy", "shop.yml", "--yes", expect=3).output
    assert "the change of Service cannot be made: it would move from its own network to the network of fsdcf-" in told
    assert "help: 1. keep this stack for now, with networking.shared: false; 2. deploy the service a second" in told
    assert home.site.status("shop-staging") == "CREATE_COMPLETE"
    assert "resources would change" in home("deploy", "shop.yml", "--plan-only").output
    spec.write_text(SHOP.replace(shared, "networking: {shared: false}"))
    home("deploy", "shop.yml", "--yes")


def test_an_export_in_use_is_explained_with_the_way_out(home: Stage) -> None:
    file = home.folder / "environments" / "staging.yml"
    two = file.read_text()
    file.write_text(two.replace("829]", "829, subnet-0c3d4e5f607182930]"))
    home("deploy", ".", "--image-sha", "one", "--yes")
    file.write_text(two)
    told = home("deploy", "environments/staging.yml", "--yes", expect=1).output
    assert "first deploy the importing stacks without it" in told
    diagnosed = home("diagnose", "fsdcf", expect=1).output
    assert "fsdcf deploy environments/staging.yml\n" in diagnosed and "SPEC" not in diagnosed
    home("deploy", ".", "--yes")


def test_an_environment_that_does_not_exist_is_deployed_without_an_image(home: Stage) -> None:
    told = home("status", "environments/staging.yml", expect=2).output
    assert "next: fsdcf deploy environments/staging.yml\n" in told


def test_an_environment_in_use_names_its_stacks(home: Stage) -> None:
    home("deploy", "environments/staging.yml", "--yes")
    home("deploy", "shop.yml", "--image-sha", "one", "--yes")
    told = home("delete", "environments/staging.yml", "--yes", expect=3)
    assert "fsdcf-staging is in use by 1 stack: shop-staging" in told.output
    assert "next: fsdcf delete shop --env staging" in told.output
    home("delete", "shop.yml", "--yes")
    home("delete", "environments/staging.yml", "--yes")


def test_an_environment_has_no_image_and_one_name(home: Stage) -> None:
    assert "no image" in home("deploy", "environments/staging.yml", "--image-sha", "one", expect=2).output
    told = home("deploy", "environments/staging.yml", "--env", "prod", expect=2)
    assert "describes the environment staging" in told.output


@pytest.mark.parametrize(
    "command",
    [
        ("deploy", "shop.yml", "--image-sha", "one"),
        ("deploy", "environments/staging.yml"),
        ("diff", "shop.yml", "--deployed"),
        ("status", "shop"),
        ("delete", "shop.yml"),
        ("run", "shop", "--", "ls"),
        ("scale", "shop", "2"),
        ("services", "--env", "staging"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_every_command_keeps_to_the_account_and_the_region(home: Stage, command: tuple[str, ...]) -> None:
    write(home, 'account: "210987654321"', "region: eu-west-1")
    told = home(command[0], "--region", "us-west-2", *command[1:], expect=2)
    assert "--region us-west-2: the environment is in eu-west-1 (environments/staging.yml)" in told.output
    result = CliRunner().invoke(cli, list(command), obj=lambda connection: home.site.aws)
    assert result.exit_code in (2, 3), result.output
    assert "in the account 210987654321 (environments/staging.yml)" in result.output
    assert "the credentials are of 000000000000" in result.output
    changed = {name for _, _, name in home.site.aws.calls} - {"GetCallerIdentity"}
    assert not changed, "no other call is made"


def test_the_region_of_the_file_is_that_of_the_connection(home: Stage) -> None:
    write(home, "region: eu-west-1")
    home("status", "shop", expect=2)
    assert home.connections[-1].region == "eu-west-1" and home.connections[-1].flags == ()


def test_a_file_that_does_not_say_where_ends_the_command(home: Stage) -> None:
    write(home, "account: 1234")
    told = home("status", "shop", expect=2)
    assert "`account` in environments/staging.yml is not valid" in told.output
    assert "fsdcf validate environments/staging.yml" in told.output


def test_a_protected_environment_protects_its_stacks(home: Stage) -> None:
    write(home, "protected: true", "artifactsBucket: templates")
    home("deploy", "environments/staging.yml", "--yes")
    assert home.site.call("DescribeStacks")["Stacks"][0]["EnableTerminationProtection"] is True
    told = home("delete", "environments/staging.yml", "--yes", expect=3)
    assert "termination protection" in told.output


BALANCED = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: web, owners: team}
service:
  port: 8000
  healthCheck: {container: {command: exit 0}}
"""


def test_production_is_protected_until_a_deletion_names_the_stack(home: Stage) -> None:
    """Also without a file of the environment. Until then nothing is deleted, and the load balancer goes with it."""
    (home.folder / "web.yml").write_text(BALANCED)
    home("deploy", "web.yml", "--env", "prod", "--new-env", "--image-sha", "one", "--yes")
    assert home.site.call("DescribeStacks", StackName="web-prod")["Stacks"][0]["EnableTerminationProtection"] is True
    told = home("delete", "web", "--env", "prod", "--yes", expect=3)
    assert "next: fsdcf delete web --env prod --unprotect web-prod" in told.output
    told = home("delete", "web", "--env", "prod", "--yes", "--unprotect", "web-staging", expect=3)
    assert "the stack to delete is web-prod" in told.output
    told = home("delete", "web", "--env", "prod", "--yes", "--unprotect", "web-prod")
    assert "the stack web-prod is deleted; 1 resource was kept" in told.output, "the log group"


@pytest.mark.parametrize(
    ("fault", "status"),
    [("Service:create:oom", "ROLLBACK_COMPLETE"), ("Service:create:no capacity", "ROLLBACK_FAILED")],
    ids=["in time", "too fast"],
)
def test_a_first_deploy_to_production_that_fails_can_be_repeated(home: Stage, fault: str, status: str) -> None:
    """The protection of the load balancer is lifted as soon as the rollback is seen. Where CloudFormation was faster,
    the next deploy removes what is left."""
    (home.folder / "web.yml").write_text(BALANCED)
    home.site.fault(fault)
    deploy = ("deploy", "web.yml", "--env", "prod", "--new-env", "--image-sha", "one", "--yes")
    home(*deploy, expect=1 if status == "ROLLBACK_COMPLETE" else 4)
    assert home.site.call("DescribeStacks", StackName="web-prod")["Stacks"][0]["StackStatus"] == status
    home(*deploy, "--recreate")
    assert home.site.call("DescribeStacks", StackName="web-prod")["Stacks"][0]["EnableTerminationProtection"] is True


def test_termination_protection_can_be_switched_off(home: Stage) -> None:
    (home.folder / "web.yml").write_text(BALANCED)
    deploy = ("deploy", "web.yml", "--env", "prod", "--new-env", "--image-sha", "one", "--yes")
    home(*deploy)
    told = home(*deploy, "--override", "terminationProtection=false")
    assert "no longer protected from deletion" in told.output
    told = home("delete", "web", "--env", "prod", "--yes", expect=3)
    assert "LoadBalancer of the stack web-prod is protected" in told.output
    told = home(*deploy, "--override", "terminationProtection=false", "--override", LOOSE)
    assert "protection-removed" in told.output
    home("delete", "web", "--env", "prod", "--yes")


LOOSE = "networking.loadBalancer.deletionProtection=false"


def test_a_file_elsewhere_is_not_looked_for(home: Stage, tmp_path: Path) -> None:
    (home.folder / ".git").mkdir()
    inner = home.folder / "other" / "services"
    inner.mkdir(parents=True)
    (inner / "shop.yml").write_text(SHOP)
    home("deploy", "environments/staging.yml", "--yes")
    home("deploy", "other/services/shop.yml", "--image-sha", "one", "--yes")
    (home.folder / "other" / ".git").mkdir()
    told = home("template", "other/services/shop.yml", "--no-lint", expect=2)
    assert "S403" in told.output


@pytest.mark.parametrize("pace", [1.0])
def test_a_certificate_that_is_never_valid_is_told_of(home: Stage) -> None:
    write(home, "loadBalancers: {public: {domain: example.com, hostedZoneId: Z0123456789ABCDEFGHIJ}}")
    file = home.folder / "environments" / "staging.yml"
    subnets = "publicSubnets: [subnet-0c1b2c3d4e5f60718, subnet-0d2c3d4e5f6071829]"
    file.write_text(file.read_text().replace("829]}", f"829], {subnets}}}"))
    home.site.fault("PublicCertificate:create:unvalidated")
    told = home("deploy", "environments/staging.yml", "--yes", "--timeout", "20m", expect=6)
    (warning,) = (line for line in told.output.splitlines() if line.startswith("warning: PublicCertificate"))
    assert "(environments/staging.yml:5) is not ready after 10 minutes" in warning
    so_far = home("diagnose", "fsdcf", "--env", "staging").output
    assert "nothing has failed so far\n  PublicCertificate (AWS::CertificateManager::Certificate): CREATE" in so_far
    assert "if PublicCertificate takes longer than 10 minutes: ACM does not find" in so_far
    early = home("deploy", "shop.yml", "--image-sha", "one", "--yes", expect=5).output
    assert "the environment staging is not complete yet: the stack fsdcf-staging is CREATE_IN_PROGRESS" in early
    assert "next: fsdcf watch fsdcf --env staging" in early
    home.site.clock.advance(11 * 3600)  # CloudFormation waits for twelve hours
    ended = home("watch", "fsdcf", "--env", "staging", expect=1).output
    for text in (warning, so_far, ended[ended.index("  help: ") :]):
        assert "Z0123456789ABCDEFGHIJ" in text and "dig +short NS example.com" in text


def test_an_environment_is_listed_with_what_uses_it(home: Stage) -> None:
    home("deploy", "environments/staging.yml", "--yes")
    home("deploy", "shop.yml", "--image-sha", "one", "--yes")
    assert "used by  shop-staging" in home("status", "environments/staging.yml").output
    (told,) = [one for one in lines(home("status", "environments/staging.yml", "--json")) if one["event"] == "status"]
    assert told["usedBy"] == ["shop-staging"] and told["missing"] == []
    assert "what its services share" in home("services").output


@pytest.mark.parametrize("command", ["history", "rollback", "restart", "logs", "tasks", "pause", "run", "exec"])
def test_what_only_a_service_has(home: Stage, command: str) -> None:
    words = ("--", "ls") if command in ("run", "exec") else ()
    told = home(command, "environments/staging.yml", *words, expect=2)
    assert "fsdcf-staging is the stack of an environment" in told.output


def test_a_bootstrap_stays_in_one_account_and_region(home: Stage) -> None:
    command = ("bootstrap", "--github", "acme/shop", "--deploy", "--yes")
    told = home(*command, "--region", "eu-west-1", expect=2)
    assert "--region eu-west-1: the environment is in us-east-1 (environments/staging.yml)" in told.output
    other = (home.folder / "environments" / "staging.yml").read_text().replace("staging", "prod")
    (home.folder / "environments" / "prod.yml").write_text(other.replace("us-east-1", "eu-west-1"))
    told = home(*command, expect=2)
    assert all(part in told.output for part in ("us-east-1", "eu-west-1", "take one environment at a time"))


def test_a_bootstrap_finds_the_environments_of_its_specs(home: Stage) -> None:
    inner = home.folder / "backend"
    inner.mkdir()
    for name in ("environments", "shop.yml"):
        (home.folder / name).rename(inner / name)
    told = home(
        *("bootstrap", "backend/shop.yml", "--env", "staging", "--github", "acme/shop"),
        *("--deploy", "--yes", "--region", "eu-west-1"),
        expect=2,
    )
    assert "--region eu-west-1: the environment is in us-east-1 (backend/environments/staging.yml)" in told.output


def test_what_cannot_change_while_services_use_it_is_refused(home: Stage) -> None:
    home("deploy", "environments/staging.yml", "--yes")
    home("deploy", "shop.yml", "--image-sha", "one", "--yes")
    file = home.folder / "environments" / "staging.yml"
    file.write_text(file.read_text().replace("vpc-0123456789abcdef0", "vpc-0123456789abcdef1"))
    home.calls()
    told = home("deploy", "environments/staging.yml", "--yes", expect=3)
    assert "nothing was executed" in told.output and "shop-staging" in told.output
    assert "next: fsdcf diff environments/staging.yml --deployed" in told.output
    assert "ExecuteChangeSet" not in {name for _, _, name in home.site.aws.calls}
    assert "--plan-only" in home("deploy", "environments/staging.yml", "--plan-only").output


def test_a_value_may_contain_the_name_of_the_environment(home: Stage) -> None:
    write(home, "artifactsBucket: templates-${ENV}")
    home("deploy", "environments/staging.yml", "--yes")
    assert home.connections[-1].home.artifacts_bucket == "templates-staging"
    write(home, "account: ${ACCOUNT}")
    told = home("status", "shop", expect=2)
    assert "`account` in environments/staging.yml must be known without variables" in told.output
