"""From a spec to what is deployed: compiled, linted, its findings shown, with the image from the command line."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import click

from fsdcf.cli.caches import lint_folder
from fsdcf.cli.findings import show, summary
from fsdcf.cli.image import Image, registry
from fsdcf.cli.places import Places
from fsdcf.cli.repeats import settings
from fsdcf.compiler.compile import tags_of
from fsdcf.deploy.model import Release
from fsdcf.diagnostics import Severity
from fsdcf.lint.cache import Cache
from fsdcf.lint.runner import Finding, Linter, lint_cached
from fsdcf.pipeline import Request, run
from fsdcf.spec.model import Spec


@dataclass(frozen=True)
class Compiled:
    """A spec that may be deployed: what came of it, and where its resources stand."""

    spec: Spec
    template: Mapping[str, Any]
    places: Places


class Refused(Exception):
    """A spec with errors; its findings have been shown. The message sums them up."""


def compiled(request: Request) -> Compiled:
    """The spec compiled and linted through the cache, as ``fsdcf template`` does it. Raises Refused."""
    result = run(request, _lint)
    errors = [one for one in result.diagnostics if one.severity is Severity.ERROR]
    show(errors, result.sources)
    if result.template is None or result.spec is None:
        raise Refused(f"{request.name}: {summary(result.diagnostics)}; nothing deployed")
    advice = len(result.diagnostics)
    if advice:
        click.echo(
            f"{request.name}: {advice} piece{'s' if advice > 1 else ''} of advice; see fsdcf validate {request.name}",
            err=True,
        )
    return Compiled(result.spec, result.template.data, Places(result))


def release_of(one: Compiled, request: Request, image: Image) -> Release:
    """The release that the engine deploys. An account in the image's name is the only one that it may go to."""
    return Release(
        service=one.spec.metadata.name,
        environment=request.environment,
        template=one.template,
        image_sha=image.sha,
        tags=tags_of(one.spec, request.environment),
        where=one.places,
        image=registry(one.spec),
        account=image.account,
        again=again(request, image),
    )


def again(request: Request, image: Image) -> str:
    """The command that deploys this, without the options of the connection, and with secrets masked: a log may keep it."""
    words = ["fsdcf", "deploy", request.name, "--env", request.environment]
    words += ["--image-sha", image.sha] if image.sha else []
    return shlex.join((*words, *settings(request)))


def _lint(template: str) -> tuple[Finding, ...]:
    return lint_cached(template, Cache(lint_folder()), _linter)


@lru_cache(maxsize=1)
def _linter() -> Linter:
    return Linter()
