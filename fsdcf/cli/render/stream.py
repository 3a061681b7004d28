"""Writing lines to a stream that its reader may leave at any time: a deploy goes on without a reader."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TextIO

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


class Stream:
    """Lines to a stream, each sent at once. After the reader has gone, nothing is written and nothing fails."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.paint = painter(file)
        self.width = width_of(file)
        self._gone = False

    @property
    def gone(self) -> bool:
        """Whether the reader has left."""
        return self._gone

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines. A character that the stream's encoding lacks is replaced."""
        if self._gone:
            return
        text = "".join(f"{line}\n" for line in lines)
        encoding = getattr(self.file, "encoding", None) or "utf-8"
        try:
            self.file.write(text.encode(encoding, "replace").decode(encoding))
            self.file.flush()
        except (OSError, ValueError):  # a closed pipe, or a file that was closed
            self._gone = True
