"""The meaning of the workflow: permissions, triggers and the code that runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.conventions import execution_role_variable, role_variable
from fsdcf.scaffold.workflow import PINS, Workflow, scalar, workflow
from tests.scaffold.samples import ALL, ENVIRONMENTS, MONOREPO, ONE, PER_SERVICE, UNUSUAL, parsed, step

each = pytest.mark.parametrize("wanted", ALL.values(), ids=list(ALL))


def steps(wanted: Workflow) -> Iterator[tuple[str, dict[str, Any]]]:
    for job, one in parsed(wanted)["jobs"].items():
        yield from ((job, found) for found in one["steps"])


@each
def test_every_action_is_pinned_to_a_commit_with_its_version(wanted: Workflow) -> None:
    lines = [line.strip() for line in workflow(wanted).splitlines() if "uses:" in line]
    assert len(lines) >= 8
    for line in lines:
        found = re.fullmatch(r"uses: ([\w.-]+/[\w.-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", line)
        assert found and PINS[found[1]] == (found[3], found[2]), line


@each
def test_jobs_have_minimal_permissions(wanted: Workflow) -> None:
    data = parsed(wanted)
    assert data["permissions"] == {}
    for name, job in data["jobs"].items():
        wants = {"contents": "read"}
        if name == "plan":
            wants["pull-requests"] = "write"
        if name.startswith(("build-", "deploy-")):
            wants["id-token"] = "write"
        assert job["permissions"] == wants, name
    text = workflow(wanted)
    assert all("#" in line for line in text.splitlines() if line.endswith("write") or ": write " in line)
    assert "AWS_ACCESS_KEY" not in text and "pull_request_target" not in text


@each
def test_only_builds_get_secrets_and_the_token_of_the_cache(wanted: Workflow) -> None:
    token = {"ACTIONS_CACHE_SERVICE_V2", "ACTIONS_RESULTS_URL", "ACTIONS_RUNTIME_TOKEN"}
    for name, job in parsed(wanted)["jobs"].items():
        environment = job.get("environment", {}).get("name", "")
        for one in job["steps"]:
            given = {
                key for key, value in one.get("env", {}).items() if re.search(r"secrets\.|outputs\.ACTIONS", value)
            }
            own = [service for service in wanted.services if service.name == one.get("env", {}).get("NAME")]
            secrets = {key for service in own or wanted.services for key in service.secrets.get(environment, ())}
            assert given == (secrets | token if one.get("id") == "push" else set()), (name, one["name"])
        assert not re.search(r"secrets\.|outputs\.ACTIONS", str(job.get("env", {}))), name
    assert "toJSON(secrets)" not in workflow(wanted) and "GITHUB_ENV" not in workflow(wanted)


@each
def test_a_protected_environment_has_no_cache_that_another_one_may_write(wanted: Workflow) -> None:
    """Every branch reads the caches of the default branch."""
    lanes = {lane.environment: lane for lane in wanted.lanes}
    found = 0
    for name, job in parsed(wanted)["jobs"].items():
        for one in job["steps"]:
            if one.get("id") == "cache":
                lane = lanes[job["environment"]["name"]]
                own = f"github.event.repository.default_branch == '{lane.branch}'"
                assert one.get("if") == (own if lane.protected else None), name
                found += 1
    assert found >= len(lanes)


@each
def test_buildx_is_set_up_before_a_job_has_credentials(wanted: Workflow) -> None:
    for name, job in parsed(wanted)["jobs"].items():
        names = [one["name"] for one in job["steps"]]
        if "Build and push the image" in names:
            order = ["Set up buildx", "Let the build use the cache of this repository", "Assume the deploy role"]
            assert [one for one in names if one in order] == order, name


@each
def test_scripts_contain_no_expressions(wanted: Workflow) -> None:
    scripts = [one["run"] for _, one in steps(wanted) if "run" in one]
    assert len(scripts) > 10 and not [one for one in scripts if "${{" in one]


@each
def test_checkouts_do_not_persist_credentials(wanted: Workflow) -> None:
    found = [one for _, one in steps(wanted) if one.get("uses", "").startswith("actions/checkout")]
    assert len(found) >= 3 and all(one["with"]["persist-credentials"] is False for one in found)


@each
def test_every_job_has_a_timeout_and_every_step_a_name(wanted: Workflow) -> None:
    data = parsed(wanted)
    assert all(job["name"] and job["timeout-minutes"] <= 180 for job in data["jobs"].values())
    assert all(one["name"] for _, one in steps(wanted))
    assert data["defaults"]["run"]["shell"] == "bash"


@each
def test_when_it_runs(wanted: Workflow) -> None:
    data = parsed(wanted)
    assert data["on"] == {"pull_request": None, "push": {"branches": [lane.branch for lane in wanted.lanes]}}
    assert data["jobs"]["plan"]["if"] == "github.event_name == 'pull_request'"
    assert "github.event_name == 'pull_request'" in data["concurrency"]["cancel-in-progress"]
    assert "github.run_id" in data["concurrency"]["group"], "pushes never share a group, so that none is dropped"


@each
def test_a_deploy_needs_the_tests_and_has_its_environment(wanted: Workflow) -> None:
    jobs = parsed(wanted)["jobs"]
    several = len(wanted.services) > 1
    deploys = {name: job for name, job in jobs.items() if name.startswith("deploy-")}
    builds = {name: job for name, job in jobs.items() if name.startswith("build-")}
    assert list(builds) == [f"build-{lane.environment}" for lane in wanted.lanes if several and not wanted.per_service]
    if not wanted.per_service:
        assert list(deploys) == [f"deploy-{lane.environment}" for lane in wanted.lanes]
    lanes = {lane.environment: lane for lane in wanted.lanes}
    for name, job in {**deploys, **builds}.items():
        lane = lanes[job["environment"]["name"]]
        needs = {"changes", "test"} if name in builds or wanted.per_service else {"test"}
        needs = {"changes", f"build-{lane.environment}"} if name in deploys and builds else needs
        assert {*job["needs"]} >= needs if isinstance(job["needs"], list) else {job["needs"]} == needs
        assert job["if"].startswith(
            f"github.event_name == 'push' && github.ref == 'refs/heads/{lane.branch}' && !github.event.repository.fork"
        )
        if name in deploys:
            assert job["concurrency"]["cancel-in-progress"] is False
            assert job["concurrency"]["group"].startswith(f"fsdcf-{lane.environment}")
        (assume,) = [
            one for one in job["steps"] if one.get("uses", "").startswith("aws-actions/configure-aws-credentials")
        ]
        own = name.removeprefix(f"deploy-{lane.environment}").removeprefix("-") if wanted.per_service else ""
        assert assume["with"]["role-to-assume"] == f"${{{{ vars.{role_variable(lane.environment, own)} }}}}"
        assert assume["with"]["aws-region"] == "${{ vars.AWS_REGION }}"
        assert set(assume["with"]) == {"role-to-assume", "role-session-name", "aws-region"}, "and no keys"
        if name in deploys:
            (deploy,) = [one for one in job["steps"] if one.get("id") == "deploy"]
            variable = f"${{{{ vars.{execution_role_variable(lane.environment, own)} }}}}"
            assert deploy["env"]["EXECUTION_ROLE"] == variable and '--role-arn "$EXECUTION_ROLE"' in deploy["run"]


@each
def test_jobs_that_run_pull_request_code_have_no_rights(wanted: Workflow) -> None:
    """The tests are the one step that runs a pull request's code; their job may read, and is given no credentials."""
    test = parsed(wanted)["jobs"]["test"]
    assert test["permissions"] == {"contents": "read"}
    assert not [one for one in test["steps"] if "aws" in one.get("uses", "") or "GH_TOKEN" in one.get("env", {})]
    building = [
        name for name, one in steps(wanted) if "fsdcf build" in one.get("run", "") or "TEST" in one.get("env", {})
    ]
    job = "deploy" if len(wanted.services) == 1 or wanted.per_service else "build"
    owners = [f"-{service.name}" for service in wanted.services] if wanted.per_service else [""]
    assert set(building) == {"test", *(f"{job}-{lane.environment}{own}" for lane in wanted.lanes for own in owners)}


