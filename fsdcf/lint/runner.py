"""cfn-lint in-process, with one configuration that nothing outside can change."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdcf.lint.cache import Cache

REGION = "us-east-1"
CONFIGURATION: dict[str, Any] = {
    "regions": [REGION],
    "include_checks": ["I"],
    "ignore_checks": [],
    "mandatory_checks": [],
    "configure_rules": {},
    "include_experimental": False,
    "append_rules": [],
}
_SEVERITIES = {"E": "error", "W": "warning", "I": "informational"}


@dataclass(frozen=True, order=True)
class Finding:
    """One of cfn-lint's findings; ``path`` leads from the template's root."""

    rule: str
    path: tuple[str | int, ...]
    message: str
    severity: str
    url: str = ""


class Linter:
    """cfn-lint with its rules loaded once, for any number of templates."""

    def __init__(self) -> None:
        import cfnlint
        from cfnlint.config import ConfigMixIn
        from cfnlint.runner import Runner
        from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

        schemas = Path(cfnlint.__file__).parent / "data" / "schemas"
        # Newer schemas in the user's cache would override the bundled ones, and the answer would depend on the machine.
        type(PROVIDER_SCHEMA_MANAGER).__init__(PROVIDER_SCHEMA_MANAGER, schemas / "providers", schemas / "resources")
        # A configuration file that is named is the only one that is read; this one is empty everywhere.
        self._runner = Runner(ConfigMixIn([], config_file=Path(os.devnull), **CONFIGURATION))

    def lint(self, template: str) -> tuple[Finding, ...]:
        """What cfn-lint says of a template's text, in a fixed order."""
        from cfnlint.decode import decode_str

        decoded, problems = decode_str(template)
        matches = problems if decoded is None or problems else self._runner.validate_template(decoded)
        return tuple(sorted({_finding(match) for match in matches}, key=lambda found: (str(found.path), found)))


def _finding(match: Any) -> Finding:
    rule = match.rule
    path = tuple(step for step in getattr(match, "path", None) or () if isinstance(step, (str, int)))
    return Finding(rule.id, path, match.message, _SEVERITIES.get(rule.id[0], "error"), getattr(rule, "source_url", ""))


def lint_cached(template: str, cache: Cache | None, linter: Callable[[], Linter]) -> tuple[Finding, ...]:
    """The findings for a template. One that is known to be clean is not linted again, and cfn-lint is not even loaded."""
    key = cache.key(template, CONFIGURATION) if cache else ""
    if cache and cache.is_clean(key):
        return ()
    findings = linter().lint(template)
    if cache and not findings:
        cache.keep(key)
    return findings
