"""From specs to the pipeline's stack: what every service needs in every environment, and what its owner must know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fsdcf.cli.findings import show, summary
from fsdcf.cli.image import registry
from fsdcf.cli.inputs import requests
from fsdcf.compiler.pipeline_stack.compile import STACK
from fsdcf.compiler.pipeline_stack.model import (
    BUCKET,
    BUCKET_ARN,
    BUCKET_VARIABLE,
    REGION_VARIABLE,
    Boundary,
    Ids,
    Pipeline,
    role_output,
    role_variable,
)
from fsdcf.compiler.resources.image import repository_arn
from fsdcf.deploy.permissions.boundary import boundary as boundary_of
from fsdcf.deploy.permissions.document import document, split
from fsdcf.deploy.permissions.features import needed
from fsdcf.deploy.permissions.names import Deployed
from fsdcf.deploy.permissions.policy import boundaries, boundary_arn, permissions
from fsdcf.pipeline import run
from fsdcf.spec.model import Spec


@dataclass(frozen=True)
class Service:
    """A spec compiled for one environment."""

    file: str
    environment: str
    spec: Spec
    stack: Deployed


def services(
    specs: tuple[Path, ...], environments: Sequence[str], variables: tuple[str, ...], overrides: tuple[str, ...] = ()
) -> list[Service] | None:
    """Every spec in every environment; None, after the findings, where one of them has errors. A usage error for two that clash."""
    found, failed = [], False
    for environment in environments:
        for request in requests(specs, environment, overrides, variables):
            result = run(request)
            if result.template is None or result.spec is None:
                show(result.diagnostics, result.sources)
                click.echo(f"{request.name} for {environment}: {summary(result.diagnostics)}", err=True)
                failed = True
                continue
            stack = Deployed(f"{result.spec.metadata.name}-{environment}", result.template.data)
            found.append(Service(request.name, environment, result.spec, stack))
    if failed:
        return None
    _refuse_clashes(found)
    return found


def _refuse_clashes(services: list[Service]) -> None:
    """No two specs may be one stack, and none the pipeline's own, whose roles it could then change."""
    seen = {STACK: "the pipeline's own stack"}
    for one in services:
        if one.stack.stack in seen:
            raise click.UsageError(
                f"{one.file} would be the stack {one.stack.stack}, and so would {seen[one.stack.stack]}"
            )
        seen[one.stack.stack] = one.file


def pipeline(
    repository: str, ids: Ids | None, services: list[Service], provider: str | None, boundary: str
) -> Pipeline:
    """The pipeline of a repository. ``boundary`` is the name of the boundary to make, or the ARN of one that exists.

    Raises ValueError where the permissions of one action fit into no policy.
    """
    policies: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for environment in dict.fromkeys(one.environment for one in services):
        stacks = [one.stack for one in services if one.environment == environment]
        wanted = permissions(stacks, boundary_arn(boundary), BUCKET_ARN)
        policies[environment] = tuple(document(statements) for statements in split(wanted.statements))
    own = None if boundary.startswith("arn:") else Boundary(boundary, boundary_of([one.stack for one in services]))
    images = [registry(one.spec) for one in services]
    made = tuple(name for account, region, name in filter(None, images) if account is None and region is None)
    elsewhere = tuple(
        arn
        for one, image in zip(services, images, strict=True)
        if image and image[2] not in made and (arn := repository_arn(one.spec))
    )
    return Pipeline(repository, policies, made, own, ids, provider, elsewhere)


def settings(pipeline: Pipeline, outputs: Mapping[str, str], region: str) -> Iterator[str]:
    """The commands that give the repository its variables, from the outputs of the stack."""
    values = {REGION_VARIABLE: region, BUCKET_VARIABLE: outputs.get(f"{BUCKET}Name", "")}
    values |= {role_variable(name): outputs.get(role_output(name), "") for name in pipeline.policies}
    yield from (
        f"gh variable set {name} --body {value} --repo {pipeline.repository}" for name, value in values.items() if value
    )


def variables(pipeline: Pipeline) -> Iterator[str]:
    """What the repository's variables are to be, before there are any values."""
    yield f"note: once the stack is there, {pipeline.repository} needs these repository variables:"
    yield f"  {REGION_VARIABLE}: the region of the stack"
    yield f"  {BUCKET_VARIABLE}: the output {BUCKET}Name"
    yield from (
        f"  {role_variable(environment)}: the output {role_output(environment)}" for environment in pipeline.policies
    )


def notes(pipeline: Pipeline, services: list[Service], boundary: str) -> list[str]:
    """What does not stop the bootstrap and would stop the pipeline."""
    found = []
    if pipeline.ids is None:
        ids = f"$(gh api repos/{pipeline.repository} --jq '\"\\(.owner.id)/\\(.id)\"')"
        found.append(
            "note: GitHub puts ids into the tokens of repositories made, renamed or moved since 2026-07-15, and without them these roles "
            f"refuse such a repository: --github-ids {ids}"
        )
    for one in services:
        limits, image = boundaries(one.stack), registry(one.spec)
        if not limits:
            found.append(
                f"note: {one.file}: deploy roles make no role without a boundary: write permissionsBoundary: {boundary} under service"
            )
        elif limits != {boundary_arn(boundary)}:
            found.append(
                f"note: {one.file}: this permissions boundary must exist before the deploy: {', '.join(sorted(limits))}"
            )
        if image is not None and image[:2] != (None, None):
            found.append(
                f"note: {one.file}: service.image names its account or region; that repository must exist, and let this role push"
            )
    unknown = {
        one["Type"]
        for service in services
        for one in service.stack.template["Resources"].values()
        if needed(one["Type"], one) is None
    }
    found += [f"note: what {type} needs is not known; give it to the deploy roles by hand" for type in sorted(unknown)]
    return list(dict.fromkeys(found))
