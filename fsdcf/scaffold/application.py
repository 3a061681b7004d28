"""What a Dockerfile, and the files beside it, say of the program in an image: its port, its health path, and a check
that the image can run. Every value has its source, for the comments of a spec and for the person who writes it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from fsdcf.language.dockerfile import MOST_BYTES, Dockerfile, Instruction
from fsdcf.language.rules.container import is_root
from fsdcf.repository import check_inside, folders_above, reader_beside
from fsdcf.scaffold.known import (
    ALIVE,
    ANYWHERE,
    BASES,
    CHECKS,
    FRAMEWORKS,
    MANIFESTS,
    MIRRORS,
    ON_LOOPBACK,
    PORT_SETTINGS,
    PORT_VARIABLES,
    RUNTIMES,
    SHELL,
    WORKER_CHECKS,
    WORKERS,
    BaseImage,
    Framework,
)
from fsdcf.wording import cut, visible

PATH = r"/[A-Za-z0-9._~/-]*"
"""A path that ``init`` writes."""

LOWEST_PORT = 1024
"""The lowest port that a user other than root can listen on. Source: https://man7.org/linux/man-pages/man7/ip.7.html"""

_LAST_PORT = 65535
_MOST_FILES = 10_000
_MOST_COPIED = 50
_MOST_SOURCES = 400
_MOST_SOURCE_BYTES = 200_000
"""Limits of what is read: the files of a folder, the files of code, and the bytes of each."""

_URL = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(\d{1,5}))?(/[A-Za-z0-9._~/-]{0,200})?")
_FLAG = re.compile(
    r"(?:^|\s)(?:(?:--?|-D)(?:http[.-]|server[.-]|listen-|quarkus\.http\.)?(?:port|bind|listen|addr(?:ess)?)"
    r"|-[pblS]|runserver)"
    r"""[ =]["']?(?:(?:tcp|http)://)?(?:[\w.*\[\]:-]{0,60}:)?(\d{2,5})(?!\S*[\w.])"""
)
_SETTING = re.compile(
    r"(?m)^[ \t]*(?:server\.port[ \t]*[=:]|server:[ \t]*\n[ \t]+port:)[ \t]*(?:\$\{\w{1,40}:)?(\d{2,5})"
)
_NUMBER = re.compile(r"(?:^|[:;])(\d{2,5})(?![\w.])")
_ROUTE = re.compile(
    r"""["'`](?:GET )?(/(?:api/)?_{0,2}(?:healthz?|health[_-]?check|livez|livenessz?|readyz|readiness|ping|up))"""
    r"""/?["'`]"""
)
_FILE_ROUTE = re.compile(r"(?:^|/)(?:app|pages)/(api/_?healthz?)(?:/route|/index)?\.[cm]?[jt]sx?$")
_VERSION = re.compile(r"/v\d{1,9}$")
_CODE = re.compile(r".*\.(?:[cm]?[jt]sx?|py|go|rb|java|kt|cs|rs|php|exs?)")
_OTHER_FOLDERS = re.compile(
    r"\..*|_.*|node_modules|vendor|venv|build|dist|target|bin|obj|.*tests?|__tests__|specs?|docs?"
)
_INSTALLERS = frozenset({"apt-get", "apt", "apk", "dnf", "microdnf", "yum", "tdnf", "zypper"})
_ADDED = {"curl": "curl", "wget": "wget", "python3": "python", "nodejs": "node", "ruby": "ruby", "bash": "bash"}
"""The packages that bring a tool."""
_PROGRAMS = ("curl", "wget", "bash", SHELL)
"""The tools that are not interpreters of a language, which come first."""
_JAVA = re.compile(r"java|jdk|jre|temurin|corretto|tomcat|jetty|semeru|zulu|graalvm")
_OF_IMAGES = re.compile(r"\.?(?:docker|container|compose).*|.*\.dockerfile", re.I)
"""The names of Dockerfiles, and of what belongs to them."""
_FOR_IMAGES = re.compile(r"\.?(?:docker|container|image|build|deploy|infra|ops|ci|config).*", re.I)
"""The names of folders that are for Dockerfiles, and not for a program."""
_WINDOWS = re.compile(r"/windows/|nanoserver|windowsservercore")


@dataclass(frozen=True)
class Value:
    """A value and where it comes from; ``is_sure`` is False for one that a person should confirm."""

    value: Any
    source: str
    is_sure: bool = True


UNBOUND = Value(None, "")
"""No permissions boundary, and no reason for that."""


