"""``fsdcf ci``: the commands for pipelines."""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import click

from fsdcf import __version__
from fsdcf.cli.files import write
from fsdcf.cli.image import registry
from fsdcf.cli.lazy import Commands, Table
from fsdcf.cli.options import requests
from fsdcf.cli.render.findings import show, summary
from fsdcf.cli.specs import root_of, specs_or_all
from fsdcf.compiler.pipeline import role_variable
from fsdcf.conventions import ENVIRONMENT_PATTERN
from fsdcf.language.model.service import Spec
from fsdcf.pipeline import run
from fsdcf.scaffold.comment import LIMIT, Section
from fsdcf.scaffold.comment import comment as put_together
from fsdcf.scaffold.sources import WORKFLOW, ServiceSource, tests_of, touched
from fsdcf.scaffold.workflow import RUNNERS, Lane, Workflow, is_managed, workflow


class Pipelines(Commands):
    table: ClassVar[Table] = {
        "github": ("fsdcf.cli.commands.ci:github_command", "Write the workflow of GitHub Actions, or compare it."),
        "changed": ("fsdcf.cli.commands.ci:changed_command", "Print the services of a workflow that changed."),
        "comment": ("fsdcf.cli.commands.ci:comment_command", "Put the comment of a pull request together."),
    }


@click.group(cls=Pipelines)
def command() -> None:
    """Write the workflow of a pipeline, and what it calls."""


_PATH = re.compile(r"[A-Za-z0-9._+@-]+(/[A-Za-z0-9._+@-]+)*")


def services(
    specs: Sequence[Path], root: Path, environments: Sequence[str], variables: tuple[str, ...], test: str | None
) -> tuple[ServiceSource, ...] | None:
    """The services of specs, by path; None, after the findings, where a spec has errors. Usage errors for what no workflow can do."""
    compiled = {path: _compiled(path, environments, variables) for path in sorted(set(specs), key=str)}
    if any(one is None for one in compiled.values()):
        return None
    found = tuple(_source(path, root, one, test) for path, one in compiled.items() if one is not None)
    for number, one in enumerate(found):
        for other in found[:number]:
            if other.name == one.name:
                raise click.UsageError(
                    f"{other.spec} and {one.spec} both describe the service {one.name}: name one of them"
                )
    return found


def _compiled(path: Path, environments: Sequence[str], variables: tuple[str, ...]) -> Spec | None:
    """The spec, which every environment must be able to build in the same way."""
    specs: list[Spec] = []
    for environment in environments:
        (request,) = requests((path,), environment, (), variables)
        result = run(request)
        if result.template is None or result.spec is None:
            show(result.diagnostics, result.sources)
            click.echo(f"{request.name} for {environment}: {summary(result.diagnostics)}", err=True)
            return None
        specs.append(result.spec)
    for environment, one in zip(environments, specs, strict=True):
        if _image(one) != _image(specs[0]):
            raise click.UsageError(
                f"{path}: one image serves all environments, and {environment} builds another than {environments[0]}: "
                "service.build, service.image and resources.architecture must be the same"
            )
    return specs[0]


def _image(spec: Spec) -> object:
    build = spec.service.build
    return build.context, build.dockerfile, build.args, spec.service.image, spec.service.resources.architecture


def _source(path: Path, root: Path, spec: Spec, test: str | None) -> ServiceSource:
    place = _relative(path.resolve(), root, path)
    build, here = spec.service.build, path.resolve().parent
    context = _relative((here / build.context).resolve(), root, path)
    dockerfile = _dockerfile(here, here / build.context, build.dockerfile)
    image = registry(spec)
    if image is None:
        raise click.UsageError(f"{path}: the workflow pushes to ECR, and service.image names another registry")
    file = _relative(dockerfile, root, path)
    command, folder = _test(root, context, file, test)
    platform, runner = RUNNERS[spec.service.resources.architecture]
    source = "./" if context == "." else f"{context}/"
    return ServiceSource(
        name=spec.metadata.name,
        spec=place,
        context=context,
        dockerfile=file,
        arguments=tuple(_argument(path, name, value) for name, value in sorted(build.args.items())),
        platform=platform,
        runner=runner,
        repository=image[2],
        registry=image[0] or "",
        region=image[1] or "",
        folder=folder,
        test=command,
        paths=(source, *(one for one in (place, file) if source != "./" and not one.startswith(source))),
    )


