"""Pseudo parameters: their names, and values for where no account is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PSEUDO: Mapping[str, Any] = {
    "AWS::AccountId": "123456789012",
    "AWS::NotificationARNs": [],
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/stack/00000000-0000-0000-0000-000000000000",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}
"""Stand-ins: both sides of a difference use the same, so that they never make one."""

PSEUDO_NAMES = frozenset({*PSEUDO, "AWS::NoValue"})
"""Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html"""
