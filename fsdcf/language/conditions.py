"""The conditions of a listener's rules: hosts and paths in few rules, and the rules of a service at a load balancer
that it shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fsdcf.cloudformation.priorities import Band, band_of, default_priority, depth_of
from fsdcf.language.model.environment import EnvironmentSpec, SharedLoadBalancer
from fsdcf.language.model.service import Spec
from fsdcf.language.model.traffic import MOST_VALUES, HeaderCondition, QueryCondition, Redirect

MOST_IN_CONDITION = 3
"""Values of one condition of a rule.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""

_HOSTS_BESIDE_PATHS = 2
"""Hosts of a rule that has paths, too. The number is fixed, so that one more host at the end moves no other host into
another rule: one that moves may have no rule for a moment of the update."""

Match = tuple[tuple[str, ...], tuple[str, ...]]
"""The hosts and the paths of a rule; where there are none, it does not ask for any."""


def matches(
    hosts: Sequence[str], paths: Sequence[str], fixed: Sequence[str] = (), by_band: bool = False
) -> tuple[Match, ...]:
    """Divide hosts and paths among rules, each with all values of the ``fixed`` conditions.

    A rule takes five values and five wildcards, and each of its conditions three values. ``by_band`` keeps apart what
    has different priorities at a shared listener. None where not even one host and one path fit.
    """
    room, wild = MOST_VALUES - len(fixed), MOST_VALUES - wildcards(fixed)
    wildest_host, wildest_path = (max((wildcards([one]) for one in some), default=0) for some in (hosts, paths))
    if room < bool(hosts) + bool(paths) or wild < wildest_host + wildest_path:
        return ()
    host_room, host_wild = min(room, MOST_IN_CONDITION), wild
    path_room, path_wild = host_room, wild
    if hosts and paths:
        host_room = _HOSTS_BESIDE_PATHS if room > MOST_IN_CONDITION else 1
        path_room = min(room - host_room, MOST_IN_CONDITION)
        host_wild = max(wildest_host, min(_HOSTS_BESIDE_PATHS, wild - wildest_path))
        path_wild = wild - host_wild
    some = _parts(hosts, host_room, host_wild, has_wildcard if by_band else None)
    few = _parts(paths, path_room, path_wild, depth_of if by_band else None)
    return tuple((one, other) for one in some for other in few)


def wildcards(texts: Sequence[str]) -> int:
    """The number of wildcards in texts."""
    return sum(text.count("*") + text.count("?") for text in texts)


def has_wildcard(text: str) -> bool:
    """Whether a host or a path has a wildcard."""
    return bool(wildcards([text]))


def _parts(values: Sequence[str], size: int, wild: int, kind: Callable[[str], object] | None) -> list[tuple[str, ...]]:
    """Parts of at most ``size`` values of one kind with at most ``wild`` wildcards; an empty part of an empty list. One
    more value at the end changes the last part of its kind, or is a new part at the end."""
    parts: list[list[str]] = []
    latest: dict[object, list[str]] = {}
    for value in dict.fromkeys(values):
        part = latest.get(kind and kind(value))
        if part is None or len(part) == size or wildcards([*part, value]) > wild:
            part = latest[kind and kind(value)] = []
            parts.append(part)
        part.append(value)
    return [tuple(part) for part in parts] or [()]


def fixed_values(headers: Sequence[HeaderCondition], query: Sequence[QueryCondition]) -> list[str]:
    """The values of the conditions that every rule of a service has."""
    values = [value for one in headers for value in one.values]
    return [*values, *(f"{one.name or ''}{value}" for one in query for value in one.values)]


@dataclass(frozen=True, repr=False)
class SharedRule:
    """A rule of a service at a load balancer of its environment: its logical id, what it matches, and its priority.

    ``parameter`` is the parameter of the template that has the priority as its default; empty for a priority that the
    spec has, which a deploy must not change. ``redirect`` is that of the spec; None for a rule that forwards.
    """

    id: str
    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    priority: int
    parameter: str
    redirect: Redirect | None = None


def shared_balancer(spec: Spec, joined: EnvironmentSpec) -> tuple[str, SharedLoadBalancer] | None:
    """The load balancer of the environment that a service uses, with its name; None for a service without one."""
    balancer = spec.service.load_balancer
    return None if balancer is None else joined.environment.balancer_of(balancer.name)


def hosts_of(spec: Spec, shared: SharedLoadBalancer) -> tuple[str, ...]:
    """The hosts of a service at a load balancer of its environment: by default its name in the balancer's domain."""
    default = (f"{spec.metadata.name}.{shared.domain}",) if shared.domain else ()
    return spec.service.networking.balancer.hosts or default


def shared_rules(spec: Spec, joined: EnvironmentSpec) -> tuple[SharedRule, ...]:
    """The rules of a service at a load balancer of its environment: those that redirect, then those that forward.

    A redirect without hosts is for those of the service. It comes before what the service forwards for hosts and paths
    that are as specific: where the band is the same, its number is lower.
    """
    found = shared_balancer(spec, joined)
    if found is None:
        return ()
    balancer, own = spec.service.networking.balancer, hosts_of(spec, found[1])
    fixed = fixed_values(balancer.headers, balancer.query)
    forwards = [(None, *match) for match in matches(own, balancer.paths, fixed, by_band=True)]
    redirects = [
        (one, *match) for one in balancer.redirects for match in matches(one.hosts or own, one.paths, by_band=True)
    ]
    wanted = [
        (f"{kind}{index + 1 if index else ''}", *one)
        for kind, listed in (("RedirectRule", redirects), ("ListenerRule", forwards))
        for index, one in enumerate(listed)
    ]
    if balancer.priority is not None:
        numbers = {rule: balancer.priority + index for index, (rule, *_) in enumerate(wanted)}
    else:
        numbers = _default_priorities(spec.metadata.name, wanted, bool(fixed))
    return tuple(
        SharedRule(
            rule,
            hosts,
            paths,
            numbers[rule],
            "" if balancer.priority else rule.removeprefix("Listener").replace("Rule", "RulePriority"),
            redirect,
        )
        for rule, redirect, hosts, paths in wanted
    )


def _default_priorities(
    service: str,
    wanted: Sequence[tuple[str, Redirect | None, tuple[str, ...], tuple[str, ...]]],
    has_others: bool,
) -> dict[str, int]:
    """The number of each rule by hash. ``has_others`` tells whether those that forward have further conditions: they do
    not come before a redirect for that."""
    numbers: dict[str, int] = {}
    redirects = [one for one in wanted if one[1] is not None]
    for rule, redirect, hosts, paths in (*wanted[len(redirects) :], *reversed(redirects)):
        band = band_of(hosts, paths, has_others)
        number = default_priority(service, rule, band, numbers.values())
        first = min((other for other in numbers.values() if band.first < other <= band.last), default=number)
        if redirect is not None and number > first:
            number = default_priority(service, rule, Band(band.first, first - 1), numbers.values())
        numbers[rule] = number
    return numbers
