"""What a Dockerfile says of its image: its base images, ports, user and variables, and the HEALTHCHECK, which ECS
ignores in the image, as the container check of a spec."""

from __future__ import annotations

import json
import re
import shlex
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from fsdcf.atomic import read_regular
from fsdcf.cloudformation.registries import parts_of_image
from fsdcf.diagnostics import Diagnostic, Rule, joined
from fsdcf.language.document import Document
from fsdcf.language.model.container import ContainerCheck
from fsdcf.language.model.service import Spec
from fsdcf.language.resolve import forbidden
from fsdcf.language.rules.image import PATH
from fsdcf.language.unknown import UnknownValue
from fsdcf.repository import OutsideError

DOCKERFILE = Rule(
    "S120",
    "a Dockerfile that cannot be read",
    "`build.dockerfile` is a path relative to the spec, of a regular file of at most 1,000,000 bytes. The file's "
    "HEALTHCHECK becomes the container's health check.",
)

OUTSIDE = Rule(
    "S405",
    "a Dockerfile outside the repository",
    "`build.dockerfile` leads out of the repository, by `..`, as an absolute path, or by a symbolic link. fsdcf does "
    "not read it, since what it contains could appear in a template. Without a repository, the folder in which fsdcf "
    "runs takes its place, or the folder of the spec.",
)

TARGET = Rule(
    "S297",
    "a stage that the Dockerfile does not have",
    "`build.target` is the name of a stage, which the Dockerfile gives to it after FROM: `FROM python:3.12-slim AS "
    "service`. The image is that stage, and the HEALTHCHECK, USER and EXPOSE that count are those of the stage.",
    "https://docs.docker.com/build/building/multi-stage/#stop-at-a-specific-build-stage",
)

MOST_BYTES = 1_000_000
"""Maximum size of a Dockerfile."""

_LONGEST_LINE = 10_000
"""Maximum length of an instruction whose quotes are read."""

_LONGEST = 1000
"""Maximum length of a text in which variables are replaced, and of what it becomes: values can double on each line."""

_OPTION = re.compile(r"--([a-z-]+)=(\S+)\s*")
_DURATION = re.compile(r"(?<!\d)(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)")
_RETRIES = re.compile(r"\d{1,9}", re.ASCII)
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001, "ns": 0.000000001}
_VARIABLE = re.compile(r"(?<!\\)\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^${}]{0,200}))?\})", re.ASCII)
_HEREDOC = re.compile(r"""(?<!\S)\d{0,9}<<-?(["']?)([A-Za-z_][\w.-]{0,100})\1(?!\S)|"[^"]*"|'[^']*'""")
_ARGUMENT = re.compile(r"[A-Za-z_]\w{0,100}", re.ASCII)
_OF_DOCKER = re.compile(
    r"(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT|STAGE)|BUILDKIT_\w+|(?i:https?|ftp|no|all)_?(?i:proxy)"
)
"""The build arguments that need no default.
Source: https://docs.docker.com/reference/dockerfile/#predefined-args, #automatic-platform-args-in-the-global-scope"""
_NO_PATH = re.compile(r"://|^git@|\0|^$")
_PORT = re.compile(r"\d{1,5}")
_MOST_PORTS = 20
"""The most ports of a range that count."""
_ARCHITECTURES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
_UNPRIVILEGED = re.compile(r"nonroot|unprivileged|rootless|^cgr\.dev/chainguard/")
"""Base images whose user is not root, by their names.
Sources: https://github.com/GoogleContainerTools/distroless#docker and
https://edu.chainguard.dev/chainguard/chainguard-images/"""


@dataclass(frozen=True)
class Instruction:
    """An instruction of a Dockerfile: its name in capitals, what follows, and its first line.

    ``body`` are the lines of the here-documents of a RUN.
    """

    name: str
    text: str
    line: int
    body: str = ""

    @property
    def sources(self) -> list[str]:
        """The paths in the build context that a COPY or ADD takes, without those of another stage and addresses."""
        words = [word for word in self.text.split() if not word.startswith("--")]
        if self.name not in ("COPY", "ADD") or "--from=" in self.text or "<<" in self.text:
            return []
        with suppress(ValueError, RecursionError):
            words = [str(word) for word in json.loads(" ".join(words))] if words[:1] and words[0][0] == "[" else words
        return [word for word in (word.strip("\"'") for word in words[:-1]) if not _NO_PATH.search(word)]


