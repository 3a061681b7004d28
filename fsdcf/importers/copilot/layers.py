"""A manifest as it is in an environment: with the variables of the shell, and with what the environment overrides.

Sources: https://aws.github.io/copilot-cli/docs/developing/manifest-env-var/ and
https://aws.github.io/copilot-cli/docs/manifest/lb-web-service/#environments
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fsdcf.diagnostics import Diagnostic, SpecPath
from fsdcf.importers.source import Source
from fsdcf.importers.values import literal
from fsdcf.language.document import Document

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_KNOWN = {
    "COPILOT_ENVIRONMENT_NAME": "${ENV}",
    "AWS_REGION": "${AWS::Region}",
    "AWS_DEFAULT_REGION": "${AWS::Region}",
    "AWS_ACCOUNT_ID": "${AWS::AccountId}",
}
_TAKEN = frozenset({"ENV", "DOMAIN"})
"""Names that mean something else in a spec."""

SHELL = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A placeholder of a spec that may be a variable of the shell in which Copilot was run."""

_ORDER = {
    "image": -3,
    "storage": -2,
    "sidecars": -1,
    "env_file": 1,
    "credentialsParameter": 1,
    "credentials": 1,
    "allowed_source_ips": 2,
    "target_port": 2,
    "additional_rules": 3,
    "taskdef_overrides": 4,
}
"""Keys whose conversion needs others to be converted before, or others after it."""

_ALTERNATIVES = {"build": "location", "location": "build", "range": "spot"}
"""Keys that an environment writes, each with the key of the base that it replaces."""


@dataclass(frozen=True, eq=False, repr=False)
class Layer(Source):
    """A source whose data is not what its file has; the lines are those of the file."""

    layer: Document | None = None

    @cached_property
    def _read(self) -> tuple[Document | None, tuple[Diagnostic, ...]]:
        return self.layer, ()


def in_shell(source: Source, application: str) -> Source:
    """The source with Copilot's variables as placeholders of a spec; those of the shell become placeholders, too.

    Every other text is escaped, so that all of it may be put into a spec as it is.
    """
    return _layer(source, _interpolated(source.data, application))


def in_environment(source: Source, environment: str) -> Source:
    """The source with what it overrides in an environment."""
    document = source.document
    overrides = source.data["environments"][environment]
    base = {name: each for name, each in source.data.items() if name != "environments"}
    prefix: SpecPath = ("environments", environment)
    marks = dict(document.marks) if document else {}
    marks |= {at[2:]: mark for at, mark in marks.items() if at[:2] == prefix and at[2:]}
    return _layer(source, _merged(base, overrides), Document({}, marks, {}) if document else None)


def shell_variables(data: object, key: str = "") -> Iterator[tuple[str, str]]:
    """The variables of the shell that a spec needs, in the texts of its data, each with the key of the text."""
    if isinstance(data, str):
        for match in SHELL.finditer(data.replace("$${", "")):
            if match[1] not in ("ENV", "DOMAIN"):
                yield match[1], key
    elif isinstance(data, dict):
        for name, each in data.items():
            yield from shell_variables(each, name)
    elif isinstance(data, list):
        for each in data:
            yield from shell_variables(each, key)


def _layer(source: Source, data: dict[str, Any], placed: Document | None = None) -> Source:
    document = placed or source.document
    layer = Document(data, document.marks, {}) if document else None
    return Layer(source.name, source.path, source.raw, source.named, source.folder_name, layer=layer)


def _interpolated(data: Any, application: str) -> Any:
    if isinstance(data, dict):
        ordered = sorted(data.items(), key=lambda each: _ORDER.get(each[0], 0))
        return {name: _interpolated(each, application) for name, each in ordered}
    if isinstance(data, list):
        return [_interpolated(each, application) for each in data]
    return interpolate(data, application) if isinstance(data, str) and "${" in data else data


def interpolate(text: str, application: str) -> str:
    """A text of a manifest as a spec has it."""
    parts = _VARIABLE.split(text)
    return "".join(_placeholder(part, application) if at % 2 else literal(part) for at, part in enumerate(parts))


def _placeholder(name: str, application: str) -> str:
    if name == "COPILOT_APPLICATION_NAME" and application:
        return application
    return _KNOWN.get(name) or (f"${{SHELL_{name}}}" if name in _TAKEN else f"${{{name}}}")


def _merged(base: Any, override: Any) -> Any:
    """The value in an environment: maps are merged, a list or a scalar replaces what was there."""
    if override is None:
        return base
    if not isinstance(base, dict) or not isinstance(override, dict) or "spot" in override:
        return override
    gone = {_ALTERNATIVES.get(key) for key in override}
    kept = {key: each for key, each in base.items() if key not in gone}
    return kept | {key: _merged(kept.get(key), each) for key, each in override.items() if each is not None}
