"""From specs to the services of a workflow: what is built, where its sources are, and how it is tested."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from fsdcf.cli.findings import show, summary
from fsdcf.cli.image import registry
from fsdcf.cli.inputs import requests
from fsdcf.pipeline import run
from fsdcf.scaffold.detect import tests_of
from fsdcf.scaffold.sources import Source
from fsdcf.scaffold.workflow import RUNNERS
from fsdcf.spec.model import Spec

_PATH = re.compile(r"[A-Za-z0-9._+@-]+(/[A-Za-z0-9._+@-]+)*")


def services(
    specs: Sequence[Path], root: Path, environments: Sequence[str], variables: tuple[str, ...], test: str | None
) -> tuple[Source, ...] | None:
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


def _source(path: Path, root: Path, spec: Spec, test: str | None) -> Source:
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
    return Source(
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
