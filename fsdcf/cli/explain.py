"""``fsdcf explain``: a key of the language, or the code of a finding."""

from __future__ import annotations

import difflib
import re

import click

from fsdcf.catalogue import catalogue
from fsdcf.compiler.dependencies import types
from fsdcf.spec.reference import describe, describe_type, find, later, paths


@click.command()
@click.argument("what", metavar="KEY|CODE")
def command(what: str) -> None:
    """Explain a key, such as service.healthCheck.interval, or a code, such as S203."""
    rules = catalogue()
    if what.upper() in rules:
        rule = rules[what.upper()]
        click.echo(f"{rule.code}: {rule.title}\n\n{rule.explanation}" + (f"\n\nSource: {rule.source}" if rule.source else ""))
        return
    if re.fullmatch(r"[EWI]\d{4}", what.upper()):
        click.echo(
            f"{what.upper()} is a rule of cfn-lint: https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md#{what.upper()}"
        )
        return
    found = find(what, types()) or find(f"service.{what}", types())
    if found:
        click.echo(describe(*found))
        return
    kind = types().get(what.removeprefix("dependencies."))
    if kind:
        click.echo(describe_type(kind))
        return
    unbuilt = later(what) or later(f"service.{what}")
    if unbuilt:
        click.echo(f"{what}\n  {unbuilt}\n  known, not yet compiled")
        return
    known = [*paths(types()), *rules]
    close = difflib.get_close_matches(what, known, 3, 0.5) or [path for path in known if path.endswith("." + what)][:3]
    raise click.UsageError(f"no key and no code {what!r}" + (f"; did you mean {', '.join(close)}?" if close else ""))
