"""``fsdcf schema``: the JSON Schema of the language."""

from __future__ import annotations

import json

import click

from fsdcf.compiler.dependencies import types
from fsdcf.spec.jsonschema import json_schema


@click.command()
def command() -> None:
    """Print the JSON Schema of the language (draft-07), for editors."""
    click.echo(json.dumps(json_schema(types()), indent=2))
