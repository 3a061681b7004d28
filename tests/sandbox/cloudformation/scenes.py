"""Stacks in any status, reached with operations and faults in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fsdcf.cloudformation.limits import compact
from fsdcf.cloudformation.template import read
from fsdcf.sandbox import ids, schedule
from fsdcf.sandbox.cloudformation import records
from fsdcf.sandbox.cloudformation.resource_steps import opened
from fsdcf.sandbox.faults import Phase, ResourceFault
from fsdcf.sandbox.state import Document, SandboxState, VirtualClock
from tests.sandbox.cloudformation import inventory

SCENE = "Scene"
"""The logical id of the resource that is added to a template so that something can go wrong with it."""

SMALL: Mapping[str, Any] = {
    "Resources": {
        "LogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
        "Note": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "LogGroup"}}},
    }
}
"""A template for stacks whose content does not matter."""

PATIENCE = 48 * 3600.0
"""Virtual seconds within which every operation is over."""

_CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


@dataclass(frozen=True)
class Wish:
    """The stack to create.

    ``reason`` is what the culprit of a failure says; ``culprit`` a resource of the template, or else one that is added
    to it.
    """

    name: str = "demo"
    template: Mapping[str, Any] = field(default_factory=lambda: SMALL)
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    protection: bool = False
    reason: str = "the scene wants it so"
    culprit: str | None = None


def put(state: SandboxState, status: str, wish: Wish | None = None) -> str:
    """Bring a stack into a status and return its ARN.

    The sandbox's clock is virtual and advances. Raises ValueError for an unknown status.

    A settled stack without a failure has exactly the template of the wish. All statuses are reached by operations of
    the API, except for IMPORT_COMPLETE, which is set directly.
    """
    wish = wish if wish is not None else Wish()
    if status not in _WAYS:
        raise ValueError(f"{status} is not a status of a stack")
    _clock(state)
    arn = _WAYS[status](state, wish)
    until(state, arn, status)
    if wish.protection:
        stack = records.find(state, arn)
        if stack is not None:
            records.save_stack(state, {**stack, "protection": True})
    return arn


def call(state: SandboxState, operation: str, **params: Any) -> dict[str, Any]:
    """Call an operation of CloudFormation without a client. Raises ServiceError."""
    with state.store.transaction():
        schedule.advance(state)
        answer: dict[str, Any] = schedule.operations("cloudformation")[operation](
            state.frozen_at(state.clock.now()), params
        )
    return answer


def until(state: SandboxState, arn: str, status: str) -> None:
    """Let time pass until the stack has a status. Raises RuntimeError if it never has."""
    _play(state, arn, lambda stack: bool(stack["status"] == status), status)


def settle(state: SandboxState, arn: str) -> str:
    """Let time pass until the stack has settled, and return its status. Raises RuntimeError if it never does."""
    _play(state, arn, lambda stack: not stack["status"].endswith("_IN_PROGRESS"), "rest")
    stack = records.find(state, arn)
    return "" if stack is None else str(stack["status"])


def _play(state: SandboxState, arn: str, over: Callable[[Document], bool], wanted: str) -> None:
    clock = _clock(state)
    end = clock.now() + PATIENCE
    while True:
        stack = records.find(state, arn)
        if stack is not None and over(stack):
            return
        due = state.store.next_due()
        if due is None or due > end or stack is None:
            answer = "gone" if stack is None else f"{stack['status']}: {stack['reason']}"
            raise RuntimeError(f"{arn} does not come to {wanted}; it is {answer}")
        clock.advance(max(0.0, due - clock.now()))
        schedule.advance(state)


def _clock(state: SandboxState) -> VirtualClock:
    if not isinstance(state.clock, VirtualClock):
        raise TypeError("scenes are played in virtual time")
    return state.clock


def _request(wish: Wish, template: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "StackName": wish.name,
        "TemplateBody": compact(wish.template if template is None else template),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in wish.parameters.items()],
        "Tags": [{"Key": key, "Value": value} for key, value in wish.tags.items()],
        "Capabilities": _CAPABILITIES,
        **more,
    }


def with_scene(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template with one resource more, which comes last."""
    resources: Mapping[str, Any] = template["Resources"]
    always = sorted(key for key, one in resources.items() if "Condition" not in one)
    more = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "scene"}, "DependsOn": always}
    return {**template, "Resources": {**resources, SCENE: more}}


