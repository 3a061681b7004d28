"""What the shell completes: specs, services, environments, and what ``fsdcf explain`` explains."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from fsdcf.cli.environments import named_by_files
from fsdcf.cli.files import read, specs_here
from fsdcf.language.rules.environments import known_environments
from fsdcf.language.source import parse


def specs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The specs here, and any other file."""
    return [*_matching(map(str, specs_here()), incomplete), CompletionItem(incomplete, type="file")]


def services(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The services of the specs here, and their specs."""
    metadata = [_data(path).get("metadata") for path in specs_here()]
    names = {each["name"] for each in metadata if isinstance(each, dict) and isinstance(each.get("name"), str)}
    return [*_matching(sorted(names), incomplete), *specs(context, parameter, incomplete)]


def environments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The environments of the given spec, or of every spec here."""
    given = [Path(word) for word in context.args if os.path.isfile(word)]  # an option without value ends the parsing
    known = [known_environments(_data(path), named_by_files(path.parent)) for path in given or specs_here()]
    return _matching(sorted(set(chain.from_iterable(known or [known_environments({}, ())]))), incomplete)


def explained(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The codes of findings, the rules of rollback safety, and the keys of the language."""
    from fsdcf.catalogue import catalogue
    from fsdcf.compiler.dependencies import types
    from fsdcf.language.reference import paths
    from fsdcf.plan.diff.rollback import RULES

    titles = {code: rule.title for code, rule in catalogue().items()}
    names = [*titles, *(rule.id for rule in RULES), *paths(types())]
    return [
        CompletionItem(name, help=titles.get(name)) for name in names if name.lower().startswith(incomplete.lower())
    ]


def _matching(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _data(path: Path) -> Mapping[str, Any]:
    """The content of a spec; empty if it cannot be read."""
    try:
        document = parse(read(path), str(path))[0]
    except click.UsageError:
        return {}
    return document.data if document else {}
