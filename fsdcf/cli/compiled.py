"""Templates for commands: compiled from a spec on disk or in a git revision, or read from a template file."""

from __future__ import annotations

import errno
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from fsdcf.cli.files import LARGEST, belongs, may_be_spec, read, specs_in
from fsdcf.cli.git import git
from fsdcf.cli.home import Home, home_in, home_of
from fsdcf.cli.options import SpecInputs
from fsdcf.cli.render.findings import TOGETHER, add_errors_to_summary, show, summary
from fsdcf.cli.render.stream import on_github
from fsdcf.cloudformation.planned import PlanError, planned
from fsdcf.compiler.dependencies import types
from fsdcf.compiler.kinds import compiler_of
from fsdcf.conventions import environment_stack
from fsdcf.diagnostics import Diagnostic, Severity, has_errors
from fsdcf.language.model import ENVIRONMENT
from fsdcf.language.model.service import Spec
from fsdcf.language.rules.environments import unnamed_environment
from fsdcf.masking import remember_secrets_in
from fsdcf.pipeline import Lint, Request, Result, SourceFile, run, together
from fsdcf.wording import counted, visible

_SPEC = re.compile(rb"^(apiVersion|kind|service|environments)\s*:", re.M)
_LARGEST_BLOB = 1 << 24
_MOST_REFUSED = 20
_TEMPLATE = re.compile(rb"""^["']?(AWSTemplateFormatVersion|Resources)["']?\s*:""", re.M)


@dataclass(frozen=True, eq=False, repr=False)
class Compiled:
    """A template, and the result of compiling it; ``result`` is None for a template that was read from a file."""

    name: str
    environment: str
    template: Mapping[str, Any]
    result: Result | None = None

    @property
    def title(self) -> str:
        """``orders.yml in staging``; a template has its name alone."""
        name = visible(self.name)
        return f"{name} in {self.environment}" if self.result else name

    @property
    def spec(self) -> Spec | None:
        """The spec of the service that the template was compiled from."""
        return self.result.spec if self.result else None

    @property
    def service_name(self) -> str:
        """The name of the service in the name of the stack; empty for a template."""
        return self.result.service_name if self.result else ""

    @cached_property
    def home(self) -> Home:
        """What the file of the environment says to the commands that talk to AWS."""
        if self.result and self.result.environment_spec:
            return home_in(SourceFile(self.name, self.result.sources[self.name].encode()))
        return home_of(self.environment, Path(self.name).parent)

    def service(self) -> Spec:
        """The spec of the service. A usage error for an environment or a template."""
        if self.spec is None:
            kind = "the file of an environment" if self.service_name else "a template"
            raise click.UsageError(f"{self.name!r} is {kind}; this command needs the spec of a service")
        return self.spec

    @property
    def tags(self) -> dict[str, str] | None:
        """The tags that a deploy gives to the stack; None without a spec."""
        return self.result.tags if self.result else None

    @property
    def stack(self) -> str:
        """The name of the stack; empty for a template that was read from a file."""
        return f"{self.service_name}-{self.environment}" if self.service_name else ""

    @contextmanager
    def checking(self) -> Iterator[None]:
        """A usage error if the block finds that the template is not valid."""
        try:
            yield
        except PlanError as error:
            raise click.UsageError(f"{self.name!r} is not a valid template: {error}") from None


def compile_files(inputs: SpecInputs, most: int | None = 1, warnings: bool = True) -> list[Compiled]:
    """The templates of at most ``most`` files, or of files in git revisions (``main:my-service.yml``).

    Findings go to standard error; with errors among them the command exits with code 2. ``warnings`` False shows errors
    and the warning about the environment alone.
    """
    if most is not None and len(inputs.files) > most:
        raise click.UsageError(
            f"expected {'one file' if most == 1 else f'at most {most} files'}, not {len(inputs.files)}"
        )
    results = [_compiled(inputs.request(file, *_read(file)), warnings) for file in map(str, inputs.files)]
    if None in results:
        click.get_current_context().exit(2)
    return [result for result in results if result is not None]


def compile_together(inputs: SpecInputs) -> dict[str, Compiled]:
    """The templates of files by a short name for each: that of the service or the environment, or of the file.

    The name of a single one is empty. Services are compiled for the environment whose file is among them.
    """
    sides = compile_files(inputs.in_one_environment(), most=None)
    for one in sides:
        with one.checking():
            planned(one.template)
    if len(sides) == 1:
        return {"": sides[0]}
    check_stacks(sides)
    names = [_short_name(one) for one in sides]
    unique = [name if names.count(name) == 1 else visible(one.name) for name, one in zip(names, sides, strict=True)]
    return dict(zip(unique, sides, strict=True))


