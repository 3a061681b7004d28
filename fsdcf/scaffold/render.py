"""Render jinja2 templates, with delimiters that do not collide with ``${{ }}`` of GitHub Actions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).resolve().parent.parent
_FOLDERS = (_HERE / "templates", _HERE.parent / "templates")


def render(template: str, finalize: Callable[[object], object] | None = None, /, **values: Any) -> str:
    """Render a template: ``{= =}`` for values, ``{% %}`` for blocks, ``{## ##}`` for comments.

    ``finalize`` quotes each value for the format of the file."""
    return _environment(finalize).get_template(template).render(**values)


def source_text(template: str) -> str:
    """The text of a template, as it is."""
    return next(folder / template for folder in _FOLDERS if (folder / template).is_file()).read_text(encoding="utf-8")


def templates_in(folder: str) -> list[str]:
    """The templates in a folder, without the folder and the suffix ``.j2``."""
    names = _environment(None).list_templates(extensions=["j2"])
    return [name[len(folder) + 1 : -3] for name in names if name.startswith(f"{folder}/")]


@cache
def _environment(finalize: Callable[[object], object] | None) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # loaded only when a template is rendered

    return Environment(
        loader=FileSystemLoader(_FOLDERS),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - YAML, not HTML
        variable_start_string="{=",
        variable_end_string="=}",
        comment_start_string="{##",
        comment_end_string="##}",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalize,
    )
