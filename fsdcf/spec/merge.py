"""The spec for one environment: its overlay and the overrides merged over the base, positions kept."""

from __future__ import annotations

from typing import Any

from fsdcf.diagnostics import Rule, SpecPath
from fsdcf.spec.document import Document, Mark

OVERRIDE = Rule(
    "S109",
    "an override that cannot be read",
    "`--override` takes KEY=VALUE, where KEY is a dotted path of keys such as service.resources.cpu (`service.` may be left out) "
    "and VALUE is YAML.",
)
RULES = (OVERRIDE,)


def overlay_of(document: Document, environment: str) -> Document | None:
    """The part of ``environments`` for one environment, as a document of its own."""
    overlays = document.data.get("environments")
    overlay = overlays.get(environment) if isinstance(overlays, dict) else None
    if not isinstance(overlay, dict):
        return None
    root: SpecPath = ("environments", environment)
    marks = {path[2:]: mark for path, mark in document.marks.items() if path[:2] == root}
    return Document(overlay, marks, document.sources, document.allowed)


def merged(base: Document, over: Document) -> Document:
    """``over`` merged over ``base``: maps merge, everything else is replaced. Marks follow the values."""
    marks = dict(base.marks)
    data = _merge(base.data, over.data, (), marks, over)
    return Document(data, marks, {**base.sources, **over.sources}, base.allowed)


def _merge(
    low: dict[Any, Any], high: dict[Any, Any], path: SpecPath, marks: dict[SpecPath, Mark], over: Document
) -> dict[Any, Any]:
    out = dict(low)
    for name, value in high.items():
        here = path + (name,)
        if isinstance(value, dict) and isinstance(low.get(name), dict):
            out[name] = _merge(low[name], value, here, marks, over)
            continue
        out[name] = value
        for stale in [known for known in marks if known[: len(here)] == here]:
            del marks[stale]
        marks.update({known: mark for known, mark in over.marks.items() if known[: len(here)] == here})
    return out
