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
from fsdcf.importers.draft import spec_name, unused_name
from fsdcf.importers.ecs.definition import DEFINITION, TaskDraft, finish, prepare, task_of, text_at, whole_number
from fsdcf.importers.ecs.scaling import finish_scaling, put_scaling, scaling_in, service_named
from fsdcf.importers.ecs.schedule import ScheduledTask, put_schedule
from fsdcf.importers.ecs.service import SERVICE_DEFINITION
from fsdcf.importers.ecs.texts import RENDER, default_of, is_open
from fsdcf.importers.ecs.workflow import DeployingJob, is_workflow, pipelines, put_pipeline
from fsdcf.importers.keys import SourceKey, Table, note, report_on
from fsdcf.importers.report import formal, not_carried
from fsdcf.importers.source import Beside, Source, SourceValue
from fsdcf.language.model import JOB, SERVICE

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
    SourceKey("ignore", note="it configures ecspresso", form=True),
    SourceKey("filter_command", note="it configures ecspresso", form=True),
)


@dataclass
class _Found:
    """What the sources are: definitions by source, with those of ecspresso and of workflows."""

    tasks: list[SourceValue] = field(default_factory=list)
    services: list[SourceValue] = field(default_factory=list)
    configurations: list[Source] = field(default_factory=list)
    pipelines: list[DeployingJob] = field(default_factory=list)
    scaling: list[SourceValue] = field(default_factory=list)
    rules: list[SourceValue] = field(default_factory=list)
    targets: list[SourceValue] = field(default_factory=list)
    scheduled: list[ScheduledTask] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Planned:
    """A spec to make: of a task definition alone, of one of its services, or of a schedule that runs it."""

    root: SourceValue
    service: SourceValue | None = None
    scheduled: ScheduledTask | None = None


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


def _map_at(data: Any, path: SpecPath) -> dict[str, Any]:
    """The map at a path; empty if there is none."""
    for step in path:
        data = data[step] if isinstance(step, int) else data.get(step) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _read_schedules(source: Source, found: _Found) -> bool:
    """Add the schedules, rules and targets in a file that run a task. Returns whether there are any."""
    if not (source.mentions("ScheduleExpression") or source.mentions("EcsParameters")):
        return False
    listed = source.data.get("Rules")
    rules = len(listed) if isinstance(listed, list) else 0
    before = len(found.rules) + len(found.targets) + len(found.scheduled)
    for path in ((), ("Properties",), *(("Rules", index) for index in range(rules))):
        held = _map_at(source.data, path)
        target, targets = held.get("Target"), held.get("Targets")
        if "ScheduleExpression" in held and isinstance(target, dict) and isinstance(target.get("EcsParameters"), dict):
            schedule = _respelled(source, path)
            place = (*schedule.path, "target")
            found.scheduled.append(ScheduledTask(schedule.source.root_at(place), schedule))
        elif "ScheduleExpression" in held and target is None:
            found.rules.append(_respelled(source, path))
        for index, each in enumerate(targets if isinstance(targets, list) else ()):
            if isinstance(each, dict) and isinstance(each.get("EcsParameters"), dict):
                found.targets.append(_respelled(source, (*path, "Targets", index)))
    return len(found.rules) + len(found.targets) + len(found.scheduled) > before


def _rule_of(target: SourceValue, found: _Found) -> SourceValue | None:
    """The rule of a target: the one around it, the one that is named beside it, or the only one."""
    above = [each for each in found.rules if each.path and each.path == target.path[: len(each.path)]]
    around = next((each for each in above if each.source.path == target.source.path), None)
    named = text_at(target.source.root, "rule")
    by_name = next((each for each in found.rules if named and text_at(each, "name") == named), None)
    return around or by_name or (found.rules[0] if len(found.rules) == 1 and not named else None)


def _is_configuration(source: Source) -> bool:
    return source.mentions("_definition") and bool(source.data.keys() & {"task_definition", "service_definition"})


def _claims(source: Source) -> bool:
    if _definition(source) is not None or _is_configuration(source) or _services(source):
        return True
    return source.named and (is_workflow(source) or bool(scaling_in(source)) or _read_schedules(source, _Found()))


def _belongs(source: Source) -> bool:
    words = ("ontainerDefinitions", "_definition", "amazon-ecs-", *(name[1:] for name in _SERVICE_KEYS))
    scaling, schedules = ("ScalableDimension", "TargetValue"), ("ScheduleExpression", "EcsParameters")
    return any(word in source.text for word in (*words, *scaling, *schedules))


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
        elif not _read_schedules(source, found):
            found.services += _services(source)
    found.scheduled += [ScheduledTask(target, _rule_of(target, found)) for target in found.targets]
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


def _planned(found: _Found) -> list[_Planned]:
    """Each task definition with its service definition or its schedule, then with every other one of them. A service
    definition needs a name of its own for that."""
    plans: list[_Planned] = []
    free = list(found.services)
    for root in found.tasks:
        service = next((each for each in _services_of(root, found) if each in free), None)
        if service is not None:
            free.remove(service)
        scheduled = _scheduled_of(root, found)
        plans.append(_Planned(root, service, scheduled[0] if scheduled and service is None else None))
    for root, first in zip(found.tasks, [*plans], strict=True):
        names = {text_at(first.service, "serviceName")} if first.service is not None else set()
        for service in _services_of(root, found):
            name = text_at(service, "serviceName") or _name_in_configuration(root, service, found)
            if service in free and names and name and name not in names:
                names.add(name)
                free.remove(service)
                plans.append(_Planned(root, service))
        further = [each for each in _scheduled_of(root, found) if each is not first.scheduled]
        plans += [_Planned(root, None, each) for each in further]
    return plans


