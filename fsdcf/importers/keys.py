"""Tables of keys: for each key of a source where its value goes, and the walk that puts it there and reports it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fsdcf.importers.draft import Block
from fsdcf.importers.report import ImportReport, KeyOutcome, Row, Treatment, UnfitError, not_carried
from fsdcf.importers.source import SourceValue

Convert = Callable[[SourceValue, Block], KeyOutcome | None]
"""Puts a value into a block. It returns what became of the value if that is not what the table says, and raises
UnfitError for a value that the key cannot have."""

Enter = Callable[[SourceValue, Block], Block | None]
"""Returns the block for what is below a value, such as a new sidecar; None if nothing below it is carried, after it has
reported that. Raises UnfitError."""


@dataclass(frozen=True)
class SourceKey:
    """A key of a source.

    - ``path``: names joined by dots, relative to the table; ``*`` is any name in a map, ``[]`` an item of a list.
    - ``to``: the key that has the value, relative to the block. Several are separated by spaces: ``convert`` puts the
      value there. Empty: the key is not carried.
    - ``note``: what changes and why; for a key that is not carried why, and what works instead.
    - ``convert`` puts the value into the block; without it the value is put there as it is: text, number or boolean.
    - ``table`` has the keys below this one, which ``enter`` finds a block for; by default the same block.
    - ``whole``: ``convert`` gets a map or a list as a whole, though there are keys below it in the table.
    - ``form``: the key is only the form of the source, and nothing is lost without it; ``note`` says why.
    - ``needless``: ECS does the same without it, or it has no meaning there; the note says why.
    """

    path: str
    to: str = ""
    note: str = ""
    convert: Convert | None = None
    table: Table | None = None
    enter: Enter | None = None
    whole: bool = False
    form: bool = False
    needless: bool = False

    @property
    def treatment(self) -> Treatment:
        """What becomes of the key, as a rule."""
        if self.form:
            return Treatment.CARRIED
        if not self.to and not self.needless:
            return Treatment.NOT_CARRIED
        return Treatment.CHANGED if self.note else Treatment.CARRIED


@dataclass
class _Step:
    """A step of the paths in a table: the key that ends here, and the steps below."""

    key: SourceKey | None = None
    below: dict[str, _Step] = field(default_factory=dict)


class Table:
    """The keys of a source, or of a part of it. ``title`` names the source in a sentence: ``a Copilot manifest``.

    ``spell`` returns the spelling that the table has of a name in the source, where there are several.
    """

    def __init__(self, title: str, *keys: SourceKey, spell: Callable[[str], str] = str) -> None:
        self.title = title
        self.keys = keys
        self.spell = spell
        self._root = _Step()
        for key in keys:
            step = self._root
            for name in filter(None, key.path.replace("[]", ".[]").split(".")):
                step = step.below.setdefault(name, _Step())
            if step.key is not None:
                raise ValueError(f"{key.path} is twice in the table of {title}")
            step.key = key

    def convert(self, value: SourceValue, block: Block) -> None:
        """Put everything in a value into a block, and report each key."""
        _walk(self, self._root, value, block)

    def rows(self, prefix: str = "", above: frozenset[int] = frozenset()) -> Iterator[tuple[str, SourceKey]]:
        """Every key with its whole path, for documentation. A table inside itself is left out."""
        for key in self.keys:
            path = f"{prefix}.{key.path}".lstrip(".").replace(".[]", "[]")
            if key.table is None or key.to or key.note:
                yield path, key
            if key.table is not None and id(key.table) not in above:
                yield from key.table.rows(path, above | {id(self)})


def _walk(table: Table, step: _Step, value: SourceValue, block: Block) -> None:
    key = step.key
    if value.data is None:
        return
    if key is not None and key.table is not None and isinstance(value.data, (dict, list)):
        _enter(key, value, block)
    elif step.below and isinstance(value.data, (dict, list)) and not (key and key.whole) and _fits(step, value):
        for name, child in value.children():
            below = step.below.get(table.spell(name)) or step.below.get("*" if name != "[]" else "")
            if below is not None:
                _walk(table, below, child, block)
            elif child.data is not None:
                note(child, block, not_carried(f"it is not a key of {table.title}"))
    else:
        _put(table, key, value, block)


def _fits(step: _Step, value: SourceValue) -> bool:
    """Whether there are keys of a list below a step, if the value is one, or else keys of a map."""
    return step.key is None or ("[]" in step.below if isinstance(value.data, list) else step.below.keys() != {"[]"})


def _enter(key: SourceKey, value: SourceValue, block: Block) -> None:
    try:
        inner = key.enter(value, block) if key.enter else block
    except UnfitError as error:
        note(value, block, not_carried(f"it {error}"))
        return
    if inner is not None and key.table is not None:
        key.table.convert(value, inner)


def _put(table: Table, key: SourceKey | None, value: SourceValue, block: Block) -> None:
    if key is None:
        note(value, block, not_carried(f"it is not a key of {table.title}, or has another form there"))
        return
    try:
        outcome = key.convert(value, block) if key.convert else _put_plain(key, value, block)
    except UnfitError as error:
        note(value, block, not_carried(f"it {error}"))
        return
    outcome = outcome or KeyOutcome(key.treatment)
    formal = outcome.treatment is Treatment.CARRIED and outcome.note
    to = outcome.to or ("" if formal or outcome.treatment is Treatment.NOT_CARRIED else key.to)
    reason = outcome.note or (key.note if outcome.treatment is key.treatment else "")
    note(value, block, KeyOutcome(outcome.treatment, to, reason))


def _put_plain(key: SourceKey, value: SourceValue, block: Block) -> KeyOutcome | None:
    if key.table is not None:
        raise UnfitError("must be a map or a list")
    if not key.to:
        return None
    if isinstance(value.data, (dict, list)):
        raise UnfitError("must be a text, a number or a boolean")
    block.put_valid(key.to, value.data)
    return None


def note(value: SourceValue, block: Block, outcome: KeyOutcome) -> None:
    """Report what became of a value. The keys of ``outcome`` are relative to the block; one that begins with a dot
    is relative to the whole spec."""
    keys = (each[1:] if each.startswith(".") else block.key(each) for each in outcome.to.split())
    report_on(value, block.draft.report, KeyOutcome(outcome.treatment, " ".join(keys), outcome.note), block.draft.path)


def report_on(value: SourceValue, report: ImportReport, outcome: KeyOutcome, spec: str = "") -> None:
    """Report what became of a value that is part of no block. ``spec`` is the file that has it now."""
    place = value.place
    report.add(Row(place.file, place.line, place.key, outcome, spec))
