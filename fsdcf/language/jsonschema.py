"""The language as a JSON Schema (draft-07) for editors, derived from the model."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from fsdcf.language.dependency import Types
from fsdcf.language.model import ENVIRONMENT, JOB, KINDS, SERVICE, SpecKind
from fsdcf.language.resolve import DEFAULTS
from fsdcf.language.shape import Field, ValueType, fields_of, moved_keys

PLACEHOLDER = {"type": "string", "pattern": r"\$\{"}
NULL = {"type": "null"}
"""In an overlay, null removes a key."""

_PART, _PART_OF_JOB = {"$ref": "#/definitions/partOfService"}, {"$ref": "#/definitions/partOfJob"}
_DEPENDENCY = {"$ref": "#/definitions/dependency"}

Schema = dict[str, Any]
_ANY_SCALAR = ["string", "number", "boolean"]
_AS_TEXT = {"string": ["string", "number"], "list": _ANY_SCALAR, "map": _ANY_SCALAR}
"""The types of a value that keeps the text that was written: a scalar, or the items of a list or map."""


def json_schema(types: Types) -> Schema:
    """Return the schema of a spec. A placeholder may replace a number, so that editors accept ``${PORT}``."""
    first, *others = [(name, _spec_schema(kind.record, types)) for name, kind in KINDS.items()]
    schema = first[1]
    for name, other in others:
        is_other = {"properties": {"kind": {"const": name}}, "required": ["kind"]}
        schema = {"if": is_other, "then": other, "else": schema}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"FSD v1 {' or '.join(kind.lower() for kind in KINDS)} spec",
        "description": "A spec that fsdcf compiles into a CloudFormation template.",
        **schema,
        "definitions": {
            "partOfService": _part_of(SERVICE, types),
            "partOfJob": _part_of(JOB, types),
            "dependency": _dependencies(types),
        },
    }


def _spec_schema(record: type, types: Types) -> Schema:
    """Return the schema of a kind of spec, with the parts of a service's spec in it: its overlays, or what an
    environment puts under every service."""
    root = _with_moved_keys(record_schema(record, types), record, types, False)
    if record is SERVICE.record:
        root["properties"]["environments"]["additionalProperties"] = _PART
    elif record is JOB.record:
        root["properties"]["environments"]["additionalProperties"] = _PART_OF_JOB
    elif record is ENVIRONMENT.record:
        root["properties"][ENVIRONMENT.block]["properties"][DEFAULTS[-1]]["allOf"] = [_PART]
    return root


def _part_of(kind: SpecKind, types: Types) -> Schema:
    """Return the schema of a part of a spec."""
    part = _with_moved_keys(record_schema(kind.record, types, True), kind.record, types, True)
    for name in ("apiVersion", "kind", "environments"):
        del part["properties"][name]
    return part


def _with_moved_keys(schema: Schema, record: type, types: Types, partial: bool) -> Schema:
    """Add the keys that may be written elsewhere: ``service.resources.minCapacity`` belongs to autoScaling."""
    for field, _, spelled in moved_keys(record):
        holder = schema
        for name in spelled[:-1]:
            empty = {"type": "object", "properties": {}, "additionalProperties": False}
            holder = holder["properties"].setdefault(name, empty)
        holder["properties"][spelled[-1]] = _field(field, types, partial)
    return schema


def record_schema(record: type, types: Types, partial: bool = False) -> Schema:
    """Return the schema of a record; with ``partial`` nothing is required, as in an overlay."""
    properties: Schema = {}
    required: list[str] = []
    respelled: list[Schema] = []
    for field in fields_of(record):
        properties[field.name] = _field(field, types, partial)
        spellings = [name for name in field.key.also if "." not in name]
        properties |= dict.fromkeys(spellings, properties[field.name])
        if field.required and not partial and spellings:
            respelled.append({"anyOf": [{"required": [name]} for name in (field.name, *spellings)]})
        elif field.required and not partial:
            required.append(field.name)
    out: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return out | ({"required": required} if required else {}) | ({"allOf": respelled} if respelled else {})


def _field(field: Field, types: Types, partial: bool) -> Schema:
    options = [_value(each, field, types, partial) for each in field.types]
    if field.accepts("integer", "number") and not field.accepts("string"):
        options.append(PLACEHOLDER)
    options += _other_forms(field, options[0])
    options += [NULL] if partial else []
    plain = [one for one in options if one.keys() == {"type"}]
    detailed = [one for one in options if one not in plain]
    if plain and len(detailed) == 1 and detailed[0].get("type") in ("object", "array"):
        # One schema for both: an editor then shows an error at the key below, not at the whole value.
        options = [{**detailed[0], "type": [detailed[0]["type"], *(one["type"] for one in plain)]}]
    return {"description": field.key.doc, **(options[0] if len(options) == 1 else {"anyOf": options})}


def _other_forms(field: Field, text: Schema) -> list[Schema]:
    """Return the schemas of other words for a limited ``text``, and of the maps that may have it in their place."""
    key = field.key
    words = [word for word in key.words if key.pattern and not re.fullmatch(key.pattern, word)]
    forms: list[Schema] = [] if key.separator is None else [_string(_joined(field))]
    forms += [{"enum": [*words, *[True] * ("true" in words)]}] if words else []
    if key.within:
        inner = {"enabled": {"const": True}, **dict.fromkeys(key.within, text)}
        forms.append({"type": "object", "properties": inner, "additionalProperties": False, "minProperties": 1})
    return forms


def _joined(field: Field) -> Field:
    """Return the key with the limits of a text that stands for its list."""
    key = field.key
    if not key.separator:
        return field
    pattern = rf"\s*(?:{key.pattern})(?:\s*{key.separator}\s*(?:{key.pattern}))*\s*"
    return replace(field, key=replace(key, pattern=pattern))


def _value(value: ValueType, field: Field, types: Types, partial: bool) -> Schema:
    key = field.key
    if value.name == "record" and value.record:
        return record_schema(value.record, types, partial)
    if value.name == "list" and value.item:
        items = _DEPENDENCY if value.item.name == "dependency" else _value(value.item, field, types, False)
        return {"type": "array", "items": items, **_bounds("minItems", key.fewest, "maxItems", key.most)}
    if value.name == "map" and value.item:
        values: Any = True if value.item.name == "any" else _value(value.item, field, types, False)
        values = {"anyOf": [values, NULL]} if partial and values is not True else values
        names = {"propertyNames": {"pattern": _whole(key.key_pattern)}} if key.key_pattern else {}
        bounds = _bounds("minProperties", key.fewest, "maxProperties", key.most)
        return {"type": "object", "additionalProperties": values, **names, **bounds}
    if value.name == "string":
        return _string(field)
    if key.allowed and value.name != "boolean":
        return {"enum": list(key.allowed)}
    limits = _bounds("minimum", key.minimum, "maximum", key.maximum) if value.name != "boolean" else {}
    return {"type": value.name, **limits}


def _bounds(lower: str, least: float | None, upper: str, most: float | None) -> Schema:
    return {name: bound for name, bound in ((lower, least), (upper, most)) if bound is not None}


def _string(field: Field) -> Schema:
    """Return the schema of a text, or of a placeholder that becomes one, unless only one value is allowed."""
    key, first = field.key, field.types[0].name
    out: Schema = {"enum": list(key.allowed)} if key.allowed else {"type": "string"}
    if key.as_text and first in _AS_TEXT:
        is_number = key.pattern and not re.fullmatch(key.pattern, "true")
        out = {"type": _AS_TEXT["string" if is_number else first]}
    out |= {"pattern": _whole(key.pattern)} if key.pattern else {}
    out |= {"maxLength": key.longest} if key.longest else {}
    out |= {"minLength": key.fewest} if key.fewest and first == "string" else {}
    bounded = key.pattern or key.longest or len(key.allowed) > 1
    return {"anyOf": [out, PLACEHOLDER]} if bounded else out


def _dependencies(types: Types) -> Schema:
    names = sorted(types)
    cases = []
    for name in names:
        body = record_schema(types[name].model, types)
        body["properties"]["type"] = {"const": name}
        cases.append({"if": {"properties": {"type": {"const": name}}}, "then": body})
    return {"type": "object", "required": ["type"], "properties": {"type": {"enum": names}}, "allOf": cases}


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"
