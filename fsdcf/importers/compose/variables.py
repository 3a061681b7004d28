"""Variables of Compose: files with variables, and their interpolation in texts.

Source: https://docs.docker.com/reference/compose-file/interpolation/ and
https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fsdcf.masking import contains_secret, is_secret_name

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEEPEST = 20
"""Defaults within defaults that are read."""


@dataclass
class Interpolated:
    """A text with the values of its variables: whether one of them is a secret, and what is not set.

    ``unset`` are the variables without a value and without a default, each with the message that the text has for it.
    """

    text: str = ""
    secret: bool = False
    used: list[str] = field(default_factory=list)
    unset: dict[str, str] = field(default_factory=dict)


def interpolate(text: str, variables: Mapping[str, str]) -> Interpolated:
    """The text with the values of its variables: ``$VAR``, ``${VAR:-default}`` and so on; ``$$`` is a dollar."""
    result = Interpolated()
    result.text = _replaced(text, variables, result, 0)
    return result


def _replaced(text: str, variables: Mapping[str, str], result: Interpolated, depth: int) -> str:
    parts, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        after = text[dollar + 1 : dollar + 2]
        name = _NAME.match(text, dollar + 1)
        if after == "$":
            parts.append("$")
            at = dollar + 2
        elif name:
            parts.append(_value(name[0], "", "", variables, result, depth))
            at = name.end()
        elif after == "{" and (inner := _NAME.match(text, dollar + 2)) and (end := _end(text, dollar + 2)):
            rest = text[inner.end() : end]
            operator = rest[:2] if rest[:1] == ":" else rest[:1]
            parts.append(_value(inner[0], operator, rest[len(operator) :], variables, result, depth))
            at = end + 1
        else:
            parts.append("$")
            at = dollar + 1
    return "".join((*parts, text[at:]))


def _end(text: str, start: int) -> int:
    """The place of the brace that closes the one before ``start``; 0 if there is none."""
    opened = 1
    for found in re.finditer(r"\$\{|\}", text[start:]):
        opened += 1 if found[0] == "${" else -1
        if not opened:
            return start + found.start()
    return 0


def _value(name: str, operator: str, word: str, variables: Mapping[str, str], result: Interpolated, depth: int) -> str:
    value = variables.get(name)
    given = bool(value) if operator.startswith(":") else value is not None
    if name not in result.used:
        result.used.append(name)
    if operator.endswith("+"):
        return _below(word, variables, result, depth) if given else ""
    if given:
        result.secret = result.secret or is_secret_name(name) or contains_secret(value or "", name)
        return value or ""
    if operator.endswith("-"):
        default = _below(word, variables, result, depth)
        result.secret = result.secret or bool(default and (is_secret_name(name) or contains_secret(default, name)))
        return default
    result.secret = result.secret or is_secret_name(name)
    result.unset[name] = word if operator.endswith("?") else ""
    return ""


def _below(word: str, variables: Mapping[str, str], result: Interpolated, depth: int) -> str:
    return _replaced(word, variables, result, depth + 1) if depth < _DEEPEST else word


def read_variables(text: str, above: Mapping[str, str], raw: bool = False) -> dict[str, str]:
    """The variables of a file such as ``.env``. A name without a value has that of ``above``, or is left out. With
    ``raw`` a value is taken as it is written."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, sign, value = line.strip().removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip()
        if not _NAME.fullmatch(name):
            continue
        if not sign:
            found |= {name: above[name]} if name in above else {}
        elif raw or value[:1] == "'":
            found[name] = value if raw else value[1:].partition("'")[0]
        elif value[:1] == '"':
            while value.count('"') - value.count('\\"') < 2 and (more := next(lines, None)) is not None:
                value += f"\n{more}"
            quoted = re.match(r'"((?:[^"\\]|\\.)*)', value, re.S)
            inner = quoted[1] if quoted else value[1:]
            inner = re.sub(r"\\([nrt\"\\$])", lambda match: _ESCAPES[match[1]], inner)
            found[name] = interpolate(inner, {**above, **found}).text
        else:
            value = re.split(r"(?:^|\s)#", value, maxsplit=1)[0].strip()
            found[name] = interpolate(value, {**above, **found}).text
    return found


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}
