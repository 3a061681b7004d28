"""A schedule that runs a task definition: one of EventBridge Scheduler, or a rule of EventBridge with its target.

Source: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html,
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from fsdcf.importers.draft import Block
from fsdcf.importers.ecs.definition import refuse_secrets, task_in, text_at
from fsdcf.importers.ecs.service import put_groups, put_providers, put_public_ip, put_subnets
from fsdcf.importers.keys import SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, Treatment, UnfitError, carried, changed, formal, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import literal, put_number, put_true, put_variable

TITLE = "a schedule of EventBridge"


@dataclass(frozen=True, eq=False)
class ScheduledTask:
    """A task that a schedule runs: the target with its task definition, and what says when, if that is known."""

    target: SourceValue
    rule: SourceValue | None

    @property
    def task_definition(self) -> str:
        """The task definition that it runs."""
        return text_at(self.target, "ecsParameters.taskDefinitionArn")

    @property
    def parts(self) -> list[SourceValue]:
        """The rule or schedule, and the target if it is not in it."""
        target, rule = self.target, self.rule
        inside = rule is not None and target.source is rule.source and target.path == (*rule.path, "target")
        return [*([rule] if rule is not None else []), *([] if inside else [target])]

    @property
    def name(self) -> str:
        """The name of the schedule or rule; empty if it is not known."""
        return text_at(self.rule, "name") if self.rule is not None else ""

    @property
    def overridden(self) -> list[str]:
        """The names of the containers whose command or variables the schedule has."""
        found = self.target.get("input")
        entries = _overrides(found) if found is not None else None
        return [each["name"] for each in entries or () if isinstance(each.get("name"), str)]


def put_schedule(task: ScheduledTask, block: Block) -> None:
    """Put a schedule into the spec of a job, and report it."""
    if task.rule is None:
        way = "`aws events describe-rule --name RULE > rule.json` beside it"
        note(task.target, block, not_carried(f"the time is in the rule: put the output of {way}, or write `schedule`"))
    for value in task.parts:
        (RULE if value is task.rule else TARGET).convert(value, block)


def _kept(value: SourceValue, block: Block) -> KeyOutcome | None:
    return None


def _time(value: SourceValue, block: Block) -> KeyOutcome | None:
    text = value.text.strip()
    found = re.fullmatch(r"(cron|rate|at)\(\s*([^()]{1,200}?)\s*\)", text)
    if found is None:
        raise UnfitError("must be cron(…), rate(…) or at(…)")
    block.put_valid(f"schedule.{found[1]}", found[2])
    return carried(f"schedule.{found[1]}")


def _zone(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text == "UTC" or text_at(value.source.root_at(value.path[:-1]), "scheduleExpression").startswith("rate"):
        return formal("so is that of the schedule")
    block.put_valid("schedule.timezone", value.text)
    return None


def _state(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text.upper() == "DISABLED":
        block.put("schedule.enabled", False)
    return None


def _description(value: SourceValue, block: Block) -> KeyOutcome | None:
    block.draft.root.put_valid("metadata.description", literal(value.text))
    return None


def _count(value: SourceValue, block: Block) -> KeyOutcome | None:
    return (
        formal("a job starts one task")
        if value.number == 1
        else not_carried("a job starts one task: a second spec starts another one")
    )


def _launch_type(value: SourceValue, block: Block) -> KeyOutcome | None:
    reason = "the task runs on Fargate"
    return formal(reason) if value.text.upper() == "FARGATE" else changed(reason, "resources")


def _overrides(value: SourceValue) -> list[dict[str, Any]] | None:
    """The overrides of containers in the input of a task; None if it is another one."""
    try:
        data = json.loads(value.text) if isinstance(value.data, str) else value.data
    except (ValueError, RecursionError):
        return None
    if data == {}:
        return []
    entries = data.get("containerOverrides") if isinstance(data, dict) and len(data) == 1 else None
    whole = isinstance(entries, list) and all(isinstance(each, dict) for each in entries)
    return entries if whole else None


def _input(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Put the command and the variables that a schedule has for the container of the job."""
    entries, task = _overrides(value), task_in(block)
    if entries is None:
        return not_carried("a spec has the command and the variables of its container alone: write `command`")
    places, lost, reason = [], False, ""
    for entry in entries:
        lost = lost or not {"name", "command", "environment"}.issuperset(entry)
        if task.index(str(entry.get("name"))) != task.main:
            lost = True
            continue
        words = entry.get("command")
        if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
            refuse_secrets(words, "pass it as a variable of `secrets`")
            block.put_valid("command", [literal(word) for word in words])
            places.append("command")
        pairs = entry.get("environment")
        for pair in pairs if isinstance(pairs, list) else ():
            outcome = put_variable(block, str(pair["name"]), literal(str(pair["value"]))) if _is_pair(pair) else None
            lost = lost or outcome is None or outcome.treatment is Treatment.NOT_CARRIED
            places.append(outcome.to if outcome is not None else "")
            reason = reason or (outcome.note if outcome is not None else "")
    if lost:
        return not_carried("it changes more than the command and the variables of the job's container: compare them")
    to = " ".join(dict.fromkeys(filter(None, places)))
    return changed(reason, to) if reason else carried(to) if places else formal("it changes nothing")


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, dict) and isinstance(pair.get("name"), str) and isinstance(pair.get("value"), str)


