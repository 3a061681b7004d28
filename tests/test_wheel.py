"""The wheel: exactly the files it should hold, and a program that runs from anywhere once installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

import fsdcf

ROOT = Path(__file__).parent.parent
SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "fsdcf", "templates")
METADATA = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt")
HELLO = """\
apiVersion: fsd/v1
kind: Service
metadata:
  name: hello
  pack: demo
service:
  type: ecs
  port: 8000
"""

pytestmark = pytest.mark.xdist_group("wheel")


def run(command: list[str | Path], folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """A command with nothing of this environment but the path, so that only what is installed can be found."""
    offline = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), **offline}
    done = subprocess.run([str(one) for one in command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the sources: built offline, untouched by what earlier builds left in the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "sources"
    copy.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist"], copy, folder)
    (built,) = (folder / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; it borrows the dependencies of this one, but not the package."""
    folder = tmp_path_factory.mktemp("installed")
    run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], folder, folder)
    python = folder / "venv" / "bin" / "python"
    options = ["--no-deps", "--no-compile", "--quiet"]
    run([sys.executable, "-m", "pip", "--python", python, "install", *options, wheel], folder, folder)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def test_the_wheel_holds_exactly_what_it_should(wheel: Path) -> None:
    package = [file.relative_to(ROOT).as_posix() for file in (ROOT / "fsdcf").rglob("*.py")]
    shipped = [file for file in (ROOT / "templates").rglob("*") if file.suffix in (".j2", ".py", ".txt")]
    templates = [f"fsdcf/templates/{file.relative_to(ROOT / 'templates').as_posix()}" for file in shipped]
    data = [file.relative_to(ROOT).as_posix() for file in (ROOT / "fsdcf").glob("*/data/*.json")]
    metadata = [f"fsdcf-{fsdcf.__version__}.dist-info/{name}" for name in METADATA]
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    assert sorted(names) == sorted([*package, "fsdcf/py.typed", *data, *templates, *metadata])
    assert "fsdcf/cloudformation/data/facts.json" in names
    assert "fsdcf/templates/spec.yml.j2" in names
    assert {"fsdcf/templates/workflows/fsdcf.yml.j2", "fsdcf/templates/workflows/requirements.txt"} <= set(names)
    assert "fsdcf/templates/services/shared/.dockerignore.j2" in names


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        metadata = archive.read(f"fsdcf-{fsdcf.__version__}.dist-info/METADATA").decode()
        points = archive.read(f"fsdcf-{fsdcf.__version__}.dist-info/entry_points.txt").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.10" in metadata
    for name in ("boto3", "cerberus", "cfn-lint", "click", "jinja2", "pyyaml", "rich", "troposphere"):
        assert f"\nRequires-Dist: {name}<" in metadata, name
    assert "fsdcf = fsdcf.cli.main:main" in points
    assert "fsd = fsdcf.cli.main:main" in points


def test_the_installed_program_compiles_elsewhere(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "hello.yml").write_text(HELLO, encoding="utf-8")
    code = "import fsdcf.compiler.service as c, fsdcf.scaffold as s; print(c.__file__); print(s.__file__)"
    places = run([installed, "-c", code], tmp_path, tmp_path).stdout.split()
    assert all(Path(place).is_relative_to(installed.parent.parent) for place in places)
    for program in ("fsdcf", "fsd"):
        said = run([installed.parent / program, "--version"], tmp_path, tmp_path).stdout
        assert said == f"fsdcf {fsdcf.__version__}\n"
    template = run([installed.parent / "fsdcf", "template", "hello.yml", "--env", "staging"], tmp_path, tmp_path).stdout
    assert "Type: AWS::ECS::Service" in template
