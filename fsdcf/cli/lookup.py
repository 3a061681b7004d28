"""The way from a template to the spec: the line that a resource, a property or a planned change comes from.

Every resource of a compiled template has the spec path of its origin; ``line_at`` turns such a path into a line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fsdcf.cli.compiled import Compiled
from fsdcf.cli.render.plan import ChangedProperty, changed_properties
from fsdcf.cloudformation.change import Change, Detail, at, path_of
from fsdcf.compiler.dependencies import types
from fsdcf.deploy.model import Place
from fsdcf.diagnostics import SpecPath, lines_of
from fsdcf.language.document import locate
from fsdcf.masking import mask_line
from fsdcf.pipeline import Result
from fsdcf.plan.diff.causes import by_id, origin, title_of

if TYPE_CHECKING:
    from fsdcf.plan.diff.plan import Remark, Review
    from fsdcf.plan.diff.tasks import PropertyPlace as Property


def line_at(result: Result | None, path: str, below: SpecPath = ()) -> Place | None:
    """The line of a spec path such as ``service.port``, or of its nearest ancestor in the spec; secrets are masked.

    ``below`` continues the path with keys and list indexes. None if the spec could not be parsed.
    """
    if result is None or result.document is None:
        return None
    span = result.document.key_span((*locate(result.document, path, types()), *below))
    lines = lines_of(result.sources.get(span.file, ""))
    text = lines[span.line - 1] if span.line <= len(lines) else ""
    return Place(mask_line(span.file), span.line, span.column, mask_line(text))


def line_of(compiled: Compiled, logical_id: str, path: SpecPath = (), item: str = "") -> Place | None:
    """The line that a resource, or the value at ``path`` in its Properties, comes from.

    None for a resource without origin.

    ``item`` names an item, such as an environment variable, of the list that the path leads to.
    """
    result = compiled.result
    source = result.template.origins.get(logical_id) if result and result.template else None
    if source is None:
        return None
    named, below = source.source(path) or (source.path, ())
    return line_at(result, named, below or ((item,) if item else ()))


def paths_of(template: Mapping[str, Any]) -> dict[str, str]:
    """The spec path of each resource, read from the Metadata that fsdcf compiles into a template."""
    resources = (template.get("Resources") or {}).items()
    paths = {name: at(resource, "Metadata/fsdcf/Spec") for name, resource in resources}
    return {name: path for name, path in paths.items() if isinstance(path, str)}


class SpecLines:
    """Finds the line of a logical id, a property or a spec path in a compile result.

    ``deployed`` returns the deployed template, which knows the paths of resources that the spec no longer makes. It is
    called at most once, and only when such a resource is looked up.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self.deployed: Callable[[], Mapping[str, Any]] | None = None
        origins = result.template.origins if result.template else {}
        self._paths = {name: f"overrides.{name}" if one.overrides else one.path for name, one in origins.items()}

    def __call__(self, logical_id: str) -> Place | None:
        logical_id, slash, rest = logical_id.partition("/")
        if slash:
            steps = tuple(int(step) if step.isdigit() else step for step in rest.split("/"))
            return self._of_property(logical_id, steps)
        path = self._paths.get(logical_id) or (logical_id if "." in logical_id else self._former_path(logical_id))
        return line_at(self.result, path) if path else None

    def _of_property(self, logical_id: str, path: SpecPath) -> Place | None:
        """The line of the spec key that sets a property; None if the property has no line of its own."""
        origins = self.result.template.origins if self.result.template else {}
        source = origins[logical_id].source(path) if logical_id in origins else None
        return line_at(self.result, *source) if source is not None else None

    def _former_path(self, logical_id: str) -> str | None:
        if self.deployed is not None:
            self._paths = {**paths_of(self.deployed()), **self._paths}
            self.deployed = None
        return self._paths.get(logical_id)


