"""A rule as one object: its code, title, explanation and source together with the check, made by the decorator
``rule``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fsdcf.conventions import environment_path
from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.language.conditions import shared_balancer
from fsdcf.language.dependency import DependencyType, Types
from fsdcf.language.document import Document
from fsdcf.language.model.common import Dependency, recorded_in
from fsdcf.language.model.container import MAIN_PATH, Container
from fsdcf.language.model.environment import is_production, is_protected
from fsdcf.language.model.service import LoadBalancer, Service, Spec, Vpc
from fsdcf.language.placeholders import String, Text
from fsdcf.language.unknown import until_unknown

if TYPE_CHECKING:
    from fsdcf.language.environment import EnvironmentFile
    from fsdcf.language.model.environment import EnvironmentSpec, SharedLoadBalancer

WITH_TASKS = ("Service", "Job")
"""The kinds of spec with a task. A path that begins with ``service`` is one below ``job`` in the document of a job."""

ALL = (*WITH_TASKS, "Environment")
"""The kinds of spec with a network."""

Capability = TypeVar("Capability", bound=Dependency)


@dataclass(frozen=True, eq=False, repr=False)
class Case:
    """The spec that the rules check, and its kind. ``file`` is the environment's file, for a service.

    ``indexes`` are the positions of ``spec.dependencies`` in the document's list, where some may be missing. ``named``
    finds the environments that other files than the spec name; None does not check the environment.
    """

    kind: str
    spec: Spec
    document: Document
    environment: str
    types: Types
    indexes: tuple[int, ...]
    named: Callable[[], Collection[str]] | None = None
    file: EnvironmentFile | None = None

    @property
    def service(self) -> Service:
        """The block ``service``; of a job, the block ``job``."""
        return self.spec.service

    @property
    def environment_spec(self) -> EnvironmentSpec:
        """The spec, for the rules of the kind Environment."""
        return cast("EnvironmentSpec", self.spec)

    @property
    def joined(self) -> EnvironmentSpec | None:
        """The environment that the service joins; None for a service with a network of its own."""
        return self.file.spec if self.file and self.service.networking.shared else None

    @property
    def shared_balancer(self) -> tuple[str, SharedLoadBalancer] | None:
        """The load balancer of the environment that the service uses, with its name; None for a service without one,
        or with one of its own."""
        return shared_balancer(self.spec, self.joined) if self.joined else None

    @property
    def file_name(self) -> str:
        """The name of the environment's file, also if it does not exist."""
        return self.file.name if self.file else environment_path(self.environment)

    @property
    def settings(self) -> EnvironmentSpec | None:
        """What the environment's file says, whether the service joins the environment or not; the spec itself, for one
        of the kind Environment."""
        if self.kind == "Environment":
            return self.environment_spec
        return self.file.spec if self.file else None

    @property
    def is_production(self) -> bool:
        """Whether the spec is compiled for production, or for an environment whose file says ``protected: true``."""
        return is_production(self.environment, self.settings)

    @property
    def is_protected(self) -> bool:
        """Whether the environment's file says ``protected: true``."""
        return is_protected(self.settings)

    @property
    def records_sessions(self) -> bool:
        """Whether the cluster of the service records sessions of ECS Exec."""
        cluster = self.joined.environment.cluster if self.joined else self.service
        return recorded_in(cluster.execute_command_logs) is not None

    @property
    def network(self) -> tuple[str, Vpc] | None:
        """The dotted path and the details of the spec's network; None for a service that joins an environment."""
        if self.kind == "Environment":
            return "environment.network", self.environment_spec.environment.network
        networking = self.service.networking
        return None if networking.shared else ("service.networking.vpc", networking.network)

    @property
    def balancers(self) -> list[tuple[str, LoadBalancer | SharedLoadBalancer]]:
        """The load balancers that the spec creates, each with its dotted path."""
        if self.kind == "Environment":
            named = self.environment_spec.environment.load_balancers.items()
            return [(f"environment.loadBalancers.{name}", each) for name, each in named if each.listener_arn is None]
        balancer = None if self.service.networking.shared else self.service.load_balancer
        return [] if balancer is None else [("service.networking.loadBalancer", balancer)]

    @cached_property
    def strings(self) -> list[tuple[SpecPath, String]]:
        """The strings of the spec, each with its path, which begins with ``service`` for a job, too."""
        block = "job" if self.kind == "Job" else "service"
        found = _strings(self.document.data)
        return [(("service", *path[1:]) if path[0] == block else path, text) for path, text in found]

    @cached_property
    def texts(self) -> list[tuple[SpecPath, Text]]:
        """The strings of the spec with placeholders that the compiler keeps, each with its path."""
        return [(path, text) for path, text in self.strings if isinstance(text, Text)]

    def wrote(self, dotted: str) -> bool:
        """Whether the author wrote a key, given by its dotted path."""
        return self.document.has(steps_of(dotted))

    def is_default(self, dotted: str) -> bool:
        """Whether a key is one of the environment's defaults, which need not fit every service."""
        return self.file is not None and self.document.span(steps_of(dotted)).file == self.file.name

    def dependencies(self) -> list[tuple[SpecPath, Dependency, DependencyType[Any]]]:
        """Return each dependency with its path and type."""
        return [
            (("dependencies", index), dependency, self.types[dependency.type])
            for index, dependency in zip(self.indexes, self.spec.dependencies, strict=True)
        ]

    def having(self, capability: type[Capability]) -> list[tuple[SpecPath, Capability]]:
        """Return the dependencies with a capability, each with its path."""
        return [(path, each) for path, each, _ in self.dependencies() if isinstance(each, capability)]

    def diagnostic(self, rule: Rule, path: SpecPath, message: str, hint: str, key: bool) -> Diagnostic:
        """Return a finding at a path; ``key`` underlines the key instead of the value. A path of a service that begins
        with ``environment`` is one in the environment's file."""
        is_shared = self.file is not None and path[:1] == ("environment",)
        document = self.file.document if self.file and is_shared else self.document
        span = document.key_span(path) if key else document.span(path)
        return rule.at(span, path, message, hint)


