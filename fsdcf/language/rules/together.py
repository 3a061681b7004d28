"""Rules about several specs together, such as those of a repository: what none of them shows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fsdcf.cloudformation.priorities import depth_of
from fsdcf.conventions import ENVIRONMENT_SERVICE, similar
from fsdcf.diagnostics import Diagnostic, Rule, SpecPath, in_order, joined
from fsdcf.language.conditions import SharedRule, shared_balancer, shared_rules
from fsdcf.language.dependency import BALANCER, CONNECT, DNS, ReachedService, Types
from fsdcf.language.document import Document
from fsdcf.language.model.environment import EnvironmentSpec
from fsdcf.language.model.service import HTTP_PORT, Spec
from fsdcf.language.placeholders import sample

if TYPE_CHECKING:
    from fsdcf.language.environment import EnvironmentFile


@dataclass(frozen=True, eq=False, repr=False)
class Sibling:
    """One of several specs: its environment, what is written, and the service that it describes.

    ``service`` is None for the file of an environment. ``file`` is the environment's file, whether the service joins or
    not.
    """

    environment: str
    document: Document
    service: Spec | None
    file: EnvironmentFile | None = None

    @property
    def joined(self) -> EnvironmentSpec | None:
        """The environment that the service joins; None if it joins none."""
        is_shared = self.service is not None and self.service.service.networking.shared
        return self.file.spec if self.file is not None and is_shared else None

    def at(self, path: SpecPath) -> str:
        """The file and the line of a value, for a message about another spec."""
        span = self.document.span(path)
        return f"{span.file}:{span.line}"


@dataclass(frozen=True, eq=False, repr=False)
class Conflict:
    """A violation: the spec to change, the path in it, the message and the hint."""

    sibling: Sibling
    path: SpecPath
    message: str
    hint: str


Conflicts = Iterator[Conflict]
_Check = Callable[[Sequence[Sibling], Types], Conflicts]


@dataclass(frozen=True, eq=False, repr=False)
class SetRule(Rule):
    """A rule with its check, which yields the conflicts between the services of one environment. One about what no
    spec has ``needs_all`` of them."""

    check: _Check = field(kw_only=True)
    needs_all: bool = field(kw_only=True)


def set_rule(code: str, title: str, needs_all: bool = False) -> Callable[[_Check], SetRule]:
    """Turn a check into a rule. Its docstring is the explanation."""

    def decorate(check: _Check) -> SetRule:
        return SetRule(code, title, " ".join((check.__doc__ or "").split()), check=check, needs_all=needs_all)

    return decorate


def check_together(siblings: Iterable[Sibling], types: Types, complete: bool = True) -> tuple[Diagnostic, ...]:
    """The findings about specs of which none has errors, each at a line of one of them. Warnings that an author allowed
    are left out. The specs are not ``complete`` if others have errors."""
    environments: dict[str, list[Sibling]] = {}
    for sibling in siblings:
        environments.setdefault(sibling.environment, []).append(sibling)
    rules = [each for each in globals().values() if isinstance(each, SetRule) and (complete or not each.needs_all)]
    findings: list[Diagnostic] = []
    for together in environments.values():
        for rule in rules if len(together) > 1 else ():
            for one in rule.check(together, types):
                finding = rule.at(one.sibling.document.span(one.path), one.path, one.message, one.hint)
                findings += [] if one.sibling.document.allows(finding) else [finding]
    return in_order(findings)


def _services(siblings: Sequence[Sibling]) -> Iterator[tuple[Sibling, Spec]]:
    return ((sibling, sibling.service) for sibling in siblings if sibling.service is not None)


_LOAD_BALANCER = ("service", "networking", "loadBalancer")


@dataclass(frozen=True, eq=False, repr=False)
class RuleOf:
    """A rule of a service at a load balancer of the environment."""

    sibling: Sibling
    service: Spec
    listener: str
    rule: SharedRule

    def path(self, *keys: str) -> SpecPath:
        """The path of the first of these keys of the load balancer that is written, or else of the port."""
        written = ((*_LOAD_BALANCER, key) for key in keys)
        return next((path for path in written if self.sibling.document.has(path)), ("service", "port"))

    @property
    def matches(self) -> Iterator[tuple[str, str]]:
        """Each host and path that the rule matches, in the form in which equal ones are equal; empty for any."""
        for host in self.rule.hosts or ("",):
            for path in self.rule.paths or ("",):
                yield host.lower(), path if depth_of(path) else ""


def _rules(siblings: Sequence[Sibling]) -> Iterator[RuleOf]:
    for sibling, service in _services(siblings):
        found = shared_balancer(service, sibling.joined) if sibling.joined else None
        if found is None or sibling.joined is None:
            continue
        name, balancer = found
        listener = str(balancer.listener_arn or name)
        yield from (RuleOf(sibling, service, listener, rule) for rule in shared_rules(service, sibling.joined))


@set_rule("S476", "two specs of one stack")
def same_stack(siblings: Sequence[Sibling], types: Types) -> Conflicts:
    """The name of a service and of its environment is that of its stack. Two specs with one name would deploy to one
    stack in turn, and each would delete what the other one needs."""
    first: dict[str, Sibling] = {}
    for sibling in siblings:
        name = sibling.service.metadata.name if sibling.service else ENVIRONMENT_SERVICE
        other = first.setdefault(name, sibling)
        if other is not sibling:
            path = ("metadata", "name")
            subject = f"the service `{name}`" if sibling.service else f"the environment `{sibling.environment}`"
            hint = "give one of them another name, or pass only one of the files"
            yield Conflict(sibling, path, f"{subject} is also in {other.at(path)}", hint)


@set_rule("S477", "one physical name in two services")
def same_resource(siblings: Sequence[Sibling], types: Types) -> Conflicts:
    """The physical name of a table, bucket, queue or topic can be used once in an account and Region, so that the
    deploy of the second service fails. One service creates the resource, and others use it with `unmanaged`."""
    first: dict[tuple[str, str], tuple[Spec, str]] = {}
    for sibling, service in _services(siblings):
        for index, dependency in enumerate(service.dependencies):
            kind = types[dependency.type]
            if not kind.physical_name or not kind.managed(dependency):
                continue
            path = ("dependencies", index, "name")
            other, place = first.setdefault((kind.category, sample(dependency.name)), (service, sibling.at(path)))
            if other.metadata.name != service.metadata.name:
                message = f"`{other.metadata.name}` creates `{dependency.name}`, too, in {place}"
                hint = "rename one; or use the other service's with `unmanaged: {permissions: read}`"
                yield Conflict(sibling, path, message, hint)


@set_rule("S478", "equal hosts and paths at a load balancer")
def same_requests(siblings: Sequence[Sibling], types: Types) -> Conflicts:
    """A load balancer forwards a request by the first rule that matches its host and its path: a second service with
    the same host and path at the same load balancer would get none."""
    first: dict[tuple[str, str, str], RuleOf] = {}
    reported: set[tuple[str, str]] = set()
    for each in _rules(siblings):
        for host, path in each.matches:
            other = first.setdefault((each.listener, host, path), each)
            pair = (other.service.metadata.name, each.service.metadata.name)
            if pair[0] != pair[1] and pair not in reported:
                reported.add(pair)
                keys = ("hosts", "paths") if host else ("paths",)
                place = other.sibling.at(other.path(*keys))
                requests = f"{host or 'any host'}{path}" if path else host or "every request"
                message = f"`{other.service.metadata.name}` has a rule for {requests}, too, in {place}"
                hint = "give one of them other `hosts` or more specific `paths`, or another load balancer by `name`"
                yield Conflict(each.sibling, each.path(*keys), message, hint)


@set_rule("S479", "a priority used twice at a load balancer")
def same_priority(siblings: Sequence[Sibling], types: Types) -> Conflicts:
    """The rules of a load balancer's listener have different priorities. A service that writes `priority` uses that one
    for its first rule, and the following ones if its hosts and paths make several rules."""
    for other, each in _of_one_priority(siblings):
        if not each.rule.parameter and not other.rule.parameter:
            name, place = other.service.metadata.name, other.sibling.at(other.path("priority"))
            message = f"the priority {each.rule.priority} is also that of {other.rule.id} of `{name}`, in {place}"
            taken = sorted({one.rule.priority for one in _rules(siblings) if not one.rule.parameter})
            hint = f"write another one than {', '.join(map(str, taken))}, or leave `priority` out"
            yield Conflict(each.sibling, each.path("priority"), message, hint)


@set_rule("W160", "a dependency on a service without a spec", needs_all=True)
def unknown_service(siblings: Sequence[Sibling], types: Types) -> Conflicts:
    """No spec at hand describes the service that this one calls by its name. It may be in another repository: its
    stack must then be deployed to the same environment."""
    known = sorted(service.metadata.name for _, service in _services(siblings))
    for sibling, service in _services(siblings):
        for index, dependency in enumerate(service.dependencies):
            name = str(dependency.name)
            if isinstance(dependency, ReachedService) and name not in known:
                close = similar(name, known)
                hint = f"did you mean `{close}`?" if close else f"the specs at hand describe {', '.join(known)}"
                message = f"no spec at hand describes the service `{name}`"
                yield Conflict(sibling, ("dependencies", index, "name"), message, hint)


@set_rule("W161", "equal default priorities at a load balancer")
def same_default_priority(siblings: Sequence[Sibling], types: Types) -> Conflicts:
    """Without `priority`, the number of a rule follows from the name of its service, and two services may get the same
    one. `fsdcf deploy` then gives the second one the next free number. Another tool has to pass the parameter."""
    for other, each in _of_one_priority(siblings):
        if each.rule.parameter and other.rule.parameter:
            name = other.service.metadata.name
            message = f"`{name}` has the same default priority, {each.rule.priority}, for {other.rule.id}"
            hint = f"`fsdcf deploy` chooses another one; other tools need {each.rule.parameter}, or write `priority`"
            yield Conflict(each.sibling, each.path("hosts", "paths"), message, hint)


@set_rule("W162", "an overlay that no spec has", needs_all=True)
def unknown_overlay(siblings: Sequence[Sibling], types: Types) -> Conflicts:
    """`overlay` in the file of an environment names the part of the specs' `environments` that applies. If no spec at
    hand has it, every service is compiled without an overlay."""
    services = [sibling for sibling, _ in _services(siblings)]
    file = next((sibling.file for sibling in services if sibling.file), None)
    overlay = file.spec.environment.overlay if file else None
    written = {str(name) for one in services for name in (one.document.data.get("environments") or ())}
    if file is not None and overlay is not None and overlay not in written:
        close = similar(overlay, written)
        guess = (
            f"did you mean `{close}`?" if close else f"they have {joined(sorted(written), 'and')}" if written else ""
        )
        hint = guess or f"add `environments: {{{overlay}: …}}` to a spec, or leave `overlay` out"
        path = ("environment", "overlay")
        described = replace(services[0], document=file.document)
        yield Conflict(described, path, f"no spec at hand has `environments.{overlay}`", hint)


def _of_one_priority(siblings: Sequence[Sibling]) -> Iterator[tuple[RuleOf, RuleOf]]:
    """The rules whose priority another service's rule has, each behind that one."""
    first: dict[tuple[str, int], RuleOf] = {}
    for each in _rules(siblings):
        other = first.setdefault((each.listener, each.rule.priority), each)
        if other.service.metadata.name != each.service.metadata.name:
            yield other, each


def _calls(siblings: Sequence[Sibling]) -> Iterator[tuple[Sibling, SpecPath, ReachedService, Sibling, Spec]]:
    """Each call of a service whose spec is at hand: the caller, the dependency with its path, and the other service."""
    known = {service.metadata.name: (sibling, service) for sibling, service in _services(siblings)}
    for sibling, service in _services(siblings):
        for index, dependency in enumerate(service.dependencies):
            found = known.get(sample(dependency.name))
            if isinstance(dependency, ReachedService) and found is not None:
                yield sibling, ("dependencies", index), dependency, *found


_CONNECT, _DISCOVERY = "service.networking.serviceConnect", "service.networking.serviceDiscovery"


@set_rule("S468", "a call of a service without an endpoint")
def no_endpoint(siblings: Sequence[Sibling], types: Types) -> Conflicts:
    """A service is called by name at its endpoint in Service Connect. It has one in the environment that it joins, with
    a port and `networking.serviceConnect`. By DNS it needs `networking.serviceDiscovery` instead, at the load balancer
    `networking.loadBalancer`."""
    for caller, path, dependency, callee, service in _calls(siblings):
        place, networking = callee.at(("metadata", "name")), service.service.networking
        ways = {
            CONNECT: {f"{_CONNECT}: true": networking.connect is not None},
            DNS: {f"{_DISCOVERY}: true": networking.discovery is not None},
            BALANCER: {"service.networking.loadBalancer": service.service.load_balancer is not None},
        }
        needed = {
            "service.port": service.service.entry_port is not None,
            "service.networking.shared: true": networking.shared,
            **ways[dependency.method],
        }
        if not all(needed.values()):
            missing = " and ".join(key for key, there in needed.items() if not there)
            message = f"`{dependency.name}` has no endpoint: {place} lacks {missing}"
            yield Conflict(caller, (*path, "name"), message, f"add {missing} to {callee.document.span(()).file}")