def check_stacks(sides: Iterable[Compiled], hint: str = "") -> None:
    """A usage error if two specs describe the same stack."""
    names: dict[str, str] = {}
    for one in sides:
        if one.stack in names:
            twice = f"{visible(names[one.stack])} and {visible(one.name)} describe the same stack, {one.stack}"
            raise click.UsageError(f"{twice}: pass one of them{hint}")
        if one.stack:
            names[one.stack] = one.name


def _short_name(one: Compiled) -> str:
    if one.result is None:
        return visible(Path(one.name).stem)
    return one.spec.metadata.name if one.spec else one.environment


def title_of(sides: Mapping[str, Compiled]) -> str:
    """The title of what is compiled: of one spec, or of several."""
    titles = [one.title for one in sides.values()]
    if len(titles) == 1:
        return titles[0]
    environments = dict.fromkeys(one.environment for one in sides.values())
    return f"{counted(len(titles), 'spec')} in {', '.join(environments)}"


def environments_joined(sides: Iterable[Compiled]) -> dict[str, Mapping[str, Any]]:
    """The templates of the environments that specs join and that are not among them, by the names of their files."""
    known = list(sides)
    stacks = {one.stack for one in known}
    found = {}
    for file in (one.result.joined for one in known if one.result):
        if file is not None and environment_stack(file.spec.metadata.name) not in stacks:
            name = file.spec.metadata.name
            template = compiler_of(ENVIRONMENT).compile(file.spec, name, types(), None)
            found[file.beneath.span(()).file] = template.data
    return found


def compile_or_refuse(inputs: SpecInputs, as_json: bool, failure: str, lint: Lint | None = None) -> Compiled:
    """The template of a spec file, for a command that acts on it. Errors end the command with exit code 2.

    ``failure`` says what did not happen because of them, such as "nothing deployed".
    """
    (compiled,) = compile_all_or_refuse(inputs, as_json, failure, lint)
    return compiled


def compile_all_or_refuse(inputs: SpecInputs, as_json: bool, failure: str, lint: Lint | None = None) -> list[Compiled]:
    """The templates of spec files. Errors in one of them end the command, as they do with a single file."""
    requests = inputs.requests()
    results = [run(request, lint) for request in requests]
    refused = []
    for request, result in zip(requests, results, strict=True):
        show(_urgent(result), result.sources)
        if result.template is None:
            refused.append(f"{visible(request.name)}: {summary(result.diagnostics, request.name)}")
            if on_github():
                add_errors_to_summary(request.name, result.diagnostics)
    common = together(result.sibling for result in results)
    show(common.diagnostics, common.sources)
    if has_errors(common.diagnostics):
        refused.append(f"{TOGETHER}: {summary(common.diagnostics)}")
        if on_github():
            add_errors_to_summary(TOGETHER, common.diagnostics)
    if refused:
        from fsdcf.cli.runtime import end
        from fsdcf.deploy.model import Exit, Outcome

        if len(refused) > _MOST_REFUSED:
            refused[_MOST_REFUSED:] = [f"{counted(len(refused) - _MOST_REFUSED, 'more spec')} with errors"]
        end(Outcome(Exit.USAGE, "; ".join((*refused, failure)), next=(inputs.validate_command,)), as_json)
    for result in results:
        _check_environment(inputs, result)
    return [
        Compiled(request.name, result.environment, result.template.data, result)
        for request, result in zip(requests, results, strict=True)
        if result.template is not None
    ]


def _check_environment(inputs: SpecInputs, result: Result) -> None:
    """A usage error if ``--env`` names another environment than the one whose file this is."""
    if result.environment_spec and inputs.environment not in (None, result.environment):
        raise click.UsageError(f"--env {inputs.environment}: the file describes the environment {result.environment}")


def compile_or_show(request: Request) -> Result | None:
    """The result of a request, for a command that compiles many; None after the findings of a spec with errors."""
    result = run(request)
    if result.template is not None:
        show(_urgent(result), result.sources)
        return result
    show(result.diagnostics, result.sources)
    click.echo(
        f"{visible(request.name)} for {request.environment}: {summary(result.diagnostics, request.name)}", err=True
    )
    return None


def _compiled(request: Request, warnings: bool) -> Compiled | None:
    if is_template(request.raw):
        return Compiled(request.name, request.environment, _read_template(request))
    result = run(request)
    show(result.diagnostics if warnings else _urgent(result), result.sources)
    if result.template is None:
        click.echo(f"{visible(request.name)}: {summary(result.diagnostics, request.name)}", err=True)
        return None
    return Compiled(request.name, result.environment, result.template.data, result)


