"""Every command of fsdcf that a test sees is parsed with the command line itself: it must exist as printed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any

import click
from click.testing import CliRunner

from fsdcf.cli.main import cli
from fsdcf.deploy.model import Outcome

NAMES = "|".join(cli.list_commands(click.Context(cli)))
_QUOTED = re.compile(rf"`(fsdcf (?:{NAMES})\b[^`\n]*)`")
_AFTER_COLON = re.compile(rf"(?:: |^ {{8}}|^\$ )(fsdcf (?:{NAMES})\b[^`\n]*)$", re.M)

PLACEHOLDERS = frozenset({"SHA", "SPEC", "LOGICAL_ID", "BUCKET", "NAME", "ORG/REPO", "ID", "FILE", "N", "PORT", "PATH"})
"""Words that a person must replace."""

_VALUES = {"N": "1", "PORT": "8000", "PATH": "/health", "ORG/REPO": "org/repo"}
_CAPITALS = re.compile(r"[A-Z][A-Z_/]*")


def commands_in(text: str) -> Iterator[str]:
    """The commands in a text: in backticks, or at the end of a line after a colon. JSON is left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(('"', "{")))
    for pattern in (_QUOTED, _AFTER_COLON):
        yield from (match[1].split("  #")[0].strip() for match in pattern.finditer(lines))


@cache
def problem_of(command: str) -> str:
    """What the command line finds wrong with a command; empty if it accepts it. A name alone is always right."""
    try:
        words = shlex.split(command)[1:]
    except ValueError as error:
        return str(error)
    known = PLACEHOLDERS | {*(words[2:4] if words[:1] == ["secret"] else ())}  # the name of a variable
    strange = [word for word in words if _CAPITALS.fullmatch(word) and word not in known and len(word) > 2]
    if strange:
        return f"unknown placeholders {strange}"
    words = [_VALUES.get(word, word) for word in words]
    group: click.Command = cli
    while isinstance(group, click.Group):
        if not words:
            return ""
        name, *words = words
        found = group.get_command(click.Context(group), name)
        if found is None:
            return f"no such command {name!r}"
        group = found
    if not words:
        return ""
    try:
        if not _has_words(group, words):
            return "no spec or name"
        group.make_context(name, words)
    except click.exceptions.Exit:
        return ""
    except click.ClickException as error:
        return error.format_message()
    return ""


def _has_words(command: click.Command, words: list[str]) -> bool:
    """Whether the first argument is given: a command that is printed does not rely on the folder."""
    first = next((one for one in command.params if isinstance(one, click.Argument)), None)
    if first is None or first.nargs != 1 or {"--help", "--failure", "--file", "--service"} & {*words}:
        return True
    own = words[: words.index("--")] if "--" in words else words
    return isinstance(command.make_parser(click.Context(command)).parse_args([*own])[0].get(first.name or ""), str)


def check(text: str) -> None:
    """Fail for a command in a text that the command line does not accept."""
    for command in commands_in(text):
        assert not problem_of(command), f"{command}: {problem_of(command)}"


def watch() -> None:
    """Check all that commands print, and each command that an outcome suggests, from now on."""
    invoke, create = CliRunner.invoke, Outcome.__init__

    def invoked(self: CliRunner, *arguments: Any, **options: Any) -> Any:
        result = invoke(self, *arguments, **options)
        check(result.output)
        return result

    def created(self: Outcome, *arguments: Any, **options: Any) -> None:
        create(self, *arguments, **options)
        for command in self.next:
            if command.startswith("fsdcf "):
                assert not problem_of(command), f"{command}: {problem_of(command)}"

    CliRunner.invoke = invoked  # type: ignore[method-assign]
    Outcome.__init__ = created  # type: ignore[method-assign]
