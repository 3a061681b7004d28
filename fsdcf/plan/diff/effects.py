"""Side effects of a plan: what an update does that its changed properties do not say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from inspect import cleandoc

from fsdcf.cloudformation.compare import canonical
from fsdcf.cloudformation.evaluation import Unknown
from fsdcf.cloudformation.planned import (
    PlannedResource,
    imported_name,
    items_by,
    mapping,
    mappings,
    target_of,
    text_of,
)
from fsdcf.cloudformation.types import Updates, record_of
from fsdcf.cloudformation.types.applicationautoscaling import SCALABLE_TARGET
from fsdcf.cloudformation.types.dynamodb import TABLE, provisioned, scaling_of
from fsdcf.cloudformation.types.ec2 import ROUTE
from fsdcf.cloudformation.types.ecs import CLUSTER, SERVICE, endpoints_of, scales, session_log, uses_connect
from fsdcf.cloudformation.types.elasticloadbalancingv2 import (
    LISTENER_RULE,
    LOAD_BALANCER,
    forwards_of,
    hosts_of,
    logs_requests,
)
from fsdcf.cloudformation.types.iam import ROLE
from fsdcf.cloudformation.types.route53 import RECORD_SET
from fsdcf.cloudformation.types.servicediscovery import names_of
from fsdcf.cloudformation.types.wafv2 import WEB_ACL_ASSOCIATION
from fsdcf.conventions import RELEASE_RECORD
from fsdcf.plan.access import shortened
from fsdcf.plan.diff.rollback import ReleaseChange
from fsdcf.plan.diff.tasks import PropertyPlace
from fsdcf.plan.exposure import exposures


@dataclass(frozen=True)
class SideEffect:
    """What an update does beside its changes: the effect, why or what follows from it, and the property that causes it.

    ``what`` and ``why`` are clauses without a full stop. A check leaves the rule out.
    """

    what: str
    why: str
    place: PropertyPlace
    rule: str = ""

    @property
    def logical_id(self) -> str:
        """The resource that changes."""
        return self.place.logical_id


EffectCheck = Callable[[ReleaseChange], Iterator[SideEffect]]


@dataclass(frozen=True)
class EffectRule:
    """A rule of side effects. ``id`` is public; ``explanation`` is the docstring of the check."""

    id: str
    explanation: str
    check: EffectCheck


EFFECTS: list[EffectRule] = []
"""Every rule, in the order in which side effects are shown."""


def effect(id: str) -> Callable[[EffectCheck], EffectCheck]:
    """Register a check as a rule; its docstring explains the rule."""

    def register(check: EffectCheck) -> EffectCheck:
        EFFECTS.append(EffectRule(id, cleandoc(check.__doc__ or "").replace("\n", " "), check))
        return check

    return register


def side_effects(release: ReleaseChange) -> tuple[SideEffect, ...]:
    """The side effects of all rules, in the order of the rules."""
    return tuple(replace(one, rule=rule.id) for rule in EFFECTS for one in rule.check(release))


_CONNECT = "ServiceConnectConfiguration"


def _in_place(release: ReleaseChange) -> Iterator[tuple[PlannedResource, PlannedResource]]:
    """The resources that are updated in place."""
    for was in release.old.resources.values():
        now = release.new.resources.get(was.name)
        if now is not None and now.type == was.type and release.in_place(was.name):
            yield was, now


@effect("task-count-reset")
def task_counts(release: ReleaseChange) -> Iterator[SideEffect]:
    """The number of tasks is set or lowered, and replaces what auto scaling or fsdcf scale chose."""
    for was, now in release.both(SERVICE):
        yield from _lowered(release, was)
        count = text_of(now.get("DesiredCount"))
        if not release.in_place(was.name) or was.get("DesiredCount") is not None or not count:
            continue
        target = next((one for one in release.old.of(SCALABLE_TARGET) if scales(one, was)), None)
        if target is None or target.name in release.new.resources:
            why = "the number that auto scaling or `fsdcf scale` chose is lost"
            yield SideEffect(f"sets the number of tasks to {count}", why, PropertyPlace(was.name, ("DesiredCount",)))
            continue
        low, high = target.text("MinCapacity"), target.text("MaxCapacity")
        why = f"auto scaling kept it between {low} and {high}, and no longer follows the load"
        yield SideEffect(
            f"is removed: the number of tasks becomes {count}", why, PropertyPlace(target.name, (), gone=True)
        )


@effect("scaling-limits-reset")
def scaling_limits(release: ReleaseChange) -> Iterator[SideEffect]:
    """The limits of auto scaling are set, and replace those of the last schedule until the next one is due."""
    # CloudFormation registers the scalable target with the limits of the template whenever it updates it.
    # Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
    for was, now in release.both(SCALABLE_TARGET):
        schedules = mappings(now.get("ScheduledActions")) and mappings(was.get("ScheduledActions"))
        if schedules and release.in_place(was.name):
            limits = f"{now.text('MinCapacity')} to {now.text('MaxCapacity')}"
            why = "those of the schedule that was last due are lost until the next one is due"
            yield SideEffect(f"sets the limits of auto scaling to {limits}", why, PropertyPlace(was.name, ()))


@effect("capacity-reset")
def capacities(release: ReleaseChange) -> Iterator[SideEffect]:
    """The capacity of a table or of its indexes is set, and replaces what auto scaling chose."""
    for was, now in release.both(TABLE):
        if not release.in_place(was.name):
            continue
        before, after = (provisioned(one) for one in (was, now))
        for (index, verb), units in after.items():
            if before.get((index, verb), units) != units and scaling_of(release.old, was, index, verb):
                of = f" of the index {index}" if index else ""
                why = "what auto scaling chose is lost, and it begins anew from there"
                place = PropertyPlace(was.name, ("GlobalSecondaryIndexes",) if index else ("ProvisionedThroughput",))
                yield SideEffect(f"sets the {verb.lower()} capacity{of} to {units}", why, place)


def _lowered(release: ReleaseChange, service: PlannedResource) -> Iterator[SideEffect]:
    """A maximum below the former minimum: tasks stop, whatever the load is."""
    for target in release.old.of(SCALABLE_TARGET):
        now = release.new.resources.get(target.name)
        low, high = target.text("MinCapacity"), now.text("MaxCapacity") if now else ""
        if scales(target, service) and low.isdigit() and high.isdigit() and int(high) < int(low):
            why = f"auto scaling kept at least {low} running, and stops the others whatever the load is"
            yield SideEffect(f"allows at most {high} tasks", why, PropertyPlace(target.name, ("MaxCapacity",)))


@effect("address-changed")
def addresses(release: ReleaseChange) -> Iterator[SideEffect]:
    """A load balancer is replaced, and the new one has another DNS name; or it is removed. Or a name loses its DNS
    record, or a service one by which other services reach it."""
    for was in release.old.of(LOAD_BALANCER):
        gone = was.name not in release.new.resources
        if gone or release.is_replaced(was.name):
            what = "is removed, and its DNS name with it" if gone else "is replaced, and gets another DNS name"
            why = "clients and DNS records that use the old name reach nothing once the deploy has ended"
            yield SideEffect(what, why, PropertyPlace(was.name, (), gone=gone))
    yield from _lost_records(release)
    yield from _lost_names(release)


def _lost_records(release: ReleaseChange) -> Iterator[SideEffect]:
    """Names in DNS that lose their record, although what they led to stays."""
    kept = {_dns_name(one) for one in release.new.of(RECORD_SET)}
    for was in release.old.of(RECORD_SET):
        target = target_of(was.mapping("AliasTarget").get("DNSName"))
        if _dns_name(was) not in kept and (target is None or target in release.new.resources):
            why = "clients that use the name reach nothing once the deploy has ended"
            if was.spec.startswith("environment."):
                why += "; services keep the hosts of the old domain until they are deployed"
            gone = was.name not in release.new.resources
            yield SideEffect(
                f"no longer leads {was.text('Name')} anywhere", why, PropertyPlace(was.name, ("Name",), gone=gone)
            )


def _dns_name(record: PlannedResource) -> str:
    return record.text("Name").lower().removesuffix(".")


def _lost_names(release: ReleaseChange) -> Iterator[SideEffect]:
    """Names by which other services no longer reach a service."""
    for was, now in release.both(SERVICE):
        before, after = (
            [name for name, service in names_of(stack) if service == one.name]
            for stack, one in ((release.old, was), (release.new, now))
        )
        ports = endpoints_of(now).values()
        lost = [name for name in before if name not in after]
        lost += [str(one) for one in endpoints_of(was).values() if one.host in after and one not in ports]
        if lost:
            why = "services that call it by that name reach nothing once the deploy has ended"
            place = PropertyPlace(now.name, ("ServiceConnectConfiguration",), gone=not after)
            yield SideEffect(f"is no longer reached as {', '.join(lost)}", why, place)


@effect("rule-reordered")
def reordered_rules(release: ReleaseChange) -> Iterator[SideEffect]:
    """A rule at a listener gets another priority: its hosts and paths are more or less specific than before, or the
    spec has another number."""
    for was, now in release.both(LISTENER_RULE):
        if was.text("Priority") != now.text("Priority") and release.in_place(was.name):
            what = "moves to another place among the rules of its listener"
            why = "a request that rules of other services match, too, may reach another service than before"
            yield SideEffect(what, why, PropertyPlace(was.name, ("Priority",)))


@effect("firewall-changed")
def firewalls(release: ReleaseChange) -> Iterator[SideEffect]:
    """A load balancer gets another web ACL of AWS WAF, or loses the one that it has."""
    for was in release.old.of(WEB_ACL_ASSOCIATION):
        target = was.target("ResourceArn")
        if target not in release.new.resources or release.is_replaced(target or ""):
            continue
        if was.name not in release.new.resources:
            why = f"nothing filters the requests to {target}"
            yield SideEffect("is removed", why, PropertyPlace(was.name, (), gone=True))
        elif release.is_replaced(was.name):
            # Source: https://github.com/pulumi/pulumi-aws/issues/4782
            why = f"the removal of the old association can leave {target} without a web ACL: check it after the deploy"
            why += ", or deploy without the old one first"
            yield SideEffect("is replaced by that of another web ACL", why, PropertyPlace(was.name, ("WebACLArn",)))


@effect("sign-in-removed")
def sign_ins(release: ReleaseChange) -> Iterator[SideEffect]:
    """Requests reach the service without the sign-in that the load balancer demanded."""
    before, after = ([one for one in stack.of(LISTENER_RULE) if _signs_in(one)] for stack in (release.old, release.new))
    if before and not after and any(True for _ in forwards_of(release.new)):
        rule = before[0]
        place = PropertyPlace(rule.name, ("Actions",), gone=rule.name not in release.new.resources)
        yield SideEffect("no longer demands a sign-in", "whoever reaches the load balancer reaches the service", place)


def _signs_in(rule: PlannedResource) -> bool:
    """Whether a rule forwards no request before its user has signed in."""
    configs = [
        mapping(action.get(f"Authenticate{kind}Config"))
        for action in rule.mappings("Actions")
        for kind in ("Oidc", "Cognito")
        if action.get("Type") == f"authenticate-{kind.lower()}"
    ]
    return any(config.get("OnUnauthenticatedRequest") != "allow" for config in configs)


@effect("releases-lost")
def lost_releases(release: ReleaseChange) -> Iterator[SideEffect]:
    """The record of the releases is replaced, and the new one begins with this release."""
    if RELEASE_RECORD in release.new.resources and release.is_replaced(RELEASE_RECORD):
        why = "`fsdcf history` and `fsdcf rollback` know this release and later ones only; older images stay"
        yield SideEffect("begins the list of releases anew", why, PropertyPlace(RELEASE_RECORD, ("Name",)))


@effect("egress-changed")
def nat_gateways(release: ReleaseChange) -> Iterator[SideEffect]:
    """Tasks in private subnets reach the internet through another NAT gateway, and from its address."""
    for was, now in release.both(ROUTE):
        before, after = was.target("NatGatewayId"), now.target("NatGatewayId")
        if before is not None and after is not None and (before != after or release.is_replaced(before)):
            why = "others see another address, which they may not admit yet; open connections break"
            what = "leads to the internet through another NAT gateway"
            yield SideEffect(what, why, PropertyPlace(was.name, ("NatGatewayId",)))


@effect("host-lost")
def lost_hosts(release: ReleaseChange) -> Iterator[SideEffect]:
    """The rules of the service at a load balancer no longer match a host."""
    served: dict[str, list[list[str]]] = {}
    for rule in release.new.of(LISTENER_RULE):
        served.setdefault(_balancer(rule), []).append([host.lower() for host in hosts_of(rule)])
    if any(forward.listener == Unknown(forward.holder, None) for forward in forwards_of(release.new)):
        served.setdefault("", []).append([])  # by default, the listener of the service itself forwards
    for was in release.old.of(LISTENER_RULE):
        here = served.get(_balancer(was), [])
        for host in map(str.lower, hosts_of(was)) if all(here) else ():  # a rule without hosts is for every host
            if not any(fnmatchcase(host, pattern) for patterns in here for pattern in patterns):
                why = "the load balancer answers its requests as those of an unknown host"
                gone = was.name not in release.new.resources
                yield SideEffect(f"no longer serves {host}", why, PropertyPlace(was.name, ("Conditions",), gone=gone))


def _balancer(rule: PlannedResource) -> str:
    """The load balancer of an environment at which a rule is, at any listener; empty for the service's own."""
    return re.sub(r"Https?ListenerArn$", "", imported_name(rule.get("ListenerArn")) or "")


@effect("proxy-changed")
def proxies(release: ReleaseChange) -> Iterator[SideEffect]:
    """Tasks get the proxy of Service Connect, or lose it; ECS replaces all of them."""
    for was, now in release.both(SERVICE):
        before, after = uses_connect(was), uses_connect(now)
        if before == after:
            continue
        place = PropertyPlace(was.name, (_CONNECT,))
        if after:
            why = "it takes CPU and memory of the task; only tasks that start from then on know the names of others"
            yield SideEffect("adds the proxy of Service Connect to each task", why, place)
        else:
            why = "the tasks no longer reach other services by their names"
            yield SideEffect("takes the proxy of Service Connect from each task", why, place)


@effect("exposed")
def exposed(release: ReleaseChange) -> Iterator[SideEffect]:
    """Something can be reached from the internet that could not, or without TLS."""
    before = {one.logical_id: one for one in exposures(release.old)}
    for one in exposures(release.new):
        was = before.get(one.logical_id)
        if was is None or (one.everybody and not was.everybody) or (one.plain and not was.plain):
            why = "before, it was not exposed" if was is None else f"before: {was.what}"
            yield SideEffect(one.what, why, PropertyPlace(one.logical_id, ()))


@effect("boundary-changed")
def boundaries(release: ReleaseChange) -> Iterator[SideEffect]:
    """A role gets or loses a permissions boundary, which limits what its policies can allow."""
    for was, now in release.both(ROLE):
        before, after = (shortened(one.text("PermissionsBoundary")) for one in (was, now))
        if before == after:
            continue
        place = PropertyPlace(was.name, ("PermissionsBoundary",), gone=not after)
        if after:
            why = "what the new boundary does not allow is denied at once, also to the tasks of the old release"
            yield SideEffect(f"is limited by the permissions boundary {after}", why, place)
        else:
            why = "only its policies limit what it may do"
            yield SideEffect(f"is no longer limited by the permissions boundary {before}", why, place)


