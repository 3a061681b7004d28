"""The GitHub Actions workflow: a plan on every pull request, a deploy on every push."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from fsdcf.conventions import execution_role_variable, role_variable
from fsdcf.language.source import scalar_text
from fsdcf.scaffold.render import render, source_text
from fsdcf.scaffold.sources import REQUIREMENTS, ServiceSource

PINS: Mapping[str, tuple[str, str]] = {
    "actions/checkout": ("v7.0.1", "3d3c42e5aac5ba805825da76410c181273ba90b1"),
    "actions/github-script": ("v8.0.0", "ed597411d8f924073f98dfc5c65a23a2325f34cd"),
    "actions/upload-artifact": ("v7.0.0", "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f"),
    "astral-sh/setup-uv": ("v10.0.1", "20cfd1bf945f4377ade1205e4dbc17946fc9a30d"),
    "aws-actions/configure-aws-credentials": ("v6.2.3", "e6de054238d6b7531b4efff3b6587d9aade6a06c"),
    "docker/setup-buildx-action": ("v4.3.0", "37fe631027851001ddb9b187196cc803df7f5f0e"),
}
"""The version and commit of each action. A commit, unlike a tag, cannot move."""


UV = "0.13.9"
PYTHON = "3.12"
"""The version of uv, and of the Python that runs fsdcf in a workflow: the one of the runner's image."""

LOCK = "workflows/requirements.txt"
"""The packages that fsdcf needs, with hashes, among the templates. ``make lock`` writes it."""


class Expression(str):
    """A text of a workflow that GitHub evaluates: ``${{ … }}``, or a condition. Every other text is data."""


class Written(str):
    """A text that is in the workflow as it is: a scalar of YAML, or words that are quoted for a shell."""


def use(action: str) -> Written:
    """The value of ``uses:``: the action at its commit, with the version as a comment."""
    version, commit = PINS[action]
    return Written(f"{action}@{commit} # {version}")


MARK = "# Written by fsdcf ci github"
"""The first line of a workflow written by fsdcf."""

RUNNER = "ubuntu-24.04"
RUNNERS: Mapping[str, str] = {"x86_64": RUNNER, "arm64": "ubuntu-24.04-arm"}
"""The runner for each architecture of an image: it is built on its own architecture.
Source: https://docs.github.com/en/actions/reference/runners/github-hosted-runners"""

_OPENS = "${{"
_LITERAL = "${{ '${{' }}"
"""The expression whose value is what opens an expression."""

LONGEST = 21_000
"""Maximum length of an expression. GitHub makes one expression of a text that contains one: a call of ``format``.
Source: ``ExpressionConstants.MaxLength`` of github.com/actions/runner."""

_CHANGED = "fromJSON(needs.changes.outputs.services)"
_CHANGED_SPECS = Expression(f"${{{{ join({_CHANGED}.*.spec, ' ') }}}}")
_BRANCH = "(github.base_ref || github.ref_name)"
"""The branch of a push, or the one that a pull request goes into."""

BUILD = "fsdcf build"
"""What a test begins with that builds the image."""


@dataclass(frozen=True)
class Lane:
    """A branch, and the environment that a push to it deploys.

    ``file`` is the path of the environment's file, if there is one: it is deployed before the services. ``protected``:
    no other environment may write the cache of its builds. ``order`` are the services that each service calls, which
    are deployed before it.
    """

    branch: str
    environment: str
    file: str = ""
    protected: bool = False
    order: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Workflow:
    """The input of a workflow.

    ``requirement`` is the pinned fsdcf: a repository at a commit (``git+https://…@COMMIT``), or a release with hashes
    (``fsdcf==1.0 --hash=sha256:…``). ``command`` is the command that rewrites the file, ``options`` are those of
    compiles.
    ``per_service``: each service is deployed by a job of its own, with roles of its own.
    """

    services: tuple[ServiceSource, ...]
    lanes: tuple[Lane, ...]
    requirement: str
    command: str
    options: str = ""
    per_service: bool = False


@dataclass(frozen=True)
class DeployJob:
    """A job that deploys ``specs`` to an environment with the roles in two variables.

    ``service`` is what it builds, pushes and deploys; None if other jobs build, or without an image.
    """

    id: str
    name: str
    what: str
    needs: Sequence[str]
    condition: Expression
    specs: Sequence[str]
    group: str
    role: str
    execution_role: str
    service: Mapping[str, Any] | None = None


