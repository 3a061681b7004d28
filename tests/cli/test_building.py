"""``fsdcf build``: from a spec to the command of a builder, which is recorded here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli

SPEC = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: web, owners: team-a}
service:
  port: 8000
  resources: {architecture: arm64}
  build:
    args: {B: two words, A: "1"}
    target: final
    secrets:
      - {id: npm, file: npmrc}
      - {id: token, environment: NPM_TOKEN}
  healthCheck: {container: {command: "true"}}
"""

RECORDER = f"""#!{sys.executable}
import json, os, sys
with open(os.environ["RECORD"], "a") as record:
    record.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1:3] == ["image", "inspect"] or sys.argv[1] == "inspect":
    print(json.dumps([{{"Id": "sha256:" + "a" * 64, "Os": "linux", "Architecture": os.environ.get("ARCH", "arm64")}}]))
elif "build" in sys.argv[1:3] and os.environ.get("FAILS"):
    print("step 3 failed: no such file")
    sys.exit(1)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository with a spec and a Dockerfile, and a docker that records what it is told."""
    programs, folder = tmp_path / "bin", tmp_path / "web"
    programs.mkdir()
    folder.mkdir()
    docker = programs / "docker"
    docker.write_text(RECORDER)
    docker.chmod(0o755)
    (folder / "web.yml").write_text(SPEC)
    (folder / "Dockerfile").write_text("FROM scratch AS final\n")
    (folder / "npmrc").write_text("secret of npm\n")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    monkeypatch.setenv("NPM_TOKEN", "token of npm")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.chdir(folder)
    _git("init", "-q")
    _git("remote", "add", "origin", "https://user:password@git.example/team/web.git")
    _git("add", ".")
    _git("commit", "-q", "-m", "one")
    yield folder


def _git(*words: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=n@example.com")
    return subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True).stdout.strip()


def _build(*words: str) -> Result:
    return CliRunner().invoke(cli, ["build", "web.yml", "--builder", "docker", *words])


def _recorded(tmp_path: Path) -> list[list[str]]:
    return [json.loads(line) for line in (tmp_path / "record").read_text().splitlines()]


def test_the_builder_gets_what_the_spec_says(project: Path, tmp_path: Path) -> None:
    result = _build()
    commit = _git("rev-parse", "HEAD")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"web:{commit[:12]}\n"
    (words,) = [words for words in _recorded(tmp_path) if words[:2] == ["buildx", "build"]]
    pairs = list(pairwise(words))
    for pair in (
        ("--file", "Dockerfile"),
        ("--platform", "linux/arm64"),
        ("--build-arg", "A=1"),
        ("--build-arg", "B=two words"),
        ("--label", f"org.opencontainers.image.revision={commit}"),
        ("--label", "org.opencontainers.image.source=https://git.example/team/web"),
        ("--secret", "id=npm,type=file,src=npmrc"),
        ("--secret", "id=token,type=env,env=NPM_TOKEN"),
        ("--target", "final"),
    ):
        assert pair in pairs, pair
    assert words[-1] == "."
    assert "secret of npm" not in str(words)


def test_what_is_not_committed_is_refused_and_named_in_the_tag(project: Path) -> None:
    (project / "new.txt").write_text("1")
    refused = _build()
    assert refused.exit_code == 2
    assert "--allow-dirty" in refused.output
    first = _build("--allow-dirty").stdout
    (project / "new.txt").write_text("2")
    second = _build("--allow-dirty").stdout
    assert "-dirty-" in first
    assert first != second


def test_outside_a_repository_the_tag_is_asked_for(project: Path) -> None:
    for path in sorted((project / ".git").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (project / ".git").rmdir()
    refused = _build()
    assert refused.exit_code == 2
    assert "--tag" in refused.output
    assert _build("--tag", "v1").stdout == "web:v1\n"


def test_an_image_for_another_processor_is_an_error(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCH", "amd64")
    result = _build()
    assert result.exit_code == 1
    assert "linux/amd64" in result.output
    assert "linux/arm64" in result.output


def test_a_failed_build_shows_its_last_lines(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILS", "1")
    result = _build()
    assert result.exit_code == 1
    assert "step 3 failed" in result.output


def test_without_a_builder_the_command_says_what_is_wrong_with_each(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    git = shutil.which("git")
    assert git
    (project.parent / "only").mkdir()
    (project.parent / "only" / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(project.parent / "only"))
    result = CliRunner().invoke(cli, ["build", "web.yml"])
    assert result.exit_code == 2
    for name in ("docker", "podman", "buildah", "nerdctl", "finch"):
        assert f"{name} is not installed" in result.output
