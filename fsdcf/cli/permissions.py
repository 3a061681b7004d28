"""``fsdcf permissions``: the policy that a deploy needs, and nothing more."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import click

from fsdcf.cli.files import write
from fsdcf.cli.inputs import environment_named, spec_options
from fsdcf.cli.pipelines import services
from fsdcf.deploy.permissions.document import LARGEST_POLICY, document, filled, size, split
from fsdcf.deploy.permissions.names import Deployed
from fsdcf.deploy.permissions.policy import BOUNDARY, boundaries, boundary_arn, permissions

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_POLICY = re.compile(r"[A-Za-z0-9+=,.@_-]{1,128}|arn:aws(-[a-z]+)*:iam::(\d{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@click.command()
@spec_options
@click.option("--account", metavar="ID", help="Account of the stacks; without it the policy says `*`.")
@click.option("--region", metavar="NAME", help="Region of the stacks; without it the policy says `*`.")
@click.option(
    "--permissions-boundary", "boundary", metavar="NAME|ARN", help=f"For roles that name none.  [default: {BOUNDARY}]"
)
@click.option("--artifacts-bucket", "bucket", metavar="BUCKET", help="Bucket for templates of more than 51,200 bytes.")
@click.option(
    "-o",
    "--output",
    metavar="FILE|DIR/",
    help=f"Write here; into a folder as policies of {LARGEST_POLICY:,} characters.",
)
@click.pass_context
def command(
    context: click.Context,
    specs: tuple[Path, ...],
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    account: str | None,
    region: str | None,
    boundary: str | None,
    bucket: str | None,
    output: str | None,
) -> None:
    """Print the IAM policy that a deploy of these specs needs, and nothing more.

    It follows from what the engine calls and from what CloudFormation calls for each resource of the templates.
    """
    _check(account, region, boundary, bucket)
    found = services(specs, (environment_named(environment),), variables, overrides)
    if found is None:
        context.exit(2)
    stacks = [one.stack for one in found]
    limit = boundary_arn(boundary or BOUNDARY)
    needed = permissions(stacks, limit, bucket and f"arn:${{AWS::Partition}}:s3:::{bucket}")
    values = {"AccountId": account or "*", "Region": region or "*", "Partition": partition(region)}
    if output and (output.endswith(("/", os.sep)) or Path(output).is_dir()):
        for number, policy in enumerate(split(needed.statements), 1):
            write(Path(output) / f"policy-{number}.json", _text(filled(document(policy), values)))
    else:
        text = _text(filled(document(needed.statements), values))
        click.echo(text, nl=False) if output in (None, "-") else write(Path(str(output)), text)
    click.echo(f"{size(needed.statements):,} characters; IAM takes {LARGEST_POLICY:,} in a managed policy", err=True)
    _notes(stacks, filled(limit, values), boundary is not None, account is None or region is None, needed.unknown)


def checked_boundary(boundary: str) -> str:
    """The name or ARN of a policy; a usage error for what cannot be one."""
    if not _POLICY.fullmatch(boundary):
        raise click.UsageError(f"--permissions-boundary takes the name or the ARN of a policy, not {boundary!r}")
    return boundary


def partition(region: str | None) -> str:
    """The partition of a region."""
    lead = (region or "").split("-")[0:2]
    return "aws-cn" if lead[0] == "cn" else "aws-us-gov" if lead == ["us", "gov"] else "aws"


def _check(account: str | None, region: str | None, boundary: str | None, bucket: str | None) -> None:
    if account is not None and not re.fullmatch(r"\d{12}", account):
        raise click.UsageError(f"--account takes the 12 digits of an account, not {account!r}")
    if region is not None and not _REGION.fullmatch(region):
        raise click.UsageError(f"--region: {region!r} cannot be a region; write one such as eu-west-1")
    if boundary is not None:
        checked_boundary(boundary)
    if bucket is not None and not _BUCKET.fullmatch(bucket):
        raise click.UsageError(f"--artifacts-bucket: {bucket!r} cannot be a bucket")


def _notes(stacks: list[Deployed], limit: str, chosen: bool, wide: bool, unknown: tuple[str, ...]) -> None:
    if wide:
        click.echo("note: narrow it with --account and --region", err=True)
    for stack in stacks:
        if not chosen and not boundaries(stack):
            sentence = f"note: the roles of {stack.stack} name no permissions boundary, and this policy lets them be made with {limit} alone"
            click.echo(f"{sentence}: write permissionsBoundary under service", err=True)
    for type in unknown:
        click.echo(f"note: what {type} needs is not known; add it by hand", err=True)


def _text(data: object) -> str:
    return json.dumps(data, indent=2) + "\n"
