"""``fsdcf ci``: a GitHub Actions workflow, and the commands that its steps run."""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import starmap
from pathlib import Path
from typing import Any, ClassVar

import click

from fsdcf import __version__
from fsdcf.atomic import read_regular
from fsdcf.cli import origin
from fsdcf.cli.building import dockerfile
from fsdcf.cli.compiled import compile_or_show
from fsdcf.cli.files import check_output, environment_file, is_environment, read, specs_or_all, write
from fsdcf.cli.git import git
from fsdcf.cli.image import registry
from fsdcf.cli.lazy import LazyGroup, Table
from fsdcf.cli.options import (
    SpecInputs,
    branch_option,
    environments_by_branch,
    matching,
    new_environment_option,
    specs_argument,
    variable_option,
)
from fsdcf.cli.render.findings import show
from fsdcf.cli.render.stream import LineWriter
from fsdcf.conventions import execution_role_variable, role_variable
from fsdcf.diagnostics import Diagnostic, has_errors
from fsdcf.language.dependency import preceding_services
from fsdcf.language.model.service import Spec
from fsdcf.language.rules.container import BUILD_SECRET
from fsdcf.language.rules.together import Sibling
from fsdcf.links import REPOSITORY
from fsdcf.pipeline import Result, together
from fsdcf.plan.markdown import markdown_code
from fsdcf.repository import repository_root
from fsdcf.scaffold.comment import LIMIT, Section
from fsdcf.scaffold.comment import comment as compose
from fsdcf.scaffold.sources import REQUIREMENTS, WORKFLOW, ServiceSource, tests_of, touched
from fsdcf.scaffold.workflow import BUILD, RUNNERS, Lane, Workflow, fits, is_managed, requirements, workflow
from fsdcf.suggested import Value, suggested, words_of
from fsdcf.wording import visible

_PATH = re.compile(r"[A-Za-z0-9._+@][A-Za-z0-9._+@-]*(/[A-Za-z0-9._+@-]+)*")
_PINNED = r"fsdcf==[0-9][A-Za-z0-9.+!]*( --hash=sha256:[0-9a-f]{64})+|git\+https://[A-Za-z0-9.:_/-]+@[0-9a-f]{40}"
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/^~-]*")
_MOST_BYTES = 1 << 24
_PARTS = ("plan", "cost", "graph")


class PipelineCommands(LazyGroup):
    """The commands for pipelines."""

    sections: ClassVar[Mapping[str, Table]] = {
        "Commands": {
            "github": ("ci", "Write or check the GitHub Actions workflow."),
            "changed": ("ci", "Print the services that changed (a workflow step)."),
            "comment": ("ci", "Print a pull request's comment (a workflow step)."),
        }
    }


@click.group(cls=PipelineCommands)
def ci_command() -> None:
    """Write a GitHub Actions workflow, and run its steps."""


