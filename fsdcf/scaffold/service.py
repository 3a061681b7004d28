"""A starter service on SQLite or DynamoDB: its spec, Dockerfile, code and tests."""

from __future__ import annotations

from collections.abc import Mapping

from fsdcf.language.names import variable
from fsdcf.scaffold.application import UNBOUND, Value
from fsdcf.scaffold.render import render, templates_in
from fsdcf.scaffold.workflow import scalar

KINDS: Mapping[str, str] = {
    "sqlite-api": "an API with its data in SQLite on EFS",
    "dynamodb-api": "an API with its data in DynamoDB",
}
"""Descriptions of the services by the names of their templates: one HTTP API, two stores."""


def service(kind: str, name: str, port: int, owner: str, schema: str, boundary: Value = UNBOUND) -> dict[str, str]:
    """Render the files of a service, by path. ``kind`` is a key of KINDS, ``schema`` the URL of the JSON Schema,
    ``boundary`` the permissions boundary of its roles."""
    sources = {
        path: f"services/{folder}/{path}.j2"
        for folder in ("shared", kind)
        for path in templates_in(f"services/{folder}")
    }
    sources[f"{name}.yml"] = sources.pop("spec.yml")
    values = {
        "kind": kind,
        "name": name,
        "port": port,
        "owner": scalar(owner),
        "schema": schema,
        "variable": variable(name, "TABLE_NAME"),
        "boundary": boundary,
    }
    return {path: render(source, **values) for path, source in sorted(sources.items())}
