"""An account with stacks for the tests of CloudFormation, with real clients and virtual time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from fsdcf.cloudformation.limits import compact
from fsdcf.pipeline import run
from fsdcf.sandbox import schedule
from fsdcf.sandbox.clients import connect
from fsdcf.sandbox.cloudformation import records
from fsdcf.sandbox.faults import Faults
from fsdcf.sandbox.state import SandboxState, VirtualClock
from fsdcf.sandbox.store import Store
from tests.conftest import request_of
from tests.sandbox.cloudformation import inventory, scenes
from tests.sandbox.conftest import ONCE, session

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
NAME = "shop"


@cache
def example(name: str) -> Mapping[str, Any]:
    """The template of an example, compiled for staging; not to be changed."""
    path = EXAMPLES / f"{name}.yml"
    result = run(request_of(path))
    assert result.template is not None, result.diagnostics
    return result.template.data


def parameter(value: Any = "one", **attributes: Any) -> dict[str, Any]:
    """An SSM parameter: quick, and its value can be changed in place."""
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}, **attributes}


def group(text: str = "one", **attributes: Any) -> dict[str, Any]:
    """A security group: another description replaces it."""
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": text}, **attributes}


def log(days: int = 7, name: str | None = None, **attributes: Any) -> dict[str, Any]:
    """A log group, which may have a name of its own; its days can be changed in place."""
    named = {} if name is None else {"LogGroupName": name}
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": days, **named}, **attributes}


def of(**resources: Any) -> dict[str, Any]:
    """A template of these resources."""
    return {"Resources": resources}


def refused(error: ClientError) -> tuple[str, str]:
    """Code and words of a refusal."""
    return error.response["Error"]["Code"], error.response["Error"]["Message"]


class Tap:
    """A stand-in for a session that captures the function with which ``connect`` answers its calls."""

    def __init__(self) -> None:
        self.events = self
        self.send: Any = None

    def register(self, name: str, send: Any) -> None:
        self.send = send


_TAP: list[Tap] = []
"""Of the account whose client is in use: clients are costly to make, so that all accounts share them."""


@cache
def _client(service: str) -> Any:
    client = session().create_client(service, region_name="us-east-1", config=ONCE)
    client.meta.events.register("before-send", lambda **sent: _TAP[0].send(**sent))
    return client


class Account:
    """A sandbox with virtual time and shorthands for one stack. One account is in use at a time."""

    def __init__(self, store: Store | None = None, pace: float = 1.0) -> None:
        self.clock = VirtualClock()
        self.state = SandboxState(store or Store(), self.clock, Faults(), sleep=self.clock.advance, pace=pace)
        self.tap = Tap()
        connect(self.tap, self.state)
        self.sets = 0

    def client(self, service: str) -> Any:
        _TAP[:] = [self.tap]
        return _client(service)

    @property
    def cfn(self) -> Any:
        return self.client("cloudformation")

    def pass_time(self, seconds: float) -> None:
        """Let time pass and run due actions."""
        self.clock.advance(seconds)
        schedule.advance(self.state)

    def given(self, template: Mapping[str, Any], parameters: Mapping[str, str | None], **more: Any) -> dict[str, Any]:
        """A request's members. A parameter that is None keeps its value."""
        listed = [
            {"ParameterKey": key, "UsePreviousValue": True}
            if value is None
            else {"ParameterKey": key, "ParameterValue": value}
            for key, value in parameters.items()
        ]
        body = compact(template)
        return {
            "StackName": NAME,
            "TemplateBody": body,
            "Parameters": listed,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            **more,
        }

    def change_set(
        self,
        template: Mapping[str, Any],
        kind: str = "UPDATE",
        parameters: Mapping[str, str | None] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Creates a change set and waits until it is done; how it is described with property values."""
        self.sets += 1
        name = more.pop("ChangeSetName", f"set-{self.sets}")
        made = self.cfn.create_change_set(
            **self.given(template, parameters or {}, ChangeSetName=name, ChangeSetType=kind, **more)
        )
        self.clock.advance(5)
        return dict(self.cfn.describe_change_set(ChangeSetName=made["Id"], IncludePropertyValues=True))

    def deploy(
        self,
        template: Mapping[str, Any],
        kind: str = "UPDATE",
        parameters: Mapping[str, str | None] | None = None,
        executed: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> str:
        """Creates a change set, executes it and waits; the stack's status at the end."""
        described = self.change_set(template, kind, parameters, **more)
        assert described["Status"] == "CREATE_COMPLETE", described.get("StatusReason")
        self.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"], **(executed or {}))
        return scenes.settle(self.state, described["StackId"])

    def create(
        self, template: Mapping[str, Any], parameters: Mapping[str, str | None] | None = None, **more: Any
    ) -> str:
        """Creates the stack and waits; its status at the end."""
        return self.deploy(template, "CREATE", parameters, **more)

    def stack(self, named: str = NAME) -> dict[str, Any]:
        return dict(self.cfn.describe_stacks(StackName=named)["Stacks"][0])

    def status(self, named: str = NAME) -> str:
        return str(self.stack(named)["StackStatus"])

    def settle(self, named: str = NAME) -> str:
        """Waits until the stack is at rest; its status then."""
        found = records.find(self.state, named)
        assert found is not None
        return scenes.settle(self.state, found["id"])

    def until(self, logical: str, status: str, named: str = NAME) -> None:
        """Waits until a resource has a status."""
        for _ in range(20_000):
            if any(row["logical"] == logical and row["status"] == status for row in self.rows(named)):
                return
            self.pass_time(0.2)
        raise AssertionError(f"{logical} is never {status}")

    def rows(self, named: str = NAME) -> list[dict[str, Any]]:
        found = records.find(self.state, named)
        return [] if found is None else list(records.rows(self.state, found["id"]).values())

    def resources(self, named: str = NAME) -> dict[str, str]:
        """The stack's resources and their statuses, as they are described."""
        found = self.cfn.describe_stack_resources(StackName=named)["StackResources"]
        return {one["LogicalResourceId"]: one["ResourceStatus"] for one in found}

    def physical(self, logical: str, named: str = NAME) -> str:
        detail = self.cfn.describe_stack_resource(StackName=named, LogicalResourceId=logical)["StackResourceDetail"]
        return str(detail["PhysicalResourceId"])

    def events(self, named: str = NAME) -> list[dict[str, Any]]:
        """All events, oldest first."""
        pages = self.cfn.get_paginator("describe_stack_events").paginate(StackName=named)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def event_lines(self, named: str = NAME, since: str = "") -> list[str]:
        """Events as ``LogicalId STATUS``, oldest first; ``since`` begins with the last event of the stack with this
        status.
        """
        lines = [f"{one['LogicalResourceId']} {one['ResourceStatus']}" for one in self.events(named)]
        if since:
            last = max(index for index, line in enumerate(lines) if line.endswith(f" {since}"))
            lines = lines[last:]
        return lines

    def reasons(self, named: str = NAME) -> dict[str, str]:
        """The latest reason by ``LogicalId STATUS``."""
        return {
            f"{one['LogicalResourceId']} {one['ResourceStatus']}": one.get("ResourceStatusReason", "")
            for one in self.events(named)
        }

    def owned(self) -> list[str]:
        """What stacks own, as logical ids."""
        return sorted(one["logical"] for one in inventory.every(self.state) if one["owner"] is not None)

    def survivors(self) -> list[str]:
        """Return the resources without a stack, as logical ids."""
        return sorted(one["logical"] for one in inventory.every(self.state) if one["owner"] is None)


def in_order(lines: Iterable[str], *wanted: str) -> bool:
    """Whether the wanted lines stand among the lines in this order."""
    left = iter(lines)
    return all(any(line == one for line in left) for one in wanted)


def properties(event: Mapping[str, Any]) -> Any:
    return json.loads(event["ResourceProperties"])


def consistent(account: Account, named: str) -> None:
    """Assert that a settled stack and the account agree: no orphans, nothing in progress, ordered events."""
    stack = records.find(account.state, named)
    assert stack is not None
    arn = stack["id"]
    rows = records.rows(account.state, arn)
    over = ("DELETE_COMPLETE", "DELETE_SKIPPED", "IMPORT_ROLLBACK_FAILED")
    alive = {key: row for key, row in rows.items() if row["status"] not in over}
    held = {
        (row["type"], row["physical"])
        for row in [*alive.values(), *records.leftovers(account.state, arn).values()]
        if row["physical"]
    }
    owned = {(one["type"], one["physical"]) for one in inventory.every(account.state) if one["owner"] == arn}
    assert owned == held
    assert not [key for key, row in rows.items() if row["status"].endswith("_IN_PROGRESS")]
    assert not stack["status"].endswith("_IN_PROGRESS")
    past = records.events(account.state, arn, stack["events"], stack["events"])[::-1]
    assert len(past) == stack["events"]
    stamps = [one["Timestamp"] for one in past]
    assert stamps == sorted(stamps)
    assert len({one["EventId"] for one in past}) == len(past)
    last = [one for one in past if one["PhysicalResourceId"] == arn][-1]
    assert last is past[-1]
    assert last["ResourceStatus"] == stack["status"]
    latest = {(one["LogicalResourceId"], one["PhysicalResourceId"]): one["ResourceStatus"] for one in past}
    assert {(key, row["physical"]): row["status"] for key, row in rows.items()}.items() <= latest.items()
