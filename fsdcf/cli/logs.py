"""``fsdcf logs``: what the tasks of a service log, across all of them."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from fsdcf.cli.connection import Connection, connection_options
from fsdcf.cli.durations import spoken
from fsdcf.cli.loglines import Lines, until_gone
from fsdcf.cli.running import conducted, json_option
from fsdcf.cli.target import Subject, subject, target_options
from fsdcf.deploy.model import Ask, Exit, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws

_DEFAULT = 600.0
_FILTER = "Only lines that match: words that all occur, or a quoted phrase, as CloudWatch's filter patterns say it."


def _since(context: click.Context, parameter: click.Parameter, text: str | None) -> float:
    """An option's callback: a length of time in seconds, also in days, of which logs may keep many."""
    from fsdcf.cli.durations import duration

    if text is not None and text.strip().lower().endswith("d") and text.strip()[:-1].isdecimal():
        days = int(text.strip()[:-1])
        if 0 < days <= 3653:
            return days * 86400.0
    return duration(context, parameter, text) or _DEFAULT


@click.command()
@target_options
@click.option("-f", "--follow", is_flag=True, help="Show lines as they come, until Ctrl-C.")
@click.option("--since", callback=_since, metavar="TIME", help="Begin so long ago: 90s, 10m, 2h, 3d.  [default: 10m]")
@click.option("--filter", "pattern", default="", metavar="PATTERN", help=_FILTER)
@connection_options
@json_option
def command(
    service: str, environment: str | None, follow: bool, since: float, pattern: str, connection: Connection, as_json: bool
) -> None:
    """Show what the tasks of a service log, oldest first, across all tasks. What looks like a key or a password is masked."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        return _shown(on, aws, follow, since, pattern, as_json)

    outcome = conducted(on.target, connection, as_json, act, quiet=True, aside=True)
    click.get_current_context().exit(int(outcome.exit))


def _shown(on: Subject, aws: Aws, follow: bool, since: float, pattern: str, as_json: bool) -> Outcome:
    from fsdcf.operate import logs

    group = logs.group_of(on.target, aws)
    begin = int((time.time() - since) * 1000)
    show = Lines(sys.stdout, as_json)

    def each() -> None:
        for line in logs.follow(aws, group, begin, pattern) if follow else logs.read(aws, group, begin, pattern):
            show(line)

    try:
        until_gone(each)
    except KeyboardInterrupt:
        return Outcome(Exit.INTERRUPTED, "no longer followed" if follow else "not all lines were shown")
    if not show.count and not as_json:
        matching = " that match" if pattern else ""
        click.echo(f"no lines{matching} in the last {spoken(since)} in {group}; --since asks for more", err=True)
    return Outcome(Exit.DONE, f"{show.count} lines of {on.stack}")
