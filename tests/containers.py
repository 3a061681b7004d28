"""Containers of this machine: buildah and docker-registry in a folder of their own, for `make images` and its test.

They need Linux, root and the Debian packages of `PACKAGES`.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FSDCF = (sys.executable, "-m", "fsdcf")
PACKAGES = {"buildah": "buildah", "docker-registry": "docker-registry", "debootstrap": "debootstrap", "git": "git"}
"""Debian's packages by their programs."""

Json = dict[str, Any]


class Failed(Exception):
    """Something is not as it must be. The message is a sentence, and the output of a program."""


def check(holds: object, sentence: str, output: str = "") -> None:
    """Raise Failed unless something holds."""
    if not holds:
        raise Failed(f"{sentence}\n{output}".rstrip())


def wait(until: Callable[[], object], seconds: float, sentence: str, log: Path | None = None) -> None:
    """Wait for a condition. Raises Failed with the sentence and the log if it does not hold in time."""
    end = time.monotonic() + seconds
    while not until():
        check(time.monotonic() < end, sentence, log.read_text(encoding="utf-8", errors="replace") if log else "")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def missing() -> Iterator[str]:
    """What this machine lacks, in sentences."""
    if sys.platform != "linux":
        yield "make images needs Linux"
        return
    if os.geteuid() != 0:
        yield "make images needs root, as buildah and debootstrap do"
    packages = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    busybox = shutil.which("busybox")
    if busybox is None or b"/ld-" in Path(busybox).read_bytes()[:4096]:
        packages.append("busybox-static")
    if packages:
        names = " ".join(packages)
        yield f"make images needs programs that are not installed; Debian has them: apt-get install {names}"