@click.command()
@specs_argument("specs", "[SPEC...]", -1)
@click.option(
    "--test",
    metavar="COMMAND",
    help="Command that tests a service, run in the folder of its build.  [default: detected from the files]",
)
@branch_option("Environment that a push to a branch deploys to; repeatable.  [default: staging=staging, main=prod]")
@variable_option
@new_environment_option
@click.option(
    *("--fsdcf", "requirement"),
    callback=matching(_PINNED, "git+https://…@COMMIT with the full commit, or fsdcf==VERSION --hash=sha256:…"),
    metavar="REQUIREMENT",
    help="Pinned requirement that installs fsdcf.  [default: the repository and commit of this fsdcf]",
)
@click.option(
    *("-o", "--output"),
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"File to write; - for standard output.  [default: {WORKFLOW}]",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; if the file is out of date, print a diff and exit with code 2."
)
@click.option("--force", is_flag=True, help="Replace a file that was not written by fsdcf.")
@click.option(
    "--per-service",
    is_flag=True,
    help="Deploy each service by a job of its own, with the roles that bootstrap creates with this option.",
)
def github_command(
    specs: tuple[Path, ...],
    test: str | None,
    branches: tuple[str, ...],
    variables: tuple[str, ...],
    new_environment: bool,
    requirement: str | None,
    output: Path | None,
    check: bool,
    force: bool,
    per_service: bool,
) -> None:
    """Write the workflow that plans pull requests and deploys pushes.

    Without SPEC it covers every spec of the repository. The repository does not need a remote.
    """
    if test and (any("\ud800" <= character <= "\udfff" for character in test) or not fits(test)):
        raise click.UsageError("--test: the command is not valid UTF-8, or too long for one that contains `${{`")
    lanes = tuple(starmap(Lane, environments_by_branch(branches).items()))
    root = repository_root(Path.cwd().resolve())
    inputs = SpecInputs(specs, variables=variables, new_environment=new_environment).found()
    files = tuple(path for path in specs_or_all(inputs.files, root) if not is_environment(path))
    if not files:
        raise click.UsageError("a workflow needs the spec of a service")
    lanes = tuple(replace(lane, file=_environment_file(lane.environment, files, root)) for lane in lanes)
    sources, lanes = services(replace(inputs, files=files), root, lanes, test)
    scopes = _scopes(sources, lanes, per_service)
    _check_roles(scopes)
    place = None if output is None or str(output) == "-" else os.path.relpath(output.resolve(), root)
    paths = [source.spec for source in sources if specs]
    pinned = requirement or _requirement()
    options: dict[str, Value] = {"test": test, "fsdcf": requirement, "output": place, "branch": branches}
    options["per_service"] = per_service
    command = suggested("ci github", *paths, **options, var=variables)
    settings = " ".join(words_of(var=variables))
    text = workflow(Workflow(sources, lanes, pinned, command, settings, per_service))
    if not check and str(output) == "-":
        click.echo(text, nl=False)
        click.echo(f"note: the workflow also needs {REQUIREMENTS}; `{command}` without -o writes both", err=True)
        return
    written = {
        output or Path(os.path.relpath(root / WORKFLOW)): text,
        Path(os.path.relpath(root / REQUIREMENTS)): requirements(pinned),
    }
    if check:
        _compare(written, command)
        return
    for target in written:
        if not force and os.path.exists(target) and not _is_ours(target):
            raise click.UsageError(f"{str(target)!r} was not written by fsdcf; --force replaces it")
        check_output(target)
    for target, content in written.items():
        write(target, content)
    _notes(sources, scopes, test, per_service)


def _scopes(sources: Sequence[ServiceSource], lanes: Sequence[Lane], per_service: bool) -> list[tuple[str, str]]:
    """What has roles of its own: the environments, or the services in them, by the names of both."""
    apart = [source.name for source in sources] if per_service else []
    return [
        (lane.environment, owner) for lane in lanes for owner in (*apart, *([""] if lane.file or not apart else []))
    ]


def _check_roles(scopes: Sequence[tuple[str, str]]) -> None:
    """A usage error if two jobs would have one name, and their roles one variable: ``prod-eu``, and ``eu`` in
    ``prod``."""
    known: dict[str, tuple[str, str]] = {}
    for environment, service in scopes:
        variable = role_variable(environment, service)
        other = known.setdefault(variable, (environment, service))
        if other != (environment, service):
            names = (f"{one[1]} in {one[0]}" if one[1] else one[0] for one in (other, (environment, service)))
            raise click.UsageError(f"{' and '.join(names)} would have the same variable {variable}: rename one")


def _requirement() -> str:
    """The requirement of this very fsdcf. A usage error if a workflow could not install it."""
    try:
        return origin.pinned_requirement()
    except origin.UnknownOrigin as reason:
        raise click.UsageError(
            f"the workflow cannot install this fsdcf: {reason}. Name one that it can install, with its whole hash: "
            f"--fsdcf git+{REPOSITORY}@COMMIT, or --fsdcf 'fsdcf=={__version__} --hash=sha256:HASH'"
        ) from None


