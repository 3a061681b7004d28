"""IAM actions: whether they read or write, and which of them take no resource."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

_READ = ("Get", "BatchGet", "List", "Query", "Scan", "Read", "Receive", "Head", "Select", "Search", "Check")
_READING = frozenset(
    {
        *("dynamodb:ConditionCheckItem", "dynamodb:PartiQLSelect", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"),
        *(
            "elasticfilesystem:ClientMount",
            "kafka-cluster:AlterGroup",
            "kms:Decrypt",
            "ecr:BatchCheckLayerAvailability",
        ),
    }
)
"""Actions that a reader needs, whatever their verb: who consumes a queue deletes what it has read."""

_ABOUT = frozenset(
    {
        *(
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "s3:GetBucketLocation",
            "kafka:GetBootstrapBrokers",
            "kafka-cluster:Connect",
        ),
        *("ecr:GetAuthorizationToken", "sts:GetCallerIdentity", "xray:GetSamplingRules", "xray:GetSamplingTargets"),
    }
)
"""Actions that tell of a resource and give none of its data, like those that describe."""

NO_RESOURCE = (
    *(
        "ecr:GetAuthorizationToken",
        "ssmmessages:*",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSampling*",
    ),
    *("cloudwatch:PutMetricData", "sts:GetCallerIdentity", "ec2:Describe*", "s3:ListAllMyBuckets"),
)
"""Actions, as patterns, for which IAM knows no resource: ``*`` is all that a policy can say.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


def levels(actions: Iterable[str]) -> tuple[str, ...]:
    """``read``, ``write`` or both for a list of actions, ``describe`` where it is neither; ``assume`` for roles, ``everything`` for ``*``."""
    found = {_level(action) for action in actions}
    order = ("assume", "open sessions", "read", "write")
    return (
        ("everything",) if "everything" in found else tuple(level for level in order if level in found) or ("describe",)
    )


def _level(action: str) -> str:
    service, _, verb = action.partition(":")
    if action in ("*", "*:*") or verb == "*":
        return "open sessions" if service == "ssmmessages" else "everything"
    if service == "sts" and verb.startswith("Assume"):
        return "assume"
    if service == "ssmmessages":
        return "open sessions"
    if action in _ABOUT or verb.startswith("Describe"):
        return "describe"
    return "read" if action in _READING or verb.startswith(_READ) else "write"


def takes_resource(action: str) -> bool:
    """Whether a policy could name a resource for an action."""
    return not any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in NO_RESOURCE)


def grouped(actions: Iterable[str]) -> list[str]:
    """The actions by service: ``dynamodb: GetItem, Query``; an action without one as it is."""
    by_service: dict[str, list[str]] = {}
    for action in actions:
        service, colon, verb = action.partition(":")
        by_service.setdefault(service if colon else "", []).append(verb if colon else action)
    return [f"{service}: {', '.join(verbs)}" if service else ", ".join(verbs) for service, verbs in by_service.items()]


def has_wildcard(text: str) -> bool:
    """Whether a pattern of IAM matches more than itself."""
    return bool(re.search(r"[*?]", text))
