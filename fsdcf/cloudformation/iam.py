"""IAM policies: statements read from and written to policy documents, IAM's patterns, and policies within IAM's size
limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from fsdcf.cloudformation.evaluation import Partial
from fsdcf.cloudformation.limits import POLICY_CHARACTERS
from fsdcf.cloudformation.planned import items, mapping

VERSION = "2012-10-17"

Conditions = Mapping[str, Mapping[str, tuple[str, ...]]]

Decision = Literal["allowed", "elsewhere", "none"]
"""Whether statements allow an action on a resource: yes, only on other resources, or not at all."""

_LONGEST = {"Partition": "aws-us-gov", "Region": "ap-southeast-99", "AccountId": "123456789012"}
_LONGEST_ARN = "arn:aws-us-gov:s3:::".ljust(20 + 63, "x")


@dataclass(frozen=True)
class IamStatement:
    """An IAM statement that allows or denies actions on resources; ``sid`` may be empty. ARNs may contain pseudo
    parameters of CloudFormation.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Conditions = field(default_factory=dict)
    effect: Literal["Allow", "Deny"] = "Allow"

    def data(self) -> dict[str, Any]:
        """The statement as an element of a policy document."""
        out: dict[str, Any] = {
            **({"Sid": self.sid} if self.sid else {}),
            "Effect": self.effect,
            "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        if self.conditions:
            out["Condition"] = {
                operator: {key: list(values) if len(values) > 1 else values[0] for key, values in keys.items()}
                for operator, keys in self.conditions.items()
            }
        return out


def matches(pattern: str, text: str) -> bool:
    """Whether an IAM pattern, with ``*`` and ``?`` as wildcards, matches a text.

    Pass actions in lower case: IAM ignores it.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    first, *others = (re.compile(".".join(map(re.escape, part.split("?"))), re.DOTALL) for part in pattern.split("*"))
    found = first.match(text) if others else first.fullmatch(text)
    for part in others[:-1]:  # the first place is the best: a search that tries them all takes forever
        found = part.search(text, found.end()) if found else None
    if not found or not others:
        return found is not None
    width = len(pattern) - pattern.rfind("*") - 1
    return others[-1].fullmatch(text, max(found.end(), len(text) - width)) is not None


def pattern_of(value: Any) -> str:
    """An evaluated value as an IAM pattern: ``*`` for each part that is only known to AWS."""
    if isinstance(value, Partial) and value.function is None:
        return "".join(map(pattern_of, value.parts))
    return re.sub(r"\$\{[^{}]*\}", "*", value) if isinstance(value, str) else "*"


def allowing_statements(documents: Iterable[Any]) -> tuple[IamStatement, ...]:
    """The statements of evaluated policy documents that allow something, with all actions and resources as patterns.

    A statement with exceptions (NotAction, NotResource) counts as one for everything, and conditions are ignored.
    """
    return tuple(
        IamStatement(
            "",
            tuple(map(pattern_of, items(statement.get("Action")) or ["*"])),
            tuple(map(pattern_of, items(statement.get("Resource")) or ["*"])),
        )
        for document in documents
        for statement in items(mapping(document).get("Statement"))
        if isinstance(statement, Mapping) and statement.get("Effect", "Allow") == "Allow"
    )


def decide(statements: Iterable[IamStatement], action: str, resource: str = "") -> Decision:
    """Whether statements allow an action on a resource; without a resource, on any."""
    relevant = [one for one in statements if any(matches(pattern.lower(), action.lower()) for pattern in one.actions)]
    if not relevant:
        return "none"
    here = not resource or any(matches(pattern, resource) for one in relevant for pattern in one.resources)
    return "allowed" if here else "elsewhere"


def policy_document(statements: Iterable[IamStatement]) -> dict[str, Any]:
    """A policy document with these statements."""
    return {"Version": VERSION, "Statement": [one.data() for one in statements]}


def fill_in(data: Any, values: Mapping[str, str]) -> Any:
    """Data with values for pseudo parameters (``AccountId``, ``Partition``, ``Region``, ``StackName``) in all its
    texts.
    """
    if isinstance(data, Mapping):
        return {key: fill_in(value, values) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [fill_in(item, values) for item in data]
    if isinstance(data, str):
        return re.sub(r"\$\{AWS::(\w+)\}", lambda match: values.get(match[1], match[0]), data)
    return data


def policy_size(statements: Iterable[IamStatement]) -> int:
    """The size of the policy as IAM counts it, in characters: the maximum, with the longest region, partition and
    bucket.
    """
    text = re.sub(r"\s", "", json.dumps(fill_in(policy_document(statements), _LONGEST)))
    return len(re.sub(r"\$\{[^{}]*\}", _LONGEST_ARN, text))


def split_policies(statements: Sequence[IamStatement], largest: int = POLICY_CHARACTERS) -> list[list[IamStatement]]:
    """The statements in as few policies as possible, in their order; a statement that is too large is split."""
    policies: list[list[IamStatement]] = [[]]
    for statement in (part for one in statements for part in _parts(one, largest)):
        if policies[-1] and policy_size([*policies[-1], statement]) > largest:
            policies.append([])
        policies[-1].append(statement)
    return policies


def _parts(statement: IamStatement, largest: int) -> list[IamStatement]:
    """A statement in parts that fit, divided by what takes more room: its resources or its actions."""
    if policy_size([statement]) <= largest:
        return [statement]
    if len("".join(statement.resources)) > len("".join(statement.actions)):
        halves = [replace(statement, resources=half) for half in _halves(statement.resources)]
    else:
        halves = [replace(statement, actions=half) for half in _halves(statement.actions)]
    lettered = (replace(half, sid=f"{statement.sid}{letter}") for letter, half in zip("AB", halves, strict=True))
    return [part for half in lettered for part in _parts(half, largest)]


def _halves(values: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    middle = len(values) // 2
    return values[:middle], values[middle:]