_VPC = "ecsParameters.networkConfiguration.awsvpcConfiguration"
_AWS = "AWS sets it"
_RETRIES = "the schedule of the stack tries for a while to start a task, too; `retries` starts a failed run again"

TARGET = Table(
    TITLE,
    SourceKey("id", note="it belongs to the rule", form=True),
    SourceKey("arn", note="it is the cluster: the stack has one of its own", form=True),
    SourceKey("roleArn", note="the stack makes a role that may start the task", form=True),
    SourceKey("input", "command environment", convert=_input),
    SourceKey("inputTransformer", note="a schedule has no event that variables could be made of"),
    SourceKey("inputPath", note="a schedule has no event that variables could be made of"),
    SourceKey("deadLetterConfig", "notify", "the stack has a dead-letter queue of its own", convert=_kept),
    SourceKey("retryPolicy", "schedule", _RETRIES, convert=_kept),
    SourceKey("ecsParameters.taskDefinitionArn", note="the spec has the task definition", form=True),
    SourceKey("ecsParameters.taskCount", convert=_count),
    SourceKey("ecsParameters.launchType", convert=_launch_type),
    SourceKey("ecsParameters.platformVersion", note="the platform version is the latest one", form=True),
    SourceKey("ecsParameters.group", note="it has no effect on Fargate", form=True),
    SourceKey(f"{_VPC}.subnets", convert=put_subnets),
    SourceKey(f"{_VPC}.securityGroups", convert=put_groups),
    SourceKey(f"{_VPC}.assignPublicIp", "networking.assignPublicIp", convert=put_public_ip),
    SourceKey("ecsParameters.capacityProviderStrategy", "resources.spot", convert=put_providers),
    SourceKey("ecsParameters.enableECSManagedTags", note="the task has the tags of the spec", form=True),
    SourceKey("ecsParameters.propagateTags", note="the task has the tags of the spec", form=True),
    SourceKey("ecsParameters.tags", note="write the tags of the task to `metadata.tags`"),
    SourceKey("ecsParameters.enableExecuteCommand", "enableExecuteCommand", convert=put_true("enableExecuteCommand")),
    SourceKey("ecsParameters.placementConstraints", note="Fargate places the tasks", form=True),
    SourceKey("ecsParameters.placementStrategy", note="Fargate places the tasks", form=True),
    SourceKey("ecsParameters.referenceId", note="it belongs to the request", form=True),
)

RULE = Table(
    TITLE,
    SourceKey("name", note="the stack names it", form=True),
    SourceKey("groupName", note="the schedule of the stack is in the default group", form=True),
    SourceKey("scheduleExpression", "schedule", convert=_time),
    SourceKey("scheduleExpressionTimezone", "schedule.timezone", convert=_zone),
    SourceKey("state", "schedule.enabled", convert=_state),
    SourceKey("description", ".metadata.description", convert=_description),
    SourceKey("flexibleTimeWindow.mode", "schedule", convert=_kept),
    SourceKey(
        "flexibleTimeWindow.maximumWindowInMinutes",
        "schedule.window",
        convert=put_number("schedule.window", 1, 1440),
    ),
    SourceKey("startDate", note="a schedule of a spec has no beginning: deploy it then"),
    SourceKey("endDate", note="a schedule of a spec has no end: set `schedule.enabled: false` then"),
    SourceKey("eventPattern", note="an event starts it, too: a spec has schedules alone, and `fsdcf run`"),
    SourceKey("kmsKeyArn", note="`encryption` has the key of the log group; that of a schedule has no key"),
    SourceKey("target", table=TARGET),
    SourceKey("targets", note="each target has rows of its own", form=True, convert=_kept),
    *(
        SourceKey(name, note=_AWS, form=True)
        for name in ("arn", "creationDate", "lastModificationDate", "createdBy", "managedBy")
    ),
    *(
        SourceKey(name, note="it belongs to the old schedule", form=True)
        for name in ("eventBusName", "roleArn", "clientToken", "actionAfterCompletion", "tags")
    ),
)
