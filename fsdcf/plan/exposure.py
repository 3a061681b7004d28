"""What of a stack can be reached from outside: load balancers, tasks and resources that are open to everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from fsdcf.cloudformation.planned import PlannedStack, items, template_of
from fsdcf.cloudformation.types import elasticloadbalancingv2 as elb
from fsdcf.cloudformation.types.ec2 import sources_of
from fsdcf.cloudformation.types.ecs import SERVICE, network_of
from fsdcf.plan.access import access, levels_of, shortened, verb


@dataclass(frozen=True)
class Exposure:
    """A resource that can be reached from outside. ``what`` is a clause without a full stop.

    ``everybody``: from the whole internet, not only from some addresses. ``plain``: also without TLS.
    """

    logical_id: str
    what: str
    everybody: bool = True
    plain: bool = False


def exposures(stack: PlannedStack) -> tuple[Exposure, ...]:
    """Everything that can be reached from outside, in the order of the template.

    Of several templates it is that of the one without a name; through the load balancers of the others, too.
    """
    everything = (*_balancers(stack), *_shared_balancers(stack), *_tasks(stack), *_policies(stack))
    found = [one for one in everything if not template_of(one.logical_id)]
    order = {name: number for number, name in enumerate(stack.resources)}
    return tuple(sorted(found, key=lambda one: order.get(one.logical_id, -1)))


def _balancers(stack: PlannedStack) -> Iterator[Exposure]:
    for balancer in stack.of(elb.LOAD_BALANCER):
        if not elb.is_public(balancer):
            continue
        listeners = list(elb.listeners_of(stack, balancer))
        ports = sorted({one.text("Port") for one in listeners}, key=lambda port: (len(port), port))
        sources = sources_of(stack, balancer.items("SecurityGroups"))
        everybody = not sources or "anyone" in sources
        plain = not any(one.text("Protocol") in ("HTTPS", "TLS") for one in listeners)
        where = "the internet" if everybody else ", ".join(sources[:3]) + (", …" if len(sources) > 3 else "")
        on = f" on port{'s' * (len(ports) > 1)} {', '.join(ports)}" if ports else ""
        what = f"accepts requests from {where}{on}" + (", without TLS" if plain else "")
        yield Exposure(balancer.name, what, everybody, plain)


def _shared_balancers(stack: PlannedStack) -> Iterator[Exposure]:
    """The target groups behind a public load balancer of another template."""
    for one in elb.forwards_of(stack):
        balancer = stack.resources.get(one.balancer or "")
        if balancer is not None and elb.is_public(balancer) and balancer.template != template_of(one.group):
            for open_balancer in (found for found in _balancers(stack) if found.logical_id == balancer.name):
                what = f"gets requests for {', '.join(one.addresses)} from {balancer.logical_id}, which "
                yield replace(open_balancer, logical_id=one.holder, what=what + open_balancer.what)


def _tasks(stack: PlannedStack) -> Iterator[Exposure]:
    for service in stack.of(SERVICE):
        network = network_of(service)
        if network.get("AssignPublicIp") == "ENABLED":
            admitted = "anyone" in sources_of(stack, items(network.get("SecurityGroups")))
            what = "has tasks with public addresses" + (", which admit the internet" if admitted else "")
            yield Exposure(service.name, what, admitted)


def _policies(stack: PlannedStack) -> Iterator[Exposure]:
    """The resources whose own policy lets everybody in without a condition."""
    for row in access(stack):
        if row.kind == "resource" and row.effect == "Allow" and "anyone" in row.principals and not row.conditions:
            yield Exposure(row.holder, f"lets everybody {levels_of(row)} {', '.join(row.targets or row.resources)}")


def permissions(stack: PlannedStack) -> dict[str, tuple[str, ...]]:
    """What the policies allow, as clauses by the logical ID of the resource that holds them."""
    held: dict[str, dict[tuple[str, str, bool], dict[str, None]]] = {}
    for row in access(stack):
        unlimited = row.unavoidable and row.levels == ("describe",)  # such as a token for ECR: it gives no access
        if row.kind in ("identity", "attached") and not unlimited:
            names = row.targets or tuple(map(shortened, row.resources))
            on = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            levels = held.setdefault(row.holder, {}).setdefault((verb(row), on, row.broad), {})
            levels.update(dict.fromkeys(levels_of(row).split(", ") if row.levels else ("everything in",)))
    return {name: tuple(map(_clause, rows, rows.values())) for name, rows in held.items()}


def _clause(row: tuple[str, str, bool], levels: Mapping[str, None]) -> str:
    """``may read, write OrdersTable``."""
    may, on, broad = row
    return f"{may} {', '.join(levels)} {on}" + (" (broad)" if broad else "")


@dataclass(frozen=True)
class FirstDeploy:
    """What a reader of a first deploy must know beside its resources: what is exposed, what its policies allow, and
    what overrides change, by logical ID."""

    exposures: tuple[Exposure, ...] = ()
    permissions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def first_deploy(stack: PlannedStack) -> FirstDeploy:
    """What a first deploy of a stack exposes and allows, and what overrides change."""
    overrides = {one.name: one.overrides for one in stack.resources.values() if one.overrides and not one.template}
    return FirstDeploy(exposures(stack), permissions(stack), overrides)
