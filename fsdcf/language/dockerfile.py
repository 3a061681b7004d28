"""What a Dockerfile says of its image: the HEALTHCHECK, which ECS ignores in the image, as the container check of a
spec, and the USER."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from fsdcf.diagnostics import Diagnostic, Rule
from fsdcf.language.document import Document
from fsdcf.language.model.service import ContainerCheck, Spec
from fsdcf.language.resolve import forbidden
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

MOST_BYTES = 1_000_000
"""Maximum size of a Dockerfile."""

_OPTION = re.compile(r"--([a-z-]+)=(\S+)\s*")
_DURATION = re.compile(r"(?<!\d)(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001, "ns": 0.000000001}


def container_check(
    spec: Spec, document: Document, read: Callable[[str], bytes]
) -> tuple[ContainerCheck | None, list[Diagnostic]]:
    """Return the HEALTHCHECK of the Dockerfile that a service names, unless it has a check of its own.

    ``read`` reads a file by its path relative to the spec; its OSError or ValueError becomes a finding, unless the spec
    has a check of its own, and the file does not exist here.
    """
    path = ("service", "build", "dockerfile")
    try:
        file, own = spec.service.build.dockerfile, spec.service.health_check.container
        if file is None:
            return None, []
        check = health_check(read(file)[:MOST_BYTES].decode("utf-8", "replace"))
        if check is None or own is not None:
            return None, []
        words = (check.command,) if isinstance(check.command, str) else check.command
        return check, [finding for word in words for finding in forbidden(document, path, word)]
    except UnknownValue:
        return None, []
    except FileNotFoundError as error:
        return None, [] if own is not None else [_unreadable(document, file, error)]
    except OutsideError as error:
        hint = "move the file into the repository, and write its path relative to the spec"
        return None, [OUTSIDE.at(document.span(path), path, f"`{file}` is not read: {error.strerror}", hint)]
    except (OSError, ValueError) as error:
        return None, [_unreadable(document, file, error)]


def _unreadable(document: Document, file: object, error: Exception) -> Diagnostic:
    path = ("service", "build", "dockerfile")
    message = f"`{file}` cannot be read: {getattr(error, 'strerror', None) or error}"
    return DOCKERFILE.at(document.span(path), path, message, "write the path relative to the spec")


def image_user(spec: Spec, read: Callable[[str], bytes]) -> str:
    """Return the USER of the Dockerfile that a service names; empty for none, and for a file that cannot be read."""
    try:
        file = spec.service.build.dockerfile
        text = read(file)[:MOST_BYTES].decode("utf-8", "replace") if file else ""
    except (UnknownValue, OSError, ValueError):
        return ""
    user = ""
    for instruction, rest in _instructions(text):
        user = rest if instruction == "USER" else "" if instruction == "FROM" else user
    return user.partition(":")[0]


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield the instructions of a Dockerfile, in capitals, and what follows each."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\[ \t]*\n", " ", "\n".join(lines)).splitlines():
        instruction, _, rest = line.strip().partition(" ")
        yield instruction.upper(), rest.strip()


def health_check(text: str) -> ContainerCheck | None:
    """Return the last HEALTHCHECK of the last stage, within the limits of ECS; None if there is none, or if it is NONE.

    The defaults of Docker are those of ECS, except for the timeout of 30 seconds.
    Source: https://docs.docker.com/reference/dockerfile/#healthcheck
    """
    check = None
    for instruction, rest in _instructions(text):
        if instruction == "FROM":
            check = None
        elif instruction == "HEALTHCHECK":
            check = _read(rest)
    return check


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
        retries=min(max(int(retries), 1), 10) if retries.isdigit() else 3,
        start_period=_seconds(start, 0, 300) if start else None,
    )


def _command(text: str) -> str | tuple[str, ...]:
    if text.startswith("["):
        try:
            words = json.loads(text)
        except ValueError:
            return text
        if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
            return ("CMD", *words)
    return text


def _seconds(text: str, low: int, high: int) -> int:
    """Return Docker's duration in whole seconds, within the limits of ECS."""
    total = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
    return min(max(round(total), low), high)
