"""Every accepted spelling of a key becomes its one name; a key in two spellings is a finding."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.language.document import Document, Mark
from fsdcf.language.model import Dependency, Service, Spec
from fsdcf.language.shape import Field, fields_of, names_of, record_of

TWO_SPELLINGS = Rule(
    "S108",
    "a key in two spellings",
    "The same key was written twice, in two of its accepted spellings. Only one of them can count, so keep one.",
)
RULES = (TWO_SPELLINGS,)


def canonical(document: Document, types: Mapping[str, type[Dependency]]) -> tuple[Document, tuple[Diagnostic, ...]]:
    """The document with every key under its one name, marks included; overlays of ``environments`` too."""
    work = _Renaming(document, types)
    data = work.record(Spec, document.data, (), ())
    overlays = data.get("environments")
    if isinstance(overlays, dict):
        for name, overlay in overlays.items():
            if isinstance(overlay, dict):
                root = ("environments", name)
                overlays[name] = work.record(Spec, overlay, root, root)
    return Document(data, work.marks, document.sources, document.allowed), tuple(work.findings)


class _Renaming:
    """One pass over a document: copies it under the canonical names and carries the marks along."""

    def __init__(self, document: Document, types: Mapping[str, type[Dependency]]) -> None:
        self.document = document
        self.types = types
        self.marks: dict[SpecPath, Mark] = {}
        self.findings: list[Diagnostic] = []

    def record(self, record: type, data: dict[Any, Any], old: SpecPath, new: SpecPath) -> dict[Any, Any]:
        """A record's data with its own keys renamed, and then those of the records below it."""
        self._mark(old, new)
        names = _spellings(record)
        out: dict[Any, Any] = {}
        for name, value in data.items():
            field = names.get(name)
            target = field.name if field else name
            if target in out:
                self._twice(old + (name,), new + (target,), target)
                continue
            out[target] = self._value(field, value, old + (name,), new + (target,))
        for field, above, spelled in _moved(record):
            self._move(out, new, field, above, spelled)
        return out

    def _value(self, field: Field | None, value: Any, old: SpecPath, new: SpecPath) -> Any:
        if field is None:
            return self._copy(value, old, new)
        below = record_of(field)
        if below and isinstance(value, dict):
            return self.record(below, value, old, new)
        item = next((kind.item for kind in field.kinds if kind.name == "list"), None)
        if item and isinstance(value, list) and item.name in ("record", "dependency"):
            self._mark(old, new)
            return [self._item(item.record, entry, old + (i,), new + (i,)) for i, entry in enumerate(value)]
        return self._copy(value, old, new)

    def _item(self, record: type | None, entry: Any, old: SpecPath, new: SpecPath) -> Any:
        if not isinstance(entry, dict):
            return self._copy(entry, old, new)
        if record is None:
            kind = entry.get("type")
            record = self.types.get(kind, Dependency) if isinstance(kind, str) else Dependency
        return self.record(record, entry, old, new)

    def _copy(self, value: Any, old: SpecPath, new: SpecPath) -> Any:
        self._mark(old, new)
        if isinstance(value, dict):
            return {key: self._copy(below, old + (key,), new + (key,)) for key, below in value.items()}
        if isinstance(value, list):
            return [self._copy(below, old + (i,), new + (i,)) for i, below in enumerate(value)]
        return value

    def _move(
        self, out: dict[Any, Any], root: SpecPath, field: Field, above: tuple[str, ...], spelled: tuple[str, ...]
    ) -> None:
        """Move a key that was written elsewhere in the record to its own place."""
        holder = out
        for name in spelled[:-1]:
            holder = holder.get(name, {})
            if not isinstance(holder, dict):
                return
        if spelled[-1] not in holder:
            return
        source, target = root + spelled, root + (*above, field.name)
        place = out
        for name in above:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                return
        if field.name in place:
            self._twice(source, target, ".".join(str(step) for step in target), ".".join(str(step) for step in source))
        else:
            place[field.name] = holder[spelled[-1]]
            for depth in range(len(root) + 1, len(target)):
                self.marks.setdefault(target[:depth], self.marks[source])
            self.marks[target] = self.marks[source]
        del holder[spelled[-1]]
        self.marks.pop(source, None)
        if not holder and spelled[0] not in names_of(Service):
            del out[spelled[0]]
            self.marks.pop(root + spelled[:1], None)

    def _twice(self, old: SpecPath, new: SpecPath, name: str, spelled: str = "") -> None:
        mark = self.marks.get(old) or self.document.marks[old]
        first = self.marks[new].key or self.marks[new].value
        span = mark.key or mark.value
        self.findings.append(
            TWO_SPELLINGS.at(
                span,
                new,
                f"`{spelled or old[-1]}` is another spelling of `{name}`, which is set in line {first.line}",
                f"keep one of them; `{name}` is the usual spelling",
            )
        )

    def _mark(self, old: SpecPath, new: SpecPath) -> None:
        mark = self.document.marks.get(old)
        if mark:
            self.marks[new] = mark


@cache
def _spellings(record: type) -> dict[str, Field]:
    """The keys of a record by every spelling that stands in the record itself."""
    out = {field.name: field for field in fields_of(record)}
    for field in fields_of(record):
        out.update({spelling: field for spelling in field.key.also if "." not in spelling})
    return out


@cache
def _moved(record: type) -> tuple[tuple[Field, tuple[str, ...], tuple[str, ...]], ...]:
    """The keys below ``service`` that may stand elsewhere in it: (key, where it belongs, where it may stand)."""
    if record is not Service:
        return ()
    return tuple(
        (inner, (field.name,), tuple(spelling.split(".")[1:]))
        for field in fields_of(record)
        if (below := record_of(field))
        for inner in fields_of(below)
        for spelling in inner.key.also
        if spelling.startswith("service.")
    )
