"""The parameters of a template that CloudFormation reads from the Parameter Store at each deploy: what a spec names by
``${ssm:/path}`` outside of the variables of its containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass, replace
from typing import Any

from fsdcf.cloudformation.parameters import STORED_VALUE
from fsdcf.cloudformation.references import references
from fsdcf.compiler.stack import Template
from fsdcf.language.names import parameter_id
from fsdcf.language.placeholders import Text, is_parameter


def with_stored_values(template: Template, spec: Any) -> Template:
    """The template with a parameter for each value that its resources and outputs refer to. The default is the name in
    the Parameter Store, so that a deploy passes nothing.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
    """
    paths = {parameter_id(path): path for path in _paths(spec)}
    if not paths:
        return template
    used = {each.target for section in ("Resources", "Outputs") for each in references(template.data[section])}
    added = {
        title: {
            "Type": STORED_VALUE,
            "Default": (name := _name(path)),
            "Description": f"Value of {name} in the Parameter Store, read at each deploy",
        }
        for title, path in sorted(paths.items())
        if title in used
    }
    return replace(template, data={**template.data, "Parameters": {**template.data["Parameters"], **added}})


def _name(path: str) -> str:
    """The name in the Parameter Store: one with several levels begins with a slash."""
    return f"/{path}" if "/" in path and not path.startswith("/") else path


def _paths(value: Any) -> Iterator[str]:
    """The paths of all parameters of the Parameter Store that a spec names."""
    if isinstance(value, Text):
        yield from (part.name for part in value.parts if is_parameter(part))
    elif value is None or isinstance(value, (str, int)):
        return  # most values: the checks below are slower
    elif isinstance(value, (dict, Mapping)):
        yield from _paths(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _paths(each)
    elif is_dataclass(value):
        yield from _paths(list(vars(value).values()))
