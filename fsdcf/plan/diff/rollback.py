"""Rollback safety: rules for changes that a rollback does not undo together with the image, each with a way to avoid
them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import cleandoc
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.compare import canonical
from fsdcf.cloudformation.facts import custom_name
from fsdcf.cloudformation.iam import matches
from fsdcf.cloudformation.planned import (
    PlannedResource,
    PlannedStack,
    items,
    items_by,
    mapping,
    target_of,
    text_of,
    whole_number,
)
from fsdcf.cloudformation.risk import Risk, stays
from fsdcf.cloudformation.types import record_of
from fsdcf.cloudformation.types.dynamodb import TABLE
from fsdcf.cloudformation.types.ec2 import SECURITY_GROUP, SECURITY_GROUP_EGRESS, VPC_ENDPOINT, default_routes
from fsdcf.cloudformation.types.ecs import SERVICE, TASK_DEFINITION, moved_paths, network_of
from fsdcf.cloudformation.types.elasticloadbalancingv2 import (
    LISTENER,
    LOAD_BALANCER,
    TARGET_GROUP,
    forwards_of,
    groups_of,
    subnets_of,
)
from fsdcf.plan.access import Access, access, shortened
from fsdcf.plan.diff import causes, tasks
from fsdcf.plan.diff.sides import Sides
from fsdcf.plan.diff.tasks import ContainerPair, PropertyPlace

When = Literal["rollout", "CloudFormation rollback", "fsdcf rollback"]
ROLLOUT: When = "rollout"
CLOUDFORMATION: When = "CloudFormation rollback"
FSDCF: When = "fsdcf rollback"


@dataclass(frozen=True)
class Unsafe:
    """A change that a rollback does not undo together with the image: what happens to the resource, why that is unsafe,
    the property, during which rollbacks, and how to avoid it.

    ``what`` and ``why`` are clauses without a full stop. ``place`` is the property, in the old template if it is gone.
    A check leaves the rule out; its ``when`` narrows the rule's rollbacks, ``subject`` replaces ``{it}`` in the rule's
    steps, and ``way_out`` all of them.
    """

    what: str
    why: str
    place: PropertyPlace
    when: tuple[When, ...] = ()
    subject: str = "it"
    way_out: str = ""
    rule: str = ""

    @property
    def logical_id(self) -> str:
        """The resource that changes."""
        return self.place.logical_id


@dataclass(frozen=True)
class ReleaseChange:
    """The change that the rules check: both stacks, the changes by logical ID, the data at risk, and the containers."""

    old: PlannedStack
    new: PlannedStack
    changes: Mapping[str, Change]
    risks: Sequence[Risk]
    containers: tuple[ContainerPair, ...]

    def in_place(self, logical_id: str) -> bool:
        """Whether a resource is updated in place, so that the change affects the old tasks at once."""
        change = self.changes.get(logical_id)
        return change is not None and change.action == "Modify" and stays(change)

    def is_replaced(self, logical_id: str) -> bool:
        """Whether a resource is certainly replaced."""
        change = self.changes.get(logical_id)
        return change is not None and change.replacement == "True"

    @property
    def lost(self) -> set[str]:
        """The resources with data that leave the stack."""
        return {risk.logical_id for risk in self.risks if risk.kind in ("deleted", "left behind")}

    def both(self, type: str) -> Iterator[tuple[PlannedResource, PlannedResource]]:
        """The resources of a type that both stacks have."""
        return self.old.both(self.new, type)


Check = Callable[[ReleaseChange], Iterator[Unsafe]]


@dataclass(frozen=True)
class SafetyRule:
    """A rule of rollback safety. ``id`` is public; ``explanation`` is the docstring of the check.

    ``when`` are the rollbacks during which a violation does harm. ``way_out`` are two steps that avoid it, a clause
    without a full stop in which ``{it}`` is what is lost.
    """

    id: str
    explanation: str
    when: tuple[When, ...]
    way_out: str
    check: Check

    def steps(self, subject: str = "it") -> str:
        """The two steps that avoid a violation."""
        return self.way_out.replace("{it}", subject)


RULES: list[SafetyRule] = []
"""Every rule, in the order in which violations are shown: those that cost data or availability come first."""


def rule(id: str, way_out: str, *when: When) -> Callable[[Check], Check]:
    """Register a check as a rule; its docstring explains the rule."""

    def register(check: Check) -> Check:
        RULES.append(SafetyRule(id, cleandoc(check.__doc__ or "").replace("\n", " "), when, way_out, check))
        return check

    return register


def release_change(changes: Sequence[Change], risks: Sequence[Risk], sides: Sides) -> ReleaseChange:
    """What the rules of rollback safety and of side effects check."""
    containers = tuple(tasks.container_pairs(sides.old, sides.new))
    return ReleaseChange(sides.old, sides.new, causes.by_id(changes), risks, containers)


def unsafe(release: ReleaseChange) -> tuple[Unsafe, ...]:
    """The violations of all rules, in the order of the rules; none for a first deploy, which has no release to go back
    to. A sidecar with an image of its own keeps that when the service goes back to an earlier one.
    """
    release = replace(release, containers=tuple(pair for pair in release.containers if pair.is_released))
    return tuple(
        replace(one, rule=rule.id, when=one.when or rule.when, way_out=one.way_out or rule.steps(one.subject))
        for rule in RULES
        for one in rule.check(release)
    )


REPLACED_STORE = (
    "1. add the new one next to it under another name, copy the data, and deploy an image that uses it; "
    "2. remove the old one"
)
"""The steps for a data store that is replaced."""


@rule(
    "store-removed",
    "1. deploy an image that does not use it while the spec still contains it; 2. remove it from the spec",
    CLOUDFORMATION,
    FSDCF,
)
def stores(release: ReleaseChange) -> Iterator[Unsafe]:
    """A table, bucket, queue or file system that the old image uses is deleted, left behind or replaced."""
    for risk in release.risks:
        name = risk.logical_id
        data = record_of(risk.type).data
        if data is None or not data.used_by_tasks or risk.kind == "out of reach":
            continue  # the permission that the tasks lose has a violation of its own
        if risk.kind == "replaced":
            change = release.changes.get(name)
            what = "is replaced" if change is not None and change.replacement == "True" else "may be replaced"
            why = (
                "the old image would find it empty; CloudFormation's rollback loses what new tasks wrote to the new one"
            )
            yield Unsafe(what, why, PropertyPlace(name, ()), way_out=REPLACED_STORE)
        elif not _is_handed_over(release, risk):
            deleted = risk.kind == "deleted"
            why = "the old image would not find it" if deleted else "the old image may not reach it outside the stack"
            yield Unsafe(f"is {risk.kind}", why, PropertyPlace(name, (), gone=True), (FSDCF,))


def _is_handed_over(release: ReleaseChange, risk: Risk) -> bool:
    """Whether a store stays in the account and the tasks keep its name in the same variables, and their permissions for
    it.
    """
    store = release.old.resources.get(risk.logical_id)
    key = custom_name(risk.type, store.properties) if store is not None else None
    if store is None or key is None or risk.kind != "left behind":
        return False
    name = store.properties[key]
    kept = []
    for pair in release.containers:
        after = items_by(pair.after.get("Environment"), "Name")
        for variable, entry in items_by(pair.before.get("Environment"), "Name").items():
            if target_of(entry.get("Value")) == risk.logical_id:
                kept.append(canonical(mapping(after.get(variable)).get("Value")) == canonical(name))
    whole_name = re.compile(rf"(?<![\w.-]){re.escape(text_of(name))}(?![\w.-])")
    old, new = ([row for row in access(stack) if row.effect == "Allow"] for stack in (release.old, release.new))
    before = {action for row in old if risk.logical_id in row.targets for action in row.actions}
    now = {action for row in new if any(map(whole_name.search, row.resources)) for action in row.actions}
    return bool(kept) and all(kept) and before <= now


@rule(
    "index-removed",
    "1. deploy an image that does not query it while it exists; 2. remove it",
    ROLLOUT,
    CLOUDFORMATION,
    FSDCF,
)
def indexes(release: ReleaseChange) -> Iterator[Unsafe]:
    """An index that the old image may query is deleted before the new image serves."""
    for was, now in release.both(TABLE):
        if not release.in_place(was.name):
            continue
        before, after = (items_by(one.get("GlobalSecondaryIndexes"), "IndexName") for one in (was, now))
        for name in before:
            if name not in after:
                why = (
                    "queries of the old release fail as soon as it is deleted; "
                    "CloudFormation's rollback has to build it again"
                )
                place = PropertyPlace(was.name, ("GlobalSecondaryIndexes",), gone=True)
                yield Unsafe(f"loses the index {name}", why, place)


@rule(
    "stream-removed",
    "1. deploy an image that does not read it while it is on; 2. change it",
    ROLLOUT,
    CLOUDFORMATION,
    FSDCF,
)
def streams(release: ReleaseChange) -> Iterator[Unsafe]:
    """The stream of a table that the old image may read is switched off or replaced."""
    for was, now in release.both(TABLE):
        before, after = (one.mapping("StreamSpecification").get("StreamViewType") for one in (was, now))
        if before and before != after and release.in_place(was.name):
            what = "replaces its stream" if after else "switches off its stream"
            why = "its readers get no further changes; a rollback makes a new stream, with another ARN"
            yield Unsafe(what, why, PropertyPlace(was.name, ("StreamSpecification",), gone=not after))


@rule("health-check-changed", "1. deploy an image that passes both checks; 2. change the check", ROLLOUT, FSDCF)
def load_balancer_checks(release: ReleaseChange) -> Iterator[Unsafe]:
    """The load balancer checks something that only the new image may answer, or answer in time."""
    for was, now in release.both(TARGET_GROUP):
        for key, name in (
            ("HealthCheckPath", "another path"),
            ("Matcher", "for other codes"),
            ("HealthCheckPort", "another port"),
            ("HealthCheckProtocol", "by another protocol"),
            ("HealthCheckTimeoutSeconds", "with less time to answer"),
        ):
            before, after = (text_of(_checked(group, key)) for group in (was, now))
            if before == after or (key == "Matcher" and _codes(was) <= _codes(now)):
                continue
            if key == "HealthCheckTimeoutSeconds" and _seconds(was) <= _seconds(now):
                continue
            at_once = release.in_place(was.name)
            why = "an old image that fails the new check gets no requests and is stopped"
            if at_once:
                why += "; it applies to the old tasks as soon as the target group changes, before the new ones serve"
            what = f"checks {name}: {before or 'the default'} -> {after or 'the default'}"
            yield Unsafe(what, why, PropertyPlace(was.name, (key,)), () if at_once else (FSDCF,))


def _checked(group: PlannedResource, key: str) -> object:
    value = group.get(key)
    codes = mapping(value) if key == "Matcher" else {}
    return codes.get("HttpCode") or codes.get("GrpcCode") if codes else value


def _seconds(group: PlannedResource) -> int:
    """The seconds in which a target must answer; 5 by default, as for HTTP."""
    return whole_number(group.get("HealthCheckTimeoutSeconds")) or 5


def _codes(group: PlannedResource) -> set[str]:
    """The status codes that count as healthy; ``200`` by default.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    codes: set[str] = set()
    for part in (text_of(_checked(group, "Matcher")) or "200").split(","):
        first, dash, last = part.strip().partition("-")
        is_range = dash and first.isdecimal() and last.isdecimal()
        codes |= {str(code) for code in range(int(first), min(int(last), 999) + 1)} if is_range else {part.strip()}
    return codes


