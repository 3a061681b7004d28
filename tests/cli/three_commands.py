"""The three commands from a folder with a Dockerfile to a service, with buildah and docker-registry: make images."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.containers import FSDCF, Registry, Workspace, missing, temporary_workspace

pytestmark = pytest.mark.skipif(any(missing()), reason="needs root, buildah and docker-registry")

DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
USER 1000:1000
EXPOSE 8080
HEALTHCHECK CMD ["/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/"]
CMD ["/bin/busybox", "httpd", "-f", "-p", "8080"]
"""
VALUE = "correct-horse-battery-staple"


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with temporary_workspace() as made:
        yield made


def test_from_a_folder_with_a_dockerfile_to_a_service(workspace: Workspace) -> None:
    registry, folder = Registry(workspace), workspace.folder / "web"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    shutil.copy(str(shutil.which("busybox")), folder / "busybox")

    def fsdcf(*words: str, text: str = "") -> str:
        done = workspace.tried(*FSDCF, *words, folder=folder, text=text)
        output = done.stdout + done.stderr
        assert done.returncode == 0 and "Traceback" not in output and VALUE not in output, output
        return output

    with registry.serving():
        fsdcf("init", "--from", ".")
        fsdcf("secret", "set", "web.yml", "API_KEY", "--file", "-", "--write", "--sandbox", text=VALUE)
        deployed = fsdcf("deploy", "web.yml", "--build", "--create-repository", "--yes", "--sandbox")
        (tag,) = registry.tags("web")
        digest, _ = registry.manifest(f"web:{tag}")
    assert tag in deployed
    assert tag.startswith("dirty-")  # the folder is not a repository of git
    status = fsdcf("status", "web.yml", "--sandbox")
    assert tag in status or digest in status
    spec = (folder / "web.yml").read_text(encoding="utf-8")
    assert "port: 8080" in spec and "API_KEY" in spec and VALUE not in spec
    listed = fsdcf("secret", "list", "web.yml", "--sandbox")
    assert "API_KEY" in listed
    assert not workspace.left()
    kept = [path for path in (workspace.folder / "cache").rglob("*") if path.is_file() and path.name != "state.sqlite"]
    assert not [path for path in kept if VALUE.encode() in path.read_bytes()]
