"""Rules about the containers of a task together: their names, images, order, ports, sizes, volumes and output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from fsdcf.cloudformation.registries import parts_of_image
from fsdcf.conventions import similar
from fsdcf.diagnostics import SpecPath, joined
from fsdcf.language.dependency import file_systems
from fsdcf.language.model.container import (
    COLLECTOR,
    LONGEST_IMAGE,
    MAIN,
    MAIN_PATH,
    ROUTER,
    ROUTER_PORT,
    ROUTER_RESERVATION,
    Container,
    RestartPolicy,
    Sidecar,
)
from fsdcf.language.model.service import Spec
from fsdcf.language.placeholders import String, sample
from fsdcf.language.rules.case import Case, Problem, Problems, each_container, rule
from fsdcf.language.rules.container import REPOSITORY
from fsdcf.links import CONTAINER_ORDER

_DEFINITION = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html"

_RESERVED = ("ecs-service-connect-", "aws-guardduty-agent-")
"""How the names of containers begin that AWS adds to tasks.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html and
https://docs.aws.amazon.com/guardduty/latest/ug/how-runtime-monitoring-works-ecs-fargate.html"""

_MOST_CONTAINERS = 10
"""Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""


def _sidecars(case: Case) -> Iterator[tuple[SpecPath, Sidecar]]:
    for index, sidecar in enumerate(case.service.sidecars):
        yield ("service", "sidecars", index), sidecar


def _added(spec: Spec) -> Mapping[str, str]:
    """The containers that fsdcf adds to the task, by name, with the key that asks for them."""
    telemetry = spec.service.observability
    collects = any(one is not None and one.enabled for one in (telemetry.metrics, telemetry.traces))
    routes = telemetry.logs.enabled and telemetry.logs.driver == "awsfirelens"
    return {
        **({COLLECTOR: "service.observability"} if collects else {}),
        **({ROUTER: "service.observability.logs.driver"} if routes else {}),
    }


@rule("S500", "a name of a container that is taken")
def container_names(case: Case) -> Problems:
    """The names of the containers of a task differ. The service's own has the name of the service, and `main` stands
    for it; `otel-collector` and `log-router` are those that fsdcf adds, and AWS adds some whose names begin with
    `ecs-service-connect-` and `aws-guardduty-agent-`. A task has at most ten containers."""
    own = case.spec.metadata.name
    taken = {own: "the container of the service", MAIN: "the container of the service"}
    taken |= {COLLECTOR: "the collector of metrics and traces", ROUTER: "the router of logs"}
    for path, sidecar in _sidecars(case):
        name = sidecar.name
        reserved = next((one for one in _RESERVED if name.startswith(one)), None)
        if name in taken:
            yield Problem((*path, "name"), f"`{name}` is the name of {taken[name]}", "choose another name")
        elif reserved:
            message = f"names that begin with `{reserved}` belong to containers that AWS adds"
            yield Problem((*path, "name"), message, "choose another name")
        taken.setdefault(name, "another sidecar")
    if own == ROUTER and ROUTER in _added(case.spec):
        hint = "choose another name, or the log driver awslogs"
        yield Problem("metadata.name", f"the router's container is named `{ROUTER}` too", hint)
    count = 1 + len(case.service.sidecars) + len(_added(case.spec))
    if count > _MOST_CONTAINERS:
        message = f"a task of {count} containers; ECS accepts at most {_MOST_CONTAINERS}"
        yield Problem("service.sidecars", message, "run what belongs together in one container", key=True)


_VERSION = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?@(sha256:[A-Fa-f0-9]{64})?")
"""A tag and a digest, each of which may be missing."""


@rule(
    "S501",
    "an image of a sidecar without a tag or digest",
    _DEFINITION,
)
def sidecar_images(case: Case) -> Problems:
    """`image` of a sidecar names a version, by its tag or digest: the parameter ImageSha selects only the image of the
    service. A sidecar without `image` has that of the service, and its credentials."""
    for path, image in _images(case):
        repository, tag, digest = parts_of_image(sample(image))
        if not REPOSITORY.fullmatch(repository) or not _VERSION.fullmatch(f"{tag}@{digest}"):
            yield Problem(path, f"`{image}` is not an image", "write an image such as public.ecr.aws/nginx/nginx:1.29")
        elif len(sample(image)) > LONGEST_IMAGE and not digest:
            message = f"an image has at most {LONGEST_IMAGE} characters, its tag among them"
            yield Problem(path, message, "use the digest in place of the tag, or a shorter repository")
        elif not (tag or digest):
            yield Problem(path, "the image has neither a tag nor a digest", f"write `{image}:` and its version")
    for path, sidecar in _sidecars(case):
        if sidecar.image is None and sidecar.image_credentials is not None:
            message = "without `image` the container has the image and the credentials of the service"
            yield Problem((*path, "imageCredentials"), message, "leave it out, or write `image`", key=True)


def _images(case: Case) -> Iterator[tuple[SpecPath, String]]:
    """The images beside that of the service that the spec names."""
    for path, sidecar in _sidecars(case):
        if sidecar.image is not None:
            yield (*path, "image"), sidecar.image
    if (image := case.service.observability.logs.router.image) is not None:
        yield ("service", "observability", "logs", "router", "image"), image


@rule(
    "W173",
    "an image of a sidecar that moves",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-considerations.html",
)
def moving_images(case: Case) -> Problems:
    """The tag `latest` names another image after each release of it: two tasks of one deployment may then differ, and a
    rollback of the service does not bring the earlier image back."""
    for path, image in _images(case):
        _, tag, digest = parts_of_image(sample(image))
        if tag == "latest" and not digest:
            hint = "write the tag of a version, or the digest"
            yield Problem(path, "the tag `latest` names another image later", hint)


@rule("S502", "a container to wait for that does not exist", CONTAINER_ORDER)
@each_container
def awaited_containers(case: Case, at: SpecPath, container: Container) -> Problems:
    """`dependsOn` names containers of the same task: sidecars, `main` for that of the service, and those that fsdcf
    adds, `otel-collector` and `log-router`."""
    own = MAIN if at == MAIN_PATH else getattr(container, "name", "")
    known = [MAIN, *(one.name for _, one in _sidecars(case)), *_added(case.spec)]
    for name in container.depends_on:
        path = (*at, "dependsOn", name)
        if name == own or (at == MAIN_PATH and name == case.spec.metadata.name):
            yield Problem(path, "a container cannot wait for itself", "leave it out", key=True)
        elif name == case.spec.metadata.name:
            yield Problem(path, "the container of the service is named `main` here", "write `main`", key=True)
        elif name not in known:
            others = [one for one in known if one != own]
            close = similar(name, others)
            hint = f"did you mean `{close}`?" if close else f"containers: {joined(others, 'and')}" if others else ""
            yield Problem(path, f"the task has no container `{name}`", hint or "add it to service.sidecars", key=True)


@rule("S503", "containers that wait for each other", CONTAINER_ORDER)
def circular_order(case: Case) -> Problems:
    """ECS starts a container after those that it waits for. Containers that wait for each other in a circle never
    start, and ECS refuses them."""
    waits = {_local(path, one): list(one.depends_on) for path, one in case.service.containers}
    paths = {_local(path, one): path for path, one in case.service.containers}
    reported: set[str] = set()
    for name in waits:
        circle = _circle(name, waits)
        if circle and not reported & set(circle):
            reported |= set(circle)
            path = (*paths[name], "dependsOn", circle[1])
            message = f"the containers wait for each other: {' → '.join(circle)}"
            yield Problem(path, message, "let one of them start first", key=True)


def _local(path: SpecPath, container: Container) -> str:
    """The name of a container as `dependsOn` has it."""
    return MAIN if path == MAIN_PATH else getattr(container, "name", "")


def _circle(start: str, waits: Mapping[str, Sequence[str]]) -> list[str]:
    """The way from a container back to itself; empty without one."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop()
        for name in waits.get(way[-1], ()):
            if name == start and len(way) > 1:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


