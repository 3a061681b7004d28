"""Rollback safety: changes that no rollback undoes together with the image, each by a rule with its two steps out."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.compare import canonical
from fsdcf.cloudformation.facts import custom_name
from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, mapping, target_of, text_of
from fsdcf.cloudformation.risk import Risk
from fsdcf.plan.access import Access, Path, access, shortened
from fsdcf.plan.diff import tasks
from fsdcf.plan.diff.causes import by_id
from fsdcf.plan.diff.sides import Pair
from fsdcf.plan.diff.tasks import Place, Run, number

When = Literal["rollout", "CloudFormation rollback", "fsdcf rollback"]
ROLLOUT: When = "rollout"
CLOUDFORMATION: When = "CloudFormation rollback"
FSDCF: When = "fsdcf rollback"


@dataclass(frozen=True)
class Unsafe:
    """A change that is not undone together with the image: on which ways back, why, and the two steps that avoid it.

    ``what`` and ``why`` are clauses without a full stop. ``place`` leads to the property, in the old template where it is gone.
    """

    rule: str
    logical_id: str
    what: str
    when: tuple[When, ...]
    why: str
    way_out: str
    place: Place


@dataclass(frozen=True)
class Found:
    """What a rule finds: the resource, what happens to it and why that is unsafe, and where it is written.

    ``when`` holds the ways back where they are fewer than the rule's; ``it`` is what the rule's way out speaks of, and ``way_out``
    stands in its place.
    """

    logical_id: str
    what: str
    why: str
    place: Place
    when: tuple[When, ...] = ()
    it: str = "it"
    way_out: str = ""


@dataclass(frozen=True)
class Context:
    """What the rules look at."""

    old: PlannedStack
    new: PlannedStack
    changes: Mapping[str, Change]
    risks: Sequence[Risk]
    runs: tuple[Run, ...]

    def in_place(self, logical_id: str) -> bool:
        """Whether a resource changes where it stands, so that the old tasks meet the change as it happens."""
        change = self.changes.get(logical_id)
        return change is not None and change.action == "Modify" and change.replacement == "False"

    def both(self, type: str) -> Iterator[tuple[PlannedResource, PlannedResource]]:
        """The resources of a type that both sides have."""
        for one in self.old.of(type):
            now = self.new.resources.get(one.name)
            if now is not None and now.type == type:
                yield one, now


@dataclass(frozen=True)
class Rule:
    """A rule of rollback safety: its id, what it says, on which ways back, the two steps out, and what finds the changes.

    ``way_out`` is a clause without a full stop, in which ``{it}`` stands for what is lost.
    """

    id: str
    explanation: str
    when: tuple[When, ...]
    way_out: str
    find: Callable[[Context], Iterator[Found]]

    def steps(self, it: str = "it") -> str:
        """The two steps out."""
        return self.way_out.replace("{it}", it)

    def unsafe(self, context: Context) -> Iterator[Unsafe]:
        """The changes that break the rule."""
        for one in self.find(context):
            steps = one.way_out or self.steps(one.it)
            yield Unsafe(self.id, one.logical_id, one.what, one.when or self.when, one.why, steps, one.place)


ROLES = ("TaskRoleArn", "ExecutionRoleArn")
"""The properties of a task definition that name its roles."""


@dataclass(frozen=True)
class Loss:
    """Actions that a role loses. ``holder`` and ``path`` lead to the statement that allowed them, or that denies them now."""

    role: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    targets: tuple[str, ...]
    holder: str
    path: Path
    denied: bool = False


def losses(
    task: PlannedResource, now: PlannedResource, old: PlannedStack, new: PlannedStack, role: str
) -> Iterator[Loss]:
    """What the role that ``role`` names loses between two task definitions. A role outside of the template tells nothing."""
    before, after = (target_of(one.properties.get(role)) for one in (task, now))
    if before not in old.resources:
        return
    if after not in new.resources:
        yield Loss(role, ("all that the template allows",), (), (), before or "", ())
        return
    given = [row for row in access(new) if row.kind == "identity" and after in row.principals]
    allowed = [row for row in given if row.effect == "Allow"]
    for row in access(old):
        if row.kind == "identity" and row.effect == "Allow" and before in row.principals:
            yield from _grants_lost(role, row, allowed)
    was_denied = {_key(row) for row in access(old) if row.effect == "Deny" and before in row.principals}
    for row in given:
        if row.effect == "Deny" and _key(row) not in was_denied:
            yield Loss(role, row.actions, row.resources, row.targets, row.holder, row.path, denied=True)


def _grants_lost(role: str, row: Access, allowed: Collection[Access]) -> Iterator[Loss]:
    resources = [one for one in row.resources if not all(_covered(action, one, row, allowed) for action in row.actions)]
    actions = [
        one for one in row.actions if not all(_covered(one, resource, row, allowed) for resource in row.resources)
    ]
    if actions:
        yield Loss(role, tuple(actions), tuple(resources), row.targets, row.holder, row.path)


def _covered(action: str, resource: str, row: Access, allowed: Collection[Access]) -> bool:
    return any(_allows(one, action, resource, row) for one in allowed)


def _allows(one: Access, action: str, resource: str, row: Access) -> bool:
    """Whether a row of now allows what a row of before did. Exceptions (NotAction) are compared as they are."""
    if one.except_actions or one.except_resources or row.except_actions or row.except_resources:
        return _key(one) == _key(row)
    if not set(one.conditions) <= set(row.conditions):
        return False
    acts = any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in one.actions)
    return acts and any(
        pattern == resource or fnmatch.fnmatchcase(resource, _literal(pattern)) for pattern in one.resources
    )


def _literal(pattern: str) -> str:
    """IAM knows ``*`` and ``?``, and no brackets."""
    return pattern.replace("[", "[[]")


def _key(row: Access) -> tuple[object, ...]:
    return row.actions, row.resources, row.conditions, row.except_actions, row.except_resources


FOUR_DAYS = 345_600
"""Seconds that a queue keeps messages where nothing else is said.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html"""


def _retention(was: Any, now: Any) -> bool:
    """Days of a log group; without them it keeps events for ever."""
    before, after = number(was), number(now)
    return after is not None and (before is None or after < before)


def _messages(was: Any, now: Any) -> bool:
    before, after = (number(FOUR_DAYS if one is None else one) for one in (was, now))
    return before is not None and after is not None and after < before


def _items(was: Any, now: Any) -> bool:
    before, after = mapping(was), mapping(now)
    is_on = text_of(after.get("Enabled")) == "true"
    return is_on and (
        text_of(before.get("Enabled")) != "true" or before.get("AttributeName") != after.get("AttributeName")
    )


def _objects(was: Any, now: Any) -> bool:
    """Whether objects expire by a rule that is new, or after fewer days."""
    before = dict(_expirations(was))
    return any(scope not in before or _sooner(before[scope], days) for scope, days in _expirations(now))


def _sooner(before: str, after: str) -> bool:
    return int(after) < int(before) if before.isdecimal() and after.isdecimal() else before != after


def _expirations(value: Any) -> Iterator[tuple[str, str]]:
    """What the rules that are on let expire: the objects and versions that are meant, and after how many days."""
    rules: Collection[Any] = mapping(value).get("Rules") or ()
    for rule in rules:
        if isinstance(rule, Mapping) and rule.get("Status") == "Enabled":
            objects = {key: one for key, one in rule.items() if key in ("Prefix", "TagFilters")}
            for key in (key for key in rule if "Expiration" in key):
                further = {name: one for name, one in mapping(rule[key]).items() if name != "NoncurrentDays"}
                days = mapping(rule[key]).get("NoncurrentDays", rule[key])
                yield text_of({"Kind": key, **objects, **further}), text_of(days)


def _backups(was: Any, now: Any) -> bool:
    before, after = (text_of(mapping(one).get("PointInTimeRecoveryEnabled")) for one in (was, now))
    return before == "true" and after != "true"


KEPT: Mapping[str, tuple[tuple[str, Callable[[Any, Any], bool], str], ...]] = {
    "AWS::Logs::LogGroup": (("RetentionInDays", _retention, "keeps log events for a shorter time"),),
    "AWS::SQS::Queue": (("MessageRetentionPeriod", _messages, "keeps messages for a shorter time"),),
    "AWS::S3::Bucket": (("LifecycleConfiguration", _objects, "lets objects expire by another rule"),),
    "AWS::DynamoDB::Table": (
        ("TimeToLiveSpecification", _items, "lets items expire by another attribute"),
        ("PointInTimeRecoverySpecification", _backups, "drops its continuous backups"),
    ),
}
"""By type: the property, whether its change lets data vanish earlier, and what it does, as a clause."""


_WITHOUT_DATA = ("AWS::Logs::LogGroup", "AWS::ECR::Repository", "AWS::ECR::PublicRepository")
"""Stateful types that no image reads."""

REPLACED_STORE = "1. add the new one beside it under another name, copy the data, and deploy an image that uses it; 2. remove the old one"
"""The way out where a store is replaced."""


def permissions(context: Context) -> Iterator[Found]:
    """What the roles of tasks lose."""
    gone = {risk.logical_id for risk in context.risks if risk.kind != "replaced"}
    for was, now in tasks.definitions(context.old, context.new):
        for role in ROLES:
            for loss in losses(was, now, context.old, context.new, role):
                if not loss.targets or not gone.issuperset(loss.targets):
                    yield from _lost(context, loss, was)


def _lost(context: Context, loss: Loss, task: PlannedResource) -> Iterator[Found]:
    """A lost permission. What a role needs to start tasks, the new template tells: after fsdcf rollback it has what it needs."""
    starts = loss.role == "ExecutionRoleArn"
    at_once = context.in_place(loss.holder) or loss.denied
    if starts and not at_once:
        return
    acts = ", ".join(loss.actions[:3]) + (f" and {len(loss.actions) - 3} more" if len(loss.actions) > 3 else "")
    on = f" on {', '.join(map(shortened, loss.resources))}" if loss.resources else ""
    who = "the execution role" if starts else "the task role"
    what = f"denies {who} {acts}{on}" if loss.denied else f"takes {acts}{on} from {who}"
    why = "the old image may need it"
    if starts:
        why = "tasks of the old release that start then cannot, also when ECS goes back to it"
    elif at_once:
        why += "; its tasks lose it as soon as the policy changes, before the new ones serve"
    when: tuple[When, ...] = (ROLLOUT,) if starts else (ROLLOUT, FSDCF) if at_once else (FSDCF,)
    place = Place(loss.holder or task.name, loss.path, gone=not loss.denied)
    yield Found(loss.holder or task.name, what, why, place, when)


def stores(context: Context) -> Iterator[Found]:
    """Data that the old image would not find."""
    for risk in context.risks:
        if risk.type in _WITHOUT_DATA:
            continue
        if risk.kind == "replaced":
            change = context.changes.get(risk.logical_id)
            what = "is replaced" if change is not None and change.replacement == "True" else "may be replaced"
            why = (
                "the old image would find it empty; CloudFormation's rollback loses what new tasks wrote to the new one"
            )
            yield Found(risk.logical_id, what, why, Place(risk.logical_id, ()), way_out=REPLACED_STORE)
        elif not _is_handed_over(context, risk):
            why = (
                "the old image would find it gone"
                if risk.kind == "deleted"
                else "outside of the stack the old image may not reach it"
            )
            yield Found(risk.logical_id, f"is {risk.kind}", why, Place(risk.logical_id, (), gone=True), (FSDCF,))


def _is_handed_over(context: Context, risk: Risk) -> bool:
    """Whether a store stays, and the tasks keep its name in the same variables and what they may do with it: it is used without being made."""
    store = context.old.resources.get(risk.logical_id)
    name = custom_name(risk.type, store.properties) if store is not None else None
    if store is None or name is None or risk.kind != "left behind":
        return False
    still = []
    for run in context.runs:
        after = tasks.by(run.after.get("Environment"), "Name")
        for variable, one in tasks.by(run.before.get("Environment"), "Name").items():
            if target_of(one.get("Value")) == risk.logical_id:
                still.append(canonical(mapping(after.get(variable)).get("Value")) == canonical(store.properties[name]))
    called = re.compile(
        rf"(?<![\w.-]){re.escape(text_of(store.properties[name]))}(?![\w.-])"
    )  # a name, and not a part of another's
    old, new = ([row for row in access(view) if row.effect == "Allow"] for view in (context.old, context.new))
    might = {action for row in old if risk.logical_id in row.targets for action in row.actions}
    may = {action for row in new if any(map(called.search, row.resources)) for action in row.actions}
    return bool(still) and all(still) and might <= may


def indexes(context: Context) -> Iterator[Found]:
    """Indexes of tables that are gone."""
    for was, now in context.both("AWS::DynamoDB::Table"):
        if not context.in_place(was.name):
            continue
        kept = tasks.by(now.properties.get("GlobalSecondaryIndexes"), "IndexName")
        for name in tasks.by(was.properties.get("GlobalSecondaryIndexes"), "IndexName"):
            if name not in kept:
                why = "queries of the old release fail from the moment it is deleted; CloudFormation's rollback has to build it again"
                place = Place(was.name, ("GlobalSecondaryIndexes",), gone=True)
                yield Found(was.name, f"loses the index {name}", why, place)


def health_paths(context: Context) -> Iterator[Found]:
    """Other checks of the load balancer."""
    for was, now in context.both("AWS::ElasticLoadBalancingV2::TargetGroup"):
        for key, name in (
            ("HealthCheckPath", "another path"),
            ("Matcher", "for other codes"),
            ("HealthCheckPort", "another port"),
        ):
            before, after = (text_of(_checked(one, key)) for one in (was, now))
            if before == after or (key == "Matcher" and _codes(was) <= _codes(now)):
                continue
            at_once = context.in_place(was.name)
            why = "an old image that does not pass the new check gets no requests and is stopped"
            if at_once:
                why += "; the old tasks are checked so as soon as the target group changes, before the new ones serve"
            what = f"checks {name}: {before or 'the default'} -> {after or 'the default'}"
            yield Found(was.name, what, why, Place(was.name, (key,)), () if at_once else (FSDCF,))


def _checked(group: PlannedResource, key: str) -> object:
    value = group.properties.get(key)
    return mapping(value).get("HttpCode") if key == "Matcher" and mapping(value) else value


def _codes(group: PlannedResource) -> set[str]:
    """The codes that count as healthy, one by one; ``200`` where nothing is said.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    found: set[str] = set()
    for part in (text_of(_checked(group, "Matcher")) or "200").split(","):
        first, dash, last = part.strip().partition("-")
        known = dash and first.isdecimal() and last.isdecimal()
        found |= {str(code) for code in range(int(first), min(int(last), 999) + 1)} if known else {part.strip()}
    return found