def _first(template: Mapping[str, Any]) -> str:
    """A resource that nothing keeps from being there, with tags."""
    from fsdcf.cloudformation.facts import facts_of

    resources: Mapping[str, Mapping[str, Any]] = template["Resources"]
    for key, one in sorted(resources.items()):
        facts = facts_of(one["Type"])
        if "Condition" not in one and facts is not None and facts.tag_property is not None:
            return key
    raise ValueError("the template has no resource with tags")


def _fault(state: SandboxState, wish: Wish, target: str, phase: Phase, times: int | None = 1) -> None:
    state.faults.add(ResourceFault(target, phase, wish.reason, times=times))


def _review(state: SandboxState, wish: Wish) -> str:
    request = _request(wish, ChangeSetName="scene", ChangeSetType="CREATE")
    return str(call(state, "CreateChangeSet", **request)["StackId"])


def _creating(state: SandboxState, wish: Wish) -> str:
    return str(call(state, "CreateStack", **_request(wish))["StackId"])


def _created(state: SandboxState, wish: Wish) -> str:
    arn = _creating(state, wish)
    until(state, arn, "CREATE_COMPLETE")
    return arn


def _failing(state: SandboxState, wish: Wish, phases: tuple[Phase, ...] = (), **more: Any) -> str:
    """A creation that fails, at the culprit; what else goes wrong strikes another resource."""
    _fault(state, wish, wish.culprit or SCENE, "create")
    for phase in phases:
        _fault(state, wish, _first(wish.template), phase)
    template = wish.template if wish.culprit else with_scene(wish.template)
    return str(call(state, "CreateStack", **_request(wish, template, **more))["StackId"])


def _create_failed(state: SandboxState, wish: Wish) -> str:
    return _failing(state, wish, DisableRollback=True)


def _rolled_back(state: SandboxState, wish: Wish) -> str:
    return _failing(state, wish)


def _rollback_failed(state: SandboxState, wish: Wish) -> str:
    return _failing(state, wish, ("rollback",))


def _deleting(state: SandboxState, wish: Wish) -> str:
    arn = _created(state, wish)
    call(state, "DeleteStack", StackName=arn)
    return arn


def _delete_failed(state: SandboxState, wish: Wish) -> str:
    arn = _created(state, wish)
    _fault(state, wish, wish.culprit or _first(wish.template), "delete")
    call(state, "DeleteStack", StackName=arn)
    return arn


def _updating(state: SandboxState, wish: Wish) -> str:
    """An update from a template with one resource more to the wish's."""
    arn = _created(state, replace(wish, template=with_scene(wish.template)))
    call(state, "UpdateStack", **_request(wish))
    return arn


def _update_failing(state: SandboxState, wish: Wish, phases: tuple[Phase, ...] = (), **more: Any) -> str:
    """An update that fails after it has changed the tags of all resources."""
    arn = _created(state, wish)
    _fault(state, wish, wish.culprit or SCENE, "update" if wish.culprit else "create")
    for phase in phases:
        _fault(state, wish, _first(wish.template), phase)
    marked = replace(wish, tags={**wish.tags, "scene": "update"})
    template = wish.template if wish.culprit else with_scene(wish.template)
    call(state, "UpdateStack", **_request(marked, template, **more))
    return arn


def _update_failed(state: SandboxState, wish: Wish) -> str:
    return _update_failing(state, wish, DisableRollback=True)


def _update_rolled_back(state: SandboxState, wish: Wish) -> str:
    return _update_failing(state, wish)


def _update_rollback_failed(state: SandboxState, wish: Wish) -> str:
    return _update_failing(state, wish, ("rollback",))


def _importing(state: SandboxState, wish: Wish, phases: tuple[Phase, ...] = ()) -> str:
    """An import of a parameter that exists."""
    arn = _created(state, wish)
    name = f"{wish.name}-scene"
    properties = {"Type": "String", "Value": "scene", "Name": name}
    inventory.add_unowned(state, "AWS::SSM::Parameter", SCENE, properties)
    template = with_scene(wish.template)
    template["Resources"][SCENE] |= {"Properties": properties, "DeletionPolicy": "Retain"}
    for phase in phases:
        _fault(state, wish, SCENE, phase)
    what = {"ResourceType": "AWS::SSM::Parameter", "LogicalResourceId": SCENE, "ResourceIdentifier": {"Name": name}}
    request = _request(wish, template, ChangeSetName="scene", ChangeSetType="IMPORT", ResourcesToImport=[what])
    made = call(state, "CreateChangeSet", **request)
    _play(state, arn, lambda stack: _available(state, made["Id"]), "a change set")
    call(state, "ExecuteChangeSet", ChangeSetName=made["Id"])
    return arn


