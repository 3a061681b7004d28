"""How many examples hypothesis makes up for a property: few and always the same ones, or many random ones with
``make fuzz``, which sets FSDCF_FUZZ."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from hypothesis import HealthCheck, settings

FUZZ = bool(os.environ.get("FSDCF_FUZZ"))
TIMES = 25 if FUZZ else 1

SLOW = (HealthCheck.too_slow,)
"""What is never checked, and a deadline is not either: both would judge the machine."""

# A change is tested by the same examples on every machine, so that it never fails for what it did not do.
settings.register_profile(
    "few", max_examples=9, deadline=None, derandomize=True, database=None, suppress_health_check=SLOW
)
settings.register_profile(
    "many", max_examples=1000, deadline=None, derandomize=False, print_blob=True, suppress_health_check=SLOW
)


def load() -> None:
    """Makes the profile of this run that of every property without settings of its own."""
    settings.load_profile("many" if FUZZ else "few")


def examples(few: int, ignore: tuple[HealthCheck, ...] = (), **more: Any) -> settings:
    """Settings for a property that is slow or needs more than the profile's number: two fifths of so many examples,
    and many times that to fuzz."""
    number = few * TIMES if FUZZ else max(3, few * 2 // 5)
    return settings(max_examples=number, deadline=None, suppress_health_check=(*SLOW, *ignore), **more)


def some(values: Iterable[Any], every: int) -> list[Any]:
    """Every so many of the values; all of them to fuzz."""
    return [*values][:: 1 if FUZZ else every]