@each
def test_fsdcf_is_installed_at_one_version(wanted: Workflow) -> None:
    data = parsed(wanted)
    is_commit = wanted.requirement.startswith("git+")
    assert data.get("env") == ({"FSDCF": wanted.requirement} if is_commit else None)
    installs = {one["run"] for _, one in steps(wanted) if "install" in one.get("run", "")}
    assert len(installs) == 1 and ('"$FSDCF"' in installs.pop()) is is_commit


@each
def test_the_plan_s_steps_are_safe_for_forks(wanted: Workflow) -> None:
    comment = step(wanted, "plan", "Comment on the pull request")
    assert "github.event.pull_request.head.repo.full_name == github.repository" in comment["if"]
    summary = step(wanted, "plan", "Write the summary")
    assert summary["if"] == "${{ !cancelled() }}", "the summary is written whatever happens, for forks, too"
    names = [one["name"] for one in parsed(wanted)["jobs"]["plan"]["steps"]]
    assert (
        names.index("Validate")
        < names.index("Plan")
        < names.index("Write the summary")
        < names.index("Comment on the pull request")
    )


def test_the_template_is_attached() -> None:
    (raw,) = [one for job, one in steps(ONE) if one.get("uses", "").startswith("actions/upload-artifact")]
    assert raw["with"]["archive"] is False and raw["with"]["path"].endswith("shop.${{ env.ENVIRONMENT }}.template.yml")
    (folder,) = [one for job, one in steps(MONOREPO) if one.get("uses", "").startswith("actions/upload-artifact")]
    assert folder["with"]["name"] == "templates"


