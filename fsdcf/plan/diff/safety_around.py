"""Rollback safety of what stands around the tasks: permissions, stores, health checks, ways in and out, and what expires."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fsdcf.cloudformation.compare import canonical
from fsdcf.cloudformation.facts import custom_name
from fsdcf.cloudformation.risk import Risk
from fsdcf.plan.access.report import shortened
from fsdcf.plan.access.rows import access
from fsdcf.plan.diff import tasks
from fsdcf.plan.diff.expiry import KEPT
from fsdcf.plan.diff.grants import ROLES, Loss, losses
from fsdcf.plan.diff.safety import FSDCF, ROLLOUT, Context, Found, When
from fsdcf.plan.diff.tasks import Place
from fsdcf.plan.view import Resource, View, mapping, target_of, text_of

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


def _lost(context: Context, loss: Loss, task: Resource) -> Iterator[Found]:
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


def _checked(group: Resource, key: str) -> object:
    value = group.properties.get(key)
    return mapping(value).get("HttpCode") if key == "Matcher" and mapping(value) else value


def _codes(group: Resource) -> set[str]:
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


def _default_routes(view: View) -> Iterator[Resource]:
    return (one for one in view.of("AWS::EC2::Route") if one.properties.get("DestinationCidrBlock") == "0.0.0.0/0")


def expiries(context: Context) -> Iterator[Found]:
    """Data that is kept for a shorter time."""
    for type, keys in KEPT.items():
        for was, now in context.both(type):
            for key, is_less, what in keys:
                if is_less(was.properties.get(key), now.properties.get(key)):
                    yield Found(was.name, what, "what has expired, no rollback brings back", Place(was.name, (key,)))