@rule("S504", "a state that a container never reaches", CONTAINER_ORDER)
@each_container
def unreachable_states(case: Case, at: SpecPath, container: Container) -> Problems:
    """A container is HEALTHY once its health check succeeds, so it needs one. COMPLETE and SUCCESS mean that it has
    ended, which stops the task if it is essential: a sidecar that prepares the task has `essential: false`. FireLens
    needs a router that runs."""
    described = {_local(path, one): (path, one) for path, one in case.service.containers}
    for name, condition in container.depends_on.items():
        path = (*at, "dependsOn", name)
        if name in _added(case.spec) and condition != "START":
            ends = "never ends" if condition in ("COMPLETE", "SUCCESS") else "has no health check"
            yield Problem(path, f"`{name}` {ends}", "write START")
        if name not in described:
            continue
        where, other = described[name]
        key = "healthCheck.container" if where == MAIN_PATH else "healthCheck"
        if condition == "HEALTHY" and other.check is None:
            hint = f"add {key}{'' if where == MAIN_PATH else f' to `{name}`'}, or wait for START"
            yield Problem(path, f"`{name}` has no health check, so that it never becomes healthy", hint)
        elif condition in ("COMPLETE", "SUCCESS") and not other.can_end:
            hint = "wait for START or HEALTHY" if where == MAIN_PATH else f"write `essential: false` for `{name}`"
            yield Problem(path, f"`{name}` is essential: the task stops when it ends", hint)


