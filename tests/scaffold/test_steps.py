"""The scripts of the workflow, run by bash like on a runner, with stubs for docker, gh and fsdcf."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.session import Session

from fsdcf.sandbox.server import serving
from fsdcf.sandbox.state import SandboxState
from fsdcf.scaffold.workflow import Workflow
from tests.conftest import HELLO, ROOT
from tests.scaffold.runner import SHA, Done, Runner, machine
from tests.scaffold.samples import ENVIRONMENTS, MONOREPO, ONE, PER_SERVICE, UNUSUAL, parsed, step

TAG = f"{SHA}-42-1"


@dataclass(frozen=True)
class Workshop(Runner):
    """A runner of the steps of our workflows."""

    def step(self, wanted: Workflow, job: str, name: str, **values: str) -> Done:
        """Run a step. ``values`` are what expressions come to, by the variable that holds them."""
        found, whole = step(wanted, job, name), parsed(wanted)["jobs"][job]
        return self.run(found["run"], {**whole.get("env", {}), **found.get("env", {})}, values)


@pytest.fixture
def runner(tmp_path: Path) -> Workshop:
    return Workshop(machine(tmp_path).folder)


REAL = f'exec "{sys.executable}" -m fsdcf "$@"'


CACHE = {
    "ACTIONS_CACHE_SERVICE_V2": "True",
    "ACTIONS_RESULTS_URL": "https://results.example/",
    "ACTIONS_RUNTIME_TOKEN": "runtime-token",
}
"""What GitHub gives to an action, and not to a script."""


def build(runner: Workshop, wanted: Workflow = ONE, job: str = "deploy-staging", **values: str) -> Done:
    return runner.step(wanted, job, "Build and push the image", **{**CACHE, **values})


@pytest.mark.parametrize(
    ("wanted", "job", "words", "output"),
    [
        (ONE, "deploy-staging", ["shop.yml", "--env", "staging"], {"shop": f"shop={TAG}"}),
        (UNUSUAL, "deploy-qa-1", ["on.yml", "--env", "qa-1", "--var", "TITLE=two words"], {"on": f"on={TAG}"}),
    ],
    ids=["one", "unusual"],
)
def test_an_image_is_built_and_pushed_with_the_tag_of_this_attempt(
    runner: Workshop, wanted: Workflow, job: str, words: list[str], output: dict[str, str]
) -> None:
    runner.program("fsdcf")
    done = build(runner, wanted, job, _X1="a", on="b")
    assert done.code == 0, done.output
    assert done.calls == [["fsdcf", "build", *words, "--push", "--builder", "docker", "--tag", TAG]]
    assert done.outputs == output and TAG.startswith(f"{SHA}-"), "the tag names the commit"


def test_each_service_of_the_matrix_builds_its_own_image(runner: Workshop) -> None:
    runner.program("fsdcf")
    values = {"NAME": "cart", "SPEC": "services/cart/cart.yml", "INDEX": "", "NPM_TOKEN": "t"}
    done = build(runner, MONOREPO, "build-staging", **values)
    assert done.calls[0][:5] == ["fsdcf", "build", "services/cart/cart.yml", "--env", "staging"]
    assert done.outputs == {"cart": f"cart={TAG}"}


def test_an_image_that_was_not_pushed_is_never_deployed(runner: Workshop) -> None:
    """Whoever may push into the repository could have claimed the tag: the image behind it is not that of this run."""
    runner.program("fsdcf", "exit 1")
    done = build(runner)
    assert done.code == 1 and done.outputs == {}


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize("environment", [CACHE, {}], ids=["github.com", "without a cache"])
def test_the_build_gets_the_access_to_the_cache(runner: Workshop, environment: dict[str, str]) -> None:
    script = step(ONE, "deploy-staging", "Let the build use the cache of this repository")["with"]["script"]
    program = f"const core = {{setOutput: (name, value) => console.log(`${{name}}=${{value}}`)}};\n{script}"
    told = subprocess.run(
        ["node", "-e", program], env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True
    )
    outputs = dict(line.partition("=")[::2] for line in told.stdout.splitlines())
    assert outputs == {**dict.fromkeys(CACHE, ""), **environment}, told.stderr
    wanted = step(ONE, "deploy-staging", "Build and push the image")["env"]
    assert {name: wanted[name] for name in CACHE} == {name: f"${{{{ steps.cache.outputs.{name} }}}}" for name in CACHE}


FAKE_DOCKER = """
case "$*" in
  "buildx inspect"*) echo "Driver: docker-container" ;;
  *"image inspect"*) echo '[{"Id": "sha256:'$(printf a%.0s {1..64})'", "Os": "linux", "Architecture": "amd64"}]' ;;
