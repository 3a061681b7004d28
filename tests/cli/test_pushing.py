"""``fsdcf build --push``: a recorded builder pushes a small image into a registry, whose digest is read back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli
from tests.builder import install
from tests.registry import Registry, serving_registry

SPEC = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: web, owners: team-a}
service:
  port: 8000
  healthCheck: {container: {command: "true"}}
"""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    with serving_registry() as made:
        monkeypatch.setenv("FSDCF_SANDBOX_REGISTRY", made.address)
        yield made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec and a Dockerfile, and builders that are recorded."""
    install(tmp_path / "bin", "buildah", "docker")
    folder = tmp_path / "web"
    for path in (folder, tmp_path / "store", tmp_path / "home", tmp_path / "tmp"):
        path.mkdir()
    (folder / "web.yml").write_text(SPEC)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for name, path in (("RECORD", "record"), ("STORE", "store"), ("HOME", "home"), ("TMPDIR", "tmp")):
        monkeypatch.setenv(name, str(tmp_path / path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr("fsdcf.images.push._PAUSE", 0.1)
    monkeypatch.chdir(folder)
    return folder


def pushed(*words: str, builder: str = "buildah", tag: str = "one") -> Result:
    command = ["build", "web.yml", "--push", "--sandbox", "--builder", builder, "--tag", tag, *words]
    return CliRunner().invoke(cli, command)


def recorded(project: Path) -> list[list[str]]:
    file = project.parent / "record"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_an_image_is_pushed_and_its_digest_read_back(project: Path, registry: Registry) -> None:
    first = pushed("--create-repository")
    assert first.exit_code == 0, first.output
    digest = registry.put("other", "one", registry.manifests["web", "one"][1])
    assert first.stdout == f"{registry.address}/web:one@{digest}\n"
    count = len(registry.requests)
    again = pushed()
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert "is there already" in again.stderr
    assert len(registry.requests) == count


def test_nothing_of_the_login_is_left(project: Path, registry: Registry) -> None:
    assert pushed("--create-repository").exit_code == 0
    assert not [*(project.parent / "tmp").iterdir(), *(project.parent / "home").iterdir()]


def test_a_repository_is_made_with_consent_only(project: Path, registry: Registry) -> None:
    refused = pushed()
    assert refused.exit_code == 2
    assert "--create-repository" in refused.output
    assert not recorded(project)[:0] and not registry.requests
    assert "fsdcf build web.yml" in refused.output
