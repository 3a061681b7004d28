"""Foreign texts in Markdown: in comments, summaries, plans and estimates."""

from __future__ import annotations

from collections.abc import Callable

from fsdcf.wording import visible

_MARKS = {
    **{character: f"\\{character}" for character in "|*_`[\\#~"},
    **{"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "@\u200b", "$": "<span>$</span>"},
}


def markdown(text: str) -> str:
    """A text without markup: nothing in it ends a cell, starts markup, mentions a user or is an element."""
    return _escaped(text, _MARKS.get)


def markdown_code(text: str) -> str:
    """A text as code that is also valid in a table: every character is shown as it is."""
    return f"<code>{_escaped(text, _entity)}</code>"


def _entity(character: str, default: str) -> str:
    return default if character.isalnum() or character in " -./:=,()+" else f"&#{ord(character)};"


def _escaped(text: str, escape: Callable[[str, str], str]) -> str:
    return "".join(escape(character, character) for character in visible(" ".join(text.split())))
