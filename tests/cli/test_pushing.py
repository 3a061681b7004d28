"""``fsdcf build --push``: a recorded builder pushes a small image into a registry, whose digest is read back."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli
from fsdcf.cli.options import sandbox_registry
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
    assert "next: fsdcf deploy web.yml --image-sha one" in first.stderr
    count = len(registry.requests)
    again = pushed("--json")
    events = {one["event"]: one for one in map(json.loads, again.stdout.splitlines())}
    assert events["pushed"] == {
        **{"event": "pushed", "repository": f"{registry.address}/web", "tag": "one", "digest": digest},
        **{"existed": True, "noted": False},
    }
    assert events["ended"]["outputs"] == {"web": first.stdout.strip()}
    assert not [*(project.parent / "tmp").iterdir(), *(project.parent / "home").iterdir()]
    assert len(registry.requests) == count


def test_a_repository_is_made_with_consent_only(project: Path, registry: Registry) -> None:
    refused = pushed()
    assert refused.exit_code == 2
    assert "--create-repository" in refused.output
    assert not recorded(project)[:0] and not registry.requests
    assert "fsdcf build web.yml" in refused.output


@pytest.mark.parametrize("buildx", ["docker-container", ""])
def test_docker_pushes_with_a_login_of_its_own(
    project: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch, buildx: str
) -> None:
    """With buildx, the image gets an attestation, and the cache of the registry is used, where the builder can."""
    home = project.parent / "home" / ".docker"
    (home / "contexts").mkdir(parents=True)
    written = '{"credsStore": "desktop", "currentContext": "far", "auths": {"ghcr.io": {}}}'
    (home / "config.json").write_text(written)
    if buildx:
        monkeypatch.setenv("BUILDX", buildx)
    result = pushed("--create-repository", builder="docker")
    assert result.exit_code == 0, result.output
    assert registry.manifests["web", "one"]
    assert (home / "config.json").read_text() == written
    assert not [*(project.parent / "tmp").iterdir(), *(project.parent / "store").iterdir()]
    lines = recorded(project)
    (words,) = [line for line in lines if any("push=true" in word for word in line) or line[1] == "push"]
    assert ("--provenance=mode=min" in words) == (buildx == "docker-container")
    assert (f"type=registry,ref={registry.address}/web:buildcache" in words) == (buildx == "docker-container")
    assert any("registry.insecure=true" in word for word in words) == bool(buildx)
    tagged = [line for line in lines if line[1] in ("tag", "image")]
    assert bool(tagged) == (not buildx) or all(line[2] == "inspect" for line in tagged)


def test_the_token_is_in_no_command_line_and_no_output(
    project: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The builder itself tells its login when it fails; what it says is masked."""
    monkeypatch.setenv("LEAKS", "1")
    passwords: list[str] = []
    monkeypatch.setattr(
        "fsdcf.sandbox.ecr.token",
        lambda *seed, length: passwords.append("staple-horse-battery-correct") or passwords[-1],
    )
    result = pushed("--create-repository", "--json")
    assert result.exit_code == 1
    assert passwords and "the login is" in result.output
    hidden = [passwords[0], b64encode(f"AWS:{passwords[0]}".encode()).decode()]
    texts = [result.output, result.stdout, result.stderr, (project.parent / "record").read_text()]
    texts += [path.read_bytes().decode("latin-1") for path in project.parent.rglob("*") if path.is_file()]
    assert not [text for text in texts for secret in hidden if secret in text]


def test_the_suggested_commands_repeat_what_was_given(project: Path, registry: Registry) -> None:
    given = ("--override", "service.port=8001", "--env", "prod")
    result = pushed(*given)
    assert result.exit_code == 2
    again = "fsdcf build web.yml --push --tag one --builder buildah --env prod --override service.port=8001"
    assert f"{again} --create-repository" in result.output


def test_different_images_are_not_pushed_as_one(project: Path, registry: Registry) -> None:
    shared = SPEC.replace("service:\n", f"service:\n  image: {registry.address}/shared\n", 1)
    (project / "web.yml").write_text(shared)
    (project / "worker.yml").write_text(shared.replace("web", "worker") + "  build: {args: {A: '1'}}\n")
    command = ["build", "web.yml", "worker.yml", "--push", "--sandbox", "--tag", "one"]
    refused = CliRunner().invoke(cli, command)
    assert refused.exit_code == 2
    assert "web and worker have the same repository" in refused.output
    assert not registry.requests


def test_an_interrupted_push_says_how_to_go_on(
    project: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*words: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fsdcf.images.push.run_builder", interrupt)
    result = pushed("--create-repository")
    assert result.exit_code == 130
    assert result.stdout == ""
    assert "fsdcf build web.yml --push --tag one --builder buildah" in result.output
    assert not [*(project.parent / "tmp").iterdir()]


def test_the_registry_of_the_sandbox_is_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("ghcr.io:443", "localhost", "127.0.0.1:0", "localhost:x", "10.0.0.1:5000", "localhost:5000/x"):
        monkeypatch.setenv("FSDCF_SANDBOX_REGISTRY", address)
        with pytest.raises(click.UsageError, match="FSDCF_SANDBOX_REGISTRY"):
            sandbox_registry()
    for address in ("", "localhost:5000", "127.0.0.2:80", "[::1]:5000"):
        monkeypatch.setenv("FSDCF_SANDBOX_REGISTRY", address)
        assert sandbox_registry() == address
