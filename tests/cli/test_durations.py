"""Lengths of time on the command line."""

from __future__ import annotations

import click
import pytest

from fsdcf.cli.render.durations import duration

HERE = click.Context(click.Command("x"))
OPTION = click.Option(["--timeout"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1H30", 5400 - 1800 + 30), (" 5m ", 300)],
)
def test_seconds(text: str, seconds: float) -> None:
    assert duration(HERE, OPTION, text) == seconds


@pytest.mark.parametrize("text", ["", "m", "30x", "-5", "1.5h", "30 m", "0", "0s", "37h", "5 5s"])
def test_an_invalid_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        duration(HERE, OPTION, text)


def test_none_stays_none() -> None:
    assert duration(HERE, OPTION, None) is None