@set_rule("S469", "a call to another address")
def other_address(siblings: Sequence[Sibling], types: Types) -> Conflicts:
    """The alias and the port of a dependency on a service are those of the service's own `networking.serviceConnect`,
    or with dns of its `serviceDiscovery` and its port: a template depends on its own spec alone, so neither is read
    from the other."""
    for caller, path, dependency, callee, service in _calls(siblings):
        answers = _answers(dependency, service)
        wanted = (dependency.host, dependency.port or HTTP_PORT)
        if answers is None or answers == wanted:
            continue
        host, port = answers
        key = "serviceDiscovery" if dependency.method == DNS else "serviceConnect"
        place = callee.at(("service", "networking", key))
        message = f"`{dependency.name}` answers at {host}:{port} ({place}), and not at "
        keys = {"alias": (dependency.host, host), "port": (wanted[1], port)}
        wrong = {key: value for key, (written, value) in keys.items() if written != value}
        at = next((key for key in wrong if caller.document.has((*path, key))), "name")
        hint = f"write {' and '.join(f'`{key}: {value}`' for key, value in wrong.items())} for this dependency"
        yield Conflict(caller, (*path, at), f"{message}{wanted[0]}:{wanted[1]}", hint)


def _answers(dependency: ReachedService, service: Spec) -> tuple[str, int] | None:
    """Host and port at which a service answers to those who find it like this; None if they are not known."""
    if dependency.method == CONNECT:
        return service.endpoint
    discovery, port = service.service.networking.discovery, service.service.entry_port
    if dependency.method != DNS or discovery is None or port is None or dependency.port is None:
        return None
    return discovery.name or service.metadata.name, port


@set_rule("S470", "two services with one name in an environment")
def same_name(siblings: Sequence[Sibling], types: Types) -> Conflicts:
    """A host with its port, and a DNS name, belong to one service of an environment: ECS and Cloud Map reject the
    second one."""
    first: dict[tuple[str, int], Sibling] = {}
    for sibling, service in _services(siblings):
        networking = service.service.networking
        names = {"serviceConnect": service.endpoint}
        if networking.discovery is not None and networking.shared:
            names["serviceDiscovery"] = (networking.discovery.name or service.metadata.name, 0)
        for key, name in names.items():
            other = first.setdefault(name, sibling) if name else sibling
            if name and other is not sibling:
                path = ("service", "networking", key)
                shown, way = (f"{name[0]}:{name[1]}", "alias") if name[1] else (name[0], "name")
                hint = f"give one of them another `{key}.{way}`"
                yield Conflict(sibling, path, f"`{shown}` is also in {other.at(path)}", hint)
