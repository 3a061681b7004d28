"""``fsdcf ci github`` as a user meets it: repositories of every kind, and what is refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from fsdcf.cli import origin
from fsdcf.cli.main import cli
from fsdcf.cli.origin import UnknownOrigin
from fsdcf.scaffold.workflow import requirements
from tests.conftest import HELLO, PINNED

ENVIRONMENT = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\n"
WORKFLOW = Path(".github/workflows/fsdcf.yml")
REQUIREMENTS = Path(".github/fsdcf-requirements.txt")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository without a remote, with one service that has a Makefile."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "hello.yml").write_text(HELLO, encoding="utf-8")
    (tmp_path / "Makefile").write_text("test:\n\ttrue\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fsdcf(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, list(arguments), input=stdin)


def spec(name: str, more: str = "") -> str:
    return HELLO.replace("name: hello", f"name: {name}") + more


def test_it_writes_and_checks_one_service(repository: Path) -> None:
    done = fsdcf("ci", "github", "hello.yml")
    assert done.exit_code == 0, done.output
    data = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert list(data["jobs"]) == ["test", "plan", "deploy-staging", "deploy-prod"]
    assert data["env"]["FSDCF"] == PINNED
    assert REQUIREMENTS.read_text(encoding="utf-8") == requirements(PINNED)
    assert data["jobs"]["test"]["steps"][-1]["env"]["TEST"] == "make test"
    assert "FSDCF_ROLE_PROD" in done.stderr
    assert fsdcf("ci", "github", "hello.yml", "--check").exit_code == 0
    assert not [one for one in WORKFLOW.parent.iterdir() if one.name != "fsdcf.yml"], "nothing is left half-written"


def test_the_check_shows_what_differs(repository: Path) -> None:
    missing = fsdcf("ci", "github", "--check")
    assert missing.exit_code == 2 and "does not exist" in missing.stderr
    assert fsdcf("ci", "github").exit_code == 0
    WORKFLOW.write_text(
        WORKFLOW.read_text(encoding="utf-8").replace("timeout-minutes: 90", "timeout-minutes: 5"), encoding="utf-8"
    )
    stale = fsdcf("ci", "github", "--check")
    assert stale.exit_code == 2 and "out of date" in stale.stderr
    assert "-    timeout-minutes: 5" in stale.stdout and "+    timeout-minutes: 90" in stale.stdout
    assert "timeout-minutes: 5" in WORKFLOW.read_text(encoding="utf-8"), "a check writes nothing"


def test_the_workflow_s_own_check_is_the_command_that_wrote_it(repository: Path) -> None:
    arguments = [
        "hello.yml",
        "--test",
        "make 'x y'",
        "--branch",
        "main=prod",
        "-o",
        "ci.yml",
        "--var",
        "NAME=two words",
    ]
    assert fsdcf("ci", "github", *arguments).exit_code == 0
    steps = yaml.safe_load(Path("ci.yml").read_text(encoding="utf-8"))["jobs"]["plan"]["steps"]
    import shlex

    words = shlex.split(steps[-1]["run"])
    assert words[0] == "fsdcf" and words[-1] == "--check"
    assert fsdcf(*words[1:]).exit_code == 0


def test_every_spec_is_found_from_anywhere_in_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cart", "shop"):
        (repository / "services" / name).mkdir(parents=True)
        (repository / "services" / name / "service.yml").write_text(spec(name), encoding="utf-8")
        (repository / "services" / name / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    for other in ("node_modules", ".venv", "build"):
        (repository / other).mkdir()
        (repository / other / "other.yml").write_text(spec("other"), encoding="utf-8")
    (repository / "docker-compose.yml").write_text("services: {}\n", encoding="utf-8")
    monkeypatch.chdir(repository / "services")
    done = fsdcf("ci", "github")
    assert done.exit_code == 0, done.output
    text = (repository / WORKFLOW).read_text(encoding="utf-8")
    services = yaml.safe_load(yaml.safe_load(text)["jobs"]["changes"]["steps"][-1]["env"]["SERVICES"])
    assert [(one["name"], one["folder"], one["paths"]) for one in services] == [
        ("hello", ".", ["./"]),
        ("cart", ".", ["services/cart/"]),
        ("shop", ".", ["services/shop/"]),
    ]
    monkeypatch.chdir(repository)
    assert fsdcf("ci", "github", "--check").exit_code == 0


def matrix(text: str) -> list[dict[str, Any]]:
    services: list[dict[str, Any]] = yaml.safe_load(
        yaml.safe_load(text)["jobs"]["changes"]["steps"][-1]["env"]["SERVICES"]
    )
    return services


def test_the_workflow_holds_of_a_service_what_the_spec_does_not_say_to_the_build(repository: Path) -> None:
    """Each environment builds what its own spec says: another image repository, architecture, context and secret."""
    for folder in ("apps/docker", "api", "old"):
        (repository / folder).mkdir(parents=True)
    for name in ("apps/docker/Dockerfile.api", "apps/docker/Dockerfile.api.dockerignore", "old/Dockerfile"):
        (repository / name).write_text("FROM scratch\n", encoding="utf-8")
    image = "  image: {}.dkr.ecr.eu-west-1.amazonaws.com/team/api\n"
    arguments = '{A: two words, B: "$${{ secrets.KEY }}"}'
    build = f"  build: {{context: ../api, dockerfile: docker/Dockerfile.api, args: {arguments}}}\n"
    overlay = (
        "environments:\n  prod:\n    service:\n      image: 210987654321.dkr.ecr.eu-west-1.amazonaws.com/api\n"
        "      resources: {architecture: arm64}\n"
        "      build: {context: ../old, dockerfile: ../old/Dockerfile, secrets: [{id: npm, environment: NPM_TOKEN}]}\n"
    )
    text = spec("api", image.format("111122223333") + build) + overlay
    (repository / "apps" / "api.yml").write_text(text, encoding="utf-8")
    done = fsdcf("ci", "github", "apps/api.yml", "hello.yml")
    assert done.exit_code == 0, done.output
    written = WORKFLOW.read_text(encoding="utf-8")
    for word in ("111122223333", "210987654321", "eu-west-1", "two words", "secrets.KEY"):
        assert word not in written, word
    (api, _) = matrix(written)
    runners = {"staging": "ubuntu-24.04", "prod": "ubuntu-24.04-arm"}
    assert (api["name"], api["spec"], api["runners"]) == ("api", "apps/api.yml", runners)
    assert api["paths"][:4] == ["api/", "old/", "apps/api.yml", "apps/docker/Dockerfile.api"]
    assert api["paths"][4:] == ["apps/docker/Dockerfile.api.dockerignore"]
    assert "gh secret set NPM_TOKEN --env prod" in done.stderr and "--env staging" not in done.stderr
    jobs = yaml.safe_load(written)["jobs"]
    given = {name: jobs[name]["steps"][-1]["env"] for name in ("build-staging", "build-prod")}
    assert "NPM_TOKEN" not in given["build-staging"] and given["build-prod"]["NPM_TOKEN"] == "${{ secrets.NPM_TOKEN }}"


def test_an_expression_in_a_test_or_a_variable_is_data(repository: Path) -> None:
    options = ("--test", "echo ${{ secrets.X }}\ntrue", "--var", "B=${{ secrets.Y }}")
    for more in ((), ("--per-service",)):
        done = fsdcf("ci", "github", "hello.yml", *options, *more)
        assert done.exit_code == 0, done.output
        assert "${{ secrets." not in WORKFLOW.read_text(encoding="utf-8")
        assert fsdcf("ci", "github", "hello.yml", *options, *more, "--check").exit_code == 0


def test_the_files_of_the_environments_are_deployed_first_and_change_every_service(repository: Path) -> None:
    for name in ("cart", "shop"):
        (repository / "services" / name).mkdir(parents=True)
        (repository / "services" / name / f"{name}.yml").write_text(spec(name), encoding="utf-8")
        (repository / "services" / name / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    (repository / "environments").mkdir()
    (repository / "environments" / "staging.yml").write_text(ENVIRONMENT, encoding="utf-8")
    done = fsdcf("ci", "github", "services", "environments")
    assert done.exit_code == 0, done.output
    text = WORKFLOW.read_text(encoding="utf-8")
    assert text.startswith("# Written by fsdcf ci github: run `fsdcf ci github services/cart/cart.yml services/shop/")
    jobs = yaml.safe_load(text)["jobs"]
    assert jobs["deploy-staging"]["env"]["SPECS"].startswith("environments/staging.yml ${{ join(")
    assert jobs["deploy-prod"]["env"]["SPECS"].startswith("${{ join(")
    services = yaml.safe_load(jobs["changes"]["steps"][-1]["env"]["SERVICES"])
    assert [one["paths"] for one in services] == [
        [f"services/{name}/", "environments/staging.yml"] for name in ("cart", "shop")
    ]
    (validate,) = [one for one in jobs["plan"]["steps"] if one["name"] == "Validate"]
    assert validate["run"].startswith("fsdcf validate environments/staging.yml services/cart/cart.yml ")


def test_an_addon_changes_each_service_that_has_it(repository: Path) -> None:
    (repository / "shared.yml").write_text("Resources: {Topic: {Type: AWS::SNS::Topic}}\n")
    for name in ("api", "worker"):
        folder = repository / "services" / name
        folder.mkdir(parents=True)
        addons = "addons: [../../shared.yml, own.yml]\n"
        (folder / "service.yml").write_text(spec(name, f"  build: {{context: .}}\n{addons}"))
        (folder / "own.yml").write_text("Resources: {Topic: {Type: AWS::SNS::Topic}}\n")
    done = fsdcf("ci", "github", "services/api/service.yml", "services/worker/service.yml")
    assert done.exit_code == 0, done.output
    services = matrix((repository / ".github" / "workflows" / "fsdcf.yml").read_text())
    assert [one["paths"] for one in services] == [
        ["services/api/", "shared.yml"],
        ["services/worker/", "shared.yml"],
    ]


def test_without_tests_the_image_is_built(repository: Path) -> None:
    (repository / "Makefile").unlink()
    done = fsdcf("ci", "github", "hello.yml", "-o", "-")
    assert done.exit_code == 0 and not WORKFLOW.exists()
    job = yaml.safe_load(done.stdout)["jobs"]["test"]
    build = 'fsdcf build hello.yml --env "$ENVIRONMENT" --builder docker'
    assert job["steps"][-1]["env"]["TEST"] == build and job["steps"][-1]["working-directory"] == "."
    assert "Install fsdcf" in [one["name"] for one in job["steps"]] and job["permissions"] == {"contents": "read"}
    assert "no tests found for hello" in fsdcf("ci", "github", "hello.yml", "--var", "A=b c").stderr
    job = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["test"]
    assert job["steps"][-1]["env"]["TEST"] == f"{build} --var 'A=b c'"


def test_a_changed_requirement_is_out_of_date(repository: Path) -> None:
    assert fsdcf("ci", "github").exit_code == 0
    text = REQUIREMENTS.read_text(encoding="utf-8")
    REQUIREMENTS.write_text(text.replace("--hash=sha256:", "--hash=sha256:0", 1), encoding="utf-8")
    stale = fsdcf("ci", "github", "--check")
    assert stale.exit_code == 2 and "fsdcf-requirements.txt is out of date" in stale.stderr
    REQUIREMENTS.write_text("mine\n", encoding="utf-8")
    refused = fsdcf("ci", "github")
    assert refused.exit_code == 2 and "fsdcf-requirements.txt" in refused.stderr and "--force" in refused.stderr


def test_a_release_is_installed_by_its_hash(repository: Path) -> None:
    pinned = f"fsdcf==0.1.0 --hash=sha256:{'0a' * 32}"
    assert fsdcf("ci", "github", "--fsdcf", pinned).exit_code == 0
    data = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert "env" not in data, "fsdcf is one of the requirements"
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    assert lines[1:3] == ["fsdcf==0.1.0 \\", f"    --hash=sha256:{'0a' * 32}"]
    check = next(one for one in data["jobs"]["plan"]["steps"] if "--check" in one.get("run", ""))
    assert pinned in check["run"]


def test_an_unknown_origin_is_refused_before_anything_is_written(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown() -> str:
        raise UnknownOrigin("the clone has no remote")

    monkeypatch.setattr(origin, "pinned_requirement", unknown)
    refused = fsdcf("ci", "github")
    assert refused.exit_code == 2 and "the clone has no remote" in refused.stderr and "--fsdcf" in refused.stderr
    assert not WORKFLOW.exists() and not REQUIREMENTS.exists()


def test_a_file_of_another_tool_is_not_overwritten(repository: Path) -> None:
    WORKFLOW.parent.mkdir(parents=True)
    WORKFLOW.write_text("name: mine\n", encoding="utf-8")
    refused = fsdcf("ci", "github")
    assert (
        refused.exit_code == 2
        and "--force" in refused.stderr
        and WORKFLOW.read_text(encoding="utf-8") == "name: mine\n"
    )
    assert fsdcf("ci", "github", "--force").exit_code == 0 and "name: fsdcf" in WORKFLOW.read_text(encoding="utf-8")
    assert fsdcf("ci", "github").exit_code == 0, "ours may be replaced"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nowhere.yml"], "cannot read"),
        (["bad.yml"], "S102"),
        (["hello.yml", "--branch", "main"], "BRANCH=ENV"),
        (["hello.yml", "--branch", "main=Prod"], "BRANCH=ENV"),
        (["hello.yml", "--branch", "a'b=prod"], "BRANCH=ENV"),
        (["hello.yml", "--branch", "main=prod", "--branch", "main=qa"], "same branch"),
        (["hello.yml", "--branch", "main=prod", "--branch", "other=prod"], "same environment"),
        (["hello.yml", "--fsdcf", "fsdcf"], "--fsdcf expects"),
        (["hello.yml", "--fsdcf", "fsdcf>=1"], "--fsdcf expects"),
        (["hello.yml", "--fsdcf", "fsdcf==0.1.0"], "--fsdcf expects"),
        (["hello.yml", "--fsdcf", "fsdcf==0.1.0 --hash=sha256:0a"], "--fsdcf expects"),
        (["hello.yml", "--fsdcf", "git+https://github.com/fsdcf/fsdcf@main"], "--fsdcf expects"),
        (["hello.yml", "--test", "echo \udcff"], "not valid UTF-8"),
        (["hello.yml", "--test", "${{" * 10_000], "too long"),
        (["hello.yml", "twin.yml"], "S476"),
        (["more/two.yml", "hello.yml"], "both describe the environment staging"),
        (["more/environments"], "needs the spec of a service"),
        (["elsewhere.yml"], "another registry"),
        (["elsewhere-prod.yml"], "another registry"),
        (["outside.yml"], "outside the repository"),
        (["a file.yml"], "a workflow cannot contain"),
        (["secret-file.yml"], "S299"),
        (["secret-taken.yml"], "S299"),
        (["untested.yml"], "there are no tests"),
        (["hello.yml", "-o", "."], "not written by fsdcf"),
    ],
)
def test_invalid_options_are_refused(repository: Path, arguments: list[str], word: str) -> None:
    (repository / "bad.yml").write_text(HELLO.replace("port: 8000", "port: true"), encoding="utf-8")
    (repository / "twin.yml").write_text(HELLO, encoding="utf-8")
    for folder in (repository, repository / "more"):
        (folder / "environments").mkdir(parents=True)
        (folder / "environments" / "staging.yml").write_text(ENVIRONMENT, encoding="utf-8")
    (repository / "more" / "two.yml").write_text(spec("two"), encoding="utf-8")
    (repository / "elsewhere.yml").write_text(spec("xy", "  image: ghcr.io/acme/x\n"), encoding="utf-8")
    (repository / "outside.yml").write_text(spec("xy", "  build: {context: ../..}\n"), encoding="utf-8")
    overlay = "environments:\n  prod:\n    service:\n      image: ghcr.io/acme/x\n"
    (repository / "elsewhere-prod.yml").write_text(spec("xy") + overlay, encoding="utf-8")
    for name, source in (("file", "file: npmrc"), ("taken", "environment: AWS_SECRET_ACCESS_KEY")):
        secret = f"  build: {{secrets: [{{id: npm, {source}}}]}}\n"
        (repository / f"secret-{name}.yml").write_text(spec("xy", secret), encoding="utf-8")
    (repository / "untested").mkdir()
    secret = "  build: {context: untested, secrets: [{id: npm, environment: TOKEN}]}\n"
    (repository / "untested.yml").write_text(spec("xy", secret), encoding="utf-8")
    if arguments == ["untested.yml"]:
        (repository / "Makefile").unlink()
    (repository / "a file.yml").write_text(spec("xy"), encoding="utf-8")
    done = fsdcf("ci", "github", *arguments)
    assert done.exit_code == 2 and word in done.stderr, done.output
    assert "Traceback" not in done.output and not WORKFLOW.exists()


def test_a_repository_without_specs_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = fsdcf("ci", "github")
    assert done.exit_code == 2 and "no spec" in done.stderr and "fsdcf init" in done.stderr


@pytest.mark.parametrize("stdin", ["", "{}", "[1]", '[{"name": "a"}]', "[{"])
def test_changed_refuses_input_that_is_not_a_list_of_services(repository: Path, stdin: str) -> None:
    assert fsdcf("ci", "changed", "--base", "HEAD", stdin=stdin).exit_code == 2


def test_changed_prints_every_service_for_an_unknown_revision(repository: Path) -> None:
    done = fsdcf("ci", "changed", "--base", "0" * 40, stdin='[{"name": "a", "paths": []}]')
    assert (done.exit_code, json.loads(done.stdout)) == (0, [{"name": "a", "paths": []}])
    assert "every service" in done.stderr


def test_the_hook_skips_files_that_are_not_specs(repository: Path) -> None:
    (repository / "other.yml").write_text("a: [\n", encoding="utf-8")
    assert fsdcf("validate", "--no-lint", "other.yml", "hello.yml").exit_code == 2
    done = fsdcf("validate", "--no-lint", "--skip-others", "other.yml", "hello.yml")
    assert done.exit_code == 0 and "other.yml" not in done.output


def test_the_secrets_of_a_build_come_from_github(repository: Path) -> None:
    both = "[{id: a, environment: NPM_TOKEN}, {id: b, environment: GITHUB_TOKEN}]"
    secrets = f"  build:\n    args: {{A: hunter2}}\n    secrets: {both}\n"
    (repository / "hello.yml").write_text(spec("hello", secrets), encoding="utf-8")
    done = fsdcf("ci", "github", "hello.yml")
    assert done.exit_code == 0 and "gh secret set NPM_TOKEN --env staging" in done.stderr, done.output
    text = WORKFLOW.read_text(encoding="utf-8")
    assert text.count("NPM_TOKEN: ${{ secrets.NPM_TOKEN }}") == 2 and "hunter2" not in text
    assert text.count("GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}") == 2
    assert "gh secret set GITHUB_TOKEN" not in done.stderr, "each job has one"


def test_a_committed_file_is_a_secret_that_a_workflow_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    secret = "  build: {secrets: [{id: npm, file: npmrc}]}\n"
    Path("hello.yml").write_text(spec("hello", secret), encoding="utf-8")
    for name in ("npmrc", "Dockerfile"):
        Path(name).write_text("x", encoding="utf-8")
    subprocess.run(["git", "init", "-q"], check=True)
    refused = fsdcf("ci", "github", "hello.yml", "--test", "true")
    assert refused.exit_code == 2 and "S299" in refused.stderr and "`environment: NAME`" in refused.stderr
    subprocess.run(["git", "add", "npmrc"], check=True)
    assert fsdcf("ci", "github", "hello.yml", "--test", "true").exit_code == 0


def test_a_protected_environment_has_a_cache_on_the_default_branch_alone(repository: Path) -> None:
    (repository / "environments").mkdir()
    (repository / "environments" / "qa.yml").write_text(
        ENVIRONMENT.replace("staging", "qa") + "environment: {protected: true}\n", encoding="utf-8"
    )
    text = HELLO.replace("  port:", "  # fsdcf: allow S286 because this is a test\n  port:")
    (repository / "hello.yml").write_text(text, encoding="utf-8")
    branches = ("--branch", "next=dev", "--branch", "main=qa", "--branch", "release=prod", "--new-env")
    done = fsdcf("ci", "github", "hello.yml", *branches)
    assert done.exit_code == 0, done.output
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    conditions = {name: one.get("if") for name, job in jobs.items() for one in job["steps"] if one.get("id") == "cache"}
    default = "github.event.repository.default_branch == '{}'"
    expected = {"dev": None, "qa": default.format("main"), "prod": default.format("release")}
    assert conditions == {f"deploy-{name}": condition for name, condition in expected.items()}


def test_each_service_has_a_job_of_its_own_after_those_that_it_calls(repository: Path) -> None:
    (repository / "hello.yml").unlink()
    (repository / "environments").mkdir()
    network = "environment: {network: {availabilityZones: 2}}\n"
    (repository / "environments" / "staging.yml").write_text(ENVIRONMENT + network, encoding="utf-8")
    shared = "  networking: {shared: true, serviceConnect: true, loadBalancer: false}\n"
    calls = {"cart": "users", "shop": "cart", "users": "cart"}  # two of them call each other
    for name, other in calls.items():
        text = spec(name, f"{shared}dependencies:\n  - {{type: service, name: {other}}}\n")
        (repository / f"{name}.yml").write_text(text, encoding="utf-8")
    done = fsdcf("ci", "github", "--per-service", "--branch", "main=staging")
    assert done.exit_code == 0, done.output
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    needs = {name: job["needs"][2:] for name, job in jobs.items() if name.startswith("deploy-")}
    assert needs["deploy-staging"] == [] and needs["deploy-staging-shop"] == ["deploy-staging", "deploy-staging-cart"]
    mutual = [name for name in ("cart", "users") if len(needs[f"deploy-staging-{name}"]) == 1]
    assert len(mutual) == 1, "of two that call each other, one does not wait"
    assert (
        "FSDCF_EXECUTION_ROLE_STAGING_SHOP" in done.stderr
        and "bootstrap --github ORG/REPO --per-service" in done.stderr
    )
    assert fsdcf("ci", "github", "--per-service", "--branch", "main=staging", "--check").exit_code == 0


def test_two_jobs_of_one_name_are_refused(repository: Path) -> None:
    """The job of the environment prod-eu would have the name of that of the service eu in prod."""
    (repository / "hello.yml").write_text(spec("eu"), encoding="utf-8")
    (repository / "environments").mkdir()
    for name in ("prod", "prod-eu"):
        (repository / "environments" / f"{name}.yml").write_text(ENVIRONMENT.replace("staging", name), encoding="utf-8")
    branches = ("--branch", "main=prod", "--branch", "eu=prod-eu")
    refused = fsdcf("ci", "github", "--per-service", *branches)
    assert refused.exit_code == 2 and not WORKFLOW.exists()
    assert "eu in prod and prod-eu would have the same variable FSDCF_ROLE_PROD_EU" in refused.output, refused.output
    assert fsdcf("ci", "github", *branches).exit_code == 0, "one job for each environment"


def test_a_spec_that_looks_like_an_option_is_refused(repository: Path) -> None:
    (repository / "-x.yml").write_text(spec("orders"))
    result = fsdcf("ci", "github", "-o", "-")
    assert result.exit_code == 2 and "'-x.yml'" in result.output and "not begin with -" in result.output
    (repository / "-x.yml").rename(repository / "x.yml")
    assert fsdcf("ci", "github", "-o", "-").exit_code == 0
