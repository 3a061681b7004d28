"""The language as text: one key explained, and the reference page, derived from the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import DependencyType, Types
from fsdcf.language.model import Dependency, Spec
from fsdcf.language.schema import LATER_TYPES
from fsdcf.language.shape import Field, fields_of, later_of, record_of

_WORDS = {
    "integer": "integer",
    "string": "text",
    "number": "number",
    "boolean": "boolean",
    "map": "map",
    "record": "map",
    "any": "anything",
}


def walk(record: type, prefix: str = "") -> Iterator[tuple[str, Field]]:
    """Every key below a record with its full path; items of lists are marked by ``[]``."""
    for field in fields_of(record):
        path = f"{prefix}{field.name}"
        yield path, field
        below = record_of(field)
        item = next((kind.item.record for kind in field.kinds if kind.item and kind.item.record), None)
        if below:
            yield from walk(below, f"{path}.")
        elif item:
            yield from walk(item, f"{path}[].")


def find(path: str, types: Types) -> tuple[str, Field] | None:
    """The key at a path as a user writes it: with or without ``[]``, dependencies by type, in any spelling."""
    wanted = path.replace("[]", "")
    for name, kind in types.items():
        if name != kind.name and wanted.startswith(f"dependencies.{name}."):
            wanted = wanted.replace(name, kind.name, 1)
    for known, field in _all(types):
        if wanted in _spellings(known.replace("[]", ""), field):
            return known, field
    return None


def _spellings(path: str, field: Field) -> tuple[str, ...]:
    """A path by each spelling of its last key, those elsewhere by their full path."""
    above = path.rpartition(".")[0]
    return (path, *(name if "." in name else f"{above}.{name}" if above else name for name in field.key.also))


def paths(types: Types) -> list[str]:
    """The paths of all keys."""
    return [path for path, _ in _all(types)]


def later(path: str) -> str | None:
    """The meaning of a key that is known and not yet compiled."""
    holder, _, name = path.rpartition(".")
    records = [Spec] if not holder else [record_of(field) for known, field in walk(Spec) if known == holder]
    return next((later_of(record)[name] for record in records if record and name in later_of(record)), None)


def _all(types: Types) -> Iterator[tuple[str, Field]]:
    yield from walk(Spec)
    for name, kind in sorted(types.items()):
        if name == kind.name:
            yield from walk(kind.model, f"dependencies.{name}.")


def describe(path: str, field: Field, types: Types) -> str:
    """What a key means and takes, for the terminal; of the dependencies, which types there are."""
    lines = [f"{path}", f"  {field.key.doc}", f"  type: {type_of(field)}"]
    lines += [f"  values: {limits(field)}"] if limits(field) else []
    lines += [f"  default: {default_of(field)}"] if default_of(field) else []
    lines += [f"  also: {', '.join(field.key.also)}"] if field.key.also else []
    below = record_of(field) or next((kind.item.record for kind in field.kinds if kind.item), None)
    lines += _keys(below) if below else []
    if any(kind.item and kind.item.name == "dependency" for kind in field.kinds):
        lines += ["  types:", *(f"    {name}: {kind.doc}" for name, kind in types.items() if name == kind.name)]
    return "\n".join(lines)


def describe_type(kind: DependencyType[Any]) -> str:
    """A type of dependency with its keys, for the terminal."""
    lines = [f"dependencies: type {kind.name}", f"  {kind.doc}"]
    lines += [f"  also: {', '.join(kind.also)}"] if kind.also else []
    lines += [f"  gives: {', '.join(kind.variables)}"] if kind.variables else []
    return "\n".join([*lines, *_keys(kind.model)])


def _keys(record: type) -> list[str]:
    return ["  keys:", *(f"    {one.name}: {one.key.doc}" for one in fields_of(record))]


def type_of(field: Field) -> str:
    """The types in words."""
    names = []
    for kind in field.kinds:
        if kind.name == "list" and kind.item:
            names.append(
                "list of maps"
                if kind.item.name in ("record", "dependency")
                else f"list of {_WORDS[kind.item.name]}s".replace("texts", "text")
            )
        else:
            names.append(_WORDS[kind.name])
    return " or ".join(dict.fromkeys(names))


def limits(field: Field) -> str:
    """What a value may be, in words."""
    key = field.key
    if key.allowed:
        return ", ".join(str(value) for value in key.allowed)
    if key.expects:
        return key.expects
    if key.minimum is not None and key.maximum is not None:
        return f"{key.minimum:.0f} to {key.maximum:.0f}"
    if key.minimum is not None:
        return f"at least {key.minimum:.0f}"
    return f"at most {key.longest} characters" if key.longest else ""


def default_of(field: Field) -> str:
    """The default in words; nothing where the key is required or empty by default."""
    if field.required:
        return "none, it is required"
    if field.key.default:
        return field.key.default
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return str(field.default) if isinstance(field.default, (int, str)) and field.default != "" else ""


def reference_page(types: Types) -> str:
    """``docs/reference.md``."""
    out = ["# Reference", "", "Generated from the model by `make docs`. `fsdcf explain KEY` prints one entry.", ""]
    out += ["## The spec", "", *_table(walk(Spec), skip=("dependencies[]",))]
    out += [
        "",
        "## Dependencies",
        "",
        "Every dependency has these keys; each type adds its own.",
        "",
        *_table(walk(Dependency)),
    ]
    shared = {field.name for field in fields_of(Dependency)} - {"name"}
    for name, kind in sorted(types.items()):
        if name != kind.name:
            continue
        also = f" Also written `{'`, `'.join(kind.also)}`." if kind.also else ""
        out += [
            "",
            f"### {name}",
            "",
            f"{kind.doc}{also}",
            "",
            f"Placeholders: `${{{kind.category}:NAME:ATTRIBUTE}}`.",
            "",
        ]
        out += [f"The container gets `{'`, `'.join(kind.variables)}`.", ""] if kind.variables else []
        out += _table((path, field) for path, field in walk(kind.model) if path.split(".")[0] not in shared)
    out += ["", "## Known, not yet compiled", "", "These belong to the language and are refused by this version.", ""]
    out += [f"- `{path}`: {doc}" for path, doc in _later()]
    out += [f"- dependency type `{name}`" for name in LATER_TYPES]
    out += ["- kinds `Job` and `Environment`", ""]
    return "\n".join(out)


def codes_page(rules: Mapping[str, Rule]) -> str:
    """``docs/codes.md``."""
    out = [
        "# Codes",
        "",
        "Generated by `make docs`. `fsdcf explain CODE` prints one entry. S codes are errors, W codes are advice.",
    ]
    out += ["", "Codes of cfn-lint (E…, W… with four digits) are explained in its own documentation."]
    for rule in rules.values():
        out += [
            "",
            f"## {rule.code}: {rule.title}",
            "",
            rule.explanation,
            *([f"\nSource: <{rule.source}>"] if rule.source else []),
        ]
    return "\n".join([*out, ""])


def _later() -> Iterator[tuple[str, str]]:
    for path, field in walk(Spec):
        below = record_of(field)
        for name, doc in later_of(below).items() if below else ():
            yield f"{path}.{name}", doc
        for value in field.key.later:
            if path != "kind":
                yield f"{path}: {value}", field.key.doc


def _table(entries: Any, skip: tuple[str, ...] = ()) -> list[str]:
    lines = ["| key | type | values | default | meaning |", "|---|---|---|---|---|"]
    for path, field in entries:
        if path.startswith(skip) if skip else False:
            continue
        also = f" Also `{'`, `'.join(field.key.also)}`." if field.key.also else ""
        cells = [f"`{path}`", type_of(field), limits(field), default_of(field), field.key.doc + also]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines
