"""``fsdcf import``: other tools' files become specs, with a report on each of their keys."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import click

from fsdcf.batch import BatchOptions, compile_all
from fsdcf.cli.files import environment_file, lint_folder, print_json, read, write_new
from fsdcf.cli.options import format_option
from fsdcf.cli.render.findings import show
from fsdcf.cli.render.imported import Imported, as_markdown, as_text, record
from fsdcf.cli.render.outcome import next_lines
from fsdcf.cli.render.stream import LineWriter, painter, width_of, wrapped
from fsdcf.conventions import DEFAULT_ENVIRONMENT, ENVIRONMENTS
from fsdcf.importers import NAMES, ImportResult, convert, formats, recognized
from fsdcf.importers.draft import SERVICES, Draft
from fsdcf.importers.report import Treatment
from fsdcf.importers.source import Beside, Source
from fsdcf.language.model import ENVIRONMENT
from fsdcf.language.model.environment import is_production
from fsdcf.language.source import ALIASES, FOREIGN, MOST_BYTES, parse
from fsdcf.masking import remember_secrets_in
from fsdcf.pipeline import Request, SourceFile
from fsdcf.repository import check_inside, reader_beside, repository_root
from fsdcf.suggested import suggested
from fsdcf.wording import counted, visible

_SUFFIXES = (".yml", ".yaml", ".json", ".env")
_SKIPPED = frozenset({"node_modules", "vendor", "venv", "site-packages", "__pycache__", "cdk.out"})
_KEPT = frozenset({".aws", ".github", ".ecs", ".copilot", ".workspace"})
"""Hidden names that are read all the same."""
_MOST_FILES = 5_000
_MOST_NAMES = 20

_LIKELY = re.compile(
    r"(?:^|/)(?:apprunner\.ya?ml|(?:docker-)?compose[\w.-]{0,60}\.ya?ml|[\w.-]{0,60}task[_-]?def[\w.-]{0,60}\.json"
    r"|copilot/(?:[\w-]{1,60}/){1,3}manifest\.ya?ml)$"
)
"""The files of the formats by their usual names: one that cannot be read is reported, also if it is not an argument."""
_PAIR = re.compile(
    r"(?m)^[ \t-]*(?:export )?[\"']?([A-Za-z_][\w.-]{0,100})[\"']?[ \t]*[=:][ \t]*[\"']?([^\s\"'][^\n\"']{0,500})"
)
_NAME_AND_VALUE = re.compile(
    r"\b[Nn]ame[\"']?[ \t]*:[ \t]*[\"']?([\w.-]{1,100})[\"']?[\s,]*"
    r"[\"']?[Vv]alue[\"']?[ \t]*:[ \t]*[\"']?([^\n\"'},]{1,500})"
)

"""How files that cannot be read as data have variables: for their secrets, which findings must not quote."""

INCOMPLETE = 4
"""The exit code if not everything is carried."""


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="Folder that gets services/NAME.yml and environments/NAME.yml.  [default: this folder]",
)
@click.option("--from", "name", type=click.Choice(NAMES), help="Format of the files.  [default: recognized by content]")
@format_option("text", "json", "markdown", help="Output format of the report.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.option("--no-lint", is_flag=True, help="Skip cfn-lint.")
@click.pass_context
def import_command(
    context: click.Context,
    paths: tuple[Path, ...],
    output: Path,
    name: str | None,
    form: str,
    force: bool,
    no_lint: bool,
) -> None:
    """Write the specs of another tool's files, with a report on each of their keys.

    PATH is a file or a folder: a Copilot workspace, ECS task definitions, an apprunner.yaml, a Compose file, or specs
    in the flat dialect. The report has the line of each key, and the keys of the spec that have its value now: ~ marks
    what changed, - what is not carried. The exit code is 0 if everything is carried, 4 if something is not or a spec
    does not compile.
    """
    sources = list(_sources(paths, output))
    unreadable = [each for each in sources if not each.named and _LIKELY.search(each.path) and not _is_readable(each)]
    chosen, claimed = _claimed(paths, sources, unreadable, name)
    _check_readable(claimed)
    imported = convert(chosen, claimed, sources, _reader(output))
    _remember_secrets(sources)
    if name is not None:
        _check_format(name, claimed, imported)
    if not imported.drafts:
        _show(Imported(formats()[chosen].title, imported, (), ()), form)
        _tell(imported, (), output, compiles=False)
        click.echo(f"{_names(claimed)}: no service, job or environment that fsdcf can write", err=True)
        context.exit(INCOMPLETE)
    files = {draft.path: draft.text() for draft in imported.drafts} | imported.files
    options = BatchOptions(lint=not no_lint, cache=lint_folder())
    tried = list(compile_all(_requests(imported, files, output), options))
    write_new(output, files, force)
    written = [os.path.normpath(output / path) for path in files]
    _show(Imported(formats()[chosen].title, imported, written, tried), form)
    if form != "json":
        _tell(imported, written, output, compiles=all(each.text is not None for each in tried))
    if unreadable:
        _show_findings(unreadable)
        click.echo(f"{_names(unreadable)}: not readable, and left out", err=True)
    if imported.report.counts[Treatment.NOT_CARRIED] or unreadable or any(each.text is None for each in tried):
        context.exit(INCOMPLETE)


def _sources(paths: Sequence[Path], output: Path) -> Iterator[Source]:
    """The files that are named, and those in named folders or beside named files, each once."""
    seen: set[str] = set()

    def source(path: Path, named: bool) -> Iterator[Source]:
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            relative = os.path.relpath(real, os.path.realpath(output)).replace(os.sep, "/")
            yield Source(str(path), relative, read(path), named, Path(real).parent.name)

    for path in paths:
        if not path.is_dir():
            yield from source(path, True)
    for path in paths:
        beside = _files(path) if path.is_dir() else _beside_file(path)
        for each in chain(beside, filter(_is_source, _workflows(path))):
            with suppress(click.UsageError):  # not an argument, and cannot be read
                yield from source(each, False)


def _beside_file(path: Path) -> Iterator[Path]:
    """The files beside one that may be sources; of a Copilot workspace also those that tell more of this workload."""
    folder = path.absolute().parent
    yield from (each for each in sorted(path.parent.iterdir()) if _is_source(each))
    if path.stem == "manifest" and folder.parent.name == "copilot":
        above = Path(os.path.normpath(path.parent / ".."))
        for each in (path.parent / "addons", path.parent / "overrides", above / "environments"):
            yield from _files(each)
        if _is_source(above / ".workspace"):
            yield above / ".workspace"


def _workflows(path: Path) -> list[Path]:
    """The workflows of GitHub in the repository around a file or folder."""
    root = repository_root(path.absolute())
    return sorted(Path(os.path.relpath(root), ".github", "workflows").glob("*")) if (root / ".git").exists() else []


def _files(folder: Path) -> Iterator[Path]:
    """The files below a folder that may be sources, sorted. A usage error if there are too many."""
    found = 0
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if each not in _SKIPPED and (each[0] != "." or each in _KEPT))
        for path in (Path(here, each) for each in sorted(files)):
            if _is_source(path):
                found += 1
                if found > _MOST_FILES:
                    raise click.UsageError(
                        f"{str(folder)!r} has more than {_MOST_FILES:,} files: name a smaller folder"
                    )
                yield path


def _is_source(path: Path) -> bool:
    """Whether a file that is not an argument may be one of another tool: by its name and size, and if it is not a link
    that leads out of the repository."""
    if not (path.name.endswith(_SUFFIXES) or path.name.startswith(".env") or path.name in _KEPT):
        return False
    with suppress(OSError):
        if path.is_symlink():
            check_inside(path, path.parent)
        return path.is_file() and (path.stat().st_size <= MOST_BYTES or bool(_LIKELY.search(path.as_posix())))
    return False


def _claimed(
    paths: Sequence[Path], sources: Sequence[Source], unreadable: Sequence[Source], name: str | None
) -> tuple[str, list[Source]]:
    """The format, and the sources that a conversion begins with. A usage error if they are not of one format."""
    named = [each for each in sources if each.named]
    if name is not None:
        found = [each for each in sources if each.named or formats()[name].claims(each)]
        if not found:
            raise click.UsageError(f"{', '.join(map(repr, map(str, paths)))} has no file of {formats()[name].title}")
        return name, found
    claims = recognized(sources if len(named) < len(paths) else named)
    taken = {id(each) for group in claims.values() for each in group}
    for each in named:
        if id(each) not in taken:
            _refuse(each)
    if not claims:
        _check_readable(unreadable)
        titles = ", ".join(each.title for each in formats().values())
        raise click.UsageError(f"{', '.join(map(repr, map(str, paths)))} has no file that can be imported: {titles}")
    if len(claims) > 1:
        listed = "; ".join(f"{name}: {_names(group)}" for name, group in claims.items())
        raise click.UsageError(f"there are files of several formats: choose one with --from ({listed})")
    return next(iter(claims.items()))


def _names(sources: Sequence[Source]) -> str:
    names = [visible(each.name) for each in sources[:3]]
    return ", ".join(names) + (f" and {counted(len(sources) - 3, 'other')}" if len(sources) > 3 else "")


def _refuse(source: Source) -> None:
    """A usage error for a named file that no format recognizes, with the findings if it cannot be read, or if it
    belongs to a tool that has another way in."""
    if Path(source.path).name.startswith("Dockerfile"):
        init = suggested("init", **{"from": os.path.dirname(source.name) or "."})
        raise click.UsageError(f"{visible(source.name)} is a Dockerfile: `{init}` writes a spec for it")
    _check_readable([source])
    _, findings = parse(source.raw, source.name)
    foreign = [each for each in findings if each.code == FOREIGN.code]
    if foreign:
        show(foreign, {source.name: source.text})
        click.echo(f"{visible(source.name)}: cannot be imported; nothing was written", err=True)
        click.get_current_context().exit(2)
    if "apiVersion" in source.data:
        raise click.UsageError(f"{visible(source.name)} is an FSD v1 spec already")
    titles = ", ".join(f"{name} ({each.title})" for name, each in formats().items())
    raise click.UsageError(
        f"{visible(source.name)} is not a file that fsdcf recognizes; if it is one of these, add --from: {titles}"
    )


def _check_format(name: str, claimed: Sequence[Source], imported: ImportResult) -> None:
    """A usage error for a named file of which nothing is a key of the format that the user chose."""
    fitting = {row.file for row in imported.report.rows.values() if row.outcome.to}
    for source in claimed:
        if source.named and source.name not in fitting and not formats()[name].claims(source):
            title = formats()[name].title
            raise click.UsageError(f"{visible(source.name)} has no key of {title}: choose another format with --from")


def _is_readable(source: Source) -> bool:
    """Whether a file can be read as YAML or JSON, and does not grow without limit by its aliases."""
    return source.document is not None and all(each.code != ALIASES.code for each in source.findings)


def _check_readable(sources: Sequence[Source]) -> None:
    """End the command with the findings of the files that cannot be read at all."""
    unreadable = [each for each in sources if not _is_readable(each)]
    for each in unreadable:
        if each.name.endswith((".jsonnet", ".libsonnet")):
            ways = "`ecspresso render` or `jsonnet`"
            raise click.UsageError(f"{visible(each.name)} is Jsonnet: import what {ways} prints in its place")
    if unreadable:
        _show_findings(unreadable)
        click.echo(f"{_names(unreadable)}: not readable; nothing was written", err=True)
        click.get_current_context().exit(2)


def _show_findings(sources: Sequence[Source]) -> None:
    _remember_secrets(sources)
    for each in sources:
        show(each.findings, {each.name: each.text})


def _remember_secrets(sources: Sequence[Source]) -> None:
    """Mask the plain secrets of the files in whatever the command shows: those of files that were read, and those in
    lines such as ``NAME=value`` and ``- name: NAME`` before ``value: …``."""
    keys = {name.lower() for each in sources if each.is_read for name in _keys(each.data)}
    public = keys.union(*(re.split(r"[^a-z0-9]+", each) for each in keys))
    for each in sources:
        if each.is_read and each.document is not None:
            remember_secrets_in(each.data, public)
        elif each.is_read or Path(each.name).name.startswith(".env") or each.name.endswith(".env"):
            pairs = [*_PAIR.findall(each.text), *_NAME_AND_VALUE.findall(each.text)]
            parts = ((name, part) for name, text in pairs for part in (text.strip(), *re.split(r"[:\s]+", text)))
            remember_secrets_in([{"Name": name, "Value": part} for name, part in parts], public)


def _keys(data: Any) -> Iterator[str]:
    """The keys in a file: a password that is the name of a service, or a word of it, must not mask the service."""
    if isinstance(data, dict):
        yield from data
    for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _keys(each)


def _reader(output: Path) -> Beside:
    """Reads a file by its path relative to the folder that gets the specs; it must be in the repository."""

    def read_beside(path: str) -> bytes:
        target = Path(os.path.normpath(output / path))
        check_inside(target, target.parent)
        return reader_beside(str(target), MOST_BYTES)(target.name)

    return read_beside


def _requests(imported: ImportResult, files: dict[str, str], output: Path) -> list[Request]:
    """A request for each spec in each of its environments, before any of them is written."""
    environments = {each.name: each for each in imported.drafts if each.kind is ENVIRONMENT}
    requests = []
    for draft in imported.drafts:
        names = [draft.name] if draft.kind is ENVIRONMENT else list(dict.fromkeys([*environments, *draft.environments]))
        for name in names or [DEFAULT_ENVIRONMENT]:
            file = None
            if draft.kind is not ENVIRONMENT and name in environments:
                file = SourceFile(str(output / environments[name].path), files[environments[name].path].encode())
            elif draft.kind is not ENVIRONMENT:
                file = environment_file(name, output / SERVICES)
            raw = files[draft.path].encode()
            beside = _beside(draft, files, output)
            place = str(output / draft.path)
            variables = draft.variables
            requests.append(Request(place, raw, name, variables=variables, beside=beside, environment_file=file))
    return requests


def _beside(draft: Draft, files: dict[str, str], output: Path) -> Callable[[str], bytes]:
    """Reads a file by its path relative to a spec: one that is about to be written, or one on disk."""
    folder = os.path.dirname(draft.path)

    def read_beside(path: str) -> bytes:
        place = os.path.normpath(os.path.join(folder, path)).replace(os.sep, "/")
        return files[place].encode() if place in files else _reader(output)(place)

    return read_beside


def _show(one: Imported, form: str) -> None:
    if form == "json":
        print_json(record(one))
        return
    out = LineWriter(sys.stdout)
    lines = as_markdown(one) if form == "markdown" else as_text(one, painter(sys.stdout), width_of(sys.stdout))
    out.lines(list(lines))


def _tell(imported: ImportResult, written: Sequence[str], output: Path, *, compiles: bool) -> None:
    """Print what was written, and what to do next: until the specs are deployed to the sandbox, if they compile."""
    width = width_of(sys.stderr)
    if written:
        more = f" and {counted(len(written) - _MOST_NAMES, 'other file')}" if len(written) > _MOST_NAMES else ""
        names = f"wrote {', '.join(map(visible, written[:_MOST_NAMES]))}{more}"
        click.echo("\n".join(wrapped(names, width, 6)), err=True)
    drafts = imported.drafts
    environment = _first_environment(drafts)
    stored = [
        suggested("secret set", str(output / draft.path), name, env=environment)
        for draft in drafts
        for name in dict.fromkeys(draft.to_store)
    ]
    services = [str(output / each.path) for each in drafts if each.kind is not ENVIRONMENT]
    places = services if len(services) == 1 else [str(output / SERVICES)] if services else []
    shared = [str(output / ENVIRONMENTS)] if any(each.kind is ENVIRONMENT for each in drafts) else []
    variables = tuple({name: f"{name}={text}" for each in drafts for name, text in each.variables.items()}.values())
    commands = [suggested("validate", *shared, *places, var=variables)] if written else []
    if compiles and services:
        commands.append(
            suggested("deploy", *shared, *places, env=environment, image_sha="first", var=variables, sandbox=True)
        )
    steps = [*imported.next, *stored, *commands, *imported.later]
    click.echo("\n".join(next_lines(steps, painter(sys.stderr), width)), err=True)


def _first_environment(drafts: Sequence[Draft]) -> str | None:
    """The environment to begin with: not production, if there is another one; None for the default of all commands."""
    shared = [each.name for each in drafts if each.kind is ENVIRONMENT]
    names = shared or [name for each in drafts for name in each.environments]
    first = next((each for each in names if not is_production(each, None)), next(iter(names), None))
    return None if first == DEFAULT_ENVIRONMENT else first
