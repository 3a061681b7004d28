"""The rule about the form of `overrides`: which paths there are, and which values they take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fsdcf.diagnostics import SpecPath, joined
from fsdcf.language.rules.case import ALL, Case, Problem, Problems, rule

APPEND = "[+]"
"""The last step of a path that appends to a list."""

MEMBERS = (
    *("Properties", "DeletionPolicy", "UpdateReplacePolicy", "DependsOn", "Condition", "Metadata"),
    *("CreationPolicy", "UpdatePolicy"),
)
"""What an override may change in a resource.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-product-attribute-reference.html"""

_STEP = re.compile(r'\.?\[(\+|\d{1,9})\]|(?:^|\.)(?:"([^"]+)"|([^.\[\]"]+))')


def steps_of(path: str) -> tuple[str, ...] | None:
    """Return the steps of a path such as ``Properties.Tags.0.Value`` or ``Properties.Tags[+]``; None for a text that is
    not a path. A key that contains a dot is in double quotes."""
    found: list[str] = []
    end = 0
    while end < len(path):
        match = _STEP.match(path, end)
        if match is None:
            return None
        index, quoted, plain = match.groups()
        found.append(APPEND if index == "+" else index or quoted or plain)
        end = match.end()
    return None if not found or path[0] == "." or APPEND in found[:-1] else tuple(found)


def path_of(steps: Iterable[str | int]) -> str:
    """Return the path with these steps, from which ``steps_of`` returns them as text."""
    return ".".join(f'"{step}"' if "." in str(step) else str(step) for step in steps)


@rule("S600", "an invalid entry of `overrides`", kinds=ALL)
def override_form(case: Case) -> Problems:
    """`overrides` changes the finished template: `LogicalId: {Properties.A.B.0.C: value}` sets a property, `null`
    removes it, and `[+]` at the end of a path appends to a list. A path begins with `Properties`, `Metadata`,
    `UpdatePolicy` or `CreationPolicy`, or is `DeletionPolicy`, `UpdateReplacePolicy`, `DependsOn` or `Condition`. A
    key that contains a dot is in double quotes: `Properties.DockerLabels."com.example.team"`. Functions have their
    long form, such as `{Ref: Vpc}`."""
    for title, changes in case.spec.overrides.items():
        here = ("overrides", title)
        if not isinstance(changes, dict) or not changes:
            hint = f"write `{title}: {{Properties.NAME: value}}`"
            yield Problem(here, f"the overrides of `{title}` must be a map of paths", hint)
            continue
        for path, value in changes.items():
            yield from _of_path((*here, path), path, value)


def _of_path(here: SpecPath, path: str, value: Any) -> Iterator[Problem]:
    steps = steps_of(path)
    if steps is None:
        hint = 'write Properties.A.B.0.C, with [+] at the end to append, and "a.b" for a key with a dot'
        yield Problem(here, f"`{path}` is not a path", hint, key=True)
    elif steps[0] not in MEMBERS:
        listed = joined(MEMBERS)
        hint = f"did you mean `Properties.{path}`?" if steps[0].isalnum() else f"a path begins with {listed}"
        yield Problem(here, f"a resource has no `{steps[0]}` that an override can change", hint, key=True)
    elif steps == ("Properties",):
        example = next(iter(value), "NAME") if isinstance(value, Mapping) else "NAME"
        hint = f"name each property that changes: `Properties.{example}`"
        yield Problem(here, "this would replace all properties of the resource", hint, key=True)
    elif (gap := _null_in(value, here)) is not None:
        hint = f"remove a property by its own path: `{path}.{'.'.join(map(str, gap[len(here) :]))}: null`"
        yield Problem(gap, "CloudFormation does not accept `null` within a value", hint)


def _null_in(value: Any, path: SpecPath) -> SpecPath | None:
    """Return the path of the first null below a value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in children:
        found = (*path, key) if below is None else _null_in(below, (*path, key))
        if found is not None:
            return found
    return None
