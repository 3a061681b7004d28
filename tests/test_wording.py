"""Numbers and times in sentences."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from fsdcf.cloudformation.pricing import Range
from fsdcf.wording import counted, moment


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (0, "task", "0 tasks"),
        (1, "task", "1 task"),
        (2, "policy", "2 policies"),
        (3, "gateway", "3 gateways"),
        ("1,000", "item", "1,000 items"),
        (Range.of(1), "task", "1 task"),
        (Range(Decimal(2), Decimal(10)), "task", "2 to 10 tasks"),
    ],
)
def test_counted(count: object, noun: str, text: str) -> None:
    assert counted(count, noun) == text


def test_a_moment_is_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert moment(datetime(2026, 11, 24, 17, 2, 11, tzinfo=east)) == "2026-11-24 15:02:11 UTC"
    assert moment(None) == ""
