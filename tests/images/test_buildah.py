"""Buildah builds: an image, a failure, and an interrupt that leaves nothing. Skipped where it is not installed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli
from fsdcf.deploy.model import Event
from fsdcf.images.build import BuilderProgress, build_image
from fsdcf.images.builders import Buildah, ImageBuild

BUSYBOX = shutil.which("busybox")

pytestmark = pytest.mark.skipif(
    not BUSYBOX or not shutil.which("buildah") or os.getuid() != 0, reason="needs buildah, busybox and root"
)

SPEC = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: web, owners: team-a}
service:
  port: 8000
  healthCheck: {container: {command: "true"}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec and a program, and a store of images of its own."""
    store = tmp_path / "storage.conf"
    paths = f'runroot="{tmp_path / "run"}"\ngraphroot="{tmp_path / "root"}"\n'
    store.write_text(f'[storage]\ndriver="vfs"\n{paths}')
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(store))
    monkeypatch.setenv("STORAGE_DRIVER", "vfs")
    monkeypatch.setenv("BUILDAH_ISOLATION", "chroot")
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "web.yml").write_text(SPEC)
    shutil.copy(str(BUSYBOX), folder / "sh")
    monkeypatch.chdir(folder)
    return folder


def _build(*words: str) -> Result:
    return CliRunner().invoke(cli, ["build", "web.yml", "--builder", "buildah", "--tag", "v1", *words])


def test_an_image_and_a_failure(folder: Path) -> None:
    (folder / "Dockerfile").write_text('FROM scratch\nCOPY sh /bin/sh\nSHELL ["/bin/sh", "-ec"]\n')
    result = _build("--json")
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in result.stdout.splitlines()]
    (built,) = [event for event in events if event["event"] == "built"]
    described = subprocess.run(["buildah", "inspect", "--type", "image", "web:v1"], check=True, capture_output=True)
    image = json.loads(described.stdout)
    assert built["id"] == f"sha256:{image['FromImageID']}"
    assert image["Docker"]["config"]["Shell"] == ["/bin/sh", "-ec"]  # lost in the format of OCI
    assert image["Docker"]["config"]["Labels"]["org.opencontainers.image.version"] == "v1"
    with (folder / "Dockerfile").open("a") as file:
        file.write("# a comment\nRUN echo before; \\\n  exit 7\n")
    failed = _build()
    assert failed.exit_code == 1
    assert "error[S289]" in failed.output
    assert "Dockerfile:5:1" in failed.output
    assert "before" in failed.output
    assert not Buildah(dict(os.environ)).containers()


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_between_two_steps_leaves_no_container(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY sh /bin/sh\nCOPY web.yml /\n")
    builder, left = Buildah(dict(os.environ)), []

    class Interrupting(BuilderProgress):
        def write(self, text: str) -> None:
            if "STEP 2" in text and not left:
                left.append(builder.containers())
                os.kill(os.getpid(), signal.SIGINT)

    events: list[Event] = []
    build = ImageBuild("web:v1", Path(), Path("Dockerfile"), "linux/amd64", use_cache=False)
    monkeypatch.setattr("fsdcf.images.builders._is_running", lambda *programs: False)  # the store is our own
    with pytest.raises(KeyboardInterrupt):
        build_image(builder, build, events.append, Interrupting())
    assert left[0]
    assert not builder.containers()


def test_an_interrupt_while_a_layer_is_written_leaves_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY large /\n")
    (folder / "large").write_bytes(os.urandom(30_000_000))
    seen = []

    class Interrupting(BuilderProgress):
        def write(self, text: str) -> None:
            if "COMMIT" in text and not seen:
                seen.extend(temporary.iterdir())
                raise KeyboardInterrupt

    monkeypatch.setattr("fsdcf.images.builders._is_running", lambda *programs: False)  # the store is our own
    build = ImageBuild("web:v1", Path(), Path("Dockerfile"), "linux/amd64", use_cache=False)
    with pytest.raises(KeyboardInterrupt):
        build_image(Buildah({**os.environ, "TMPDIR": str(temporary)}), build, [].append, Interrupting())
    assert seen
    assert not [*temporary.iterdir()]
