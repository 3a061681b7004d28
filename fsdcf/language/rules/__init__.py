"""Rules across fields, which the shape of a spec cannot express. A module for each subject; every rule is
discovered."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import chain
from typing import Any

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.language.dependency import DependencyType
from fsdcf.language.model import KINDS
from fsdcf.language.model.common import Dependency
from fsdcf.language.rules.case import Case, SpecRule
from fsdcf.language.shape import names_of
from fsdcf.language.unknown import until_unknown


def rules_in(name: str) -> Iterator[Rule]:
    """Yield the rules of a module, or of a package with all its modules."""
    module = import_module(name)
    yield from (value for value in vars(module).values() if isinstance(value, Rule))
    for each in pkgutil.iter_modules(getattr(module, "__path__", ())):
        yield from rules_in(f"{name}.{each.name}")


_LONGEST_CODE = 4
"""``W106``. A code of cfn-lint has four digits: ``W1011``."""


@cache
def _spec_rules(kind: str) -> tuple[SpecRule, ...]:
    """Return the rules with a check that apply to a kind of spec."""
    return tuple(rule for rule in _rules() if isinstance(rule, SpecRule) and kind in rule.kinds)


def _rules() -> Iterator[Rule]:
    yield from dict.fromkeys(rules_in(__name__))


def is_judged(code: str, case: Case) -> bool:
    """Whether a finding with a code would be among those of ``check_rules``: not one about several specs, or about
    other environments or kinds of spec, and none of cfn-lint, whose codes are longer. An unknown code is the code of no
    other rule."""
    rules = [rule for rule in _rules() if rule.code == code]
    return len(code) <= _LONGEST_CODE and all(isinstance(rule, SpecRule) and rule.applies(case) for rule in rules)


def check_rules(case: Case) -> Iterator[Diagnostic]:
    """Yield the violations of every rule for the kind of the spec, then those that the dependency types find."""
    for rule in _spec_rules(case.kind):
        yield from rule.findings(case)
    if "dependencies" in names_of(KINDS[case.kind].record):
        yield from until_unknown(_of_types(case))


def _of_types(case: Case) -> Iterator[Diagnostic]:
    for path, dependency, kind in case.dependencies():
        yield from until_unknown(_of_type(case, path, dependency, kind))


def _of_type(case: Case, path: SpecPath, dependency: Dependency, kind: DependencyType[Any]) -> Iterator[Diagnostic]:
    ignored = () if kind.managed(dependency) else kind.managed_keys  # W111 reports that these have no effect
    for violation in chain(kind.check(dependency), kind.check_references(dependency, case.spec)):
        below = (violation.at,) if isinstance(violation.at, str) else violation.at
        if not below or below[0] not in ignored:
            yield case.diagnostic(violation.rule, (*path, *below), violation.message, violation.hint, violation.key)
