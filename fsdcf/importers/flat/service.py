"""The documents of the flat dialect: the tables of the keys of a service and of a job, with their parts.

The dialect has no published schema. The keys are those of the documents on the field's pages, and the other names that
their tools and AWS use for the same things. Each is looked up in any spelling: ``health_check`` and ``healthCheck``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fsdcf.importers.draft import Block
from fsdcf.importers.flat import reading
from fsdcf.importers.flat.container import (
    COMPUTE,
    SIDECAR,
    container_keys,
    count,
    provider,
    sidecar,
    size,
    size_keys,
    variable,
    variable_pair,
)
from fsdcf.importers.flat.network import (
    BALANCER,
    DISCOVERY,
    NETWORK,
    check_keys,
    discovery,
    enabled_balancer,
    path_of,
    ports_of,
)
from fsdcf.importers.flat.observability import OBSERVABILITY
from fsdcf.importers.flat.reading import (
    ITEMS,
    OVERRIDES,
    get,
    items,
    keys,
    listed,
    nothing,
    put,
    seconds,
    snake,
    table,
    text,
    translated,
    words,
)
from fsdcf.importers.flat.roles import SECURITY
from fsdcf.importers.flat.scaling import SCALING
from fsdcf.importers.keys import Convert, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import put_flag, put_number, put_tag
from fsdcf.language.model import JOB


def _put(path: str) -> Convert:
    return lambda value, block: block.draft.root.put(path, translated(value, value.text))


def _owners(value: SourceValue, block: Block) -> None:
    owners = block.draft.root.get("metadata.owners") or []
    more = [each.text for each in listed(value)]
    block.draft.root.put("metadata.owners", [*owners, *(each for each in more if each not in owners)])


def _tag(value: SourceValue, block: Block) -> KeyOutcome:
    return _put_tag(value.name, value, block)


def _put_tag(name: str, value: SourceValue, block: Block) -> KeyOutcome:
    given = translated(value, value.text)
    text = re.sub(r"\$\$\{|\$\{[^{}]*\}|[^\w .:/=+@-]", lambda match: match[0] if match[0][:2] == "${" else "-", given)
    outcome = put_tag(name, text[:256], block)
    return carried(f"{outcome.to}.{name}") if outcome.to and " " not in name else outcome


def _tag_pair(value: SourceValue, block: Block) -> Block | None:
    name, given = get(value, "key", "name"), get(value, "value")
    if name is None or given is None:
        raise UnfitError("must have a `key` and a `value`")
    note(value, block, _put_tag(name.text, given, block))
    return None


# Deployment and jobs


def _strategy(value: SourceValue, block: Block) -> KeyOutcome | None:
    if snake(value.text) in ("rolling", "rolling_update", "ecs", "rollingupdate"):
        return None
    return not_carried("a deployment is rolling, and its circuit breaker rolls a failure back")


_LATER = "a deployment is rolling: its circuit breaker rolls a failure back"
DEPLOYMENT = table(
    *keys("type strategy controller", "deployment.strategy", _strategy),
    *put(
        "minimum_healthy_percent min_healthy_percent min_healthy",
        "deployment.minimumHealthyPercent",
        put_number,
        0,
        100,
    ),
    *put(
        "maximum_percent max_percent maximum_healthy_percent max_healthy_percent max_surge",
        "deployment.maximumPercent",
        put_number,
        100,
        200,
    ),
    *put(
        "circuit_breaker.enabled circuit_breaker.enable circuit_breaker", "deployment.circuitBreaker.enabled", put_flag
    ),
    *put(
        "circuit_breaker.rollback rollback auto_rollback rollback_on_failure",
        "deployment.circuitBreaker.rollback",
        put_flag,
    ),
    *keys("canary blue_green bake_time canary_percent traffic_shift", note=_LATER, whole=True),
)


def _schedule_of_job(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = translated(value, value.text).strip()
    found = re.fullmatch(r"(rate|at)\((.{1,100})\)", given)
    if found:
        block.put(f"schedule.{found[1]}", found[2].strip())
        return carried(f"schedule.{found[1]}")
    block.put("schedule.cron", reading.cron(given))
    return carried("schedule.cron")


def _job_type(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text.lower() == "single":
        return None
    return not_carried("a run is one task: start one for each part with `fsdcf run`, or let one task do them all")


_ARRAY = "a run is one task: start one for each part with `fsdcf run`, or let one task do them all"

WORK = table(
    SourceKey("type", ".kind", convert=_job_type),
    *put("retry_attempts retries attempts retry_strategy.attempts", "retries", put_number, 0, 10),
    SourceKey(
        "retry_strategy.evaluate_on_exit[]", note="a failed run is started again, whatever it ended with", whole=True
    ),
    *put("timeout timeout_seconds attempt_duration_seconds", "timeout", seconds, 60, 1209600),
    *(
        key
        for name in ("schedule", "scheduling")
        for key in (
            *keys(f"{name}.expression {name}.cron {name}.schedule {name}", "schedule", _schedule_of_job),
            SourceKey(f"{name}.rate", "schedule.rate", convert=_schedule_of_job),
            *put(f"{name}.timezone {name}.time_zone", "schedule.timezone", text),
            SourceKey(f"{name}.type", "schedule", convert=nothing),
            *put(f"{name}.enabled", "schedule.enabled", put_flag),
        )
    ),
    *keys("size array_properties array_size", note=_ARRAY, whole=True),
    *keys("queue job_queue", note="a job starts at once on Fargate: it has no queue"),
)


def _no_part(value: SourceValue, block: Block) -> KeyOutcome:
    return not_carried("it must be a map of the keys that differ")


def _service_keys() -> Iterator[SourceKey]:
    yield from keys("name service_name", ".metadata.name", nothing)
    yield from keys("platform", ".kind", nothing)
    yield from keys("description", ".metadata.description", _put("metadata.description"))
    yield from keys("team owner owners owning_team contact", ".metadata.owners", _owners, whole=True)
    yield from keys("pack", ".metadata.pack", _put("metadata.pack"))
    yield from (SourceKey(f"{name}.*", ".metadata.tags", convert=_tag) for name in ("tags", "labels"))
    yield items("tags[]", ".metadata.tags", _tag_pair)
    yield from keys("version api_version schema_version", ".apiVersion", nothing)
    for each in OVERRIDES:
        yield SourceKey(f"{each}.*", "environments", convert=_no_part, table=ITEMS, enter=lambda value, block: None)
    yield SourceKey("environments[]", "environments", convert=lambda value, block: changed("`--env` selects one"))
    yield from keys("region account", note="`--region` and `--profile` of a deploy select the place")
    yield from keys("cluster", "networking", nothing, note="the stack has a cluster of its own")
    yield from (SourceKey(name, table=COMPUTE, enter=size) for name in ("compute", "resources", "task"))
    yield from (SourceKey(name, table=NETWORK) for name in ("networking", "network"))
    yield SourceKey("scaling", table=SCALING)
    yield from (SourceKey(name, table=SCALING) for name in ("autoscaling", "auto_scaling"))
    yield from (
        SourceKey(path, "networking.loadBalancer", convert=enabled_balancer, table=BALANCER)
        for path in ("load_balancer", "alb")
    )
    yield from check_keys()
    yield from keys("health_check_path", "healthCheck.path", path_of)
    yield SourceKey("service_discovery", "networking.serviceDiscovery", convert=discovery, table=DISCOVERY)
    yield SourceKey("observability", table=OBSERVABILITY)
    yield from (SourceKey(name, table=_only(name)) for name in ("logging", "logs", "tracing", "metrics", "alarms"))
    yield from (SourceKey(name, table=SECURITY) for name in ("security", "iam"))
    yield SourceKey("deployment", table=DEPLOYMENT)
    yield SourceKey("job", table=WORK)
    yield from keys("schedule", "schedule.cron", _only_jobs(_schedule_of_job))
    yield from put("port container_port", "port", put_number, 1, 65535)
    yield from size_keys("")
    yield from keys("desired_count replicas instances count", "resources.desiredCount", count)
    yield from keys("capacity_provider launch_type", "resources", provider, whole=True)
    yield from container_keys("")
    yield SourceKey("container", table=CONTAINER, enter=size)
    yield SourceKey("sidecars[]", "sidecars", table=SIDECAR, enter=sidecar)
    yield SourceKey("environment.*", "environment", convert=variable, whole=True)
    yield items("environment[]", "environment", variable_pair)
    yield SourceKey(
        "environment", note="`--env` of a deploy selects the environment; variables are a map of names and values"
    )
    yield from keys(
        "dead_letter.target_arn dead_letter_queue",
        note="a queue of a service has a dead-letter queue of its own: `deadLetters` of aws_sqs_queue",
        whole=True,
    )
    yield from keys(
        "triggers layers probes scheduling pod_disruption_budget dependent_jobs vpc.endpoints",
        note="it belongs to another platform: write what it does in the spec",
        whole=True,
    )


CONTAINER = table(
    *container_keys(""),
    *size_keys(""),
    SourceKey("name", "image", convert=nothing),
    *put("port container_port", "port", put_number, 1, 65535),
    *keys("ports", "port", ports_of, whole=True),
    *check_keys(),
)


def _only(name: str) -> Table:
    """The part of observability that a document has at its top."""
    found = [key for key in OBSERVABILITY.keys if key.path.startswith((f"{name}.", f"{name}["))]
    return table(
        *(
            SourceKey(key.path[len(name) :].lstrip("."), key.to, key.note, key.convert, key.table, key.enter, key.whole)
            for key in found
        )
    )


def _only_jobs(convert: Convert) -> Convert:
    def inner(value: SourceValue, block: Block) -> KeyOutcome | None:
        if block.draft.kind is not JOB:
            return not_carried("a service runs all the time: a document with `platform: batch` becomes a job")
        return convert(value, block)

    return inner


_NO_JOB = "a job has no address: it starts, runs and ends"
_KEYS = tuple(_service_keys())


def tables(dependencies: Iterable[SourceKey]) -> tuple[Table, Table]:
    """The tables of a service and of a job."""
    more = tuple(dependencies)
    job = [key for key in _KEYS if key.path not in _FOR_SERVICES]
    none = [*keys(" ".join(sorted(_FOR_SERVICES)), note=_NO_JOB, whole=True)]
    return table(*_KEYS, *more), table(*job, *none, *more)


_FOR_SERVICES = words(
    "networking network scaling autoscaling auto_scaling load_balancer alb health_check healthcheck "
    "health_check_path service_discovery deployment port container_port"
)
