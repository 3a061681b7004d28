"""What is read of a program beside its Dockerfile, and the container checks, which really run here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from fsdcf.language.dockerfile import read_dockerfile
from fsdcf.scaffold.application import Application, Folder, default_check
from fsdcf.scaffold.known import ALIVE, BASES, CHECKS, FRAMEWORKS, MANIFESTS, WORKER_CHECKS, Framework
from tests.patterns import cpu


def application(folder: Path, dockerfile: str, **files: str) -> Application:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return Application(read_dockerfile(dockerfile), "Dockerfile", Folder(folder), folder)


class Answer(BaseHTTPRequestHandler):
    """A program that answers /health with 200, and anything else with 503."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def exit_code(command: tuple[str, ...]) -> int:
    """The exit code of a command as ECS runs it."""
    kind, *words = command
    words = words if kind == "CMD" else ["/bin/sh", "-c", *words]
    path = os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"]))
    return subprocess.run(words, capture_output=True, check=False, timeout=20, env={"PATH": path}).returncode


@pytest.mark.parametrize("tool", CHECKS)
def test_a_check_is_healthy_only_if_the_program_answers(tool: str, port: int) -> None:
    if shutil.which(CHECKS[tool][1].split()[0]) is None:
        pytest.skip(f"{tool} is not installed")
    commands = [
        tuple(
            word.replace("{url}", f"http://127.0.0.1:{each}{path}").replace("{port}", str(each)).replace("{path}", path)
            for word in CHECKS[tool]
        )
        for each, path in ((port, "/health"), (port, "/broken"), (1, "/health"))
    ]
    assert [exit_code(command) == 0 for command in commands] == [True, False, False]


@pytest.mark.parametrize("tool", WORKER_CHECKS)
@pytest.mark.parametrize(("age", "healthy"), [(60, True), (200, False), (None, False)])
def test_the_check_of_a_worker_looks_at_the_age(tmp_path: Path, tool: str, age: int | None, healthy: bool) -> None:
    if shutil.which({"python": "python3"}.get(tool, tool)) is None:
        pytest.skip(f"{tool} is not installed")
    file = tmp_path / "alive"
    if age is not None:
        file.touch()
        os.utime(file, (time.time() - age,) * 2)
    command = tuple(word.replace(ALIVE, str(file)) for word in WORKER_CHECKS[tool])
    assert (exit_code(command) == 0) is healthy


def test_every_row_has_a_source_and_every_manifest_is_used() -> None:
    assert all(row.source.startswith("https://") for row in (*FRAMEWORKS, *BASES))
    assert {row.manifest for row in FRAMEWORKS} == set(MANIFESTS)
    assert all(row.path.startswith("/") or not row.path for row in FRAMEWORKS)


@pytest.mark.parametrize("row", FRAMEWORKS, ids=lambda row: row.title)
def test_a_framework_is_found_by_its_package(tmp_path: Path, row: Framework) -> None:
    """In the manifest of its language, as that language writes it."""
    file, text = {
        "node": ("package.json", '{"dependencies": {"a": "1", "PACKAGE": "2"}}'),
        "python": ("requirements.txt", "# x\na==1\nPACKAGE[all]>=2; python_version > '3'\n"),
        "go": ("go.mod", "module PACKAGE.x\n\nrequire (\n\ta.b/c v1\n\tPACKAGE/v4 v4.1.0 // indirect\n)\n"),
        "ruby": ("Gemfile", "gem 'a'\ngem \"PACKAGE\", '~> 1'\n"),
        "java": ("build.gradle", "implementation 'org.a:PACKAGE:1'\nid 'PACKAGE' version '1'\n"),
        "dotnet": ("A.csproj", '<Project Sdk="PACKAGE">'),
        "rust": ("Cargo.toml", '[dependencies]\na = "1"\nPACKAGE = { version = "1" }\n'),
        "php": ("composer.json", '{"require": {"a/b": "1", "PACKAGE": "1"}}'),
        "elixir": ("mix.exs", 'defp deps, do: [{:a, "1"}, {:PACKAGE, "~> 1"}]'),
    }[row.manifest]
    (tmp_path / file).write_text(text.replace("PACKAGE", row.package))
    found = application(tmp_path, "FROM x:1\n").framework
    assert found is not None and found[0] == row


@pytest.mark.parametrize(
    ("command", "port"),
    [
        ("uvicorn a:b --host 0.0.0.0 --port 8001", 8001),
        ("uvicorn a:b --port=8001", 8001),
        ("gunicorn -b 0.0.0.0:8001 a", 8001),
        ("gunicorn --bind :8001 a", 8001),
        ("gunicorn -b [::]:8001 a", 8001),
        ("gunicorn -p /tmp/pid --workers 40 --timeout 300 a", None),
        ("gunicorn --bind unix:/tmp/a.sock a", None),
        ("python manage.py runserver 0.0.0.0:8001", 8001),
        ("rails server -b 0.0.0.0 -p 8001", 8001),
        ("php -S 0.0.0.0:8001 -t public", 8001),
        ("java -Xmx256m -Dserver.port=8001 -jar a.jar", 8001),
        ("java -jar a.jar --server.port=8001", 8001),
        ("serve -s build -l tcp://0.0.0.0:8001", 8001),
        ("next start -p 8001", 8001),
        ("server --metrics-port 9090", None),
        ("server -p 99999", None),
        ("server -b 127.0.0.1", None),
    ],
)
def test_the_port_in_a_command(tmp_path: Path, command: str, port: int | None) -> None:
    assert application(tmp_path, f"FROM x:1\nCMD {command}\n").port.value == port


