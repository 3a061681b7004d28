"""No regular expression of the package is slow for any text: each gets its own worst letters."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from fsdcf.cloudformation.iam import matches
from fsdcf.cloudformation.parameters import resolved
from fsdcf.masking import mask_line, mask_text, mask_value
from tests.fuzz import FUZZ
from tests.patterns import bounded, cpu, slowest, uses, worst

SIZE = 100_000
LIMIT = 3.0
"""CPU seconds for a text of SIZE. A pattern that is linear takes a hundredth of it, and one that is quadratic five
times as long."""
GROUPS = 8
pytestmark = pytest.mark.hypothesis  # for ``make fuzz``, which tries every pattern, with more texts
TEXTS = 300 if FUZZ else 12
"""Texts for each use of a pattern."""


def test_every_pattern_is_found() -> None:
    found, missing = uses()
    assert not missing, "tests/patterns.py does not know the patterns of these uses"
    assert len({use.place for use in found}) > 300


@pytest.mark.parametrize("group", range(GROUPS))
def test_no_text_is_slow(group: int) -> None:
    slow = []
    for use in uses()[0][group :: GROUPS if FUZZ else GROUPS * 24]:
        texts = list(worst(use))
        chosen = texts if len(texts) <= TEXTS else random.Random(SIZE).sample(texts, TEXTS)
        cost = slowest(bounded(use), chosen, SIZE, LIMIT)
        slow += [f"{use.place} {use.method}: {use.pattern.pattern!r}: {cost:.1f} s"] if cost > LIMIT else []
    assert slow == [], "make the pattern linear, or bound its text and name the function in tests/patterns.py"


def _parameter(pattern: str) -> Callable[[str], object]:
    template = {"Parameters": {"Name": {"Type": "String", "AllowedPattern": pattern}}}
    return lambda text: resolved(template, {"Name": text}, None)


@pytest.mark.parametrize(
    ("apply", "text"),
    [
        *((_parameter(pattern), "a" * SIZE + "!") for pattern in ("(a+)+", "(a*)*b", "a*a*a*a*b", "(a|a){1,}+b")),
        (lambda text: matches("*a" * 50 + "*b", text), "a" * SIZE),
        (lambda text: matches("?*" * 50 + "b", text), "a" * SIZE),
        (lambda text: matches(text, "a" * 2000), "a*" * 1000 + "b"),
    ],
)
def test_a_foreign_pattern_is_not_slow(apply: Callable[[str], object], text: str) -> None:
    assert cpu(apply, text) < LIMIT


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*", "", True),
        ("a*b", "ab", True),
        ("a*b", "aXbXb", True),
        ("a*b*", "ab", True),
        ("a*a", "a", False),
        ("*ab*ab", "abab", True),
        ("*ab*ab", "xabxab", True),
        ("*ab*ab", "ab", False),
        ("a?c", "a\nc", True),
        ("a?c", "ac", False),
        ("?*?", "a", False),
        ("s3:Get*", "s3:GetObject", True),
        ("arn:*:table/${x}-?", "arn:aws:table/${x}-1", True),
        ("a.c", "abc", False),
    ],
)
def test_a_pattern_of_iam(pattern: str, text: str, fits: bool) -> None:
    assert matches(pattern, text) is fits


@pytest.mark.parametrize("letters", ["a=", "token: ${secrets: ", 'a="', "a ", "x://:", '"', 'password="'])
def test_masking_is_not_slow(letters: str) -> None:
    for mask in (mask_line, mask_text, mask_value):
        assert cpu(mask, letters * (SIZE // len(letters))) < LIMIT
