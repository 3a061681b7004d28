"""The known reasons why tasks fail, in the words of ECS, each with its cause, advice, spec key and command. Pure.

The words are those of AWS's pages on stopped tasks, service events and target health
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html, .../resource-initialization-error.html,
.../task_cannot_pull_image.html, .../service-event-messages-list.html,
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html), and those that users have published.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fsdcf.deploy.grounds import Grounds
from fsdcf.deploy.judging import AGAIN, Reason
from fsdcf.deploy.reasons_run import CHECKS, PLACING, RUNNING
from fsdcf.deploy.reasons_start import PREPARING, PULLING

HIDDEN = Reason(
    "hidden-rollback",
    "the stack says UPDATE_COMPLETE, and the service runs the task definition before",
    r"(?!)",
    "ECS rolled the deployment back behind a stack that is complete",
    "deploy a version that starts; until then the stack and the service disagree",
    "service.deployment.circuitBreaker",
    AGAIN,
)
"""Known by the PRIMARY deployment and not by words."""

REASONS = (*PULLING, *PREPARING, *CHECKS, *PLACING, *RUNNING)
"""The more special ones first."""


@dataclass(frozen=True)
class Finding:
    """A reason that was found: the cause in a sentence, what to do, the spec's key, and the command with its placeholders."""

    reason: Reason
    sentence: str
    advice: str
    key: str
    command: str


def find(testimony: str, grounds: Grounds, reasons: Sequence[Reason] = REASONS) -> Finding | None:
    """The first of the known reasons that what was said points to; None if it points to none."""
    for reason in reasons:
        found = re.search(reason.pattern, testimony, re.DOTALL | re.IGNORECASE | re.MULTILINE)
        if found is not None:
            judged = reason.judge(grounds, found)
            gap = "" if judged.clause.startswith((":", ",")) or not judged.clause else " "
            sentence = f"{_filled(reason.cause, found)}{gap}{judged.clause}"
            return Finding(
                reason,
                sentence,
                judged.advice or reason.advice,
                judged.key or reason.key,
                judged.command or reason.command,
            )
    return None


def _filled(cause: str, found: re.Match[str]) -> str:
    """The cause with what the pattern caught in the place of ``…``."""
    caught = next((one for one in found.groups() if one), "")
    return cause.replace("…", caught) if caught else cause.replace(" …", "")