@dataclass(frozen=True)
class Check:
    """A container check: its command, what it does as lines of a comment, and what it needs in the image.

    A spec has no command if the Dockerfile has a check of its ``own``, or if the image can run none, which is then
    ``missing`` for a reason.
    """

    command: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    needs: str = ""
    own: str = ""
    missing: str = ""


@dataclass(frozen=True, eq=False)
class Folder:
    """The folder of a project. Only regular files inside its repository are read, and not more than their limits."""

    path: Path

    def text(self, name: str, most: int = MOST_BYTES) -> str:
        """The text of a file; empty for one that does not exist, or cannot be read."""
        try:
            return reader_beside(str(self.path / "_"), most)(name).decode("utf-8", "replace")
        except (OSError, ValueError):
            return ""

    def names(self, folder: str = "") -> list[str]:
        """The names in a folder, sorted; not all of a huge one."""
        try:
            check_inside(self.path / folder, self.path)
            with os.scandir(self.path / folder) as entries:
                names = [entry.name for entry in islice(entries, _MOST_FILES)]
        except (OSError, ValueError):
            return []
        return sorted(os.path.join(folder, name) for name in names)

    def sources(self) -> Iterator[str]:
        """The files of code, without those of tests and tools."""
        found = 0
        for count, (folder, folders, files) in enumerate(os.walk(self.path)):
            below = os.path.relpath(folder, self.path)
            folders[:] = sorted(name for name in folders if not _OTHER_FOLDERS.fullmatch(name.lower()))
            folders[:] = [] if below.count(os.sep) > 6 else folders
            for name in sorted(files):
                if _CODE.fullmatch(name) and found < _MOST_SOURCES and "test" not in name.lower():
                    found += 1
                    yield os.path.normpath(os.path.join(below, name))
            if found >= _MOST_SOURCES or count > _MOST_FILES:
                return


