"""The documentation of the language, derived from the model: an explanation of each key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsdcf.language.dependency import DependencyType, Types
from fsdcf.language.model import KINDS
from fsdcf.language.shape import Field, Key, Later, fields_of, later_of, walk
from fsdcf.wording import counted

_WORDS = {"string": "text", "record": "map", "any": "anything"}


def _all(types: Types) -> Iterator[tuple[str, Field]]:
    for kind in KINDS.values():
        yield from walk(kind.record)
    for name, dependency in types_by_name(types):
        yield from walk(dependency.model, f"dependencies.{name}.")


def types_by_name(types: Types) -> list[tuple[str, DependencyType[Any]]]:
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


def later(path: str) -> Later | None:
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
        "values": ", ".join(KINDS) if path == "kind" else limits(field),
        "default": default_of(field),
        "also": ", ".join(field.key.also),
    }
    lines = [path, f"  {field.key.doc}", *(f"  {name}: {fact}" for name, fact in facts.items() if fact)]
    below = field.record or (field.item and field.item.record)
    lines += _keys(below) if below else []
    if field.item and field.item.name == "dependency":
        lines += ["  types:", *(f"    {name}: {kind.doc}" for name, kind in types_by_name(types))]
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
    """Return the values that a key accepts in words: the choices or the format, then every bound."""
    key, of_items = field.key, any(each.name == "list" for each in field.types)
    values = [", ".join(map(str, key.allowed)) or key.expects]
    if key.pattern and not key.expects and not key.allowed:
        values.append(f"text that matches `{key.pattern}`")
    if not key.allowed and not key.expects:
        values.append(_range(key))
    values.append(f"at most {key.longest} characters" if key.longest else "")
    if key.fewest:
        values.append(f"at least {counted(key.fewest, 'item' if of_items else 'character')}")
    values.append(f"at most {key.most} items" if key.most else "")
    values.append(key.key_expects or (f"names that match `{key.key_pattern}`" if key.key_pattern else ""))
    return "; ".join(filter(None, values))


def _range(key: Key) -> str:
    if key.minimum is not None and key.maximum is not None:
        return f"{key.minimum:g} to {key.maximum:.0f}"
    if key.minimum is not None:
        return f"at least {key.minimum:g}"
    return f"at most {key.maximum:.0f}" if key.maximum is not None else ""


def default_of(field: Field) -> str:
    """Return the default of a key in words; empty if the default is empty."""
    if field.required:
        return "required"
    if field.key.computed_default:
        return field.key.computed_default
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return str(field.default) if isinstance(field.default, (int, str)) and field.default != "" else ""
