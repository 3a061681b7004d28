"""Writing lines to a stream that its reader may leave at any time: a deploy goes on without a reader."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from fsdcf.cli.paint import painter, width_of


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
