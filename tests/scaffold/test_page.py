"""The options, names and figures on the page about pipelines are correct."""

from __future__ import annotations

import re

import click
import pytest

from fsdcf.cli.commands.init import SCHEMA
from fsdcf.cli.main import cli
from fsdcf.conventions import BOUNDARY, role_variable
from fsdcf.scaffold.comment import MARK
from fsdcf.scaffold.sources import WORKFLOW
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "how-to" / "pipeline.md").read_text(encoding="utf-8")
OPTIONS = {
    "ci github": {"--test", "--branch", "--fsdcf", "--check"},
    "bootstrap": {
        *("--oidc-provider", "--env", "--github-ids", "--deploy", "--branch", "--per-service"),
        "--permissions-boundary",
    },
    "permissions": {"--account", "--region"},
    "deploy": {"--allow", "--role-arn", "--image-sha"},
}


def command_of(words: list[str]) -> click.Command:
    found: click.Command = cli
    for word in words:
        context = click.Context(found)
        below = found.get_command(context, word) if isinstance(found, click.Group) else None
        if below is None:
            break
        found = below
    assert found is not cli, f"there is no command {words[0]}"
    return found


def options_of(command: click.Command) -> set[str]:
    return {name for one in command.params for name in one.opts}


@pytest.mark.parametrize("command", OPTIONS)
def test_every_option_in_the_text_exists(command: str) -> None:
    assert OPTIONS[command] <= options_of(command_of(command.split()))
    assert all(f"`{name}" in PAGE or f" {name}" in PAGE for name in OPTIONS[command])


def test_the_names_on_the_page_are_those_of_the_workflow() -> None:
    assert BOUNDARY in PAGE and WORKFLOW in PAGE and role_variable("staging") in PAGE


def test_the_spec_on_the_page_has_the_boundary_that_bootstrap_creates() -> None:
    assert set(re.findall(r"^ +permissionsBoundary: (.+)$", PAGE, re.MULTILINE)) == {BOUNDARY}


def test_the_schema_that_a_new_spec_names_is_the_file_in_the_repository() -> None:
    home, _, file = SCHEMA.partition("/main/")
    assert home == "https://raw.githubusercontent.com/" + re.findall(r"uses: (\S+)@COMMIT", PAGE)[0]
    assert f"`{file}`" in PAGE and (ROOT / file).is_file()


def test_the_comment_shows_a_plan_a_cost_and_a_drawing() -> None:
    """That it is what fsdcf prints, the test of the generated pages says."""
    shown = PAGE.partition("<!-- comment -->\n")[2].partition("<!-- end of comment -->\n")[0]
    assert shown.startswith(MARK) and "There is no plan" not in shown
    parts = ["**Plan**: 1 replaced", "**Rollback safety**", "replaced (1)", "<summary>Cost: +", "```mermaid"]
    assert [shown.index(one) for one in parts] == sorted(shown.index(one) for one in parts)