@rule("S505", "a port that two containers take")
def taken_ports(case: Case) -> Problems:
    """The containers of a task share one network address, so that only one of them can listen on a port."""
    taken: dict[int, str] = {}
    if ROUTER in _added(case.spec):
        taken[ROUTER_PORT] = "the router of logs"
    for path, container in case.service.containers:
        port = container.port
        if port is None:
            continue
        if port in taken:
            message = f"{taken[port]} listens on {port}, too, and the containers of a task share one address"
            yield Problem((*path, "port"), message, "choose another port")
        own = "the service" if path == MAIN_PATH else f"`{_local(path, container)}`"
        taken.setdefault(port, own)


@rule(
    "S506",
    "containers that do not fit into the task",
    _DEFINITION,
)
def container_sizes(case: Case) -> Problems:
    """What is reserved for sidecars is a part of `resources.cpu` and `resources.memory`, and leaves some for the
    container of the service. For memory, a reservation counts, or else the limit. A limit is above its reservation."""
    cpu = memory = 0
    if ROUTER in _added(case.spec):
        memory += ROUTER_RESERVATION
    size = case.service.resources
    for path, sidecar in _sidecars(case):
        limit, reserved = sidecar.memory, sidecar.memory_reservation
        if limit is not None and reserved is not None and limit <= reserved:
            message = f"the limit of {limit} MiB is not above the reservation of {reserved} MiB"
            yield Problem((*path, "memory"), message, "raise memory, or lower memoryReservation")
        if limit is not None and limit > size.memory:
            message = f"{limit} MiB are more than the task has: {size.memory} MiB"
            yield Problem((*path, "memory"), message, "lower it, or raise resources.memory")
        cpu, memory = cpu + (sidecar.cpu or 0), memory + (reserved or limit or 0)
        if cpu >= size.cpu > cpu - (sidecar.cpu or 0):
            message = f"the sidecars take {cpu} CPU units, and the task has {size.cpu}"
            yield Problem((*path, "cpu"), message, "lower it, or raise resources.cpu")
        if memory >= size.memory > memory - (reserved or limit or 0):
            key = "memory" if reserved is None else "memoryReservation"
            message = f"the sidecars take {memory} MiB, and the task has {size.memory}"
            yield Problem((*path, key), message, "lower it, or raise resources.memory")


@rule("S507", "a mount of a volume that does not exist")
def mounted_volumes(case: Case) -> Problems:
    """A sidecar mounts the volumes of the task, which are in `service.volumes`, and the aws_efs_file_system
    dependencies, by their names."""
    known = [*(volume.name for volume in case.service.volumes), *file_systems(case.spec)]
    for path, sidecar in _sidecars(case):
        for index, mount in enumerate(sidecar.mounts):
            if mount.volume not in known:
                close = similar(mount.volume, known)
                volume = f"{{name: {mount.volume}, mountPath: {mount.path}}}"
                hint = f"did you mean `{close}`?" if close else f"add `{volume}` to service.volumes"
                yield Problem((*path, "mounts", index, "volume"), f"the task has no volume `{mount.volume}`", hint)


