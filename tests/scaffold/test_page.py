"""The page about pipelines is true: its options, names and figures are."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fsdcf.cli.main import cli
from fsdcf.compiler.pipeline_stack.model import role_variable
from fsdcf.deploy.permissions.policy import BOUNDARY
from fsdcf.scaffold.comment import Section, comment
from fsdcf.scaffold.sources import WORKFLOW
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "how-to" / "pipeline.md").read_text(encoding="utf-8")
OPTIONS = {
    "ci github": {"--test", "--branch", "--fsdcf", "--check"},
    "bootstrap": {"--oidc-provider", "--env", "--github-ids", "--deploy", "--artifacts-bucket"},
    "permissions": {"--account", "--region"},
    "deploy": {"--allow"},
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
def test_every_option_in_the_text_is_there(command: str) -> None:
    assert OPTIONS[command] <= options_of(command_of(command.split()))
    assert all(f"`{name}" in PAGE or f" {name}" in PAGE for name in OPTIONS[command])


def test_its_names_are_ours() -> None:
    assert BOUNDARY in PAGE and WORKFLOW in PAGE and role_variable("staging") in PAGE


def test_the_cost_of_its_example_is_what_fsdcf_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (spec,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    (more,) = re.findall(r"adds `(resources: [^`]*)`", PAGE)
    (tmp_path / "old.yml").write_text(spec, encoding="utf-8")
    (tmp_path / "shop.yml").write_text(spec.replace("  build:\n", f"  {more}\n  build:\n"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["cost", "old.yml", "shop.yml", "--env", "prod", "--format", "markdown"])
    assert done.exit_code == 0, done.output
    text = comment([Section("`shop.yml`", "plan", done.stdout, "")], "prod")
    shown = [line.removeprefix("> ") for line in PAGE.splitlines() if line.startswith("> |")]
    assert len(shown) == 7 and "\n".join(shown) in text
    (headline,) = re.findall(r"^> \*\*(Cost: .*)\*\*$", PAGE, re.M)
    assert f"<summary>{headline}</summary>" in text