@dataclass(frozen=True)
class Base:
    """The image that a stage begins with, its variables replaced where their values are known."""

    image: str
    line: int
    platform: str = ""

    @property
    def name(self) -> str:
        """The image without tag and digest."""
        return parts_of_image(self.image)[0]

    @property
    def tag(self) -> str:
        """The tag; empty without one."""
        return parts_of_image(self.image)[1]

    @property
    def is_known(self) -> bool:
        """Whether every variable of the name has a value."""
        return bool(self.image) and "$" not in self.image

    @property
    def is_moving(self) -> bool:
        """Whether it is the latest version, whatever that is."""
        return self.is_known and self.image != "scratch" and "@" not in self.image and self.tag in ("", "latest")


@dataclass(frozen=True)
class Dockerfile:
    """The image that a Dockerfile builds: its last stage, or another one, with the stages that it begins with.

    ``written`` are the instructions of every stage, ``bases`` the images that they name. ``base`` and ``instructions``
    are those of this image, ``variables`` what its ENV sets.
    """

    written: tuple[Instruction, ...]
    bases: tuple[Base, ...]
    base: Base
    instructions: tuple[Instruction, ...]
    variables: Mapping[str, str] = field(default_factory=dict)

    def last(self, *names: str) -> Instruction | None:
        """The last instruction with one of the names, which is the one that counts."""
        return next((each for each in reversed(self.instructions) if each.name in names), None)

    def line_of(self, variable: str) -> int:
        """The line of the ENV that sets a variable; 0 for none."""
        lines = (
            each.line for each in reversed(self.instructions) if each.name == "ENV" and variable in _pairs(each.text)
        )
        return next(lines, 0)

    @property
    def open_arguments(self) -> list[str]:
        """The build arguments without a default, of any stage, without those that Docker sets."""
        words = [word for each in self.written if each.name == "ARG" for word in each.text.split()]
        with_default = {word.partition("=")[0] for word in words if "=" in word}
        names = dict.fromkeys(word for word in words if _ARGUMENT.fullmatch(word) and not _OF_DOCKER.fullmatch(word))
        return [name for name in names if name not in with_default]

    @property
    def ports(self) -> dict[int, int]:
        """The TCP ports of EXPOSE, each with its line."""
        found: dict[int, int] = {}
        for each in self.instructions:
            for word in _words(each.text) if each.name == "EXPOSE" else ():
                first, dash, last = word.lower().removesuffix("/tcp").partition("-")
                if _PORT.fullmatch(first) and (not dash or _PORT.fullmatch(last)):
                    ports = range(int(first), int(last or first) + 1)[:_MOST_PORTS]
                    found |= {port: each.line for port in ports if 0 < port <= 65535 and port not in found}
        return found

    @property
    def user(self) -> str:
        """The user of the container's process; empty for root."""
        instruction = self.last("USER")
        if instruction is None:
            return "nonroot" if _UNPRIVILEGED.search(self.base.image) else ""
        return instruction.text.strip("\"' ").partition(":")[0]

    @property
    def architecture(self) -> str:
        """The architecture that FROM asks for, as in ``resources.architecture``; empty if it asks for none."""
        system, _, rest = self.base.platform.lower().partition("/")
        return _ARCHITECTURES.get(rest.partition("/")[0], "") if system == "linux" else ""

    @property
    def command(self) -> str:
        """What the container runs, as a line: ENTRYPOINT and CMD, with the variables of the image."""
        parts = (self.last("ENTRYPOINT"), self.last("CMD"))
        words = (_command(each.text) for each in parts if each is not None)
        lines = (each if isinstance(each, str) else " ".join(each[1:]) for each in words)
        return _replaced(" ".join(lines), self.variables)

    @property
    def health_check(self) -> ContainerCheck | None:
        """The last HEALTHCHECK, within the limits of ECS; None if there is none, or if it is NONE.

        The defaults of Docker are those of ECS, except for the timeout of 30 seconds.
        Source: https://docs.docker.com/reference/dockerfile/#healthcheck
        """
        instruction = self.last("HEALTHCHECK")
        return _read(instruction.text) if instruction else None


def read_dockerfile(text: str, arguments: Mapping[str, str] | None = None, target: str | None = None) -> Dockerfile:
    """The image of a Dockerfile that is built with arguments, up to a stage.

    Raises LookupError for a stage that does not exist; its arguments are the names of those that do.
    """
    given, defaults = arguments or {}, dict[str, str]()
    stages: list[_Stage] = []
    names: dict[str, int] = {}
    written = tuple(instructions(text))
    for each in written:
        if each.name == "FROM":
            stages.append(_stage(each, defaults, names))
            names[stages[-1].name.lower()] = len(stages) - 1
        elif stages:
            stages[-1].instructions.append(each)
        elif each.name == "ARG":
            defaults |= _arguments(each.text, defaults, given)
    if target is not None and target.lower() not in names:
        raise LookupError(*(stage.name for stage in stages if stage.name))
    last = names[target.lower()] if target is not None else len(stages) - 1
    chain = [*_chain(stages, last)]
    base = chain[-1].base if chain else Base("", 0)
    platform = next((stage.base.platform for stage in chain if stage.base.platform), "")
    variables: dict[str, str] = {}
    own = [each for stage in reversed(chain) for each in _evaluated(stage, variables, defaults, given)]
    bases = tuple(stage.base for stage in stages if stage.parent is None)
    return Dockerfile(written, bases, replace(base, platform=platform), tuple(own), variables)


