"""Values of properties for a reader: what differs between two of them, short enough to read, and with secrets masked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.cli.lists import matched, same

MASK = "********"
_SECRET_NAME = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY|TOKEN|CREDENTIAL|(?:^|_)(PWD|AUTH|DSN)(?:_|$)",
    re.I,
)
_REFERENCE = re.compile(r"arn:[a-z0-9-]+:(secretsmanager|ssm|kms|iam):|\{\{resolve:", re.I)
"""What only says where a secret is kept."""
_SECRET_VALUE = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|xox[abp]-[A-Za-z0-9-]+|sk_live_\w+|-----BEGIN [A-Z ]*PRIVATE KEY.*",
    re.S,
)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]+(?=@)")
_PAIR = re.compile(r"""([A-Za-z_][\w.-]*)(["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,{}\[\]"'][^,}]*)""")
"""A key and its value, as YAML or an option writes them."""


@dataclass(frozen=True)
class Difference:
    """One value that differs. ``path`` reads like ``ContainerDefinitions[app].Image``; None stands for what is not there."""

    path: str
    before: Any
    after: Any


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """The smallest values that differ between two, in the order of the second one; secrets are masked.

    ``5`` and ``"5"`` are the same to CloudFormation.
    """
    if same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and not (_is_function(before) or _is_function(after)):
        for key in [*after, *(key for key in before if key not in after)]:
            yield from differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        return
    items = matched(before, after)
    if items is not None:
        for name, old, new in items:
            yield from differences(old, new, f"{path}[{name}]")
        return
    yield _leaf(path, before, after)


def masked(value: Any, name: str = "") -> Any:
    """The value without its secrets: what a telling name belongs to, and what looks like a key or a password."""
    if isinstance(value, Mapping):
        named = next((str(value[key]) for key in ("Name", "Key") if isinstance(value.get(key), str)), "")
        return {key: masked(part, named if key == "Value" and named else str(key)) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(part, name) for part in value]
    if not isinstance(value, str):
        return (
            MASK
            if _SECRET_NAME.search(name) and isinstance(value, (int, float)) and not isinstance(value, bool)
            else value
        )
    if _SECRET_NAME.search(name) and value and not _REFERENCE.match(value):
        return MASK
    return _USER_INFO.sub(MASK, _SECRET_VALUE.sub(MASK, value))


def discreet(line: str) -> str:
    """A line of a spec, or an option, without its secrets: ``DB_PASSWORD: ********``."""
    told: str = masked(_PAIR.sub(lambda found: f"{found[1]}{found[2]}{_value_told(found[3], found[1])}", line))
    return told


def _value_told(value: str, name: str) -> str:
    told = value if value.startswith("${secrets:") else str(masked(value, name))
    return discreet(told) if told == value else told


def shown(value: Any, widest: int = 200) -> str:
    """A value on one line, cut where it is wider than ``widest`` columns. What a resource tells stands as its name."""
    if value is None:
        return "nothing"
    value = named(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = visible(" ".join(text.split("\n")))
    return text if len(text) <= widest else text[: widest - 1] + "…"


def named(value: Any) -> Any:
    """A value with the functions that name a resource replaced by the name: ``{"Ref": "Table"}`` -> ``Table``."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            (function, argument), *_ = value.items()
            if function == "Ref":
                return argument
            if function == "Fn::GetAtt" and isinstance(argument, list):
                return ".".join(map(str, argument))
            if function == "Fn::Join" and isinstance(argument, list) and len(argument) == 2 and argument[0] == "":
                return "".join(part if isinstance(part, str) else f"${{{named(part)}}}" for part in argument[1])
        return {key: named(child) for key, child in value.items()}
    return [named(child) for child in value] if isinstance(value, (list, tuple)) else value


def visible(text: str) -> str:
    """The text without what a terminal would take for a command."""
    return "".join(one if one.isprintable() or one == " " else f"\\u{ord(one):04x}" for one in text)


def judged_by(path: str) -> str:
    """The name that says whether a value is a secret: the last one of its path, or that of the item whose value it is.

    A ``Value`` in a list whose items have no names may be anything: it is judged by a name that says so.
    """
    steps = [step for step in re.split(r"[.\[\]/]+", path) if step]
    if len(steps) < 2 or steps[-1] != "Value":
        return steps[-1] if steps else ""
    return "SECRET" if steps[-2].isdigit() else steps[-2]


def _leaf(path: str, before: Any, after: Any) -> Difference:
    name = judged_by(path)
    return Difference(path.removesuffix(".Value"), _own(masked(before, name)), _own(masked(after, name)))


def _own(value: Any) -> Any:
    """The value of an item whose name the path tells already."""
    if isinstance(value, Mapping) and set(value) in ({"Name", "Value"}, {"Key", "Value"}):
        return value["Value"]
    return value


def _is_function(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))
