"""ECS: task definitions, service definitions, the files of ecspresso, and the GitHub workflow that deploys them.

A spec comes from a task definition; the other files add what they know about the same service.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fsdcf.diagnostics import SpecPath
from fsdcf.importers import Format, ImportResult
from fsdcf.importers.draft import unused_name
from fsdcf.importers.ecs.definition import DEFINITION, TaskDraft, finish, prepare, task_of, text_at, whole_number
from fsdcf.importers.ecs.scaling import finish_scaling, put_scaling, scaling_in, service_named
from fsdcf.importers.ecs.service import SERVICE_DEFINITION
from fsdcf.importers.ecs.texts import RENDER, default_of, is_open
from fsdcf.importers.ecs.workflow import DeployingJob, is_workflow, pipelines, put_pipeline
from fsdcf.importers.keys import SourceKey, Table, note, report_on
from fsdcf.importers.report import formal, not_carried
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

_SERVICE_KEYS = frozenset(
    {
        *("desiredCount", "deploymentConfiguration", "networkConfiguration", "loadBalancers", "launchType"),
        *("capacityProviderStrategy", "schedulingStrategy", "serviceName", "serviceRegistries", "deploymentController"),
    }
)

CONFIGURATION = Table(
    "a configuration of ecspresso",
    SourceKey("region", note="an option of `fsdcf deploy`: `--region`", form=True),
    SourceKey("cluster", note="the stack has a cluster of its own; services of an environment share one", form=True),
    SourceKey("service", ".metadata.name", convert=lambda value, block: None),
    SourceKey("service_definition", note="the spec has the service definition", form=True),
    SourceKey("task_definition", note="the spec has the task definition", form=True),
    SourceKey("timeout", note="an option of `fsdcf deploy`: `--timeout`", form=True),
    SourceKey("required_version", note="it is the version of ecspresso", form=True),
    SourceKey("plugins", note=f"templates with them cannot be read: {RENDER}", form=True),
    SourceKey("appspec", note="a new version replaces the old one task by task"),
    SourceKey("codedeploy", note="a new version replaces the old one task by task"),
    SourceKey("ignore", note="it belongs to ecspresso", form=True),
    SourceKey("filter_command", note="it belongs to ecspresso", form=True),
)


@dataclass
class _Found:
    """What the sources are: definitions by source, with those of ecspresso and of workflows."""

    tasks: list[SourceValue] = field(default_factory=list)
    services: list[SourceValue] = field(default_factory=list)
    configurations: list[Source] = field(default_factory=list)
    pipelines: list[DeployingJob] = field(default_factory=list)
    scaling: list[SourceValue] = field(default_factory=list)


def _spelling(path: SpecPath, name: str) -> str:
    """The name of a key in the API, for one of CloudFormation."""
    if path and path[-1] in _FREE:
        return name
    lower = name[:1].lower() + name[1:]
    return _ODD.get(lower, lower)


def _says_something(name: str, data: Any) -> bool:
    return name in ("value", "Value", "image", "Image") or (data is not None and data not in ("", [], {}))


def _respelled(source: Source, path: SpecPath) -> SourceValue:
    respelled = source.respelled(_spelling, _says_something, default_of)
    return respelled.root_at(tuple(_spelling((), step) if isinstance(step, str) else step for step in path))


def _definition(source: Source) -> SourceValue | None:
    """The task definition in a file: as a whole, in the output of `describe-task-definition`, or of a resource."""
    words = source.mentions("ontainerDefinitions") or source.mentions("family", "requiresCompatibilities")
    if not words and not source.text.lstrip().startswith("["):
        return None
    if {"family", "requiresCompatibilities"} <= source.data.keys():
        return _respelled(source, ())
    for path in ((), ("taskDefinition",), ("TaskDefinition",), ("Properties",)):
        found = source.root.get(".".join(path)) if path else source.root
        named = found is not None and isinstance(found.data, dict) and found.data.keys()
        if named and named & {"containerDefinitions", "ContainerDefinitions"}:
            return _respelled(source, path)
    return None


def _services(source: Source) -> list[SourceValue]:
    """The service definitions in a file: as a whole, of a resource, or in the output of `describe-services`."""
    if not any(f"{name[1:]}" in source.text for name in _SERVICE_KEYS) or source.mentions("ontainerDefinitions"):
        return []
    data = source.data
    paths: list[SpecPath] = [(), ("service",), ("Properties",)]
    listed = data.get("services")
    if isinstance(listed, list):
        paths += [("services", index) for index in range(len(listed))]
    roots = []
    for path in paths:
        found: Any = data
        for step in path:
            found = found[step] if isinstance(step, int) else found.get(step)
        if isinstance(found, dict) and "apiVersion" not in found:
            named = {_spelling((), str(name)) for name in found}
            if len(named & _SERVICE_KEYS) + ("taskDefinition" in named) > 1:
                roots.append(_respelled(source, path))
    return roots


def _is_configuration(source: Source) -> bool:
    return source.mentions("_definition") and bool(source.data.keys() & {"task_definition", "service_definition"})


def _claims(source: Source) -> bool:
    if _definition(source) is not None or _is_configuration(source) or _services(source):
        return True
    return source.named and (is_workflow(source) or bool(scaling_in(source)))


def _belongs(source: Source) -> bool:
    words = (
        "ontainerDefinitions",
        "_definition",
        "amazon-ecs-",
        "ScalableDimension",
        "TargetValue",
        *(name[1:] for name in _SERVICE_KEYS),
    )
    return any(word in source.text for word in words)


# Which files belong together


def _found(claimed: Sequence[Source], related: Sequence[Source], beside: Beside) -> _Found:
    found = _Found()
    for source in (*claimed, *related):
        if source in claimed and (root := _definition(source)) is not None:
            found.tasks.append(root)
        elif _is_configuration(source):
            found.configurations.append(source)
        elif is_workflow(source):
            found.pipelines += pipelines(source)
        elif values := scaling_in(source):
            found.scaling += values
        else:
            found.services += _services(source)
    for source in found.configurations:
        _read_named(source, claimed, [*claimed, *related], beside, found)
    return found


def _read_named(
    configuration: Source, claimed: Sequence[Source], sources: Sequence[Source], beside: Beside, found: _Found
) -> None:
    """Add the task definition that a configuration of ecspresso names, and its service definition."""
    for key in ("task_definition", "service_definition"):
        path = _file_of(configuration, key)
        if configuration not in claimed or not path.endswith((".json", ".yml", ".yaml")):
            continue
        if path in {each.source.path for each in (*found.tasks, *found.services)}:
            continue
        source = next((each for each in sources if each.path == path), None)
        if source is None:
            try:
                source = Source(path, path, beside(path), False)
            except OSError:
                continue
        root = _definition(source)
        if root is not None:
            found.tasks.append(root)
        else:
            found.services += _services(source)


def _file_of(configuration: Source, key: str) -> str:
    """The path of a file that a configuration names; empty if it names none."""
    name = configuration.data.get(key)
    return posixpath.normpath(posixpath.join(configuration.folder, name)) if isinstance(name, str) and name else ""


def _family(root: SourceValue) -> str:
    family = text_at(root, "family")
    return "" if is_open(family) else family


def _configuration_of(root: SourceValue, service: SourceValue | None, found: _Found) -> Source | None:
    """The configuration of ecspresso that names a task definition, and the service definition if there are several."""
    naming = [each for each in found.configurations if _file_of(each, "task_definition") == root.source.path]
    both = (each for each in naming if service and _file_of(each, "service_definition") == service.source.path)
    return next(both, naming[0] if naming else None)


def _services_of(root: SourceValue, found: _Found) -> list[SourceValue]:
    """The service definitions of a task definition, the nearest one first: those that ecspresso names, those of its
    family, or the one beside it alone."""
    family, folder = _family(root), root.source.folder
    pairs = [(_file_of(each, "task_definition"), _file_of(each, "service_definition")) for each in found.configurations]
    named = {service for task, service in pairs if task == root.source.path and service}
    of_others = {service for task, service in pairs if task != root.source.path} - named
    beside = [each for each in found.services if each.source.folder == folder]
    alone = sum(each.source.folder == folder for each in found.tasks) == 1 and len(beside) == 1
    matching = [
        each
        for each in found.services
        if each.source.path in named
        or (family and family in (_family_in(text_at(each, "taskDefinition")), text_at(each, "serviceName")))
        or (not named and each in beside and alone)
        or (len(found.tasks) == len(found.services) == 1)
    ]
    own = [each for each in matching if each.source.path not in of_others]
    return sorted(own, key=lambda each: (each.source.path not in named, each.source.folder != folder))


def _pairs(found: _Found) -> list[tuple[SourceValue, SourceValue | None]]:
    """Each task definition with its service definition, then with every other one that has a name of its own."""
    pairs: list[tuple[SourceValue, SourceValue | None]] = []
    free = list(found.services)
    for root in found.tasks:
        service = next((each for each in _services_of(root, found) if each in free), None)
        if service is not None:
            free.remove(service)
        pairs.append((root, service))
    for root in found.tasks:
        names = {text_at(each, "serviceName") for task, each in pairs if task is root and each is not None}
        for service in _services_of(root, found):
            configuration = _configuration_of(root, service, found)
            names_it = configuration and _file_of(configuration, "service_definition") == service.source.path
            other = str(configuration.data.get("service") or "") if configuration and names_it else ""
            name = text_at(service, "serviceName") or other
            if service in free and names and name and name not in names:
                names.add(name)
                free.remove(service)
                pairs.append((root, service))
    return pairs


def _family_in(reference: str) -> str:
    """The family in a reference to a task definition: an ARN, or a family with or without its revision."""
    return reference.rpartition("/")[2].partition(":")[0]


def _pipeline_of(root: SourceValue, found: _Found) -> DeployingJob | None:
    single = len(found.tasks) == 1
    for pipeline in found.pipelines:
        if pipeline.names(root.source.path) or (single and (pipeline.unknown_file or len(found.pipelines) == 1)):
            return pipeline
    return None


# Their conversion


def _convert(claimed: Sequence[Source], related: Sequence[Source], beside: Beside) -> ImportResult:
    result, found = ImportResult(), _found(claimed, related, beside)
    names: set[str] = set()
    pairs, scaled = _pairs(found), list[SourceValue]()
    for root, service in pairs:
        pipeline = _pipeline_of(root, found)
        draft = _draft(root, service, pipeline, names, found, result)
        _put(draft, root, service, pipeline, found, beside)
        for value in _scaling_of(draft, service, len(pairs) == 1, found):
            _note_form(value, draft)
            put_scaling(value, draft.block)
            scaled.append(value)
        finish_scaling(service, draft.block)
        result.drafts.append(draft)
        if pipeline is not None and not any("ci github" in each for each in result.next):
            result.next.append("fsdcf ci github")
    for source in found.configurations:
        if source in claimed:
            _report_unread(source, found, result)
    used = [service for _, service in pairs]
    for service in found.services:
        if service not in used and any(each.path == service.source.path for each in claimed):
            report_on(service, result.report, not_carried(_unused(service, found)))
    _report_unscaled(scaled, claimed, found, result)
    return result


def _scaling_of(draft: TaskDraft, service: SourceValue | None, alone: bool, found: _Found) -> list[SourceValue]:
    """What Application Auto Scaling knows about a service: what has its name, or that of no other one."""
    name = text_at(service, "serviceName") if service is not None else ""
    named = {service_named(each) for each in found.scaling} - {""}
    names = {name or draft.name, *([""] if alone else []), *(named if alone and not name and len(named) == 1 else [])}
    return [each for each in found.scaling if service_named(each) in names]


def _report_unscaled(
    scaled: Sequence[SourceValue], claimed: Sequence[Source], found: _Found, result: ImportResult
) -> None:
    """Report what Application Auto Scaling knows about services that are not there."""
    paths = {each.source.path for each in scaled}
    for value in found.scaling:
        name = service_named(value) or "NAME"
        way = f"`aws ecs describe-services --services {name} > service.json` and its task definition beside it"
        if value not in scaled and value.source.path in paths:
            report_on(value, result.report, formal("it belongs to another service"))
        elif value not in scaled and any(each.path == value.source.path for each in claimed):
            report_on(value, result.report, not_carried(f"its service is not there: {way}"))


def _unused(service: SourceValue, found: _Found) -> str:
    """Why no spec is made of a service definition, and what to do."""
    if any(service in _services_of(root, found) for root in found.tasks):
        return "another service definition of this task definition: give it a `serviceName` of its own, and import it"
    name = _family_in(text_at(service, "taskDefinition")) or "NAME"
    way = f"`aws ecs describe-task-definition --task-definition {name} > task-definition.json` beside it"
    return f"its task definition is not there: {way}"


def _report_unread(source: Source, found: _Found, result: ImportResult) -> None:
    """Report the files of ecspresso that could not be read."""
    read = {each.source.path for each in (*found.tasks, *found.services)}
    for key in ("task_definition", "service_definition"):
        value = source.root.get(key)
        if value is not None and _file_of(source, key) not in read:
            report_on(value, result.report, not_carried(f"the file cannot be read as JSON: {RENDER}, and import it"))


def _draft(
    root: SourceValue,
    service: SourceValue | None,
    pipeline: DeployingJob | None,
    names: set[str],
    found: _Found,
    result: ImportResult,
) -> TaskDraft:
    configuration = _configuration_of(root, service, found)
    wanted = (
        text_at(service, "serviceName") if service else "",
        str(configuration.data.get("service") or "") if configuration else "",
        pipeline.service if pipeline else "",
        _family(root),
        root.source.folder_name,
    )
    name = unused_name(next((each for each in wanted if each and not is_open(each)), "service"), names)
    names.add(name)
    balancers = service.get("loadBalancers") if service else None
    first = next((each for _, each in balancers.children() if isinstance(each.data, dict)), None) if balancers else None
    entry = text_at(first, "containerName") if first else ""
    port = whole_number(first.get("containerPort")) if first else None
    task = task_of(root, pipeline.containers if pipeline else (), entry, port)
    return TaskDraft(SERVICE, name, result.report, task=task)


def _put(
    draft: TaskDraft,
    root: SourceValue,
    service: SourceValue | None,
    pipeline: DeployingJob | None,
    found: _Found,
    beside: Beside,
) -> None:
    prepare(draft)
    tags = root.source.root.get("tags") if root.path else None
    if tags is not None:
        DEFINITION.convert(SourceValue(root.source, (), {"tags": tags.data}), draft.block)
    _note_form(root, draft, "tags")
    DEFINITION.convert(root, draft.block)
    if service is not None:
        _note_form(service, draft)
        SERVICE_DEFINITION.convert(service, draft.block)
    configuration = _configuration_of(root, service, found)
    if configuration is not None:
        CONFIGURATION.convert(configuration.root, draft.block)
    if pipeline is not None:
        put_pipeline(pipeline, draft.block, beside)
    finish(draft, service)


def _note_form(value: SourceValue, draft: TaskDraft, *read: str) -> None:
    """Report what is beside a definition in its file: the form of an output, or of a resource."""
    for key, other in value.source.root.children() if value.path else ():
        if key == "failures" and other.data:
            reason = "ECS did not find them: compare the names, the cluster and the region of the command"
            note(other, draft.block, not_carried(reason))
        elif key not in (value.path[0], *read):
            note(other, draft.block, formal("it is the form of the file"))


FORMAT = Format("ecs", "ECS task definitions", _claims, _belongs, _convert)
