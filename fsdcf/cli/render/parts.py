"""The parts of a service that group its resources in pictures and plans."""

from __future__ import annotations

from typing import get_args

from fsdcf.cloudformation.types import Part, record_of

PARTS: tuple[Part, ...] = get_args(Part)
"""In display order."""


def part_of(type: str, logical_id: str) -> Part:
    """The part of a resource, by its type. The release record belongs to the tasks, whose image it names."""
    part = record_of(type).part
    return "tasks" if part == "other" and logical_id == "Release" else part


def short(type: str) -> str:
    """``AWS::ECS::Service`` -> ``ECS::Service``."""
    return type.removeprefix("AWS::")
