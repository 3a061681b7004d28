"""Rules across fields: what the shape of a spec cannot say. Each yields findings and sees the whole merged spec."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fsdcf.diagnostics import Diagnostic, Rule
from fsdcf.language.blind import said
from fsdcf.language.rules import container, dependencies, network, references, sqlite, tasks
from fsdcf.language.rules.case import Case

CHECKS: tuple[Callable[[Case], Iterator[Diagnostic]], ...] = (
    *tasks.CHECKS,
    *container.CHECKS,
    *network.CHECKS,
    *dependencies.CHECKS,
    *sqlite.CHECKS,
    *references.CHECKS,
)
RULES: tuple[Rule, ...] = (
    *tasks.RULES,
    *container.RULES,
    *network.RULES,
    *dependencies.RULES,
    *sqlite.RULES,
    *references.RULES,
)


def judge(case: Case) -> list[Diagnostic]:
    """Every rule's findings."""
    return [finding for check in CHECKS for finding in said(check(case))]
