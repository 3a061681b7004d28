"""Priorities of the rules at a listener that services share: the number of a rule by what it matches.

A listener evaluates its rules by their numbers, from 1 to 50000, and two rules cannot have the same one. What matches
fewer requests comes first, whichever service it belongs to, so each kind of rule has a band of numbers. Within its band
a rule has a number by hash, which is the same for everyone without asking AWS; where it is taken, a deploy takes the
next free one of the band.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

LAST_PRIORITY = 50_000
"""Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html"""


class Band(NamedTuple):
    """A range of priorities, with its ends."""

    first: int
    last: int


WRITTEN = Band(1, 999)
"""The priorities that the authors of specs write."""

_HOST_AND_PATH = (Band(13_000, 19_999), Band(9_000, 12_999), Band(5_000, 8_999), Band(1_000, 4_999))
"""The bands of rules for hosts and paths, by the depth of the paths: from one to four and more."""

_HOST, _HOST_WITH_WILDCARD = Band(20_001, 36_000), Band(36_001, 40_000)

_PATH = (
    Band(48_500, 49_999),
    Band(45_000, 48_499),
    Band(43_000, 44_999),
    Band(41_500, 42_999),
    Band(40_001, 41_499),
)
"""The bands of rules for paths on any host, by their depth: from none, which is every path, to four and more."""

_BANDS = (WRITTEN, *_HOST_AND_PATH, _HOST, _HOST_WITH_WILDCARD, *_PATH)


def depth_of(path: str) -> int:
    """The number of segments of a path without wildcards, at least one; 0 for a path that matches every path."""
    if path.strip("*") in ("", "/"):
        return 1 if path == "/" else 0
    return max(1, sum(bool(segment) and not re.search("[*?]", segment) for segment in path.split("/")))


def band_of(hosts: Sequence[str], paths: Sequence[str], has_others: bool = False) -> Band:
    """The band of a rule. ``has_others`` tells whether it has further conditions, such as a header, which makes it come
    before a rule without. Of several hosts or paths the one that matches the most counts."""
    depth = min(map(depth_of, paths), default=0) + has_others
    if not hosts:
        return _PATH[min(depth, len(_PATH) - 1)]
    if depth:
        return _HOST_AND_PATH[min(depth, len(_HOST_AND_PATH)) - 1]
    return _HOST_WITH_WILDCARD if any(re.search("[*?]", host) for host in hosts) else _HOST


def band_around(priority: int) -> Band:
    """The band that a priority is in; a number between the bands is one of its own."""
    return next((band for band in _BANDS if band.first <= priority <= band.last), Band(priority, priority))


def default_priority(service: str, rule: str, band: Band, taken: Collection[int] = ()) -> int:
    """The number of a service's rule in its band, by hash; ``taken`` are those of the other rules of the service."""
    from hashlib import sha256  # only rules at a shared listener need it

    width = band.last - band.first + 1
    wanted = band.first + int.from_bytes(sha256(f"{service}/{rule}".encode()).digest(), "big") % width
    return next_free(wanted, taken) or wanted


def next_free(wanted: int, taken: Collection[int]) -> int | None:
    """The first number of the band that no rule has, from ``wanted`` on and then from the band's beginning; None if the
    band is full, and for a number that the author of a spec wrote."""
    if wanted not in taken:
        return wanted
    first, last = band = band_around(wanted)
    after = () if band == WRITTEN else (*range(wanted + 1, last + 1), *range(first, wanted))
    return next((number for number in after if number not in taken), None)


def is_kept(previous: int, wanted: int) -> bool:
    """Whether a rule that has a number keeps it, although the template has another default: while its band is the
    same, unless the author of the spec wrote the number."""
    return previous == wanted or (band_around(previous) == band_around(wanted) != WRITTEN)
