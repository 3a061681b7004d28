"""Builds, pushes and pulls the images of the services that `fsdcf init --template` writes, and runs them as ECS does.

Everything is real except AWS: buildah builds and runs, docker-registry stores, and the sandbox stands in for ECR, ECS
and DynamoDB. A base image is made from Debian once; it is kept below build/ with the packages of the services, which
pip downloads as it is configured on this machine. All else is in a temporary folder, which is removed at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import boto3

from tests.containers import (
    FSDCF,
    ROOT,
    Failed,
    Json,
    Registry,
    Workspace,
    check,
    free_port,
    missing,
    temporary_workspace,
    wait,
)

KEPT = ROOT / "build" / "images"
SUITE, PYTHON = "bookworm", "3.11"
BASE = f"docker.io/library/python:3.12-slim-{SUITE}"
"""The base of the services, and the release of Debian and its Python that stand in for it."""
LEFT_OUT = (
    *("dev/*", "var/cache/*", "var/lib/apt/lists/*", "usr/share/doc", "usr/share/man", "usr/share/locale"),
    *("usr/share/info", "*/__pycache__", "*/EXTERNALLY-MANAGED"),
)
"""What the base lacks, as python's slim images do."""
FOREIGN = "arm64" if platform.machine() == "x86_64" else "amd64"
HEALTHY, STOPPED = 60.0, 30.0
"""Maximum seconds until a service is healthy, and until ECS kills a task that does not stop."""
USER = 1000
PUSH = ("--push", "--sandbox", "--create-repository", "--builder", "buildah")


@contextmanager
def step(title: str) -> Iterator[list[str]]:
    """Print a line of the report: what is done, how long it takes, and the details that are added to the list."""
    details: list[str] = []
    begun = time.monotonic()
    try:
        yield details
    except Failed:
        details.append("FAILED")
        raise
    finally:
        print(f"  {title:<32} {time.monotonic() - begun:6.1f} s  {', '.join(details)}".rstrip(), flush=True)


def megabytes(count: float) -> str:
    return f"{count / 1e6:.1f} MB"


def base_archive(workspace: Workspace) -> Path:
    """The file system of Debian with Python, as an archive that is kept."""
    archive = KEPT / f"{SUITE}-{platform.machine()}.tar"
    if not archive.exists():
        root = workspace.folder / "debian"
        names = "ca-certificates,python3,python3-pip"
        # In mounts of its own, so that none is left if it is interrupted.
        words = ("unshare", "--mount", "debootstrap", "--variant=minbase", f"--include={names}", SUITE, str(root))
        workspace.run(*words, environment={**os.environ, "TMPDIR": workspace.environment["TMPDIR"]})
        (root / "usr/bin/python").symlink_to("python3")
        unwanted = [f"--exclude=./{pattern}" if "/" in pattern else pattern for pattern in LEFT_OUT]
        workspace.run("tar", "-C", str(root), *unwanted, "-cf", f"{archive}.new", ".")
        os.replace(f"{archive}.new", archive)
        shutil.rmtree(root)
    return archive


def make_base(workspace: Workspace, archive: Path) -> None:
    """Make the base image from the archive."""
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    container = workspace.buildah("from", "scratch")
    workspace.buildah("add", "--quiet", container, str(archive), "/")
    workspace.buildah("config", "--env", path, "--cmd", "python3", container)
    workspace.buildah("commit", "--quiet", "--rm", container, BASE)


def packages_of(requirements: Path, workspace: Workspace) -> Path:
    """The folder of the packages that a service installs, downloaded once with the pip of this machine."""
    folder = KEPT / f"packages-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        new = KEPT / f"{folder.name}.new"
        shutil.rmtree(new, ignore_errors=True)
        systems = [f"--platform={kind}_{platform.machine()}" for kind in ("manylinux2014", "manylinux_2_28")]
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", f"--python-version={PYTHON}")
        workspace.run(*pip, *systems, "-d", str(new), "-r", str(requirements), environment=os.environ)
        new.rename(folder)
    return folder


def image_of(workspace: Workspace, image: str) -> Json:
    """The configuration of an image in the store of buildah."""
    found: Json = json.loads(workspace.buildah("inspect", "--type", "image", image))["OCIv1"]
    return found