@dataclass(frozen=True, eq=False, repr=False)
class ChangeLines:
    """Finds the lines that cause planned changes.

    ``old`` is None for a first deploy, and may be a template without a spec.

    ``in_new`` limits the lines to NEW, for readers who cannot open OLD: a removed resource then has its nearest
    ancestor's line.
    """

    old: Compiled | None
    new: Compiled
    in_new: bool = False

    def of_changes(self, changes: Sequence[Change]) -> dict[str, Place]:
        """The lines that cause the changes, by logical id."""
        known = by_id(changes)
        places = {change.logical_id: self._of_change(*origin(change, known)) for change in changes}
        return {name: place for name, place in places.items() if place is not None}

    def of_review(self, review: Review) -> dict[Remark, Place]:
        """The lines of the obstacles, unsafe changes and side effects of a plan."""
        places: dict[Remark, Place | None] = {one: self.of_resource(one.logical_id) for one in review.obstacles}
        places |= {one: self._of_property(one.place) for one in review.unsafe}
        places |= {one: self._of_property(one.place) for one in review.effects}
        return {remark: place for remark, place in places.items() if place is not None}

    def of_property(self, change: Change, changed: ChangedProperty) -> Place | None:
        """The line of a changed property; None for one that follows another resource, or whose path is not known."""
        gone = changed.after is None
        whole = change.before if gone else change.after
        if changed.follows or not isinstance(whole, Mapping):
            return None
        title = changed.title.replace("[was ", "[") if gone else changed.title
        path = path_of(title, whole.get("Properties"))
        if _is_environment(path):
            return self._of_variable(change.logical_id, path[:3], _variable_at(whole, path), gone)
        return self.of_resource(change.logical_id, path, gone=gone) if path else None

    def of_resource(self, logical_id: str, path: SpecPath = (), item: str = "", gone: bool = False) -> Place | None:
        """The line of a resource or of one of its properties.

        What is gone from NEW has its line in OLD, if OLD has lines; everything else has its line in NEW.

        What NEW does not make has the line of its nearest ancestor.
        """
        if gone and not self.in_new and self.old is not None and not _is_overridden(self.new, logical_id, path):
            place = line_of(self.old, logical_id, path, item)
            if place is not None:
                return place
        place = line_of(self.new, logical_id, path, item)
        if place is None and self.old is not None:
            former = paths_of(self.old.template).get(logical_id)
            place = line_at(self.new.result, former) if former else None
        return place

    def _of_property(self, place: Property) -> Place | None:
        find = self._of_variable if _is_environment(place.path) and place.name else self.of_resource
        return find(place.logical_id, place.path, place.name, place.gone)

    def _of_change(self, change: Change, detail: Detail | None) -> Place | None:
        if detail is None or change.action != "Modify":
            return self.of_resource(change.logical_id, gone=change.action == "Remove")
        steps = [step for step in detail.path.split("/") if step]
        path = tuple(int(step) if step.isdigit() else step for step in steps[1:])
        moved = self._of_moved(change, detail)
        if moved is not None:
            return moved
        if _is_environment(path):
            before, after = (_variables(whole, path[:3]) for whole in (change.before, change.after))
            absent = object()
            differs = (name for name in [*after, *before] if before.get(name, absent) != after.get(name, absent))
            name = next(differs, "")
            return self._of_variable(change.logical_id, path[:3], name, name not in after)
        return self.of_resource(change.logical_id, path, gone=detail.after is None and detail.before is not None)

    def _of_moved(self, change: Change, detail: Detail) -> Place | None:
        """The line of the first real difference in a list whose items have moved, so that all of them differ."""
        title = whole = title_of(detail, change)
        changed = changed_properties(change, {}) if "[" in whole and change.before is not None else ()
        while changed and not any(whole.startswith(row.title) or row.title.startswith(whole) for row in changed):
            whole = whole.rpartition("[")[0]
        if not whole or whole == title:
            return None
        places = (self.of_property(change, row) for row in changed if row.title.startswith(whole))
        return next((place for place in places if place is not None), None)

    def _of_variable(self, logical_id: str, path: SpecPath, name: str, gone: bool) -> Place | None:
        """The line of an environment variable, or of the dependency that provides its value."""
        side = self.old if gone else self.new
        variables = _variables((side.template.get("Resources") or {}).get(logical_id), path) if side else {}
        value = variables.get(name)
        provider = value.get("Ref") if isinstance(value, Mapping) else None
        if isinstance(provider, str) and side is not None and provider in paths_of(side.template):
            return self.of_resource(provider, gone=gone)
        index = (list(variables).index(name),) if name in variables else ()
        return self.of_resource(logical_id, (*path, *index), name, gone)


def _is_overridden(compiled: Compiled, logical_id: str, path: SpecPath) -> bool:
    """Whether an override of a spec removes what is at a path in the Properties of a resource."""
    template = compiled.result.template if compiled.result else None
    return bool(
        template and logical_id in template.origins and template.origins[logical_id].override(("Properties", *path))
    )


def _is_environment(path: SpecPath) -> bool:
    return path[:1] == ("ContainerDefinitions",) and path[2:3] == ("Environment",)


def _variable_at(resource: Mapping[str, Any], path: SpecPath) -> str:
    """The name of the variable at a path, or that the path leads into."""
    return next((name for index, name in enumerate(_variables(resource, path[:3])) if path[3:4] == (index,)), "")


def _variables(resource: object, path: SpecPath) -> dict[str, object]:
    """The environment of a container, by name."""
    items = at(resource, "/".join(map(str, ("Properties", *path))))
    variables = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
    return {str(variable.get("Name")): variable.get("Value") for variable in variables}
