"""Priorities of a service's rules at a shared listener: kept from deploy to deploy, and free when a rule is new."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from fsdcf.cloudformation.priorities import next_free
from fsdcf.cloudformation.types.elasticloadbalancingv2 import RulePriority, priorities_of
from fsdcf.conventions import environment_stack, export_name
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.model import Exit, Release
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.state import Snapshot, physical_ids, snapshot

_WITHOUT = "the rules at the listener cannot be read, so a priority may be taken"


def rule_parameters(run: Run, release: Release, deployed: Snapshot | None) -> list[Answer]:
    """The parameters of CreateChangeSet for the priorities of rules; none where the template's default applies.

    A rule keeps the priority that it has. A new one, or one whose hosts and paths put it elsewhere, gets the next free
    number where its default is taken. Stops the run (exit 2) if a number that the author wrote is taken.
    """
    previous = deployed.parameters if deployed is not None else {}
    kept: set[int] = set()
    sent: list[Answer] = []
    fresh: dict[str, list[RulePriority]] = {}
    for rule in priorities_of(release.template):
        number = rule.kept(previous)
        if number is None:
            fresh.setdefault(rule.listener, []).append(rule)
        else:
            kept.add(number)
            sent.append({"ParameterKey": rule.parameter, "UsePreviousValue": True})
    for listener, wanted in fresh.items():
        taken = _taken(run, release, listener)
        if any(one.priority in taken for one in wanted) and deployed is not None:
            own = set((physical_ids(run.aws, deployed.arn) or {}).values())
            taken = {number: arn for number, arn in taken.items() if arn not in own}
        taken |= dict.fromkeys(kept, "")
        for rule in wanted:
            number = next_free(rule.priority, taken)
            while number is not None and not _claims(release, listener, number):
                taken[number] = "a service of this deploy"
                number = next_free(rule.priority, taken)
            if number is None or (not rule.parameter and number != rule.priority):
                sentence = (
                    f"the priority {rule.priority} is taken at the listener by {taken[rule.priority] or 'a rule'}"
                )
                raise stop(Exit.USAGE, sentence, release.target.redeploy())
            taken[number] = ""
            if number != rule.priority:
                sent.append({"ParameterKey": rule.parameter, "ParameterValue": str(number)})
    return sent


def _claims(release: Release, listener: str, number: int) -> bool:
    """Whether no other deploy of the run has chosen the number, which from now on belongs to this one."""
    return release.claimed.setdefault((listener, number), release.stack) == release.stack


def lost_race(template: Mapping[str, Any], reasons: Iterable[str]) -> bool:
    """Whether an operation failed because another service took the priority of a rule in the meantime, and the next
    deploy can choose another one."""
    can_choose = any(rule.parameter for rule in priorities_of(template))
    return can_choose and any(re.search(r"PriorityInUse|Priority '?\d+'? is currently in use", one) for one in reasons)


def _taken(run: Run, release: Release, export: str) -> dict[int, str]:
    """The priorities at a listener, each with the ARN of its rule; none, with a warning, if they cannot be read."""
    environment = snapshot(run.aws, environment_stack(release.environment))
    output = export.removeprefix(export_name(release.environment, ""))
    listener = environment.outputs.get(output) if environment is not None else None
    found: dict[int, str] = {}
    marker: dict[str, Any] = {}
    while listener:  # without the environment, CloudFormation refuses the change set
        answer = run.optional(_WITHOUT, "elbv2", "DescribeRules", ListenerArn=listener, PageSize=400, **marker)
        for rule in answer.get("Rules") or []:
            if text(rule, "Priority").isdigit():
                found[int(text(rule, "Priority"))] = text(rule, "RuleArn")
        if not answer.get("NextMarker"):
            break
        marker = {"Marker": text(answer, "NextMarker")}
    return found
