"""ECS: task definitions, service definitions, the files of ecspresso, and the GitHub workflow that deploys them.

A spec comes from a task definition; the other files add what they know about the same service.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fsdcf.diagnostics import SpecPath
from fsdcf.importers import Format, ImportResult
from fsdcf.importers.draft import spec_name
from fsdcf.importers.ecs.definition import DEFINITION, TaskDraft, finish, prepare, task_of
from fsdcf.importers.keys import note
from fsdcf.importers.report import formal
from fsdcf.importers.source import Beside, Source, SourceValue
from fsdcf.language.model import SERVICE

_FREE = frozenset({"options", "dockerLabels", "driverOpts", "labels"})
"""Maps whose keys are not those of ECS."""
_ODD = {
    "eFSVolumeConfiguration": "efsVolumeConfiguration",
    "filesystemId": "fileSystemId",
    "iAM": "iam",
    "fSxWindowsFileServerVolumeConfiguration": "fsxWindowsFileServerVolumeConfiguration",
    "s3FilesVolumeConfiguration": "s3filesVolumeConfiguration",
}
"""Keys of CloudFormation that are not those of the API with a capital."""


def _spelling(path: SpecPath, name: str) -> str:
    """The name of a key in the API, for one of CloudFormation."""
    if path and path[-1] in _FREE:
        return name
    lower = name[:1].lower() + name[1:]
    return _ODD.get(lower, lower)


def _says_something(name: str, data: Any) -> bool:
    return name == "value" or name == "Value" or (data is not None and data not in ("", [], {}))


def _definition(source: Source) -> SourceValue | None:
    """The task definition in a file: as a whole, in the output of `describe-task-definition`, or of a resource."""
    if not source.mentions("ontainerDefinitions"):
        return None
    for path in ((), ("taskDefinition",), ("TaskDefinition",), ("Properties",)):
        found = source.root.get(".".join(path)) if path else source.root
        named = found is not None and isinstance(found.data, dict) and found.data.keys()
        if named and named & {"containerDefinitions", "ContainerDefinitions"}:
            respelled = source.respelled(_spelling, _says_something)
            return respelled.root_at(tuple(_spelling((), step) for step in path))
    return None


def _claims(source: Source) -> bool:
    return _definition(source) is not None


def _convert(claimed: Sequence[Source], related: Sequence[Source], beside: Beside) -> ImportResult:
    result = ImportResult()
    taken: set[str] = set()
    for source in claimed:
        root = _definition(source)
        if root is None:
            continue
        family = root.get("family")
        name = spec_name(family.text if family and family.is_text() else source.folder_name)
        name = next(each for each in (name, *(f"{name[:36]}-{n}" for n in range(2, 10**6))) if each not in taken)
        taken.add(name)
        draft = TaskDraft(SERVICE, name, result.report, task=task_of(root))
        prepare(draft)
        for key, value in root.source.root.children():
            if root.path and key == "tags":
                DEFINITION.convert(SourceValue(root.source, (), {"tags": value.data}), draft.block)
            elif root.path and (key,) != root.path:
                note(value, draft.block, formal("it is the form of the file"))
        DEFINITION.convert(root, draft.block)
        finish(draft)
        result.drafts.append(draft)
    return result


FORMAT = Format("ecs", "ECS task definitions", _claims, lambda source: False, _convert)
