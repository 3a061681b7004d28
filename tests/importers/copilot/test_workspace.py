"""The files of a Copilot workspace by what they describe."""

from __future__ import annotations

import pytest

from fsdcf.importers.copilot.workspace import Workspace, claims, environment_name, workspace_of
from fsdcf.importers.report import Treatment
from fsdcf.importers.source import Source
from tests.importers.conftest import Imports

WEB = "name: web\ntype: Load Balanced Web Service\n"
FILES = {
    "copilot/.workspace": "application: shop\n",
    "copilot/web/manifest.yml": f"{WEB}environments: {{prod: {{count: 2}}}}\n",
    "copilot/web/addons/cache.yml": "Resources: {}\n",
    "copilot/web/overrides/cfn.patches.yml": "[]\n",
    "copilot/users/manifest.yml": "name: users\ntype: Backend Service\nhttp: {path: /}\n",
    "copilot/environments/test/manifest.yml": "name: test\ntype: Environment\n",
    "copilot/environments/addons/table.yml": "Resources: {}\n",
    "copilot/pipelines/main/manifest.yml": "name: main\nsource: {provider: GitHub}\nstages: [{name: stage}, 3]\n",
}


def _workspace(files: dict[str, str]) -> Workspace:
    return workspace_of(_source(path, text) for path, text in files.items())


def _source(path: str, text: str) -> Source:
    return Source(path, path, text.encode(), False, path.split("/")[-2] if "/" in path else "here")


def test_files_are_grouped_by_what_they_describe() -> None:
    workspace = _workspace(FILES)
    assert workspace.application == "shop"
    assert list(workspace.workloads) == ["users", "web"] and list(workspace.pipelines) == ["main"]
    assert {name: bool(source) for name, source in workspace.environments.items()} == {
        "test": True,
        "prod": False,
        "stage": False,
    }
    assert set(workspace.addons) == {"web", "environments"} and set(workspace.overrides) == {"web"}
    assert workspace.balancers == ["public", "internal"]


@pytest.mark.parametrize("path", ["manifest.yml", "deploy/web.yaml", "a/copilot/b/copilot/web/manifest.yml"])
def test_a_manifest_alone_is_a_workspace(path: str) -> None:
    assert claims(_source(path, WEB))
    workspace = _workspace({path: WEB})
    assert list(workspace.workloads) == ["web"] and list(workspace.environments) == ["staging"]


def test_files_are_claimed_by_their_type_or_their_place() -> None:
    assert [path for path in FILES if claims(_source(path, FILES[path]))] == [
        path for path in FILES if path.endswith((".workspace", "manifest.yml"))
    ]
    assert claims(_source("copilot/web/manifest.yml", "{{ go"))
    assert not claims(_source("web.yml", "apiVersion: fsd/v1\nkind: Service\nservice: {type: Backend Service}\n"))
    assert not claims(_source("a.yml", "type: [Backend Service]\n"))


def test_a_name_of_an_environment_fits_the_language() -> None:
    assert environment_name("Production_EU-with-a-long-name") == "production-eu-with-a"


def test_of_two_manifests_with_one_name_copilots_counts(imports: Imports) -> None:
    files = {"copilot/jobs/web/manifest.yml": WEB, "copilot/web/manifest.yml": f"{WEB}count: 7\n"}
    result = imports(files)
    web = next(each for each in result.drafts if each.name == "web")
    assert web.block.get("resources.desiredCount") == 7
    left = [row for row in result.report.rows.values() if row.file == "copilot/jobs/web/manifest.yml"]
    assert [(row.key, row.outcome.treatment) for row in left] == [("", Treatment.NOT_CARRIED)]
