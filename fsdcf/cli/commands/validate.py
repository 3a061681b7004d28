"""``fsdcf validate``: what is wrong with specs, for people, programs and pull requests."""

from __future__ import annotations

from pathlib import Path

import click

from fsdcf.batch import BatchOptions, compile_all
from fsdcf.cli.files import lint_folder
from fsdcf.cli.options import requests, spec_options
from fsdcf.cli.render.findings import as_github, as_json, show, summary
from fsdcf.cli.specs import is_spec
from fsdcf.diagnostics import Diagnostic, Severity


@click.command()
@spec_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="Form of the findings.",
)
@click.option("--no-lint", is_flag=True, help="Do not run cfn-lint.")
@click.option("--no-cache", is_flag=True, help="Lint again, whatever is known.")
@click.option("--strict", is_flag=True, help="Advice counts as an error.")
@click.option("--skip-others", is_flag=True, help="Pass over files that are no FSD specs, as a hook gets them.")
@click.pass_context
def command(
    context: click.Context,
    specs: tuple[Path, ...],
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    form: str,
    no_lint: bool,
    no_cache: bool,
    strict: bool,
    skip_others: bool,
) -> None:
    """Check specs and print what is wrong."""
    if skip_others:
        specs = tuple(one for one in specs if is_spec(one))
    wanted = requests(specs, environment, overrides, variables)
    cache = None if no_cache else lint_folder()
    found: list[Diagnostic] = []
    failed = False
    for outcome in compile_all(wanted, BatchOptions(lint=not no_lint, cache=cache)):
        found += outcome.diagnostics
        failed = failed or outcome.text is None
        if form == "text":
            show(outcome.diagnostics, outcome.sources)
            click.echo(f"{outcome.name}: {summary(outcome.diagnostics)}", err=True)
        elif form == "github":
            for diagnostic in outcome.diagnostics:
                click.echo(as_github(diagnostic))
    if form == "json":
        click.echo(as_json(found))
    if failed or (strict and any(one.severity is Severity.WARNING for one in found)):
        context.exit(2)
