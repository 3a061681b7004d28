"""``fsdcf template``: specs compiled into CloudFormation templates."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from fsdcf.batch import BatchOptions, BatchResult, compile_all
from fsdcf.cli.files import lint_folder, write
from fsdcf.cli.options import SpecInputs, format_option, lint_options, spec_inputs
from fsdcf.cli.render.findings import show, summary
from fsdcf.diagnostics import Severity


@click.command()
@spec_inputs("[SPEC...]", nargs=-1)
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
    """Compile specs into CloudFormation templates."""
    requests = inputs.requests()
    output = None if output == "-" else output
    folder = output is not None and (output.endswith(("/", os.sep)) or Path(output).is_dir())
    if len(requests) > 1 and not folder:
        raise click.UsageError("several specs need an output folder: -o DIR/")
    suffix = f"{inputs.environment_name}.template.{'yml' if form == 'yaml' else 'json'}"
    targets = [Path(output) / f"{file.stem}.{suffix}" for file in inputs.files] if output and folder else []
    for target in targets:
        if targets.count(target) > 1:
            raise click.UsageError(f"two specs would be written to {target}")
    options = BatchOptions(form=form, lint=not no_lint, cache=None if no_cache else lint_folder())
    failed = False
    texts: list[str] = []
    for outcome in _progress(compile_all(requests, options), len(requests)):
        show(outcome.diagnostics, outcome.sources)
        if outcome.text is None or (strict and any(one.severity is Severity.WARNING for one in outcome.diagnostics)):
            click.echo(f"{outcome.name}: {summary(outcome.diagnostics)}; nothing written", err=True)
            failed = True
        texts.append(outcome.text or "")
    if failed:
        context.exit(2)
    if not output:
        sys.stdout.write(texts[0])
        return
    for text, target in zip(texts, targets or [Path(output)], strict=True):
        write(target, text)


def _progress(outcomes: Iterable[BatchResult], total: int) -> Iterable[BatchResult]:
    """The outcomes, with a progress bar for several of them on a terminal."""
    if total == 1 or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return outcomes
    from rich.console import Console
    from rich.progress import track

    return track(outcomes, description="compiling", total=total, console=Console(stderr=True), transient=True)
