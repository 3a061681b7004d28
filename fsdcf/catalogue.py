"""Every rule of fsdcf by its code, for ``fsdcf explain`` and the documentation. Rules are discovered, not listed."""

from __future__ import annotations

from fsdcf.diagnostics import Rule
from fsdcf.language.rules import rules_in

WITH_RULES = ("fsdcf.language", "fsdcf.compiler", "fsdcf.pipeline")
"""The packages and modules that define rules."""


def catalogue() -> dict[str, Rule]:
    """Return the rules by code, sorted. Raise ValueError if two rules share a code."""
    rules = dict.fromkeys(rule for name in WITH_RULES for rule in rules_in(name))
    by_code = {rule.code: rule for rule in sorted(rules, key=lambda rule: rule.code)}
    if len(by_code) != len(rules):
        raise ValueError("two rules share a code")
    return by_code
