"""The golden workflows: read their difference before you accept it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from fsdcf.cli.main import cli
from fsdcf.scaffold.workflow import workflow
from tests.cli.test_init_from import CASES, written
from tests.scaffold.samples import ALL

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", sorted(ALL))
def test_golden(name: str) -> None:
    check(GOLDEN / f"{name}.yml", workflow(ALL[name]))


@pytest.mark.parametrize("name", ["express", "gin on scratch", "celery", "a check of its own", "nothing"])
def test_a_spec_and_what_is_said_of_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if name in CASES:
        written({"Dockerfile": CASES[name].dockerfile, **CASES[name].files})
    said = CliRunner().invoke(cli, ["init", "shop"], catch_exceptions=False).stderr
    check(GOLDEN / f"init-{name.replace(' ', '-')}.txt", f"{said}\n{Path('shop.yml').read_text('utf-8')}")


def check(file: Path, text: str) -> None:
    if os.environ.get("FSDCF_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text, (
        "differs from the golden file: make golden, and read the difference"
    )