def ways_out(context: Context) -> Iterator[Found]:
    """Ways from the tasks that are closed."""
    why = "the old image may talk to what it no longer reaches"
    for was in _narrowed(
        context, "AWS::ECS::Service", ("NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups")
    ):
        when = () if context.in_place(was) else (FSDCF,)
        yield Found(was, "lets less out of the tasks", why, Place(was, ("SecurityGroupEgress",)), when)
    open_now = {text_of(one.properties.get("RouteTableId")) for one in _default_routes(context.new)}
    for route in _default_routes(context.old):
        table = text_of(route.properties.get("RouteTableId"))
        if table in context.new.resources and table not in open_now:
            yield Found(route.name, "takes the way to the internet", why, Place(route.name, (), gone=True), (FSDCF,))


def ways_in(context: Context) -> Iterator[Found]:
    """Ways from the load balancer to the tasks that are closed where they stand."""
    for was in _narrowed(context, "AWS::ElasticLoadBalancingV2::LoadBalancer", ("SecurityGroups",)):
        if context.in_place(was):
            what = "lets less out of the load balancer"
            why = "if it no longer reaches the port of the old tasks, they get no requests from then on, before the new ones serve"
            yield Found(was, what, why, Place(was, ("SecurityGroupEgress",)))


def _narrowed(context: Context, user: str, path: tuple[str, ...]) -> Iterator[str]:
    """The security groups of a type of resource that let less out than before."""
    used = {target_of(group) for one in context.old.of(user) for group in tasks.listed(_below(one.properties, path))}
    for was, now in context.both("AWS::EC2::SecurityGroup"):
        before, after = (
            {text_of(one) for one in tasks.listed(side.properties.get("SecurityGroupEgress"))} for side in (was, now)
        )
        if was.name in used and after and (before - after or not before):  # no list at all lets everything out
            yield was.name


