"""A project of Compose: its files read, their variables replaced, and merged as Compose merges them.

Source: https://docs.docker.com/reference/compose-file/merge/, …/extension/, …/include/ and …/interpolation/
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fsdcf.diagnostics import SpecPath
from fsdcf.importers.compose.variables import Interpolated, interpolate, read_variables
from fsdcf.importers.source import Beside, Source, WrittenAt

_DEEPEST = 8
"""Files within files that are read."""

_MAPS = frozenset(
    [
        "environment",
        "labels",
        "args",
        "sysctls",
        "extra_hosts",
        "annotations",
        "additional_contexts",
        "depends_on",
        "networks",
        "models",
    ]
)
"""Keys with a list or a map, which are merged as maps."""
_REPLACED = frozenset(("command", "entrypoint", "test"))
"""Keys with a list that a later file replaces."""


@dataclass(eq=False, repr=False)
class ComposeNode:
    """A value of a file before it is merged: a scalar, or a map or a list of nodes, and where it is written.

    ``problem`` is why a file that the value names is not used.
    """

    data: Any
    source: Source
    path: SpecPath
    tag: str = ""
    variables: Interpolated | None = None
    problem: str = ""

    @property
    def plain(self) -> Any:
        """The node as plain data."""
        if isinstance(self.data, dict):
            return {name: each.plain for name, each in self.data.items()}
        return [each.plain for each in self.data] if isinstance(self.data, list) else self.data

    def get(self, name: str) -> ComposeNode | None:
        """The node of a key; None if there is none."""
        return self.data.get(name) if isinstance(self.data, dict) else None

    def text(self, name: str) -> str:
        """The text of a key; empty if it has none."""
        found = self.get(name)
        return found.data if found and isinstance(found.data, str) else ""

    def walk(self, path: SpecPath) -> Iterator[tuple[SpecPath, ComposeNode]]:
        """This node and those below it, by their paths."""
        yield path, self
        below = self.data.items() if isinstance(self.data, dict) else enumerate(self.data if self._is_list else ())
        for step, each in below:
            yield from each.walk((*path, step))

    @property
    def _is_list(self) -> bool:
        return isinstance(self.data, list)


@dataclass(frozen=True, eq=False, repr=False)
class MergedSource(Source):
    """The merged files of a project as one source, in which every value knows the file that it comes from."""

    top: ComposeNode = field(default_factory=lambda: ComposeNode({}, Source("", "", b""), ()))

    @cached_property
    def nodes(self) -> Mapping[SpecPath, ComposeNode]:
        """The nodes by their paths."""
        return dict(self.top.walk(()))

    @cached_property
    def data(self) -> dict[str, Any]:
        """The merged files as plain data."""
        return dict(self.top.plain)

    def node(self, path: SpecPath) -> ComposeNode:
        """The node at a path, or the nearest one above it."""
        while path not in self.nodes:
            path = path[:-1]
        return self.nodes[path]

    def place(self, path: SpecPath) -> WrittenAt:
        """Where a value is written, in any of the merged files."""
        node = self.node(path)
        return node.source.place(node.path)

    def scalar(self, path: SpecPath) -> str | None:
        """The text of a scalar as it is written; None for another value."""
        node = self.node(path)
        return node.source.scalar(node.path)


@dataclass(eq=False, repr=False)
class ComposeProject:
    """Reads the files of a project. ``folder`` is that of the first file, which paths are relative to."""

    beside: Beside
    folder: str
    variables: Mapping[str, str] = field(default_factory=dict)
    read: dict[str, Source] = field(default_factory=dict)

    def merged(self, sources: Sequence[Source]) -> MergedSource:
        """The files merged in their order, with what they include and extend."""
        first = sources[0]
        top = ComposeNode({}, first, ())
        for source in sources:
            top = merge(top, self.load(source, 0))
        return MergedSource(first.name, first.path, b"", folder_name=first.folder_name, top=top)

    def load(self, source: Source, depth: int) -> ComposeNode:
        """A file, with what it includes and extends."""
        top = self._nodes(source, (), source.data)
        if not isinstance(top.data.get("services", top).data, dict):
            return top
        if is_first_version(source.data):
            top = ComposeNode({"services": top}, source, ())
        services = top.data.get("services")
        if services is not None:
            for name in list(services.data):
                services.data[name] = self._extended(services.data[name], services, depth, (name,))
        include = top.data.get("include")
        for each in include.data if include and isinstance(include.data, list) else []:
            top = self._included(each, top, depth)
        return top

    def _included(self, each: ComposeNode, top: ComposeNode, depth: int) -> ComposeNode:
        """A file with the files of an entry of ``include``, whose paths and ``.env`` are those of their own folder, or
        of its ``project_directory``. The variables of the project have precedence over theirs."""
        path = each if isinstance(each.data, str) else each.get("path")
        paths = path.data if path and isinstance(path.data, list) else [path] if path else []
        folder = each.text("project_directory")
        place = posixpath.normpath(posixpath.join(each.source.folder, folder)) if folder else ""
        for one in paths:
            own = place or posixpath.dirname(posixpath.join(each.source.folder, str(one.data)))
            files = [posixpath.join(each.source.folder, name) for name in _texts(each.get("env_file"))]
            variables: dict[str, str] = {}
            for file in files or [posixpath.join(own, ".env")]:
                variables |= variables_of(file, self.beside)
            project = ComposeProject(self.beside, self.folder, {**variables, **self.variables})
            included = project._file(one, depth, place)
            if included is not None:
                top = merge(included, top)
        return top

    def _file(self, named: ComposeNode, depth: int, folder: str = "") -> ComposeNode | None:
        """The file that a node names, with paths relative to its own folder, or to another one; None, and a problem at
        the node, if it cannot be used."""
        if not isinstance(named.data, str) or not named.data or "://" in named.data:
            named.problem = "only a file of the repository can be read: write its services into this file"
            return None
        place = posixpath.normpath(posixpath.join(named.source.folder, named.data))
        if place not in self.read:
            try:
                raw = self.beside(place)
            except OSError:
                named.problem = f"`{named.data}` cannot be read: write its services into this file"
                return None
            name = posixpath.normpath(posixpath.join(posixpath.dirname(named.source.name), named.data))
            path = posixpath.join(folder, posixpath.basename(place)) if folder else place
            self.read[place] = Source(name, path, raw, False, posixpath.basename(posixpath.dirname(place)))
        if depth >= _DEEPEST or self.read[place].document is None:
            named.problem = f"`{named.data}` cannot be read as a Compose file: write its services into this file"
            return None
        return self.load(self.read[place], depth + 1)

    def _extended(self, service: ComposeNode, services: ComposeNode, depth: int, seen: tuple[str, ...]) -> ComposeNode:
        extends = service.get("extends")
        if extends is None:
            return service
        name = extends.data if isinstance(extends.data, str) else extends.text("service")
        file = extends.get("file")
        if file is not None:
            other = self._file(file, depth)
            services = (other.get("services") if other else None) or ComposeNode({}, service.source, ())
            seen = ()
        base = services.get(name)
        if base is None or name in seen:
            extends.problem = f"the file has no service `{name}` to extend"
            return service
        if file is None:
            base = self._extended(base, services, depth, (*seen, name))
        if isinstance(base.data, dict):
            base = ComposeNode(
                {key: each for key, each in base.data.items() if key != "extends"}, base.source, base.path
            )
        return merge(base, service)

    def _nodes(self, source: Source, path: SpecPath, data: Any) -> ComposeNode:
        tag = _tag(source, path) if path else ""
        if isinstance(data, dict):
            below = {str(name): self._nodes(source, (*path, name), each) for name, each in data.items()}
            return ComposeNode(below, source, path, tag)
        if isinstance(data, list):
            return ComposeNode(
                [self._nodes(source, (*path, at), each) for at, each in enumerate(data)], source, path, tag
            )
        if isinstance(data, str) and "$" in data:
            found = interpolate(data, self.variables)
            if found.secret and "environment" not in path:
                found.text = ""  # only a variable may be a secret
            return ComposeNode(found.text, source, path, tag, found)
        return ComposeNode(data, source, path, tag)


def variables_of(path: str, beside: Beside) -> dict[str, str]:
    """The variables of a file such as ``.env``; none if it cannot be read."""
    try:
        raw = beside(posixpath.normpath(path))
    except OSError:
        return {}
    return read_variables(raw.decode("utf-8-sig", "replace"), {})


def _texts(node: ComposeNode | None) -> list[str]:
    """The texts of a list, or the only one without it; none of another value."""
    data = node.plain if node is not None else None
    return [each for each in (data if isinstance(data, list) else [data]) if isinstance(each, str)]


def is_first_version(data: Mapping[str, Any]) -> bool:
    """Whether a file is of the first version of Compose: a map of services, without ``services`` above them."""
    return bool(data) and all(isinstance(each, dict) and each.keys() & {"image", "build"} for each in data.values())


def _tag(source: Source, path: SpecPath) -> str:
    """The tag with which Compose replaces or removes a value: ``reset``, ``override``, or empty."""
    mark = source.document.marks.get(path) if source.document and "!" in source.text else None
    if mark is None:
        return ""
    written = source.lines[mark.value.line - 1][mark.value.column - 1 :] if mark.value.line <= len(source.lines) else ""
    return next((tag for tag in ("reset", "override") if written.startswith(f"!{tag}")), "")


# Merging


def merge(base: ComposeNode, over: ComposeNode, name: str = "") -> ComposeNode:
    """Two values of a key, of which ``over`` is of the later file."""
    if over.tag or name in _REPLACED:
        return over
    if name == "build":
        base, over = _as_build(base), _as_build(over)
    if name in _MAPS:
        base, over = _as_map(base, name), _as_map(over, name)
    if isinstance(base.data, dict) and isinstance(over.data, dict):
        is_other = name == "logging" and over.text("driver") != base.text("driver")
        return over if is_other else _merged_maps(base, over)
    if isinstance(base.data, list) and isinstance(over.data, list):
        items = {_identity(each, name): each for each in base.data}
        for each in over.data:
            identity = _identity(each, name)
            items[identity] = merge(items[identity], each) if identity in items else each
        return ComposeNode([*items.values()], base.source, base.path)
    return base if over.data is None and isinstance(base.data, (dict, list)) else over


def _merged_maps(base: ComposeNode, over: ComposeNode) -> ComposeNode:
    out = dict(base.data)
    for key, each in over.data.items():
        if each.tag == "reset":
            out.pop(key, None)
        else:
            out[key] = merge(out[key], each, key) if key in out else each
    place = base if base.data else over
    return ComposeNode(out, place.source, place.path)


def _as_build(node: ComposeNode) -> ComposeNode:
    """A build, of which only the folder is written, as the map that means the same."""
    return ComposeNode({"context": node}, node.source, node.path) if isinstance(node.data, str) else node


def _as_map(node: ComposeNode, name: str) -> ComposeNode:
    """A list of ``KEY=VALUE``, or of names, as the map that means the same."""
    if not isinstance(node.data, list):
        return node
    out: dict[str, ComposeNode] = {}
    for each in node.data:
        text = str(each.data)
        key, sign, value = text.partition(":" if name == "extra_hosts" and "=" not in text else "=")
        empty = ComposeNode({}, each.source, each.path) if name in ("depends_on", "networks", "models") else None
        out[key] = empty or ComposeNode(value if sign else None, each.source, each.path, variables=each.variables)
    return ComposeNode(out, node.source, node.path)


def _identity(node: ComposeNode, name: str) -> Any:
    """What an item of a list is known by: a mount by its target, a port by its numbers, others by what they are."""
    data = node.plain
    if name == "volumes":
        return data.get("target") if isinstance(data, dict) else target_of(str(data))
    if name in ("secrets", "configs"):
        return (data.get("target") or data.get("source")) if isinstance(data, dict) else data
    if isinstance(data, dict):
        return repr(sorted(data.items(), key=repr))
    return repr(data)


def target_of(text: str) -> str:
    """The path in the container of a mount in its short form: ``SOURCE:TARGET:MODE``."""
    parts = split_mount(text)
    return parts[1] if len(parts) > 1 else parts[0]


def split_mount(text: str) -> list[str]:
    """The parts of a mount in its short form; a drive of Windows is a part of its path."""
    parts = text.split(":")
    if len(parts) > 1 and len(parts[0]) == 1 and parts[0].isalpha() and parts[1][:1] in ("\\", "/"):
        parts[:2] = [":".join(parts[:2])]
    return parts
