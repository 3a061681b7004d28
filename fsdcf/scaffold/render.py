"""Render jinja2 templates, with delimiters that do not collide with ``${{ }}`` of GitHub Actions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).resolve().parent.parent
_FOLDERS = (_HERE / "templates", _HERE.parent / "templates")


def render(template: str, **values: Any) -> str:
    """Render a template: ``{= =}`` for values, ``{% %}`` for blocks, ``{## ##}`` for comments."""
    environment = Environment(
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
    )
    return environment.get_template(template).render(**values)
