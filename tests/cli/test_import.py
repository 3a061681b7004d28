"""``fsdcf import``: what it writes where, its reports and its exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli

WEB = "name: web\nplatform: ecs\ncompute: {cpu: 256, memory: 512}\n"
LOSS = WEB + "colour: red\n"
PYTHON = "version: 1.0\nruntime: python311\nrun: {command: python app.py}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the test, which is the current one, with a document."""
    monkeypatch.chdir(tmp_path)
    Path("web.yml").write_text(WEB, encoding="utf-8")
    return tmp_path


def imported(*words: str) -> Result:
    return CliRunner().invoke(cli, ["import", "--no-lint", *words])


def written(place: str = ".") -> dict[str, bytes]:
    """The files that an import has written, by their paths."""
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for kind in ("services", "environments")
        for path in Path(place, kind).glob("*")
    }


def test_the_specs_are_in_the_current_folder_or_elsewhere() -> None:
    ended = imported("web.yml")
    assert ended.exit_code == 0 and [*written()] == ["services/web.yml"]
    assert "wrote services/web.yml" in ended.stderr and "fsdcf validate services/web.yml" in ended.stderr
    assert imported("web.yml", "-o", "new/place").exit_code == 0
    assert written("new/place") == written()


def test_two_runs_give_the_same_bytes_and_reports() -> None:
    first = imported("web.yml")
    before = written()
    second = imported("web.yml", "--force")
    assert (first.stdout, before) == (second.stdout, written())


def test_nothing_is_overwritten_without_force() -> None:
    Path("services").mkdir()
    Path("services/web.yml").write_text("mine\n", encoding="utf-8")
    ended = imported("web.yml")
    assert ended.exit_code == 2 and "already exists" in ended.stderr and "--force" in ended.stderr
    assert Path("services/web.yml").read_text(encoding="utf-8") == "mine\n"
    assert imported("web.yml", "--force").exit_code == 0
    assert b"apiVersion: fsd/v1" in written()["services/web.yml"]


def test_a_folder_is_imported_again_with_the_specs_in_it() -> None:
    assert imported(".").exit_code == 0
    before = written()
    assert imported(".").exit_code == 2
    assert imported(".", "--force").exit_code == 0 and written() == before


def test_a_source_is_never_overwritten() -> None:
    Path("services").mkdir()
    Path("services/web.yml").write_text(WEB, encoding="utf-8")
    ended = imported("services/web.yml", "--force")
    assert ended.exit_code == 2 and "is a source of the import" in ended.stderr
    assert Path("services/web.yml").read_text(encoding="utf-8") == WEB


def test_the_exit_code_tells_whether_everything_is_carried() -> None:
    Path("loss.yml").write_text(LOSS, encoding="utf-8")
    Path("broken.yml").write_text("name: web\nplatform: ecs\nimage: '/x'\n", encoding="utf-8")
    codes = [imported(name, "-o", name[:3]).exit_code for name in ("web.yml", "loss.yml", "broken.yml", "none.yml")]
    assert codes == [0, 4, 4, 2]
    assert {*written("los")} == {*written("bro")} == {"services/web.yml"}


def test_the_report_as_json_and_markdown() -> None:
    Path("loss.yml").write_text(LOSS, encoding="utf-8")
    ended = imported("loss.yml", "--format", "json")
    report = json.loads(ended.stdout)
    assert ended.exit_code == 4 and "wrote" not in ended.output
    assert report["counts"] == {"carried": 4, "changed": 0, "not carried": 1}
    assert report["written"] == ["services/web.yml"]
    assert report["keys"][-1] | {"note": ""} == {
        "file": "loss.yml",
        "line": 4,
        "key": "colour",
        "treatment": "not carried",
        "to": [],
        "note": "",
        "spec": "services/web.yml",
    }
    lines = imported("loss.yml", "--force", "--format", "markdown").stdout.splitlines()
    assert lines[0].startswith("## 5 keys") and "| 4 | <code>colour</code> | **not carried**: " in "\n".join(lines)


@pytest.mark.parametrize("name", ["a b/my service.yml", "ünï/čeština.yaml", "-dash.yml", "'quoted'.json", "a\tb.yml"])
def test_names_of_files_may_have_any_characters(name: str) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(json.dumps({"name": "Café", "platform": "ecs"}), encoding="utf-8")
    ended = imported("-o", "out", "--", name)
    assert ended.exit_code == 0 and [*written("out")] == ["services/cafe.yml"], ended.output


def test_several_formats_in_a_folder_are_a_question() -> None:
    Path("app").mkdir()
    Path("app/apprunner.yaml").write_text(PYTHON, encoding="utf-8")
    ended = imported(".")
    assert ended.exit_code == 2 and "--from" in ended.stderr and not written()
    assert "apprunner: app/apprunner.yaml" in ended.stderr and "flat: web.yml" in ended.stderr
    assert imported(".", "--from", "flat").exit_code == 0 and [*written()] == ["services/web.yml"]


@pytest.mark.parametrize("name", ["copilot", "ecs", "apprunner"])
def test_a_file_of_another_format_is_refused(name: str) -> None:
    ended = imported("web.yml", "--from", name)
    assert ended.exit_code == 2 and "--from" in ended.stderr and not written(), ended.output
    assert "Traceback" not in ended.output


def test_a_folder_without_files_of_other_tools() -> None:
    Path("empty").mkdir()
    Path("notes.yml").write_text("a: b\n", encoding="utf-8")
    Path("spec.yml").write_text("apiVersion: fsd/v1\nkind: Service\n", encoding="utf-8")
    for words, said in (
        (["empty"], "no file that can be imported"),
        (["notes.yml"], "--from"),
        (["spec.yml"], "already"),
    ):
        ended = imported(*words)
        assert ended.exit_code == 2 and said in ended.stderr, ended.output


