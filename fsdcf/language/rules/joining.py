"""Rules about services that join an environment: what belongs to its load balancer, and what to the service."""

from __future__ import annotations

from difflib import get_close_matches

from fsdcf.diagnostics import joined
from fsdcf.language.conditions import hosts_of, shared_balancer
from fsdcf.language.rules.case import Case, Problem, Problems, rule

_BALANCER = "service.networking.loadBalancer"
_OF_SHARED = ("name", "priority", "hosts", "paths")
_OF_OWN = ("internal", "certificateArn", "sslPolicy", "idleTimeout", "allowCidrs")


def _file(case: Case) -> str:
    """The name of the environment's file."""
    return case.file.beneath.span(()).file if case.file else f"environments/{case.environment}.yml"


@rule("S441", "a key of a shared load balancer")
def shared_keys(case: Case) -> Problems:
    """A load balancer of an environment serves many services: the spec of each names the load balancer, the hosts and
    the paths, and may set the priority of its rule. A load balancer of the service's own answers to every host."""
    if case.service.networking.shared:
        return
    for key in _OF_SHARED:
        if case.wrote(f"{_BALANCER}.{key}"):
            message = f"`{key}` is for a load balancer of an environment, and this one belongs to the service alone"
            hint = "join an environment with `networking.shared: true`, or leave it out"
            yield Problem(f"{_BALANCER}.{key}", message, hint, key=True)


@rule("S442", "a key of the environment's load balancer")
def own_keys(case: Case) -> Problems:
    """A service that joins an environment has rules at a load balancer that the environment's file describes: its
    scheme, certificate, timeout and sources are the same for all services."""
    if not case.service.networking.shared:
        return
    found = case.joined and shared_balancer(case.spec, case.joined)
    name = found[0] if found else "public"
    for key in _OF_OWN:
        if case.wrote(f"{_BALANCER}.{key}"):
            message = f"`{key}` belongs to the load balancer, which the service shares with others"
            hint = f"write it in {_file(case)} as environment.loadBalancers.{name}.{key}, or leave it out"
            yield Problem(f"{_BALANCER}.{key}", message, hint, key=True)


@rule("S443", "no load balancer of this name")
def unknown_balancer(case: Case) -> Problems:
    """A service that joins an environment uses one of its load balancers: the one that `name` names, else the only one,
    else the one named `public`. A port without a load balancer needs `loadBalancer: false`."""
    balancer = case.service.load_balancer
    if case.joined is None or balancer is None or shared_balancer(case.spec, case.joined):
        return
    known = sorted(case.joined.environment.load_balancers)
    environment = case.joined.metadata.name
    if not known:
        message = f"the environment `{environment}` has no load balancer"
        hint = f"add `loadBalancers: {{{balancer.name or 'public'}: {{}}}}` to `environment` in {_file(case)}"
        hint += ", or write `loadBalancer: false` for a port without one"
    elif balancer.name is None:
        message = f"the environment `{environment}` has several load balancers, and none is named `public`"
        hint = f"write networking.loadBalancer.name: {joined(known)}"
    else:
        message = f"the environment `{environment}` has no load balancer `{balancer.name}`"
        close = get_close_matches(balancer.name, known, 1)
        hint = f"did you mean `{close[0]}`?" if close else f"use {joined(f'`{one}`' for one in known)}"
    path = f"{_BALANCER}.name" if balancer.name else _BALANCER if case.wrote(_BALANCER) else "service.port"
    yield Problem(path, message, hint, key=not balancer.name)


@rule("S444", "neither a host nor a path")
def nothing_to_match(case: Case) -> Problems:
    """The load balancer of an environment tells its services apart by hosts and paths. Without `hosts` a service has
    its name in the load balancer's domain; if there is no domain, it needs hosts or paths of its own."""
    found = case.joined and shared_balancer(case.spec, case.joined)
    if found and not hosts_of(case.spec, found[1]) and not case.service.networking.balancer.paths:
        message = f"the load balancer `{found[0]}` has no domain, and the service has neither hosts nor paths"
        hint = f"write networking.loadBalancer.paths such as [/{case.spec.metadata.name}/*], or hosts; "
        hint += f"or add `domain` to environment.loadBalancers.{found[0]} in {_file(case)}"
        yield Problem(_BALANCER if case.wrote(_BALANCER) else "service.port", message, hint, key=True)
