"""How many examples hypothesis makes up for a property: few with every run, many with ``make fuzz``, which sets FSDCF_FUZZ."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

FUZZ = bool(os.environ.get("FSDCF_FUZZ"))
TIMES = 25 if FUZZ else 1

settings.register_profile("few", max_examples=40, deadline=None)
settings.register_profile("many", max_examples=40 * TIMES, deadline=None)


def load() -> None:
    """Makes the profile of this run that of every property without settings of its own."""
    settings.load_profile("many" if FUZZ else "few")


def examples(few: int, **more: Any) -> settings:
    """Settings for a property that is slow or needs more than the profile's number: so many examples, and many times that to fuzz."""
    return settings(max_examples=few * TIMES, deadline=None, **more)
