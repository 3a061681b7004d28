"""Markdown of an estimate and of a table of access."""

from __future__ import annotations

_ESCAPED = str.maketrans(
    {"|": "\\|", "*": "\\*", "_": "\\_", "`": "\\`", "<": "&lt;", ">": "&gt;", "[": "\\[", "\\": "\\\\"}
)


def markdown_cell(text: str) -> str:
    """A text in a Markdown table: nothing in it ends the cell, starts markup or is an element."""
    return " ".join(text.split()).translate(_ESCAPED)
