"""Paths by names, as the template's Metadata holds them, and their places in the spec at hand."""

from __future__ import annotations

from fsdcf.diagnostics import SpecPath
from fsdcf.spec.dependency import DependencyType, Types
from fsdcf.spec.document import Document
from fsdcf.spec.names import local_name


def locate(document: Document, named: str, types: Types) -> SpecPath:
    """``dependencies.aws_sqs_queue.orders`` -> its path in the document; the nearest ancestor of what is not there."""
    steps = named.split(".")
    if steps[0] != "dependencies":
        return _known(document, tuple(steps))
    kind, local = steps[1], ".".join(steps[2:])
    entries = document.data.get("dependencies")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        found = type_of(entry, types)
        if found and found.name == kind and local_name(entry.get("name", "")) == local:
            return ("dependencies", index)
    return _known(document, ("dependencies",))


def type_of(entry: object, types: Types) -> DependencyType | None:
    """The type of an entry of ``dependencies``, whatever stands there."""
    name = entry.get("type") if isinstance(entry, dict) else None
    return types.get(name) if isinstance(name, str) else None


def _known(document: Document, path: SpecPath) -> SpecPath:
    while path and not document.has(path):
        path = path[:-1]
    return path
