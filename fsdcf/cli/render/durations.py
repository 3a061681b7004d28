"""Durations as people write and read them: ``30m`` is 1800 seconds, and 72 seconds are ``1m 12s``. Times in UTC."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import click

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
_MAX_SECONDS = 36 * 3600
"""CloudFormation gives an ECS service at most 36 hours to become steady."""


def duration(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """An option's callback: ``90``, ``90s``, ``30m``, ``2h`` or ``1h30m`` in seconds; None stays None."""
    if text is None:
        return None
    parts = re.findall(r"(\d+)([smh]?)", text.strip().lower())
    whole = "".join(number + unit for number, unit in parts)
    if not parts or whole != text.strip().lower() or any(not unit for _, unit in parts[:-1]):
        raise click.BadParameter(f"{text!r} is not a valid duration: use 90s, 30m, 2h or 1h30m")
    seconds = float(sum(int(number) * _UNITS[unit] for number, unit in parts))
    if not 0 < seconds <= _MAX_SECONDS:
        raise click.BadParameter(f"{text!r} is out of range: use more than 0s and at most 36h")
    return seconds


def format_duration(seconds: float) -> str:
    """A number of seconds as text: ``0s``, ``48s``, ``1m 12s``, ``2h 05m``."""
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"


def iso(time: datetime | None) -> str | None:
    """``2026-11-24T15:02:11+00:00``, for programs."""
    return time.astimezone(timezone.utc).isoformat() if time else None
