"""The workflow of GitHub Actions: a plan on every pull request, a deploy on every push."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from fsdcf.scaffold.render import render
from fsdcf.scaffold.sources import Source

PINS: Mapping[str, tuple[str, str]] = {
    "actions/checkout": ("v7.0.1", "3d3c42e5aac5ba805825da76410c181273ba90b1"),
    "actions/upload-artifact": ("v7.0.0", "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f"),
    "astral-sh/setup-uv": ("v10.0.1", "20cfd1bf945f4377ade1205e4dbc17946fc9a30d"),
    "aws-actions/amazon-ecr-login": ("v2.1.7", "03f1aad4c6c7ffd436567f42f9384779290529bd"),
    "aws-actions/configure-aws-credentials": ("v6.2.3", "e6de054238d6b7531b4efff3b6587d9aade6a06c"),
}
"""Version and commit by name: a tag may move, a commit does not."""


def use(action: str) -> str:
    """What stands behind ``uses:``: the action at its commit, with the version for readers."""
    version, commit = PINS[action]
    return f"{action}@{commit} # {version}"


MARK = "# Written by fsdcf ci github"
"""How our workflows begin; a file that begins otherwise is somebody else's."""

RUNNERS: Mapping[str, tuple[str, str]] = {
    "x86_64": ("linux/amd64", "ubuntu-24.04"),
    "arm64": ("linux/arm64", "ubuntu-24.04-arm"),
}
"""Platform and runner for each architecture of an image: it is built where it could run.
Source: https://docs.github.com/en/actions/reference/runners/github-hosted-runners"""

_SAFE = re.compile(r"[A-Za-z./][A-Za-z0-9./_@+=-]*( [A-Za-z0-9./_@+=-]+)*")
_NOT_TEXT = re.compile(r"(?i)true|false|yes|no|on|off|y|n|null|\.inf|\.nan|\.[0-9_].*")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_CHANGED = "fromJSON(needs.changes.outputs.services)"


@dataclass(frozen=True)
class Lane:
    """A branch, the environment that a push to it deploys to, and the repository variable with the role for it."""

    branch: str
    environment: str
    variable: str


@dataclass(frozen=True)
class Workflow:
    """What a workflow is written from.

    ``requirement`` is the pinned fsdcf, ``command`` what writes the file again, ``options`` what every compilation is told.
    """

    services: tuple[Source, ...]
    lanes: tuple[Lane, ...]
    requirement: str
    command: str
    options: str = ""


def workflow(wanted: Workflow) -> str:
    """The text of the workflow: for one service, or for the several of a monorepo, of which those that changed are handled."""
    several = len(wanted.services) > 1
    first = wanted.services[0]
    return render(
        "workflows/fsdcf.yml.j2",
        mark=MARK,
        command=wanted.command,
        check=scalar(f"{wanted.command} --check"),
        options=f" {wanted.options}" if wanted.options else "",
        requirement=scalar(wanted.requirement),
        lanes=[Lane(scalar(one.branch), scalar(one.environment), one.variable) for one in wanted.lanes],
        target=_target(wanted.lanes),
        several=several,
        title="${{ matrix.service.name }}" if several else first.name,
        service=_fields(None if several else first),
        matrix=[json.dumps(one.data()) for one in wanted.services],
        specs=f"${{{{ join({_CHANGED}.*.spec, ' ') }}}}" if several else scalar(first.spec),
        all=" ".join(one.spec for one in wanted.services),
        stem=PurePosixPath(first.spec).stem,
        region=_region(None if several else first),
        uv=any(one.test.startswith("uv ") for one in wanted.services),
        use=use,
    )


def is_ours(text: str) -> bool:
    """Whether a file is a workflow that fsdcf wrote."""
    return text.startswith(MARK)


def scalar(text: str) -> str:
    """A text as a scalar of YAML: plain where any reader takes it for that text, else quoted."""
    if _SAFE.fullmatch(text) and not _NOT_TEXT.fullmatch(text):
        return text
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _fields(one: Source | None) -> dict[str, str]:
    """What the jobs know of their service, as YAML: its values, or those of the matrix."""
    names = [name for name in Source.__dataclass_fields__ if name != "paths"]
    if one is None:
        return {name: f"${{{{ matrix.service.{name} }}}}" for name in names}
    return {name: scalar(one.data()[name]) for name in names}


def _region(one: Source | None) -> str:
    """The region of the images: the deploy's, where the spec names no other."""
    if one is None:
        return "${{ matrix.service.region || vars.AWS_REGION }}"
    return scalar(one.region) if one.region else "${{ vars.AWS_REGION }}"


def _target(lanes: Sequence[Lane]) -> str:
    """The environment that a pull request will be deployed to: by its base, and the first for any other."""
    cases = "".join(f"github.base_ref == '{one.branch}' && '{one.environment}' || " for one in lanes[1:])
    return f"${{{{ {cases}'{lanes[0].environment}' }}}}" if cases else scalar(lanes[0].environment)
