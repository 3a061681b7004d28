"""What a service asks of its store, as options tell it or as somebody at a terminal answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any, TypeVar

import click

from fsdcf.storage.advice import Workload, said

OPTIONS = ("--requests", "--writes", "--size", "--writers", "--sql", "--latency", "--prototype", "--spec")
"""Any of them is enough for advice."""

SINGLE_DIGIT = "9ms"
"""What ``--latency`` means where no time follows it."""

_MOST = Decimal(10) ** 12
_POWERS = "KMGTP"
_MILLISECONDS = {"us": Decimal("0.001"), "µs": Decimal("0.001"), "ms": Decimal(1), "": Decimal(1), "s": Decimal(1000)}
_Command = Callable[..., Any]
_T = TypeVar("_T")


def rate(text: str) -> Decimal:
    """A number of requests a second. Raises ValueError."""
    found = _number(text)
    if found is None:
        raise ValueError(f"{text!r} is no number of requests a second: write one such as 200 or 0.5")
    return found


def size(text: str) -> Decimal:
    """A size in GB of 10^9 bytes: ``5GB``, ``500 MB``, ``1.5TiB``; a number alone is in GB. Raises ValueError."""
    found = re.fullmatch(r"(.*?)\s*(?:([KMGTP])(i?)B|(B))?", text.strip(), re.I)
    number = _number(found[1]) if found else None
    if found is None or number is None:
        raise ValueError(f"{text!r} is no size: write one such as 500MB, 5GB or 1TB")
    if found[4]:
        return number / 10**9
    power = _POWERS.index((found[2] or "G").upper()) + 1
    return number * Decimal(1024 if found[3] else 1000) ** power / 10**9


def latency(text: str) -> Decimal:
    """A time in milliseconds: ``9ms``, ``0.5s``; a number alone is in milliseconds. Raises ValueError."""
    found = re.fullmatch(r"(.*?)\s*(us|µs|ms|s)?", text.strip(), re.I)
    number = _number(found[1]) if found else None
    if found is None or not number:
        raise ValueError(f"{text!r} is no time that a query may take: write one such as 20ms")
    return number * _MILLISECONDS[(found[2] or "").lower()]


def _number(text: str) -> Decimal | None:
    """A number that is not negative and not beyond reason; None where the text is none."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and not found.is_signed() and found <= _MOST else None


def _option(
    name: str, parse: Callable[[str], Decimal], metavar: str, text: str, **more: Any
) -> Callable[[_Command], _Command]:
    def callback(context: click.Context, parameter: click.Parameter, written: str | None) -> Decimal | None:
        return None if written is None else _usage(parse, written)

    return click.option(name, callback=callback, metavar=metavar, help=text, **more)


def _usage(parse: Callable[[str], _T], text: str) -> _T:
    try:
        return parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


class Command(click.Command):
    """A command with ``workload_options``. After ``--latency``, which needs no value, click takes a negative time for an option."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        for before, text in pairwise(args):
            if before == "--latency" and re.match(r"-[0-9.]", text):
                _usage(latency, text)
        return super().parse_args(context, args)


def workload_options(command: _Command) -> _Command:
    """``--requests``, ``--writes``, ``--size``, ``--writers``, ``--sql``, ``--latency`` and ``--prototype``."""
    alone = f"Longest that a query may take, such as 20ms; alone: {SINGLE_DIGIT}."
    for add in (
        click.option("--prototype", is_flag=True, help="The data may be lost with the task."),
        _option("--latency", latency, "[TIME]", alone, is_flag=False, flag_value=SINGLE_DIGIT),
        click.option("--sql", is_flag=True, help="Full SQL is needed: joins, aggregations."),
        click.option("--writers", type=click.IntRange(1), metavar="N", help="Tasks that write."),
        _option("--size", size, "SIZE", "Size of the data, such as 5GB."),
        _option("--writes", rate, "N", "Those of the requests that write, per second."),
        _option("--requests", rate, "N", "Requests to the store per second, reads and writes."),
    ):
        command = add(command)
    return command


def asked() -> Workload:
    """The workload as somebody at the terminal tells it; an empty answer says nothing."""
    click.echo("Press Enter where you do not know.", err=True)
    prototype = _yes("Is it a prototype, whose data may be lost?")
    requests = _ask("Requests per second, reads and writes", rate)
    writes = _ask("Writes per second", lambda text: _within(rate(text), requests))
    stored = _ask("Size of the data, such as 5GB", size)
    writers = None if prototype else _ask("Tasks that write", _tasks)
    return Workload(
        requests=requests,
        writes=writes,
        size=stored,
        writers=writers,
        sql=_yes("Is full SQL needed: joins, aggregations?"),
        latency=_ask("Longest that a query may take, such as 20ms", latency),
        prototype=prototype,
    )


def as_options(workload: Workload) -> str:
    """The options that say the same."""
    told = (
        ("--requests", workload.requests, ""),
        ("--writes", workload.writes, ""),
        ("--size", workload.size, "GB"),
        ("--writers", workload.writers, ""),
        ("--latency", workload.latency, "ms"),
    )
    words = [f"{name} {Decimal(value):f}{unit}" for name, value, unit in told if value is not None]
    return " ".join([*words, *(["--sql"] if workload.sql else []), *(["--prototype"] if workload.prototype else [])])


def _yes(question: str) -> bool:
    return click.confirm(question, default=False, err=True)


def _ask(question: str, parse: Callable[[str], _T]) -> _T | None:
    """An answer; what cannot be is said, and asked for again."""
    return click.prompt(
        question,
        default="",
        show_default=False,
        err=True,
        value_proc=lambda text: _usage(parse, text) if text.strip() else None,
    )


def _within(writes: Decimal, requests: Decimal | None) -> Decimal:
    if requests is not None and writes > requests:
        raise ValueError(f"{said(writes)} are more than {said(requests)} requests: a write is a request too")
    return writes


def _tasks(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text.strip()) or not int(text):
        raise ValueError(f"{text!r} is no number of tasks: write 1 or more")
    return int(text)
