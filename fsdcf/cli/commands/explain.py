"""``fsdcf explain``: a key of the language, the code of a finding, or a rule of rollback safety."""

from __future__ import annotations

import difflib
import json
import re

import click

from fsdcf.catalogue import catalogue
from fsdcf.cli.render.plan import spoken
from fsdcf.compiler.dependencies import types
from fsdcf.language.jsonschema import json_schema
from fsdcf.language.reference import describe, describe_type, find, later, paths
from fsdcf.plan.diff.rollback import RULES, SafetyRule


@click.command()
@click.argument("what", metavar="KEY|CODE|RULE")
def command(what: str) -> None:
    """Explain a key, such as service.healthCheck.interval, a code, such as S203, or a rule that a plan names, such as port-changed."""
    rules = catalogue()
    if what.upper() in rules:
        rule = rules[what.upper()]
        click.echo(
            f"{rule.code}: {rule.title}\n\n{rule.explanation}" + (f"\n\nSource: {rule.source}" if rule.source else "")
        )
        return
    safety = {one.id: one for one in RULES}
    if what.lower() in safety:
        click.echo(_of_safety(safety[what.lower()]))
        return
    if re.fullmatch(r"[EWI]\d{4}", what.upper()):
        click.echo(
            f"{what.upper()} is a rule of cfn-lint: https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md#{what.upper()}"
        )
        return
    found = find(what, types()) or find(f"service.{what}", types())
    if found:
        click.echo(describe(*found, types()))
        return
    kind = types().get(what.removeprefix("dependencies."))
    if kind:
        click.echo(describe_type(kind))
        return
    unbuilt = later(what) or later(f"service.{what}")
    if unbuilt:
        click.echo(f"{what}\n  {unbuilt}\n  known, not yet compiled")
        return
    known = [*paths(types()), *rules, *safety]
    close = difflib.get_close_matches(what, known, 3, 0.5) or [path for path in known if path.endswith("." + what)][:3]
    raise click.UsageError(
        f"no key, no code and no rule {what!r}" + (f"; did you mean {', '.join(close)}?" if close else "")
    )


def _of_safety(rule: SafetyRule) -> str:
    """A rule of rollback safety, for a reader."""
    return (
        f"{rule.id}: {rule.explanation}\n\n"
        "A rule of rollback safety: a plan names a change that a rollback does not undo together with the image.\n"
        f"Unsafe {spoken(rule.when)}.\n"
        f"Way out: {rule.steps()}."
    )


@click.command()
def schema_command() -> None:
    """Print the JSON Schema of the language (draft-07), for editors."""
    click.echo(json.dumps(json_schema(types()), indent=2))
