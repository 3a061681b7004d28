"""What AWS would name a new resource, and what Fn::GetAtt would find at it: plausible, and the same every time."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox.world import World


def token(*parts: object, length: int = 17, alphabet: str = "0123456789abcdef") -> str:
    """A string of this length that these parts always give: what stands for AWS's random ids."""
    seed = int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest(), "big")
    letters = []
    for _ in range(length):
        seed, index = divmod(seed, len(alphabet))
        letters.append(alphabet[index])
    return "".join(letters)


def unique(*parts: object) -> str:
    """A UUID that these parts always give."""
    return str(uuid.UUID(bytes=hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:16], version=4))


def physical_id(type: str, logical_id: str, stack: str, properties: Mapping[str, Any], number: int) -> str:
    """The physical id (what Ref gives) of the ``number``-th resource of this logical id in this stack."""
    return f"{stack}-{logical_id}-{token(type, logical_id, stack, number, length=12).upper()}"


def attributes(type: str, physical_id: str, properties: Mapping[str, Any], world: World) -> dict[str, Any]:
    """Every attribute that Fn::GetAtt knows of a type, with a value."""
    from fsdcf.cloudformation.facts import facts_of

    facts = facts_of(type)
    names = facts.attributes if facts else frozenset()
    return {name: f"{physical_id}-{name}" for name in sorted(names)}
