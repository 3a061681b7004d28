"""The commands of fsdcf that it suggests to its user, made in one place. Tests parse each with the command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

Value = str | bool | None | Iterable[str]
"""The value of an option: a text, several of them, True for a flag; None, False, "" and () leave the option out."""


def suggested(name: str, /, *arguments: str, **options: Value) -> str:
    """A command, quoted for a shell: ``suggested("deploy", "a.yml", env="prod")`` is ``fsdcf deploy a.yml --env prod``.

    ``name`` may name a command of a group, such as ``ci github``.
    """
    words = (f"./{word}" if word.startswith("-") else word for word in arguments)  # a file, not an option
    return " ".join(("fsdcf", name, *map(quoted, words), *words_of(**options)))


def on_service(name: str, service: str, environment: str | None, /, *arguments: str, **options: Value) -> str:
    """A command on a service or its spec: ``fsdcf scale shop --env prod 3 --yes``."""
    more = (*map(quoted, arguments), *words_of(**options))
    return " ".join((suggested(name, service, env=environment), *more))


def in_container(command: str, words: Iterable[str]) -> str:
    """A command with the words behind ``--``, which the container runs."""
    return " ".join((command, "--", *map(quoted, words)))


def words_of(**options: Value) -> tuple[str, ...]:
    """Options as words, quoted for a shell: ``image_sha="one"`` is ``--image-sha one``."""
    words: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value:
            values = (value,) if isinstance(value, str) else value
            words += [word for one in values for word in (flag, quoted(one))]
    return tuple(words)


def words_in(command: str) -> list[str]:
    """The words of a command that was made here."""
    return shlex.split(_ESCAPED.sub(lambda match: shlex.quote(_unescaped(match[1])), command))


_ESCAPED = re.compile(r"(?<!\S)\$'([^']*)'(?!\S)")


def _unescaped(text: str) -> str:
    raw = re.sub(rb"\\x(..)", lambda match: bytes.fromhex(match[1].decode()), text.encode())
    return raw.decode("utf-8", "surrogateescape")


def quoted(word: str) -> str:
    """A word for a shell. Placeholders of a template, such as ``{service}``, stay as they are.

    A word that does not fit on a line of a terminal or of a workflow has the form ``$'…'`` with escapes: one with a
    line break or another unprintable character, with ``${{``, which GitHub evaluates wherever it finds it, or with a
    backtick, since messages show a command between two of them.
    """
    if _PLAIN.fullmatch(word):
        return word
    if word.isprintable() and "${{" not in word and "`" not in word:
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, word)) + "'"


_PLAIN = re.compile(r"(?:\{[a-z]+\}|[\w@%+=:,./-])+", re.ASCII)


def _escaped(character: str) -> str:
    """A character between ``$'`` and ``'``, which contains neither of them, nor a backtick."""
    if character.isprintable() and character not in "\\'$`":
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
