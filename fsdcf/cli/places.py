"""Spec lines of logical ids: by the path that the template's Metadata holds, in the spec at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fsdcf.cli.values import discreet
from fsdcf.compiler.dependencies import types
from fsdcf.deploy.model import Place
from fsdcf.diagnostics import LINE_BREAK
from fsdcf.pipeline import Result
from fsdcf.spec.locate import locate


class Places:
    """Finds the spec line of a resource, or of a path such as ``service.port``. One that the spec no longer makes, or has not, stands at
    the nearest ancestor of its path that is left.

    ``deployed`` gives the template that runs: it tells the paths of resources that the compiled one lacks. It is asked once, and
    only when such a resource is looked for.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self._paths = {name: origin.path for name, origin in result.template.origins.items()} if result.template else {}
        self.deployed: Callable[[], Mapping[str, Any]] | None = None

    def __call__(self, logical_id: str) -> Place | None:
        document = self.result.document
        path = self._paths.get(logical_id) or (logical_id if "." in logical_id else self._former(logical_id))
        if document is None or path is None:
            return None
        span = document.key_span(locate(document, path, types()))
        lines = LINE_BREAK.split(self.result.sources.get(span.file, ""))
        text = lines[span.line - 1] if span.line <= len(lines) else ""
        return Place(discreet(span.file), span.line, span.column, discreet(text))

    def _former(self, logical_id: str) -> str | None:
        if self.deployed is None:
            return None
        ask, self.deployed = self.deployed, None
        for name, path in paths_of(ask()).items():
            self._paths.setdefault(name, path)
        return self._paths.get(logical_id)


def paths_of(template: Mapping[str, Any]) -> dict[str, str]:
    """The spec path of each resource, as fsdcf wrote it into the Metadata."""
    found = {}
    for name, resource in (template.get("Resources") or {}).items():
        metadata = resource.get("Metadata") if isinstance(resource, Mapping) else None
        own = metadata.get("fsdcf") if isinstance(metadata, Mapping) else None
        if isinstance(own, Mapping) and isinstance(own.get("Spec"), str):
            found[name] = own["Spec"]
    return found
