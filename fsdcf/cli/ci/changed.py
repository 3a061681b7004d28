"""``fsdcf ci changed``: which services of a monorepo a push or a pull request touches."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import click

from fsdcf.scaffold.sources import touched

_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/^~-]*")
_LONGEST = 120


@click.command()
@click.option("--base", required=True, metavar="REV", help="What the change began from.")
def command(base: str) -> None:
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