def _urgent(result: Result) -> list[Diagnostic]:
    """The errors, and the warning about an environment that nothing names: everything below would be about it."""
    return [
        each for each in result.diagnostics if each.severity is Severity.ERROR or each.code == unnamed_environment.code
    ]


def is_template(raw: bytes) -> bool:
    """Whether a file is a CloudFormation template rather than a spec, judged by its top-level keys."""
    if raw.lstrip()[:1] == b"{":
        return b'"Resources"' in raw and b'"apiVersion"' not in raw
    return bool(_TEMPLATE.search(raw)) and not _SPEC.search(raw)


def _read_template(request: Request) -> Mapping[str, Any]:
    from fsdcf.cloudformation.template import TemplateError, read

    try:
        template = read(request.raw.decode("utf-8"))
        remember_secrets_in(template)
        return template
    except UnicodeDecodeError:
        raise click.UsageError(f"{request.name!r} is not valid UTF-8") from None
    except TemplateError as error:
        position = f":{error.line}:{error.column}" if error.line else ""
        raise click.UsageError(f"{visible(request.name)}{position}: {error}") from None


def content(name: str) -> bytes:
    """The content of a path, or of ``REVISION:PATH``. A usage error if the file does not exist."""
    return _read(name)[0]


def _read(name: str) -> tuple[bytes, Callable[[str], bytes] | None]:
    """The content of a path, or else of ``REVISION:PATH`` relative to the current folder.

    A usage error if the file does not exist.

    The second value reads a file by its path from this one's folder in the revision, and raises OSError; None for a
    file on disk.
    """
    revision, colon, path = name.partition(":")
    if not colon or not revision or os.path.lexists(name):
        return read(Path(name)), None
    commit = _commit(revision, name)
    try:
        raw = _blob(commit, path)
    except FileNotFoundError:
        raise click.UsageError(f"{revision!r} has no file {path!r}, relative to this folder") from None
    except OSError as error:
        raise click.UsageError(f"cannot read {name!r}: {error.strerror}") from None
    folder = posixpath.dirname(path)
    return raw, lambda other: _blob(commit, posixpath.join(folder, other))


def specs_below(name: str) -> dict[str, str] | None:
    """The specs below a folder, or a folder in a git revision (``main:services``), by their paths in it; None for a
    file. A usage error for a folder without specs."""
    if os.path.isdir(name):
        return {path.relative_to(name).as_posix(): str(path) for path in specs_in(Path(name))}
    revision, _, path = name.partition(":")
    if not path or not revision or os.path.lexists(name):
        return None
    commit = _commit(revision, name)
    path = posixpath.normpath(path)
    tree = f"{commit}:./{path}"
    if _git("cat-file", "-t", tree).strip() != b"tree":
        return None
    names = _git("ls-tree", "-r", "-z", "--name-only", tree).decode("utf-8", "surrogateescape").split("\0")
    paths = {one: posixpath.normpath(posixpath.join(path, one)) for one in names if may_be_spec(Path(one))}
    return {one: f"{revision}:{at}" for one, at in paths.items() if belongs(Path(one), _blob(commit, at))}


def _commit(revision: str, name: str) -> str:
    """The full hash of a revision's commit."""
    if not _git("rev-parse", "--git-dir"):
        raise click.UsageError(
            f"cannot read {name!r}: the file does not exist, and this folder is not in a git repository"
        )
    commit = _hash(f"{revision}^{{commit}}")
    if not commit:
        raise click.UsageError(f"cannot read {name!r}: the file does not exist, and git has no revision {revision!r}")
    return commit


def _blob(commit: str, path: str) -> bytes:
    """A file's content in a commit. Raises OSError."""
    if os.path.isabs(path):
        path = os.path.relpath(os.path.realpath(path))
    inside = posixpath.normpath(path.replace(os.sep, "/"))
    relative = inside if inside.startswith("../") else f"./{inside}"
    entry = _hash(f"{commit}:{relative}") if path else ""
    if not entry:
        raise FileNotFoundError(2, "No such file in the revision")
    blob = _hash(f"{entry}^{{blob}}")
    if not blob:
        raise IsADirectoryError(21, "Is a directory")
    if int(_git("cat-file", "-s", blob) or 0) > _LARGEST_BLOB:
        raise OSError(errno.EFBIG, f"it has more than {_LARGEST_BLOB:,} bytes")
    return _git("show", "--no-textconv", blob)[:LARGEST]


def _hash(name: str) -> str:
    """The hash of an object of git; empty if it does not exist."""
    return _git("rev-parse", "--verify", "--quiet", "--end-of-options", name).decode().strip()


def _git(*words: str) -> bytes:
    """The output of git; empty if it fails."""
    return git(*words) or b""
