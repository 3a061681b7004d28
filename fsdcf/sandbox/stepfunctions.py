"""Step Functions: the state machines of jobs, and their executions, which run tasks of the sandbox's ECS.

A machine goes through the states that the compiler writes. Of JSONata, only what these contain is understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from fsdcf.sandbox.ecs import api, tasks
from fsdcf.sandbox.ids import unique
from fsdcf.sandbox.protocols.shapes import request_of
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError, page

MACHINE, EXECUTION, MESSAGE = "states.machine", "states.execution", "states.message"
"""The tables: machines by ARN, executions by machine and number, and what they sent to queues and topics."""

LOOK = 2.0
"""Seconds between two looks at a task that an execution waits for."""

PAGE = 100
_CONDITION = re.compile(r"\{% \$states\.input\.(\w+) = (\d+) %\}")
_TERMINAL = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def put_machine(state: SandboxState, arn: str, properties: Data) -> None:
    """Store a state machine by its CloudFormation properties. Executions that run keep the definition of their start.

    Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html
    """
    text = json.dumps(properties["Definition"])
    for name, value in (properties.get("DefinitionSubstitutions") or {}).items():
        text = text.replace(f"${{{name}}}", json.dumps(str(value))[1:-1])
    before = state.store.get(MACHINE, arn) or {"created": state.clock.now()}
    state.store.put(MACHINE, arn, {**before, "definition": json.loads(text), "role": properties["RoleArn"]})


def remove_machine(state: SandboxState, arn: str) -> None:
    """Remove a state machine, and its executions with it."""
    for key, execution in state.store.every(EXECUTION, f"{arn}|"):
        state.store.cancel(key)
        if execution["status"] == "RUNNING":
            _stop_task(state, execution, "The state machine was deleted")
        state.store.remove(EXECUTION, key)
    state.store.remove(MACHINE, arn)


def start_execution(state: SandboxState, params: Document) -> Document:
    """StartExecution. A repeated name with the same input gets the execution of the first call while that runs."""
    arn, text = params["stateMachineArn"], params.get("input") or "{}"
    machine = _machine(state, arn)
    try:
        data = json.loads(text)
    except ValueError:
        raise ServiceError("InvalidExecutionInput", "Invalid State Machine Execution Input") from None
    number = state.store.next_number(f"execution {arn}")
    name = params.get("name") or unique("execution", arn, number)
    for _, other in state.store.every(EXECUTION, f"{arn}|"):
        if other["name"] == name:
            if other["status"] == "RUNNING" and other["input"] == text:
                return {"executionArn": other["arn"], "startDate": other["started"]}
            raise ServiceError("ExecutionAlreadyExists", f"Execution Already Exists: '{other['arn']}'")
    execution: Document = {
        "key": f"{arn}|{number:08d}",
        "arn": f"{arn.replace(':stateMachine:', ':execution:')}:{name}",
        "machine": arn,
        "name": name,
        "status": "RUNNING",
        "started": state.clock.now(),
        "input": text,
        "events": [],
        "states": machine["definition"]["States"],
        "at": machine["definition"]["StartAt"],
        "data": data,
        "attempts": 0,
    }
    _note(state, execution, "ExecutionStarted", {"input": text, "roleArn": machine["role"]})
    _continue(state, execution)
    return {"executionArn": execution["arn"], "startDate": execution["started"]}


def _continue(state: SandboxState, execution: Document) -> None:
    """Go through the states until one that takes time, or the end."""
    while execution["status"] == "RUNNING":
        name = execution["at"]
        body = execution["states"][name]
        _note(state, execution, f"{body['Type']}StateEntered", {"name": name}, "stateEntered")
        following = _STATES[body["Type"]](state, execution, body)
        if following is None:
            break
        _note(state, execution, f"{body['Type']}StateExited", {"name": name}, "stateExited")
        execution["at"] = following
    state.store.put(EXECUTION, execution["key"], execution)


def _choose(state: SandboxState, execution: Document, body: Data) -> str:
    for choice in body["Choices"]:
        condition = _CONDITION.fullmatch(choice["Condition"])
        if condition is not None and execution["data"].get(condition[1]) == int(condition[2]):
            return str(choice["Next"])
    return str(body["Default"])


def _succeed(state: SandboxState, execution: Document, body: Data) -> None:
    _end(state, execution, "SUCCEEDED", output=json.dumps(execution["data"]))


def _fail(state: SandboxState, execution: Document, body: Data) -> None:
    _end(state, execution, "FAILED", error=execution["data"]["Error"], cause=execution["data"]["Cause"])


def _work(state: SandboxState, execution: Document, body: Data) -> str | None:
    call = body["Resource"].rpartition(":::")[2]
    return _CALLS[call](state, execution, body)


def _find_others(state: SandboxState, execution: Document, body: Data) -> str:
    """Count the executions that began before this one and have not ended."""
    known = state.store.every(EXECUTION, f"{execution['machine']}|")
    others = [one for key, one in known if key < execution["key"] and one["status"] == "RUNNING"]
    execution["data"] = {"Others": len(others)}
    return str(body["Next"])


def _send(state: SandboxState, execution: Document, body: Data) -> str:
    """Keep a message to a queue or a topic."""
    arguments = body["Arguments"]
    to = arguments.get("QueueUrl") or arguments["TopicArn"]
    failure = {"Execution": execution["arn"], **execution["data"]}
    number = state.store.next_number(f"message {to}")
    state.store.put(MESSAGE, f"{to}|{number:08d}", {"to": to, "body": failure, "subject": arguments.get("Subject")})
    return str(body["Next"])


def _run_task(state: SandboxState, execution: Document, body: Data) -> None:
    """Start the task, and wait for its end."""
    given = json.loads(execution["input"])
    arguments = {**body["Arguments"], "Overrides": given.get("Overrides") or {}}
    request = {**request_of("ecs", "RunTask", arguments), "startedBy": "AWS Step Functions"}
    try:
        answer = api.run_task(state, request)
    except ServiceError as error:  # such as a task definition that a deploy has deregistered
        failure = {"error": f"ECS.{error.code}", "cause": error.message}
        _note(state, execution, "TaskSubmitFailed", {**_ECS, **failure})
        _retry(state, execution, body, *failure.values())
        return
    execution["task"] = answer["tasks"][0]["taskArn"]
    seconds = body.get("TimeoutSeconds")
    execution["until"] = state.clock.now() + state.duration(seconds) if seconds else None
    output = json.dumps({"Failures": [], "Tasks": [_pascal(answer["tasks"][0])]})
    _note(state, execution, "TaskSubmitted", {**_ECS, "output": output})
    _look_later(state, execution, LOOK)


_ECS = {"resourceType": "ecs", "resource": "runTask.sync"}


def _look_later(state: SandboxState, execution: Document, seconds: float) -> None:
    due = state.clock.now() + state.duration(seconds)
    state.store.schedule(due, "stepfunctions.look", {"key": execution["key"]}, execution["key"])


def look(state: SandboxState, at: float, payload: Document) -> None:
    """ACTION: look at the task that an execution waits for, or start it once more."""
    execution = state.store.get(EXECUTION, payload["key"])
    if execution is None or execution["status"] != "RUNNING":
        return
    body = execution["states"][execution["at"]]
    task = _task(state, execution)
    if not execution["task"]:
        _run_task(state, execution, body)
    elif task is not None and task["lastStatus"] != "STOPPED":
        _wait(state, execution, body)
    elif task is None or any(one.get("exitCode") != 0 for one in task["containers"]):
        cause = json.dumps(_pascal(task)) if task is not None else "The task is not known any more."
        _note(state, execution, "TaskFailed", {**_ECS, "error": "States.TaskFailed", "cause": cause})
        _retry(state, execution, body, "States.TaskFailed", cause)
    else:
        output = json.dumps(_pascal(task))
        _note(state, execution, "TaskSucceeded", {**_ECS, "output": output})
        _end(state, execution, "SUCCEEDED", output=output)
    state.store.put(EXECUTION, execution["key"], execution)


def _wait(state: SandboxState, execution: Document, body: Data) -> None:
    """Go on waiting for the task, unless its time is over."""
    if execution["until"] is None or state.clock.now() < execution["until"]:
        _look_later(state, execution, LOOK)
        return
    _stop_task(state, execution, "Stopped by AWS Step Functions")
    _note(state, execution, "TaskTimedOut", {**_ECS, "error": "States.Timeout"})
    _retry(state, execution, body, "States.Timeout", "")


def _retry(state: SandboxState, execution: Document, body: Data, error: str, cause: str) -> None:
    """Start the task again after a pause, or go on with what follows a failure."""
    execution["task"] = ""
    rule = next(iter(body.get("Retry", [])), {"MaxAttempts": 0})
    if execution["attempts"] < rule["MaxAttempts"]:
        pause = rule["IntervalSeconds"] * rule["BackoffRate"] ** execution["attempts"]
        execution["attempts"] += 1
        _look_later(state, execution, pause)
        return
    execution |= {"data": {"Error": error, "Cause": cause}, "at": body["Catch"][0]["Next"]}
    _continue(state, execution)


def _end(state: SandboxState, execution: Document, status: str, **result: str) -> None:
    execution |= {"status": status, "stopped": state.clock.now(), "task": "", **result}
    kind = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "ABORTED": "Aborted"}[status]
    _note(state, execution, f"Execution{kind}", dict(result))


def _note(state: SandboxState, execution: Document, kind: str, details: Data, member: str = "") -> None:
    """Record an event of an execution. Its details are under the name of the event, or under ``member``."""
    name = f"{member or kind[:1].lower() + kind[1:]}EventDetails"
    number = len(execution["events"]) + 1
    event = {"id": number, "previousEventId": number - 1, "timestamp": state.clock.now(), "type": kind}
    execution["events"].append({**event, name: dict(details)} if details else event)


def _task(state: SandboxState, execution: Document) -> Document | None:
    body = tasks.find(state, "/".join(execution["task"].split("/")[-2:])) if execution["task"] else None
    return None if body is None else body["task"]


def _stop_task(state: SandboxState, execution: Document, reason: str) -> None:
    task = _task(state, execution)
    if task is not None and task["desiredStatus"] == "RUNNING":
        api.stop_task(state, {"cluster": task["clusterArn"], "task": task["taskArn"], "reason": reason})


def _pascal(value: object) -> object:
    """The answer of an API as Step Functions has it: members begin with a capital, and times are in milliseconds."""
    if isinstance(value, Mapping):
        return {f"{key[:1].upper()}{key[1:]}": _pascal(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_pascal(child) for child in value]
    return round(value * 1000) if isinstance(value, float) else value


_STATES: Mapping[str, Callable[[SandboxState, Document, Data], str | None]] = {
    "Choice": _choose,
    "Fail": _fail,
    "Succeed": _succeed,
    "Task": _work,
}
_CALLS: Mapping[str, Callable[[SandboxState, Document, Data], str | None]] = {
    "aws-sdk:sfn:listExecutions": _find_others,
    "ecs:runTask.sync": _run_task,
    "sns:publish": _send,
    "sqs:sendMessage": _send,
}


def _machine(state: SandboxState, arn: str) -> Document:
    missing = ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
    return state.existing(MACHINE, arn, missing)


def _execution(state: SandboxState, arn: str) -> Document:
    machine = arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    found = next((one for _, one in state.store.every(EXECUTION, f"{machine}|") if one["arn"] == arn), None)
    if found is None:
        raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    return found


def _described(execution: Document) -> Document:
    return {
        "executionArn": execution["arn"],
        "stateMachineArn": execution["machine"],
        "name": execution["name"],
        "status": execution["status"],
        "startDate": execution["started"],
        "stopDate": execution.get("stopped"),
    }


def describe_execution(state: SandboxState, params: Document) -> Document:
    """DescribeExecution."""
    execution = _execution(state, params["executionArn"])
    more = {name: execution.get(name) for name in ("input", "output", "error", "cause")}
    return {**_described(execution), **more}


def list_executions(state: SandboxState, params: Document) -> Document:
    """ListExecutions of a state machine, latest first, by status."""
    arn, wanted = params["stateMachineArn"], params.get("statusFilter")
    _machine(state, arn)
    known = [one for _, one in reversed(state.store.every(EXECUTION, f"{arn}|"))]
    listed = [_described(one) for one in known if wanted in (None, one["status"])]
    return page(listed, params, "executions", PAGE, _INVALID)


_INVALID = ServiceError("InvalidToken", "Invalid Token: 'Invalid token'")


def get_execution_history(state: SandboxState, params: Document) -> Document:
    """GetExecutionHistory, from the beginning or, reversed, from the end."""
    events = _execution(state, params["executionArn"])["events"]
    ordered = events[::-1] if params.get("reverseOrder") else events
    return page(ordered, params, "events", PAGE, _INVALID)


def stop_execution(state: SandboxState, params: Document) -> Document:
    """StopExecution, which stops the task, too."""
    execution = _execution(state, params["executionArn"])
    if execution["status"] not in _TERMINAL:
        state.store.cancel(execution["key"])
        _stop_task(state, execution, "Stopped by AWS Step Functions")
        result = {name: params[name] for name in ("error", "cause") if params.get(name)}
        _end(state, execution, "ABORTED", **result)
        state.store.put(EXECUTION, execution["key"], execution)
    return {"stopDate": execution["stopped"]}


OPERATIONS = {
    "DescribeExecution": describe_execution,
    "GetExecutionHistory": get_execution_history,
    "ListExecutions": list_executions,
    "StartExecution": start_execution,
    "StopExecution": stop_execution,
}
ACTIONS = {"stepfunctions.look": look}
