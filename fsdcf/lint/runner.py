"""cfn-lint in-process, with a configuration that does not depend on the machine."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fsdcf.lint.cache import Cache, linter_folder

REGION = "us-east-1"
APPROACHING = ("I1002", "I1003", "I2010", "I2011", "I3010", "I3012", "I6010", "I6011", "I7002", "I7010")
"""The checks that report nine tenths of a limit. A template within the limits needs no change, and fsdcf reports what
exceeds them."""

IMPORTED_OUTPUT = "W6001"
"""An output with the value of an import. The commands on a service read the name of its cluster from its own outputs,
also where the cluster is that of an environment."""

CONFIGURATION: dict[str, Any] = {
    "regions": [REGION],
    "include_checks": ["I"],
    "ignore_checks": [*APPROACHING, IMPORTED_OUTPUT],
    "mandatory_checks": [],
    "configure_rules": {},
    "include_experimental": False,
    "append_rules": [],
}
"""The configuration of cfn-lint, which is part of the cache's key."""

_SEVERITIES = {"E": "error", "W": "warning", "I": "informational"}
_NOT_IN_YAML = re.compile("[\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that JSON allows and YAML rejects or folds into a space."""


@dataclass(frozen=True, order=True)
class Finding:
    """A finding of cfn-lint. ``path`` begins at the template's root; ``url`` is the source of the rule.

    ``severity`` is error, warning or informational.
    """

    rule: str
    path: tuple[str | int, ...]
    message: str
    severity: str
    url: str = ""


class Linter:
    """cfn-lint with its rules loaded once, for any number of templates.

    The whole process uses its bundled schemas. Raises RuntimeError if cfn-lint is installed without them.
    """

    def __init__(self) -> None:
        schemas = bundled_schemas(linter_folder())
        _import_cfnlint(schemas)
        from cfnlint.config import ConfigMixIn
        from cfnlint.runner import Runner
        from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

        # Newer schemas in the user's cache would replace the bundled ones, and results would depend on the machine.
        type(PROVIDER_SCHEMA_MANAGER).__init__(PROVIDER_SCHEMA_MANAGER, schemas / "providers", schemas / "resources")
        # cfn-lint reads no other configuration file if one is given; this one is empty everywhere.
        self._runner = Runner(ConfigMixIn([], config_file=Path(os.devnull), **CONFIGURATION))

    def lint(self, template: str) -> tuple[Finding, ...]:
        """Return the findings about a template's text, sorted. JSON is read faster than YAML."""
        decoded, problems = _decoded(template)
        matches = problems if decoded is None or problems else self._runner.validate_template(decoded)
        found = {_finding(match) for match in matches}
        # Paths are compared as text, because an index cannot be compared with a key.
        return tuple(sorted(found, key=lambda finding: (str(finding.path), finding.rule, finding.message)))


@lru_cache(maxsize=1)
def shared_linter() -> Linter:
    """Return the linter of this process."""
    return Linter()


def lint_cached(
    template: str, cache: Cache | None, linter: Callable[[], Linter] = shared_linter
) -> tuple[Finding, ...]:
    """Return the findings about a template. A template that is known to be clean is not linted again."""
    key = cache.key(template, CONFIGURATION) if cache else ""
    if cache and cache.is_clean(key):
        return ()
    findings = linter().lint(template)
    if cache and not findings:
        cache.keep(key)
    return findings


def bundled_schemas(package: Path | None) -> Path:
    """Return the folder of the schemas in cfn-lint's folder.

    Raises RuntimeError if there are none, because cfn-lint would download them.
    """
    if package is None:
        raise RuntimeError("cfn-lint is not installed: install it, or use --no-lint")
    schemas = package / "data" / "schemas"
    if not (schemas / "providers" / f"{REGION}.json").is_file():
        raise RuntimeError(f"cfn-lint in {package} has no schemas: reinstall it, or use --no-lint")
    return schemas


def _import_cfnlint(schemas: Path) -> None:
    """Import cfn-lint, even if it may not read the user's cache, which it does on import."""
    try:
        import cfnlint
    except OSError:
        helpers = sys.modules.get("cfnlint.helpers")
        if helpers is None:
            raise
        helpers.get_cache_dir = lambda: str(schemas)  # type: ignore[attr-defined]
        for name in [each for each in sys.modules if each.startswith("cfnlint.") and each != "cfnlint.helpers"]:
            del sys.modules[name]
        import cfnlint

        cfnlint.helpers = helpers


def _decoded(template: str) -> tuple[Any, list[Any]]:
    """Return the template as cfn-lint reads it, or its problems. Its YAML reader is the faster one for JSON, too."""
    from cfnlint.decode import cfn_json, decode_str

    if _NOT_IN_YAML.search(template):
        with suppress(ValueError):
            return cfn_json.loads(template), []
    decoded, problems = decode_str(template)
    return decoded, list(problems)


def _finding(match: Any) -> Finding:
    rule = match.rule
    # cfn-lint's texts refer to the template's nodes; plain texts are smaller and can be sent to another process.
    path = tuple(int(step) if isinstance(step, int) else str(step) for step in getattr(match, "path", None) or ())
    return Finding(
        rule.id, path, str(match.message), _SEVERITIES.get(rule.id[0], "error"), getattr(rule, "source_url", "") or ""
    )
