"""The Makefile's targets for a service: which spec they find, and what they say where there is none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile and its scripts beside two specs, with a program in fsdcf's place that tells what it was asked."""
    for part in ("Makefile", "setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / part, tmp_path / part)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    services = ("services/shop.yml", "examples/shop.yml", "examples/hello.yml")
    shared = "examples/environments"
    environments = ("environments/prod.yml", f"{shared}/staging.yml", f"{shared}/prod.yml")
    for spec in (*services, *environments):
        (tmp_path / spec).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / spec).write_text("", encoding="utf-8")
    program = tmp_path / ".venv" / "bin" / "fsdcf"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / ".venv" / ".ready").touch()
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    outer = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(["make", *arguments], cwd=folder, env=outer, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("template", "SERVICE=hello"), "template -o build/ --env staging examples/hello.yml"),
        (("template", "SERVICE=shop", "ENV=prod"), "template -o build/ --env prod services/shop.yml"),
        (
            ("template",),
            "template -o build/ --env staging examples/environments/staging.yml services/shop.yml examples/hello.yml",
        ),
        (
            ("template", "ENV=prod"),
            "template -o build/ --env prod environments/prod.yml services/shop.yml examples/hello.yml",
        ),
        (("template", "SERVICE=prod"), "template -o build/ environments/prod.yml"),
        (("template", "SERVICE=staging"), "template -o build/ examples/environments/staging.yml"),
        (("template", "SERVICE=environments/prod"), "template -o build/ environments/prod.yml"),
        (("template", "SERVICE=examples/shop.yml"), "template -o build/ --env staging examples/shop.yml"),
        (("validate", "SERVICE=hello"), "validate --env staging examples/hello.yml"),
        (("deploy", "SERVICE=shop"), "deploy --env staging services/shop.yml"),
        (
            ("deploy", "SERVICE=hello", "ENV=prod", "IMAGE_SHA=3f2c1ab", "ARGS=--sandbox --yes"),
            "deploy --image-sha 3f2c1ab --sandbox --yes --env prod examples/hello.yml",
        ),
    ],
)
def test_a_service_is_found_by_its_name(checkout: Path, arguments: tuple[str, ...], asked: str) -> None:
    made = make(checkout, *arguments)
    assert (made.returncode, made.stdout.strip()) == (0, asked), made.stderr


def test_the_readme_s_deploy_names_an_image_as_a_first_one_must(checkout: Path) -> None:
    (line,) = re.findall(r"`make (deploy [^`]*)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert make(checkout, *line.split()).stdout.split() == [
        "deploy",
        *["--image-sha", "3f2c1ab", "--sandbox", "--env", "staging", "examples/hello.yml"],
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("template", "SERVICE=hell"), "no service or environment 'hell'"), (("deploy",), "SERVICE is missing")],
)
def test_what_is_missing_is_said(checkout: Path, arguments: tuple[str, ...], told: str) -> None:
    made = make(checkout, *arguments)
    assert (made.returncode, made.stdout) == (2, "")
    assert told in made.stderr