def _name_in_configuration(root: SourceValue, service: SourceValue, found: _Found) -> str:
    """The name of a service in the configuration of ecspresso that names its definition; empty if none does."""
    configuration = _configuration_of(root, service, found)
    if configuration is None or _file_of(configuration, "service_definition") != service.source.path:
        return ""
    return str(configuration.data.get("service") or "")


def _scheduled_of(root: SourceValue, found: _Found) -> list[ScheduledTask]:
    """The schedules that run a task definition: those of its family, or all if there is no other one."""
    family = _family(root)
    return [
        each
        for each in found.scheduled
        if _family_in(each.task_definition) == family or (len(found.tasks) == 1 and is_open(each.task_definition))
    ]


def _family_in(reference: str) -> str:
    """The family in a reference to a task definition: an ARN, or a family with or without its revision."""
    return reference.rpartition("/")[2].partition(":")[0]


def _pipeline_of(root: SourceValue, found: _Found, beside: Beside) -> DeployingJob | None:
    """The job that deploys a task definition: the one that names its file, or the only one, if its file is not there,
    as one that an earlier step of the job writes."""
    single = len(found.tasks) == 1
    for pipeline in found.pipelines:
        if pipeline.names(root.source.path):
            return pipeline
        if single and (pipeline.unknown_file or (len(found.pipelines) == 1 and not pipeline.has_file(beside))):
            return pipeline
    return None


# Their conversion


def _convert(claimed: Sequence[Source], related: Sequence[Source], beside: Beside) -> ImportResult:
    result, found = ImportResult(), _found(claimed, related, beside)
    plans, scaled, names = _planned(found), list[SourceValue](), set[str]()
    for plan in plans:
        pipeline = _pipeline_of(plan.root, found, beside)
        draft = _draft(plan, pipeline, names, found, result)
        _put(draft, plan, pipeline, found, beside)
        if draft.kind is SERVICE:
            scaled += _put_scaling(draft, plan.service, len(plans) == 1, found)
        result.drafts.append(draft)
        if pipeline is not None and "fsdcf ci github" not in result.later:
            result.later.append("fsdcf ci github")
        if draft.is_worker and plan.service is None:
            result.next.append(f"{draft.path} {_WORKER}")
    for source in found.configurations:
        if source in claimed:
            _report_unread(source, found, result)
    used = [plan.service for plan in plans]
    for service in found.services:
        if service not in used and any(each.path == service.source.path for each in claimed):
            report_on(service, result.report, not_carried(_unused(service, found)))
    _report_unscaled(scaled, claimed, found, result)
    _report_unscheduled(plans, claimed, found, result)
    return result


_WORKER = (
    "is a worker, which runs all the time. If a schedule starts the task, import it with the output of "
    "`aws scheduler get-schedule`, or of `aws events list-targets-by-rule` and `describe-rule`, beside it"
)


def _put_scaling(draft: TaskDraft, service: SourceValue | None, alone: bool, found: _Found) -> list[SourceValue]:
    """Put what Application Auto Scaling knows about a service into its spec. Returns what that is."""
    scaling = _scaling_of(draft, service, alone, found)
    for value in scaling:
        _note_form(value, draft)
        put_scaling(value, draft.block)
    finish_scaling(service, draft.block)
    return scaling


def _report_unscheduled(
    plans: Sequence[_Planned], claimed: Sequence[Source], found: _Found, result: ImportResult
) -> None:
    """Report the schedules of task definitions that are not there, and rules without a target."""
    used = [each for plan in plans if plan.scheduled for each in (plan.scheduled.target, *plan.scheduled.parts)]
    rest = [*found.rules, *(each.target for each in found.scheduled)]
    for value in rest:
        if value not in used and any(each.path == value.source.path for each in claimed):
            family = _family_in(text_at(value, "ecsParameters.taskDefinitionArn"))
            describe = f"aws ecs describe-task-definition --task-definition {family} > task-definition.json"
            way = describe if family else "aws events list-targets-by-rule --rule RULE > targets.json"
            missing = "its task definition" if family else "its target"
            report_on(value, result.report, not_carried(f"{missing} is not there: `{way}` beside it"))


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
    plan: _Planned, pipeline: DeployingJob | None, names: set[str], found: _Found, result: ImportResult
) -> TaskDraft:
    root, service, scheduled = plan.root, plan.service, plan.scheduled
    configuration = _configuration_of(root, service, found)
    repeated = scheduled is not None and spec_name(_family(root)) in names
    wanted = (
        scheduled.name if scheduled is not None and repeated else "",
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
    wanted_containers = [*(scheduled.overridden if scheduled else ()), *(pipeline.containers if pipeline else ())]
    task = task_of(root, wanted_containers, entry, port)
    return TaskDraft(SERVICE if scheduled is None else JOB, name, result.report, task=task)


def _put(draft: TaskDraft, plan: _Planned, pipeline: DeployingJob | None, found: _Found, beside: Beside) -> None:
    root, service = plan.root, plan.service
    prepare(draft)
    tags = root.source.root.get("tags") if root.path else None
    if tags is not None:
        DEFINITION.convert(SourceValue(root.source, (), {"tags": tags.data}), draft.block)
    _note_form(root, draft, "tags")
    DEFINITION.convert(root, draft.block)
    if service is not None:
        _note_form(service, draft)
        SERVICE_DEFINITION.convert(service, draft.block)
    if plan.scheduled is not None:
        for value in plan.scheduled.parts:
            _note_form(value, draft)
        put_schedule(plan.scheduled, draft.block)
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
            note(other, draft.block, formal("it belongs to the file, not to the definition in it"))


FORMAT = Format("ecs", "ECS task definitions", _claims, _belongs, _convert)
