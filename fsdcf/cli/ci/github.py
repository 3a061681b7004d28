"""``fsdcf ci github``: the workflow of GitHub Actions, written or compared."""

from __future__ import annotations

import difflib
import os
import re
import shlex
from pathlib import Path

import click

from fsdcf import __version__
from fsdcf.cli.ci.services import services
from fsdcf.cli.files import write
from fsdcf.cli.inputs import ENVIRONMENT
from fsdcf.cli.specs import root_of, specs_or_all
from fsdcf.compiler.pipeline_stack.model import role_variable
from fsdcf.scaffold.sources import WORKFLOW, Source
from fsdcf.scaffold.workflow import Lane, Workflow, is_ours, workflow

_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_PINNED = re.compile(r"fsdcf==[0-9][A-Za-z0-9.+!]*|(fsdcf @ )?git\+https://[A-Za-z0-9._/-]+@[0-9a-f]{40}")
_LANES = ("staging=staging", "main=prod")


@click.command()
@click.argument("specs", nargs=-1, type=click.Path(path_type=Path), metavar="[SPEC...]")
@click.option(
    "--test",
    metavar="COMMAND",
    help="What tests a service, in the folder of its build.  [default: what the files tell]",
)
@click.option(
    "--branch",
    "branches",
    multiple=True,
    metavar="BRANCH=ENV",
    help="Where a push deploys to; repeatable.  [default: staging=staging, main=prod]",
)
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Value of ${NAME}; repeatable.")
@click.option(
    "--fsdcf",
    "requirement",
    metavar="REQUIREMENT",
    help=f"What installs fsdcf, pinned.  [default: fsdcf=={__version__}]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Where to write it (-: standard output).  [default: {WORKFLOW}]",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit with 2 and show the difference if the file is not current."
)
@click.option("--force", is_flag=True, help="Replace a file that fsdcf did not write.")
@click.pass_context
def command(
    context: click.Context,
    /,
    specs: tuple[Path, ...],
    test: str | None,
    branches: tuple[str, ...],
    variables: tuple[str, ...],
    requirement: str | None,
    output: Path | None,
    check: bool,
    force: bool,
) -> None:
    """Write the workflow that plans pull requests and deploys pushes.

    Without SPECs it serves every spec of the repository. It works in a repository without a remote.
    """
    _refuse_expressions((test or "", *variables))
    lanes = _lanes(branches or _LANES)
    pinned = _pinned(requirement)
    root = root_of(Path.cwd().resolve())
    found = services(specs_or_all(specs, root), root, [one.environment for one in lanes], variables, test)
    if found is None:
        context.exit(2)
    command = _command(
        tuple(one.spec for one in found) if specs else (), test, branches, variables, requirement, output, root
    )
    text = workflow(
        Workflow(found, lanes, pinned, command, shlex.join(word for one in variables for word in ("--var", one)))
    )
    target = output or Path(os.path.relpath(root / WORKFLOW))
    if check:
        _compare(context, target, text)
    elif str(target) == "-":
        click.echo(text, nl=False)
    else:
        _refuse_other(target, force)
        write(target, text)
        _notes(found, lanes, test)


def _lanes(written: tuple[str, ...]) -> tuple[Lane, ...]:
    lanes = []
    for text in written:
        branch, equals, environment = text.partition("=")
        if not equals or not _BRANCH.fullmatch(branch) or not ENVIRONMENT.fullmatch(environment):
            raise click.UsageError(f"--branch takes BRANCH=ENV, such as main=prod, not {text!r}")
        lanes.append(Lane(branch, environment, role_variable(environment)))
    for part in ("branch", "environment"):
        names = [getattr(one, part) for one in lanes]
        if len(set(names)) < len(names):
            raise click.UsageError(f"--branch names the same {part} twice")
    return tuple(lanes)


def _pinned(requirement: str | None) -> str:
    wanted = requirement or f"fsdcf=={__version__}"
    if not _PINNED.fullmatch(wanted):
        raise click.UsageError(
            f"--fsdcf takes fsdcf==VERSION or git+https://…@COMMIT, with all 40 digits of the commit, not {wanted!r}"
        )
    return wanted


def _refuse_expressions(texts: tuple[str, ...]) -> None:
    """GitHub would replace what stands in ``${{ }}``, and a line break would end the text."""
    for text in texts:
        if "${{" in text or any(ord(character) < 32 for character in text):
            raise click.UsageError(f"{text!r} cannot stand in a workflow: leave out ${{{{ }}}} and line breaks")


def _command(
    specs: tuple[str, ...],
    test: str | None,
    branches: tuple[str, ...],
    variables: tuple[str, ...],
    requirement: str | None,
    output: Path | None,
    root: Path,
) -> str:
    """The command that writes this workflow again, from the root of the repository."""
    place = None if output is None or str(output) == "-" else os.path.relpath(output.resolve(), root)
    named = (("--test", test), ("--fsdcf", requirement), ("-o", place))
    words = [
        "fsdcf",
        "ci",
        "github",
        *specs,
        *(word for option, value in named if value is not None for word in (option, value)),
    ]
    words += [word for one in branches for word in ("--branch", one)]
    words += [word for one in variables for word in ("--var", one)]
    return shlex.join(words)


def _compare(context: click.Context, target: Path, text: str) -> None:
    try:
        known = target.read_text(encoding="utf-8")
    except FileNotFoundError:
        click.echo(f"{target} is not there; fsdcf ci github writes it", err=True)
        context.exit(2)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(
            f"cannot read {str(target)!r}: {getattr(error, 'strerror', None) or 'it is no text in UTF-8'}"
        ) from None
    if known != text:
        lines = difflib.unified_diff(
            known.splitlines(), text.splitlines(), str(target), "what fsdcf ci github writes", lineterm=""
        )
        click.echo("\n".join(lines))
        click.echo(f"{target} is out of date", err=True)
        context.exit(2)


def _refuse_other(target: Path, force: bool) -> None:
    """A usage error for a file that is not ours."""
    if force or not target.exists():
        return
    try:
        ours = is_ours(target.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        ours = False
    if not ours:
        raise click.UsageError(f"{str(target)!r} was not written by fsdcf; --force replaces it")


def _notes(services: tuple[Source, ...], lanes: tuple[Lane, ...], test: str | None) -> None:
    for one in services:
        if test is None and one.test.startswith("docker build"):
            click.echo(
                f"note: no tests of {one.name} are found: the workflow builds its image instead; name them with --test",
                err=True,
            )
    wanted = ", ".join(one.variable for one in lanes)
    click.echo(
        f"note: it needs the repository variables AWS_REGION, {wanted}; fsdcf bootstrap --github ORG/REPO says to what",
        err=True,
    )