esac
"""


def test_a_service_without_tests_is_tested_by_a_build_that_is_not_pushed(runner: Workshop) -> None:
    runner.program("fsdcf")
    test = PER_SERVICE.services[2].test
    done = runner.step(PER_SERVICE, "test", "Test", ENVIRONMENT="prod", TEST=test)
    words = ["build", "services/on-call/on-call.yml", "--env", "prod", "--builder", "docker"]
    assert done.calls == [["fsdcf", *words]], done.output


def test_the_step_that_builds_pushes_with_the_cache_of_its_environment(runner: Workshop) -> None:
    """With fsdcf itself and the ECR of the sandbox. The token of the cache is in no command and in no output."""
    (runner.folder / "work" / "shop.yml").write_text(HELLO.replace("name: hello", "name: shop"), encoding="utf-8")
    (runner.folder / "work" / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    git(runner, "init", "-q")
    git(runner, "add", ".")
    git(runner, "commit", "-qm", "first")
    runner.program("fsdcf", f'export PYTHONPATH="{ROOT}"\n{REAL}')
    runner.program("docker", FAKE_DOCKER)
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-west-1"}
    with serving(SandboxState()) as url:
        ecr = Session().create_client("ecr", "eu-west-1", None, True, None, url, "a", "b")
        ecr.create_repository(repositoryName="shop", imageTagMutability="IMMUTABLE")
        done = build(runner, ONE, "deploy-prod", **keys, AWS_ENDPOINT_URL=url, GITHUB_ACTIONS="true")
    assert done.code == 0, done.output
    assert done.outputs == {"shop": f"shop={TAG}"}
    (built, *_) = [call for call in done.calls if call[:3] == ["docker", "buildx", "build"]]
    assert built[built.index("--cache-from") + 1] == "type=gha,scope=fsdcf/prod/shop"
    assert f"/shop:{TAG}@sha256:" in done.output and "runtime-token" not in f"{done.calls}{done.output}"


DEPLOY = {"BUCKET": "", "EXECUTION_ROLE": "arn:role"}


@pytest.mark.parametrize(("bucket", "more"), [("", []), ("artifacts", ["--artifacts-bucket", "artifacts"])])
def test_the_deploy_names_the_pushed_image_and_the_execution_role(
    runner: Workshop, bucket: str, more: list[str]
) -> None:
    runner.program("fsdcf")
    values = {"EXECUTION_ROLE": "arn:role", "BUCKET": bucket, "IMAGE": f"shop={TAG}"}
    done = runner.step(ONE, "deploy-prod", "Deploy", **values)
    options = ["--env", "prod", "--yes", "--timeout", "50m", "--role-arn", "arn:role", "--image-sha", f"shop={TAG}"]
    assert done.calls == [["fsdcf", "deploy", "shop.yml", *options, *more]]


def deploy_all(runner: Workshop, images: str) -> Done:
    runner.program("fsdcf")
    specs = "environments/prod.yaml services/cart/cart.yml services/shop/shop.yml"
    values = {"SPECS": specs, "SERVICES": "cart shop", "IMAGES": images, **DEPLOY}
    return runner.step(ENVIRONMENTS, "deploy-prod", "Deploy", **values)


def test_several_services_are_deployed_by_one_command_after_their_environment(runner: Workshop) -> None:
    done = deploy_all(runner, "other=x-1-1 shop=b-1-2 cart=a-1-1")
    (call,) = done.calls
    specs = ["environments/prod.yaml", "services/cart/cart.yml", "services/shop/shop.yml"]
    assert call[:7] == ["fsdcf", "deploy", *specs, "--env", "prod"] and "--yes" in call
    assert call[-4:] == ["--image-sha", "cart=a-1-1", "--image-sha", "shop=b-1-2"], "those of this deploy alone"
    skipped = runner.step(ENVIRONMENTS, "deploy-prod", "Write the summary", SPECS=" ".join(specs))
    assert skipped.summary.startswith("**The services** to **prod**, commit ")


@pytest.mark.parametrize("images", ["", "cart=a-1-1", "cart=a-1-1 workshop=c-1-1"])
def test_a_service_without_an_image_of_this_run_stops_the_deploy(runner: Workshop, images: str) -> None:
    done = deploy_all(runner, images)
    assert done.code == 1 and done.calls == [] and "re-run all jobs" in done.output


@pytest.mark.parametrize(("changed", "first"), [(1, "environments/prod.yaml"), (0, "services/shop/shop.yml")])
def test_the_plan_begins_with_the_environment_if_its_file_has_changed(
    runner: Workshop, changed: int, first: str
) -> None:
    runner.program("fsdcf", FAKE_FSDCF)
    runner.program("git", f'[ "$1" != diff ] || exit {changed}')
    values = {"ENVIRONMENT": "prod", "SPECS": "services/shop/shop.yml", "CODE": "10", "BASE_CODE": "0"}
    done = runner.step(ENVIRONMENTS, "plan", "Plan", **values)
    assert done.code == 0, done.output
    drawn = [call[2] for call in done.calls if call[:2] == ["fsdcf", "graph"]]
    assert drawn[0] == first and drawn[-1] == "services/shop/shop.yml"
    assert [call for call in done.calls if call[:2] == ["git", "diff"]] == [
        ["git", "diff", "--quiet", "HEAD^1", "HEAD", "--", "environments/prod.yaml"]
    ]


def test_a_failed_deploy_fails_the_job_and_is_summarized(runner: Workshop) -> None:
    runner.program("fsdcf", "exit 3")
    assert runner.step(ONE, "deploy-prod", "Deploy", IMAGE="shop=x", **DEPLOY).code == 3
    done = runner.step(ONE, "deploy-prod", "Write the summary")
    assert done.summary == f"**shop** to **prod**, commit `{SHA}`: not started, because an earlier step failed\n"
    condition = step(ONE, "deploy-prod", "Write the summary")["if"]
    assert "steps.deploy.outcome == 'skipped'" in condition, "fsdcf deploy writes its own"


@pytest.mark.parametrize(
    ("role", "execution", "region", "code"),
    [
        ("arn:x", "arn:y", "eu-west-1", 0),
        ("", "arn:y", "eu-west-1", 1),
        ("arn:x", "", "eu-west-1", 1),
        ("arn:x", "arn:y", "", 1),
    ],
)
def test_missing_variables_are_named(runner: Workshop, role: str, execution: str, region: str, code: int) -> None:
    values = {"ROLE": role, "EXECUTION_ROLE": execution, "AWS_REGION": region}
    done = runner.step(ONE, "deploy-prod", "Check that the repository's variables are set", **values)
    assert done.code == code and ("::error title=" in done.output) == bool(code)
    assert code == 0 or "FSDCF_ROLE_PROD, FSDCF_EXECUTION_ROLE_PROD" in done.output


def test_the_tests_run_as_they_are_written(runner: Workshop) -> None:
    runner.program("uv", 'printf "%s|" "$@" > args; exit 3')
    done = runner.step(UNUSUAL, "test", "Test")
    assert done.code == 3 and (runner.folder / "work" / "args").read_text() == "run|pytest|-k|a: b|"
    runner.program("make", "true")
    assert runner.step(ONE, "test", "Test").calls == [["make", "test"]]


FAKE_GH = """
case "$*" in
  *--paginate*) printf '%s' "$KNOWN" ;;
  *) for word in "$@"; do case "$word" in body=@*) cp "${word#body=@}" "$HOME/posted" ;; esac; done ;;
