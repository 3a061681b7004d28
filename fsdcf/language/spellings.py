"""Spellings: every accepted spelling of a key becomes its canonical name, and other words for a value the usual one; a
key in two spellings is a finding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.language.dependency import Types
from fsdcf.language.document import Document, Mark, type_of
from fsdcf.language.model.common import Dependency
from fsdcf.language.shape import Field, Key, ValueType, moved_keys, spellings_of, walk

TWO_SPELLINGS = Rule(
    "S108",
    "a key in two spellings",
    "The same key is written twice, in two of its accepted spellings. Only one of them can apply, so keep one.",
)


def canonical(document: Document, record: type, types: Types) -> tuple[Document, tuple[Diagnostic, ...]]:
    """Return the document with every key under its canonical name, marks included; overlays of ``environments`` too.

    ``record`` is the record of the whole spec.
    """
    renaming = _Renaming(document, types)
    data = renaming.spec(record, document.data, ())
    overlays = data.get("environments")
    if isinstance(overlays, dict):
        for name, overlay in overlays.items():
            if isinstance(overlay, dict):
                overlays[name] = renaming.spec(record, overlay, ("environments", name))
    return Document(data, renaming.marks, document.sources, document.allowed), tuple(renaming.findings)


class _Renaming:
    """One pass over a document, which copies data and marks under the canonical names."""

    def __init__(self, document: Document, types: Types) -> None:
        self.document = document
        self.types = types
        self.marks: dict[SpecPath, Mark] = {}
        self.findings: list[Diagnostic] = []

    def spec(self, record: type, data: dict[Any, Any], root: SpecPath) -> dict[Any, Any]:
        """Return the data of a whole spec, or of an overlay at ``root``, with its keys renamed and moved to their
        places."""
        out = self._record(record, data, root, root)
        for field, home, spelled in moved_keys(record):
            self._move(record, out, root, field, home, spelled)
        return out

    def _record(self, record: type, data: dict[Any, Any], old: SpecPath, new: SpecPath) -> dict[Any, Any]:
        self._mark(old, new)
        out: dict[Any, Any] = {}
        for name, value in data.items():
            field = spellings_of(record).get(name)
            target = field.name if field else name
            if target in out:
                self._report((*old, name), (*new, target), target, name, self.document.marks.get((*old, name)))
            else:
                out[target] = self._value(field, value, (*old, name), (*new, target))
        return out

    def _value(self, field: Field | None, value: Any, old: SpecPath, new: SpecPath) -> Any:
        """Return a value with the keys of its record, or of its list's records, renamed; ``field`` is None for any
        map."""
        if field and field.key.words:
            old, value = _usual(field.key, old, value)
        if field and isinstance(value, str) and field.key.separator is not None:
            return self._items(value, field.key.separator, old, new)
        if field and field.record and isinstance(value, dict):
            return self._record(field.record, value, old, new)
        self._mark(old, new)
        item = field.item if field else None
        if isinstance(value, dict):
            return {key: self._item(item, below, (*old, key), (*new, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [self._item(item, each, (*old, index), (*new, index)) for index, each in enumerate(value)]
        return value

    def _items(self, text: str, separator: str, old: SpecPath, new: SpecPath) -> list[str]:
        """Return the list for which a text stands. Its items have the position of the text."""
        items = [item.strip() for item in text.split(separator) if item.strip()] if separator else []
        items = items or [text]
        for path in (new, *((*new, index) for index in range(len(items)))):
            self._mark(old, path)
        return items

    def _item(self, item: ValueType | None, entry: Any, old: SpecPath, new: SpecPath) -> Any:
        if item is None or item.name not in ("record", "dependency") or not isinstance(entry, dict):
            return self._value(None, entry, old, new)
        kind = type_of(entry, self.types)
        return self._record(item.record or (kind.model if kind else Dependency), entry, old, new)

    def _move(
        self,
        record: type,
        out: dict[Any, Any],
        root: SpecPath,
        field: Field,
        home: tuple[str, ...],
        spelled: tuple[str, ...],
    ) -> None:
        """Move a key that was written elsewhere in the spec to its own place."""
        *above, last = spelled
        holder = _map_at(out, above)
        if not holder or last not in holder:
            return
        source, target = root + spelled, root + home
        place = _map_at(out, home[:-1], create=True)
        if place is None:
            return
        if field.name in place:
            self._report(source, target, ".".join(map(str, target)), ".".join(map(str, source)))
        else:
            place[field.name] = holder[last]
            for depth in range(len(root) + 1, len(target)):
                self.marks.setdefault(target[:depth], Mark(self.marks[source].value, self.marks[source].key))
            self.marks[target] = self.marks[source]
        del holder[last]
        self.marks.pop(source, None)
        if not holder and ".".join(above) not in dict(walk(record)):
            del _map_at(out, above[:-1])[above[-1]]
            self.marks.pop(root + tuple(above), None)

    def _report(self, old: SpecPath, new: SpecPath, name: str, spelled: Any, mark: Mark | None = None) -> None:
        mark = mark or self.marks.get(old) or self.document.marks[old]
        first = self.marks[new].key or self.marks[new].value
        message = f"`{spelled}` is another spelling of `{name}`, which is set on line {first.line}"
        if spelled == name:
            message = f"`{name}` is set on line {first.line}, too, in another spelling"
        self.findings.append(
            TWO_SPELLINGS.at(mark.key or mark.value, new, message, f"keep one of them; `{name}` is the usual spelling")
        )

    def _mark(self, old: SpecPath, new: SpecPath) -> None:
        if mark := self.document.marks.get(old):
            self.marks[new] = mark


def _usual(key: Key, path: SpecPath, value: Any) -> tuple[SpecPath, Any]:
    """Return the usual word for a value, and its path: a map may have it by one of the keys ``within``."""
    if isinstance(value, dict) and key.within and value.get("enabled", True) is True:
        inner = [name for name in value if name != "enabled"]
        if len(inner) < 2 and all(name in key.within for name in inner) and value:
            path, value = (*path, *(inner or value)), value[inner[0]] if inner else True
    return path, key.usual(value)


def _map_at(data: Any, path: Iterable[str], create: bool = False) -> Any:
    """Return the map at a path; None if the path is missing (unless ``create``) or leads to something else."""
    for name in path:
        data = data.setdefault(name, {}) if create else data.get(name)
        if not isinstance(data, dict):
            return None
    return data