@effect("protection-removed")
def protections(release: ReleaseChange) -> Iterator[SideEffect]:
    """A load balancer or a table is no longer protected from deletion."""
    for was, now in _in_place(release):
        record = record_of(was.type)
        protection = record.simulation.protection
        if protection is None or not protection.is_on(was.properties) or protection.is_on(now.properties):
            continue
        kept = record.updates.kept.get(protection.property)
        if kept is None or not any("protection" in name for name in _removed(was, now, protection.property, kept)):
            why = "whoever deletes it, by mistake too, is no longer stopped"
            yield SideEffect(
                "is no longer protected from deletion", why, PropertyPlace(was.name, (protection.property,))
            )


@effect("logs-off")
def logs(release: ReleaseChange) -> Iterator[SideEffect]:
    """A container no longer writes its output to a log, a load balancer its requests, or a cluster what is done in
    sessions of ECS Exec."""
    for was, now in _in_place(release):
        written = items_by(now.get("LoadBalancerAttributes"), "Key").get("access_logs.s3.enabled")
        if was.type == LOAD_BALANCER and logs_requests(was) and written and not logs_requests(now):
            why = "what its clients request from then on cannot be found out later"
            yield SideEffect("no longer logs requests", why, PropertyPlace(was.name, ("LoadBalancerAttributes",)))
        if was.type == CLUSTER and session_log(was) and not session_log(now):
            place = PropertyPlace(was.name, ("Configuration",), gone=now.get("Configuration") is None)
            why = "what is typed and shown in a session from then on cannot be found out later"
            yield SideEffect("no longer records sessions of ECS Exec", why, place)
    for pair in release.containers:
        if mapping(pair.before.get("LogConfiguration")) and not mapping(pair.after.get("LogConfiguration")):
            name = "the container" if pair.is_main else text_of(pair.after.get("Name"))
            why = "its output is lost: `fsdcf logs` shows nothing of it, and a failed deploy is explained without it"
            yield SideEffect(f"turns off the log of {name}", why, pair.place("LogConfiguration", gone=True))