def workflow(wanted: Workflow) -> str:
    """Render the workflow for one service, or for the changed services of a monorepo."""
    several = len(wanted.services) > 1 or wanted.per_service
    first = wanted.services[0]
    files = tuple(dict.fromkeys(lane.file for lane in wanted.lanes if lane.file))
    lanes = [
        {
            "branch": lane.branch,
            "environment": lane.environment,
            "condition": _condition(lane),
            "role": role_variable(lane.environment),
            "execution_role": execution_role_variable(lane.environment),
            "cached": _cached(lane),
            "service": _built(lane, *wanted.services) if several and not wanted.per_service else None,
            "jobs": list(_jobs(wanted, lane, several)),
        }
        for lane in wanted.lanes
    ]
    return render(
        "workflows/fsdcf.yml.j2",
        _quoted,
        mark=Written(MARK),
        command=Written(wanted.command),
        check=f"{wanted.command} --check",
        options=Written(f" {wanted.options}" if wanted.options else ""),
        repository="" if _is_release(wanted.requirement) else wanted.requirement,
        standard=RUNNER,
        versions={"uv": UV, "python": Written(PYTHON), "requirements": Written(REQUIREMENTS)},
        lanes=lanes,
        target=_of_branch(wanted.lanes, [lane.environment for lane in wanted.lanes]),
        runner=_test_runner(None if several else first, wanted.lanes),
        several=several,
        title=Expression("${{ matrix.service.name }}") if several else first.name,
        service=_fields(None if several else first),
        names=[service.name for service in wanted.services],
        matrix=Written(_matrix(wanted.services)),
        specs=_CHANGED_SPECS if several else first.spec,
        files=" ".join(files),
        validated=Written(" ".join((*files, *(service.spec for service in wanted.services)))),
        stem=PurePosixPath(first.spec).stem,
        uv=any(service.test.startswith("uv ") for service in wanted.services),
        tests_build=any(service.test.startswith(BUILD) for service in wanted.services),
        use=use,
        scalar=scalar,
        string=string,
        expression=Expression,
        secret=lambda name: Expression(f"${{{{ secrets.{name} }}}}"),
    )


def _matrix(services: Sequence[ServiceSource]) -> str:
    """The services as JSON, an entry in each line. No text in it is an expression of GitHub, because JSON can escape a
    brace."""
    return ",\n              ".join(json.dumps(service.data()).replace(_OPENS, "$\\u007b{") for service in services)


def _condition(lane: Lane, more: str = "") -> Expression:
    """When a job deploys to an environment: on a push to its branch of the repository itself."""
    push = f"github.event_name == 'push' && github.ref == {string('refs/heads/', lane.branch)}"
    return Expression(f"{push} && !github.event.repository.fork{more}")


def _cached(lane: Lane) -> Expression | None:
    """When a build uses the cache; None for always.

    A run reads the caches of its own branch and of the default branch. A protected environment uses one only if its own
    branch is the default branch: the runs of another environment would write it otherwise.
    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/dependency-caching
    """
    own = f"github.event.repository.default_branch == {string(lane.branch)}"
    return Expression(own) if lane.protected else None


def _jobs(wanted: Workflow, lane: Lane, several: bool) -> Iterator[DeployJob]:
    """The jobs that deploy to an environment: one for one service or all of them, or one for each service."""
    environment, condition = lane.environment, _condition(lane)
    job, group = f"deploy-{environment}", f"fsdcf-{environment}"
    roles = (role_variable(environment), execution_role_variable(environment))
    first = [lane.file, " "] if lane.file else []
    if not several:
        (service,) = wanted.services
        specs, group, built = [*first, service.spec], f"{group}-{service.name}", _built(lane, service)
        yield DeployJob(job, service.name, service.name, ["test"], condition, specs, group, *roles, built)
        return
    if not wanted.per_service:
        specs, needs = [*first, _CHANGED_SPECS], ["changes", f"build-{environment}"]
        yield DeployJob(job, "the services", "The services", needs, condition, specs, group, *roles)
        return
    needs = ["changes", "test"]
    if lane.file:
        some = _condition(lane, " && needs.changes.outputs.services != '[]'")
        yield DeployJob(job, "the environment", "The environment", needs, some, [lane.file], group, *roles)
    for service in wanted.services:
        before = [job] if lane.file else []
        before += [f"{job}-{other}" for other in lane.order.get(service.name, ())]
        is_changed = f"contains({_CHANGED}.*.name, {string(service.name)})"
        # The job of a service that did not change is skipped, which must not skip the jobs that need it.
        runs = f" && !cancelled() && !failure() && needs.test.result == 'success' && {is_changed}"
        yield DeployJob(
            f"{job}-{service.name}",
            service.name,
            service.name,
            [*needs, *before],
            _condition(lane, runs),
            [service.spec],
            f"{group}-{service.name}",
            role_variable(environment, service.name),
            execution_role_variable(environment, service.name),
            _built(lane, service),
        )


