"""Numbers, times, values and foreign text in sentences."""

from __future__ import annotations

import re
from datetime import datetime, timezone


def counted(count: object, noun: str) -> str:
    """``1 task``, ``2 to 10 tasks``, ``3 policies``, ``2 gateways``. ``count`` is a number or a range, or its text."""
    if str(count) == "1":
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{count} {noun}s"


def cut(text: str, longest: int = 200) -> str:
    """The text with at most this many characters: the last one of a longer text is ``…``."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


_LONG_WORD = re.compile(r"\S{121,}")


def readable(text: str, longest: int = 1000) -> str:
    """A sentence with foreign values, at most this long: of its long words the beginning is left, and their last
    character, which closes what encloses them; of a sentence that is still too long its beginning and its end."""
    if len(text) <= 120:
        return text
    return shortened(_LONG_WORD.sub(lambda word: f"{word[0][:100]}…{word[0][-1]}", text), longest)


def shortened(text: str, longest: int = 2000) -> str:
    """The text without the middle of one that is longer than this."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]} … {text[-half:]}"


def moment(time: datetime | None) -> str:
    """``2026-11-24 15:02:11 UTC``; empty for None."""
    return f"{time.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC" if time else ""


def without_controls(text: str) -> str:
    """A text with spaces for the characters that cannot be printed, for drawings, whose formats do not permit them."""
    return "".join(one if one.isprintable() else " " for one in text)


def visible(text: object) -> str:
    """A text or a path with control characters and line breaks escaped, so that none of them reaches the terminal."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in str(text))
