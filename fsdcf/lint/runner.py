"""cfn-lint in-process, with one configuration that nothing outside can change."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdcf.lint.cache import Cache, linter_folder

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
"""All that cfn-lint is told. A part of the cache's key."""

_SEVERITIES = {"E": "error", "W": "warning", "I": "informational"}
_NOT_IN_YAML = re.compile("[\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What JSON takes as it is and YAML refuses or folds into a blank."""


@dataclass(frozen=True, order=True)
class Finding:
    """One of cfn-lint's findings. ``path`` leads from the template's root, ``url`` to what the rule rests on.

    ``severity`` is error, warning or informational.
    """

    rule: str
    path: tuple[str | int, ...]
    message: str
    severity: str
    url: str = ""


class Linter:
    """cfn-lint with its rules loaded once, for any number of templates.

    Its schemas are the bundled ones for the whole process. Raises RuntimeError where cfn-lint came without them.
    """

    def __init__(self) -> None:
        schemas = bundled_schemas(linter_folder())
        _import_whatever_the_user_has_cached(schemas)
        from cfnlint.config import ConfigMixIn
        from cfnlint.runner import Runner
        from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

        # Newer schemas in the user's cache would override the bundled ones, and the answer would depend on the machine.
        type(PROVIDER_SCHEMA_MANAGER).__init__(PROVIDER_SCHEMA_MANAGER, schemas / "providers", schemas / "resources")
        # A configuration file that is named is the only one that is read; this one is empty everywhere.
        self._runner = Runner(ConfigMixIn([], config_file=Path(os.devnull), **CONFIGURATION))

    def lint(self, template: str) -> tuple[Finding, ...]:
        """What cfn-lint says of a template's text (JSON is read faster than YAML), in a fixed order."""
        decoded, problems = _decoded(template)
        matches = problems if decoded is None or problems else self._runner.validate_template(decoded)
        return tuple(sorted({_finding(match) for match in matches}, key=_position))


def lint_cached(template: str, cache: Cache | None, linter: Callable[[], Linter]) -> tuple[Finding, ...]:
    """The findings for a template. One that is known to be clean is not linted again, and cfn-lint is not even
    loaded."""
    key = cache.key(template, CONFIGURATION) if cache else ""
    if cache and cache.is_clean(key):
        return ()
    findings = linter().lint(template)
    if cache and not findings:
        cache.keep(key)
    return findings


def bundled_schemas(package: Path | None) -> Path:
    """The folder of the schemas in cfn-lint's own folder. Without them cfn-lint would download some: we refuse
    instead."""
    if package is None:
        raise RuntimeError("cfn-lint is not installed: install it, or go on with --no-lint")
    schemas = package / "data" / "schemas"
    if not (schemas / "providers" / f"{REGION}.json").is_file():
        raise RuntimeError(f"cfn-lint in {package} came without its schemas: reinstall it, or go on with --no-lint")
    return schemas


def _import_whatever_the_user_has_cached(schemas: Path) -> None:
    """Import cfn-lint. It looks into the user's cache at once, and fails where that folder may not be looked into."""
    try:
        import cfnlint
    except OSError:
        helpers = sys.modules.get("cfnlint.helpers")
        if helpers is None:
            raise
        helpers.get_cache_dir = lambda: str(schemas)  # type: ignore[attr-defined]
        for name in [one for one in sys.modules if one.startswith("cfnlint.") and one != "cfnlint.helpers"]:
            del sys.modules[name]
        import cfnlint

        cfnlint.helpers = helpers


def _decoded(template: str) -> tuple[Any, list[Any]]:
    """The template as cfn-lint reads it, and why it cannot. Its YAML reader is the faster one for JSON, too."""
    from cfnlint.decode import cfn_json, decode_str

    if _NOT_IN_YAML.search(template):
        with suppress(ValueError):
            return cfn_json.loads(template), []
    decoded, problems = decode_str(template)
    return decoded, list(problems)


def _position(finding: Finding) -> tuple[str, str, str]:
    """Sorts findings whatever their paths hold: an index is not below or above a key."""
    return str(finding.path), finding.rule, finding.message


def _finding(match: Any) -> Finding:
    rule = match.rule
    # cfn-lint's texts carry the template's nodes with them: plain ones are smaller, and cross to another process.
    path = tuple(int(step) if isinstance(step, int) else str(step) for step in getattr(match, "path", None) or ())
    return Finding(
        rule.id, path, str(match.message), _SEVERITIES.get(rule.id[0], "error"), getattr(rule, "source_url", "") or ""
    )
