"""CloudFormation's limits for one template, and what it says above them.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fsdcf.cloudformation.template import compact

BODY_BYTES = 51_200
"""What TemplateBody takes, in bytes of UTF-8; a longer template travels through S3."""

TEMPLATE_BYTES = 1_000_000
"""What a template in S3 may have, in bytes."""

COUNTS: Mapping[str, int] = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
"""How many members a section may have."""


def body_problem(body: str) -> str | None:
    """What CloudFormation says of a TemplateBody that is too long; None for one that it takes."""
    if len(body.encode("utf-8")) <= BODY_BYTES:
        return None
    value = f"Value '{body[:80]}...' at 'templateBody' failed to satisfy constraint"
    return f"1 validation error detected: {value}: Member must have length less than or equal to {BODY_BYTES}"


def over_limits(template: Mapping[str, Any]) -> Iterator[str]:
    """What CloudFormation says of a template with too many members or bytes."""
    for section, most in COUNTS.items():
        count = len(template.get(section) or {})
        if count > most:
            yield f"Template format error: Number of {section.lower()}, {count}, is greater than maximum allowed, {most}"
    if len(compact(template).encode("utf-8")) > TEMPLATE_BYTES:
        yield f"Template may not exceed {TEMPLATE_BYTES} bytes in size."
