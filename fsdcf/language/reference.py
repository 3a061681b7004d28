"""The documentation of the language, derived from the model: an explanation of each key, and the reference page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import DependencyType, Types
from fsdcf.language.model import KINDS
from fsdcf.language.model.common import LATER_KINDS, Dependency
from fsdcf.language.schema import LATER_TYPES
from fsdcf.language.shape import Field, fields_of, later_of, walk

_WORDS = {"string": "text", "record": "map", "any": "anything"}


def _all(types: Types) -> Iterator[tuple[str, Field]]:
    for kind in KINDS.values():
        yield from walk(kind.record)
    for name, dependency in _by_own_name(types):
        yield from walk(dependency.model, f"dependencies.{name}.")


def _by_own_name(types: Types) -> list[tuple[str, DependencyType[Any]]]:
    return [(name, dependency) for name, dependency in sorted(types.items()) if name == dependency.name]


def paths(types: Types) -> list[str]:
    """Return the paths of all keys."""
    return [path for path, _ in _all(types)]


def find(path: str, types: Types) -> tuple[str, Field] | None:
    """Return the key at a path as a user writes it: with or without ``[]``, dependencies by type, in any spelling."""
    wanted = path.replace("[]", "")
    for name, dependency in types.items():
        if name != dependency.name and wanted.startswith(f"dependencies.{name}."):
            wanted = wanted.replace(name, dependency.name, 1)
    for known, field in _all(types):
        plain = known.replace("[]", "")
        above = plain.rpartition(".")[0]
        if wanted == plain or wanted in (
            spelling if "." in spelling or not above else f"{above}.{spelling}" for spelling in field.key.also
        ):
            return known, field
    return None


def later(path: str) -> str | None:
    """Return the meaning of a key that belongs to the language and is not implemented yet."""
    holder, _, name = path.rpartition(".")
    for kind in KINDS.values():
        records = [field.record for known, field in walk(kind.record) if known == holder] if holder else [kind.record]
        for record in records:
            if record and name in later_of(record):
                return later_of(record)[name]
    return None


def describe(path: str, field: Field, types: Types) -> str:
    """Return what a key means and accepts as text for the terminal, with the dependency types if it takes them."""
    facts = {
        "type": type_of(field),
        "values": limits(field),
        "default": default_of(field),
        "also": ", ".join(field.key.also),
    }
    lines = [path, f"  {field.key.doc}", *(f"  {name}: {fact}" for name, fact in facts.items() if fact)]
    below = field.record or (field.item and field.item.record)
    lines += _keys(below) if below else []
    if field.item and field.item.name == "dependency":
        lines += ["  types:", *(f"    {name}: {kind.doc}" for name, kind in _by_own_name(types))]
    return "\n".join(lines)


def describe_type(kind: DependencyType[Any]) -> str:
    """Return a dependency type with its keys as text for the terminal."""
    lines = [f"dependencies: type {kind.name}", f"  {kind.doc}"]
    lines += [f"  also: {', '.join(kind.also)}"] if kind.also else []
    lines += [f"  gives: {', '.join(kind.variables)}"] if kind.variables else []
    return "\n".join([*lines, *_keys(kind.model)])


def _keys(record: type) -> list[str]:
    return ["  keys:", *(f"    {field.name}: {field.key.doc}" for field in fields_of(record))]


def type_of(field: Field) -> str:
    """Return the types of a key in words."""
    names = []
    for each in field.types:
        name = _WORDS.get(each.name, each.name)
        if each.name == "list" and each.item:
            items = {"string": "text", "record": "maps", "dependency": "maps"}
            name = f"list of {items.get(each.item.name, f'{each.item.name}s')}"
        names.append(name)
    return " or ".join(dict.fromkeys(names))


def limits(field: Field) -> str:
    """Return the values that a key accepts in words."""
    key = field.key
    if key.allowed:
        return ", ".join(map(str, key.allowed))
    if key.expects:
        return key.expects
    if key.minimum is not None and key.maximum is not None:
        return f"{key.minimum:.0f} to {key.maximum:.0f}"
    if key.minimum is not None:
        return f"at least {key.minimum:.0f}"
    return f"at most {key.longest} characters" if key.longest else ""


def default_of(field: Field) -> str:
    """Return the default of a key in words; empty if the default is empty."""
    if field.required:
        return "required"
    if field.key.computed_default:
        return field.key.computed_default
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return str(field.default) if isinstance(field.default, (int, str)) and field.default != "" else ""


def reference_page(types: Types) -> str:
    """Return ``docs/reference.md``."""
    out = ["# Reference", "", "Generated from the model by `make docs`. `fsdcf explain KEY` prints one entry.", ""]
    for kind in KINDS.values():
        keys = ((path, field) for path, field in walk(kind.record) if not path.startswith("dependencies[]"))
        title = "The spec" if len(KINDS) == 1 else f"A spec of kind {kind.name}"
        out += [f"## {title}", "", *_table(keys), ""]
    out += ["## Dependencies", "", "Every dependency has these keys; each type adds its own.", ""]
    out += _table(walk(Dependency))
    shared = {field.name for field in fields_of(Dependency)} - {"name"}
    for name, dependency in _by_own_name(types):
        also = f" Also written `{'`, `'.join(dependency.also)}`." if dependency.also else ""
        placeholder = f"Placeholders: `${{{dependency.category}:NAME:ATTRIBUTE}}`."
        out += ["", f"### {name}", "", f"{dependency.doc}{also}", "", placeholder, ""]
        if dependency.variables:
            out += [f"The container gets `{'`, `'.join(dependency.variables)}`.", ""]
        out += _table((path, field) for path, field in walk(dependency.model) if path.split(".")[0] not in shared)
    out += ["", "## Not implemented yet", "", "These belong to the language, and this version rejects them.", ""]
    for kind in KINDS.values():
        out += [f"- `{path}`: {doc}" for path, doc in _later(kind.record)]
    out += [f"- dependency type `{name}`" for name in LATER_TYPES if name not in types]
    out += [f"- kind `{name}`" for name in LATER_KINDS]
    return "\n".join([*out, ""])


def codes_page(rules: Mapping[str, Rule]) -> str:
    """Return ``docs/codes.md``."""
    intro = "Generated by `make docs`. `fsdcf explain CODE` prints one entry. S codes are errors, W codes are warnings."
    out = [
        "# Codes",
        "",
        intro,
        "",
        "Codes of cfn-lint (E…, W… with four digits) are explained in its own documentation.",
    ]
    for rule in rules.values():
        out += ["", f"## {rule.code}: {rule.title}", "", rule.explanation]
        out += ["", f"Source: <{rule.source}>"] if rule.source else []
    return "\n".join([*out, ""])


def _later(record: type) -> Iterator[tuple[str, str]]:
    for path, field in walk(record):
        for name, doc in later_of(field.record).items() if field.record else ():
            yield f"{path}.{name}", doc
        for value in field.key.later if path != "kind" else ():
            yield f"{path}: {value}", field.key.doc


def _table(entries: Iterable[tuple[str, Field]]) -> list[str]:
    lines = ["| key | type | values | default | meaning |", "|---|---|---|---|---|"]
    for path, field in entries:
        also = f" Also `{'`, `'.join(field.key.also)}`." if field.key.also else ""
        cells = [f"`{path}`", type_of(field), limits(field), default_of(field), field.key.doc + also]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines
