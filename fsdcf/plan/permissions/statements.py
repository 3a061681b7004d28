"""IAM statements: joined where they say the same, filled in for an account, and split over policies of IAM's size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fsdcf.cloudformation.limits import POLICY_CHARACTERS

VERSION = "2012-10-17"

Conditions = Mapping[str, Mapping[str, tuple[str, ...]]]

_LONGEST = {"Partition": "aws-us-gov", "Region": "ap-southeast-99", "AccountId": "123456789012"}
_LONGEST_ARN = "arn:aws-us-gov:s3:::".ljust(20 + 63, "x")


@dataclass(frozen=True)
class Statement:
    """An IAM statement that allows actions on resources. ARNs are fragments with pseudo parameters of CloudFormation."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Conditions = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """The statement as IAM takes it."""
        out: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        if self.conditions:
            out["Condition"] = {
                operator: {key: list(values) if len(values) > 1 else values[0] for key, values in keys.items()}
                for operator, keys in self.conditions.items()
            }
        return out


def document(statements: Iterable[Statement]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": VERSION, "Statement": [one.data() for one in statements]}


def filled(data: Any, values: Mapping[str, str]) -> Any:
    """Data with values for pseudo parameters (``AccountId``, ``Partition``, ``Region``, ``StackName``) in all its texts."""
    if isinstance(data, Mapping):
        return {key: filled(one, values) for key, one in data.items()}
    if isinstance(data, (list, tuple)):
        return [filled(one, values) for one in data]
    if isinstance(data, str):
        return re.sub(r"\$\{AWS::(\w+)\}", lambda found: values.get(found[1], found[0]), data)
    return data


def size(statements: Iterable[Statement]) -> int:
    """Characters of the policy by IAM's count, at most: with the longest names of a region, a partition and a bucket."""
    text = re.sub(r"\s", "", json.dumps(filled(document(statements), _LONGEST)))
    return len(re.sub(r"\$\{[^}]*\}", _LONGEST_ARN, text))


def split(statements: Sequence[Statement], largest: int = POLICY_CHARACTERS) -> list[list[Statement]]:
    """The statements in as few policies as they fit into, in their order. One that is too large alone is split itself.

    Raises ValueError where a single action with its resources is too large.
    """
    policies: list[list[Statement]] = [[]]
    for statement in (part for one in statements for part in _parts(one, largest)):
        if policies[-1] and size([*policies[-1], statement]) > largest:
            policies.append([])
        policies[-1].append(statement)
    return policies


def _parts(statement: Statement, largest: int) -> list[Statement]:
    if size([statement]) <= largest:
        return [statement]
    half = len(statement.actions) // 2
    if not half:
        raise ValueError(f"{statement.actions[0]} has too many resources for one policy: {len(statement.resources)}")
    left = replace(statement, sid=f"{statement.sid}A", actions=statement.actions[:half])
    right = replace(statement, sid=f"{statement.sid}B", actions=statement.actions[half:])
    return [*_parts(left, largest), *_parts(right, largest)]