def services(
    inputs: SpecInputs, root: Path, lanes: Sequence[Lane], test: str | None
) -> tuple[tuple[ServiceSource, ...], tuple[Lane, ...]]:
    """The services of specs, sorted by path, and the lanes with the order of their deploys and whether they are
    protected. Exits with code 2, after the findings, if a spec has errors.

    Usage errors for what a workflow cannot do.
    """
    paths = sorted(set(inputs.files), key=str)
    siblings: list[Sibling | None] = []
    protected: set[str] = set()
    compiled = [(path, specs) for path in paths if (specs := _compiled(path, lanes, inputs, siblings, protected))]
    common = together(siblings)
    show(common.diagnostics, common.sources)
    if len(compiled) < len(paths) or has_errors(common.diagnostics):
        click.get_current_context().exit(2)
    files = tuple(dict.fromkeys(lane.file for lane in lanes if lane.file))
    settings = words_of(var=inputs.variables)
    sources = (_source(path, root, lanes, specs, test, settings) for path, specs in compiled)
    orders = (_order([specs[number] for _, specs in compiled]) for number in range(len(lanes)))
    return (
        tuple(
            replace(source, paths=(*source.paths, *(file for file in files if "./" not in source.paths)))
            for source in sources
        ),
        tuple(
            replace(lane, protected=lane.environment in protected, order=order)
            for lane, order in zip(lanes, orders, strict=True)
        ),
    )


def _order(specs: Sequence[Spec]) -> Mapping[str, tuple[str, ...]]:
    """The services that precede each service. Of services that call each other, one does not wait."""
    from fsdcf.deploy.group import in_order

    return in_order({spec.metadata.name: preceding_services(spec, specs) for spec in specs})[0]


def _compiled(
    path: Path, lanes: Sequence[Lane], inputs: SpecInputs, siblings: list[Sibling | None], protected: set[str]
) -> list[Spec]:
    """The spec in every environment; empty if it has errors.

    Adds what it is in each to ``siblings``, and the environments that are protected to ``protected``.
    """
    specs: list[Spec] = []
    for lane in lanes:
        (request,) = replace(inputs, files=(path,), environment=lane.environment).requests()
        result = compile_or_show(request)
        if result is None or result.spec is None:
            return []
        if lacking := list(_lacking(path, result)):
            show(lacking, result.sources)
            return []
        specs.append(result.spec)
        siblings.append(result.sibling)
        if result.is_production:
            protected.add(lane.environment)
    return specs


def _environment_file(environment: str, specs: Sequence[Path], root: Path) -> str:
    """The path of the file of an environment, which all specs must share; empty without one."""
    found = (environment_file(environment, path.parent) for path in specs)
    paths = sorted({_relative(Path(file.name).resolve(), root, Path(file.name)) for file in found if file is not None})
    if len(paths) > 1:
        raise click.UsageError(
            f"{' and '.join(map(visible, paths))} both describe the environment {environment}: keep one of them"
        )
    return "".join(paths)


def _source(
    path: Path, root: Path, lanes: Sequence[Lane], specs: Sequence[Spec], test: str | None, settings: Sequence[str]
) -> ServiceSource:
    """A service, from its spec in each environment. What tests it is looked for in the first build context."""
    place = _relative(path.resolve(), root, path)
    contexts, dockerfiles = zip(*(_build(path, root, spec) for spec in specs), strict=True)
    sources = tuple(dict.fromkeys("./" if context == "." else f"{context}/" for context in contexts))
    ignored = (f"{one}.dockerignore" for one in dockerfiles)
    addons = (_relative((path.resolve().parent / one).resolve(), root, path) for spec in specs for one in spec.addons)
    named = (place, *dockerfiles, *(one for one in ignored if (root / one).is_file()), *addons)
    files = (one for one in dict.fromkeys(named) if not one.startswith(sources))
    by_environment = dict(zip((lane.environment for lane in lanes), (spec.service for spec in specs), strict=True))
    secrets = {
        name: [secret.environment for secret in service.build.secrets if secret.environment]
        for name, service in by_environment.items()
    }
    tested = _test(root, contexts[0], test)
    if not tested and any(secrets.values()):
        raise click.UsageError(
            f"{visible(path)}: there are no tests, and the tests cannot build the image, because they have none of its "
            "secrets: set the command that tests it with --test"
        )
    command, folder = tested or (" ".join((BUILD, place, *_BUILDS, *settings)), ".")
    return ServiceSource(
        name=specs[0].metadata.name,
        spec=place,
        runners={name: RUNNERS[service.resources.architecture] for name, service in by_environment.items()},
        secrets=secrets,
        folder=folder,
        test=command,
        paths=("./",) if "./" in sources else (*sources, *files),
    )