@dataclass(frozen=True, eq=False)
class Application:
    """The program of an image, by its Dockerfile and the files of its folder.

    ``file`` is the Dockerfile's name for messages, ``context`` the folder of the build.
    """

    image: Dockerfile
    file: str
    folder: Folder
    context: Path

    def at(self, line: int) -> str:
        """A line of the Dockerfile: ``Dockerfile:12``."""
        return f"{self.file}:{line}"

    @property
    def _command(self) -> str:
        """Where the command of the container is."""
        instruction = self.image.last("CMD", "ENTRYPOINT")
        return f"{instruction.name} in {self.at(instruction.line)}" if instruction else ""

    @property
    def _base(self) -> str:
        """The base image, and where it is."""
        return f"{shown(self.image.base.image)} in {self.at(self.image.base.line)}"

    @cached_property
    def base(self) -> BaseImage | None:
        """What is known of the base image; None for an unknown one."""
        name, tag = _name_on_hub(self.image.base.name), self.image.base.tag
        rows = (row for row in BASES if re.fullmatch(row.name, name) and re.search(row.tag, tag))
        return next(rows, None) if self.image.base.is_known else None

    @cached_property
    def framework(self) -> tuple[Framework, str] | None:
        """The framework of the program, and the file that names its package."""
        packages = {package: file for file, package in self._packages()}
        rows = ((row, packages.get((row.manifest, row.package))) for row in FRAMEWORKS)
        return next(((row, file) for row, file in rows if file is not None), None)

    def _packages(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """The packages of the program, each with its file and the kind of that."""
        for manifest, (pattern, words) in MANIFESTS.items():
            for file in self._manifests:
                if re.fullmatch(f"(?:.*/)?(?:{pattern})", Path(file).as_posix()):
                    text = self.folder.text(file)
                    names = re.findall(words, text) if words else _names_in_json(text)
                    yield from ((file, (manifest, _VERSION.sub("", name.lower().replace("_", "-")))) for name in names)

    @cached_property
    def _manifests(self) -> list[str]:
        """The files that may list packages: those of the folder, and those in it that the Dockerfile copies."""
        here = self.folder.path
        copied = (os.path.relpath(self.context / source.lstrip("/"), here) for source in _copied(self.image))
        below = [path for path in copied if os.sep in path and not path.startswith(os.pardir)]
        return list(dict.fromkeys([*self.folder.names(), *self.folder.names("requirements"), *below]))

    # The port

    @cached_property
    def port(self) -> Value:
        """The port that the program listens on; None for a worker."""
        exposed, hints = self.image.ports, [each for each in self._hints() if 0 < each.value <= _LAST_PORT]
        if hints and hints[0].source == self._command:
            return hints[0]
        if len(exposed) == 1:
            return next(Value(port, f"EXPOSE in {self.at(line)}") for port, line in exposed.items())
        for hint in hints if exposed else ():
            if hint.value in exposed:
                return Value(hint.value, f"EXPOSE in {self.at(exposed[hint.value])}, and {hint.source}")
        if exposed:
            port = min(exposed)
            return Value(port, f"the lowest of {len(exposed)} ports of EXPOSE in {self.at(exposed[port])}", False)
        worker = next((word for word in self.image.command.split() if os.path.basename(word) in WORKERS), None)
        if worker is not None:
            return Value(None, f"the command runs {shown(os.path.basename(worker))}, a worker")
        none = f"no EXPOSE in {self.file}, and no framework that fsdcf knows"
        return hints[0] if hints else Value(None, none, False)

    def _hints(self) -> Iterator[Value]:
        """What suggests a port, the surest first."""
        image = self.image
        if match := _FLAG.search(image.command):
            yield Value(int(match[1]), self._command)
        for name in PORT_VARIABLES:
            if match := _NUMBER.search(image.variables.get(name, "")):
                yield Value(int(match[1]), f"ENV {name} in {self.at(image.line_of(name))}")
        if (check := image.last("HEALTHCHECK")) and (match := _URL.search(check.text)) and match[1]:
            yield Value(int(match[1]), f"HEALTHCHECK in {self.at(check.line)}")
        for name in PORT_SETTINGS:
            if match := _SETTING.search(self.folder.text(name)):
                yield Value(int(match[1]), f"server.port in {name}")
        if self.base and self.base.port:
            yield Value(self.base.port, f"the default of {self._base}")
        if self.framework and self.framework[0].port:
            row, file = self.framework
            yield Value(row.port, f"the default of {row.title} ({shown(file)})", False)

    # The path

    @cached_property
    def path(self) -> Value:
        """The path of the health check."""
        check = self.image.last("HEALTHCHECK")
        if check and self.image.health_check and (match := _URL.search(check.text)):
            return Value(match[2] or "/", f"HEALTHCHECK in {self.at(check.line)}")
        row, file = self.framework or (None, "")
        of_framework = Value(row.path, f"{row.title} ({shown(file)})") if row and row.path else None
        if of_framework and of_framework.value != "/":
            return of_framework
        if self.base and self.base.serves:
            return Value("/", self._base)
        assumed = Value(
            "/health", "assumed, because no file names one: the program must answer it with status 200", False
        )
        return self._route or of_framework or assumed

    @cached_property
    def _route(self) -> Value | None:
        """A path in the code that looks like one for health checks."""
        for file in self.folder.sources():
            if match := _FILE_ROUTE.search(Path(file).as_posix()):
                return Value(f"/{match[1]}", f"a route in {shown(file)}", False)
            text = self.folder.text(file, _MOST_SOURCE_BYTES)
            if match := _ROUTE.search(text):
                return Value(match[1], f"a route in {shown(file)}:{text.count(chr(10), 0, match.start()) + 1}", False)
        return None

    # The container check

    def check(self, port: int | None, path: str) -> Check:
        """The check of the container for a port, or None for a worker, that the image can run."""
        own = self.image.last("HEALTHCHECK")
        if own is not None and self.image.health_check is not None:
            return Check(own=f"HEALTHCHECK in {self.at(own.line)}")
        commands = WORKER_CHECKS if port is None else CHECKS
        tools = sorted(self._tools(), key=lambda found: port is None and found[0] != SHELL)
        for tool, source in tools:
            name = os.path.basename(tool)
            if words := commands.get(RUNTIMES.get(name, name)):
                command = (words[0], tool, *words[2:]) if "/" in tool else words
                needs = "a shell" if tool == SHELL else shown(command[1])
                return Check(_filled(command, port, path), about(port), f"{needs} ({source})")
        image = shown(self.image.base.image)
        if self.base is not None:
            return Check(missing=f"{image} has neither a shell nor an interpreter for a check")
        needs = "a shell with date and stat" if port is None else "a shell, and curl or wget"
        unknown = f"{needs}; it is not known whether {image} has them"
        return Check(default_check(port, path), about(port), unknown)

    def _tools(self) -> Iterator[tuple[str, str]]:
        """The programs in the image that may check health, the best first, each with its source."""
        known, installed = self.base.tools if self.base else (), self._installed
        programs = [tool for tool in known if tool in _PROGRAMS]
        yield from ((tool, self._base) for tool in known if tool not in programs)
        for word in self.image.command.split()[:6]:
            name = os.path.basename(word)
            if name in RUNTIMES:
                yield word if word.startswith("/") and name in ("python3", "node") else RUNTIMES[name], self._command
        for tool in ("python", "node", "ruby", "curl", "wget"):
            if tool in installed:
                yield tool, f"RUN in {self.at(installed[tool])} installs it"
        yield from ((tool, self._base) for tool in programs)

    @cached_property
    def _installed(self) -> dict[str, int]:
        """The tools that the Dockerfile installs and does not remove, each with the line of its RUN."""
        found: dict[str, int] = {}
        for each in self.image.instructions:
            for command in (
                re.split(r"[;&|\n]", f"{each.text}\n{each.body}".replace("\\\n", " ")) if each.name == "RUN" else ()
            ):
                words = [word.partition("=")[0] for word in command.split()]
                tools = {_ADDED[word] for word in words if word in _ADDED}
                is_virtual = "apk" in words and not {"-t", "--virtual"}.isdisjoint(words)
                if is_virtual or _INSTALLERS.isdisjoint(words):
                    continue
                if {"install", "add"} & {*words}:
                    found |= dict.fromkeys(tools - {*found}, each.line)
                elif {"remove", "purge", "del", "erase"} & {*words}:
                    found = {tool: line for tool, line in found.items() if tool not in tools}
        return found

    # What else is worth a line

    @property
    def is_windows(self) -> bool:
        """Whether the image is one of Windows."""
        return self.image.base.platform.lower().startswith("windows") or bool(_WINDOWS.search(self.image.base.image))

    @property
    def architecture(self) -> Value | None:
        """The architecture of the image, if the Dockerfile asks for one."""
        where = self.at(self.image.base.line)
        if self.image.architecture:
            return Value(self.image.architecture, f"FROM --platform in {where}")
        prefix = re.match(r"(?:docker\.io/)?(arm64v8|amd64)/", self.image.base.image)
        return Value("arm64" if prefix[1] == "arm64v8" else "x86_64", f"FROM in {where}") if prefix else None

    @property
    def size(self) -> Value | None:
        """The vCPU units and MiB that the program needs to start; None for the usual ones."""
        if _JAVA.search(self.image.base.image) or (self.framework and self.framework[0].manifest == "java"):
            return Value((512, 1024), "A JVM takes a quarter of the memory for its heap")
        return None

    @property
    def variables(self) -> Iterator[tuple[str, str, str]]:
        """Variables that the program needs in a container and the image does not set: name, value and reason."""
        row = self.framework[0] if self.framework else None
        for name, value in row.variables if row else ():
            if name not in self.image.variables:
                yield name, value, f"{row.title if row else ''} would listen on another address than the checks ask."

    def warnings(self, port: int | None) -> Iterator[str]:
        """What to change in the Dockerfile, or to know of it, if the container listens on a port."""
        image, check = self.image, self.image.last("HEALTHCHECK")
        if is_root(image.user):
            user = image.last("USER")
            place = f"USER in {self.at(user.line)} is root" if user else f"{self.file} has no USER"
            is_low = port is not None and port < LOWEST_PORT
            more = f", and let the program listen on a port from {LOWEST_PORT}" if is_low else ""
            yield f"{place}: the program runs as root, which production warns about (W140); add `USER 1000`{more}"
        elif port is not None and port < LOWEST_PORT:
            yield f"a user other than root may not be able to listen on port {port}: take one from {LOWEST_PORT}"
        if image.health_check is None:
            who = "nothing checks the tasks" if port is None else "the load balancer alone checks the tasks"
            so = who if self.check(port, "/").missing else "the spec has the check, and ECS needs no other"
            yield f"{self.file} has no HEALTHCHECK: {so}"
        elif check and self.base and (tool := self._lacking(check)):
            yield f"HEALTHCHECK in {self.at(check.line)} needs {tool}, which is not in {self._base}"
        if port is None and self.check(port, "").command:
            yield f"the program must touch {ALIVE} at least once a minute, or ECS replaces its task: see healthCheck"
        if image.base.platform and not image.architecture and "$" not in image.base.platform:
            platform = shown(image.base.platform)
            yield f"ECS runs linux/amd64 and linux/arm64, not {platform} of {self.at(image.base.line)}"
        for base in (each for each in image.bases if "$" in each.image):
            yield f"FROM in {self.at(base.line)} needs build arguments, {shown(base.image)}: write them as build.args"
        for program, option in ON_LOOPBACK.items():
            if program in image.command and not any(each in image.command for each in (option, ANYWHERE)):
                yield f"{program} listens on 127.0.0.1 alone, which no load balancer reaches: add `{option} {ANYWHERE}`"
        notes = (self.base.note if self.base else "", self.framework[0].note if self.framework else "")
        yield from filter(None, notes)

    def _lacking(self, check: Instruction) -> str:
        """What a HEALTHCHECK needs and the image lacks; empty if it lacks nothing, or if that is not known."""
        has = {*(self.base.tools if self.base else ()), *self._installed}
        command = self.image.health_check.command if self.image.health_check else ""
        program = "sh" if isinstance(command, str) else command[1].rpartition("/")[2]  # after CMD
        in_shell = program in ("sh", "ash", "bash", "dash")
        words = re.split(r"""[\s"',|&;]+""", check.text) if in_shell else [program]
        copied = " ".join(each.text for each in self.image.instructions if each.name in ("COPY", "ADD"))
        tools = [] if "curl" in has else [tool for tool in ("curl", "wget") if tool in words and tool not in has]
        lacks = ["a shell"] if in_shell and SHELL not in has else [tool for tool in tools if tool not in copied]
        return next(iter(lacks), "")


def shown(text: str) -> str:
    """A foreign text for a message or a comment of a spec, in which it begins no other comment."""
    return cut(visible(text), 100).replace("#", "\\u0023")


def about(port: int | None) -> tuple[str, ...]:
    """The first lines of a comment about a container check."""
    if port is not None:
        return ("ECS ignores a HEALTHCHECK in the image and runs this command in the container.",)
    return (
        f"ECS runs this command in the container. The program must touch {ALIVE} at least once a minute, for example",
        "after each message and while it waits for one: the check fails once the file is older than two minutes.",
    )


def default_check(port: int | None, path: str) -> tuple[str, ...]:
    """The container check of an image of which nothing is known."""
    return _filled((WORKER_CHECKS if port is None else CHECKS)[SHELL], port, path)


def context_of(file: Path, image: Dockerfile) -> Path:
    """The build context of a Dockerfile: the nearest folder, from its own up to the root of the repository, that has
    what it copies; its own folder if none has. `COPY .` copies more than
    Dockerfiles."""
    paths = [os.path.normpath(source.lstrip("/")) for source in _copied(image)]
    parts = {path.split(os.sep)[0] for path in paths if not path.startswith(".") and "$" not in path}
    for folder in folders_above(file.parent.absolute()):
        names = Folder(folder).names()
        has_whole = "." not in paths or not all(_OF_IMAGES.fullmatch(name) for name in names)
        if has_whole and all(any(fnmatch(name, part) for name in names) for part in parts):
            return folder
    return file.parent.absolute()


def project_of(file: Path, context: Path) -> Path:
    """The folder of a Dockerfile's program: that of the Dockerfile, or the build context if that one is for Dockerfiles
    by its name, and has no list of packages."""
    names = Folder(file.parent).names()
    has_list = any(re.fullmatch(pattern, name) for name in names for pattern, _ in MANIFESTS.values())
    return context if _FOR_IMAGES.fullmatch(file.parent.name) and not has_list else file.parent


def _copied(image: Dockerfile) -> list[str]:
    """The paths in the build context that a Dockerfile copies; not all of very many."""
    return list(islice((source for each in image.written for source in each.sources), _MOST_COPIED))


def _name_on_hub(name: str) -> str:
    """The name of an image on Docker Hub, if it comes from there or from a mirror; otherwise the whole name."""
    for mirror in MIRRORS:
        name = name.removeprefix(mirror)
    _, library, official = name.rpartition("library/")
    return official if library else re.sub(r"^(?:arm64v8|amd64)/", "", name)


def _names_in_json(text: str) -> list[str]:
    """The packages of a package.json or composer.json."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return []
    maps = [data.get(key) for key in ("dependencies", "require")] if isinstance(data, dict) else []
    return [name for each in maps if isinstance(each, dict) for name in each]


def _filled(words: Sequence[str], port: int | None, path: str) -> tuple[str, ...]:
    values = {"{url}": f"http://127.0.0.1:{port}{path}", "{port}": str(port), "{path}": path}
    filled = []
    for word in words:
        for name, value in values.items():
            word = word.replace(name, value)
        filled.append(word)
    return tuple(filled)