@rule(
    "permission-removed",
    "1. deploy an image that does not need it while the role still has it; 2. remove it from the role",
    ROLLOUT,
    FSDCF,
)
def permissions(release: ReleaseChange) -> Iterator[Unsafe]:
    """A role loses a permission that the old image may need, or that its tasks need to start."""
    gone = release.lost
    for was, now in release.both(TASK_DEFINITION):
        for role in ("TaskRoleArn", "ExecutionRoleArn"):
            yield from _moved_permissions(release, was.target(role), role == "ExecutionRoleArn")
            for lost in _lost_permissions(was, now, release, role):
                if not lost.targets or not gone.issuperset(lost.targets):
                    yield from _permission_violation(release, lost, was, role == "ExecutionRoleArn")


def _moved_permissions(release: ReleaseChange, role: str | None, starts: bool) -> Iterator[Unsafe]:
    """The policies of a role that are changed in place, before the service, to a resource that replaces another one.

    A replaced store has a violation of its own.
    """
    if role not in release.old.resources:
        return
    rows = [row for row in access(release.old) if row.kind == "identity" and role in row.principals]
    for holder in dict.fromkeys(row.holder for row in rows if release.in_place(row.holder)):
        for name in dict.fromkeys(map(causes.target_of, release.changes[holder].details)):
            if name and release.is_replaced(name) and record_of(release.changes[name].type).data is None:
                what = f"allows {_role_name(starts)} only the {name} that replaces the old one"
                way_out = "1. deploy the new image; 2. make this change alone, with the same image"
                yield Unsafe(what, _lost_at_once(starts), PropertyPlace(holder, ()), (ROLLOUT,), way_out=way_out)