def _build(path: Path, root: Path, spec: Spec) -> tuple[str, str]:
    """The build context and the Dockerfile of an image. A usage error for what a workflow cannot build or push."""
    build, folder = spec.service.build, path.resolve().parent
    context = _relative((folder / build.context).resolve(), root, path)
    if (root / context).exists() and not (root / context).is_dir():
        raise click.UsageError(f"{str(path)!r}: service.build.context must be a folder, and {context!r} is not one")
    if registry(spec) is None:
        raise click.UsageError(f"{str(path)!r}: the workflow pushes to ECR, but service.image is in another registry")
    return context, _relative(dockerfile(folder, build).resolve(), root, path)


def _relative(target: Path, root: Path, spec: Path) -> str:
    """A path relative to the root, as a workflow can contain it."""
    try:
        text = target.relative_to(root).as_posix()
    except ValueError:
        raise click.UsageError(
            f"{str(spec)!r}: {os.path.relpath(target)!r} is outside the repository {str(root)!r}"
        ) from None
    if not _PATH.fullmatch(text):
        raise click.UsageError(
            f"{visible(spec)}: a workflow cannot contain the path {text!r}: use letters, digits and . _ - + @ /, and do"
            " not begin with -"
        )
    return text


_BUILDS = ("--env", '"$ENVIRONMENT"', "--builder", "docker")
"""The options of a build that tests a service: nothing is pushed, and AWS is not asked."""


def _test(root: Path, context: str, test: str | None) -> tuple[str, str] | None:
    """The command that tests a service, and its folder: the given one, or one detected from the files; None without."""
    if test is not None:
        return test, context
    for folder in dict.fromkeys((context, ".")):
        detected = tests_of(root / folder)
        if detected is not None:
            return detected, folder
    return None


_TAKEN = re.compile(
    r"(ACTIONS|AWS|BUILDKIT|BUILDX|DOCKER|FSDCF|GITHUB(?!_TOKEN$)|RUNNER)_.*|PYTHON.*|BASH_ENV|CI|ENV|HOME|PATH"
    r"|ENVIRONMENT|NAME|SERVICE|SPECS?"
)
"""Variables of the step that builds: those of the runner, of AWS, of the builder, and of the workflow."""

_TRACKED = ("--literal-pathspecs", "ls-files", "--error-unmatch", "--")


def _lacking(path: Path, result: Result) -> Iterator[Diagnostic]:
    """The secrets of the build that a workflow does not have."""
    if result.spec is None or result.document is None:
        return
    for index, secret in enumerate(result.spec.service.build.secrets):
        if secret.environment and _TAKEN.fullmatch(secret.environment.upper()):
            key, problem = "environment", f"a workflow cannot give a secret the name `{secret.environment}`"
            hint = "use another name: the Dockerfile reads the secret by its `id`"
        elif secret.file and git(*_TRACKED, secret.file, folder=path.parent) is None:
            key, problem = "file", f"`{secret.file}` is not in the repository, and so not in a workflow"
            hint = "use `environment: NAME`: the workflow sets it to the secret NAME on GitHub"
        else:
            continue
        where = ("service", "build", "secrets", index, key)
        yield BUILD_SECRET.at(result.document.span(where), where, problem, hint)


def _compare(files: Mapping[Path, str], command: str) -> None:
    """Exit with code 2 unless the files have these texts, which the command writes."""
    context = click.get_current_context()
    for target, text in files.items():
        try:
            known = _content(target)
        except FileNotFoundError:
            click.echo(f"{visible(target)} does not exist; write it with `{command}`", err=True)
            context.exit(2)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not valid UTF-8"
            raise click.UsageError(f"cannot read {str(target)!r}: {reason}") from None
        if known != text:
            sides = known.splitlines(), text.splitlines()
            lines = difflib.unified_diff(*sides, str(target), "output of fsdcf ci github", lineterm="")
            LineWriter(sys.stdout).lines(map(visible, lines))
            click.echo(f"{visible(target)} is out of date; rewrite it with `{command}`", err=True)
            context.exit(2)