esac
"""


@pytest.mark.parametrize(
    ("known", "method", "where"),
    [
        ("", "POST", "issues/7/comments"),
        ("42\n", "PATCH", "issues/comments/42"),
        ("42\n43\n", "PATCH", "issues/comments/42"),
    ],
)
def test_the_comment_is_made_once_and_then_updated(runner: Workshop, known: str, method: str, where: str) -> None:
    (runner.folder / "temp" / "fsdcf").mkdir()
    (runner.folder / "temp" / "fsdcf" / "comment.md").write_text("<!-- fsdcf -->\nthe plan", encoding="utf-8")
    runner.program("gh", FAKE_GH)
    done = runner.step(
        ONE, "plan", "Comment on the pull request", ENVIRONMENT="prod", GH_TOKEN="t", NUMBER="7", KNOWN=known
    )
    assert done.code == 0, done.output
    listed, sent = done.calls
    assert "repos/acme/shop/issues/7/comments?per_page=100" in listed and "--jq" in listed
    assert sent[sent.index("--method") + 1] == method and f"repos/acme/shop/{where}" in sent
    assert (runner.folder / "posted").read_text(encoding="utf-8").endswith("the plan")


def test_only_the_comment_of_fsdcf_is_updated() -> None:
    script = step(ONE, "plan", "Comment on the pull request")["run"]
    (query,) = re.findall(r"mine='([^']*)'", script)
    assert 'startswith("<!-- fsdcf -->")' in query and '.user.type == "Bot"' in query


def test_a_comment_that_cannot_be_read_is_an_error(runner: Workshop) -> None:
    runner.program("gh", "exit 1")
    assert (
        runner.step(ONE, "plan", "Comment on the pull request", ENVIRONMENT="prod", GH_TOKEN="t", NUMBER="7").code == 1
    )


FAKE_FSDCF = """
case "$1" in
  template) exit "$BASE_CODE" ;;
  diff) echo "the plan of $3"; [ "$3" = --first ] && exit 10; exit "$CODE" ;;
  cost | graph) echo "$1" ;;
