"""A Copilot workspace: the files of an application by what they describe.

Source: https://aws.github.io/copilot-cli/docs/manifest/overview/
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fsdcf.conventions import DEFAULT_ENVIRONMENT
from fsdcf.importers.draft import spec_name
from fsdcf.importers.source import Source, SourceValue

ENVIRONMENT = "Environment"
JOB = "Scheduled Job"
SITE = "Static Site"
LOAD_BALANCED = "Load Balanced Web Service"
BACKEND = "Backend Service"
WORKER = "Worker Service"
REQUEST_DRIVEN = "Request-Driven Web Service"
TYPES = {
    **{each.lower(): each for each in (LOAD_BALANCED, BACKEND, WORKER, REQUEST_DRIVEN, JOB, SITE, ENVIRONMENT)},
    "load balanced web app": LOAD_BALANCED,
    "backend app": BACKEND,
}
"""The types of manifests in lower case, the first versions' names included, each with its type."""

_MANIFEST = re.compile(r"(?:^|/)manifest\.ya?ml$")
_LONGEST_ENVIRONMENT = 20
_OF_THE_SHELL = re.compile(r"\$\{(?!AWS_)")


@dataclass
class Workspace:
    """The files of an application.

    ``addons`` and ``overrides`` are by the name of the workload, those of environments by ``environments``. An
    environment that has no manifest, but which others name, has None. Names are those of specs. Without a file that
    names the application, ``application`` is empty. ``left`` are manifests with the name of another one, and that one.
    """

    application: str = ""
    workloads: dict[str, Source] = field(default_factory=dict)
    environments: dict[str, Source | None] = field(default_factory=dict)
    pipelines: dict[str, Source] = field(default_factory=dict)
    addons: dict[str, list[Source]] = field(default_factory=dict)
    overrides: dict[str, list[Source]] = field(default_factory=dict)
    left: list[tuple[Source, Source]] = field(default_factory=list)

    def take(self, group: dict[str, Any], name: str, source: Source) -> None:
        """Add a manifest to a group, unless one of this name is there already."""
        if group.setdefault(name, source) is not source:
            self.left.append((source, group[name]))

    @property
    def balancers(self) -> list[str]:
        """The load balancers that the workloads need from each environment: ``public``, ``internal``."""
        needed = {each for source in self.workloads.values() for each in balancers_of(source)}
        return [name for name in ("public", "internal") if name in needed]

    def certified(self, balancer: str) -> bool:
        """Whether the manifests of all environments name a certificate of a load balancer."""
        side = "private" if balancer == "internal" else "public"
        sources = self.environments.values()
        found = [source.root.get(f"http.{side}.certificates") if source is not None else None for source in sources]
        return all(each is not None and not _OF_THE_SHELL.search(str(each.data)) for each in found)


def type_of(source: Source) -> str:
    """The type of a manifest; empty if it is not one of a workload or an environment."""
    kind = source.data.get("type")
    return TYPES.get(kind.strip().lower(), "") if isinstance(kind, str) and "apiVersion" not in source.data else ""


def balancers_of(source: Source) -> set[str]:
    """The load balancers of an environment that a workload uses, in any of its environments."""
    kind, overrides = type_of(source), source.data.get("environments")
    layers = [source.data, *(overrides.values() if isinstance(overrides, dict) else ())]
    https = [layer.get("http") for layer in layers if isinstance(layer, dict)]
    maps = [http for http in https if isinstance(http, dict)]
    if kind == LOAD_BALANCED:
        return {"public"} if maps or https[0] is not False else set()
    if kind == REQUEST_DRIVEN:
        private = [bool(http.get("private")) for http in maps]
        return ({"internal"} if any(private) else set()) | ({"public"} if not private or not all(private) else set())
    return {"internal"} if kind == BACKEND and maps else set()


