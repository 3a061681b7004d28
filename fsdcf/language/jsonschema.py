"""The language as a JSON Schema (draft-07), for editors, derived from the model."""

from __future__ import annotations

from typing import Any

from fsdcf.language.dependency import Types
from fsdcf.language.model import Spec
from fsdcf.language.shape import Field, Kind, fields_of

PLACEHOLDER = {"type": "string", "pattern": r"\$\{"}
_ANY_SCALAR = ["string", "number", "boolean"]
_WRITTEN = {"string": ["string", "number"], "list": _ANY_SCALAR, "map": _ANY_SCALAR}
"""What keeps the text that was written: a scalar, or the items of a list or map."""


def json_schema(types: Types) -> dict[str, Any]:
    """The schema of a spec. Numbers may be given by a placeholder, so editors do not complain of ``${PORT}``."""
    root = record_schema(Spec, types)
    overlay = record_schema(Spec, types, partial=True)
    overlay["properties"] = {
        name: part for name, part in overlay["properties"].items() if name not in ("apiVersion", "kind", "environments")
    }
    root["properties"]["environments"]["additionalProperties"] = overlay
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "FSD v1 service spec",
        "description": "What fsdcf compiles into a CloudFormation template.",
        **root,
    }


def record_schema(record: type, types: Types, partial: bool = False) -> dict[str, Any]:
    """The schema of a record; with ``partial`` nothing is required, as in an overlay."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    respelled: list[dict[str, Any]] = []
    for field in fields_of(record):
        properties[field.name] = _field(field, types, partial)
        spellings = [name for name in field.key.also if "." not in name]
        for name in spellings:
            properties[name] = properties[field.name]
        if field.required and not partial and spellings:
            respelled.append({"anyOf": [{"required": [name]} for name in (field.name, *spellings)]})
        elif field.required and not partial:
            required.append(field.name)
    if record.__name__ == "Service":
        properties |= _moved(types)
    out: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return out | ({"required": required} if required else {}) | ({"allOf": respelled} if respelled else {})


def _moved(types: Types) -> dict[str, Any]:
    """Keys that may stand directly below ``service`` although they belong deeper."""
    out: dict[str, Any] = {}
    for field in fields_of(_service()):
        for kind in field.kinds:
            for inner in fields_of(kind.record) if kind.record else ():
                for spelling in inner.key.also:
                    steps = spelling.split(".")
                    if len(steps) == 2:
                        out[steps[1]] = _field(inner, types, True)
                    elif len(steps) == 3 and steps[1] not in {each.name for each in fields_of(_service())}:
                        holder = out.setdefault(
                            steps[1], {"type": "object", "properties": {}, "additionalProperties": False}
                        )
                        holder["properties"][steps[2]] = _field(inner, types, True)
    return out


def _service() -> type:
    return next(
        kind.record for field in fields_of(Spec) if field.name == "service" for kind in field.kinds if kind.record
    )


def _field(field: Field, types: Types, partial: bool) -> dict[str, Any]:
    options = [_kind(kind, field, types, partial) for kind in field.kinds]
    if any(kind.name in ("integer", "number") for kind in field.kinds) and not any(
        kind.name == "string" for kind in field.kinds
    ):
        options.append(PLACEHOLDER)
    body = options[0] if len(options) == 1 else {"anyOf": options}
    return {"description": field.key.doc, **body}


def _kind(kind: Kind, field: Field, types: Types, partial: bool) -> dict[str, Any]:
    if kind.name == "record" and kind.record:
        out = record_schema(kind.record, types, partial)
        return _with_moved_spellings(out, kind.record, types)
    if kind.name == "list" and kind.item:
        items = _dependencies(types) if kind.item.name == "dependency" else _kind(kind.item, field, types, False)
        return {"type": "array", "items": items} | ({"minItems": field.key.fewest} if field.key.fewest else {})
    if kind.name == "map" and kind.item:
        values: Any = True if kind.item.name == "any" else _kind(kind.item, field, types, False)
        names = {"propertyNames": {"pattern": _whole(field.key.key_pattern)}} if field.key.key_pattern else {}
        return {"type": "object", "additionalProperties": values} | names
    return _scalar(kind, field)


def _with_moved_spellings(out: dict[str, Any], record: type, types: Types) -> dict[str, Any]:
    """``resources.minCapacity`` belongs to autoScaling, and may be written in resources."""
    if record.__name__ == "Resources":
        for field in fields_of(_service()):
            for kind in field.kinds:
                for inner in fields_of(kind.record) if kind.record else ():
                    for spelling in inner.key.also:
                        if spelling.startswith("service.resources."):
                            out["properties"][spelling.rsplit(".", 1)[1]] = _field(inner, types, True)
    return out


def _dependencies(types: Types) -> dict[str, Any]:
    names = sorted(types)
    cases = []
    for name in names:
        body = record_schema(types[name].model, types)
        body["properties"]["type"] = {"const": name}
        cases.append({"if": {"properties": {"type": {"const": name}}}, "then": body})
    return {"type": "object", "required": ["type"], "properties": {"type": {"enum": names}}, "allOf": cases}


def _scalar(kind: Kind, field: Field) -> dict[str, Any]:
    key = field.key
    if kind.name == "string":
        return _string(field)
    out: dict[str, Any] = {"type": kind.name}
    if kind.name == "boolean":
        return out
    if key.allowed:
        return {"enum": list(key.allowed)}
    out |= {"minimum": key.minimum} if key.minimum is not None else {}
    return out | ({"maximum": key.maximum} if key.maximum is not None else {})


def _string(field: Field) -> dict[str, Any]:
    """A text, or a placeholder that becomes one. Where one value is offered a placeholder would be no use."""
    key = field.key
    out: dict[str, Any] = {"enum": list(key.allowed)} if key.allowed else {"type": "string"}
    if key.as_text and field.kinds[0].name in _WRITTEN:
        out = {"type": _WRITTEN[field.kinds[0].name]}
    out |= {"pattern": _whole(key.pattern)} if key.pattern else {}
    out |= {"maxLength": key.longest} if key.longest else {}
    out |= {"minLength": key.fewest} if key.fewest and field.kinds[0].name == "string" else {}
    bounded = key.pattern or key.longest or len(key.allowed) > 1
    return {"anyOf": [out, PLACEHOLDER]} if bounded else out


def _whole(pattern: str) -> str:
    """A pattern that matches the whole text."""
    return f"^(?:{pattern})$"