esac
"""


def plan(runner: Workshop, code: int, specs: str = "shop.yml", base: int = 0, there: bool = True) -> tuple[Done, Path]:
    """Run the plan with a ``fsdcf diff`` that ends with a code, and a spec at the base that compiles with one.

    ``there`` is false for a spec that the base does not have.
    """
    runner.program("fsdcf", FAKE_FSDCF)
    runner.program("git")
    for spec in specs.split() if there else ():
        at_base = runner.folder / "temp" / "fsdcf" / "base" / spec
        at_base.parent.mkdir(parents=True, exist_ok=True)
        at_base.touch()
    done = runner.step(MONOREPO, "plan", "Plan", ENVIRONMENT="prod", SPECS=specs, CODE=str(code), BASE_CODE=str(base))
    return done, runner.folder / "temp" / "fsdcf" / "plan"


@pytest.mark.parametrize(("code", "outcome"), [(0, 0), (10, 0), (11, 0), (2, 2), (1, 1)])
def test_errors_fail_a_plan_but_changes_do_not(runner: Workshop, code: int, outcome: int) -> None:
    done, folder = plan(runner, code)
    assert done.code == outcome
    assert ("::warning file=shop.yml,title=data at risk::" in done.output) == (code == 11)
    assert (folder / "shop.yml" / "plan.md").read_text() == "the plan of shop.yml\n"


def test_each_spec_is_compared_with_the_base_of_the_merge(runner: Workshop) -> None:
    done, folder = plan(runner, 10, "services/cart/cart.yml services/shop/shop.yml")
    assert done.code == 0, done.output
    base = f"{runner.folder}/temp/fsdcf/base"
    assert done.calls[0] == ["git", "worktree", "add", "--quiet", "--detach", base, "HEAD^1"]
    for spec in ("services/cart/cart.yml", "services/shop/shop.yml"):
        assert sorted(one.name for one in (folder / spec).iterdir()) == ["cost.md", "graph.md", "plan.md"]
        assert ["fsdcf", "diff", f"HEAD^1:{spec}", spec, "--env", "prod", "--format", "markdown"] in done.calls
        assert [
            "fsdcf",
            "cost",
            f"{base}/{spec}",
            spec,
            "--change",
            "--env",
            "prod",
            "--format",
            "markdown",
        ] in done.calls


def test_the_first_deploy_of_a_new_spec_is_shown(runner: Workshop) -> None:
    done, folder = plan(runner, 2, there=False)
    assert done.code == 0, done.output
    assert [call for call in done.calls if call[:2] == ["fsdcf", "diff"]] == [
        ["fsdcf", "diff", "shop.yml", "--first", "--env", "prod", "--format", "markdown"]
    ]
    assert sorted(one.name for one in (folder / "shop.yml").iterdir()) == ["cost.md", "graph.md", "plan.md"]


def test_a_spec_that_was_broken_is_not_compared(runner: Workshop) -> None:
    done, folder = plan(runner, 2, base=2)
    assert done.code == 0 and not [call for call in done.calls if call[:2] == ["fsdcf", "diff"]]
    assert ["fsdcf", "cost", "shop.yml", "--env", "prod", "--format", "markdown"] in done.calls
    assert "nothing to compare with" in (folder / "shop.yml" / "plan.md").read_text()


def test_without_a_change_there_is_an_empty_plan(runner: Workshop) -> None:
    done, folder = plan(runner, 2, specs="")
    assert done.code == 0 and folder.is_dir() and not list(folder.iterdir())


def write_summary(runner: Workshop) -> tuple[Done, str]:
    runner.program("fsdcf", f'export PYTHONPATH="{ROOT}"\n{REAL}')
    done = runner.step(ONE, "plan", "Write the summary", ENVIRONMENT="prod")
    assert done.code == 0, done.output
    return done, (runner.folder / "temp" / "fsdcf" / "comment.md").read_text(encoding="utf-8")


def test_comment_and_summary_are_put_together(runner: Workshop) -> None:
    folder = runner.folder / "temp" / "fsdcf" / "plan" / "shop.yml"
    folder.mkdir(parents=True)
    (folder / "plan.md").write_text("2 changes", encoding="utf-8")
    done, comment = write_summary(runner)
    assert (
        comment == done.summary
        and comment.startswith("<!-- fsdcf -->\n")
        and "### <code>shop.yml</code>\n\n2 changes" in comment
    )


def test_a_missing_plan_is_explained(runner: Workshop) -> None:
    _, comment = write_summary(runner)
    assert "There is no plan" in comment


def git(runner: Runner, *arguments: str) -> str:
    """What git says, in the runner's folder, whatever this machine's configuration is."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    return subprocess.run(
        command, cwd=runner.folder / "work", env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def monorepo(runner: Workshop) -> Callable[[str], str]:
    """A repository with two services and one commit; each call commits a change, and returns the commit before."""
    work = runner.folder / "work"
    for name in ("cart", "shop"):
        (work / "services" / name).mkdir(parents=True)
        (work / "services" / name / f"{name}.yml").write_text(HELLO, encoding="utf-8")
    git(runner, "init", "-q")
    git(runner, "add", ".")
    git(runner, "commit", "-qm", "first")

    def change(file: str) -> str:
        before = git(runner, "rev-parse", "HEAD")
        (work / file).parent.mkdir(parents=True, exist_ok=True)
        (work / file).write_text("changed", encoding="utf-8")
        git(runner, "add", ".")
        git(runner, "commit", "-qm", "more")
        return before

    runner.program("fsdcf", f'export PYTHONPATH="{ROOT}"\n{REAL}')
    return change