def test_the_environment_of_a_pull_request_is_that_of_its_base() -> None:
    jobs = parsed(ONE)["jobs"]
    branch = "(github.base_ref || github.ref_name)"
    assert jobs["plan"]["env"]["ENVIRONMENT"] == f"${{{{ {branch} == 'main' && 'prod' || 'staging' }}}}"
    assert parsed(UNUSUAL)["jobs"]["plan"]["env"]["ENVIRONMENT"] == "qa-1"


def test_a_monorepo_handles_what_changed() -> None:
    jobs = parsed(MONOREPO)["jobs"]
    lanes = ["build-staging", "deploy-staging", "build-prod", "deploy-prod"]
    assert list(jobs) == ["changes", "test", "plan", *lanes]
    assert jobs["changes"]["steps"][0]["with"]["fetch-depth"] == 0
    for name in ("test", "build-staging", "build-prod"):
        assert jobs[name]["strategy"]["matrix"] == {"service": "${{ fromJSON(needs.changes.outputs.services) }}"}
        assert jobs[name]["strategy"]["fail-fast"] is False
    assert jobs["test"]["if"] == "needs.changes.outputs.services != '[]'"
    known = yaml.safe_load(
        step(MONOREPO, "changes", "Find the services whose spec or source changed")["env"]["SERVICES"]
    )
    assert [one["name"] for one in known] == ["cart", "shop"]
    assert known[1]["runners"] == {"staging": "ubuntu-24.04", "prod": "ubuntu-24.04-arm"}, "as each spec says"
    assert jobs["build-staging"]["runs-on"] == "${{ matrix.service.runners['staging'] }}"
    assert jobs["build-prod"]["runs-on"] == "${{ matrix.service.runners['prod'] }}"
    on_main = "(github.base_ref || github.ref_name) == 'main' && matrix.service.runners['prod']"
    assert jobs["test"]["runs-on"] == f"${{{{ {on_main} || matrix.service.runners['staging'] }}}}"


def test_one_service_is_built_on_the_architecture_of_each_environment() -> None:
    wanted = replace(ONE, services=MONOREPO.services[1:])
    jobs = parsed(wanted)["jobs"]
    assert (jobs["deploy-staging"]["runs-on"], jobs["deploy-prod"]["runs-on"]) == ("ubuntu-24.04", "ubuntu-24.04-arm")
    on_main = "(github.base_ref || github.ref_name) == 'main' && 'ubuntu-24.04-arm'"
    assert jobs["test"]["runs-on"] == f"${{{{ {on_main} || 'ubuntu-24.04' }}}}"
    jobs = parsed(replace(PER_SERVICE, services=MONOREPO.services))["jobs"]
    assert jobs["deploy-staging-shop"]["runs-on"] == "ubuntu-24.04" and "-arm" in jobs["deploy-prod-shop"]["runs-on"]


def test_a_monorepo_is_deployed_by_one_job_that_drops_no_push() -> None:
    for wanted, file in ((MONOREPO, ""), (ENVIRONMENTS, "environments/prod.yaml ")):
        job = parsed(wanted)["jobs"]["deploy-prod"]
        assert "strategy" not in job and job["runs-on"] == "ubuntu-24.04"
        assert job["env"]["SPECS"] == f"{file}${{{{ join(fromJSON(needs.changes.outputs.services).*.spec, ' ') }}}}"
        assert job["concurrency"] == {"group": "fsdcf-prod", "cancel-in-progress": False, "queue": "max"}


def test_a_single_service_is_deployed_with_its_environment() -> None:
    lanes = (replace(ONE.lanes[0], file="environments/staging.yml"), ONE.lanes[1])
    jobs = parsed(replace(ONE, lanes=lanes))["jobs"]
    assert jobs["deploy-staging"]["env"]["SPECS"] == "environments/staging.yml shop.yml"
    assert jobs["deploy-prod"]["env"]["SPECS"] == "shop.yml"
    assert jobs["plan"]["env"]["ENVIRONMENT_FILES"] == "environments/staging.yml"