def requirements(requirement: str) -> str:
    """What the workflow installs, with hashes: the packages that fsdcf needs, and fsdcf itself if it is a release."""
    release = requirement.replace(" --hash", " \\\n    --hash") + "\n" if _is_release(requirement) else ""
    return f"{MARK}\n{release}{source_text(LOCK)}"


def _is_release(requirement: str) -> bool:
    return "==" in requirement


def is_managed(text: str) -> bool:
    """Whether a file is a workflow written by fsdcf."""
    return text.startswith(MARK)


def _quoted(value: object) -> object:
    """What the template writes for a value: a text as a scalar, unless it is written already, and a list of texts as a
    list of scalars."""
    if isinstance(value, list):
        return f"[{', '.join(map(scalar, value))}]" if value[1:] else scalar(*value)
    return scalar(value) if isinstance(value, str) and not isinstance(value, Written) else value


def scalar(*parts: str) -> Written:
    """A YAML scalar that is the parts together: plain if every parser reads it as the same text, quoted otherwise.

    Every value of a workflow goes through this function. GitHub evaluates an ``Expression`` among the parts; any other
    part arrives as it is, even if it looks like an expression.
    """
    text = shape = ""
    for is_expression, together in groupby(parts, key=lambda part: isinstance(part, Expression)):
        joined = "".join(together)
        text += joined if is_expression else joined.replace(_OPENS, _LITERAL)
        shape += "x" if is_expression and _is_plain(joined) else joined
    return Written(scalar_text(text, shape))


def literal(text: str) -> Written:
    """A YAML scalar of a spec that is the text, also if it looks like a placeholder."""
    text = text.replace("${", "$${")
    return Written(scalar_text(text))


def _is_plain(expression: str) -> bool:
    """Whether an expression needs no quotes in YAML."""
    return expression.isprintable() and re.match(r"[$a-z](?!.*(:( |$)| #))", expression) is not None


def fits(text: str) -> bool:
    """Whether a text can be data of a workflow. One that looks like an expression must not be too long for GitHub."""
    doubled = sum(character in "'{}" for character in text)
    return _OPENS not in text or len(text) + doubled + len(_LITERAL) * text.count(_OPENS) < LONGEST


def string(*parts: str) -> Written:
    """The texts together as a string in an expression: ``'it''s'``."""
    return Written("'" + "".join(parts).replace("'", "''") + "'")


def _fields(service: ServiceSource | None) -> dict[str, str]:
    """The fields of the service that are texts; expressions of the matrix for None."""
    names = ("name", "spec", "folder", "test")
    if service is None:
        return {name: Expression(f"${{{{ matrix.service.{name} }}}}") for name in names}
    return {name: getattr(service, name) for name in names}


def _built(lane: Lane, *services: ServiceSource) -> dict[str, Any]:
    """What a job builds for an environment: a service, or that of the matrix, its runner, and the secrets of builds."""
    first, *others = services
    runner = Expression(f"${{{{ {_matrix_runner(lane)} }}}}") if others else first.runners[lane.environment]
    secrets = sorted({name for service in services for name in service.secrets.get(lane.environment, ())})
    return {**_fields(None if others else first), "runner": runner, "secrets": secrets}


def _matrix_runner(lane: Lane) -> str:
    return f"matrix.service.runners[{string(lane.environment)}]"


def _test_runner(service: ServiceSource | None, lanes: Sequence[Lane]) -> str:
    """The runner of the tests: that of the environment of their branch."""
    if service is None:
        return Expression(f"${{{{ {_by_branch(lanes, map(_matrix_runner, lanes))} }}}}")
    return _of_branch(lanes, [service.runners[lane.environment] for lane in lanes])


def _of_branch(lanes: Sequence[Lane], values: Sequence[str]) -> str:
    """The value of the lane whose branch a run belongs to, or that of the first one."""
    same = len({*values}) == 1
    return values[0] if same else Expression(f"${{{{ {_by_branch(lanes, map(string, values))} }}}}")


def _by_branch(lanes: Sequence[Lane], terms: Iterable[str]) -> str:
    """The expression that is the term of the lane whose branch a run belongs to, or that of the first one."""
    first, *others = terms
    cases = [f"{_BRANCH} == {string(lane.branch)} && {term}" for lane, term in zip(lanes[1:], others, strict=True)]
    return " || ".join([*cases, first])
