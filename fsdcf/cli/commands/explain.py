"""``fsdcf explain``: a key of the language, the code of a finding, or a rule of a plan.

``fsdcf schema``: the JSON Schema.
"""

from __future__ import annotations

import difflib
import json
import re

import click
from click.shell_completion import CompletionItem

from fsdcf.cli.render.plan import format_when
from fsdcf.compiler.dependencies import types
from fsdcf.diagnostics import Rule
from fsdcf.language.jsonschema import json_schema
from fsdcf.language.reference import describe, describe_type, find, later, paths
from fsdcf.language.rules import rules_in
from fsdcf.plan.diff.effects import EFFECTS
from fsdcf.plan.diff.rollback import RULES

WITH_RULES = ("fsdcf.language", "fsdcf.compiler", "fsdcf.pipeline")
"""The packages and modules that define rules."""


def catalogue() -> dict[str, Rule]:
    """Every rule of fsdcf by its code, sorted. Rules are discovered, not listed.

    Raises ValueError if two rules share a code.
    """
    rules = dict.fromkeys(rule for name in WITH_RULES for rule in rules_in(name))
    by_code = {rule.code: rule for rule in sorted(rules, key=lambda rule: rule.code)}
    if len(by_code) != len(rules):
        raise ValueError("two rules share a code")
    return by_code


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The codes of findings, the rules of a plan, and the keys of the language."""
    titles = {code: rule.title for code, rule in catalogue().items()}
    names = (*titles, *(rule.id for rule in RULES), *(rule.id for rule in EFFECTS), *paths(types()))
    return [
        CompletionItem(name, help=titles.get(name)) for name in names if name.lower().startswith(incomplete.lower())
    ]


@click.command()
@click.argument("what", metavar="KEY|CODE|RULE", shell_complete=_complete)
def explain_command(what: str) -> None:
    """Explain a key of the spec, the code of a finding, or a rule of a plan.

    For example: service.healthCheck.interval, S203 or port-changed.
    """
    known, rules, safety = types(), catalogue(), {rule.id: rule for rule in RULES}
    effects = {rule.id: rule for rule in EFFECTS}
    code = what.upper()
    if code in rules:
        rule = rules[code]
        source = f"\n\nSource: {rule.source}" if rule.source else ""
        click.echo(f"{rule.code}: {rule.title}\n\n{rule.explanation}{source}")
    elif what.lower() in safety:
        unsafe = safety[what.lower()]
        click.echo(
            f"{unsafe.id}: {unsafe.explanation}\n\n"
            "A rule of rollback safety: it finds a change that a rollback does not undo together with the image.\n"
            f"Unsafe {format_when(unsafe.when)}.\n"
            f"Solution: {unsafe.steps()}."
        )
    elif what.lower() in effects:
        side = effects[what.lower()]
        click.echo(f"{side.id}: {side.explanation}\n\nA side effect: the update does this in addition to its changes.")
    elif re.fullmatch(r"[EWI]\d{4}", code):
        click.echo(
            f"{code} is a rule of cfn-lint: "
            f"https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md#{code}"
        )
    elif key := find(what, known) or find(f"service.{what}", known):
        click.echo(describe(*key, known))
    elif kind := known.get(what.removeprefix("dependencies.")):
        click.echo(describe_type(kind))
    elif note := later(what) or later(f"service.{what}"):
        click.echo(f"{what}\n  {note.doc}\n  part of the language, not implemented yet; until then: {note.instead}")
    else:
        names = [*paths(known), *rules, *safety, *effects]
        close = difflib.get_close_matches(what, names, 3, 0.5) or [one for one in names if one.endswith("." + what)][:3]
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise click.UsageError(f"{what!r} is not a key, a code or a rule{hint}")


@click.command()
def schema_command() -> None:
    """Print the JSON Schema of the language (draft-07), for editors."""
    click.echo(json.dumps(json_schema(types()), indent=2))