def _role_name(starts: bool) -> str:
    return "the execution role" if starts else "the task role"


def _lost_at_once(starts: bool) -> str:
    """Why a change in place of the execution role, which ``starts`` tasks, or of the task role is unsafe."""
    if starts:
        return "tasks of the old release can no longer start, also if ECS rolls back to it"
    return "the old image may need it; its tasks lose it as soon as the policy changes, before the new ones serve"


def _permission_violation(
    release: ReleaseChange, lost: Access, task: PlannedResource, starts: bool
) -> Iterator[Unsafe]:
    """A lost permission, of the execution role if it ``starts`` tasks.

    ``fsdcf rollback`` gives the execution role what the old template gives it, so only a rollout is at risk.
    """
    denied = lost.effect == "Deny"
    at_once = release.in_place(lost.holder) or denied
    if starts and not at_once:
        return
    actions = ", ".join(lost.actions[:3]) + (f" and {len(lost.actions) - 3} more" if len(lost.actions) > 3 else "")
    if lost.resources:
        actions += f" on {', '.join(map(shortened, lost.resources))}"
    role = _role_name(starts)
    what = f"denies {role} {actions}" if denied else f"takes {actions} from {role}"
    why = _lost_at_once(starts) if at_once else "the old image may need it"
    when: tuple[When, ...] = (ROLLOUT,) if starts else (ROLLOUT, FSDCF) if at_once else (FSDCF,)
    place = PropertyPlace(lost.holder or task.name, lost.path, gone=not denied)
    yield Unsafe(what, why, place, when)


