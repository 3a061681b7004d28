"""Spec lines of logical ids: by the path that the template's Metadata holds, in the spec at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsdcf.cli.compiled import Compiled, Line
from fsdcf.cli.render.plan import Row, rows
from fsdcf.cloudformation.change import Change, Detail, at, path_of
from fsdcf.compiler.dependencies import types
from fsdcf.deploy.model import Place
from fsdcf.diagnostics import LINE_BREAK
from fsdcf.language.document import locate
from fsdcf.masking import mask_line
from fsdcf.pipeline import Result
from fsdcf.plan.diff.causes import by_id, origin, title_of
from fsdcf.plan.diff.obstacles import Obstacle
from fsdcf.plan.diff.plan import Review
from fsdcf.plan.diff.rollback import Unsafe
from fsdcf.plan.diff.tasks import PropertyPlace as Property


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
        return Place(mask_line(span.file), span.line, span.column, mask_line(text))

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


@dataclass(frozen=True)
class Origins:
    """Both sides. ``old`` is None where there is nothing yet, or only a template that bears no lines.

    ``in_new`` keeps to the lines of NEW, for those who cannot look at OLD: what is gone stands at its nearest ancestor there.
    """

    old: Compiled | None
    new: Compiled
    in_new: bool = False

    def of_changes(self, changes: Sequence[Change]) -> dict[str, Place]:
        """The lines that cause the changes, by logical id."""
        known = by_id(changes)
        found = {one.logical_id: self._of_change(*origin(one, known)) for one in changes}
        return {name: place for name, place in found.items() if place is not None}

    def of_review(self, review: Review) -> dict[Obstacle | Unsafe, Place]:
        """The lines of what is to be said beside the changes."""
        found: list[tuple[Obstacle | Unsafe, Line | None]] = [
            (one, self._line(one.logical_id)) for one in review.obstacles
        ]
        found += [(one, self._of_place(one.place)) for one in review.unsafe]
        return {one: place for one, line in found if (place := _place(line)) is not None}

    def of_row(self, change: Change, row: Row) -> Place | None:
        """The line of one property that changes; None for one that follows another resource, or whose place is not known."""
        gone = row.after is None
        whole = change.before if gone else change.after
        if row.follows or not isinstance(whole, Mapping):
            return None
        path = path_of(row.title.replace("[was ", "[") if gone else row.title, whole.get("Properties"))
        if _is_environment(path):
            return _place(self._of_variable(change.logical_id, path[:3], _variable(whole, path), gone))
        return _place(self._line(change.logical_id, path, gone=gone)) if path else None

    def of_resource(self, logical_id: str, gone: bool = False) -> Place | None:
        """The line of a resource as a whole."""
        return _place(self._line(logical_id, gone=gone))

    def _of_place(self, place: Property) -> Line | None:
        find = self._of_variable if _is_environment(place.path) and place.name else self._line
        return find(place.logical_id, place.path, place.name, place.gone)

    def _of_change(self, change: Change, detail: Detail | None) -> Place | None:
        if detail is None or change.action != "Modify":
            return _place(self._line(change.logical_id, gone=change.action == "Remove"))
        steps = [step for step in detail.path.split("/") if step]
        path = tuple(int(step) if step.isdigit() else step for step in steps[1:])
        gone = detail.after is None and detail.before is not None
        moved = self._of_moved(change, detail)
        if moved is not None:
            return moved
        if _is_environment(path):
            before, after = (_variables(whole, path[:3]) for whole in (change.before, change.after))
            name = next((name for name in [*after, *before] if before.get(name, _NONE) != after.get(name, _NONE)), "")
            return _place(self._of_variable(change.logical_id, path[:3], name, name not in after))
        return _place(self._line(change.logical_id, path, gone=gone))

    def _of_moved(self, change: Change, detail: Detail) -> Place | None:
        """The line of what differs in a list whose items have moved, where each of them seems to."""
        whole = title_of(detail, change)
        told = rows(change, {}) if "[" in whole and change.before is not None else ()
        while told and not any(whole.startswith(row.title) or row.title.startswith(whole) for row in told):
            whole = whole.rpartition("[")[0]
        if not whole or whole == title_of(detail, change):
            return None
        return next(
            (place for row in told if row.title.startswith(whole) and (place := self.of_row(change, row)) is not None),
            None,
        )

    def _of_variable(self, logical_id: str, path: tuple[str | int, ...], name: str, gone: bool) -> Line | None:
        """The line of a variable: in the environment, or of the dependency that gives it."""
        side = self.old if gone else self.new
        written = _variables((side.template.get("Resources") or {}).get(logical_id), path) if side else {}
        value = written.get(name)
        giver = value.get("Ref") if isinstance(value, Mapping) else None
        if isinstance(giver, str) and side is not None and giver in paths_of(side.template):
            return self._line(giver, gone=gone)
        where = (*path, list(written).index(name)) if name in written else path
        return self._line(logical_id, where, name, gone)

    def _line(
        self, logical_id: str, path: tuple[str | int, ...] = (), item: str = "", gone: bool = False
    ) -> Line | None:
        """A line of NEW, or of OLD for what is gone, where OLD has lines; else the nearest ancestor that NEW has of it."""
        if gone and not self.in_new and self.old is not None:
            line = self.old.line(logical_id, path, item)
            if line is not None:
                return line
        line = self.new.line(logical_id, path, item)
        if line is None and self.old is not None:
            former = paths_of(self.old.template).get(logical_id)
            line = self.new.at(former) if former else None
        return line


_NONE = object()
"""Stands for a variable that is not there."""


def _is_environment(path: tuple[str | int, ...]) -> bool:
    return path[:1] == ("ContainerDefinitions",) and path[2:3] == ("Environment",)


def _variable(whole: Mapping[str, Any], path: tuple[str | int, ...]) -> str:
    """The name of the variable that a path leads to, or into."""
    return next((name for index, name in enumerate(_variables(whole, path[:3])) if path[3:4] == (index,)), "")


def _variables(whole: object, path: tuple[str | int, ...]) -> dict[str, object]:
    """The environment of a container, by the names of its variables."""
    listed = at(whole, "/".join(map(str, ("Properties", *path))))
    found = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return {str(one.get("Name")): one.get("Value") for one in found}


def _place(line: Line | None) -> Place | None:
    return Place(mask_line(line.file), line.number, line.column, mask_line(line.text)) if line else None