class Task:
    """A task of a service, run from its task definition as ECS runs it: process 1, as the user of the image, without
    capabilities, with its environment, its mounted folder, and a root file system that cannot be written.
    """

    def __init__(self, workspace: Workspace, definition: Json, image: str, data: Path, more: Mapping[str, str]) -> None:
        (self.definition,) = definition["containerDefinitions"]
        self.workspace = workspace
        self.container = workspace.buildah("from", "--pull-never", image)
        self.log = workspace.folder / f"{self.container}.log"
        inspected = image_of(workspace, image)["config"]
        self.user = inspected["User"]
        self.command = self.definition.get("command") or [*inspected.get("Entrypoint", ()), *inspected["Cmd"]]
        variables = {one["name"]: one["value"] for one in self.definition["environment"]} | dict(more)
        self.options = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        for point in self.definition.get("mountPoints", ()):
            self.options += ["--volume", f"{data}:{point['containerPath']}"]
        (port,) = self.definition["portMappings"]
        self.url = f"http://127.0.0.1:{port['containerPort']}"

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start the task. It is killed at the end if it still runs."""
        user, _, group = self.user.partition(":")
        mounts = ["mount -o remount,bind,ro /"] if self.definition.get("readonlyRootFilesystem") else []
        for one in self.definition.get("linuxParameters", {}).get("tmpfs", ()):
            mounts.append(f"mount -t tmpfs -o size={one['size']}m tmpfs {one['containerPath']}")
        switch = f"exec setpriv --reuid={user} --regid={group} --clear-groups --bounding-set=-all --no-new-privs"
        script = " && ".join([*mounts, f'{switch} "$@"'])
        command = ["unshare", "--pid", "--mount", "--fork", "--kill-child", "sh", "-c", script, "sh", *self.command]
        words = ["buildah", "run", "--user=0", "--cap-add=CAP_SYS_ADMIN", *self.options, self.container, "--", *command]
        with self.workspace.serving(*words, name=self.container) as (process, _):
            yield process

    def wait_healthy(self) -> None:
        def answers() -> bool:
            return self.call("GET", "/health")[0] == 200

        wait(answers, HEALTHY, f"the service is not healthy after {HEALTHY:.0f} s", self.log)

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Call the service: the status of the answer (0: none) and its JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")
        except (OSError, ValueError):
            return 0, None

    def health(self) -> int:
        """Run the health check of the task definition in the container, and return its exit code."""
        kind, *words = self.definition["healthCheck"]["command"]
        command = words if kind == "CMD" else ["sh", "-c", *words]
        return self.workspace.tried("buildah", "run", self.container, "--", *command).returncode

    def stop(self, process: subprocess.Popen[bytes], number: signal.Signals) -> tuple[int, float]:
        """Send a signal to process 1 of the task; return its exit code, and the seconds until it ended."""
        begun = time.monotonic()
        os.kill(innermost(process.pid)[0], number)
        ended = f"the task did not stop within {STOPPED:.0f} s of {number.name}"
        wait(lambda: process.poll() is not None, STOPPED, ended, self.log)
        return process.returncode, time.monotonic() - begun


def innermost(process: int) -> tuple[int, list[str]]:
    """The last of the processes that a process has started, each by the one before it: its id and its words."""
    try:
        children = " ".join(file.read_text() for file in Path(f"/proc/{process}/task").glob("*/children")).split()
        if children:
            return innermost(int(children[0]))
        return process, Path(f"/proc/{process}/cmdline").read_text().split("\0")
    except OSError:  # it ends at this moment
        return process, []


def drive(task: Task) -> list[str]:
    """Use every operation of a service, also as it must not be used; return the ids of the notes that are left."""

    def answers(method: str, path: str, body: object, status: int) -> Any:
        seen, answer = task.call(method, path, body)
        check(seen == status, f"{method} {path} answers {seen} and not {status}: {answer}")
        return answer

    ids = [answers("POST", "/notes", {"text": f"note {n}"}, 201)["id"] for n in range(3)]
    note = f"/notes/{ids[0]}"
    answers("PUT", note, {"text": "changed", "version": 1}, 200)
    answers("PUT", note, {"text": "late", "version": 1}, 409)
    check(answers("GET", note, None, 200)["text"] == "changed", "a note does not have its last text")
    answers("DELETE", f"/notes/{ids[2]}", None, 204)
    answers("GET", f"/notes/{ids[2]}", None, 404)
    answers("PUT", f"/notes/{ids[2]}", {"text": "gone", "version": 1}, 404)
    answers("POST", "/notes", {"text": ""}, 422)
    listed = {one["id"] for one in answers("GET", "/notes?limit=100", None, 200)["notes"]}
    check(listed == set(ids[:2]), f"the list has other notes: {listed}")
    return ids[:2]


def run_task(task: Task, data: Path) -> None:
    """Start a task, drive it, and end it in both ways; its data and the lock of its file must survive."""
    with task.running() as process:
        with step("start until healthy"):
            task.wait_healthy()
        with step("HTTP interface") as details:
            ids = drive(task)
            details.append("create, read, change, list, delete; 404, 409, 422")
        with step("health check in the container") as details:
            check(task.health() == 0, "the health check of the task definition fails", task.log.read_text())
            details.append(" ".join(task.definition["healthCheck"]["command"][:2]))
        with step("SIGTERM") as details:
            code, seconds = task.stop(process, signal.SIGTERM)
            check(code == 0, f"the task exited with {code} after SIGTERM", task.log.read_text())
            details.append(f"exit code 0 after {seconds:.1f} s of {STOPPED:.0f} s")
        check(task.health() != 0, "the health check succeeds although the service has stopped")
    with task.running() as process, step("SIGKILL while notes are written") as details:
        task.wait_healthy()
        writer = Thread(target=write_notes, args=(task, ids), daemon=True)
        writer.start()
        time.sleep(1)
        task.stop(process, signal.SIGKILL)
        writer.join(30)
        check(len(ids) > 3, "no note was written before SIGKILL", task.log.read_text())
        details.append(f"{len(ids)} notes confirmed")
    with task.running() as process:
        with step("start again") as details:
            task.wait_healthy()
            lost = [id for id in ids if task.call("GET", f"/notes/{id}")[0] != 200]
            check(not lost, f"{len(lost)} of {len(ids)} notes are lost after SIGKILL")
            check("another process owns" not in task.log.read_text(), "the lock was not free after SIGKILL")
            details.append(f"all {len(ids)} notes are there")
        code, _ = task.stop(process, signal.SIGTERM)
        check(code == 0, f"the task exited with {code} after SIGTERM", task.log.read_text())
    for file in data.glob("*.db"):
        with closing(sqlite3.connect(file)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
            (count,) = connection.execute("SELECT count(*) FROM notes").fetchone()
        check((verdict, count >= len(ids)) == ("ok", True), f"{file.name} is not intact: {verdict}, {count} notes")
        print(f"  {file.name} is intact: {count} notes")


def write_notes(task: Task, ids: list[str]) -> None:
    """Write notes until the service is gone, and add the id of each that it has confirmed."""
    while (answer := task.call("POST", "/notes", {"text": "written"}))[0] == 201:
        ids.append(answer[1]["id"])


class Session:
    """The commands of fsdcf on services in folders, with the sandbox and a registry."""

    def __init__(self, workspace: Workspace, registry: Registry, endpoint: str, region: str) -> None:
        self.workspace, self.registry, self.endpoint, self.region = workspace, registry, endpoint, region
        self.variables = {
            **{"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": region},
            **{"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"},
        }

    def fsdcf(self, folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> str:
        return self.workspace.run(*FSDCF, *words, folder=folder, environment=environment)

    def refused(self, folder: Path, *words: str) -> str:
        """What a command says that must fail."""
        done = self.workspace.tried(*FSDCF, *words, folder=folder)
        output = done.stdout + done.stderr
        check(done.returncode != 0, f"fsdcf {' '.join(words)} succeeded", output)
        check("Traceback" not in output, f"fsdcf {' '.join(words)} ended with a traceback", output)
        return output

    def push(self, folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> tuple[str, str]:
        """Build and push; return the image and its digest, which is the one that the registry has."""
        line = self.fsdcf(folder, "build", f"{folder.name}.yml", *PUSH, *words, environment=environment)
        image, _, digest = line.splitlines()[-1].partition("@")
        found = self.registry.manifest(image.partition("/")[2])[0]
        check(digest == found, f"fsdcf build reports {digest}, and the registry has {found}")
        return image, digest

    def definition(self, family: str) -> Json:
        """The latest task definition of a family."""
        keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
        client = boto3.client("ecs", endpoint_url=self.endpoint, region_name=self.region, **keys)
        found: Json = client.describe_task_definition(taskDefinition=family)["taskDefinition"]
        return found


def service(session: Session, kind: str) -> None:
    """From `fsdcf init` to a task that runs the pulled image."""
    workspace, name = session.workspace, kind.partition("-")[0]
    folder, data = workspace.folder / name, workspace.folder / f"{name}-data"
    print(f"\n{kind}")
    session.fsdcf(workspace.folder, "init", name, "--template", kind, "--port", str(free_port()), "-o", name)
    workspace.commit(folder)
    data.mkdir()
    os.chown(data, USER, USER)
    environment = workspace.with_packages(packages_of(folder / "requirements.txt", workspace))
    with step("fsdcf build") as details:
        session.fsdcf(folder, "build", f"{name}.yml", "--builder", "buildah", environment=environment)
        (local,) = json.loads(workspace.buildah("images", "--json", "--filter", f"reference=localhost/{name}"))
        details.append(f"{local['size']} unpacked, base included")
    with step("fsdcf build --push") as details:
        image, digest = session.push(folder, environment=environment)
        layers = [layer["size"] for layer in session.registry.manifest(image.partition("/")[2])[1]["layers"]]
        details += [f"{megabytes(sum(layers))} in {len(layers)} layers", digest[:19]]
    with step("the same commit again") as details:
        check(session.push(folder, environment=environment) == (image, digest), "the same commit has another digest")
        details.append("left as it is")
    with step("rebuilt without the cache") as details:
        again = ("build", f"{name}.yml", "--builder", "buildah", "--no-cache", "--tag", "again")
        session.fsdcf(folder, *again, environment=environment)
        layers = [image_of(workspace, f"{name}:{tag}")["rootfs"] for tag in (image.rpartition(":")[2], "again")]
        check(layers[0] == layers[1], "the layers are others")
        details.append("the same layers")
    with step("fsdcf deploy"):
        tag = image.rpartition(":")[2]
        session.fsdcf(folder, "deploy", f"{name}.yml", "--image-sha", tag, "--sandbox", "--yes")
    definition = session.definition(f"{name}-staging")
    check(definition["containerDefinitions"][0]["image"].endswith(f"/{name}:{tag}"), "the task has another image")
    elsewhere, pulled = workspace.elsewhere("tasks"), f"{image.rpartition(':')[0]}@{digest}"
    with step("pull") as details:
        elsewhere.buildah("pull", "--quiet", "--tls-verify=false", pulled)
        details.append(digest[:19])
    run_task(Task(elsewhere, definition, pulled, data, session.variables), data)


TINY = """\
FROM scratch
COPY busybox /bin/busybox
COPY ballast /ballast
USER 1000:1000
EXPOSE 8000
HEALTHCHECK CMD ["/bin/busybox", "true"]
CMD ["/bin/busybox", "httpd", "-f", "-p", "8000"]
"""


def tiny(session: Session) -> Path:
    """A repository with a service of one program, whose images are quick to build."""
    folder = session.workspace.folder / "tiny"
    folder.mkdir()
    shutil.copy(str(shutil.which("busybox")), folder / "busybox")
    change(session, folder, TINY)
    session.fsdcf(folder, "init", "tiny", "--port", "8000")
    session.workspace.commit(folder)
    return folder


def change(session: Session, folder: Path, dockerfile: str, ballast: bytes = b"first") -> None:
    """Change and commit the service."""
    (folder / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    (folder / "ballast").write_bytes(ballast)
    session.workspace.commit(folder)


def faults_of_builds(session: Session, folder: Path) -> None:
    """What goes wrong in a build: it ends with what is wrong, and nothing is pushed."""
    workspace = session.workspace
    with step("a step of the Dockerfile fails") as details:
        change(session, folder, f'{TINY}RUN ["/bin/busybox", "cat", "/absent"]\n')
        said = session.refused(folder, "build", "tiny.yml", *PUSH)
        place = f"Dockerfile:{TINY.count(chr(10)) + 1}"
        check(place in said and "/absent" in said, f"the message does not name {place}", said)
        details.append(f"exit code 1, {place}")
    with step(f"an image for {FOREIGN}") as details:
        container = workspace.buildah("from", "scratch")
        workspace.buildah("config", "--arch", FOREIGN, container)
        workspace.buildah("commit", "--quiet", "--rm", container, "localhost/foreign")
        change(session, folder, TINY.replace("scratch", f"--platform=linux/{FOREIGN} localhost/foreign"))
        said = session.refused(folder, "build", "tiny.yml", *PUSH)
        check(f"linux/{FOREIGN}" in said, "the message does not name the architecture", said)
        details.append("refused")
    with step("a full disk") as details:
        change(session, folder, TINY, os.urandom(20_000_000))
        mount = 'mkdir "$0" && mount -t tmpfs -o size=8m tmpfs "$0" && exec "$@"'
        small = ("unshare", "--mount", "sh", "-c", mount, str(workspace.folder / "full"))
        build = (*FSDCF, "build", "tiny.yml", "--builder", "buildah")
        done = workspace.elsewhere("full").tried(*small, *build, folder=folder)
        said = done.stdout + done.stderr
        check(done.returncode == 1 and "no space left" in said, f"the build exited with {done.returncode}", said)
        details.append("exit code 1, no space left on device")
    with step("Ctrl-C during a build") as details:
        change(session, folder, f'{TINY}RUN ["/bin/busybox", "sleep", "60"]\n')
        words = (*FSDCF, "build", str(folder / "tiny.yml"), *PUSH)
        with workspace.serving(*words, name="interrupted") as (process, log):
            wait(lambda: "sleep" in innermost(process.pid)[1], 60, "the build does not begin", log)
            os.killpg(process.pid, signal.SIGINT)
            wait(lambda: process.poll() is not None, 30, "the build does not end", log)
        code = process.returncode
        check(code == 130, f"fsdcf build exited with {code} after SIGINT", log.read_text())
        details.append(f"exit code {code}")
    check(not session.registry.tags("tiny"), "an image that must not be pushed was pushed")


def faults_of_pushes(session: Session, folder: Path) -> None:
    """What goes wrong in a push: it is tried again, or it ends with what is wrong. The registry is not running."""
    registry = session.registry
    change(session, folder, TINY, os.urandom(100_000_000))
    with ExitStack() as servers:
        with step("the registry ends during a push") as details:
            details.append(f"{push_interrupted(session, folder, servers)} attempts")
        with step("a tag that cannot move") as details:
            _, digest = session.push(folder, "--tag", "v1")
            change(session, folder, TINY, b"second")
            said = session.refused(folder, "build", "tiny.yml", *PUSH, "--tag", "v1")
            check("immutable" in said, "the message does not say that the tag is immutable", said)
            check(registry.manifest("tiny:v1")[0] == digest, "the tag was moved")
            details.append("refused")


def push_interrupted(session: Session, folder: Path, servers: ExitStack) -> int:
    """Push while the registry ends as soon as it receives a layer, until an attempt has failed; count the attempts."""
    registry = session.registry
    with registry.serving() as server:
        # With --sandbox the pauses between attempts would be as short as the sandbox's time.
        words = (*FSDCF, "build", str(folder / "tiny.yml"), *(word for word in PUSH if word != "--sandbox"))
        environment = {**session.workspace.environment, **session.variables}
        pushing = session.workspace.serving(*words, name="push", environment=environment)
        process, log = servers.enter_context(pushing)
        wait(lambda: any(registry.data.rglob("_uploads/*/data")), 60, "the push does not begin", log)
        server.kill()
    wait(lambda: "follows in" in log.read_text(), 60, "the push is not tried again", log)
    servers.enter_context(registry.serving())
    wait(lambda: process.poll() is not None, 120, "the push does not end", log)
    check(process.returncode == 0, "the push did not succeed when the registry was there again", log.read_text())
    return log.read_text().count("follows in") + 1


def main() -> int:
    if problems := list(missing()):
        print("\n".join(problems), file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, if a shell has started it in the background
    os.environ["no_proxy"] = "localhost,127.0.0.1"
    KEPT.mkdir(parents=True, exist_ok=True)
    try:
        with temporary_workspace() as workspace:
            run(workspace)
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def run(workspace: Workspace) -> None:
    """Run everything. Raises Failed."""
    begun = time.monotonic()
    registry = Registry(workspace)
    print(f"{workspace.run('buildah', '--version')}, storage {workspace.driver}")
    with step(f"base from Debian {SUITE}") as details:
        make_base(workspace, base_archive(workspace))
        details.append(BASE)
    with ExitStack() as servers:
        _, log = servers.enter_context(workspace.serving(*FSDCF, "sandbox", "--port", "0", name="sandbox"))
        wait(lambda: "AWS_REGION=" in log.read_text(), 30, "the sandbox does not start", log)
        values = dict(re.findall(r"export (\w+)=(\S+)", log.read_text()))
        session = Session(workspace, registry, values["AWS_ENDPOINT_URL"], values["AWS_REGION"])
        with registry.serving():
            for kind in ("sqlite-api", "dynamodb-api"):
                service(session, kind)
            print("\nfaults")
            folder = tiny(session)
            faults_of_builds(session, folder)
        faults_of_pushes(session, folder)
    left = workspace.left()
    check(not left, f"something was left behind: {', '.join(left[:10])}")
    print(f"\nnothing was left behind; {time.monotonic() - begun:.0f} s in all")


if __name__ == "__main__":
    sys.exit(main())