def _below(value: object, path: tuple[str, ...]) -> object:
    for step in path:
        value = mapping(value).get(step)
    return value


def _default_routes(view: PlannedStack) -> Iterator[PlannedResource]:
    return (one for one in view.of("AWS::EC2::Route") if one.properties.get("DestinationCidrBlock") == "0.0.0.0/0")


def expiries(context: Context) -> Iterator[Found]:
    """Data that is kept for a shorter time."""
    for type, keys in KEPT.items():
        for was, now in context.both(type):
            for key, is_less, what in keys:
                if is_less(was.properties.get(key), now.properties.get(key)):
                    yield Found(was.name, what, "what has expired, no rollback brings back", Place(was.name, (key,)))


_STARTS = ("Command", "EntryPoint", "User", "WorkingDirectory")
"""How a container is started."""


def variables(context: Context) -> Iterator[Found]:
    """Variables that are gone."""
    yield from _gone(context, "Environment", "no longer sets")


def secrets(context: Context) -> Iterator[Found]:
    """Secrets that are gone."""
    yield from _gone(context, "Secrets", "no longer passes the secret")


def _gone(context: Context, key: str, does: str) -> Iterator[Found]:
    """Variables that neither the environment nor the secrets give any more, one finding for each.

    One that names a store which leaves the stack says nothing beside the finding of that store.
    """
    lost = {risk.logical_id for risk in context.risks if risk.kind != "replaced"}
    for run in context.runs:
        given = {*tasks.named(run.after, "Environment"), *tasks.named(run.after, "Secrets")}
        for name, one in tasks.by(run.before.get(key), "Name").items():
            if name not in given and target_of(one.get("Value")) not in lost:
                place = run.place(key, name, gone=True)
                yield Found(run.task, f"{does} {name}", "the old image would start without it", place, it=name)


