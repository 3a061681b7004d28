"""CloudWatch: alarms, which are OK unless a fault or SetAlarmState has put them into another state. The sandbox has no
metrics."""

from __future__ import annotations

from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError, page

ALARM = "cloudwatch.alarm"
PAGE = 50
MOST_NAMES = 100


def put_alarm(state: SandboxState, name: str, logical_id: str, properties: Data) -> None:
    """Store an alarm by its name and CloudFormation properties. It is OK, or in ALARM by a fault."""
    before = state.store.get(ALARM, name) or {}
    quirk = state.faults.quirk("alarm")
    value = "ALARM" if quirk is not None and logical_id in (quirk.detail or logical_id).split(",") else "OK"
    since = before["since"] if before.get("state") == value else state.clock.now()
    state.store.put(ALARM, name, {"state": value, "since": since, "properties": dict(properties)})


def set_alarm_state(state: SandboxState, params: Document) -> Document:
    """SetAlarmState. CloudWatch returns to the state of the metric at the next evaluation; here it stays.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html
    """
    name, value = params["AlarmName"], params["StateValue"]
    body = state.store.get(ALARM, name)
    if body is None:
        raise ServiceError("ResourceNotFound", f"Alarm {name} does not exist")
    changed = {"state": value, "reason": params["StateReason"], "since": state.clock.now()}
    state.store.put(ALARM, name, {**body, **changed})
    return {}


def remove_alarm(state: SandboxState, name: str) -> None:
    """Remove an alarm."""
    state.store.remove(ALARM, name)


def describe_alarms(state: SandboxState, params: Document) -> Document:
    """DescribeAlarms, by names or a prefix, and by state."""
    names = params.get("AlarmNames")
    if names is not None and len(names) > MOST_NAMES:
        raise ServiceError("ValidationError", f"The collection AlarmNames must have at most {MOST_NAMES} members.")
    prefix, wanted = params.get("AlarmNamePrefix") or "", params.get("StateValue")
    alarms = [
        _described(state, name, body)
        for name, body in state.store.every(ALARM, prefix)
        if names is None or name in names
    ]
    alarms = [alarm for alarm in alarms if wanted in (None, alarm["StateValue"])]
    invalid = ServiceError("InvalidNextToken", "The next token specified is invalid.")
    return {
        **page(alarms, params, "MetricAlarms", PAGE, invalid, "NextToken", "MaxRecords"),
        "CompositeAlarms": [],
    }


def _described(state: SandboxState, name: str, body: Data) -> Document:
    properties = body["properties"]
    numbers = {key: float(properties[key]) for key in ("Threshold",) if key in properties}
    counts = {
        key: int(properties[key]) for key in ("Period", "EvaluationPeriods", "DatapointsToAlarm") if key in properties
    }
    names = (
        "Dimensions",
        "AlarmDescription",
        "MetricName",
        "Namespace",
        "Statistic",
        "ComparisonOperator",
        "TreatMissingData",
        "AlarmActions",
        "OKActions",
    )
    in_alarm = body["state"] == "ALARM"
    reason = "Threshold Crossed: a fault of the sandbox." if in_alarm else "The sandbox has no metrics."
    return {
        "AlarmName": name,
        "AlarmArn": state.arn("cloudwatch", f"alarm:{name}"),
        **{key: properties[key] for key in names if key in properties},
        **numbers,
        **counts,
        "ActionsEnabled": str(properties.get("ActionsEnabled", True)).lower() == "true",
        "StateValue": body["state"],
        "StateReason": body.get("reason") or reason,
        "StateUpdatedTimestamp": body["since"],
        "StateTransitionedTimestamp": body["since"],
    }


OPERATIONS = {"DescribeAlarms": describe_alarms, "SetAlarmState": set_alarm_state}
