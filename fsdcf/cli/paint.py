"""Colours by meaning, where a stream takes them."""

from __future__ import annotations

import os

import click

from fsdcf.diagnostics import Paint, plain

_STYLES: dict[str, dict[str, object]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "frame": {"fg": "blue", "bold": True},
    "hint": {"fg": "cyan"},
    "good": {"fg": "green"},
    "bad": {"fg": "red", "bold": True},
    "warn": {"fg": "yellow"},
    "strong": {"bold": True},
    "soft": {"dim": True},
    "place": {"fg": "blue"},
    "next": {"fg": "cyan"},
}
_NARROWEST, _WIDEST = 60, 120


def colours(stream: object) -> bool:
    """Whether a stream takes colours."""
    terminal = getattr(stream, "isatty", lambda: False)()
    return bool(terminal) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painter(stream: object) -> Paint:
    """The paint for a stream: none where it is no terminal, or NO_COLOR is set."""
    return _paint if colours(stream) else plain


def width_of(stream: object) -> int | None:
    """The columns of a terminal, within reason; None where lines may be as long as they are."""
    if not getattr(stream, "isatty", lambda: False)():
        return None
    import shutil  # loads compressors, which a finding does not need

    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))


def is_watched(stream: object) -> bool:
    """Whether somebody sits at the stream who can be shown a picture that moves: a terminal, and not one of a CI run."""
    terminal = getattr(stream, "isatty", lambda: False)()
    return bool(terminal) and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def _paint(text: str, role: str) -> str:
    return click.style(text, **_STYLES[role])  # type: ignore[arg-type]