def test_one_service_has_no_changes_job() -> None:
    jobs = parsed(ONE)["jobs"]
    assert "changes" not in jobs and "strategy" not in jobs["test"] and "needs" not in jobs["plan"]


def test_uv_and_fsdcf_are_installed_if_tests_use_them() -> None:
    assert [job for job, one in steps(PER_SERVICE) if one["name"] == "Install fsdcf"].count("test") == 1
    assert [job for job, one in steps(MONOREPO) if one["name"] == "Install fsdcf"].count("test") == 0
    assert [job for job, one in steps(MONOREPO) if one["name"] == "Set up uv"].count("test") == 1
    assert [job for job, one in steps(ONE) if one["name"] == "Set up uv"].count("test") == 0


def test_unusual_texts_are_preserved() -> None:
    service = UNUSUAL.services[0]
    deploy = parsed(UNUSUAL)["jobs"]["deploy-qa-1"]
    assert step(UNUSUAL, "test", "Test")["env"]["TEST"] == service.test
    assert deploy["env"]["SERVICE"] == "on" and deploy["runs-on"] == "ubuntu-24.04-arm"
    given = step(UNUSUAL, "deploy-qa-1", "Build and push the image")["env"]
    assert given["NAME"] == "on" and given["on"] == "${{ secrets.on }}" and given["_X1"] == "${{ secrets._X1 }}"
    assert (
        "fsdcf deploy $SPECS --env \"$ENVIRONMENT\" --var 'TITLE=two words'"
        in step(UNUSUAL, "deploy-qa-1", "Deploy")["run"]
    )


@each
def test_a_deploy_names_only_an_image_that_its_own_run_has_pushed_with_its_own_role(wanted: Workflow) -> None:
    jobs = parsed(wanted)["jobs"]
    assert "imageTag" not in workflow(wanted) and "describe-images" not in workflow(wanted), "nothing is looked up"
    for name, job in jobs.items():
        for one in job["steps"]:
            if one.get("id") == "push":
                assert "$GITHUB_SHA-$GITHUB_RUN_ID-$GITHUB_RUN_ATTEMPT" in one["run"] and "if" not in one
            if one.get("id") == "deploy" and "--image-sha" in one["run"]:
                images = one["env"].get("IMAGE") or one["env"]["IMAGES"]
                own = f"needs['build-{job['environment']['name']}'].outputs.*"
                assert "steps.push.outputs[" in images or own in images, name


def test_each_service_of_a_matrix_has_an_output_of_its_own() -> None:
    outputs = parsed(MONOREPO)["jobs"]["build-prod"]["outputs"]
    assert outputs == {name: f"${{{{ steps.push.outputs['{name}'] }}}}" for name in ("cart", "shop")}


def test_services_of_their_own_are_deployed_after_those_that_they_call() -> None:
    jobs = parsed(PER_SERVICE)["jobs"]
    needs = {name: job["needs"] for name, job in jobs.items() if name.startswith("deploy-")}
    assert needs == {
        "deploy-staging": ["changes", "test"],
        "deploy-staging-cart": ["changes", "test", "deploy-staging"],
        "deploy-staging-shop": ["changes", "test", "deploy-staging", "deploy-staging-cart"],
        "deploy-staging-on-call": ["changes", "test", "deploy-staging"],
        "deploy-prod-cart": ["changes", "test"],
        "deploy-prod-shop": ["changes", "test", "deploy-prod-cart"],
        "deploy-prod-on-call": ["changes", "test"],
    }
    condition = jobs["deploy-prod-shop"]["if"]
    assert "contains(fromJSON(needs.changes.outputs.services).*.name, 'shop')" in condition
    assert "!cancelled() && !failure() && needs.test.result == 'success'" in condition, "a skipped job skips no other"
    assert jobs["deploy-staging"]["env"]["SPECS"] == "environments/staging.yml"
    assert jobs["deploy-staging-on-call"]["env"]["SPECS"] == "services/on-call/on-call.yml"


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
def test_a_scalar_is_read_back(text: str) -> None:
    assert yaml.safe_load(f"key: {scalar(text)}\n") == {"key": text}


@pytest.mark.parametrize(
    "text",
    [
        "on",
        "1.0",
        "null",
        "0x1F",
        "1e3",
        "12",
        "a: b",
        "- a",
        "~",
        "",
        "yes",
        "2026-01-01",
        "1_000",
        "a #b",
        "=",
        "<<",
        ".",
        ".0",
        ".5e+3",
        "._1",
    ],
)
def test_scalars_that_need_quotes(text: str) -> None:
    assert yaml.safe_load(f"key: {scalar(text)}\n") == {"key": text}
