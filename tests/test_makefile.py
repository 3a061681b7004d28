"""The Makefile's targets for a service: which spec they find, and what they say where there is none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers import missing

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
        (("deploy", "SERVICE=shop", "BUILD=1"), "deploy --build --env staging services/shop.yml"),
        (("deploy", "SERVICE=shop", "BUILD="), "deploy --env staging services/shop.yml"),
        (
            ("deploy", "SERVICE=hello", "BUILD=1", "IMAGE_SHA=v1", "ARGS=--sandbox"),
            "deploy --build --image-sha v1 --sandbox --env staging examples/hello.yml",
        ),
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


BREAKOUTS = (
    *(
        '"; touch pwned; "',
        "'; touch pwned; '",
        "`touch pwned`",
        "$(touch pwned)",
        ";touch pwned",
        "| touch pwned",
        "&touch pwned",
    ),
    *(
        "$$(touch pwned)",
        "$${x:-`touch pwned`}",
        "\\`touch pwned`",
        "a\ntouch pwned",
        "a\\\ntouch pwned",
        "${shell touch pwned}",
    ),
    *(
        "$(shell touch pwned)",
        "$(eval $(shell touch pwned))",
        "$(error x)",
        "# touch pwned",
        "%",
        "*",
        "-x",
        "$(value SHELL)",
    ),
)


@pytest.mark.parametrize("text", BREAKOUTS)
@pytest.mark.parametrize("how", ["argument", "environment"])
def test_a_value_is_never_run(checkout: Path, how: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"ENV": text, "IMAGE_SHA": text, "ARGS": text, "BIN": text, "READY": text, "ENVIRONMENT": text}
    for target, given in (
        ("deploy", {"SERVICE": "hello", **values}),
        ("deploy", {"SERVICE": "hello", "BUILD": text}),
        ("validate", {"SERVICE": text}),
        ("validate", {"PYTHON": text}),
    ):
        if "PYTHON" in given:
            (checkout / ".venv" / ".ready").unlink()
        for name, value in given.items() if how == "environment" else ():
            monkeypatch.setenv(name, value)
        made = make(checkout, target, *(f"{name}={value}" for name, value in given.items() if how == "argument"))
        assert not {"PYTHON", "BUILD"} & {*given} or made.returncode == 2
    assert not list(checkout.rglob("pwned"))


def test_values_reach_the_program_as_they_are_written(checkout: Path) -> None:
    program = checkout / ".venv" / "bin" / "fsdcf"
    program.write_text("#!/bin/sh\nfor word; do printf '[%s]' \"$word\"; done\n", encoding="utf-8")
    arguments = ("SERVICE=hello", "ENV=$(x) $y", "IMAGE_SHA=a b", "ARGS=--var 'A=b  c' --var \"B=$(d)\" e\\ f")
    assert make(checkout, "deploy", *arguments).stdout == (
        "[deploy][--image-sha][a b][--var][A=b  c][--var][B=$(d)][e f][--env][$(x) $y][examples/hello.yml]"
    )


def test_a_file_is_not_an_option(checkout: Path) -> None:
    (checkout / "--plan-only.yml").touch()
    assert make(checkout, "validate", "SERVICE=--plan-only").stdout == "validate --env staging ./--plan-only.yml\n"


def test_listed_names_are_escaped(checkout: Path) -> None:
    (checkout / "services" / "a\n::error::x\x1b[31m.yml").touch()
    told = make(checkout, "validate", "SERVICE=none").stderr
    assert "services/a?::error::x?[31m" in told and "\x1b" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("template", "SERVICE=hell"), "no service or environment 'hell'"),
        (("deploy",), "SERVICE is missing"),
        (("deploy", "SERVICE=hello", "BUILD=yes"), "BUILD must be 1"),
    ],
)
def test_what_is_missing_is_said(checkout: Path, arguments: tuple[str, ...], told: str) -> None:
    made = make(checkout, *arguments)
    assert (made.returncode, made.stdout) == (2, "")
    assert told in made.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="is for Linux")
def test_make_images_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    root, packages = missing()
    assert "root" in root
    assert packages.endswith("apt-get install buildah docker-registry debootstrap git busybox-static")
    for name in ("buildah", "docker-registry", "git", "busybox"):
        (tmp_path / name).write_bytes(b"\x7fELF /lib64/ld-linux" if name == "busybox" else b"#!")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (packages,) = missing()
    assert packages.endswith("apt-get install debootstrap busybox-static")