@dataclass(frozen=True)
class _Stage:
    """A stage as it is written; ``parent`` is the number of the one that it begins with."""

    name: str
    base: Base
    parent: int | None
    instructions: list[Instruction]


def _stage(instruction: Instruction, defaults: Mapping[str, str], names: Mapping[str, int]) -> _Stage:
    words = [_replaced(word, defaults) for word in instruction.text.split()]
    options = [word for word in words if word.startswith("--")]
    platform = next((word.partition("=")[2] for word in options if word.lower().startswith("--platform=")), "")
    image, *rest = [word for word in words if not word.startswith("--")] or [""]
    name = rest[1] if len(rest) > 1 and rest[0].upper() == "AS" else ""
    parent = names.get(image.lower()) if image else None
    return _Stage(name, Base(image, instruction.line, platform), parent, [])


def _chain(stages: Sequence[_Stage], last: int) -> Iterator[_Stage]:
    """A stage, the one that it begins with, and so on."""
    at = last if stages else None
    while at is not None:
        yield stages[at]
        at = stages[at].parent


def _evaluated(
    stage: _Stage, variables: dict[str, str], defaults: Mapping[str, str], given: Mapping[str, str]
) -> Iterator[Instruction]:
    """The instructions of a stage, with the variables replaced where Docker does so. Adds what ENV sets."""
    local: dict[str, str] = {}
    known = ChainMap(variables, local)
    for each in stage.instructions:
        if each.name == "ARG":
            local |= _arguments(each.text, known, given, defaults)
        elif each.name == "ENV":
            variables |= _pairs(each.text, known)
        yield replace(each, text=_replaced(each.text, known)) if each.name in ("EXPOSE", "USER") else each