def changed_services(runner: Workshop, base: str) -> list[Mapping[str, str]]:
    done = runner.step(MONOREPO, "changes", "Find the services whose spec or source changed", BASE=base)
    assert done.code == 0, done.output
    found: list[Mapping[str, str]] = json.loads(done.outputs["services"])
    return found


def test_only_what_changed_is_deployed(runner: Workshop, monorepo: Callable[[str], str]) -> None:
    (shop,) = changed_services(runner, monorepo("services/shop/src/main.py"))
    assert shop["name"] == "shop" and shop["runners"] == {"staging": "ubuntu-24.04", "prod": "ubuntu-24.04-arm"}
    assert changed_services(runner, monorepo("README.md")) == []
    both = [one["name"] for one in changed_services(runner, monorepo(".github/workflows/fsdcf.yml"))]
    assert both == ["cart", "shop"]
    assert len(changed_services(runner, "0" * 40)) == 2, "a first or a forced push"


def test_an_invalid_revision_is_an_error(runner: Workshop, monorepo: Callable[[str], str]) -> None:
    done = runner.step(MONOREPO, "changes", "Find the services whose spec or source changed", BASE="--output=x")
    assert done.code == 2 and done.outputs == {}


def test_a_plan_of_a_real_merge(runner: Workshop) -> None:
    """With git and fsdcf themselves."""
    work = runner.folder / "work"
    runner.program("fsdcf", f'export PYTHONPATH="{ROOT}"\n{REAL}')
    (work / "shop.yml").write_text(HELLO, encoding="utf-8")
    git(runner, "init", "-q", "-b", "main")
    git(runner, "add", ".")
    git(runner, "commit", "-qm", "base")
    git(runner, "checkout", "-q", "-b", "change")
    (work / "shop.yml").write_text(HELLO + "  resources: {cpu: 1024, memory: 2048}\n", encoding="utf-8")
    git(runner, "commit", "-qam", "larger")
    git(runner, "checkout", "-q", "main")
    git(runner, "merge", "-q", "--no-ff", "-m", "merge", "change")
    done = runner.step(ONE, "plan", "Plan", ENVIRONMENT="prod")
    assert done.code == 0, done.output
    assert runner.step(ONE, "plan", "Write the summary", ENVIRONMENT="prod").code == 0
    comment = (runner.folder / "temp" / "fsdcf" / "comment.md").read_text(encoding="utf-8")
    assert (
        re.search(r"<summary>Cost: \+\d+\.\d\d USD a month", comment)
        and "```mermaid" in comment
        and "There is no plan" not in comment
    )
