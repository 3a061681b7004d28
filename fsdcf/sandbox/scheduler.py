"""EventBridge Scheduler: the schedules of jobs, which start a state machine or a task when they are due."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone

from fsdcf.cloudformation import cron
from fsdcf.sandbox import stepfunctions
from fsdcf.sandbox.ecs import api
from fsdcf.sandbox.protocols.shapes import request_of
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError

SCHEDULE = "scheduler.schedule"


def put_schedule(state: SandboxState, name: str, properties: Data) -> None:
    """Store a schedule by its name and CloudFormation properties. An interval counts from its creation."""
    now = state.clock.now()
    before = state.store.get(SCHEDULE, name) or {"created": now}
    body = {"created": before["created"], "changed": now, "properties": dict(properties)}
    state.store.put(SCHEDULE, name, body)
    _plan(state, name, body)


def remove_schedule(state: SandboxState, name: str) -> None:
    """Remove a schedule."""
    state.store.cancel(f"schedule {name}")
    state.store.remove(SCHEDULE, name)


def _plan(state: SandboxState, name: str, body: Data) -> None:
    """Schedule the next start, unless the schedule is disabled or over."""
    state.store.cancel(f"schedule {name}")
    properties = body["properties"]
    if properties.get("State", "ENABLED") != "ENABLED":
        return
    zone = cron.time_zone(properties.get("ScheduleExpressionTimezone") or "UTC") or timezone.utc
    moments = (datetime.fromtimestamp(at, timezone.utc) for at in (state.clock.now(), body["created"]))
    due = next(cron.due(properties["ScheduleExpression"], zone, *moments), None)
    if due is not None:
        state.store.schedule(due.timestamp(), "scheduler.start", {"name": name}, f"schedule {name}")


def start(state: SandboxState, at: float, payload: Document) -> None:
    """ACTION: start what a schedule starts. What AWS refuses leaves no trace here; AWS retries and then gives up."""
    body = state.store.get(SCHEDULE, payload["name"])
    if body is None:
        return
    target = body["properties"]["Target"]
    with suppress(ServiceError):
        if "EcsParameters" in target:
            task = target["EcsParameters"]
            members = {**task, "TaskDefinition": task["TaskDefinitionArn"], "Cluster": target["Arn"]}
            started_by = {"startedBy": f"chronos-schedule/{payload['name']}"}
            api.run_task(state, {**request_of("ecs", "RunTask", members), **started_by})
        else:
            arguments = {"stateMachineArn": target["Arn"], "input": target.get("Input")}
            stepfunctions.start_execution(state, arguments)
    _plan(state, payload["name"], body)


def get_schedule(state: SandboxState, params: Document) -> Document:
    """GetSchedule, of the default group."""
    name = params["Name"]
    missing = ServiceError("ResourceNotFoundException", f"Schedule {name} does not exist.", 404)
    body = state.existing(SCHEDULE, name, missing)
    properties = body["properties"]
    kept = ("Description", "FlexibleTimeWindow", "ScheduleExpression", "ScheduleExpressionTimezone")
    return {
        "Arn": state.arn("scheduler", f"schedule/default/{name}"),
        "GroupName": "default",
        "Name": name,
        **{member: properties.get(member) for member in kept},
        "State": properties.get("State", "ENABLED"),
        "CreationDate": body["created"],
        "LastModificationDate": body["changed"],
        "Target": {member: properties["Target"][member] for member in ("Arn", "RoleArn")},
    }


OPERATIONS = {"GetSchedule": get_schedule}
ACTIONS = {"scheduler.start": start}
