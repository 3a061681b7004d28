"""``fsdcf template``: specs in, templates out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from fsdcf.batch import BatchOptions, BatchResult, compile_all
from fsdcf.cli.files import lint_folder, write
from fsdcf.cli.options import requests, spec_options
from fsdcf.cli.render.findings import show, summary
from fsdcf.diagnostics import Severity


@click.command()
@spec_options
@click.option(
    "-o", "--output", metavar="FILE|DIR/", help="Write here instead of standard output (-); a folder for several specs."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="Form of the template.",
)
@click.option("--no-lint", is_flag=True, help="Do not run cfn-lint.")
@click.option("--no-cache", is_flag=True, help="Lint again, whatever is known.")
@click.option("--strict", is_flag=True, help="Advice counts as an error.")
@click.pass_context
def command(
    context: click.Context,
    specs: tuple[Path, ...],
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    output: str | None,
    form: str,
    no_lint: bool,
    no_cache: bool,
    strict: bool,
) -> None:
    """Compile specs into CloudFormation templates."""
    wanted = requests(specs, environment, overrides, variables)
    output = None if output == "-" else output
    folder = output is not None and (output.endswith(("/", os.sep)) or Path(output).is_dir())
    if len(wanted) > 1 and not folder:
        raise click.UsageError("several specs need a folder: -o DIR/")
    targets = (
        [_target(Path(output), request.name, request.environment, form) for request in wanted]
        if output and folder
        else []
    )
    _refuse_clashes(targets)
    cache = None if no_cache else lint_folder()
    options = BatchOptions(form=form, lint=not no_lint, cache=cache)
    failed = False
    texts: list[str] = []
    for outcome in _progress(compile_all(wanted, options), len(wanted)):
        show(outcome.diagnostics, outcome.sources)
        stop = outcome.text is None or (strict and any(one.severity is Severity.WARNING for one in outcome.diagnostics))
        if stop:
            click.echo(f"{outcome.name}: {summary(outcome.diagnostics)}; nothing written", err=True)
        failed = failed or stop
        texts.append(outcome.text or "")
    if failed:
        context.exit(2)
    _write(texts, targets or ([Path(output)] if output else []))


def _refuse_clashes(targets: list[Path]) -> None:
    for target in targets:
        if targets.count(target) > 1:
            raise click.UsageError(f"two specs would be written to {target}")


def _target(folder: Path, spec: str, environment: str, form: str) -> Path:
    return folder / f"{Path(spec).stem}.{environment}.template.{'yml' if form == 'yaml' else 'json'}"


def _progress(outcomes: Iterable[BatchResult], total: int) -> Iterable[BatchResult]:
    """The outcomes, with a progress bar where there are several and someone watches."""
    if total == 1 or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return outcomes
    from rich.console import Console
    from rich.progress import track

    return track(outcomes, description="compiling", total=total, console=Console(stderr=True), transient=True)


def _write(texts: list[str], targets: list[Path]) -> None:
    """All templates, each whole or not at all."""
    if not targets:
        sys.stdout.write(texts[0])
        return
    for text, target in zip(texts, targets, strict=True):
        write(target, text)