def _lost_permissions(
    was: PlannedResource, now: PlannedResource, release: ReleaseChange, role: str
) -> Iterator[Access]:
    """What the role in the property ``role`` loses between two task definitions; nothing for a role from elsewhere.

    Each is the old row with the lost actions and resources, or a new row that denies something.
    """
    before, after = (task.target(role) for task in (was, now))
    if before not in release.old.resources:
        return
    if after not in release.new.resources:
        everything = ("all that the template allows",)
        yield Access("identity", "Allow", (), everything, (), (), (), "", "", before or "", ())
        return
    given = [row for row in access(release.new) if row.kind == "identity" and after in row.principals]
    had = [row for row in access(release.old) if before in row.principals]
    allowed = [row for row in given if row.effect == "Allow"]
    for row in had:
        if row.kind == "identity" and row.effect == "Allow" and row.levels != ("open sessions",):  # no image needs them
            lost = [
                (action, resource)
                for action in row.actions
                for resource in row.resources
                if not any(_allows(other, action, resource, row) for other in allowed)
            ]
            if lost:
                actions, resources = map(set, zip(*lost, strict=True))
                yield replace(
                    row,
                    actions=tuple(action for action in row.actions if action in actions),
                    resources=tuple(resource for resource in row.resources if resource in resources),
                )
    was_denied = {_identity(row) for row in had if row.effect == "Deny"}
    yield from (row for row in given if row.effect == "Deny" and _identity(row) not in was_denied)


def _allows(new: Access, action: str, resource: str, old: Access) -> bool:
    """Whether a new statement allows what an old one did.

    Statements with exceptions (NotAction) are compared as a whole.
    """
    if new.except_actions or new.except_resources or old.except_actions or old.except_resources:
        return _identity(new) == _identity(old)
    if not set(new.conditions) <= set(old.conditions):
        return False
    return any(matches(pattern.lower(), action.lower()) for pattern in new.actions) and any(
        pattern == resource or matches(pattern, resource) for pattern in new.resources
    )


def _identity(row: Access) -> tuple[object, ...]:
    return row.actions, row.resources, row.conditions, row.except_actions, row.except_resources


@rule(
    "variable-removed",
    "1. deploy an image that does not need {it} while the spec still sets it; 2. remove it from the spec",
    FSDCF,
)
def variables(release: ReleaseChange) -> Iterator[Unsafe]:
    """An environment variable that the old image may read is removed."""
    yield from _removed_variables(release, "Environment", "no longer sets")


