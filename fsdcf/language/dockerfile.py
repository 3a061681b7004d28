"""The HEALTHCHECK of a Dockerfile, which ECS would ignore, as a container check of the spec."""

from __future__ import annotations

import json
import re

from fsdcf.language.model.service import ContainerCheck

_OPTION = re.compile(r"--([a-z-]+)=(\S+)\s*")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001, "ns": 0.000000001}


def health_check(text: str) -> ContainerCheck | None:
    """The last HEALTHCHECK of the last stage, within ECS's bounds; None where there is none or it says NONE.

    Docker's defaults are ECS's, except the timeout (30 seconds), which Docker's own documentation names.
    """
    found = None
    for line in _instructions(text):
        word, _, rest = line.partition(" ")
        if word.upper() == "FROM":
            found = None
        elif word.upper() == "HEALTHCHECK":
            found = _read(rest.strip())
    return found


def _instructions(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\[ \t]*\n", " ", "\n".join(lines))
    return [line.strip() for line in joined.splitlines() if line.strip()]


def _read(rest: str) -> ContainerCheck | None:
    options: dict[str, str] = {}
    while match := _OPTION.match(rest):
        options[match.group(1)] = match.group(2)
        rest = rest[match.end() :]
    kind, _, command = rest.partition(" ")
    if kind.upper() != "CMD" or not command.strip():
        return None
    start = options.get("start-period")
    return ContainerCheck(
        command=_command(command.strip()),
        interval=_seconds(options.get("interval", "30s"), 5, 300),
        timeout=_seconds(options.get("timeout", "30s"), 2, 60),
        retries=min(max(int(options.get("retries", "3") or "3"), 1), 10)
        if options.get("retries", "3").isdigit()
        else 3,
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
    """Docker's duration in whole seconds, within ECS's bounds."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)", text)
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return min(max(round(total), low), high)
