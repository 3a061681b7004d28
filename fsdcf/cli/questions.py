"""Questions to a person, where there is one."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from fsdcf.cli.paint import painter
from fsdcf.cli.values import visible
from fsdcf.deploy.model import Ask, Question


def person(pause: Callable[[], None]) -> Ask | None:
    """Somebody to ask: whoever sits at the terminal; None where standard input or error is none.

    ``pause`` takes away the picture that moves. Whoever answers with Ctrl-C, or closes the terminal, interrupts the run.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(question: Question) -> bool:
        pause()
        paint = painter(sys.stderr)
        role = "bad" if question.kind in ("data", "protected", "recreate") else "strong"
        for detail in question.details:
            click.echo(f"  {paint('!' if role == 'bad' else '-', role)} {visible(detail)}", err=True, color=True)
        try:
            return click.confirm(paint(visible(question.text), role), default=False, err=True)
        except click.Abort:
            click.echo(err=True)
            raise KeyboardInterrupt from None

    return ask
