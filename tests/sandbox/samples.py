"""Values made from shapes: every member of every structure filled in, so that the wire can be compared with botocore's
own reading.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from botocore.model import Shape

MOMENT = 1_800_000_000.0
SCALARS = {
    "integer": 7,
    "long": 8_000_000_000,
    "float": 1.5,
    "double": -2.25,
    "boolean": True,
    "blob": b"\x00\xffraw",
    "timestamp": MOMENT,
    "character": "c",
}


def sample(shape: Shape, above: tuple[str, ...] = ()) -> Any:
    """A value of this shape. What would contain itself is left out."""
    if shape.type_name == "structure":
        if getattr(shape, "is_document_type", False):
            return {"free": ["form", 1]}
        inner = (*above, shape.name)
        names = [name for name, member in shape.members.items() if not _contains(member, inner)]
        if getattr(shape, "is_tagged_union", False):
            names = names[:1]
        return {name: sample(shape.members[name], inner) for name in names}
    if shape.type_name == "list":
        return [sample(shape.member, above)] * (2 if len(above) < 3 else 1)
    if shape.type_name == "map":
        return {sample(shape.key, above): sample(shape.value, above)}
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else f"{shape.name} <é & 'ß'>\r\n\t\u2028 "
    return SCALARS[shape.type_name]


def _contains(shape: Shape, above: tuple[str, ...]) -> bool:
    if shape.type_name == "structure":
        return shape.name in above
    if shape.type_name == "list":
        return _contains(shape.member, above)
    return shape.type_name == "map" and _contains(shape.value, above)


def plain(value: Any) -> Any:
    """What botocore read, with epoch seconds for its datetimes."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).timestamp()
    return value