def _relative(target: Path, root: Path, spec: Path) -> str:
    """A path from the root, as a workflow can write it."""
    try:
        text = target.relative_to(root).as_posix()
    except ValueError:
        raise click.UsageError(f"{spec}: {os.path.relpath(target)} is outside the repository {root}") from None
    if not _PATH.fullmatch(text):
        raise click.UsageError(f"{spec}: a workflow cannot name {text!r}: use letters, digits and . _ - + @ /")
    return text


def _dockerfile(here: Path, context: Path, written: str | None) -> Path:
    """The Dockerfile: beside the spec, or, where the spec names none and there is none, in the context."""
    beside = here / (written or "Dockerfile")
    if written is None and not beside.is_file() and (context / "Dockerfile").is_file():
        return (context / "Dockerfile").resolve()
    return beside.resolve()


def _test(root: Path, context: str, dockerfile: str, test: str | None) -> tuple[str, str]:
    """The command that tests a service, and its folder: the one that is given, or one that the files tell, or the image's build."""
    if test is not None:
        return test, context
    for folder in dict.fromkeys((context, ".")):
        found = tests_of(root / folder)
        if found is not None:
            return found, folder
    return shlex.join(["docker", "build", "--file", dockerfile, context]), "."


def _argument(path: Path, name: str, value: str) -> str:
    text = f"{name}={value}"
    if "\n" in text or "\r" in text:
        raise click.UsageError(f"{path}: service.build.args.{name} has several lines, which a workflow cannot pass on")
    return text


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
def github_command(
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
        if not equals or not _BRANCH.fullmatch(branch) or not re.fullmatch(ENVIRONMENT_PATTERN, environment):
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
        ours = is_managed(target.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        ours = False
    if not ours:
        raise click.UsageError(f"{str(target)!r} was not written by fsdcf; --force replaces it")


def _notes(services: tuple[ServiceSource, ...], lanes: tuple[Lane, ...], test: str | None) -> None:
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


_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/^~-]*")
_LONGEST = 120


@click.command()
@click.option("--base", required=True, metavar="REV", help="What the change began from.")
def changed_command(base: str) -> None:
    """Read the services of a workflow as JSON, and print those whose spec or source changed since a revision.

    All of them are printed where that revision is not known, as after a first or a forced push.
    """
    services = _services(sys.stdin.read())
    files = changed_files(base)
    if files is None:
        click.echo(f"{base} is not a commit here: every service counts as changed", err=True)
    click.echo(json.dumps(touched(services, files), ensure_ascii=False))


def changed_files(base: str) -> list[str] | None:
    """The files that differ between a revision and HEAD, from the root; None for a revision that is not known."""
    if not _REVISION.fullmatch(base):
        raise click.UsageError(f"--base: {base!r} cannot be a revision")
    if _git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}").returncode:
        return None
    found = _git("diff", "--name-only", "--no-renames", "-z", base, "HEAD", "--")
    if found.returncode:
        raise click.UsageError(f"git diff failed: {found.stderr.decode('utf-8', 'replace').strip()}")
    return [name.decode("utf-8", "surrogateescape") for name in found.stdout.split(b"\0") if name]


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, check=False, timeout=_LONGEST)  # noqa: S603, S607
    except FileNotFoundError:
        raise click.UsageError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise click.UsageError(f"git {arguments[0]} took longer than {_LONGEST} seconds") from None


def _services(text: str) -> list[dict[str, Any]]:
    try:
        services = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"the services on standard input are no JSON: {error}") from None
    if not isinstance(services, list) or not all(
        isinstance(one, dict) and isinstance(one.get("paths"), list) for one in services
    ):
        raise click.UsageError("standard input takes a list of services, each with its `paths`")
    return services


_PARTS = ("plan", "cost", "graph")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="FOLDER")
@click.option("--env", "environment", required=True, metavar="NAME", help="Environment that a merge deploys to.")
@click.option("--limit", type=click.IntRange(1000), default=LIMIT, show_default=True, help="Most bytes.")
def comment_command(folder: Path, environment: str, limit: int) -> None:
    """Put a comment together from FOLDER, which has a folder for each spec, with plan.md, cost.md and graph.md.

    A folder that is not there is a plan that failed.
    """
    click.echo(put_together(_sections(folder), environment, limit), nl=False)


def _sections(folder: Path) -> list[Section] | None:
    if not folder.is_dir():
        return None
    found = []
    for below, folders, files in os.walk(folder):
        folders.sort()
        if any(f"{part}.md" in files for part in _PARTS):
            texts = {part: _text(Path(below) / f"{part}.md") for part in _PARTS}
            found.append(Section(f"`{Path(below).relative_to(folder).as_posix()}`", **texts))
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    except OSError as error:
        raise click.UsageError(f"cannot read {str(file)!r}: {error.strerror}") from None
