"""The region that a template is for, as far as it tells: what it names there must be in the stack's own region."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fsdcf.plan.view import View

_OF_THE_STACK = re.compile(r"arn:aws[a-z-]*:(?:acm|kafka):([a-z0-9-]+):")
"""Certificates and Kafka clusters serve their own region alone.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html"""


def region_of(view: View) -> str:
    """The region that the resources of a template name; empty where they name none, or several."""
    found = {
        region
        for one in view.resources.values()
        for text in _texts(one.properties)
        for region in _OF_THE_STACK.findall(text)
    }
    return found.pop() if len(found) == 1 else ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from _texts(child)
