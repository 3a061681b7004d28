"""Copilot's pipelines: the command that writes the workflow which replaces them."""

from __future__ import annotations

from fsdcf.importers.report import Treatment
from tests.importers.conftest import Imports, outcomes

WEB = "name: web\ntype: Backend Service\nimage: {port: 80}\n"
PIPELINE = """name: main
version: 1
source:
  provider: GitHub
  properties: {branch: release/1, repository: https://github.com/acme/shop, connection_name: acme}
build: {image: standard, buildspec: build.yml, additional_policy: {PolicyDocument: {Statement: []}}}
stages:
  - name: test
    requires_approval: false
    test_commands: [make test]
    pre_deployments: {db: {buildspec: a.yml, depends_on: [x]}}
    deployments: {web: {depends_on: [api]}, other: {template_path: a.yml, stack_name: b}, api: }
  - {name: prod, requires_approval: true}
"""


def test_a_pipeline_becomes_a_command(imports: Imports) -> None:
    files = {"copilot/web/manifest.yml": WEB, "copilot/pipelines/main/manifest.yml": PIPELINE}
    result = imports({**files, "copilot/pipelines/main/buildspec.yml": "version: 0.2\n"}, "copilot")
    assert "fsdcf ci github --branch release/1=test --branch prod=prod" in result.later
    assert [each for each in result.later if "reviewers" in each] == [
        "set required reviewers for the environment prod on GitHub"
    ]
    rows = outcomes(result)
    missing = {key for key, outcome in rows.items() if outcome.treatment is Treatment.NOT_CARRIED and "stages" in key}
    assert missing == {
        "stages[0].test_commands",
        "stages[0].pre_deployments.db.buildspec",
        "stages[0].pre_deployments.db.depends_on",
        "stages[0].deployments.other.template_path",
        "stages[0].deployments.other.stack_name",
    }
    assert rows["source.properties.branch"].to == ".github/workflows/fsdcf.yml"
    assert not [row for row in result.report.rows.values() if "pipelines" in row.file and row.spec]
    assert {each.name for each in result.drafts} == {"web", "test", "prod"}


def test_pipelines_share_branches(imports: Imports) -> None:
    second = PIPELINE.replace("name: main", "name: other").replace("release/1", "prod").replace("GitHub", "Bitbucket")
    files = {"copilot/pipelines/a/manifest.yml": PIPELINE, "copilot/pipelines/b/manifest.yml": second}
    result = imports({"copilot/web/manifest.yml": WEB, **files}, "copilot")
    assert "fsdcf ci github --branch release/1=test --branch prod=prod" in result.later
    assert any("GitHub alone" in outcome.note for outcome in outcomes(result).values())


def test_a_branch_that_is_none_is_not_in_the_command(imports: Imports) -> None:
    files = {"copilot/pipelines/a/manifest.yml": PIPELINE.replace("release/1", "'$(rm) x'")}
    result = imports({"copilot/web/manifest.yml": WEB, **files}, "copilot")
    assert "fsdcf ci github --branch test=test --branch prod=prod" in result.later
