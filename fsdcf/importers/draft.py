"""A spec in the making, and its text with comments."""

from __future__ import annotations

import json
import posixpath
import re
import unicodedata
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from fsdcf.conventions import environment_path
from fsdcf.diagnostics import SpecPath
from fsdcf.importers.report import ImportReport, Row, UnfitError
from fsdcf.language.model import ENVIRONMENT, SpecKind
from fsdcf.language.model.common import NAME
from fsdcf.language.placeholders import matches, parse, sample
from fsdcf.language.shape import Field, Key, names_of
from fsdcf.language.source import scalar_text
from fsdcf.links import SCHEMA

SERVICES = "services"
"""The folder of the specs of services and jobs."""

LONGEST_NAME = 40
"""Maximum length of a service's name, in characters."""

_LONGEST_LINE = 100
_ALIKE = ("environments", "metadata")
"""Blocks of a spec that an environment has no other values of."""
_PLACEHOLDER = re.compile(r"\$\{[\w.:/-]{1,200}\}", re.ASCII)
_COLON = re.compile(r"(?<=\S):(?=\S)")


@dataclass(eq=False, repr=False)
class Draft:
    """A spec in the making: plain data in the language's own spellings, and comments by the path that they are above.

    ``about`` is the comment at its beginning. ``to_store`` are the secret variables whose values the user has to store.
    ``variables`` are those that every command on the spec gets by ``--var``, each with an example of its value.
    ``report`` is the report of the whole import.
    """

    kind: SpecKind
    name: str
    report: ImportReport
    about: list[str] = field(default_factory=list)
    to_store: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    comments: dict[SpecPath, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data |= {
            "apiVersion": "fsd/v1",
            "kind": self.kind.name,
            "metadata": {"name": self.name},
            self.kind.block: {},
        }

    @property
    def path(self) -> str:
        """The file of the spec, relative to the folder that gets the specs."""
        return environment_path(self.name) if self.kind is ENVIRONMENT else f"{SERVICES}/{self.name}.yml"

    @property
    def root(self) -> Block:
        """The whole spec."""
        return Block(self, ())

    @property
    def block(self) -> Block:
        """The block of the kind: ``service``, ``job`` or ``environment``."""
        return Block(self, (self.kind.block,))

    def beside(self, path: str) -> str:
        """A path relative to the folder that gets the specs, as the spec has to write it."""
        return posixpath.relpath(path or ".", posixpath.dirname(self.path))

    def dependency(self, type_name: str, name: str) -> Block:
        """The dependency of a type and name, which is added unless the spec has it already."""
        entries = self.data.setdefault("dependencies", [])
        for index, entry in enumerate(entries):
            if (entry["type"], entry["name"]) == (type_name, name):
                return Block(self, ("dependencies", index))
        entries.append({"type": type_name, "name": name})
        return Block(self, ("dependencies", len(entries) - 1))

    def put_environment(self, name: str, other: Draft, lines: Mapping[str, int], above: str) -> None:
        """Put what another draft of the same source has different at the part of an environment, and report it.

        ``lines`` are the lines of the keys that the source has for the environment, which are below the key ``above``.
        """
        if difference := _difference(self.data, other.data, _ALIKE):
            self.data.setdefault("environments", {})[name] = difference
        self.to_store += [each for each in other.to_store if each not in self.to_store]
        for row in other.report.rows.values():
            if row.key in lines:
                to = " ".join(f"environments.{name}.{each}" for each in row.outcome.to.split())
                outcome = replace(row.outcome, to=to)
                self.report.add(Row(row.file, lines[row.key], f"{above}.{row.key}", outcome, self.path))

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments that the spec names."""
        return tuple(self.data.get("environments", ()))

    def text(self) -> str:
        """The spec as YAML: the keys in the order of the language, the comments above their keys."""
        head = [f"# yaml-language-server: $schema={SCHEMA}", *(f"# {line}".rstrip() for line in self.about)]
        return "\n".join([*head, *self._lines(self.data, (), self.kind.record)]) + "\n"

    def _lines(self, data: Mapping[str, Any], path: SpecPath, record: type | None, indent: str = "") -> Iterator[str]:
        fields = names_of(record) if record else {}
        order = {name: number for number, name in enumerate(fields)}
        for name in sorted(data, key=lambda each: order.get(each, len(order))):
            known = fields.get(name)
            below = self.kind.record if path == ("environments",) else known and (known.record or _item_record(known))
            yield from self._comment((*path, name), indent)
            yield from self._entry(f"{indent}{scalar_text(name)}:", data[name], (*path, name), below or None, indent)

    def _comment(self, at: SpecPath, indent: str) -> Iterator[str]:
        yield from (f"{indent}# {line}".rstrip() for line in self.comments.get(at, "").splitlines())

    def _entry(self, head: str, value: Any, at: SpecPath, record: type | None, indent: str) -> Iterator[str]:
        flow = f"{head} {_plain(value)}"
        if isinstance(value, str) and "\n" in value and _fits_block(value):
            yield f"{head} |{'' if value.endswith(chr(10)) else '-'}"
            yield from (f"{indent}  {line}".rstrip() for line in value.removesuffix("\n").split("\n"))
        elif isinstance(value, dict) and value:
            yield head
            yield from self._lines(value, at, record, f"{indent}  ")
        elif isinstance(value, list) and (len(flow) > _LONGEST_LINE or any(isinstance(e, (dict, list)) for e in value)):
            yield head
            for index, each in enumerate(value):
                yield from self._item(each, (*at, index), record, f"{indent}  ")
        else:
            yield flow

    def _item(self, value: Any, at: SpecPath, record: type | None, indent: str) -> Iterator[str]:
        yield from self._comment(at, indent)
        if not isinstance(value, dict) or not value:
            yield f"{indent}- {_plain(value)}"
            return
        lines = [*self._lines(value, at, record, f"{indent}  ")]
        first = next(number for number, line in enumerate(lines) if not line.lstrip().startswith("#"))
        yield from (line[2:] for line in lines[:first])
        yield f"{indent}- {lines[first].lstrip()}"
        yield from lines[first + 1 :]


class NoDraft(Draft):
    """The place for the keys of a source that no spec is made of, but which the report has."""

    @property
    def path(self) -> str:
        """No file."""
        return ""


@dataclass(frozen=True, eq=False)
class Block:
    """A map in a draft that values are put into. ``at`` is its path."""

    draft: Draft
    at: SpecPath

    def below(self, *steps: str | int) -> Block:
        """A map below this one."""
        return Block(self.draft, (*self.at, *steps))

    @property
    def data(self) -> dict[str, Any]:
        """The map; empty, and not yet in the draft, if nothing was put into it."""
        data: Any = self.draft.data
        for step in self.at:
            data = data.get(step, {}) if isinstance(data, dict) else data[step]
        return data if isinstance(data, dict) else {}

    def get(self, path: str) -> Any:
        """The value at a path of keys below this map; None if there is none."""
        data: Any = self.data
        for step in path.split("."):
            data = data.get(step) if isinstance(data, dict) else None
        return data

    def put(self, path: str, value: Any, comment: str = "") -> None:
        """Put a value at a path of keys below this map, with a comment above it. The maps above it are made."""
        data: Any = self.draft.data
        steps = (*self.at, *path.split("."))
        for step in steps[:-1]:
            if isinstance(data, dict) and not isinstance(data.get(step), (dict, list)):
                data[step] = {}
            data = data[step]
        data[steps[-1]] = value
        if comment:
            self.draft.comments[steps] = comment

    def check(self, path: str, value: Any) -> None:
        """Raise UnfitError if the language does not accept a value, or an item of a list, at a path of keys."""
        record: Any = self.draft.kind.record
        field: Field | None = None
        named = False
        for step in (*self.at, *path.split(".")):
            if isinstance(step, str) and not named:
                field = names_of(record).get(step) if record else None
                record = field and (field.record or _item_record(field))
            named = not named and field is not None and field.accepts("map") and field.record is None
        if field is not None:
            _check(field.key, value, self.draft.variables)

    def put_valid(self, path: str, value: Any, comment: str = "") -> None:
        """Put a value at a path of keys, as ``put`` does. Raises UnfitError if the language does not accept it."""
        self.check(path, value)
        self.put(path, value, comment)

    def put_at(self, path: str, name: str, value: Any, comment: str = "") -> None:
        """Put a value at a name, which may contain dots, in the map at a path of keys."""
        if not isinstance(self.get(path), dict):
            self.put(path, {})
        self.get(path)[name] = value
        place = (*self.at, *path.split("."), name)
        if comment:
            self.draft.comments[place] = comment

    def add(self, path: str, value: Any, comment: str = "") -> Block:
        """Append an item to a list below this map, and return it as a map."""
        items = self.get(path)
        if not isinstance(items, list):
            self.put(path, items := [])
        items.append(value)
        place = (*self.at, *path.split("."), len(items) - 1)
        if comment:
            self.draft.comments[place] = comment
        return Block(self.draft, place)

    def key(self, path: str) -> str:
        """The whole path of a key below this map, for the report: ``service.sidecars[0].port``."""
        steps = [*self.at, *filter(None, path.split("."))]
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")


def spec_name(text: str) -> str:
    """The nearest valid name of a service: lower-case letters, digits and single hyphens, at most LONGEST_NAME."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "-", plain).lower())
    name = re.sub(r"^[0-9-]+", "", "-".join(words))[:LONGEST_NAME].strip("-")
    return name if re.fullmatch(NAME, name) else "service"


def unused_name(text: str, taken: Container[str]) -> str:
    """The nearest valid name of a service that is not taken: with a number, if another one has it."""
    name = spec_name(text)
    numbered = (f"{name[: LONGEST_NAME - 5].rstrip('-')}-{number}" for number in count(2))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _difference(base: Mapping[str, Any], other: Mapping[str, Any], alike: Container[str] = ()) -> dict[str, Any]:
    """What must be merged over a map to make it another one: maps deeply, lists whole, null for what goes."""
    found: dict[str, Any] = {}
    for key in dict.fromkeys((*base, *other)):
        before, after = base.get(key), other.get(key)
        if key in alike or before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            found[key] = _difference(before, after)
        else:
            found[key] = after
    return found


def _fits_block(text: str) -> bool:
    """Whether a text of several lines is the same as a block of YAML."""
    lines = text.removesuffix("\n").split("\n")
    return all(line.isprintable() and line == line.rstrip() for line in lines) and lines[0][:1] not in ("", " ")


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar_text(name)}: {_flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _quoted(value, value) if isinstance(value, str) else json.dumps(value)


def _plain(value: Any) -> str:
    """A value outside of brackets, where placeholders, and colons inside of a word, need no quotes."""
    if not isinstance(value, str):
        return _flow(value)
    shape = _COLON.sub("-", _PLACEHOLDER.sub("x", value))
    return _quoted(value, f"x{shape}" if "/" in value and shape[0].isdigit() else shape)


def _quoted(text: str, shape: str) -> str:
    """A text as a scalar of YAML, in quotes if its shape needs some: single ones around double ones."""
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return scalar_text(text, shape)


def _check(key: Key, value: Any, variables: Mapping[str, str]) -> None:
    """Raise UnfitError if a value, or an item of a list, is not one that a key accepts."""
    for each in value if isinstance(value, list) else [value]:
        text = parse(each, {"ENV": "staging", **variables})[0] if isinstance(each, str) else ""
        if isinstance(each, str):
            short = key.longest is None or len(sample(text)) <= key.longest
            fits = short and (not key.pattern or matches(key.pattern, text))
        else:
            low, high = key.minimum, key.maximum
            fits = not (low is not None and each < low) and not (high is not None and each > high)
        if not fits or (key.allowed and each not in key.allowed):
            limits = f"at least {key.minimum} and at most {key.maximum}" if key.maximum is not None else "shorter"
            allowed = ", ".join(map(str, key.allowed))
            raise UnfitError(f"must be {key.expects or allowed or limits}")
    if isinstance(value, list) and key.most is not None and len(value) > key.most:
        raise UnfitError(f"must have at most {key.most} items")


def _item_record(field: Field) -> type | None:
    return field.item.record if field.item else None