@rule("S508", "requests to a container that does not exist or has no port")
def entry_container(case: Case) -> Problems:
    """`networking.loadBalancer.container` names the sidecar with a port that the requests go to, or `main`, the
    container of the service."""
    named, path = case.service.networking.balancer.container, "service.networking.loadBalancer.container"
    if named is None:
        return
    sidecars = {one.name: one for _, one in _sidecars(case)}
    if named == MAIN:
        if case.service.port is None:
            yield Problem(path, "the container of the service has no port", "add service.port")
    elif named not in sidecars:
        own = named == case.spec.metadata.name
        known = [MAIN, *sidecars]
        close = MAIN if own else similar(named, known)
        hint = f"did you mean `{close}`?" if close else f"containers: {joined(known, 'and')}"
        yield Problem(path, f"the task has no container `{named}`", hint)
    elif sidecars[named].port is None:
        yield Problem(path, f"`{named}` has no port", f"add `port` to `{named}`")


@rule(
    "S509",
    "options that a log driver does not have or lacks",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_firelens.html",
)
def log_options(case: Case) -> Problems:
    """awslogs needs no options. splunk needs `splunk-url` and `splunk-token`, the latter as a secret option. FireLens
    needs options with the `Name` of an output of Fluent Bit, or files with the configuration of the router."""
    logs, at = case.service.observability.logs, "service.observability.logs"
    secret = {option.name for option in logs.secret_options}
    if logs.driver == "awslogs" or not logs.enabled:
        reason = "logs are off" if not logs.enabled else "the driver awslogs takes its options from other keys"
        for key in ("options", "secretOptions", "router"):
            if case.wrote(f"{at}.{key}"):
                hint = "leave it out" if not logs.enabled else "leave it out, or write `driver: awsfirelens`"
                yield Problem(f"{at}.{key}", reason, hint, key=True)
        return
    for index, option in enumerate(logs.secret_options):
        if option.name in logs.options:
            path: SpecPath = (*at.split("."), "secretOptions", index, "name")
            yield Problem(path, f"`{option.name}` is also in `options`", "keep one of them")
    if logs.driver == "splunk":
        missing = [name for name in ("splunk-url", "splunk-token") if name not in {*logs.options, *secret}]
        if missing:
            hint = "add `options: {splunk-url: https://…}` and `secretOptions: [{name: splunk-token, valueFrom: …}]`"
            yield Problem(f"{at}.driver", f"the driver splunk needs {joined(missing, 'and')}", hint)
        if case.wrote(f"{at}.router"):
            yield Problem(f"{at}.router", "only FireLens has a router", "leave it out", key=True)
    elif "Name" not in logs.options and not logs.router.configuration:
        hint = "add `options: {Name: cloudwatch_logs, …}`, or `router: {configuration: [ARN of a file in S3]}`"
        yield Problem(f"{at}.driver", "FireLens does not know where to send the output", hint)


@rule(
    "S510",
    "a container that is started again and never ends",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html",
)
@each_container
def endless_restarts(case: Case, at: SpecPath, container: Container) -> Problems:
    """The run of a job is over when its container ends, and a container may wait for the end of another one. With a
    restart policy it is started again after every exit code but the `ignoredExitCodes`: 0 must be one of them."""
    policy = container.restart_policy
    if not _restarts_success(policy):
        return
    name, path = _local(at, container), (*at, "restartPolicy")
    waiting = [
        _local(where, other)
        for where, other in case.service.containers
        if other.depends_on.get(name) in ("COMPLETE", "SUCCESS")
    ]
    hint = "write `ignoredExitCodes: [0]`"
    if at == MAIN_PATH and case.kind == "Job":
        yield Problem(path, "the job would start again when it has succeeded", hint, key=True)
    elif waiting:
        yield Problem(path, f"`{waiting[0]}` waits for its end, and it would be started again", hint, key=True)


def _restarts_success(policy: RestartPolicy | None) -> bool:
    return policy is not None and policy.enabled and 0 not in policy.ignored_exit_codes