@pytest.mark.parametrize(
    ("run", "tool"),
    [
        ("RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl=7.88", "curl"),
        ("RUN apk add --no-cache curl && apk del curl", "sh"),
        ("RUN apk add --virtual .build curl && curl x && apk del .build", "sh"),
        ("RUN dnf install -y python3", "python3"),
        ("RUN <<EOF\napt-get install -y \\\n  wget\nEOF", "wget"),
        ("RUN apt-get install -y libcurl4 && curl -o x y", "sh"),
        ("RUN pip install curl", "sh"),
    ],
)
def test_the_tools_that_a_dockerfile_installs(tmp_path: Path, run: str, tool: str) -> None:
    command = application(tmp_path, f"FROM acme:1\n{run}\n").check(80, "/").command
    assert command == default_check(80, "/") if tool == "sh" else command[1] == tool


@pytest.mark.parametrize(
    ("name", "known"),
    [
        *((name, True) for name in ("python:3", "docker.io/python:3", "public.ecr.aws/docker/library/python:3")),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/hub/library/python:3", True),
        ("arm64v8/python:3", True),
        ("acme/python:3", False),
        ("mypython:3", False),
    ],
)
def test_an_official_image_by_its_names(tmp_path: Path, name: str, known: bool) -> None:
    assert (application(tmp_path, f"FROM {name}\n").base is not None) is known


@pytest.mark.parametrize(
    ("file", "text", "path"),
    [
        ("src/app.ts", "router.get('/api/health', f)", "/api/health"),
        ("main.go", 'mux.HandleFunc("GET /livez", f)', "/livez"),
        ("pages/api/healthz.js", "", "/api/healthz"),
        ("tests/test_a.py", 'client.get("/ping")', "/health"),
        ("node_modules/a/b.js", '"/ping"', "/health"),
        ("a.md", '"/ping"', "/health"),
        ("a.py", '"/pinging" "/x/ping"', "/health"),
    ],
)
def test_a_health_path_in_the_code(tmp_path: Path, file: str, text: str, path: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    assert application(tmp_path, "FROM x:1\nEXPOSE 80\n").path.value == path


def test_what_is_outside_or_no_file_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "package.json").write_text('{"dependencies": {"express": "1"}}')
    (folder / "package.json").symlink_to(tmp_path / "package.json")
    (tmp_path / "app.py").write_text('"/ping"')
    (folder / "app.py").symlink_to(tmp_path / "app.py")
    os.mkfifo(folder / "go.mod")
    with (folder / "requirements.txt").open("wb") as file:
        file.truncate(1 << 40)
    (folder / "requirements").symlink_to("/")
    found = application(folder, "FROM x:1\nCOPY ../package.json /etc/passwd $X .\nEXPOSE 80\n")
    assert found.framework is None and found.path.value == "/health"


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"dependencies": [1]}', '{"dependencies": {"express": 1}', "[]", "\0"]
)
def test_a_broken_manifest_has_no_packages(tmp_path: Path, text: str) -> None:
    assert application(tmp_path, "FROM x:1\n", package__json=text).framework is None


def test_many_packages_are_not_slow(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("".join(f"a{number}==1\n" for number in range(60_000)))
    assert cpu(lambda _: application(tmp_path, "FROM x:1\n").framework, "") < 1.5


@pytest.mark.parametrize("letters", ["a.", "org.a-", '"a', "  x", "gem '", "\n\t", "a/b/"])
@pytest.mark.parametrize("file", ["requirements.txt", "pom.xml", "go.mod", "mix.exs"])
def test_no_manifest_is_slow(tmp_path: Path, file: str, letters: str) -> None:
    (tmp_path / file).write_text(letters * (100_000 // len(letters)))
    assert cpu(lambda _: application(tmp_path, "FROM x:1\n").framework, "") < 1.5


@pytest.mark.parametrize(
    ("check", "lacks"),
    [
        ('["/bin/busybox", "wget", "-q", "http://localhost/"]', ""),
        ('["/app", "--like=curl"]', ""),
        ('["/usr/bin/wget", "http://localhost/"]', "wget"),
        ('["sh", "-c", "wget http://localhost/"]', "a shell"),
        ("wget http://localhost/", "a shell"),
    ],
)
def test_the_program_of_a_check_is_what_the_image_needs(tmp_path: Path, check: str, lacks: str) -> None:
    found = application(tmp_path, f"FROM scratch\nCOPY busybox /bin/busybox\nUSER 1\nHEALTHCHECK CMD {check}\n")
    said = [warning for warning in found.warnings(8080) if "needs" in warning]
    assert [f"needs {lacks}, which" in each for each in said] == [True] * bool(lacks)
