"""Quotas of CloudFormation, IAM, SQS and ECS that a template or a stack has to respect."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

BODY_BYTES = 51_200
"""Largest TemplateBody, in bytes of UTF-8; a larger template travels through S3.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

TEMPLATE_BYTES = 1_000_000
"""Largest template in S3, in bytes. Source: as above."""

COUNTS: Mapping[str, int] = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
"""Most entries of a section of a template. Source: as above."""

STACK_TAGS = 50
"""Most tags of a stack.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
"""

POLICY_CHARACTERS = 6_144
"""Largest managed policy, in characters without white space.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

ROLE_NAME_CHARACTERS = 64
"""Longest name of a role.
Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html"""


def is_cut(stack: str, logical_id: str, longest: int) -> bool:
    """Whether CloudFormation shortens the name that it makes from a stack, a logical ID and twelve characters, so that
    it may lack the end of the stack's name, which is the environment."""
    return len(f"{stack}-{logical_id}-") + 12 > longest


POLICY_NAME_CHARACTERS = 128
"""Longest name of a policy.
Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html"""

ROLE_POLICY_CHARACTERS = 10_240
"""Largest sum of the inline policies of a role, in characters without white space. Source: as above."""

TASK_DEFINITION_BYTES = 65_536
"""Largest task definition, in bytes.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""

QUEUE_POLICY_BYTES = 8_192
"""Largest policy of a queue, in bytes.
Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html"""


def compact(data: Mapping[str, Any]) -> str:
    """Data as JSON without white space, as it is sent. CloudFormation counts its bytes in UTF-8."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def is_large(data: Mapping[str, Any]) -> bool:
    """Whether a template is too large for TemplateBody."""
    return len(compact(data).encode()) > BODY_BYTES


FARGATE_MEMORY: Mapping[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
    32768: (61440, 122880, 249856),
}
"""Memory in MiB that Fargate offers for each number of CPU units.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size
"""


def fargate_memory(cpu: int) -> str:
    """The amounts of memory that Fargate offers for a number of CPU units: ``512, 1024 or 2048``."""
    offered = FARGATE_MEMORY[cpu]
    if len(offered) > 8:
        return f"{offered[0]} to {offered[-1]} in steps of {offered[1] - offered[0]}"
    return f"{', '.join(map(str, offered[:-1]))} or {offered[-1]}"
