"""The manifests of Copilot's workloads: the keys of each type, and the specs that they become.

Sources: https://aws.github.io/copilot-cli/docs/manifest/lb-web-service/ and the pages of the other types
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fsdcf.importers import ImportResult
from fsdcf.importers.copilot import messages
from fsdcf.importers.copilot.containers import CONTAINER, LOGGING, STORAGE, mounted, without_parts
from fsdcf.importers.copilot.layers import in_environment, in_shell
from fsdcf.importers.copilot.messages import PUBLISH, SUBSCRIBE
from fsdcf.importers.copilot.taskdef import TASKDEF
from fsdcf.importers.copilot.traffic import COUNT, HTTP, NETWORK, sidecar_of
from fsdcf.importers.copilot.workload import TITLE, WorkloadDraft, absent, workload
from fsdcf.importers.copilot.workspace import (
    BACKEND,
    JOB,
    LOAD_BALANCED,
    REQUEST_DRIVEN,
    SITE,
    WORKER,
    Workspace,
    environment_name,
    shown,
    type_of,
)
from fsdcf.importers.draft import Block, spec_name
from fsdcf.importers.keys import SourceKey, Table, note, report_on
from fsdcf.importers.report import ImportReport, KeyOutcome, Row, UnfitError, changed, not_carried
from fsdcf.importers.source import Beside, Source, SourceValue
from fsdcf.importers.values import put_number, put_seconds, put_size, put_tag, seconds
from fsdcf.language import model

_BALANCER = "networking.loadBalancer"


# Keys of all types


def _name(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text != block.draft.name:
        return changed("a name has lower-case letters, digits and single hyphens, at most 40", ".metadata.name")
    return None


def _type(value: SourceValue, block: Block) -> KeyOutcome | None:
    if workload(block).type != REQUEST_DRIVEN:
        return None
    why = "in place of App Runner, ECS behind the load balancer of the environment, with its health check by HTTP"
    return changed(f"{why}, and scaling by CPU", ".kind")


def _cpu(value: SourceValue, block: Block) -> None:
    """CPU and memory are put together, when both are known."""
    if value.number <= 0:
        raise UnfitError("must be more than 0")


def _platform(value: SourceValue, block: Block) -> KeyOutcome | None:
    system, _, architecture = value.text.lower().partition("/")
    if system.startswith("windows"):
        return not_carried("fsdcf runs containers of Linux alone: build the image for linux/x86_64 or linux/arm64")
    _architecture(architecture, block)
    return None


def _architecture(word: str, block: Block) -> None:
    names = {"x86_64": "x86_64", "amd64": "x86_64", "arm": "arm64", "arm64": "arm64"}
    if word not in names:
        raise UnfitError("must be x86_64 or arm64")
    if names[word] == "arm64":
        block.put("resources.architecture", "arm64")


def _family(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text.lower().startswith("windows"):
        return not_carried("fsdcf runs containers of Linux alone: build the image for linux/x86_64 or linux/arm64")
    return None


def _exec(value: SourceValue, block: Block) -> KeyOutcome | None:
    if not value.flag:
        return None
    storage = value.source.root.get("storage.readonly_fs")
    if storage is not None and storage.data is True:
        return not_carried("ECS Exec does not work with a read-only root file system")
    block.put("enableExecuteCommand", True)
    return None


def _rolling(value: SourceValue, block: Block) -> None:
    if value.text not in ("default", "recreate"):
        raise UnfitError("must be default or recreate")
    if value.text == "recreate":
        block.put("deployment.minimumHealthyPercent", 0)
        block.put("deployment.maximumPercent", 100)


def _rollback(value: SourceValue, block: Block) -> KeyOutcome:
    overrides = block.draft.data.setdefault("overrides", {}).setdefault("Service", {})
    path = "Properties.DeploymentConfiguration.Alarms"
    alarms = overrides.setdefault(path, {"AlarmNames": [], "Enable": True, "Rollback": True})
    alarms["AlarmNames"].append(value.text)
    return changed("as an override of the template", ".overrides.Service")


def _alarm(to: str) -> SourceKey:
    why = "as an alarm, which does not roll back a deployment"

    def convert(value: SourceValue, block: Block) -> KeyOutcome:
        if not 1 <= value.number <= 100:
            raise UnfitError("must be a percentage from 1 to 100")
        block.put(to, value.number)
        return changed(why, to)

    return SourceKey(f"deployment.rollback_alarms.{to.rpartition('.')[2]}_utilization", to, why, convert=convert)


def _tracing(value: SourceValue, block: Block) -> None:
    if value.text.lower() != "awsxray":
        raise UnfitError("must be awsxray")
    block.put("observability.traces.enabled", True)


_COMMON = (
    SourceKey("name", ".metadata.name", convert=_name),
    SourceKey("type", ".kind", convert=_type),
    SourceKey("cpu", "resources.cpu", convert=_cpu),
    SourceKey("memory", "resources.memory", convert=_cpu),
    SourceKey("platform", "resources.architecture", convert=_platform),
    SourceKey("platform.osfamily", "resources.architecture", convert=_family),
    SourceKey(
        "platform.architecture",
        "resources.architecture",
        convert=lambda value, block: _architecture(value.text.lower(), block),
    ),
)
_TASK = (
    *_COMMON,
    *CONTAINER,
    *STORAGE,
    *LOGGING,
    *PUBLISH,
    *NETWORK,
    *TASKDEF,
    SourceKey("exec", "enableExecuteCommand", convert=_exec),
    SourceKey("observability.tracing", "observability.traces.enabled", convert=_tracing),
)
_SERVICE = (
    *_TASK,
    *COUNT,
    SourceKey("deployment.rolling", "deployment.minimumHealthyPercent deployment.maximumPercent", convert=_rolling),
    SourceKey("deployment.rollback_alarms[]", ".overrides.Service", "as an override of the template", _rollback),
    _alarm("observability.alarms.cpu"),
    _alarm("observability.alarms.memory"),
    *absent(
        "deployment.rollback_alarms.messages_delayed",
        "fsdcf has no alarm for waiting messages: add one of `ApproximateNumberOfMessagesDelayed` as an addon",
    ),
)


# Jobs

_TIMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def _schedule(value: SourceValue, block: Block) -> KeyOutcome | None:
    text = value.text.strip()
    if text.lower() in ("none", ""):
        return changed("without a schedule `fsdcf run` starts the job", "")
    if text in _TIMES:
        block.put("schedule.cron", _TIMES[text])
    elif match := re.fullmatch(r"cron\((.*)\)", text):
        block.put("schedule.cron", match[1].strip())
    elif match := re.fullmatch(r"rate\(\s*(\d{1,6})\s+(minute|hour|day)s?\s*\)", text):
        block.put("schedule.rate", _counted(int(match[1]), match[2]))
    elif match := re.fullmatch(r"@every\s+(\S+)", text):
        return _every(match[1], value, block)
    elif len(text.split()) == 5:
        block.put("schedule.cron", " ".join(text.split()))
    else:
        raise UnfitError("must be a cron expression, a rate, @every with a duration, or none")
    return None


def _every(text: str, value: SourceValue, block: Block) -> KeyOutcome | None:
    duration = seconds(SourceValue(value.source, value.path, text))
    minutes = max(1, -(-duration // 60))
    if minutes % 1440 == 0:
        block.put("schedule.rate", _counted(minutes // 1440, "day"))
    elif minutes % 60 == 0:
        block.put("schedule.rate", _counted(minutes // 60, "hour"))
    else:
        block.put("schedule.rate", _counted(minutes, "minute"))
    return changed(f"{text} is not a number of minutes", "schedule.rate") if duration != minutes * 60 else None


def _counted(number_of: int, unit: str) -> str:
    return f"{number_of} {unit}{'' if number_of == 1 else 's'}"


def _timeout(value: SourceValue, block: Block) -> KeyOutcome | None:
    outcome = put_seconds("timeout", 60, 1209600)(value, block)
    retries = value.source.root.get("retries")
    if outcome is None and retries and retries.data not in (0, "0"):
        return changed("of each run, and not of a run with all its retries together", "timeout")
    return outcome


_SCHEDULED = (
    SourceKey("on.schedule", "schedule", convert=_schedule),
    SourceKey("retries", "retries", convert=put_number("retries", 0, 10)),
    SourceKey("timeout", "timeout", convert=_timeout),
)


# Static sites

_SITE = (
    "fsdcf deploys containers: keep the files in a bucket behind CloudFront in a stack of their own, or build an image"
    " that serves them"
)

_PREFIXES = ("image.credentials", "image.labels.*", "image.depends_on.*", "image.healthcheck", "sidecars.*", "env_file")
_REQUEST_KEYS = (
    "http", "http.path", "http.healthcheck", "http.alias", "http.private", "count", "network.vpc.placement",
)  # fmt: skip


def _requested(key: SourceKey) -> bool:
    return any(key.path == each or key.path.startswith(f"{each}.") for each in _REQUEST_KEYS) and not (
        key.path.startswith("count.")
    )


def _tag(value: SourceValue, block: Block) -> KeyOutcome:
    return put_tag(value.name, value.text, block)


TABLES = {
    LOAD_BALANCED: Table(f"{TITLE} of a {LOAD_BALANCED}", *_SERVICE, *HTTP),
    BACKEND: Table(f"{TITLE} of a {BACKEND}", *_SERVICE, *HTTP),
    WORKER: Table(f"{TITLE} of a {WORKER}", *_SERVICE, *SUBSCRIBE),
    REQUEST_DRIVEN: Table(
        f"{TITLE} of a {REQUEST_DRIVEN}",
        *_COMMON,
        *(each for each in CONTAINER if not each.path.startswith(_PREFIXES)),
        *(each for each in (*HTTP, *COUNT, *NETWORK) if _requested(each)),
        *PUBLISH,
        SourceKey("observability.tracing", "observability.traces.enabled", convert=_tracing),
        SourceKey("tags.*", ".metadata.tags", convert=_tag),
    ),
    JOB: Table(
        f"{TITLE} of a {JOB}",
        *(each for each in _TASK if not each.path.startswith(("image.port", "network.connect"))),
        *_SCHEDULED,
    ),
    SITE: Table(
        f"{TITLE} of a {SITE}",
        *absent(
            "name type http.alias http.certificate files[].source files[].destination files[].recursive"
            " files[].exclude files[].reinclude files[].reinclude[]",
            _SITE,
        ),
    ),
}
"""The keys of each type of manifest; those of ``environments`` are the same below the name of an environment."""


# From a manifest to a spec


def convert(
    name: str, source: Source, workspace: Workspace, result: ImportResult, read: Beside
) -> WorkloadDraft | None:
    """The spec of a workload; None for one that does not become a service or job, which the report says."""
    kind = type_of(source)
    if kind in ("", SITE):
        _refuse(source, kind, result.report)
        return None
    whole = in_shell(source, workspace.application)
    overrides = whole.data.get("environments")
    draft = _converted(name, kind, whole, workspace, read, result.report)
    if isinstance(overrides, dict):
        for environment, override in overrides.items():
            if override is not None:
                _override(draft, whole, str(environment), read)
    elif overrides is not None:
        value = SourceValue(whole, ("environments",), overrides)
        note(value, draft.block, not_carried("it must be a map"))
    return draft


def _refuse(source: Source, kind: str, report: ImportReport) -> None:
    if kind == SITE:
        draft = WorkloadDraft(model.SERVICE, "site", report)
        draft.report = ImportReport()
        TABLES[SITE].convert(source.root, draft.block)
        for row in draft.report.rows.values():
            report.add(Row(row.file, row.line, row.key, row.outcome))
        return
    at = source.root.get("type") or source.root
    report_on(at, report, not_carried("the `type` of a manifest must be one of Copilot, such as Backend Service"))


def _converted(
    name: str, kind: str, source: Source, workspace: Workspace, read: Beside, report: ImportReport
) -> WorkloadDraft:
    given = source.data.get("name")
    main = given if isinstance(given, str) else name
    category = model.JOB if kind == JOB else model.SERVICE
    draft = WorkloadDraft(category, name, report, type=kind, main=main, workspace=workspace, read=read)
    draft.about.append(f"From {shown(source)}, a {kind} of AWS Copilot, with its defaults.")
    if workspace.application:
        draft.root.put("metadata.pack", workspace.application)
    draft.block.put("networking.shared", True)
    draft.block.put("networking.assignPublicIp", True)
    data = {key: each for key, each in source.data.items() if key != "environments"}
    TABLES[kind].convert(SourceValue(source, (), data), draft.block)
    _finish(draft, source)
    return draft


def _override(draft: WorkloadDraft, whole: Source, environment: str, read: Beside) -> None:
    """Put what differs in an environment at ``environments`` of the spec."""
    at = ("environments", environment)
    data = whole.data["environments"][environment]
    if not isinstance(data, dict):
        note(SourceValue(whole, at, data), draft.block, not_carried("it must be a map"))
        return
    layer = in_environment(whole, environment)
    other = _converted(draft.name, draft.type, layer, draft.workspace, read, ImportReport())
    lines = {each.key: each.line for each in SourceValue(layer, (), data).descendants()}
    draft.put_environment(environment_name(environment), other, lines, f"environments.{environment}")


# What depends on several keys


def _finish(draft: WorkloadDraft, source: Source) -> None:
    block = draft.block
    _size(draft, source)
    without_parts(block, source.root.get("sidecars") or source.root)
    if draft.type == WORKER:
        messages.default_queue(draft)
    if draft.type != JOB:
        _count(draft, source)
        _reach(draft, source)
    _route_logs(block)
    _variables(draft, source)


def _size(draft: WorkloadDraft, source: Source) -> None:
    default = (1024, 2048) if draft.type == REQUEST_DRIVEN else (256, 512)
    sizes = []
    for name, fallback in zip(("cpu", "memory"), default, strict=True):
        value = source.root.get(name)
        try:
            size = value.number if value else fallback
        except UnfitError:
            size = fallback
        sizes.append(size if 0 < size < 10**9 else fallback)
    different = put_size(draft.block, *sizes)
    for name in ("cpu", "memory") if different else ():
        if value := source.root.get(name):
            note(value, draft.block, changed(different, f"resources.{name}"))


def _count(draft: WorkloadDraft, source: Source) -> None:
    block = draft.block
    scaling = block.get("autoScaling")
    if draft.type == REQUEST_DRIVEN:
        block.put("autoScaling", {"minCount": 1, "maxCount": 25}, "App Runner's limits, by CPU and not by concurrency")
    elif scaling is None and block.get("resources.desiredCount") is None:
        block.put("resources.desiredCount", 1)
    elif scaling is not None:
        block.put("autoScaling.scaleInCooldown", scaling.get("scaleInCooldown", 120))
        queues = [each for each in draft.data.get("dependencies", ()) if each["type"] == "aws_sqs_queue"]
        if len(queues) > 1 and "queueBacklogPerTask" in str(scaling):
            queue = messages.scaling_queue(draft)
            block.put("autoScaling.queue", queue)
            for each in ("acceptable_latency", "msg_processing_time"):
                if value := source.root.get(f"count.queue_delay.{each}"):
                    why = f"the backlog of the queue {queue} alone; Copilot scales by that of each queue"
                    note(value, block, changed(why, "autoScaling.queue"))


def _reach(draft: WorkloadDraft, source: Source) -> None:
    block = draft.block
    balanced = draft.type in (LOAD_BALANCED, REQUEST_DRIVEN) or isinstance(source.data.get("http"), dict)
    if source.data.get("http") is False or ("nlb" in source.data and "http" not in source.data):
        balanced = False
    if balanced and block.get("port") is None:
        block.put("port", 80, "the manifest has no port: write the one that the container listens on")
    if block.get("port") is None:
        block.data.pop("healthCheck", None) if "container" not in (block.get("healthCheck") or {}) else None
        return
    if draft.type != REQUEST_DRIVEN:
        block.put("networking.serviceDiscovery", True)
    if not balanced:
        block.put(_BALANCER, False)
        return
    _balance(draft, source)


def _balance(draft: WorkloadDraft, source: Source) -> None:
    block = draft.block
    if draft.type == BACKEND:
        block.put(f"{_BALANCER}.name", "internal")
    _rules(draft)
    _https(draft, source)
    _version(draft, source)
    defaults: dict[str, Any] = {"path": "/", "healthyThreshold": 5, "unhealthyThreshold": 2}
    if draft.type == REQUEST_DRIVEN:
        defaults = {"path": "/", "healthyThreshold": 3, "unhealthyThreshold": 3, "interval": 5, "timeout": 2}
    for name, default in defaults.items():
        if block.get(f"healthCheck.{name}") is None:
            block.put(f"healthCheck.{name}", default)
    if block.get(f"{_BALANCER}.deregistrationDelay") is None and draft.type != REQUEST_DRIVEN:
        block.put(f"{_BALANCER}.deregistrationDelay", 60)
    interval, timeout = block.get("healthCheck.interval") or 30, block.get("healthCheck.timeout") or 5
    if timeout >= interval:
        block.put("healthCheck.timeout", interval - 1)
        if value := source.root.get("http.healthcheck.timeout"):
            note(value, block, changed(f"it must be shorter than the interval: {interval - 1}", "healthCheck.timeout"))


def _rules(draft: WorkloadDraft) -> None:
    block = draft.block
    balancer = block.get(_BALANCER)
    rule = balancer if isinstance(balancer, dict) else {}
    if "hosts" in rule and rule.get("paths") == ["/*"]:
        rule.pop("paths")
    if "hosts" in rule or "paths" in rule:
        return
    others = [each for each in draft.workspace.workloads.values() if type_of(each) in (LOAD_BALANCED, REQUEST_DRIVEN)]
    if draft.type == REQUEST_DRIVEN and len(others) > 1:
        comment = "App Runner gives each service a domain of its own: write the service's at `hosts` instead"
        block.put(f"{_BALANCER}.paths", [f"/{draft.name}", f"/{draft.name}/*"], comment)
    else:
        block.put(f"{_BALANCER}.paths", ["/*"])


def _https(draft: WorkloadDraft, source: Source) -> None:
    """A container at port 443 gets its requests by HTTPS."""
    container = draft.block.get(f"{_BALANCER}.container")
    if container is None and draft.block.get("port") == 443:
        draft.block.put(f"{_BALANCER}.protocol", "https")
    sidecar = sidecar_of(source.root, container) if container else None
    if container and sidecar is not None and sidecar.get("port") is None:
        for each in draft.block.get("sidecars") or ():
            if each["name"] == container:
                each.setdefault("port", draft.block.get("port"))


def _version(draft: WorkloadDraft, source: Source) -> None:
    block, value = draft.block, source.root.get("http.version") or source.root.get("http.protocolVersion")
    version = block.get(f"{_BALANCER}.protocolVersion")
    if version is None or value is None:
        return
    if not draft.workspace.certified("internal" if draft.type == BACKEND else "public"):
        block.get(_BALANCER).pop("protocolVersion")
        why = (
            "it needs a certificate at the load balancer: write `domain` or `certificateArn` in the file of the"
            " environment, and then `networking.loadBalancer.protocolVersion`"
        )
        note(value, block, not_carried(why))
    elif version == "grpc" and (codes := block.get("healthCheck.successCodes")):
        block.get("healthCheck").pop("successCodes")
        block.put("healthCheck.grpcCodes", codes)


def _route_logs(block: Block) -> None:
    """The log router needs an output."""
    logs = block.get("observability.logs") or {}
    if logs.get("driver") == "awsfirelens" and not (logs.get("options") or logs.get("secretOptions")):
        for name in ("driver", "router"):
            logs.pop(name, None)
        if not logs:
            block.get("observability").pop("logs")


def _variables(draft: WorkloadDraft, source: Source) -> None:
    """The variables that Copilot sets in all containers, which the application may read.

    Source: envvars-common.yml and sidecars.yml in internal/pkg/template/templates/workloads/partials/cf of
    https://github.com/aws/copilot-cli
    """
    application = draft.workspace.application
    found = {"COPILOT_APPLICATION_NAME": application} if application else {}
    found |= {"COPILOT_ENVIRONMENT_NAME": "${ENV}", "COPILOT_SERVICE_NAME": draft.main}
    namespace = f"{spec_name(application)}.local" if application else "internal"
    found["COPILOT_SERVICE_DISCOVERY_ENDPOINT"] = f"${{ENV}}.{namespace}"
    side = {LOAD_BALANCED: "Public", BACKEND: "Internal"}.get(draft.type)
    if side and isinstance(draft.block.get(_BALANCER), dict):
        found["COPILOT_LB_DNS"] = f"${{import:fsdcf-${{ENV}}-{side}LoadBalancerDnsName}}"
    found |= messages.variables(draft, source)
    draft.block.put("environment", _environment(draft.block.data, found, mounted(source.root)))
    for sidecar in draft.block.get("sidecars") or ():
        sidecar["environment"] = _environment(sidecar, found, mounted(source.root, sidecar["name"]))


def _environment(container: Mapping[str, Any], common: Mapping[str, str], paths: str) -> dict[str, str]:
    """The variables of a container, after Copilot's that it does not set itself."""
    found = dict(common) | ({"COPILOT_MOUNT_POINTS": paths} if paths != "{}" else {})
    named = {each["name"] for each in container.get("secrets") or ()}
    return {name: text for name, text in found.items() if name not in named} | (container.get("environment") or {})
