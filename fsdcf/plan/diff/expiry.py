"""Properties that make data vanish by time: whether a change of them lets it vanish earlier."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from fsdcf.plan.diff.tasks import number
from fsdcf.plan.view import mapping, text_of

FOUR_DAYS = 345_600
"""Seconds that a queue keeps messages where nothing else is said.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html"""


def _retention(was: Any, now: Any) -> bool:
    """Days of a log group; without them it keeps events for ever."""
    before, after = number(was), number(now)
    return after is not None and (before is None or after < before)


def _messages(was: Any, now: Any) -> bool:
    before, after = (number(FOUR_DAYS if one is None else one) for one in (was, now))
    return before is not None and after is not None and after < before


def _items(was: Any, now: Any) -> bool:
    before, after = mapping(was), mapping(now)
    is_on = text_of(after.get("Enabled")) == "true"
    return is_on and (
        text_of(before.get("Enabled")) != "true" or before.get("AttributeName") != after.get("AttributeName")
    )


def _objects(was: Any, now: Any) -> bool:
    """Whether objects expire by a rule that is new, or after fewer days."""
    before = dict(_expirations(was))
    return any(scope not in before or _sooner(before[scope], days) for scope, days in _expirations(now))


def _sooner(before: str, after: str) -> bool:
    return int(after) < int(before) if before.isdecimal() and after.isdecimal() else before != after


def _expirations(value: Any) -> Iterator[tuple[str, str]]:
    """What the rules that are on let expire: the objects and versions that are meant, and after how many days."""
    rules: Collection[Any] = mapping(value).get("Rules") or ()
    for rule in rules:
        if isinstance(rule, Mapping) and rule.get("Status") == "Enabled":
            objects = {key: one for key, one in rule.items() if key in ("Prefix", "TagFilters")}
            for key in (key for key in rule if "Expiration" in key):
                further = {name: one for name, one in mapping(rule[key]).items() if name != "NoncurrentDays"}
                days = mapping(rule[key]).get("NoncurrentDays", rule[key])
                yield text_of({"Kind": key, **objects, **further}), text_of(days)


def _backups(was: Any, now: Any) -> bool:
    before, after = (text_of(mapping(one).get("PointInTimeRecoveryEnabled")) for one in (was, now))
    return before == "true" and after != "true"


KEPT: Mapping[str, tuple[tuple[str, Callable[[Any, Any], bool], str], ...]] = {
    "AWS::Logs::LogGroup": (("RetentionInDays", _retention, "keeps log events for a shorter time"),),
    "AWS::SQS::Queue": (("MessageRetentionPeriod", _messages, "keeps messages for a shorter time"),),
    "AWS::S3::Bucket": (("LifecycleConfiguration", _objects, "lets objects expire by another rule"),),
    "AWS::DynamoDB::Table": (
        ("TimeToLiveSpecification", _items, "lets items expire by another attribute"),
        ("PointInTimeRecoverySpecification", _backups, "drops its continuous backups"),
    ),
}
"""By type: the property, whether its change lets data vanish earlier, and what it does, as a clause."""
