"""``fsdcf validate``: the findings of specs, for people, programs and pull requests."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import click

from fsdcf.batch import BatchOptions, compile_all
from fsdcf.cli.files import is_spec, lint_folder
from fsdcf.cli.options import SpecInputs, format_option, lint_options, spec_inputs
from fsdcf.cli.render.findings import TOGETHER, as_json, github_lines, show, subject_of, summary, unreported
from fsdcf.cli.render.stream import LineWriter
from fsdcf.diagnostics import Diagnostic, Severity, has_errors
from fsdcf.pipeline import together


@click.command()
@spec_inputs("[SPEC|FOLDER...]", nargs=-1)
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
    """Check specs and print every finding, also those about several specs together.

    FOLDER means every spec below it. With the files of several environments, services are checked for each of them,
    unless --env names one.
    """
    inputs = inputs.found()
    if skip_others:
        inputs = replace(inputs, files=tuple(file for file in inputs.files if is_spec(file)))
    requests = inputs.in_environments()
    several = len({request.environment for request in requests}) > 1
    findings: list[Diagnostic] = []
    failed = False
    siblings = []

    def report(subject: str, found: Sequence[Diagnostic], sources: Mapping[str, str], name: str = "") -> None:
        if form == "text":
            findings.extend(found)
            show(found, sources)
            click.echo(f"{subject}: {summary(found, name)}", err=True)
            return
        new = unreported(found)
        findings.extend(new)
        if form == "github":
            for line in github_lines(new):
                LineWriter(sys.stdout).command(line)

    options = BatchOptions(lint=not no_lint, cache=None if no_cache else lint_folder())
    for outcome in compile_all(requests, options):
        report(subject_of(outcome, several), outcome.diagnostics, outcome.sources, outcome.name)
        failed = failed or outcome.text is None
        siblings.append(outcome.sibling)
    common = together(siblings)
    if common.diagnostics:
        report(TOGETHER, common.diagnostics, common.sources)
        failed = failed or has_errors(common.diagnostics)
    if form == "json":
        click.echo(as_json(findings))
    if failed or (strict and any(finding.severity is Severity.WARNING for finding in findings)):
        context.exit(2)
