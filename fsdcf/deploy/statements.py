"""What the policies of a role allow, as far as a template says it: actions and resources with their wildcards. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Answer = Literal["allowed", "elsewhere", "none"]
"""Whether an action is allowed on a resource: yes, on others alone, not at all."""


@dataclass(frozen=True)
class Statement:
    """A statement of a policy that allows something: its actions and its resources. What a template leaves to AWS is a ``*``.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]


def statements_of(documents: Iterable[Any]) -> tuple[Statement, ...]:
    """The allowing statements of policy documents, as templates write them. Actions and resources that are only excluded count as all."""
    found = []
    for document in documents:
        for raw in _listed(document.get("Statement") if isinstance(document, Mapping) else None):
            if isinstance(raw, Mapping) and raw.get("Effect", "Allow") == "Allow":
                actions = [written(one) for one in _listed(raw.get("Action")) or ["*"]]
                resources = [written(one) for one in _listed(raw.get("Resource")) or ["*"]]
                found.append(Statement(tuple(actions), tuple(resources)))
    return tuple(found)


def answer(statements: Sequence[Statement], action: str, resource: str = "") -> Answer:
    """What statements say of an action, on a resource where its ARN is known. A statement under a condition counts as if it held."""
    about = [one for one in statements if any(_matches(pattern.lower(), action.lower()) for pattern in one.actions)]
    if not about:
        return "none"
    here = not resource or any(_matches(pattern, resource) for one in about for pattern in one.resources)
    return "allowed" if here else "elsewhere"


def written(value: Any) -> str:
    """A text of a template with a ``*`` for each part that only AWS knows."""
    if isinstance(value, str):
        return re.sub(r"\$\{[^}]*\}", "*", value)
    if isinstance(value, Mapping) and "Fn::Sub" in value:
        body = value["Fn::Sub"]
        return written(body[0] if isinstance(body, list) and body else body)
    joined = value.get("Fn::Join") if isinstance(value, Mapping) else None
    if isinstance(joined, list) and len(joined) == 2 and isinstance(joined[1], list):
        return str(joined[0]).join(written(one) for one in joined[1])
    return "*"


def _matches(pattern: str, text: str) -> bool:
    """Whether a text is one of those that IAM's pattern stands for."""
    wild = {"*": ".*", "?": "."}
    return re.fullmatch("".join(wild.get(letter, re.escape(letter)) for letter in pattern), text, re.DOTALL) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
