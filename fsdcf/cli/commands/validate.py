"""``fsdcf validate``: the findings of specs, for people, programs and pull requests."""

from __future__ import annotations

from dataclasses import replace

import click

from fsdcf.batch import BatchOptions, compile_all
from fsdcf.cli.files import is_spec, lint_folder
from fsdcf.cli.options import SpecInputs, format_option, lint_options, spec_inputs
from fsdcf.cli.render.findings import as_github, as_json, show, summary
from fsdcf.diagnostics import Diagnostic, Severity


@click.command()
@spec_inputs("[SPEC...]", nargs=-1)
@format_option("text", "json", "github", help="Output format of the findings.")
@lint_options
@click.option("--skip-others", is_flag=True, help="Skip files that are not FSD specs, for use in a pre-commit hook.")
@click.pass_context
def validate_command(
    context: click.Context,
    /,
    inputs: SpecInputs,
    form: str,
    no_lint: bool,
    no_cache: bool,
    strict: bool,
    skip_others: bool,
) -> None:
    """Check specs and print every finding."""
    if skip_others:
        inputs = replace(inputs, files=tuple(file for file in inputs.files if is_spec(file)))
    findings: list[Diagnostic] = []
    failed = False
    options = BatchOptions(lint=not no_lint, cache=None if no_cache else lint_folder())
    for outcome in compile_all(inputs.requests(), options):
        findings += outcome.diagnostics
        failed = failed or outcome.text is None
        if form == "text":
            show(outcome.diagnostics, outcome.sources)
            click.echo(f"{outcome.name}: {summary(outcome.diagnostics)}", err=True)
        elif form == "github":
            for diagnostic in outcome.diagnostics:
                click.echo(as_github(diagnostic))
    if form == "json":
        click.echo(as_json(findings))
    if failed or (strict and any(finding.severity is Severity.WARNING for finding in findings)):
        context.exit(2)