def _arguments(
    text: str, known: Mapping[str, str], given: Mapping[str, str], inherited: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """What ARG sets: the given values, or the defaults."""
    found: dict[str, str] = {}
    for name, equals, default in (word.partition("=") for word in _words(text)):
        value = given.get(name, _replaced(default, known) if equals else inherited.get(name))
        found |= {} if value is None else {name: value}
    return found


def _pairs(text: str, known: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """What ENV sets; it has an older form, too: ``ENV NAME words``."""
    words = _words(text)
    if words and "=" not in words[0]:
        name, _, value = text.partition(" ")
        return {name: _replaced(value.strip(), known)}
    return {name: _replaced(value, known) for name, _, value in (word.partition("=") for word in words)}


def _words(text: str) -> list[str]:
    """The words of an instruction, without their quotes."""
    with suppress(ValueError):  # a quotation mark without its partner
        return shlex.split(text) if len(text) <= _LONGEST_LINE else text.split()
    return text.split()


def _replaced(text: str, known: Mapping[str, str]) -> str:
    """The text with the values of variables. One without a value stays, as does one that is too long."""

    def value(match: re.Match[str]) -> str:
        name, form, word = match[1] or match[2], match[3] or "", match[4]
        found = known.get(name, "")[: _LONGEST + 1]
        if len(found) > _LONGEST or (name not in known and "-" not in form):
            return match[0]
        if "+" in form:
            return word if found else ""
        return word if "-" in form and not found else found

    replaced = _VARIABLE.sub(value, text) if "$" in text and len(text) <= _LONGEST else text
    return replaced if len(replaced) <= _LONGEST else text


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile: continued lines are one, without the comments between them.

    Source: https://docs.docker.com/reference/dockerfile/#parser-directives
    """
    lines = [line.rstrip() for line in text.removeprefix("\ufeff").split("\n")]
    escape, ends = _escape(lines), {line.lstrip("\t"): number for number, line in enumerate(lines)}
    number = 0
    while number < len(lines):
        first, parts = number, list[str]()
        while number < len(lines):
            line, number = lines[number], number + 1
            if not line.strip() or line.lstrip().startswith("#"):
                first += not parts
                continue
            parts.append(line.removesuffix(escape))
            if not line.endswith(escape):
                break
        name, _, rest = "".join(parts).replace("\t", " ").strip().partition(" ")
        body: list[str] = []
        documents = _HEREDOC.finditer(rest) if name.upper() in ("RUN", "COPY", "ADD") else ()
        for end in (match[2] for match in documents if match[2] and ends.get(match[2], -1) >= number):
            while lines[number].lstrip("\t") != end:
                body.append(lines[number])
                number += 1
            number += 1
        if name:
            yield Instruction(name.upper(), rest.strip(), first + 1, "\n".join(body))


def _escape(lines: Sequence[str]) -> str:
    """The character that continues a line, which a directive at the top may set."""
    for line in lines:
        name, equals, value = line.lstrip().removeprefix("#").partition("=")
        if not line.lstrip().startswith("#") or not equals or not name.strip().isalnum():
            break
        if name.strip().lower() == "escape":
            return value.strip() or "\\"
    return "\\"


def dockerfile_text(file: Path) -> str:
    """The text of a Dockerfile; empty if it cannot be read."""
    try:
        return read_regular(file, MOST_BYTES).decode("utf-8", "replace").replace("\r\n", "\n").removeprefix("\ufeff")
    except (OSError, ValueError):
        return ""


def named_dockerfile(
    spec: Spec, document: Document, read: Callable[[str], bytes]
) -> tuple[Dockerfile | None, list[Diagnostic]]:
    """Return the image of the Dockerfile that a service names, and the findings about the file.

    ``read`` reads a file by its path relative to the spec; its OSError or ValueError becomes a finding, unless the spec
    has a container check of its own, and the file does not exist here.
    """
    try:
        build, own = spec.service.build, spec.service.health_check.container
        if build.dockerfile is None:
            return None, []
        text = read(build.dockerfile)[:MOST_BYTES].decode("utf-8", "replace")
        return read_dockerfile(text, build.args, build.target), []
    except UnknownValue:
        return None, []
    except LookupError as error:
        return None, [without_stage(document, build.target, error.args)]
    except FileNotFoundError as error:
        return None, [] if own is not None else [_unreadable(document, build.dockerfile, error)]
    except OutsideError as error:
        hint = "move the file into the repository, and write its path relative to the spec"
        return None, [
            OUTSIDE.at(document.span(PATH), PATH, f"`{build.dockerfile}` is not read: {error.strerror}", hint)
        ]
    except (OSError, ValueError) as error:
        return None, [_unreadable(document, build.dockerfile, error)]


def _unreadable(document: Document, file: object, error: Exception) -> Diagnostic:
    message = f"`{file}` cannot be read: {getattr(error, 'strerror', None) or error}"
    return DOCKERFILE.at(document.span(PATH), PATH, message, "write the path relative to the spec")


def without_stage(document: Document, target: object, names: Sequence[str]) -> Diagnostic:
    """The finding about a stage that a Dockerfile with these stages does not have."""
    path = ("service", "build", "target")
    hint = f"write {joined(names)}" if names else "leave it out: the Dockerfile names no stage"
    return TARGET.at(document.span(path), path, f"the Dockerfile has no stage `{target}`", hint)


def container_check(
    spec: Spec, document: Document, image: Dockerfile | None
) -> tuple[ContainerCheck | None, list[Diagnostic]]:
    """Return the HEALTHCHECK of the Dockerfile that a service names, unless it has a check of its own."""
    check = image.health_check if image is not None else None
    if check is None or spec.service.health_check.container is not None:
        return None, []
    words = (check.command,) if isinstance(check.command, str) else check.command
    return check, [finding for word in words for finding in forbidden(document, PATH, word)]


def _read(rest: str) -> ContainerCheck | None:
    options: dict[str, str] = {}
    end = 0
    while match := _OPTION.match(rest, end):
        options[match.group(1)] = match.group(2)
        end = match.end()
    kind, _, command = rest[end:].partition(" ")
    if kind.upper() != "CMD" or not command.strip():
        return None
    retries, start = options.get("retries", "3"), options.get("start-period")
    return ContainerCheck(
        command=_command(command.strip()),
        interval=_seconds(options.get("interval", "30s"), 5, 300),
        timeout=_seconds(options.get("timeout", "30s"), 2, 60),
        retries=min(max(int(retries), 1), 10) if _RETRIES.fullmatch(retries) else 3,
        start_period=_seconds(start, 0, 300) if start else None,
    )


def _command(text: str) -> str | tuple[str, ...]:
    if text.startswith("["):
        try:
            words = json.loads(text)
        except (ValueError, RecursionError):
            return text
        if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
            return ("CMD", *words)
    return text


def _seconds(text: str, low: int, high: int) -> int:
    """Return Docker's duration in whole seconds, within the limits of ECS."""
    total = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
    return max(round(min(total, high)), low)
