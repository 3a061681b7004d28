"""``fsdcf template``: specs compiled into CloudFormation templates."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from fsdcf.batch import BatchOptions, BatchResult, compile_all
from fsdcf.cli.files import check_output, lint_folder, write
from fsdcf.cli.options import SpecInputs, format_option, lint_options, spec_inputs
from fsdcf.cli.render.findings import TOGETHER, show, subject_of, summary
from fsdcf.cli.render.stream import write_template
from fsdcf.diagnostics import Diagnostic, Severity, has_errors
from fsdcf.pipeline import together


@click.command()
@spec_inputs("[SPEC|FOLDER...]", nargs=-1)
@click.option(
    "-o",
    "--output",
    metavar="FILE|DIR/",
    help="File to write instead of standard output (-), or a folder for several specs.",
)
@format_option("yaml", "json", help="Output format of the template.")
@lint_options
@click.pass_context
def template_command(
    context: click.Context,
    /,
    inputs: SpecInputs,
    output: str | None,
    form: str,
    no_lint: bool,
    no_cache: bool,
    strict: bool,
) -> None:
    """Compile specs into CloudFormation templates.

    FOLDER means every spec below it. With the files of several environments, services are compiled for each of them,
    unless --env names one.
    """
    requests = inputs.found().in_environments()
    several = len({request.environment for request in requests}) > 1
    output = None if output == "-" else output
    folder = output is not None and (output.endswith(("/", os.sep)) or os.path.isdir(output))
    if len(requests) > 1 and not folder:
        raise click.UsageError("several specs need an output folder: -o DIR/")
    options = BatchOptions(form=form, lint=not no_lint, cache=None if no_cache else lint_folder())
    failed = False
    outcomes: list[BatchResult] = []
    for outcome in _progress(compile_all(requests, options), len(requests)):
        show(outcome.diagnostics, outcome.sources)
        if outcome.text is None or (strict and _has_warnings(outcome.diagnostics)):
            click.echo(
                f"{subject_of(outcome, several)}: {summary(outcome.diagnostics, outcome.name)}; nothing written",
                err=True,
            )
            failed = True
        outcomes.append(outcome)
    common = together(outcome.sibling for outcome in outcomes)
    show(common.diagnostics, common.sources)
    if has_errors(common.diagnostics) or (strict and _has_warnings(common.diagnostics)):
        click.echo(f"{TOGETHER}: {summary(common.diagnostics)}; nothing written", err=True)
        failed = True
    if failed:
        context.exit(2)
    if not output:
        write_template(outcomes[0].text or "")
        return
    suffix = f"template.{'yml' if form == 'yaml' else 'json'}"
    targets = [Path(output) / f"{_stem(outcome)}.{suffix}" for outcome in outcomes] if folder else [Path(output)]
    for target in targets:
        if targets.count(target) > 1:
            raise click.UsageError(f"two specs would be written to {str(target)!r}")
        check_output(target)
    for outcome, target in zip(outcomes, targets, strict=True):
        write(target, outcome.text or "")


def _has_warnings(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(one.severity is Severity.WARNING for one in diagnostics)


def _stem(outcome: BatchResult) -> str:
    """The name of an output file: that of the spec and of its environment; for an environment's own, that alone."""
    own = outcome.sibling is not None and outcome.sibling.service is None
    return outcome.environment if own else f"{Path(outcome.name).stem}.{outcome.environment}"


def _progress(outcomes: Iterable[BatchResult], total: int) -> Iterable[BatchResult]:
    """The outcomes, with a progress bar for several of them on a terminal."""
    if total == 1 or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return outcomes
    from rich.console import Console
    from rich.progress import track

    return track(outcomes, description="compiling", total=total, console=Console(stderr=True), transient=True)