def claims(source: Source) -> bool:
    """Whether a file is the manifest of a workload, environment or pipeline, or the workspace's own."""
    if source.path.endswith("copilot/.workspace") or re.search(
        r"(?:^|/)copilot/(?:[^/]+/)+manifest\.ya?ml$", source.path
    ):
        return True
    if source.mentions("type:") or source.mentions('"type"'):
        return bool(type_of(source))
    return is_pipeline(source)


def is_pipeline(source: Source) -> bool:
    """Whether a file is the manifest of a pipeline."""
    if not source.mentions("stages", "source", "provider") or "apiVersion" in source.data:
        return False
    return {"source", "stages"} <= source.data.keys() and source.root.get("source.provider") is not None


def belongs(source: Source) -> bool:
    """Whether a file may be an addon, an override or another file of a workspace."""
    return bool(re.search(r"(?:^|/)(?:copilot|addons|overrides|environments)/|(?:^|/)\.workspace$", source.path))


def workspace_of(sources: Iterable[Source]) -> Workspace:
    """The workspace of the files."""
    workspace = Workspace()
    for source in sorted(sources, key=lambda each: (each.path.count("/"), each.path)):
        parts = source.path.split("/")
        if parts[-1] == ".workspace":
            workspace.application = _text(source.data.get("application")) or workspace.application
        elif part := _part_of_a_workload(parts[:-1]):
            owner, folder = part
            group = workspace.addons if folder == "addons" else workspace.overrides
            group.setdefault(owner if owner in ("", "environments") else spec_name(owner), []).append(source)
        elif is_pipeline(source) or (_MANIFEST.search(source.path) and "pipelines" in parts[:-2]):
            workspace.take(workspace.pipelines, _name(source), source)
        elif type_of(source) == ENVIRONMENT or (_MANIFEST.search(source.path) and "environments" in parts[:-2]):
            workspace.take(workspace.environments, environment_name(_name(source)), source)
        elif type_of(source) or _MANIFEST.search(source.path):
            workspace.take(workspace.workloads, spec_name(_name(source)), source)
    _give_owners(workspace)
    for name in _mentioned(workspace):
        workspace.environments.setdefault(environment_name(name), None)
    if not workspace.environments:
        workspace.environments[DEFAULT_ENVIRONMENT] = None
    return workspace


def _give_owners(workspace: Workspace) -> None:
    """Addons and overrides in the folder of a single workload are its own."""
    for group in (workspace.addons, workspace.overrides):
        if (files := group.pop("", None)) and len(workspace.workloads) == 1:
            group.setdefault(next(iter(workspace.workloads)), []).extend(files)


def _part_of_a_workload(folders: list[str]) -> tuple[str, str] | None:
    """The owner and the folder of an addon or override, by the folders above it; the owner is empty if the path begins
    below it."""
    is_whole = "copilot" in folders
    inside = folders[len(folders) - folders[::-1].index("copilot") :] if is_whole else folders
    for index, folder in enumerate(inside):
        if folder in ("addons", "overrides") and (index or not is_whole):
            return inside[index - 1] if index else "", folder
    return None


def environment_name(text: str) -> str:
    """The nearest valid name of an environment."""
    return spec_name(text)[:_LONGEST_ENVIRONMENT].rstrip("-")


def _name(source: Source) -> str:
    return (
        _text(source.data.get("name")) or source.folder_name or posixpath.splitext(posixpath.basename(source.path))[0]
    )


def shown(source: Source) -> str:
    """The path of a file in its workspace, for a comment."""
    return re.sub(r".*(?=copilot/)|^(?:\.\./)+", "", source.path)


def _text(data: object) -> str:
    return data if isinstance(data, str) else ""


def _mentioned(workspace: Workspace) -> Iterator[str]:
    """The environments that workloads and pipelines name."""
    for source in workspace.workloads.values():
        environments = source.data.get("environments")
        yield from map(str, environments if isinstance(environments, dict) else ())
    for source in workspace.pipelines.values():
        stages = SourceValue(source, ("stages",), source.data.get("stages"))
        yield from (stage.text for _, each in stages.children() if (stage := each.get("name")) and stage.is_text())