def _available(state: SandboxState, change_set: str) -> bool:
    body = records.change_set(state, change_set, None)
    return body is not None and body["status"] in ("CREATE_COMPLETE", "FAILED")


def _imported(state: SandboxState, wish: Wish) -> str:
    arn = _created(state, wish)
    simulation = opened(state, state.clock.now(), arn)
    if simulation is not None:
        simulation.set_status("IMPORT_COMPLETE")
        simulation.save()
    return arn


def _import_rolling_back(state: SandboxState, wish: Wish) -> str:
    return _importing(state, wish, ("create",))


def _import_rollback_failed(state: SandboxState, wish: Wish) -> str:
    return _importing(state, wish, ("create", "rollback"))


_WAYS: Mapping[str, Callable[[SandboxState, Wish], str]] = {
    "REVIEW_IN_PROGRESS": _review,
    "CREATE_IN_PROGRESS": _creating,
    "CREATE_COMPLETE": _creating,
    "CREATE_FAILED": _create_failed,
    "ROLLBACK_IN_PROGRESS": _rolled_back,
    "ROLLBACK_COMPLETE": _rolled_back,
    "ROLLBACK_FAILED": _rollback_failed,
    "DELETE_IN_PROGRESS": _deleting,
    "DELETE_COMPLETE": _deleting,
    "DELETE_FAILED": _delete_failed,
    "UPDATE_IN_PROGRESS": _updating,
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": _updating,
    "UPDATE_COMPLETE": _updating,
    "UPDATE_FAILED": _update_failed,
    "UPDATE_ROLLBACK_IN_PROGRESS": _update_rolled_back,
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": _update_rolled_back,
    "UPDATE_ROLLBACK_COMPLETE": _update_rolled_back,
    "UPDATE_ROLLBACK_FAILED": _update_rollback_failed,
    "IMPORT_IN_PROGRESS": _importing,
    "IMPORT_COMPLETE": _imported,
    "IMPORT_ROLLBACK_IN_PROGRESS": _import_rolling_back,
    "IMPORT_ROLLBACK_COMPLETE": _import_rolling_back,
    "IMPORT_ROLLBACK_FAILED": _import_rollback_failed,
}

STATUSES = tuple(_WAYS)
"""Every status of a stack."""


def add_old_events(state: SandboxState, arn: str, count: int, apart: float = 60.0) -> None:
    """Gives a stack a past: so many events before those that it has, ``apart`` seconds from each other.

    KeyError if it is gone.
    """
    stack = records.find(state, arn)
    if stack is None:
        raise KeyError(arn)
    known = records.events(state, arn, stack["events"], stack["events"])[::-1]
    oldest = known[0]["Timestamp"] if known else stack["created"]
    with state.store.transaction():
        for number in range(1, count + 1):
            status = ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")[number % 2]
            past = {
                "StackId": arn,
                "StackName": stack["name"],
                "EventId": ids.unique("old event", arn, number),
                "LogicalResourceId": f"Old{number % 40}",
                "PhysicalResourceId": f"old-{number % 40}",
                "ResourceType": "AWS::SSM::Parameter",
                "ResourceStatus": status,
                "Timestamp": round(oldest - (count + 1 - number) * apart, 3),
            }
            records.put_event(state, arn, number, past)
        for number, event in enumerate(known, count + 1):
            records.put_event(state, arn, number, event)
        records.save_stack(state, {**stack, "events": count + len(known)})


def recreate(state: SandboxState, arn: str) -> str:
    """Delete a stack and create it again, as another user would during a deploy. Return the new ARN.

    KeyError if it is gone.
    """
    stack = records.find(state, arn)
    if stack is None or stack["settings"] is None:
        raise KeyError(arn)
    settings = stack["settings"]
    template = read(records.template_text(state, settings["template"]))
    wish = Wish(stack["name"], template, settings["parameters"], settings["tags"])
    if stack["status"].endswith("_IN_PROGRESS"):
        settle(state, arn)
    call(state, "DeleteStack", StackName=arn)
    until(state, arn, "DELETE_COMPLETE")
    return put(state, "CREATE_COMPLETE", wish)
