"""Rollback safety: changes that no rollback undoes together with the image, each by a rule with its two steps out.

Three ways lead back, and each brings back something else:

- while it rolls out, tasks of the old release still serve, in surroundings that CloudFormation has changed in place already;
- CloudFormation's rollback brings back the old template and the old image, though not what time or the new tasks did meanwhile;
- ``fsdcf rollback`` sends the new template with the old image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.risk import Risk
from fsdcf.plan.access.report import shortened
from fsdcf.plan.diff import tasks
from fsdcf.plan.diff.causes import by_id
from fsdcf.plan.diff.expiry import KEPT
from fsdcf.plan.diff.grants import ROLES, Loss, losses
from fsdcf.plan.diff.sides import Pair
from fsdcf.plan.diff.tasks import Place, Run
from fsdcf.plan.view import Resource, View, mapping, target_of, text_of

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
class Context:
    """What the rules look at."""

    old: View
    new: View
    changes: Mapping[str, Change]
    risks: Sequence[Risk]
    runs: tuple[Run, ...]

    def in_place(self, logical_id: str) -> bool:
        """Whether a resource changes where it stands, so that the old tasks meet the change as it happens."""
        change = self.changes.get(logical_id)
        return change is not None and change.action == "Modify" and change.replacement == "False"

    def both(self, type: str) -> Iterator[tuple[Resource, Resource]]:
        """The resources of a type that both sides have."""
        for one in self.old.of(type):
            now = self.new.resources.get(one.name)
            if now is not None and now.type == type:
                yield one, now


@dataclass(frozen=True)
class Rule:
    """A rule of rollback safety: its id, what it says, and what finds the changes that break it."""

    id: str
    explanation: str
    find: Callable[[Context], Iterator[Unsafe]]


def unsafe(changes: Sequence[Change], risks: Sequence[Risk], sides: Pair) -> tuple[Unsafe, ...]:
    """What the rules find, in their order; nothing where there is no release to go back to."""
    if sides.before is None:
        return ()
    context = Context(sides.old, sides.new, by_id(changes), risks, tuple(tasks.runs(sides.old, sides.new)))
    return tuple(found for rule in RULES for found in rule.find(context))


# what a container gets


def _variables(context: Context) -> Iterator[Unsafe]:
    yield from _gone(context, "variable-removed", "Environment", "no longer sets", "the old image would start without it")


def _secrets(context: Context) -> Iterator[Unsafe]:
    yield from _gone(context, "secret-removed", "Secrets", "no longer passes the secret", "the old image would start without it")


def _gone(context: Context, rule: str, key: str, does: str, why: str) -> Iterator[Unsafe]:
    """Variables that neither the environment nor the secrets give any more, one finding for each.

    One that names a store which leaves the stack says nothing beside the finding of that store.
    """
    lost = {risk.logical_id for risk in context.risks if risk.kind != "replaced"}
    for run in context.runs:
        given = {*tasks.named(run.after, "Environment"), *tasks.named(run.after, "Secrets")}
        for name, one in tasks.by(run.before.get(key), "Name").items():
            if name not in given and target_of(one.get("Value")) not in lost:
                steps = f"1. deploy an image that does without {name} while the spec still gives it; 2. take it out of the spec"
                yield Unsafe(rule, run.task, f"{does} {name}", (FSDCF,), why, steps, run.place(key, name, gone=True))


def _volumes(context: Context) -> Iterator[Unsafe]:
    for run in context.runs:
        after = tasks.mounts(run.now, run.after)
        for path, source in tasks.mounts(run.was, run.before).items():
            if after.get(path) != source:
                does = f"no longer mounts {path}" if path not in after else f"mounts something else at {path}"
                why = "the old image would not find its files there"
                steps = f"1. deploy an image that does without {path} while it is still mounted; 2. change the volume"
                yield Unsafe("volume-removed", run.task, does, (FSDCF,), why, steps, run.place("MountPoints", "", gone=path not in after))


def _sidecars(context: Context) -> Iterator[Unsafe]:
    for was, name, place in tasks.lost_containers(context.old, context.new):
        steps = f"1. deploy an image that does without {name} while it still runs; 2. take it out of the spec"
        why = "the old image would run without it"
        yield Unsafe("container-removed", was.name, f"runs without the container {name}", (FSDCF,), why, steps, place)


# how a container is started


def _started(rule: str, keys: Sequence[str], does: str, why: str, steps: str) -> Callable[[Context], Iterator[Unsafe]]:
    def find(context: Context) -> Iterator[Unsafe]:
        for run in context.runs:
            for key in keys:
                before, after = (text_of(one.get(key)) for one in (run.before, run.after))
                if before != after:
                    yield Unsafe(rule, run.task, does.format(key=key), (FSDCF,), why, steps, run.place(key, gone=not after))

    return find


_commands = _started(
    "command-changed",
    ("Command", "EntryPoint", "User", "WorkingDirectory"),
    "changes the {key} of the container",
    "the old image would be started in the new way",
    "1. deploy an image that can be started in both ways; 2. change how it is started",
)


def _read_only(context: Context) -> Iterator[Unsafe]:
    for run in context.runs:
        was, now = (text_of(one.get("ReadonlyRootFilesystem")) == "true" for one in (run.before, run.after))
        if now and not was:
            steps = "1. deploy an image that writes to its volumes alone; 2. make the root file system read-only"
            why = "the old image may write to it"
            what = "makes the root file system read-only"
            yield Unsafe("read-only-root", run.task, what, (FSDCF,), why, steps, run.place("ReadonlyRootFilesystem"))


def _ports(context: Context) -> Iterator[Unsafe]:
    for run in context.runs:
        before, after = (tasks.ports(one) for one in (run.before, run.after))
        if before - after:
            old, new = (", ".join(sorted(ports)) or "none" for ports in (before, after))
            steps = f"1. deploy an image that listens on {old} and {new}; 2. change the port"
            why = "the old image listens where nobody asks"
            yield Unsafe("port-changed", run.task, f"changes the port from {old} to {new}", (FSDCF,), why, steps, run.place("PortMappings"))


def _container_checks(context: Context) -> Iterator[Unsafe]:
    for run in context.runs:
        before, after = (text_of(mapping(one.get("HealthCheck")).get("Command")) for one in (run.before, run.after))
        if after and before != after:
            steps = "1. deploy an image that passes both checks; 2. change the check"
            why = "ECS would stop the old image if it fails the new check"
            yield Unsafe("container-check-changed", run.task, "changes the container's health check", (FSDCF,), why, steps, run.place("HealthCheck"))


def _repositories(context: Context) -> Iterator[Unsafe]:
    for run in context.runs:
        before, after = (text_of(one.get("Image")) for one in (run.before, run.after))
        if run.first and before != after:
            steps = "1. copy the images that you may go back to into the new repository, under the same tags; 2. change it"
            what, why = "takes the image from another repository", "the old image's tag is looked for in the new one"
            yield Unsafe("repository-changed", run.task, what, (FSDCF,), why, steps, run.place("Image"))


def _architectures(context: Context) -> Iterator[Unsafe]:
    for was, now in tasks.definitions(context.old, context.new):
        before, after = (text_of(mapping(one.properties.get("RuntimePlatform")).get("CpuArchitecture")) or "X86_64" for one in (was, now))
        if before != after:
            steps = "1. deploy an image that is built for both; 2. change the architecture"
            what, why = f"changes the architecture from {before} to {after}", f"an image that is built for {before} alone does not start"
            yield Unsafe("architecture-changed", was.name, what, (FSDCF,), why, steps, Place(was.name, ("RuntimePlatform",)))


def _memory(context: Context) -> Iterator[Unsafe]:
    for was, now in tasks.definitions(context.old, context.new):
        before, after = (tasks.number(one.properties.get("Memory")) for one in (was, now))
        if before is not None and after is not None and after < before:
            steps = "1. deploy the image that needs less, and see what it takes; 2. reduce the memory"
            what, why = f"reduces the memory from {before} to {after} MiB", "the old image may be killed for want of memory"
            yield Unsafe("memory-reduced", was.name, what, (FSDCF,), why, steps, Place(was.name, ("Memory",)))


# what stands around the tasks


def _permissions(context: Context) -> Iterator[Unsafe]:
    gone = {risk.logical_id for risk in context.risks if risk.kind != "replaced"}
    for was, now in tasks.definitions(context.old, context.new):
        for role in ROLES:
            for loss in losses(was, now, context.old, context.new, role):
                if not loss.targets or not gone.issuperset(loss.targets):
                    yield from _lost(context, loss, was)


def _lost(context: Context, loss: Loss, task: Resource) -> Iterator[Unsafe]:
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
    steps = "1. deploy an image that does without it while the role still has it; 2. take it from the role"
    when: tuple[When, ...] = (ROLLOUT,) if starts else (ROLLOUT, FSDCF) if at_once else (FSDCF,)
    place = Place(loss.holder or task.name, loss.path, gone=not loss.denied)
    yield Unsafe("permission-removed", loss.holder or task.name, what, when, why, steps, place)


_WITHOUT_DATA = ("AWS::Logs::LogGroup", "AWS::ECR::Repository", "AWS::ECR::PublicRepository")
"""Stateful types that no image reads."""


def _stores(context: Context) -> Iterator[Unsafe]:
    for risk in context.risks:
        if risk.type in _WITHOUT_DATA:
            continue
        when: tuple[When, ...] = (FSDCF,)
        what, why = f"is {risk.kind}", "the old image would find it gone"
        steps = "1. deploy an image that does without it while the spec still has it; 2. take it out of the spec"
        if risk.kind == "replaced":
            change = context.changes.get(risk.logical_id)
            what = "is replaced" if change is not None and change.replacement == "True" else "may be replaced"
            when = (CLOUDFORMATION, FSDCF)
            why = "the old image would find it empty; CloudFormation's rollback loses what new tasks wrote to the new one"
            steps = "1. add the new one beside it under another name, copy the data, and deploy an image that uses it; 2. remove the old one"
        yield Unsafe("store-removed", risk.logical_id, what, when, why, steps, Place(risk.logical_id, (), gone=risk.kind != "replaced"))


def _indexes(context: Context) -> Iterator[Unsafe]:
    for was, now in context.both("AWS::DynamoDB::Table"):
        if not context.in_place(was.name):
            continue
        kept = tasks.by(now.properties.get("GlobalSecondaryIndexes"), "IndexName")
        for name in tasks.by(was.properties.get("GlobalSecondaryIndexes"), "IndexName"):
            if name not in kept:
                why = "queries of the old release fail from the moment it is deleted; CloudFormation's rollback has to build it again"
                steps = "1. deploy an image that does not query it while it is there; 2. remove it"
                place = Place(was.name, ("GlobalSecondaryIndexes",), gone=True)
                yield Unsafe("index-removed", was.name, f"loses the index {name}", (ROLLOUT, CLOUDFORMATION, FSDCF), why, steps, place)


def _health_paths(context: Context) -> Iterator[Unsafe]:
    for was, now in context.both("AWS::ElasticLoadBalancingV2::TargetGroup"):
        for key, name in (("HealthCheckPath", "path"), ("Matcher", "codes"), ("HealthCheckPort", "port")):
            before, after = (text_of(one.properties.get(key)) for one in (was, now))
            if before == after:
                continue
            at_once = context.in_place(was.name)
            why = "an old image that does not pass the new check gets no requests and is stopped"
            if at_once:
                why += "; the old tasks are checked so as soon as the target group changes, before the new ones serve"
            steps = "1. deploy an image that passes both checks; 2. change the check"
            what = f"checks another {name}: {before or 'the default'} -> {after or 'the default'}"
            yield Unsafe("health-check-changed", was.name, what, (ROLLOUT, FSDCF) if at_once else (FSDCF,), why, steps, Place(was.name, (key,)))


def _ways_out(context: Context) -> Iterator[Unsafe]:
    why = "the old image may talk to what it no longer reaches"
    steps = "1. deploy an image that does without it while the way is open; 2. close it"
    for was in _narrowed(context, "AWS::ECS::Service", ("NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups")):
        when = (ROLLOUT, FSDCF) if context.in_place(was) else (FSDCF,)
        yield Unsafe("way-out-closed", was, "lets less out of the tasks", when, why, steps, Place(was, ("SecurityGroupEgress",)))
    open_now = {text_of(one.properties.get("RouteTableId")) for one in _default_routes(context.new)}
    for route in _default_routes(context.old):
        table = text_of(route.properties.get("RouteTableId"))
        if table in context.new.resources and table not in open_now:
            yield Unsafe("way-out-closed", route.name, "takes the way to the internet", (FSDCF,), why, steps, Place(route.name, (), gone=True))


def _ways_in(context: Context) -> Iterator[Unsafe]:
    for was in _narrowed(context, "AWS::ElasticLoadBalancingV2::LoadBalancer", ("SecurityGroups",)):
        if context.in_place(was):
            what = "lets less out of the load balancer"
            why = "if it no longer reaches the port of the old tasks, they get no requests from then on, before the new ones serve"
            steps = "1. let it reach both ports; 2. close the old one when no old task serves"
            yield Unsafe("way-in-closed", was, what, (ROLLOUT,), why, steps, Place(was, ("SecurityGroupEgress",)))


def _narrowed(context: Context, user: str, path: tuple[str, ...]) -> Iterator[str]:
    """The security groups of a type of resource that let less out than before."""
    used = {target_of(group) for one in context.old.of(user) for group in tasks.listed(_below(one.properties, path))}
    for was, now in context.both("AWS::EC2::SecurityGroup"):
        before, after = ({text_of(one) for one in tasks.listed(side.properties.get("SecurityGroupEgress"))} for side in (was, now))
        if was.name in used and after and (before - after or not before):  # no list at all lets everything out
            yield was.name


def _below(value: object, path: tuple[str, ...]) -> object:
    for step in path:
        value = mapping(value).get(step)
    return value


def _default_routes(view: View) -> Iterator[Resource]:
    return (one for one in view.of("AWS::EC2::Route") if one.properties.get("DestinationCidrBlock") == "0.0.0.0/0")


def _expiries(context: Context) -> Iterator[Unsafe]:
    for type, keys in KEPT.items():
        for was, now in context.both(type):
            for key, is_less, what in keys:
                if is_less(was.properties.get(key), now.properties.get(key)):
                    why = "what has expired, no rollback brings back"
                    steps = "1. deploy the rest, and copy what you may need; 2. shorten it when you are sure"
                    yield Unsafe("data-expires", was.name, what, (CLOUDFORMATION, FSDCF), why, steps, Place(was.name, (key,)))


RULES = (
    Rule("store-removed", "A table, bucket, queue or file system that the old image uses is deleted, left behind or replaced.", _stores),
    Rule("index-removed", "An index that the old image may query is deleted before the new image serves.", _indexes),
    Rule("health-check-changed", "The load balancer checks something that only the new image may answer.", _health_paths),
    Rule("permission-removed", "A role loses a permission that the old image may need, or that its tasks need to start.", _permissions),
    Rule("variable-removed", "An environment variable that the old image may read is gone.", _variables),
    Rule("secret-removed", "A secret that the old image may read is gone.", _secrets),
    Rule("volume-removed", "A path where the old image may find files is no longer mounted, or is another volume.", _volumes),
    Rule("container-removed", "A container that ran beside the old image is gone.", _sidecars),
    Rule("port-changed", "The container is asked on a port where the old image does not listen.", _ports),
    Rule("container-check-changed", "ECS checks the container by a command that only the new image may pass.", _container_checks),
    Rule("command-changed", "The container is started in a way that only the new image may understand.", _commands),
    Rule("read-only-root", "The root file system becomes read-only, and the old image may write to it.", _read_only),
    Rule("architecture-changed", "Tasks have a processor that the old image may not be built for.", _architectures),
    Rule("memory-reduced", "Tasks have less memory than the old image may need.", _memory),
    Rule("repository-changed", "The image comes from a repository that may not hold the old one.", _repositories),
    Rule("way-in-closed", "The load balancer no longer reaches the tasks of the old release.", _ways_in),
    Rule("way-out-closed", "Tasks no longer reach what the old image may talk to.", _ways_out),
    Rule("data-expires", "Data vanishes after a shorter time, and no rollback brings it back.", _expiries),
)
"""Every rule, in the order in which findings are shown: what costs data and service first."""
