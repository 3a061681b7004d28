"""The workflows, the action and the hook against GitHub's schemas and zizmor in auditor mode."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fsdcf.scaffold.workflow import workflow
from tests.conftest import ROOT
from tests.scaffold.samples import ALL

OWN = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent
AUDITOR = [
    BIN / "zizmor",
    "--offline",
    "--no-config",
    "--no-ignores",
    "--no-progress",
    "--persona",
    "auditor",
    "--format",
    "plain",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("repository") / ".github" / "workflows"
    folder.mkdir(parents=True)
    for name, wanted in ALL.items():
        (folder / f"{name}.yml").write_text(workflow(wanted), encoding="utf-8")
    return sorted(folder.iterdir())


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(one) for one in command], capture_output=True, text=True, check=False)


def test_zizmor_finds_nothing(files: list[Path]) -> None:
    done = run(*AUDITOR, *files, *OWN, ROOT / "action.yml", ROOT / ".pre-commit-hooks.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout


def test_zizmor_finds_a_flaw(files: list[Path], tmp_path: Path) -> None:
    worse = tmp_path / "worse.yml"
    worse.write_text(
        files[0].read_text(encoding="utf-8").replace("persist-credentials: false", "fetch-tags: false"),
        encoding="utf-8",
    )
    done = run(*AUDITOR, worse)
    assert done.returncode != 0 and "artipacked" in done.stdout


def test_the_workflows_match_the_schema_of_github(files: list[Path]) -> None:
    done = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files, *OWN)
    assert done.returncode == 0, done.stdout


def test_the_action_matches_the_schema_of_github() -> None:
    done = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-actions", ROOT / "action.yml")
    assert done.returncode == 0, done.stdout


def test_the_hook_runs_an_existing_command() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {"id", "name", "entry", "language"} <= set(hook)
    assert hook["entry"].split()[:2] == ["fsdcf", "validate"] and hook["language"] == "python"
    assert hook["args"][-1] == "--", "the names of files follow, which are no options"
