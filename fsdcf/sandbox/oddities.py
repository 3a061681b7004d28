"""What CloudFormation does on a bad day: answers that lag, repeat, fall short or surprise, switched on by name."""

from __future__ import annotations

import re
from dataclasses import dataclass

ODDITIES: dict[str, tuple[str, int | None, str]] = {
    "action": ("a change set calls each Modify by this word: action=Dynamic, action=SyncWithActual", None, r"\w+"),
    "cancelled-first": ("siblings that a failure cancels are listed before the failure", None, ""),
    "drop-values": (
        "with property values, a change set leaves out a resource and warns: drop-values=Service",
        None,
        r"\w*",
    ),
    "duplicate-events": ("each event is listed twice", None, ""),
    "early-validation": (
        "a change set fails early validation, for these resources: early-validation=Bucket,Role",
        1,
        r"[\w,]*",
    ),
    "equal-timestamps": ("events are dated by the second", None, ""),
    "green-rollback": ("a service that ECS rolled back to its last deployment passes for updated", None, ""),
    "hook": ("a change set fails for a hook of this name: hook=My::Guard::Hook", 1, r".+"),
    "lag-events": ("events are listed so many seconds late: lag-events=3", None, r"\d+(\.\d+)?"),
    "lag-status": ("DescribeStacks tells what was so many seconds ago: lag-status=5", None, r"\d+(\.\d+)?"),
    "limit-exceeded": ("there are too many change sets already", 1, ""),
    "no-early-validation": ("names that exist already are noticed at execution alone", None, ""),
    "no-reason": ("with property values, a failed change set does not say why", None, ""),
    "no-updates": ("an empty change set says so in the other of AWS's two ways", None, ""),
    "page-size": ("lists come so many a page: page-size=2", None, r"[1-9]\d*"),
    "stale-status": ("DescribeStacks tells the status from before the operation", 1, ""),
    "unknown-enums": ("change sets and events hold values that are younger than any client", None, ""),
}
"""The oddities by name: what happens, how many times unless told otherwise (None: always), and how a detail is written.

Each was reported of AWS: https://github.com/boto/boto3/issues/4178 (no-reason), https://github.com/aws/aws-cdk-cli/issues/1780
(drop-values), https://github.com/aws-cloudformation/rain/pull/744 (early-validation); the rest follows from CloudFormation being
eventually consistent and from APIs that grow.
"""

_TEXT = re.compile(r"cfn:(?P<kind>[a-z-]+)(?:=(?P<detail>[^*]+))?(?:\*(?P<times>\d+|\*))?")


class OddityError(ValueError):
    """A text that names no oddity; the message says what is wrong with it."""


@dataclass(frozen=True)
class Oddity:
    """An oddity of CloudFormation's. ``times`` None is for ever; ``detail`` is what stands behind the equals sign."""

    kind: str
    detail: str = ""
    times: int | None = None


def parsed(text: str) -> Oddity:
    """An oddity by its text, ``cfn:stale-status*2`` or ``cfn:lag-events=3``; OddityError if it is none. ``**`` is for ever."""
    found = _TEXT.fullmatch(text)
    if found is None or found["kind"] not in ODDITIES:
        raise OddityError(f"{text!r}: write cfn:KIND, KIND being one of {', '.join(sorted(ODDITIES))}")
    meaning, usual, pattern = ODDITIES[found["kind"]]
    detail = found["detail"] or ""
    if not re.fullmatch(pattern, detail):
        raise OddityError(f"{text!r}: {meaning}")
    times = usual if found["times"] is None else None if found["times"] == "*" else int(found["times"])
    return Oddity(found["kind"], detail, times)


class Novel(str):
    """A value that the service's model does not list among those of its enum: what a younger API, or a careless one, answers."""

    __slots__ = ()