@rule(
    "secret-removed",
    "1. deploy an image that does not need {it} while the spec still sets it; 2. remove it from the spec",
    FSDCF,
)
def secrets(release: ReleaseChange) -> Iterator[Unsafe]:
    """A secret that the old image may read is removed."""
    yield from _removed_variables(release, "Secrets", "no longer passes the secret")


def _removed_variables(release: ReleaseChange, key: str, effect: str) -> Iterator[Unsafe]:
    """A violation for each variable that neither Environment nor Secrets sets any more.

    A variable that names a store which leaves the stack is left out: the violation for the store covers it.
    """
    lost = release.lost
    for pair in release.containers:
        kept = {name for both in ("Environment", "Secrets") for name in items_by(pair.after.get(both), "Name")}
        for name, entry in items_by(pair.before.get(key), "Name").items():
            if name not in kept and target_of(entry.get("Value")) not in lost:
                place = pair.place(key, name, gone=True)
                yield Unsafe(f"{effect} {name}", "the old image would start without it", place, subject=name)


@rule(
    "volume-removed",
    "1. deploy an image that does not need {it} while it is still mounted; 2. change the volume",
    CLOUDFORMATION,
    FSDCF,
)
def volumes(release: ReleaseChange) -> Iterator[Unsafe]:
    """A path where the old image may find files is no longer mounted, or shows another volume or directory."""
    for pair in release.containers:
        after = tasks.mounts(pair.now, pair.after, release.new)
        for path, source in tasks.mounts(pair.was, pair.before, release.old).items():
            if after.get(path) == source:
                continue
            gone = path not in after
            what = f"no longer mounts {path}" if gone else f"mounts something else at {path}"
            why = "the old image would not find its files there"
            when: tuple[When, ...] = (FSDCF,)
            way_out = ""
            if not gone:
                why += "; after a rollback it does not find what new tasks wrote"
                when, way_out = (), _COPIED_FILES
            points = items_by((pair.before if gone else pair.after).get("MountPoints"), "ContainerPath")
            place = pair.place("MountPoints", gone=gone, index=list(points).index(path))
            yield Unsafe(what, why, place, when, path, way_out)


_COPIED_FILES = "1. stop what writes, and copy the files to the new place in a one-off task; 2. change the volume"


@rule(
    "path-moved",
    "1. stop what writes, and copy {it} to the new path in a one-off task; 2. change the path",
    CLOUDFORMATION,
    FSDCF,
)
def paths(release: ReleaseChange) -> Iterator[Unsafe]:
    """A variable leads to another file or folder on a file system than the one that the old image uses."""
    for was, now in release.both(TASK_DEFINITION):
        for moved in moved_paths(was.properties, now.properties):
            if moved.before == moved.after:
                continue  # the violation for the volume covers it
            what = f"changes {', '.join(moved.names)} from {moved.before} to {moved.after}"
            why = "the old image would not find its files there; after a rollback it does not find what new tasks wrote"
            pair = next((one for one in release.containers if one.texts("Name")[0] == moved.container), None)
            place = pair.place("Environment", moved.names[0]) if pair else PropertyPlace(was.name, ())
            yield Unsafe(what, why, place, subject=moved.before)


@rule(
    "container-removed",
    "1. deploy an image that does not need {it} while it still runs; 2. remove it from the spec",
    FSDCF,
)
def sidecars(release: ReleaseChange) -> Iterator[Unsafe]:
    """A container that ran next to the old image is removed."""
    for name, place in tasks.removed_containers(release.old, release.new):
        yield Unsafe(f"runs without the container {name}", "the old image would run without it", place, subject=name)


@rule("port-changed", "1. deploy an image that listens on both ports; 2. change the port", FSDCF)
def ports(release: ReleaseChange) -> Iterator[Unsafe]:
    """Requests arrive on a port of the container on which the old image does not listen."""
    for pair in release.containers:
        before, after = (set(items_by(one.get("PortMappings"), "ContainerPort")) for one in (pair.before, pair.after))
        if before - after:
            old, new = (", ".join(sorted(mapped)) or "none" for mapped in (before, after))
            yield Unsafe(
                f"changes the port from {old} to {new}",
                "the old image listens on a port that gets no requests",
                pair.place("PortMappings", gone=not after),
            )