def volumes(context: Context) -> Iterator[Found]:
    """Paths where something else is mounted, or nothing."""
    for run in context.runs:
        after = tasks.mounts(run.now, run.after)
        for path, source in tasks.mounts(run.was, run.before).items():
            if after.get(path) != source:
                does = f"no longer mounts {path}" if path not in after else f"mounts something else at {path}"
                gone = path not in after
                listed = tasks.by((run.before if gone else run.after).get("MountPoints"), "ContainerPath")
                place = run.place("MountPoints", gone=gone, index=list(listed).index(path))
                yield Found(run.task, does, "the old image would not find its files there", place, it=path)


def sidecars(context: Context) -> Iterator[Found]:
    """Containers beside the first one that are gone."""
    for was, name, place in tasks.lost_containers(context.old, context.new):
        yield Found(
            was.name, f"runs without the container {name}", "the old image would run without it", place, it=name
        )


def starts(context: Context) -> Iterator[Found]:
    """Other commands, entry points, users and folders."""
    for run in context.runs:
        for key in _STARTS:
            before, after = (text_of(one.get(key)) for one in (run.before, run.after))
            if before != after:
                why = "the old image would be started in the new way"
                yield Found(run.task, f"changes the {key} of the container", why, run.place(key, gone=not after))


def read_only(context: Context) -> Iterator[Found]:
    """Root file systems that become read-only."""
    for run in context.runs:
        was, now = (text_of(one.get("ReadonlyRootFilesystem")) == "true" for one in (run.before, run.after))
        if now and not was:
            what, why = "makes the root file system read-only", "the old image may write to it"
            yield Found(run.task, what, why, run.place("ReadonlyRootFilesystem"))