def test_a_link_to_a_source_is_the_same_source() -> None:
    os.symlink("web.yml", "a-link.yml")
    os.symlink(".", "loop")
    os.symlink("nowhere.yml", "broken.yml")
    assert imported(".").exit_code == 0 and [*written()] == ["services/web.yml"]


@pytest.mark.parametrize("path", ["-", "/dev/null", "missing/web.yml"])
def test_what_is_not_a_file_is_a_usage_error(path: str) -> None:
    ended = imported(path)
    assert ended.exit_code == 2 and "cannot read" in ended.stderr and not written()


def test_fifty_documents_of_a_folder() -> None:
    for number in range(50):
        platform = "lambda" if number % 10 == 9 else "ecs"
        text = f"name: service-{number}\nplatform: {platform}\nenvironment: {{A: b}}\n"
        Path(f"{number:02}.yml").write_text(text, encoding="utf-8")
    ended = imported(".", "-o", "out")
    assert ended.exit_code == 4 and len(written("out")) == 46
    assert "and 26 other files" in ended.stderr and ended.stdout.count("fsdcf does not deploy functions") == 5


def test_a_document_for_another_platform_alone_writes_nothing() -> None:
    Path("web.yml").write_text(WEB.replace("ecs", "eks"), encoding="utf-8")
    ended = imported("web.yml")
    assert ended.exit_code == 4 and not written() and "Usage" not in ended.output
    assert "fsdcf does not deploy to Kubernetes" in ended.output


def test_a_manifest_alone_has_what_its_workspace_says_of_it() -> None:
    files = {
        ".workspace": "application: shop\n",
        "environments/test/manifest.yml": "name: test\ntype: Environment\n",
        "web/manifest.yml": "name: web\ntype: Backend Service\nimage: {location: 'nginx:1.27'}\n",
        "web/addons/mail.yml": "Resources: {Mail: {Type: 'AWS::SES::Template'}}\n",
        "api/manifest.yml": "name: api\ntype: Backend Service\nimage: {location: 'nginx:1.27'}\n",
    }
    for name, text in files.items():
        path = Path("copilot", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    ended = imported("copilot/web/manifest.yml", "--no-lint")
    assert ended.exit_code == 0, ended.output
    assert "fsdcf validate environments services/web.yml" in ended.stderr
    found = sorted(path.as_posix() for path in Path().rglob("*.yml") if "copilot" not in path.parts)
    assert found == ["environments/test.yml", "services/addons/web/mail.yml", "services/web.yml", "web.yml"]
    assert "pack: shop" in Path("services/web.yml").read_text(encoding="utf-8")


TASK = '{"family": "shop", "containerDefinitions": [{"name": "web", "image": "web:1"}]}'
DEPLOYS = """
jobs:
  deploy:
    steps:
      - uses: aws-actions/amazon-ecs-deploy-task-definition@v2
        with: {task-definition: .aws/task-definition.json, service: storefront}
"""


def test_the_workflow_of_the_repository_deploys_a_task_definition(folder: Path) -> None:
    for path, text in {
        "shop/.aws/task-definition.json": TASK,
        "shop/other.json": TASK,
        "shop/.github/workflows/deploy.yml": DEPLOYS,
        ".github/workflows/deploy.yml": DEPLOYS.replace("storefront", "elsewhere"),
    }.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
    Path("shop/.git").mkdir()
    assert imported("shop/.aws/task-definition.json").exit_code == 0
    assert [*written()] == ["services/storefront.yml"]
    assert imported("shop/other.json").exit_code == 0
    assert [*written()] == ["services/shop.yml", "services/storefront.yml"]


def test_jsonnet_is_rendered_first() -> None:
    Path("ecs-task-def.jsonnet").write_text("local name = 'web';\n{family: name}\n", encoding="utf-8")
    ended = imported("ecs-task-def.jsonnet")
    assert ended.exit_code == 2 and "ecspresso render" in ended.stderr and "S0" not in ended.stderr


COPILOT = {
    "copilot/.workspace": "application: shop\n",
    "copilot/mails/manifest.yml": "name: mails\ntype: Worker Service\nimage: {build: Dockerfile}\n"
    "variables: {API_TOKEN: plain-4711-token}\n",
    "copilot/environments/prod/manifest.yml": "name: prod\ntype: Environment\n",
    "copilot/environments/test/manifest.yml": "name: test\ntype: Environment\n",
}


def test_the_next_steps_lead_to_a_deploy(folder: Path) -> None:
    for path, text in COPILOT.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    steps = [line.removeprefix("  next:").strip() for line in imported("copilot").stderr.splitlines()[1:]]
    assert steps == [
        "fsdcf secret set services/mails.yml API_TOKEN --env test",
        "fsdcf validate environments services/mails.yml",
        "fsdcf deploy environments services/mails.yml --env test --image-sha first --sandbox",
    ]
    assert CliRunner().invoke(cli, ["validate", "--no-lint", "environments", "services/mails.yml"]).exit_code == 0


def test_what_has_another_way_in_is_named() -> None:
    Path("Dockerfile").write_text("FROM scratch\n")
    Path("pods.yml").write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n")
    build, pods = imported("Dockerfile"), imported("pods.yml")
    assert build.exit_code == pods.exit_code == 2 and not written()
    assert "`fsdcf init --from .`" in build.stderr
    assert "Kubernetes" in pods.stderr and "nothing was written" in pods.stderr
