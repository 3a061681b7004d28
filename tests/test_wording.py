"""Numbers in sentences."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fsdcf.cloudformation.pricing import Range
from fsdcf.wording import counted


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