def ports(context: Context) -> Iterator[Found]:
    """Ports that are no longer mapped."""
    for run in context.runs:
        before, after = (tasks.ports(one) for one in (run.before, run.after))
        if before - after:
            old, new = (", ".join(sorted(ports)) or "none" for ports in (before, after))
            why = "the old image listens where nobody asks"
            yield Found(
                run.task, f"changes the port from {old} to {new}", why, run.place("PortMappings", gone=not after)
            )


def checks(context: Context) -> Iterator[Found]:
    """Other commands by which ECS checks a container."""
    for run in context.runs:
        before, after = (text_of(mapping(one.get("HealthCheck")).get("Command")) for one in (run.before, run.after))
        if after and before != after:
            why = "ECS would stop the old image if it fails the new check"
            yield Found(run.task, "changes the container's health check", why, run.place("HealthCheck"))


def repositories(context: Context) -> Iterator[Found]:
    """Images from elsewhere."""
    for run in context.runs:
        before, after = (text_of(one.get("Image")) for one in (run.before, run.after))
        if run.first and before != after:
            what, why = "takes the image from another repository", "the old image's tag is looked for in the new one"
            yield Found(run.task, what, why, run.place("Image"))


def architectures(context: Context) -> Iterator[Found]:
    """Other processors."""
    for was, now in tasks.definitions(context.old, context.new):
        before, after = (
            text_of(mapping(one.properties.get("RuntimePlatform")).get("CpuArchitecture")) or "X86_64"
            for one in (was, now)
        )
        if before != after:
            what = f"changes the architecture from {before} to {after}"
            yield Found(
                was.name,
                what,
                f"an image that is built for {before} alone does not start",
                Place(was.name, ("RuntimePlatform",)),
            )


