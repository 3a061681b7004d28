"""A starter service on SQLite or DynamoDB: its spec, Dockerfile, code and tests."""

from __future__ import annotations

from collections.abc import Mapping

from fsdcf.language.names import variable
from fsdcf.scaffold.render import render

KINDS: Mapping[str, str] = {
    "sqlite-api": "an API with its data in SQLite on EFS",
    "dynamodb-api": "an API with its data in DynamoDB",
}
"""Descriptions of the services by the names of their templates: one HTTP API, two stores."""

_SHARED = (
    ".dockerignore",
    ".gitignore",
    "Dockerfile",
    "Makefile",
    "README.md",
    "app/__init__.py",
    "app/__main__.py",
    "app/api.py",
    "app/model.py",
    "pytest.ini",
    "requirements-test.txt",
    "requirements.txt",
    "tests/test_api.py",
)
_OWN = ("app/store.py", "tests/conftest.py", "tests/test_store.py")
_MORE: Mapping[str, tuple[str, ...]] = {"sqlite-api": (), "dynamodb-api": ("tests/local.py",)}


def service(kind: str, name: str, port: int, owner: str, schema: str) -> dict[str, str]:
    """Render the files of a service, by path. ``kind`` is a key of KINDS, ``schema`` the URL of the JSON Schema."""
    sources = {path: f"services/shared/{path}.j2" for path in _SHARED}
    sources |= {path: f"services/{kind}/{path}.j2" for path in (*_OWN, *_MORE[kind])}
    sources[f"{name}.yml"] = f"services/{kind}/spec.yml.j2"
    values = {
        "kind": kind,
        "name": name,
        "port": port,
        "owner": owner,
        "schema": schema,
        "variable": variable(name, "TABLE_NAME"),
    }
    return {path: render(source, **values) for path, source in sorted(sources.items())}
