"""Templates for the commands that look at one: compiled from a spec, or read as they are, with the spec's lines at hand."""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import click

from fsdcf.cli.options import environment_named, read, variables_given
from fsdcf.cli.render.findings import show, summary
from fsdcf.diagnostics import LINE_BREAK, Severity
from fsdcf.pipeline import Request, Result, run

LARGEST = (1 << 20) + 1
"""Bytes that are read at most: a little more than a spec may hold."""


@dataclass(frozen=True)
class Source:
    """A file's bytes under the name that was asked for. ``beside`` reads a file by its path from this one's folder; it raises
    OSError. None: the files beside it are those on the disk."""

    name: str
    raw: bytes
    beside: Callable[[str], bytes] | None = None


def source(name: str) -> Source:
    """The file of a path, else of ``REVISION:PATH``, with the path from the current folder. A usage error if there is none."""
    revision, colon, path = name.partition(":")
    if not colon or not revision or os.path.lexists(name):
        return Source(name, read(Path(name)))
    commit = _commit(revision, name)
    try:
        raw = _content(commit, path)
    except FileNotFoundError:
        raise click.UsageError(f"{revision!r} has no file {path!r}, from this folder") from None
    except OSError as error:
        raise click.UsageError(f"cannot read {name!r}: {error.strerror}") from None
    folder = posixpath.dirname(path)
    return Source(name, raw, lambda other: _content(commit, posixpath.join(folder, other)))


def _commit(revision: str, name: str) -> str:
    """The full name of a revision's commit."""
    if not _git("rev-parse", "--git-dir"):
        raise click.UsageError(f"cannot read {name!r}: there is no such file, and this folder is in no git repository")
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not found:
        raise click.UsageError(f"cannot read {name!r}: there is no such file, and git knows no revision {revision!r}")
    return found.decode().strip()


def _content(commit: str, path: str) -> bytes:
    """A file of a commit. Raises OSError."""
    if os.path.isabs(path):
        path = os.path.relpath(os.path.realpath(path))
    inside = posixpath.normpath(path.replace(os.sep, "/"))
    relative = inside if inside.startswith("../") else f"./{inside}"
    blob = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}:{relative}") if path else b""
    if not blob:
        raise FileNotFoundError(2, "No such file in the revision")
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{blob.decode().strip()}^{{blob}}")
    if not found:
        raise IsADirectoryError(21, "Is a directory")
    return _git("show", "--no-textconv", found.decode().strip())[:LARGEST]


def _git(*arguments: str) -> bytes:
    """What git says; nothing where it refuses. A usage error where there is no git."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)  # noqa: S603, S607 - a list, and git from the PATH
    except (OSError, ValueError) as error:
        reason = "git is not installed" if isinstance(error, FileNotFoundError) else str(error)
        raise click.UsageError(f"a revision cannot be read: {reason}") from None
    return done.stdout if done.returncode == 0 else b""


_SPEC = re.compile(rb"^(apiVersion|kind|service|environments)\s*:", re.M)
_TEMPLATE = re.compile(rb"""^["']?(AWSTemplateFormatVersion|Resources)["']?\s*:""", re.M)


@dataclass(frozen=True)
class Line:
    """A line of a spec: the file, the number from 1, the line itself, and the column from 1 at which it is meant."""

    file: str
    number: int
    text: str
    column: int = 1


@dataclass(frozen=True)
class Compiled:
    """A template, and the spec that it was compiled from; None for one that was read as it is."""

    name: str
    environment: str
    template: Mapping[str, Any]
    result: Result | None = None

    @property
    def title(self) -> str:
        """``orders.yml in staging``; a template bears its name alone."""
        return f"{self.name} in {self.environment}" if self.result else self.name

    def line(self, logical_id: str, path: tuple[str | int, ...] = (), item: str = "") -> Line | None:
        """The line of the spec that a resource, or what stands below ``path`` in its Properties, comes from.

        ``item`` is the name of what stands there, such as a variable of the environment, where the path leads to a list of them. What
        the spec no longer makes stands at the nearest ancestor that is left: ``logical_id`` may be one of another template.
        """
        origin = self.result.template.origins.get(logical_id) if self.result and self.result.template else None
        if origin is None:
            return None
        length = next((length for length in range(len(path), -1, -1) if path[:length] in origin.sources), None)
        named = origin.path if length is None else origin.sources[path[:length]]
        below: tuple[str | int, ...] = (item,) if item else ()
        if length is not None and named.endswith(".statements") and path[length : length + 1] == ("Statement",):
            below = path[length + 1 : length + 2]  # the statements of the spec are those of the policy, one by one
        return self.at(named, below)

    def at(self, named: str, below: tuple[str | int, ...] = ()) -> Line | None:
        """The line of a spec path as the template's Metadata names it, or of its nearest ancestor."""
        if self.result is None or self.result.document is None:
            return None
        from fsdcf.compiler.dependencies import types
        from fsdcf.language.document import locate

        document = self.result.document
        span = document.key_span((*locate(document, named, types()), *below))
        lines = _lines(self.result.sources.get(span.file, ""))
        return Line(span.file, span.line, lines[span.line - 1] if span.line <= len(lines) else "", span.column)


@lru_cache(maxsize=8)
def _lines(text: str) -> tuple[str, ...]:
    """The lines of a source: split once, since a large plan looks up hundreds of them."""
    return tuple(LINE_BREAK.split(text))


def compiled(
    context: click.Context,
    files: tuple[Path, ...],
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    most: int = 1,
    advice: bool = True,
) -> list[Compiled]:
    """The templates of at most so many files, or of files in git revisions (``main:my-service.yml``).

    Findings are shown as ``template`` shows them, and leave with exit code 2. Without ``advice`` only errors are shown.
    """
    if len(files) > most:
        raise click.UsageError(f"{len(files)} files, where {'one is' if most == 1 else f'at most {most} are'} taken")
    name, known = environment_named(environment), variables_given(variables)
    sources = [source(str(file)) for file in files]
    found = [_compiled(Request(one.name, one.raw, name, overrides, known, one.beside), advice) for one in sources]
    if any(one is None for one in found):
        context.exit(2)
    return [one for one in found if one is not None]


def _compiled(request: Request, advice: bool) -> Compiled | None:
    if is_template(request.raw):
        return Compiled(request.name, request.environment, _read(request))
    result = run(request)
    show((one for one in result.diagnostics if advice or one.severity is Severity.ERROR), result.sources)
    if result.template is None:
        click.echo(f"{request.name}: {summary(result.diagnostics)}", err=True)
        return None
    return Compiled(request.name, request.environment, result.template.data, result)


def is_template(raw: bytes) -> bool:
    """Whether a file is a CloudFormation template rather than a spec, by the keys at its top."""
    if raw.lstrip()[:1] == b"{":
        return b'"Resources"' in raw and b'"apiVersion"' not in raw
    return bool(_TEMPLATE.search(raw)) and not _SPEC.search(raw)


def _read(request: Request) -> Mapping[str, Any]:
    from fsdcf.cloudformation.template import TemplateError, read

    try:
        return read(request.raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise click.UsageError(f"{request.name!r} is no text in UTF-8") from None
    except TemplateError as error:
        where = f":{error.line}:{error.column}" if error.line else ""
        raise click.UsageError(f"{request.name}{where}: {error}") from None