def memory(context: Context) -> Iterator[Found]:
    """Less memory for a task."""
    for was, now in tasks.definitions(context.old, context.new):
        before, after = (tasks.number(one.properties.get("Memory")) for one in (was, now))
        if before is not None and after is not None and after < before:
            what = f"reduces the memory from {before} to {after} MiB"
            yield Found(was.name, what, "the old image may be killed for want of memory", Place(was.name, ("Memory",)))


def unsafe(changes: Sequence[Change], risks: Sequence[Risk], sides: Pair) -> tuple[Unsafe, ...]:
    """What the rules find, in their order; nothing where there is no release to go back to."""
    if sides.before is None:
        return ()
    context = Context(sides.old, sides.new, by_id(changes), risks, tuple(tasks.runs(sides.old, sides.new)))
    return tuple(found for rule in RULES for found in rule.unsafe(context))


RULES = (
    Rule(
        "store-removed",
        "A table, bucket, queue or file system that the old image uses is deleted, left behind or replaced.",
        (CLOUDFORMATION, FSDCF),
        "1. deploy an image that does without it while the spec still has it; 2. take it out of the spec",
        stores,
    ),
    Rule(
        "index-removed",
        "An index that the old image may query is deleted before the new image serves.",
        (ROLLOUT, CLOUDFORMATION, FSDCF),
        "1. deploy an image that does not query it while it is there; 2. remove it",
        indexes,
    ),
    Rule(
        "health-check-changed",
        "The load balancer checks something that only the new image may answer.",
        (ROLLOUT, FSDCF),
        "1. deploy an image that passes both checks; 2. change the check",
        health_paths,
    ),
    Rule(
        "permission-removed",
        "A role loses a permission that the old image may need, or that its tasks need to start.",
        (ROLLOUT, FSDCF),
        "1. deploy an image that does without it while the role still has it; 2. take it from the role",
        permissions,
    ),
    Rule(
        "variable-removed",
        "An environment variable that the old image may read is gone.",
        (FSDCF,),
        "1. deploy an image that does without {it} while the spec still gives it; 2. take it out of the spec",
        variables,
    ),
    Rule(
        "secret-removed",
        "A secret that the old image may read is gone.",
        (FSDCF,),
        "1. deploy an image that does without {it} while the spec still gives it; 2. take it out of the spec",
        secrets,
    ),
    Rule(
        "volume-removed",
        "A path where the old image may find files is no longer mounted, or is another volume.",
        (FSDCF,),
        "1. deploy an image that does without {it} while it is still mounted; 2. change the volume",
        volumes,
    ),
    Rule(
        "container-removed",
        "A container that ran beside the old image is gone.",
        (FSDCF,),
        "1. deploy an image that does without {it} while it still runs; 2. take it out of the spec",
        sidecars,
    ),
    Rule(
        "port-changed",
        "The container is asked on a port where the old image does not listen.",
        (FSDCF,),
        "1. deploy an image that listens on both ports; 2. change the port",
        ports,
    ),
    Rule(
        "container-check-changed",
        "ECS checks the container by a command that only the new image may pass.",
        (FSDCF,),
        "1. deploy an image that passes both checks; 2. change the check",
        checks,
    ),
    Rule(
        "command-changed",
        "The container is started in a way that only the new image may understand.",
        (FSDCF,),
        "1. deploy an image that can be started in both ways; 2. change how it is started",
        starts,
    ),
    Rule(
        "read-only-root",
        "The root file system becomes read-only, and the old image may write to it.",
        (FSDCF,),
        "1. deploy an image that writes to its volumes alone; 2. make the root file system read-only",
        read_only,
    ),
    Rule(
        "architecture-changed",
        "Tasks have a processor that the old image may not be built for.",
        (FSDCF,),
        "1. deploy an image that is built for both; 2. change the architecture",
        architectures,
    ),
    Rule(
        "memory-reduced",
        "Tasks have less memory than the old image may need.",
        (FSDCF,),
        "1. deploy the image that needs less, and see what it takes; 2. reduce the memory",
        memory,
    ),
    Rule(
        "repository-changed",
        "The image comes from a repository that may not hold the old one.",
        (FSDCF,),
        "1. copy the images that you may go back to into the new repository, under the same tags; 2. change it",
        repositories,
    ),
    Rule(
        "way-in-closed",
        "The load balancer no longer reaches the tasks of the old release.",
        (ROLLOUT,),
        "1. let it reach both ports; 2. close the old one when no old task serves",
        ways_in,
    ),
    Rule(
        "way-out-closed",
        "Tasks no longer reach what the old image may talk to.",
        (ROLLOUT, FSDCF),
        "1. deploy an image that does without it while the way is open; 2. close it",
        ways_out,
    ),
    Rule(
        "data-expires",
        "Data vanishes after a shorter time, and no rollback brings it back.",
        (CLOUDFORMATION, FSDCF),
        "1. deploy the rest, and copy what you may need; 2. shorten it when you are sure",
        expiries,
    ),
)
"""Every rule, in the order in which findings are shown: what costs data and service first."""