class Workspace:
    """A folder with all that a run writes, and the environment of the programs that run in it.

    The storage of buildah, a home and the folders for temporary and cached files are there, and no configuration of
    this machine is used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("home", "temporary", "runtime", "cache", "lower", "upper", "work", "merged"):
            (folder / name).mkdir(mode=0o700)
        kept = ("PATH", "LANG", "LC_ALL", "TERM", "PYTHONDONTWRITEBYTECODE")
        self.environment = {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "temporary"),
            "XDG_RUNTIME_DIR": str(folder / "runtime"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PYTHONPATH": str(ROOT),
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_CONF": self._written("containers.conf", ""),
            "CONTAINERS_REGISTRIES_CONF": self._written("registries.conf", 'short-name-mode = "disabled"\n'),
            **{"GIT_AUTHOR_NAME": "images", "GIT_AUTHOR_EMAIL": "images@example.com"},
            **{"GIT_COMMITTER_NAME": "images", "GIT_COMMITTER_EMAIL": "images@example.com"},
            # The time of a commit is that of its layers: a layer that another service left in the cache is the same.
            "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
        }
        layers = ",".join(f"{name}dir={folder / name}" for name in ("lower", "upper", "work"))
        overlay = ("unshare", "--mount", "mount", "-t", "overlay", "-o", layers, "overlay", str(folder / "merged"))
        self.driver = "overlay" if self.tried(*overlay).returncode == 0 else "vfs"
        self.environment |= self._storage("builder")

    def _storage(self, name: str) -> Mapping[str, str]:
        place = self.folder / name
        text = f'[storage]\ndriver = "{self.driver}"\ngraphroot = "{place}/root"\nrunroot = "{place}/run"\n'
        return {"CONTAINERS_STORAGE_CONF": self._written(f"{name}.conf", text)}

    def elsewhere(self, storage: str) -> Workspace:
        """The same workspace with another storage, a folder of this name, which does not have the images yet."""
        other = copy.copy(self)
        other.environment = {**self.environment, **self._storage(storage)}
        return other

    def _written(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return str(self.folder / name)

    def with_packages(self, packages: Path) -> Mapping[str, str]:
        """The environment of a build whose pip installs from a folder. The Dockerfile need not know of it."""
        index = self._written("pip.conf", "[global]\nno-index = true\nfind-links = /opt/packages\n")
        mounts = [f"{index}:/etc/pip.conf:ro", f"{packages}:/opt/packages:ro"]
        configuration = self._written("build.conf", f"[containers]\nvolumes = {json.dumps(mounts)}\n")
        return {**self.environment, "CONTAINERS_CONF": configuration}

    def tried(
        self,
        *words: str,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        text: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, whatever that is. ``text`` is its standard input."""
        place, variables = folder or self.folder, environment or self.environment
        return subprocess.run(
            words,
            cwd=place,
            env=variables,
            input=text,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
        )

    def run(
        self,
        *words: str,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        text: str = "",
    ) -> str:
        """Run a program, and return what it prints. Raises Failed if it fails."""
        done = self.tried(*words, folder=folder, environment=environment, text=text)
        check(done.returncode == 0, f"{' '.join(words[:6])} exited with {done.returncode}", done.stdout + done.stderr)
        return done.stdout.strip()

    def buildah(self, *words: str) -> str:
        return self.run("buildah", *words)

    def commit(self, folder: Path) -> None:
        """Commit a folder as it is, and make it a repository first."""
        self.run("git", "init", "-q", folder=folder)
        self.run("git", "add", "-A", folder=folder)
        self.run("git", "commit", "-qm", "Change the service", folder=folder)

    @contextmanager
    def serving(
        self, *words: str, name: str, environment: Mapping[str, str] | None = None
    ) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """Run a server; the value is its process and the file of what it prints. It is ended at the end."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                words,
                cwd=self.folder,
                env=environment or self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        with process:
            try:
                yield process, log
            finally:
                for number in (signal.SIGTERM, signal.SIGKILL):
                    with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                        os.killpg(process.pid, number)
                        process.wait(10)

    def left(self) -> list[str]:
        """What commands have left behind: containers, and files in the home and in the folder for temporary ones."""
        containers = [f"container {id}" for id in self.buildah("containers", "--quiet").split()]
        places = [self.folder / name for name in ("home", "runtime", "temporary")]
        return containers + [str(path) for place in places for path in place.rglob("*") if not path.is_dir()]

    def close(self) -> None:
        """Unmount what an interrupted program has left mounted."""
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
        for mount in reversed([mount for mount in mounts if mount.startswith(f"{self.folder}/")]):
            subprocess.run(["umount", mount], check=False)


@contextmanager
def temporary_workspace() -> Iterator[Workspace]:
    """A workspace in a temporary folder, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="fsdcf-images-") as folder:
        made = Workspace(Path(folder))
        try:
            yield made
        finally:
            made.close()


class Registry:
    """docker-registry on a port of this machine."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.port = free_port()
        self.address = f"localhost:{self.port}"
        self.data = workspace.folder / "registry"
        workspace.environment["FSDCF_SANDBOX_REGISTRY"] = self.address

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        """Serve what was pushed so far."""
        configuration = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(self.data)}},
            "http": {"addr": f"127.0.0.1:{self.port}"},
        }
        file = self.workspace.folder / "registry.yml"
        file.write_text(json.dumps(configuration), encoding="utf-8")
        with self.workspace.serving("docker-registry", "serve", str(file), name="registry") as (process, log):
            wait(lambda: self.get("/v2/")[0] == 200, 20, "docker-registry does not answer", log)
            yield process

    def get(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        """Ask the registry: the status of the answer (0: none), its headers and its body."""
        kinds = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
        request = urllib.request.Request(f"http://{self.address}{path}", headers={"Accept": kinds})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers.items()), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers.items()), error.read()
        except OSError:
            return 0, {}, b""

    def manifest(self, reference: str) -> tuple[str, Json]:
        """The digest and the manifest of ``REPOSITORY:TAG``. Raises Failed if it is not there."""
        repository, _, tag = reference.rpartition(":")
        status, headers, body = self.get(f"/v2/{repository}/manifests/{tag}")
        check(status == 200, f"the registry does not have {reference}: {status}")
        return headers["Docker-Content-Digest"], json.loads(body)

    def tags(self, repository: str) -> list[str]:
        status, _, body = self.get(f"/v2/{repository}/tags/list")
        return sorted(json.loads(body)["tags"] or []) if status == 200 else []
