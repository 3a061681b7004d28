"""Rules about several specs together, such as those of a repository: what none of them shows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from fsdcf.conventions import ENVIRONMENT_SERVICE, similar
from fsdcf.diagnostics import Diagnostic, Rule, SpecPath, in_order
from fsdcf.language.dependency import ReachedService, Types
from fsdcf.language.document import Document
from fsdcf.language.model.environment import EnvironmentSpec
from fsdcf.language.model.service import Spec
from fsdcf.language.placeholders import sample


@dataclass(frozen=True, eq=False, repr=False)
class Sibling:
    """One of several specs: its environment, what is written, and the service that it describes.

    ``service`` is None for the file of an environment. ``joined`` is the environment that the service joins.
    """

    environment: str
    document: Document
    service: Spec | None
    joined: EnvironmentSpec | None = None

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
    """A rule with its check, which yields the conflicts between the services of one environment."""

    check: _Check = field(kw_only=True)


def set_rule(code: str, title: str) -> Callable[[_Check], SetRule]:
    """Turn a check into a rule. Its docstring is the explanation."""

    def decorate(check: _Check) -> SetRule:
        return SetRule(code, title, " ".join((check.__doc__ or "").split()), check=check)

    return decorate


def check_together(siblings: Iterable[Sibling], types: Types) -> tuple[Diagnostic, ...]:
    """The findings about specs of which none has errors, each at a line of one of them. Warnings that an author allowed
    are left out."""
    environments: dict[str, list[Sibling]] = {}
    for sibling in siblings:
        environments.setdefault(sibling.environment, []).append(sibling)
    rules = [each for each in globals().values() if isinstance(each, SetRule)]
    findings: list[Diagnostic] = []
    for together in environments.values():
        for rule in rules if len(together) > 1 else ():
            for one in rule.check(together, types):
                finding = rule.at(one.sibling.document.span(one.path), one.path, one.message, one.hint)
                findings += [] if one.sibling.document.allows(finding) else [finding]
    return in_order(findings)


def _services(siblings: Sequence[Sibling]) -> Iterator[tuple[Sibling, Spec]]:
    return ((sibling, sibling.service) for sibling in siblings if sibling.service is not None)


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


@set_rule("W160", "a dependency on a service without a spec")
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
