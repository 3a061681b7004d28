"""The known reasons of failures as one table.

The words of AWS, the cause, the advice, the spec key and the next command; a module for each subject. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fsdcf.deploy.diagnosis.context import DiagnosisContext
from fsdcf.deploy.diagnosis.reasons.containers import CONTAINER_REASONS
from fsdcf.deploy.diagnosis.reasons.health import HEALTH_REASONS
from fsdcf.deploy.diagnosis.reasons.identity import IDENTITY_REASONS
from fsdcf.deploy.diagnosis.reasons.images import IMAGE_REASONS
from fsdcf.deploy.diagnosis.reasons.names import NAME_REASONS
from fsdcf.deploy.diagnosis.reasons.network import NETWORK_REASONS
from fsdcf.deploy.diagnosis.reasons.operations import DELETION_REASONS, OPERATION_REASONS
from fsdcf.deploy.diagnosis.reasons.placement import PLACEMENT_REASONS
from fsdcf.deploy.diagnosis.reasons.preparation import PREPARATION_REASONS
from fsdcf.deploy.diagnosis.reasons.quotas import QUOTA_REASONS
from fsdcf.deploy.diagnosis.reasons.reason import DIAGNOSE, Reason
from fsdcf.deploy.diagnosis.reasons.services import SERVICE_REASONS

TASK_GROUPS: Mapping[str, tuple[Reason, ...]] = {
    "The image cannot be pulled": IMAGE_REASONS,
    "The task cannot be prepared": PREPARATION_REASONS,
    "A health check fails": HEALTH_REASONS,
    "The task cannot be placed": PLACEMENT_REASONS,
    "The container exits": CONTAINER_REASONS,
}
"""The reasons of tasks and of service events, by the heading of their group.

The first match counts: special reasons come before general ones.
"""

STACK_GROUPS: Mapping[str, tuple[Reason, ...]] = {
    "A part of the network cannot be made": NETWORK_REASONS,
    "A permission, a role or credentials stop CloudFormation": IDENTITY_REASONS,
    "The service or its task definition is refused": SERVICE_REASONS,
    "Something cannot be deleted": DELETION_REASONS,
    "A name or a place is taken": NAME_REASONS,
    "A quota of the account is used up": QUOTA_REASONS,
    "CloudFormation gives up": OPERATION_REASONS,
}
"""The reasons of resources that CloudFormation itself could not create, change or delete, in the order that counts."""

HIDDEN = Reason(
    "hidden-rollback",
    "the stack is UPDATE_COMPLETE, and the service runs the earlier task definition",
    r"(?!)",
    "ECS rolled the deployment back after the stack had completed",
    "deploy a version that starts; until then the stack and the service differ",
    "service.deployment.circuitBreaker",
    DIAGNOSE,
)
"""Recognized by the PRIMARY deployment, not by words."""

REASONS = tuple(reason for group in TASK_GROUPS.values() for reason in group)
STACK_REASONS = tuple(reason for group in STACK_GROUPS.values() for reason in group)


_SPACE = re.compile(r"\s+")

LONGEST = 2_000
"""Maximum number of characters that are matched: the patterns look for words at any distance from each other."""


@dataclass(frozen=True)
class MatchedReason:
    """A reason that matched.

    The cause in a sentence, the advice, the spec key, and the command with its placeholders.
    """

    reason: Reason
    sentence: str
    advice: str
    key: str
    command: str


def keys_of_job(text: str) -> str:
    """A text with the keys of a job in the place of those of a service."""
    return re.sub(r"\bservice(?=\.[a-z]\w+)|\Aservice\Z", "job", text)


def match_reason(
    testimony: str, context: DiagnosisContext, reasons: Sequence[Reason] = REASONS
) -> MatchedReason | None:
    """The first reason that matches the words of AWS, of which ``LONGEST`` characters are read; None if none does."""
    testimony = _SPACE.sub(lambda gap: "\n" if "\n" in gap[0] else " ", testimony[:LONGEST])
    for reason in reasons:
        match = reason.words.search(testimony)
        if match is not None:
            caught = next((group for group in match.groups() if group), "")
            more = reason.refine(context, match)
            cause = more.cause or reason.named(caught)
            gap = "" if more.clause.startswith((":", ",", ";")) or not more.clause else " "
            named = keys_of_job if context.job else str
            return MatchedReason(
                reason,
                named(f"{cause}{gap}{more.clause}"),
                named(more.advice or reason.advice),
                named(more.key or reason.key),
                more.command or reason.command,
            )
    return None