def steps_of(dotted: str) -> SpecPath:
    """The steps of a dotted path; a number is the index of a list."""
    return tuple(int(step) if step.isdecimal() else step for step in dotted.split("."))


def _strings(data: Any, path: SpecPath = ()) -> Iterator[tuple[SpecPath, String]]:
    if isinstance(data, (str, Text)):
        yield path, data
    elif isinstance(data, (dict, list)):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            if path or key != "environments":
                yield from _strings(value, (*path, key))


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """A violation of a rule: its path (dotted or as steps; from ``environment`` in the environment's file), the message
    and the hint.

    ``key`` underlines the key instead of the value.
    """

    path: str | SpecPath
    message: str
    hint: str
    key: bool = False


Problems = Iterator[Problem]
Check = Callable[[Case], Problems]


@dataclass(frozen=True, eq=False, repr=False)
class SpecRule(Rule):
    """A rule with its check, which yields the problems of a spec. ``kinds`` are the kinds of spec that it applies to,
    ``only`` the environments; None is for every environment."""

    check: Check = field(kw_only=True)
    kinds: tuple[str, ...] = field(kw_only=True)
    only: Callable[[Case], bool] | None = field(kw_only=True)

    def applies(self, case: Case) -> bool:
        """Whether the rule is for the kind and the environment of a spec."""
        return case.kind in self.kinds and (self.only is None or self.only(case))

    def _problems(self, case: Case) -> Problems:
        if self.applies(case):
            yield from self.check(case)

    def findings(self, case: Case) -> Iterator[Diagnostic]:
        """Yield the violations of this rule, up to the first value that is unknown."""
        for problem in until_unknown(self._problems(case)):
            path = steps_of(problem.path) if isinstance(problem.path, str) else problem.path
            if case.document.is_surprising(path):
                continue  # another finding reports the value
            yield case.diagnostic(self, path, problem.message, problem.hint, problem.key)


def each_container(check: Callable[[Case, SpecPath, Container], Problems]) -> Check:
    """Turn the check of a container at a spec path into one of a spec: the service's own, then the others."""

    @wraps(check)
    def whole(case: Case) -> Problems:
        yield from until_unknown(check(case, MAIN_PATH, case.service))
        for index, sidecar in enumerate(case.service.sidecars):
            yield from until_unknown(check(case, ("service", "sidecars", index), sidecar))

    return whole


def in_production(case: Case) -> bool:
    """Whether a rule is for the environment of a spec, if it is for production and protected environments."""
    return case.is_production


def in_protected(case: Case) -> bool:
    """Whether a rule is for the environment of a spec, if it is for protected environments."""
    return case.is_protected


def rule(
    code: str,
    title: str,
    source: str = "",
    explanation: str = "",
    conceal: bool = False,
    kinds: tuple[str, ...] = WITH_TASKS,
    only: Callable[[Case], bool] | None = None,
) -> Callable[[Check], SpecRule]:
    """Turn a check into a rule. Its docstring is the explanation, unless one is given."""

    def decorate(check: Check) -> SpecRule:
        text = explanation or " ".join((check.__doc__ or "").split())
        return SpecRule(code, title, text, source, conceal, check=check, kinds=kinds, only=only)

    return decorate