@rule("protocol-changed", "1. deploy an image that speaks both protocols; 2. change the protocol", FSDCF)
def protocols(release: ReleaseChange) -> Iterator[Unsafe]:
    """Requests arrive by a protocol that the old image may not speak."""
    for was, now in release.both(TARGET_GROUP):
        before, after = (" ".join(_protocol(one)) for one in (was, now))
        if before != after:
            why = "the old image may not speak it, and then gets no requests and is stopped"
            yield Unsafe(f"speaks {after} instead of {before}", why, PropertyPlace(was.name, ("Protocol",)))


def _protocol(group: PlannedResource) -> tuple[str, str]:
    return group.text("Protocol", "HTTP"), group.text("ProtocolVersion", "HTTP1")


@rule("container-check-changed", "1. deploy an image that passes both checks; 2. change the check", FSDCF)
def container_checks(release: ReleaseChange) -> Iterator[Unsafe]:
    """ECS checks the container by a command that only the new image may pass."""
    for pair in release.containers:
        before, after = (text_of(mapping(one.get("HealthCheck")).get("Command")) for one in (pair.before, pair.after))
        if after and before != after:
            yield Unsafe(
                "changes the container's health check",
                "ECS would stop the old image if it fails the new check",
                pair.place("HealthCheck"),
            )


@rule("command-changed", "1. deploy an image that can be started in both ways; 2. change how it is started", FSDCF)
def commands(release: ReleaseChange) -> Iterator[Unsafe]:
    """The container is started in a way that only the new image may understand."""
    for pair in release.containers:
        for key in ("Command", "EntryPoint", "User", "WorkingDirectory"):
            before, after = pair.texts(key)
            if before != after:
                yield Unsafe(
                    f"changes the {key} of the container",
                    "the old image would be started in the new way",
                    pair.place(key, gone=not after),
                )


@rule(
    "read-only-root",
    "1. deploy an image that writes to its volumes alone; 2. make the root file system read-only",
    FSDCF,
)
def read_only_roots(release: ReleaseChange) -> Iterator[Unsafe]:
    """The root file system becomes read-only, and the old image may write to it."""
    for pair in release.containers:
        before, after = pair.texts("ReadonlyRootFilesystem")
        if after == "true" and before != "true":
            yield Unsafe(
                "makes the root file system read-only",
                "the old image may write to it",
                pair.place("ReadonlyRootFilesystem"),
            )


@rule("capability-dropped", "1. deploy an image that does not need the capability; 2. drop it", FSDCF)
def capabilities(release: ReleaseChange) -> Iterator[Unsafe]:
    """Processes of the container lose a capability of Linux that the old image may need."""
    for pair in release.containers:
        (added, dropped), (adds, drops) = (_capabilities(one) for one in (pair.before, pair.after))
        lost = (added - adds) | (set() if "ALL" in dropped else drops - dropped)
        if lost:
            what = f"takes {', '.join(sorted(lost))} from the capabilities of the container"
            yield Unsafe(what, "the old image may need what it can no longer do", pair.place("LinuxParameters"))