def _content(target: Path) -> str:
    return read_regular(target, _MOST_BYTES).decode("utf-8")


def _is_ours(target: Path) -> bool:
    try:
        return is_managed(_content(target))
    except (OSError, UnicodeDecodeError):
        return False


def _notes(
    sources: Sequence[ServiceSource], scopes: Sequence[tuple[str, str]], test: str | None, per_service: bool
) -> None:
    for source in sources:
        if test is None and source.test.startswith(BUILD):
            click.echo(
                f"note: no tests found for {source.name}: the workflow builds its image instead; "
                "set the command with --test",
                err=True,
            )
        for environment, names in source.secrets.items():
            for name in (one for one in names if one.upper() != "GITHUB_TOKEN"):
                click.echo(
                    f"note: the image of {source.name} needs a secret: `gh secret set {name} --env {environment}`",
                    err=True,
                )
    variables = [variable(*scope) for scope in scopes for variable in (role_variable, execution_role_variable)]
    command = suggested("bootstrap", github="ORG/REPO", per_service=per_service)
    click.echo(
        f"note: the workflow needs the repository variables AWS_REGION, {', '.join(variables)}; "
        f"`{command}` prints their values",
        err=True,
    )


@click.command()
@click.option("--base", required=True, metavar="REV", help="Git revision to compare HEAD with.")
def changed_command(base: str) -> None:
    """Read the services of a workflow as JSON, and print those whose spec or source changed since a revision.

    If git does not know the revision, as after a first or a forced push, all of them are printed.
    """
    services = _services(sys.stdin.read())
    files = changed_files(base)
    if files is None:
        click.echo(f"{base} is not a commit in this repository: every service counts as changed", err=True)
    click.echo(json.dumps(touched(services, files)))


def changed_files(base: str) -> list[str] | None:
    """The files that differ between a revision and HEAD, relative to the root; None for an unknown revision."""
    if not _REVISION.fullmatch(base):
        raise click.UsageError(f"--base: {base!r} is not a valid revision")
    if git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}") is None:
        return None
    names = git("diff", "--name-only", "--no-renames", "-z", base, "HEAD", "--")
    if names is None:
        raise click.UsageError(f"git cannot compare {base} with HEAD")
    return [name.decode("utf-8", "surrogateescape") for name in names.split(b"\0") if name]


def _services(text: str) -> list[dict[str, Any]]:
    try:
        services = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"standard input is not valid JSON: {error}") from None
    if not isinstance(services, list) or not all(
        isinstance(one, dict) and isinstance(one.get("paths"), list) for one in services
    ):
        raise click.UsageError("standard input must be a list of services, each with `paths`")
    return services


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="FOLDER")
@click.option("--env", "environment", required=True, metavar="NAME", help="Environment that a merge deploys to.")
@click.option("--limit", type=click.IntRange(1000), default=LIMIT, show_default=True, help="Maximum size in bytes.")
def comment_command(folder: Path, environment: str, limit: int) -> None:
    """Print the comment of a pull request.

    It consists of plan.md, cost.md and graph.md in a folder for each spec below FOLDER.

    If FOLDER does not exist, the comment says that the plan failed.
    """
    click.echo(compose(_sections(folder), environment, limit), nl=False)


def _sections(folder: Path) -> list[Section] | None:
    if not os.path.isdir(folder):
        return None
    sections = []
    for below, folders, files in os.walk(folder):
        folders.sort()
        if any(f"{part}.md" in files for part in _PARTS):
            texts = {part: _text(Path(below) / f"{part}.md") for part in _PARTS}
            sections.append(Section(markdown_code(Path(below).relative_to(folder).as_posix()), **texts))
    return sections


def _text(file: Path) -> str:
    return read(file).decode(errors="replace") if file.exists() else ""
