"""Practice that is legal but unwise: W codes, which never stop a compilation unless --strict."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fsdcf.diagnostics import Diagnostic, Rule, Severity, SpecPath
from fsdcf.language.blind import said
from fsdcf.language.dependency import SqliteFile, mount_of, mounted
from fsdcf.language.placeholders import Attribute, Known, SecretRef, String, Text, parts_of, sample
from fsdcf.language.rules.case import Case
from fsdcf.language.rules.tasks import single_writers
from fsdcf.masking import contains_secret, is_secret_name


def _advice(code: str, title: str, explanation: str, source: str = "", conceal: bool = False) -> Rule:
    return Rule(code, title, explanation, source, Severity.WARNING, conceal)


NO_CONTAINER_CHECK = _advice(
    "W101",
    "no container health check",
    "ECS ignores a HEALTHCHECK in the image: only the task definition's counts. Without one, a process that hangs is found by the "
    "load balancer alone, and in a worker by nobody.",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html",
)
ONE_TASK = _advice(
    "W102", "one task in prod", "With one task every replacement, and every failure of a zone, is an outage."
)
NO_SCALING = _advice(
    "W103",
    "no auto scaling in prod",
    "A fixed number of tasks is too many at night and too few on the day that counts.",
)
NO_OWNER = _advice(
    "W104",
    "no owner",
    "Who answers for the service? The owners become a tag, and whoever finds the bill or the alarm can ask.",
)
WILDCARD = _advice(
    "W105",
    "a wildcard in a statement",
    "`*` in actions or resources gives more than the service needs, and nobody notices when it is used.",
)
PLAIN_SECRET = _advice(
    "W106",
    "a plain value that looks like a secret",
    "Values of `environment` stand in plain text in the template, in the task definition and in the console. Use `secrets`, or "
    "${secrets:path} and ${ssm:/path}.",
    conceal=True,
)
SHARED_NAME = _advice(
    "W107",
    "a managed name without ${ENV}",
    "The name is physical. Two environments in one account would want the same resource, and the second deploy would fail.",
)
LOST_DATABASE = _advice(
    "W108",
    "SQLite outside a mount",
    "A container's disk is lost with its task. A data base that may be lost says so with `ephemeral: true`.",
)
PUBLIC_TASKS = _advice(
    "W109",
    "tasks with public addresses",
    "The tasks stand in public subnets; only their security group keeps the internet away. It saves the NAT gateway.",
)
SHARED_COUNT = _advice(
    "W110",
    "a count that auto scaling overrules",
    "With `autoScaling` the desired count is left out of the template, so that a deploy keeps the scaled count.",
)
IDLE_KEY = _advice(
    "W111",
    "a key that has no effect here",
    "The dependency exists already: the stack gives access to it and makes nothing, so a key that says how it is made is ignored. "
    "Whoever made it has the say.",
)
PLAIN_HTTP = _advice(
    "W112",
    "requests from the internet without TLS in prod",
    "Without a certificate the load balancer answers HTTP alone: what goes over the internet, passwords and cookies among it, can be "
    "read and changed on the way. With one, HTTP is redirected to HTTPS.",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/create-https-listener.html",
)
FROM_NOTHING = _advice(
    "W113",
    "scaling that does not come back from nothing",
    "Without a task there is no CPU and no memory to measure, and target tracking does not scale where its metric has no data: a service "
    "that was scaled to none stays there, until somebody starts a task.",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html",
)
RULES = (
    NO_CONTAINER_CHECK,
    ONE_TASK,
    NO_SCALING,
    NO_OWNER,
    WILDCARD,
    PLAIN_SECRET,
    SHARED_NAME,
    LOST_DATABASE,
    PUBLIC_TASKS,
    SHARED_COUNT,
    IDLE_KEY,
    PLAIN_HTTP,
    FROM_NOTHING,
)

PRODUCTION = ("prod", "production")
_HARMLESS_NAME = re.compile(
    r"_(NAME|ARN|ID|PATH|FILE|URL|URI|TTL|HEADER|EXPIRY|EXPIRES|LENGTH|TYPE|ENABLED|ISSUER|REGION|MODE|METHOD|PROVIDER|HOST)$",
    re.I,
)


def advise(case: Case) -> list[Diagnostic]:
    """All advice for a spec."""
    return [finding for check in CHECKS for finding in said(check(case))]


def container_check(case: Case) -> Iterator[Diagnostic]:
    if case.spec.service.health_check.container is None:
        hint = "add healthCheck.container.command, or name the Dockerfile in build.dockerfile to carry its HEALTHCHECK over"
        at: SpecPath = ("service", "healthCheck") if case.wrote("service.healthCheck") else ("service",)
        yield case.at(NO_CONTAINER_CHECK, at, "the container has no health check of its own", hint, key=True)


def production(case: Case) -> Iterator[Diagnostic]:
    if case.environment not in PRODUCTION:
        return
    service = case.spec.service
    auto = service.auto_scaling
    single = bool(single_writers(case))
    count = 1 if single else 2 if service.resources.desired_count is None else service.resources.desired_count
    if auto is None and not single:
        yield case.at(
            NO_SCALING,
            "service",
            f"no auto scaling in {case.environment}",
            "add autoScaling with minCount and maxCount",
            key=True,
        )
    if auto is None and count <= 1:
        hint = "SQLite has one writer: two tasks need another store, such as DynamoDB" if single else "run two at least"
        yield case.at(ONE_TASK, "service.resources.desiredCount", f"one task in {case.environment}", hint, key=True)
    elif auto is not None and auto.min_count <= 1:
        yield case.at(
            ONE_TASK,
            "service.autoScaling.minCount",
            f"as few as one task in {case.environment}",
            "set minCount to 2 at least",
            key=True,
        )


def plain_http(case: Case) -> Iterator[Diagnostic]:
    balancer = case.spec.service.networking.load_balancer
    if (
        case.environment not in PRODUCTION
        or case.spec.service.port is None
        or balancer.internal
        or balancer.certificate_arn
    ):
        return
    hint = "add networking.loadBalancer.certificateArn, or make it `internal: true`"
    at = "service.networking.loadBalancer" if case.wrote("service.networking.loadBalancer") else "service.port"
    yield case.at(PLAIN_HTTP, at, f"requests from the internet come without TLS in {case.environment}", hint, key=True)


def owner(case: Case) -> Iterator[Diagnostic]:
    if not case.spec.metadata.owners:
        yield case.at(NO_OWNER, "metadata", "the service has no owner", "add `owners: team-name`", key=True)


def wildcards(case: Case) -> Iterator[Diagnostic]:
    for role, found in (("taskRole", case.spec.service.task_role), ("executionRole", case.spec.service.execution_role)):
        for number, statement in enumerate(found.statements):
            if statement.effect != "Allow":
                continue
            root = ("service", role, "statements", number)
            for index, action in enumerate(statement.actions):
                if action == "*" or action.endswith(":*"):
                    yield case.at(
                        WILDCARD,
                        (*root, "actions", index),
                        f"`{action}` allows more than the service needs",
                        "name the actions",
                    )
            for index, resource in enumerate(statement.resources):
                if sample(resource) == "*":
                    yield case.at(
                        WILDCARD,
                        (*root, "resources", index),
                        "`*` is every resource of the account",
                        "name the resources",
                    )


def plain_secrets(case: Case) -> Iterator[Diagnostic]:
    for name, written in case.spec.service.environment.items():
        text = sample(written)
        named = is_secret_name(name) and not _HARMLESS_NAME.search(name) and len(text) >= 6 and not text.isdigit()
        if secretive(written) or not (named or contains_secret(text)):
            continue
        hint = f"store it, and write `{name}: ${{secrets:path}}`"
        yield case.at(
            PLAIN_SECRET, ("service", "environment", name), f"the value of `{name}` looks like a secret", hint, key=True
        )


def secretive(written: String) -> bool:
    """Whether a value is read from a store, or from a dependency, instead of written down."""
    return isinstance(written, Text) and any(isinstance(part, (SecretRef, Attribute)) for part in written.parts)


def shared_names(case: Case) -> Iterator[Diagnostic]:
    for path, dependency, kind in case.dependencies():
        if not kind.physical_name or not kind.managed(dependency) or _has_environment(dependency.name):
            continue
        hint = f"write `${{ENV}}-{sample(dependency.name)}`"
        yield case.at(
            SHARED_NAME, (*path, "name"), f"`{sample(dependency.name)}` is the same in every environment", hint
        )


def _has_environment(name: String) -> bool:
    return any(isinstance(part, Known) and part.name == "ENV" for part in parts_of(name))


def lost_database(case: Case) -> Iterator[Diagnostic]:
    mounts = mounted(case.spec)
    kept = [one.path for one in mounts if one.network]
    for path, database in case.having(SqliteFile):
        file = database.path
        if not file or database.ephemeral:
            continue
        place = mount_of(file, mounts)
        if place is None or not place.network:
            hint = f"put it below {kept[0]}" if kept else "add an aws_efs_file_system dependency, or `ephemeral: true`"
            yield case.at(LOST_DATABASE, (*path, "path"), f"`{file}` is lost when the task stops", hint)


def public_tasks(case: Case) -> Iterator[Diagnostic]:
    if case.spec.service.networking.assign_public_ip:
        yield case.at(
            PUBLIC_TASKS,
            "service.networking.assignPublicIp",
            "the tasks have public addresses",
            "leave it out to run them in private subnets",
        )


def shared_count(case: Case) -> Iterator[Diagnostic]:
    if case.spec.service.auto_scaling is not None and case.wrote("service.resources.desiredCount"):
        hint = "leave it out; autoScaling.minCount is the least"
        yield case.at(
            SHARED_COUNT, "service.resources.desiredCount", "auto scaling sets the number of tasks", hint, key=True
        )


def from_nothing(case: Case) -> Iterator[Diagnostic]:
    auto = case.spec.service.auto_scaling
    if auto is not None and auto.min_count == 0:
        at = "service.autoScaling.minCount"
        yield case.at(FROM_NOTHING, at, "with no task there is nothing to scale by", "set minCount to 1 at least")


def idle_keys(case: Case) -> Iterator[Diagnostic]:
    for path, dependency, kind in case.dependencies():
        if kind.managed(dependency):
            continue
        for key in kind.managed_keys:
            if case.document.has((*path, key)):
                message = f"`{key}` has no effect on what exists already"
                yield case.at(
                    IDLE_KEY, (*path, key), message, "leave it out: the stack does not make this one", key=True
                )


CHECKS = (
    *(container_check, production, plain_http, owner, wildcards, plain_secrets, shared_names),
    *(lost_database, public_tasks, shared_count, from_nothing, idle_keys),
)