def _capabilities(container: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """The capabilities that a container adds, and those that it drops."""
    named = mapping(mapping(container.get("LinuxParameters")).get("Capabilities"))
    added, dropped = (set(map(text_of, items(named.get(key)))) for key in ("Add", "Drop"))
    return added, dropped


@rule(
    "architecture-changed", "1. deploy an image that is built for both architectures; 2. change the architecture", FSDCF
)
def architectures(release: ReleaseChange) -> Iterator[Unsafe]:
    """Tasks have a processor that the old image may not be built for."""
    for was, now in release.both(TASK_DEFINITION):
        before, after = (
            text_of(one.mapping("RuntimePlatform").get("CpuArchitecture")) or "X86_64" for one in (was, now)
        )
        if before != after:
            what = f"changes the architecture from {before} to {after}"
            yield Unsafe(
                what,
                f"an image that is built only for {before} does not start",
                PropertyPlace(was.name, ("RuntimePlatform",)),
            )


@rule("memory-reduced", "1. deploy the image that needs less, and measure its memory; 2. reduce the memory", FSDCF)
def memory(release: ReleaseChange) -> Iterator[Unsafe]:
    """Tasks have less memory than the old image may need."""
    for was, now in release.both(TASK_DEFINITION):
        before, after = (whole_number(one.get("Memory")) for one in (was, now))
        if before is not None and after is not None and after < before:
            yield Unsafe(
                f"reduces the memory from {before} to {after} MiB",
                "the old image may run out of memory",
                PropertyPlace(was.name, ("Memory",)),
            )


@rule(
    "repository-changed",
    "1. copy the images that you may roll back to into the new repository, under the same tags; "
    "2. change the repository",
    FSDCF,
)
def repositories(release: ReleaseChange) -> Iterator[Unsafe]:
    """The image comes from a repository that may not contain the old one."""
    for pair in release.containers:
        before, after = pair.texts("Image")
        if pair.is_main and before != after:
            yield Unsafe(
                "uses another image repository",
                "the new repository may not have the old image's tag",
                pair.place("Image"),
            )


@rule("way-in-closed", "1. let it reach both ports; 2. close the old port when no old task serves", ROLLOUT)
def ingress(release: ReleaseChange) -> Iterator[Unsafe]:
    """The load balancer no longer reaches the tasks of the old release."""
    balancers = [group for one in release.old.of(LOAD_BALANCER) for group in one.items("SecurityGroups")]
    for group, lost in _narrowed(release, balancers, "SecurityGroupEgress"):
        if release.in_place(group):
            place = PropertyPlace(group, ("SecurityGroupEgress",))
            apart = [one for one in release.new.of(SECURITY_GROUP_EGRESS) if one.target("GroupId") == group]
            if lost <= {_rule_text(one.properties) for one in apart}:
                what = f"moves its egress to {', '.join(one.name for one in apart)}"
                why = (
                    "CloudFormation deletes the old rule before it creates the new one, so requests fail for seconds; "
                    "a rollback would create the old one while the new one exists, which EC2 refuses"
                )
                way_out = (
                    "1. deploy it with the image that is running, when there are few requests; 2. deploy the new image"
                )
                yield Unsafe(what, why, place, way_out=way_out)
            else:
                yield Unsafe("allows less traffic from the load balancer", _UNREACHED, place)
    for was, now in release.both(LISTENER):
        left = set(groups_of(was.get("DefaultActions"))) - set(groups_of(now.get("DefaultActions")))
        if release.in_place(was.name) and left:
            why = "requests get its new answer until the rules exist that forward them"
            way_out = "1. announce it; 2. deploy it with the image that is running, when there are few requests"
            place = PropertyPlace(was.name, ("DefaultActions",))
            yield Unsafe(f"no longer forwards to {', '.join(sorted(left))}", why, place, way_out=way_out)
    for group, _ in _narrowed(release, _task_groups(release), "SecurityGroupIngress"):
        if release.in_place(group):
            what = "admits less traffic to the tasks"
            yield Unsafe(what, _UNREACHED, PropertyPlace(group, ("SecurityGroupIngress",)))
    for was, now in release.both(LOAD_BALANCER):
        before, after = (list(map(text_of, subnets_of(one))) for one in (was, now))
        if release.in_place(was.name) and len(after) < len(before):
            what = f"leaves {', '.join(one for one in before if one not in after)}"
            why = "old tasks in a zone that it leaves get no more requests before the new ones serve"
            way_out = "1. run more tasks, so that those in the other zones can serve every request; 2. leave the zone"
            yield Unsafe(what, why, PropertyPlace(was.name, ("Subnets",)), way_out=way_out)


@rule(
    "target-group-replaced",
    "1. announce it, and deploy when there are few requests; 2. watch the new tasks become healthy",
    ROLLOUT,
)
def target_groups(release: ReleaseChange) -> Iterator[Unsafe]:
    """The load balancer forwards to a new target group before the new tasks are in it."""
    before, after = map(_forwarding, (release.old, release.new))
    for group, names in before.items():
        staying = [name for name in names if not release.is_replaced(name)]
        if release.is_replaced(group) and set(staying) & set(after.get(group, ())):
            what = f"is replaced, and {', '.join(staying)} forwards to the new one at once"
            why = "requests fail until the first new tasks are registered and healthy"
            yield Unsafe(what, why, PropertyPlace(group, ()))


def _forwarding(stack: PlannedStack) -> Mapping[str, list[str]]:
    """The load balancers in front of each target group; for one of an environment, the rules at its listener."""
    groups: dict[str, list[str]] = {}
    for one in forwards_of(stack):
        names = groups.setdefault(one.group, [])
        names += {one.balancer or one.holder} - set(names)
    return groups


_UNREACHED = "if it no longer reaches the port of the old tasks, they get no more requests before the new ones serve"


@rule(
    "way-out-closed",
    "1. deploy an image that does not need the connection while it is allowed; 2. remove it",
    ROLLOUT,
    FSDCF,
)
def egress(release: ReleaseChange) -> Iterator[Unsafe]:
    """Tasks can no longer connect to what the old image may need."""
    why = "the old image may need a connection that is no longer allowed"
    for group, _ in _narrowed(release, _task_groups(release), "SecurityGroupEgress"):
        when = () if release.in_place(group) else (FSDCF,)
        place = PropertyPlace(group, ("SecurityGroupEgress",))
        yield Unsafe("allows less traffic from the tasks", why, place, when)
    for was, now in release.both(SERVICE):
        had, has = (set(map(text_of, items(network_of(one).get("SecurityGroups")))) for one in (was, now))
        if left := sorted(group for group in had - has if group.startswith("sg-")):
            place = PropertyPlace(was.name, ("NetworkConfiguration",))
            what = f"takes {', '.join(left)} from the tasks"
            yield Unsafe(what, "the old image may need what admits this group, such as a database", place, (FSDCF,))
    open_now = {route.text("RouteTableId") for route in default_routes(release.new)}
    for route in default_routes(release.old):
        table = route.text("RouteTableId")
        if table in release.new.resources and table not in open_now:
            place = PropertyPlace(route.name, (), gone=True)
            yield Unsafe("removes the route to the internet", why, place, (FSDCF,))

    routed = {route.text("RouteTableId") for route in default_routes(release.old)}
    for was, now in release.both(VPC_ENDPOINT):
        before, after = (set(map(text_of, one.items("RouteTableIds"))) for one in (was, now))
        if release.in_place(was.name) and before - after - routed:
            what = f"no longer serves {', '.join(sorted(before - after - routed))}"
            at_once = f"{why}; the old tasks lose it before the new ones serve"
            yield Unsafe(what, at_once, PropertyPlace(was.name, ("RouteTableIds",), gone=True), (ROLLOUT,))


def _task_groups(release: ReleaseChange) -> list[Any]:
    """The security groups of the old tasks."""
    return [group for one in release.old.of(SERVICE) for group in items(network_of(one).get("SecurityGroups"))]


def _narrowed(release: ReleaseChange, used: list[Any], property: str) -> Iterator[tuple[str, set[str]]]:
    """The security groups among the ``used`` ones that allow less than before, and the rules that they lose.

    A group without rules allows all egress, and no ingress.
    """
    names = set(map(target_of, used))
    for was, now in release.both(SECURITY_GROUP):
        before, after = ({_rule_text(mapping(rule)) for rule in one.items(property)} for one in (was, now))
        is_open, stays_open = (property == "SecurityGroupEgress" and not rules for rules in (before, after))
        if was.name in names and not stays_open and (is_open or before - after):
            yield was.name, before - after


def _rule_text(rule: Mapping[str, Any]) -> str:
    """A rule of a security group, in it or as a resource of its own, without what does not admit or refuse traffic."""
    return text_of({key: rule[key] for key in sorted(rule) if key not in ("Description", "GroupId", "Id")})


@rule(
    "data-expires",
    "1. deploy the rest, and copy the data that you may need; 2. shorten the time when you are sure",
    CLOUDFORMATION,
    FSDCF,
)
def expiries(release: ReleaseChange) -> Iterator[Unsafe]:
    """Data expires after a shorter time, and no rollback restores it."""
    for was in release.old.resources.values():
        now, data = release.new.resources.get(was.name), record_of(was.type).data
        for one in data.expiry if data and now and now.type == was.type else ():
            if now and one.shortens(was.get(one.property), now.get(one.property)):
                yield Unsafe(one.effect, "no rollback restores expired data", PropertyPlace(was.name, (one.property,)))


@rule("one-way", "1. deploy this change alone; 2. deploy the image and the other changes", CLOUDFORMATION)
def one_way(release: ReleaseChange) -> Iterator[Unsafe]:
    """A change in place that its service does not undo, such as more storage or a newer version of a database: a
    rollback of CloudFormation, for whatever reason, fails there."""
    for was in release.old.resources.values():
        now = release.new.resources.get(was.name)
        if now is None or not release.in_place(was.name):
            continue
        updates = record_of(was.type).updates
        refused = {name for name, _ in updates.refusals(was.properties, now.properties)}
        for name, refusal in updates.refusals(now.properties, was.properties):
            if refusal.reason and name not in refused:
                yield Unsafe(f"changes {name} for good", refusal.why, PropertyPlace(was.name, (name,)))
