"""Lines to a stream whose reader may leave at any time, and the styles of a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from fsdcf.diagnostics import Paint, plain
from fsdcf.masking import mask_known, remember_secrets_in, remembering
from fsdcf.wording import shortened, visible

if TYPE_CHECKING:
    from fsdcf.deploy.model import Event

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
_MIN_WIDTH, _MAX_WIDTH = 60, 120


def _is_terminal(stream: object) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)()) and os.environ.get("TERM") != "dumb"


def colours(stream: object) -> bool:
    """Whether to write colours to a stream."""
    return _is_terminal(stream) and not os.environ.get("NO_COLOR")


def is_watched(stream: object) -> bool:
    """Whether a stream can show a live display: a terminal outside of CI."""
    return _is_terminal(stream) and not os.environ.get("CI")


def painter(stream: object) -> Paint:
    """The paint for a stream; it does nothing for a stream without colours."""
    return _paint if colours(stream) else plain


def draw_table(
    columns: Mapping[str, dict[str, Any]], rows: Iterable[tuple[str, Sequence[str]]], **options: Any
) -> None:
    """Draw a table on the terminal: columns by title, with arguments of ``Table.add_column``, and rows with a style."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, **options)
    for title, arguments in columns.items():
        table.add_column(title, **arguments)
    for style, cells in rows:
        table.add_row(*(Text(cell, style) for cell in cells))
    Console(no_color=not colours(sys.stdout), highlight=False).print(table)


Cell = tuple[str, str]
"""A text and its role; empty for none."""


def aligned(titles: Sequence[str], rows: Sequence[Sequence[Cell]], paint: Paint) -> list[str]:
    """Rows under their titles, in columns two spaces apart. A column without any text is left out."""
    kept = [column for column in range(len(titles)) if any(row[column][0] for row in rows)]
    widths = {column: max(len(text) for text in (titles[column], *(row[column][0] for row in rows))) for column in kept}

    def line(cells: Sequence[Cell]) -> str:
        texts = [paint(cells[at][0], cells[at][1]) if cells[at][1] else cells[at][0] for at in kept]
        spaces = [" " * (widths[at] - len(cells[at][0])) for at in kept]
        return "  ".join(map("".join, zip(texts, spaces, strict=True))).rstrip()

    return [line([(title, "soft") for title in titles]), *map(line, rows)] if kept else []


def width_of(stream: object) -> int | None:
    """The usable columns of a terminal; None for other streams, whose lines may have any length."""
    if not getattr(stream, "isatty", lambda: False)():
        return None
    import shutil  # loads compressors, which a finding does not need

    return max(_MIN_WIDTH, min(_MAX_WIDTH, shutil.get_terminal_size().columns))


def wrapped(text: str, width: int | None, indent: int, paint: Paint = plain, *painted: tuple[str, str]) -> list[str]:
    """A text as lines of at most ``width`` columns, the later ones indented; as one line for None.

    ``painted`` are parts of the text with their roles, the last part first: the first occurrence of each is painted.
    """
    if width is not None:
        import textwrap  # a finding does not need it

        space = " " * indent
        text = textwrap.fill(text, width, subsequent_indent=space, break_long_words=False, break_on_hyphens=False)
    for part, role in painted:
        text = text.replace(part, paint(part, role), 1)
    return text.split("\n")


def wrapped_after(head: str, text: str, paint: Paint, width: int | None, indent: int) -> list[str]:
    """A text after a head as lines like those of ``wrapped``, with the text soft."""
    whole = "\n".join(wrapped(head + text, width, indent))
    return (whole[: len(head)] + paint(whole[len(head) :], "soft") if text else whole).split("\n")


def _paint(text: str, role: str) -> str:
    return click.style(text, **_STYLES[role])  # type: ignore[arg-type]


class MaskedStream:
    """A standard stream on which no secret appears that the command has met, and no token of a known form.

    If it ``guards``, what is written is not a workflow command of GitHub either, such as the name of a file that looks
    like one: only ``write_command`` writes those.
    """

    def __init__(self, stream: TextIO, guards: bool = False) -> None:
        self.bare = stream
        self._guards = guards

    def write(self, text: str) -> int:
        self.write_command(without_commands(text) if self._guards else text)
        return len(text)

    def write_command(self, text: str) -> None:
        self.bare.write(mask_known(text))

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)


@contextmanager
def masked_streams(words: Sequence[str] = ()) -> Iterator[None]:
    """Mask secrets on the standard streams while the block lasts, also those in the words of the command line."""
    streams = sys.stdout, sys.stderr
    with remembering():
        remember_secrets_in(list(words))
        if isinstance(sys.stdout, MaskedStream):
            yield
            return
        sys.stdout = cast("TextIO", MaskedStream(sys.stdout))
        sys.stderr = cast("TextIO", MaskedStream(sys.stderr, guards=on_github()))
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams


def write_template(text: str) -> None:
    """Write a template to standard output. It is not masked: it has what the user wrote, and is to be deployed."""
    out = sys.stdout
    (out.bare if isinstance(out, MaskedStream) else out).write(text)


class Sink:
    """Takes events. ``pause`` removes what moves on the terminal; the next event shows it again."""

    for_programs = False

    def __call__(self, event: Event) -> None:
        raise NotImplementedError

    def pause(self) -> None:
        """Without a display there is nothing to pause."""


def on_github() -> bool:
    """Whether the command is a step of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


_COMMAND = re.compile(r"^[^\S\n]*:(?=:)|##(?=\[)", re.M)


def without_commands(text: str) -> str:
    """The text with an invisible character in what the runner of GitHub Actions would take for a workflow command.

    It looks for ``::`` at the start of a line, after white space, and for ``##[`` anywhere.
    Source: ActionCommand.cs in https://github.com/actions/runner
    """
    return _COMMAND.sub(lambda found: f"{found[0]}\u200b", text)


def reported(message: str) -> str:
    """The message of an error with what it quotes cut and made visible, and without workflow commands."""
    text = "\n".join(visible(shortened(line)) for line in message.split("\n"))
    return without_commands(text) if on_github() else text


def json_text(data: object, indent: int | None = 2) -> str:
    """Data as JSON; in ASCII alone if it contains control characters or, in the name of a file, lone surrogates."""
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    return text if text.replace("\n", "").isprintable() else json.dumps(data, indent=indent)


class LineWriter:
    """Writes lines and flushes them at once. After the reader has gone, nothing is written and nothing fails.

    Each line begins with ``prefix``.
    """

    def __init__(self, file: TextIO, prefix: str = "") -> None:
        self.file = file
        self.paint = painter(file)
        width = width_of(file)
        self.width = None if width is None else width - len(prefix)
        self.prefix = prefix
        self.gone = False
        """Whether the reader has gone."""
        self._guards = on_github()

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines. A character that the stream's encoding lacks is replaced, and none is a workflow command."""
        text = "".join(f"{self.prefix}{line}\n" for line in lines)
        self._write(without_commands(text) if self._guards else text)

    def text(self, text: str) -> None:
        """Write what another program has for the terminal, as it is."""
        self._write(text)

    def command(self, line: str) -> None:
        """Write a workflow command of GitHub Actions."""
        self._write(f"{line}\n", is_command=True)

    def _write(self, text: str, is_command: bool = False) -> None:
        if self.gone:
            return
        encoding = getattr(self.file, "encoding", None) or "utf-8"
        write = self.file.write_command if is_command and isinstance(self.file, MaskedStream) else self.file.write
        try:
            write(text.encode(encoding, "replace").decode(encoding))
            self.file.flush()
        except (OSError, ValueError):  # a closed pipe or file
            self.gone = True
