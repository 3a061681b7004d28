"""What a document says and a spec cannot: after its keys are converted, each value fits the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fsdcf.importers.draft import Block
from fsdcf.importers.flat.reading import FlatDraft, get, snake
from fsdcf.importers.keys import note
from fsdcf.importers.report import KeyOutcome, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.language.model import JOB

_MOST_TAGS = 40
_NO_PORT = "a service without `networking.port` has no load balancer, which sends its requests"
_BALANCER_TARGETS = ("targetRequestsPerTask", "targetResponseTime")


def fit(document: SourceValue, draft: FlatDraft) -> None:
    """Change or leave out the values that do not fit the others, and report their keys."""
    block = draft.block
    if draft.kind is JOB:
        _drop(block, "observability.alarms", document, "alarms", "a failed run tells `job.notify`: it has no alarms")
    elif not block.get("port"):
        _worker(document, block)
    _database_files(document, draft)
    _network(draft)
    _check_times(document, block)
    _limits(document, block)
    if block.get("autoScaling") == {}:
        block.data.pop("autoScaling")
    _tags(document, draft)


_ONE_WRITER = "a SQLite database that is kept has one task, which ends before the next one starts"
_SEVERAL_TASKS = {
    "autoScaling": "scaling auto_scaling autoscaling",
    "resources.desiredCount": "desired_count replicas instances",
    "deployment.minimumHealthyPercent": "minimum_healthy_percent min_healthy_percent",
    "deployment.maximumPercent": "maximum_percent max_percent",
}
"""What a service with a SQLite database does not have, each with its names in the dialect."""


def _database_files(document: SourceValue, draft: FlatDraft) -> None:
    """Keep the files of SQLite databases without a path on a file system, unless they may be lost."""
    entries = draft.data.get("dependencies", [])
    listed = get(document, "dependencies")
    kinds = [get(each, "type", "kind") for _, each in (listed.children() if listed is not None else ())]
    kind = next((each for each in kinds if each is not None and each.data == "sqlite_database"), document)
    for index, entry in enumerate([*entries]):
        if entry["type"] != "sqlite_database":
            continue
        if "path" not in entry and entry.get("ephemeral"):
            draft.root.below("dependencies", index).put("path", "/tmp/app.db")  # noqa: S108 - in a container
            note(kind, draft.block, changed("its file is lost with the task: /tmp/app.db", ".dependencies"))
        elif "path" not in entry and all(each["type"] != "aws_efs_file_system" for each in entries):
            draft.dependency("aws_efs_file_system", "data")
            reason = "a new file system keeps its file, which would be lost with the task; `ephemeral` allows that"
            note(kind, draft.block, changed(reason, ".dependencies"))
        if not entry.get("ephemeral"):
            for path, names in _SEVERAL_TASKS.items():
                _drop(draft.block, path, document, names, _ONE_WRITER)


def find(value: SourceValue, name: str) -> Iterator[SourceValue]:
    """The values of a key, in any spelling, at all places of a document outside of its dependencies."""
    for key, child in value.children():
        if key != "[]" and snake(key) == name and child.data is not None:
            yield child
        elif key == "[]" or snake(key) not in ("dependencies", "environments", "environment", "tags"):
            yield from find(child, name)


def leaves(value: SourceValue) -> Iterator[SourceValue]:
    """The scalars below a value; itself, if it is one."""
    if isinstance(value.data, (dict, list)):
        for _, child in value.children():
            yield from leaves(child)
    elif value.data is not None:
        yield value


def _report(document: SourceValue, block: Block, names: str, outcome: KeyOutcome) -> None:
    for name in names.split():
        for value in find(document, name):
            for leaf in leaves(value):
                note(leaf, block, outcome)


def _drop(block: Block, path: str, document: SourceValue, names: str, reason: str) -> None:
    if block.get(path) is None:
        return
    above, _, last = path.rpartition(".")
    holder = block.get(above) if above else block.data
    holder.pop(last)
    _report(document, block, names, not_carried(reason))


def _worker(document: SourceValue, block: Block) -> None:
    """A service without a port; the port of its health check is that of the container."""
    port = block.get("healthCheck.port")
    if isinstance(port, int):
        block.put("port", port)
        _report(document, block, "health_check healthcheck", changed("the port of the check is that of the container"))
        block.get("healthCheck").pop("port")
        return
    own = block.get("healthCheck")
    if isinstance(own, dict):
        container = own.get("container")
        block.put("healthCheck", {"container": container} if container else {})
        if not container:
            block.data.pop("healthCheck")
        if len(own) > bool(container):
            _report(document, block, "health_check healthcheck health_check_path", not_carried(_NO_PORT))
    _drop(block, "networking.loadBalancer", document, "load_balancer alb", _NO_PORT)
    scaling = block.get("autoScaling")
    if not isinstance(scaling, dict):
        return
    lost = [scaling.pop(each) for each in _BALANCER_TARGETS if each in scaling]
    policies = scaling.get("policies", [])
    kept = [each for each in policies if each["metric"] not in ("requestsPerTask", "responseTime")]
    if len(kept) < len(policies):
        scaling["policies"] = kept
        if not kept:
            scaling.pop("policies")
    if lost or len(kept) < len(policies):
        _report(document, block, "scaling autoscaling auto_scaling", not_carried(f"not all of it: {_NO_PORT}"))


def _network(draft: FlatDraft) -> None:
    """An existing network is carried if all of it is there: its id, and subnets for the tasks and the load balancer."""
    own = draft.block.get("networking.vpc")
    if not isinstance(own, dict):
        return
    public = draft.block.get("port") and draft.block.get("networking.loadBalancer") is not False
    public = public and draft.balancer == "public"
    enough = len(own.get("privateSubnets", ())) >= _ZONES and (
        not public or len(own.get("publicSubnets", ())) >= _ZONES
    )
    if not own.get("id") or not enough:
        draft.block.get("networking").pop("vpc")
        reason = "write networking.vpc with id, privateSubnets and publicSubnets of two zones: the document has a part"
        change_rows(draft, not_carried(reason))


_ZONES = 2


def change_rows(draft: FlatDraft, outcome: KeyOutcome) -> None:
    """Report the keys of an existing network anew."""
    keys = {draft.block.key(f"networking.vpc.{each}") for each in ("id", "privateSubnets", "publicSubnets")}
    for place, row in [*draft.report.rows.items()]:
        if row.spec == draft.path and row.outcome.to in keys:
            draft.report.rows[place] = replace(row, outcome=outcome)


def _check_times(document: SourceValue, block: Block) -> None:
    interval, timeout = block.get("healthCheck.interval") or 30, block.get("healthCheck.timeout") or 5
    if isinstance(interval, int) and isinstance(timeout, int) and timeout >= interval:
        fitting = max(interval - 1, 2)
        block.put("healthCheck.timeout", fitting)
        reason = f"{fitting} seconds: the load balancer waits for an answer for less than the interval"
        for check in (*find(document, "health_check"), *find(document, "healthcheck")):
            for name in ("timeout", "timeout_seconds", "interval"):
                value = get(check, name)
                if value is not None:
                    note(value, block, changed(reason, "healthCheck.timeout"))
                    return


def _limits(document: SourceValue, block: Block) -> None:
    scaling = block.get("autoScaling")
    if isinstance(scaling, dict):
        low, high = scaling.get("minCount", 1), scaling.get("maxCount", 10)
        if low > high:
            scaling["maxCount"] = max(low, 1)
            outcome = changed(f"the maximum is {low}, since the minimum is", "autoScaling.maxCount")
            _report(document, block, "min min_count min_capacity min_tasks min_replicas min_instances", outcome)
        if "queueBacklogPerTask" in scaling and not _has_queue(block):
            scaling.pop("queueBacklogPerTask")
            reason = "not all of it: a backlog needs an aws_sqs_queue in `dependencies`"
            _report(document, block, "scaling autoscaling auto_scaling", not_carried(reason))
    rolling = block.get("deployment")
    if isinstance(rolling, dict) and rolling.get("minimumHealthyPercent", 100) >= rolling.get("maximumPercent", 200):
        rolling.pop("maximumPercent")
        outcome = changed("200 percent: otherwise there is no room for a new task", "deployment")
        _report(document, block, "maximum_percent max_percent maximum_healthy_percent", outcome)
    description = block.draft.root.get("metadata.description")
    if isinstance(description, str) and len(description) > _LONGEST_DESCRIPTION:
        block.draft.root.put("metadata.description", description[:_LONGEST_DESCRIPTION])
        reason = f"its first {_LONGEST_DESCRIPTION} characters: a description has no more"
        _report(document, block, "description", changed(reason, ".metadata.description"))


_LONGEST_DESCRIPTION = 850


def _has_queue(block: Block) -> bool:
    return any(each["type"] == "aws_sqs_queue" for each in block.draft.data.get("dependencies", ()))


def _tags(document: SourceValue, draft: FlatDraft) -> None:
    tags: dict[str, Any] = draft.root.get("metadata.tags") or {}
    for name in list(tags)[_MOST_TAGS:]:
        del tags[name]
        for each in (get(document, "tags"), get(document, "labels")):
            value = each.get(name) if each is not None and "." not in name else None
            if value is not None:
                note(value, draft.block, not_carried(f"AWS allows 50 tags, of which a document may have {_MOST_TAGS}"))
