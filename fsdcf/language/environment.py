"""The file of an environment as its services need it: what it says, and what it puts under each of their specs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import PurePath
from typing import Any

from fsdcf.diagnostics import Diagnostic, SpecPath, has_errors
from fsdcf.language.dependency import Types
from fsdcf.language.document import Document
from fsdcf.language.model import ENVIRONMENT, SERVICE, SpecKind, kind_of
from fsdcf.language.model.environment import EnvironmentSpec
from fsdcf.language.resolve import DEFAULTS, merged, resolve
from fsdcf.language.shape import spellings_of
from fsdcf.language.source import parse
from fsdcf.language.spellings import canonical
from fsdcf.language.validate import validate

_BENEATH: Mapping[SpecPath, SpecPath] = {
    ("environment", "tags"): ("metadata", "tags"),
    ("environment", "permissionsBoundary"): ("service", "permissionsBoundary"),
    DEFAULTS: (),
}
"""What applies to every service, and its place in a spec; later entries win."""


@dataclass(frozen=True, eq=False, repr=False)
class EnvironmentFile:
    """The file of an environment without errors: its record, its document, and what it puts under the spec of every
    service.

    The positions in ``beneath`` are those in the file. Its placeholders are not replaced yet, because ``${DOMAIN}`` and
    the variables of the command line belong to the service.
    """

    spec: EnvironmentSpec
    document: Document
    beneath: Document

    def beneath_of(self, kind: SpecKind) -> Document:
        """What the file puts under a spec of a kind: under a job, what it has in common with a service."""
        if kind is SERVICE:
            return self.beneath
        block = self.beneath.moved((SERVICE.block,), (kind.block,))
        others = replace(
            self.beneath,
            data={key: value for key, value in self.beneath.data.items() if key != SERVICE.block},
            marks={path: mark for path, mark in self.beneath.marks.items() if path[:1] != (SERVICE.block,)},
        )
        return _known(merged(others, block), kind.record)

    @property
    def name(self) -> str:
        """The name of the file for messages."""
        return self.document.span(()).file


def read_environment(
    raw: bytes, name: str, types: Types, variables: Mapping[str, str]
) -> tuple[EnvironmentFile | None, tuple[Diagnostic, ...], Mapping[str, str]]:
    """Return the file of an environment, the findings, and the texts that they point to; no file if it has errors."""
    written, findings = parse(raw, name)
    if written is None:
        return None, tuple(findings), {name: raw.decode("utf-8", "replace")}
    environment = name_of(written) or PurePath(name.rpartition(":")[2]).stem
    document, resolved = resolve(written, types, environment, (), variables)
    spec, invalid = validate(document, environment, types)
    found = (*findings, *resolved, *invalid)
    if has_errors(found) or not isinstance(spec, EnvironmentSpec):
        return None, found, document.sources
    return EnvironmentFile(spec, document, beneath(written, types)), found, document.sources


def _known(document: Document, record: type) -> Document:
    """Return a document without the keys that a record does not have."""
    dropped: set[SpecPath] = set()

    def kept(data: Mapping[str, Any], record: type, path: SpecPath) -> dict[str, Any]:
        known = spellings_of(record)
        dropped.update((*path, name) for name in data if name not in known)
        return {
            name: kept(value, below, (*path, name))
            if isinstance(value, dict) and (below := known[name].record)
            else value
            for name, value in data.items()
            if name in known
        }

    data = kept(document.data, record, ())
    marks = {path: mark for path, mark in document.marks.items() if not any(path[: len(at)] == at for at in dropped)}
    return replace(document, data=data, marks=marks)


def name_of(document: Document) -> str | None:
    """The name in the document of an environment; None for a document of another kind, or without a name."""
    metadata = document.data.get("metadata")
    name = metadata.get("name") if kind_of(document.data) is ENVIRONMENT and isinstance(metadata, dict) else None
    return name if isinstance(name, str) else None


def beneath(written: Document, types: Types) -> Document:
    """Return what the document of an environment, as it is written, puts under the spec of each of its services."""
    parts = (written.moved(source, target) for source, target in _BENEATH.items())
    return canonical(reduce(merged, parts), SERVICE.record, types)[0]