@effect("value-kept")
def kept_values(release: ReleaseChange) -> Iterator[SideEffect]:
    """A value that the template no longer has stays as it was on AWS."""
    for was, now in _in_place(release):
        for property, key in record_of(was.type).updates.kept.items():
            for setting, value in _removed(was, now, property, key).items():
                why = f"AWS keeps the value {value}; write the value that you want"
                place = PropertyPlace(was.name, (property,), gone=True)
                yield SideEffect(f"no longer has {setting}", why, place)


def _removed(was: PlannedResource, now: PlannedResource, property: str, key: str | None) -> Mapping[str, str]:
    """What a property, or its list of settings by ``key``, no longer has, with the former values as text.

    A setting that belongs to a feature which is still switched on or off is left out: that switch counts.
    """
    if key is None:
        gone = now.get(property) is None and was.get(property) not in (None, [])
        return {property: text_of(was.get(property))} if gone else {}
    before, after = (items_by(one.get(property), key) for one in (was, now))
    features = tuple(name.removesuffix("enabled") for name in after if name.endswith(".enabled"))
    lost = (name for name in before if name not in after and not name.startswith(features))
    return {name: text_of(before[name].get("Value")) for name in lost}


@effect("rare-change")
def rare_changes(release: ReleaseChange) -> Iterator[SideEffect]:
    """A property changes that AWS allows to change only rarely."""
    yield from _changed(release, lambda updates: updates.limited)


@effect("interruption")
def interruptions(release: ReleaseChange) -> Iterator[SideEffect]:
    """A property changes that restarts a resource, or stops it for a time."""
    yield from _changed(release, lambda updates: updates.interrupting)


def _changed(release: ReleaseChange, why: Callable[[Updates], Mapping[str, str]]) -> Iterator[SideEffect]:
    """The properties that change, and are not refused, with what follows from it."""
    for was, now in _in_place(release):
        updates = record_of(was.type).updates
        refused = {name for name, _ in updates.refusals(was.properties, now.properties)}
        for property, effect in why(updates).items():
            if canonical(was.get(property)) != canonical(now.get(property)) and property not in refused:
                yield SideEffect(f"changes {property}", effect, PropertyPlace(was.name, (property,)))
