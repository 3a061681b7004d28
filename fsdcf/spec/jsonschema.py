"""The language as a JSON Schema (draft-07), for editors, derived from the model."""

from __future__ import annotations

from typing import Any

from fsdcf.spec.dependency import Types
from fsdcf.spec.model import Spec
from fsdcf.spec.shape import Field, Kind, fields_of

PLACEHOLDER = {"type": "string", "pattern": r"\$\{"}


def json_schema(types: Types) -> dict[str, Any]:
    """The schema of a spec. Numbers may be given by a placeholder, so editors do not complain of ``${PORT}``."""
    root = _record(Spec, types)
    overlay = _record(Spec, types, partial=True)
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


def _record(record: type, types: Types, partial: bool = False) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required = []
    for field in fields_of(record):
        properties[field.name] = _field(field, types, partial)
        spellings = [name for name in field.key.also if "." not in name]
        for name in spellings:
            properties[name] = properties[field.name]
        if field.required and not partial and not spellings:
            required.append(field.name)
    if record.__name__ == "Service":
        properties |= _moved(types)
    out: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return out | ({"required": required} if required else {})


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
                        holder = out.setdefault(steps[1], {"type": "object", "properties": {}, "additionalProperties": False})
                        holder["properties"][steps[2]] = _field(inner, types, True)
    return out


def _service() -> type:
    return next(kind.record for field in fields_of(Spec) if field.name == "service" for kind in field.kinds if kind.record)


def _field(field: Field, types: Types, partial: bool) -> dict[str, Any]:
    options = [_kind(kind, field, types, partial) for kind in field.kinds]
    if any(kind.name in ("integer", "number") for kind in field.kinds) and not any(kind.name == "string" for kind in field.kinds):
        options.append(PLACEHOLDER)
    body = options[0] if len(options) == 1 else {"anyOf": options}
    return {"description": field.key.doc, **body}


def _kind(kind: Kind, field: Field, types: Types, partial: bool) -> dict[str, Any]:
    if kind.name == "record" and kind.record:
        out = _record(kind.record, types, partial)
        return _with_moved_spellings(out, kind.record, types)
    if kind.name == "list" and kind.item:
        items = _dependencies(types) if kind.item.name == "dependency" else _kind(kind.item, field, types, False)
        return {"type": "array", "items": items} | ({"minItems": field.key.fewest} if field.key.fewest else {})
    if kind.name == "map" and kind.item:
        values: Any = (
            True
            if kind.item.name == "any"
            else {"type": ["string", "number", "boolean"]}
            if field.key.as_text
            else _kind(kind.item, field, types, False)
        )
        return {"type": "object", "additionalProperties": values}
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
        body = _record(types[name].model, types)
        body["properties"]["type"] = {"const": name}
        cases.append({"if": {"properties": {"type": {"const": name}}}, "then": body})
    return {"type": "object", "required": ["type"], "properties": {"type": {"enum": names}}, "allOf": cases}


def _scalar(kind: Kind, field: Field) -> dict[str, Any]:
    key = field.key
    if kind.name == "string":
        out: dict[str, Any] = {"type": "string"}
        if key.allowed:
            out["enum"] = list(key.allowed)
        elif key.pattern:
            return {"anyOf": [{"type": "string", "pattern": f"^(?:{key.pattern})$"}, PLACEHOLDER]}
        return out | ({"maxLength": key.longest} if key.longest else {})
    out = {"type": kind.name}
    if kind.name == "boolean":
        return out
    if key.allowed:
        return {"enum": list(key.allowed)}
    out |= {"minimum": key.minimum} if key.minimum is not None else {}
    return out | ({"maximum": key.maximum} if key.maximum is not None else {})
