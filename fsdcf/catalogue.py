"""Every rule with a code of ours, for ``fsdcf explain`` and the documentation."""

from __future__ import annotations

from fsdcf import pipeline
from fsdcf.compiler.dependencies import types
from fsdcf.diagnostics import Rule
from fsdcf.language import resolve, rules, schema, source, spellings
from fsdcf.language.rules import advice


def catalogue() -> dict[str, Rule]:
    """The rules by code, in order."""
    found: list[Rule] = [
        *source.RULES,
        *schema.RULES,
        *spellings.RULES,
        *resolve.MERGE_RULES,
        *resolve.RULES,
        *rules.RULES,
        *pipeline.RULES,
        *advice.RULES,
    ]
    for kind in types().values():
        found += kind.rules
    unique = list(dict.fromkeys(found))
    by_code = {rule.code: rule for rule in unique}
    if len(by_code) != len(unique):
        raise ValueError("two rules share a code")
    return dict(sorted(by_code.items()))
