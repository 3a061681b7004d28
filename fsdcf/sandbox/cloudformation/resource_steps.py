"""One moment in the life of a stack: its documents in hand, what is told of it, and what is put on the agenda."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.difference import Side, difference
from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.sandbox.cloudformation import messages, records, resources, values
from fsdcf.sandbox.cloudformation.records import LEFTOVER, OLD, ROW, Record
from fsdcf.sandbox.cloudformation.resources import Order, ResourceFailure
from fsdcf.sandbox.faults import Phase
from fsdcf.sandbox.state import SandboxState


@dataclass(frozen=True)
class StackSimulation:
    """A moment (epoch seconds) of a stack's operation. Both documents are changed in place, and saved by ``save``."""

    state: SandboxState
    at: float
    stack: Record
    operation: Record

    @property
    def id(self) -> str:
        """The stack's ARN."""
        return str(self.stack["id"])

    @property
    def steps(self) -> dict[str, Record]:
        """The steps of the phase that runs, by key."""
        steps: dict[str, Record] = self.operation["steps"]
        return steps

    def save(self) -> None:
        """Writes both documents."""
        records.save_stack(self.state, self.stack)
        records.save_operation(self.state, self.id, self.operation)

    def later(self, seconds: float, action: str, **payload: Any) -> None:
        """Puts an action of this stack on the agenda; ``seconds`` are AWS's, which the world's pace shortens."""
        due = self.at + self.state.duration(seconds)
        self.state.store.schedule(due, f"cloudformation.{action}", {"stack": self.id, **payload}, tag=self.id)

    def status(self, status: str, reason: str | None = None) -> None:
        """The stack gets a status, with an event."""
        records.add_stack_event(self.state, self.at, self.stack, self.operation, status, reason)

    def told(self, row: Record, status: str, reason: str | None = None, **details: Any) -> None:
        """A resource gets a status, with an event; it is saved where it belongs."""
        row |= {"status": status, "reason": reason, "at": self.at}
        self.keep(row)
        records.add_resource_event(self.state, self.at, self.stack, self.operation, row, details)

    def keep(self, row: Record) -> None:
        """Saves a resource: among the stack's, or among what is to be deleted."""
        kind, key = (LEFTOVER, row["leftover"]) if row.get("leftover") else (ROW, row["logical"])
        records.save_row(self.state, self.id, kind, key, row)


def opened(state: SandboxState, at: float, stack: str) -> StackSimulation | None:
    """The stack (by ARN) and its operation at this moment; None if one of them is gone."""
    found, operation = state.store.get(records.STACK, stack), records.operation(state, stack)
    return None if found is None or operation is None else StackSimulation(state, at, found, operation)


Steps = Mapping[str, Record]


def step(act: str, needs: Iterable[str] = (), **details: Any) -> Record:
    """A step that waits for others, by key. ``act`` says what it does."""
    return {"act": act, "needs": sorted(needs), "state": "waiting", **details}


def ready(steps: Steps) -> list[str]:
    """The steps that can begin: what they need is done."""
    return [
        key
        for key, one in sorted(steps.items())
        if one["state"] == "waiting" and all(steps[need]["state"] == "done" for need in one["needs"])
    ]


def running(steps: Steps) -> list[str]:
    """The steps that have begun and are not over."""
    return sorted(key for key, one in steps.items() if one["state"] == "running")


def all_done(steps: Steps) -> bool:
    """Whether every step has reached its end."""
    return all(one["state"] == "done" for one in steps.values())


def forward(wanted: Mapping[str, frozenset[str]]) -> dict[str, Record]:
    """Steps that bring each resource of a template to what it says, after those that it needs."""
    return {logical: step("apply", needs) for logical, needs in wanted.items()}


def reverts(rows: Mapping[str, Record]) -> dict[str, Record]:
    """Steps that bring resources back to what they were (rows by logical id), in the order in which they need each other."""
    return {logical: step("revert", set(one["needs"]) & rows.keys()) for logical, one in rows.items()}


def removals(rows: Mapping[str, Record], phase: str, kept: Iterable[str] = ()) -> dict[str, Record]:
    """Steps that delete resources, each after those that need it. ``kept`` live on. ``phase`` is that of faults."""
    keep = set(kept)
    dependents: dict[str, set[str]] = {key: set() for key in rows}
    by_logical: dict[str, list[str]] = {}
    for key, one in rows.items():
        by_logical.setdefault(one["logical"], []).append(key)
    for key, one in rows.items():
        for need in one["needs"]:
            for target in by_logical.get(need, ()):
                dependents[target].add(key)
    return {key: step("delete", _acyclic(key, dependents), phase=phase, keep=key in keep, attempts=0) for key in rows}


def _acyclic(key: str, dependents: Mapping[str, set[str]]) -> set[str]:
    """The dependents, without those that in turn wait for this one: rows of two templates may need each other."""
    return {one for one in dependents[key] if one != key and not _reaches(key, one, dependents)}


def _reaches(start: str, goal: str, dependents: Mapping[str, set[str]]) -> bool:
    """Whether ``start`` is, over any number of steps, among the dependents of ``goal``."""
    seen: set[str] = set()
    left = [goal]
    while left:
        one = left.pop()
        if one == start:
            return True
        if one not in seen:
            seen.add(one)
            left += dependents[one]
    return False


Effect = Literal["none", "update", "replace"]


def effect(row: Record, wanted: Record, tags: dict[str, str]) -> Effect:
    """What brings the resource of a row to a definition, and the stack's tags with it.

    A change set calls some replacements Conditional. Of those whose condition is documented the execution decides by it (``CONDITIONS``);
    all others are done in place.
    """
    if row["definition"] == wanted and row["tags"] == tags:
        return "none"
    logical = row["logical"]
    before = Side(values.as_template(logical, row["definition"]), {}, row["tags"])
    changes = difference(before, Side(values.as_template(logical, wanted), {}, tags))
    if not changes:
        return "none"
    return "replace" if any(_replaces(one, row["definition"], wanted) for one in changes) else "update"


def _replaces(change: Change, was: Record, wanted: Record) -> bool:
    if change.action != "Modify" or change.replacement == "True":
        return True
    names = {one.name for one in change.details if one.recreation == "Conditionally" and one.name is not None}
    before, after = (one.get("Properties") or {} for one in (was, wanted))
    conditions = CONDITIONS.get(change.type, {})
    return any(conditions[name](before.get(name), after.get(name)) for name in names if name in conditions)


def _always(before: Any, after: Any) -> bool:
    return True


def _edited(before: Any, after: Any) -> bool:
    """Whether an attribute that both sides define has another type."""
    types = [{one.get("AttributeName"): one.get("AttributeType") for one in side or ()} for side in (before, after)]
    return any(types[0][name] != types[1][name] for name in types[0].keys() & types[1].keys())


def _both(before: Any, after: Any) -> bool:
    return before is not None and after is not None


CONDITIONS: Mapping[str, Mapping[str, Callable[[Any, Any], bool]]] = {
    "AWS::DynamoDB::Table": {"AttributeDefinitions": _edited, "KeySchema": _always},
    "AWS::EC2::VPC": {"InstanceTenancy": lambda before, after: after == "dedicated"},
    "AWS::ECS::Service": {"LaunchType": _both},
}
"""By type and property, whether a change from one value to another replaces the resource, where the type's page says when: an attribute of a
table that is edited, its keys; a tenancy other than from dedicated to default; a launch type that takes another one's place, not one that gives
way to a capacity provider.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html, aws-resource-ec2-vpc.html and
aws-resource-ecs-service.html
"""


USUAL = 4.0
"""Seconds, for a type that is not listed."""

_CREATE = {
    "AWS::ApplicationAutoScaling::ScalableTarget": 6.0,
    "AWS::ApplicationAutoScaling::ScalingPolicy": 2.0,
    "AWS::CloudWatch::Alarm": 6.0,
    "AWS::DynamoDB::Table": 31.0,
    "AWS::EC2::EIP": 14.0,
    "AWS::EC2::InternetGateway": 16.0,
    "AWS::EC2::NatGateway": 100.0,
    "AWS::EC2::Route": 2.0,
    "AWS::EC2::RouteTable": 11.0,
    "AWS::EC2::SecurityGroup": 5.0,
    "AWS::EC2::Subnet": 5.0,
    "AWS::EC2::VPC": 13.0,
    "AWS::EC2::VPCEndpoint": 15.0,
    "AWS::EC2::VPCGatewayAttachment": 2.0,
    "AWS::ECS::Cluster": 8.0,
    "AWS::ECS::Service": 4.0,
    "AWS::ECS::TaskDefinition": 2.0,
    "AWS::EFS::FileSystem": 8.0,
    "AWS::EFS::MountTarget": 85.0,
    "AWS::ElasticLoadBalancingV2::Listener": 3.0,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 130.0,
    "AWS::ElasticLoadBalancingV2::TargetGroup": 15.0,
    "AWS::IAM::Policy": 16.0,
    "AWS::IAM::Role": 18.0,
    "AWS::Logs::LogGroup": 7.0,
    "AWS::MSK::ServerlessCluster": 180.0,
    "AWS::RDS::DBInstance": 420.0,
    "AWS::S3::Bucket": 20.0,
    "AWS::S3::BucketPolicy": 2.0,
    "AWS::SecretsManager::Secret": 6.0,
    "AWS::SQS::Queue": 62.0,
    "AWS::SQS::QueuePolicy": 2.0,
    "AWS::SSM::Parameter": 3.0,
}
"""Seconds from CREATE_IN_PROGRESS to CREATE_COMPLETE, as events of stacks in us-east-1 tell them, rounded.

A service takes what its rollout takes on top of this.
"""

_UPDATE = {
    "AWS::DynamoDB::Table": 12.0,
    "AWS::ECS::Service": 2.0,
    "AWS::IAM::Role": 16.0,
    "AWS::RDS::DBInstance": 60.0,
    "AWS::SQS::Queue": 62.0,
}
_DELETE = {
    "AWS::DynamoDB::Table": 12.0,
    "AWS::EC2::InternetGateway": 2.0,
    "AWS::EC2::NatGateway": 62.0,
    "AWS::EC2::VPCGatewayAttachment": 12.0,
    "AWS::ECS::Service": 15.0,
    "AWS::EFS::MountTarget": 90.0,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 9.0,
    "AWS::MSK::ServerlessCluster": 100.0,
    "AWS::RDS::DBInstance": 180.0,
    "AWS::SQS::Queue": 62.0,
}
_SPREAD = 0.2


def seconds(type: str, verb: str, *seed: object) -> float:
    """How long it takes to ``create``, ``update`` or ``delete`` a resource; ``seed`` makes two of one type differ a little."""
    if verb == "create":
        usual = _CREATE.get(type, USUAL)
    elif verb == "update":
        usual = _UPDATE.get(type, min(_CREATE.get(type, USUAL), 8.0))
    else:
        usual = _DELETE.get(type, min(_CREATE.get(type, USUAL), 3.0))
    share = zlib.crc32("|".join(map(str, (type, verb, *seed))).encode()) / 0xFFFFFFFF
    return usual * (1 - _SPREAD / 2 + _SPREAD * share)


INITIATED_AFTER = 0.8
"""Seconds from the first event of a creation to the one that tells the physical id."""

POLL = 5.0
"""Seconds between two looks at a resource that has to settle."""

PATIENCE = 3 * 3600.0
"""Seconds that a resource may take to settle; an ECS service's schema allows 36 hours, which no rehearsal needs."""

GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")


def start(simulation: StackSimulation, key: str) -> None:
    """Begins to bring a resource to what the operation wants of it."""
    one = simulation.steps[key]
    row = records.row(simulation.state, simulation.id, key)
    there = row is not None and row["status"] not in GONE
    try:
        aim = values.target(simulation.state, simulation.stack, simulation.operation["after"])
        wanted = values.definition(aim.resources[key], aim.scope)
    except EvaluationError as error:
        row = row if row is not None and there else _row(simulation, key, simulation.operation["types"][key], {}, one)
        touch(simulation, key, "updated" if there else "created", row)
        fail(simulation, key, row, ResourceFailure(str(error)))
        return
    one["wanted"] = wanted
    if row is not None and there and row["status"] != "CREATE_FAILED":
        _change(simulation, key, row)
        return
    if row is not None and there and row["physical"]:
        _set_aside(simulation, row, "Delete")
    imported = simulation.operation["imports"].get(key)
    row = _row(simulation, key, wanted["Type"], wanted, one)
    if imported is not None:
        touch(simulation, key, "imported", None)
        row["physical"] = imported
        one |= {"state": "running", "verb": "import"}
        simulation.told(row, "IMPORT_IN_PROGRESS", messages.IMPORT_STARTED)
        _doom(simulation, key, row, "create", 1.2)
    else:
        touch(simulation, key, "created", None)
        one |= {"state": "running", "verb": "create"}
        simulation.told(row, "CREATE_IN_PROGRESS")
        _doom(simulation, key, row, "create", INITIATED_AFTER)


def _row(simulation: StackSimulation, key: str, type: str, wanted: Record, one: Record) -> Record:
    return {
        "logical": key,
        "type": type,
        "physical": "",
        "definition": wanted,
        "needs": one["needs"],
        "tags": simulation.operation["after"]["tags"],
        "created": simulation.at,
    }


def touch(simulation: StackSimulation, key: str, how: str, row: Record | None) -> None:
    """Notes what the operation does to a resource, and keeps what it was before, for the rollback. The first note counts."""
    touched = simulation.operation["touched"]
    if key not in touched:
        touched[key] = how
        if row is not None and how != "created":
            records.save_row(simulation.state, simulation.id, OLD, key, row)
    elif touched[key] == "updated" and how == "replaced":
        touched[key] = how


def _change(simulation: StackSimulation, key: str, row: Record) -> None:
    """A resource that exists: nothing may be to do, after all, once the values are known."""
    one, wanted, tags = simulation.steps[key], simulation.steps[key]["wanted"], simulation.operation["after"]["tags"]
    needed = effect(row, wanted, tags)
    if needed == "none":
        row |= {"definition": wanted, "needs": one["needs"], "tags": tags}
        if row["status"] == "UPDATE_FAILED":
            simulation.told(
                row, "UPDATE_COMPLETE"
            )  # it is what it was before it failed, and that is what is wanted again
        simulation.keep(row)
        one["state"] = "done"
        return
    touch(simulation, key, "updated" if needed == "update" else "replaced", row)
    one |= {"state": "running", "verb": needed}
    if needed == "update":
        simulation.told(row, "UPDATE_IN_PROGRESS")
        _doom(simulation, key, row, "update", 0.4)
        return
    refused = _refusal(simulation, row, wanted)
    if refused is not None:
        fail(simulation, key, row, ResourceFailure(refused))
        return
    simulation.told(row, "UPDATE_IN_PROGRESS", messages.REPLACING)
    _doom(simulation, key, row, "update", INITIATED_AFTER)


def _refusal(simulation: StackSimulation, row: Record, wanted: Record) -> str | None:
    """Why a resource is not replaced.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html and, for names,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    if simulation.stack["disable_rollback"]:
        return messages.REPLACEMENT_REFUSED
    names = [resources.name_of(one["Type"], one.get("Properties") or {}) for one in (row["definition"], wanted)]
    return messages.custom_named(names[0]) if names[0] is not None and names[0] == names[1] else None


def _doom(simulation: StackSimulation, key: str, row: Record, phase: Phase, first: float) -> None:
    """Puts the step's next stage on the agenda: its work after so many seconds, or the failure that a fault makes of it."""
    one = simulation.steps[key]
    one["begun"] = simulation.at
    fault = simulation.state.faults.resource_fault(key, row["type"], phase)
    if fault is None:
        simulation.later(first, "step", key=key, stage="work")
        return
    failure = resources.struck(fault)
    one["fault"] = [failure.reason, failure.code]
    simulation.later(first + _length(simulation, key, row) / 2, "step", key=key, stage="end")


def _length(simulation: StackSimulation, key: str, row: Record) -> float:
    verb = "update" if simulation.steps[key]["verb"] == "update" else "create"
    return seconds(row["type"], verb, simulation.id, key)


def resume(simulation: StackSimulation, key: str, stage: str) -> None:
    """Goes on with a step: ``work`` makes or changes the resource, ``end`` waits until it has settled and ends the step."""
    row = records.row(simulation.state, simulation.id, key)
    if row is None or simulation.steps[key]["state"] != "running":
        return
    try:
        if stage == "work":
            _work(simulation, key, row)
        else:
            _end(simulation, key, row)
    except ResourceFailure as failure:
        fail(simulation, key, row, failure)


def _work(simulation: StackSimulation, key: str, row: Record) -> None:
    one = simulation.steps[key]
    wanted: Record = one["wanted"]
    properties = wanted.get("Properties") or {}
    if one["verb"] == "import":
        _adopt(simulation, row)
        return
    if one["verb"] == "update":
        resources.alter(simulation.state, row, properties, "update")
    else:
        made = resources.make(simulation.state, Order(simulation.stack, key, row["type"], properties))
        if one["verb"] == "replace":
            _set_aside(simulation, row, wanted.get("UpdateReplacePolicy", "Delete"))
        row |= {"physical": made, "definition": wanted}
        simulation.told(
            row, "CREATE_IN_PROGRESS" if one["verb"] == "create" else "UPDATE_IN_PROGRESS", messages.INITIATED
        )
    simulation.later(_length(simulation, key, row), "step", key=key, stage="end")


def _set_aside(simulation: StackSimulation, row: Record, policy: str) -> None:
    """Leaves what a replacement makes superfluous to the cleanup."""
    key = f"{row['logical']}|{row['physical']}"
    kept = {**row, "leftover": key, "policy": policy}
    records.save_row(simulation.state, simulation.id, LEFTOVER, key, kept)


def _adopt(simulation: StackSimulation, row: Record) -> None:
    resource = resources.find(simulation.state, row["type"], row["physical"])
    if resource is None:
        raise ResourceFailure(
            f"Resource of type '{row['type']}' with identifier '{row['physical']}' was not found.", "NotFound"
        )
    resources.own(simulation.state, resource, simulation.id)
    simulation.told(row, "IMPORT_COMPLETE", messages.IMPORT_COMPLETED)
    simulation.told(row, "UPDATE_IN_PROGRESS", messages.IMPORT_TAGS)
    resources.alter(simulation.state, row, row["definition"].get("Properties") or {}, "create")
    simulation.later(4.0, "step", key=row["logical"], stage="end")


def _end(simulation: StackSimulation, key: str, row: Record) -> None:
    one = simulation.steps[key]
    if one.get("fault"):
        raise ResourceFailure(*one["fault"])
    if not resources.settled(simulation.state, row):
        if simulation.at - one["begun"] > simulation.state.duration(PATIENCE):
            raise ResourceFailure("Exceeded attempts to wait", "NotStabilized")
        simulation.later(POLL, "step", key=key, stage="end")
        return
    row |= {"definition": one["wanted"], "needs": one["needs"], "tags": simulation.operation["after"]["tags"]}
    simulation.told(row, "CREATE_COMPLETE" if one["verb"] == "create" else "UPDATE_COMPLETE")
    one["state"] = "done"


def fail(simulation: StackSimulation, key: str, row: Record, failure: ResourceFailure) -> None:
    """A resource has failed. Where the operation rolls back, what else runs is cancelled and nothing more begins."""
    first = simulation.state.faults.quirk("cancelled-first") is not None
    simulation.steps[key]["state"] = "failed"
    rolls_back = not simulation.stack["disable_rollback"]
    if rolls_back and first:
        halt(simulation)
    verb = simulation.steps[key].get(
        "verb", "create" if simulation.operation["touched"].get(key) == "created" else "update"
    )
    verb = "update" if verb == "replace" else verb
    simulation.operation["failures"].append([verb, key])
    if hook := _hook(failure):
        simulation.told(row, f"{verb.upper()}_IN_PROGRESS", **hook)
    simulation.told(row, f"{verb.upper()}_FAILED", failure.text(simulation.id, key, simulation.stack["events"]))
    if rolls_back and not first:
        halt(simulation)


def _hook(failure: ResourceFailure) -> dict[str, Any]:
    """What a hook found stands in an event of its own, before the resource fails.

    Source: the events of a guard hook, as a workshop of AWS shows them (workshops.aws, CloudFormation, "Create a hook with Guard")
    """
    if not failure.reason.startswith(resources.HOOK):
        return {}
    name = failure.reason.partition("[")[2].partition("]")[0]
    details = {"HookType": name, "HookStatus": "HOOK_COMPLETE_FAILED", "HookInvocationPoint": "PRE_PROVISION"}
    return {
        **details,
        "HookStatusReason": "The hook found that the resource is not compliant.",
        "HookFailureMode": "FAIL",
    }


def halt(simulation: StackSimulation) -> None:
    """Cancels what runs; nothing more begins."""
    simulation.state.store.cancel(simulation.id)
    simulation.operation.update({"stopped": True, "turning": False})
    for key in running(simulation.steps):
        row = records.row(simulation.state, simulation.id, key)
        if row is not None:
            cancel(simulation, key, row)


def cancel(simulation: StackSimulation, key: str, row: Record) -> None:
    """Ends a step that runs, without a result."""
    verb = simulation.steps[key].get("verb", "update")
    made = verb in ("create", "import")
    simulation.steps[key]["state"] = "cancelled"
    simulation.operation["failures"].append(["create" if made else "update", key])
    status = {"create": "CREATE_FAILED", "import": "IMPORT_FAILED"}.get(verb, "UPDATE_FAILED")
    simulation.told(row, status, messages.CREATION_CANCELLED if made else messages.UPDATE_CANCELLED)


ATTEMPTS = 3
"""How often a cleanup tries to delete a resource."""


def start_revert(simulation: StackSimulation, key: str) -> None:
    """Begins to bring a resource back to what it was before the operation."""
    row, old = records.row(simulation.state, simulation.id, key), records.old_row(simulation.state, simulation.id, key)
    one = simulation.steps[key]
    if row is None or old is None:
        one["state"] = "done"
        return
    if row["physical"] != old["physical"]:
        spare = f"{key}|{row['physical']}"
        records.save_row(
            simulation.state, simulation.id, LEFTOVER, spare, {**row, "leftover": spare, "policy": "Delete"}
        )
        records.drop_row(simulation.state, simulation.id, LEFTOVER, f"{key}|{old['physical']}")
    one |= {"state": "running", "begun": simulation.at, "moved": row["physical"] != old["physical"]}
    back = {
        **row,
        "physical": old["physical"],
        "definition": old["definition"],
        "needs": old["needs"],
        "tags": old["tags"],
    }
    simulation.told(back, "UPDATE_IN_PROGRESS")
    fault = simulation.state.faults.resource_fault(key, row["type"], "rollback")
    if fault is not None:
        failure = resources.struck(fault)
        one["fault"] = [failure.reason, failure.code]
    simulation.later(0.4, "step", key=key, stage="work")


def resume_revert(simulation: StackSimulation, key: str, stage: str) -> None:
    """Goes on with a revert: ``work``, then ``end`` until the resource has settled."""
    row, one = records.row(simulation.state, simulation.id, key), simulation.steps[key]
    if row is None or one["state"] != "running":
        return
    try:
        if stage == "work":
            if not one["moved"] and not one.get("fault"):
                resources.alter(simulation.state, row, row["definition"].get("Properties") or {}, "rollback")
            length = 0.5 if one["moved"] else seconds(row["type"], "update", simulation.id, key, "back")
            simulation.later(length, "step", key=key, stage="end")
        else:
            _end_revert(simulation, key, row)
    except ResourceFailure as failure:
        _fail_revert(simulation, key, row, failure)


def _end_revert(simulation: StackSimulation, key: str, row: Record) -> None:
    one = simulation.steps[key]
    if one.get("fault"):
        raise ResourceFailure(*one.pop("fault"))
    if not resources.settled(simulation.state, row):
        if simulation.at - one["begun"] > simulation.state.duration(PATIENCE):
            raise ResourceFailure("Exceeded attempts to wait", "NotStabilized")
        simulation.later(POLL, "step", key=key, stage="end")
        return
    simulation.told(row, "UPDATE_COMPLETE")
    one["state"] = "done"


def _fail_revert(simulation: StackSimulation, key: str, row: Record, failure: ResourceFailure) -> None:
    """A rollback that fails stops: what else runs is cancelled, to be tried again when the rollback is continued."""
    simulation.steps[key]["state"] = "failed"
    simulation.operation["failures"].append(["update", key])
    simulation.told(row, "UPDATE_FAILED", failure.text(simulation.id, key, simulation.stack["events"]))
    simulation.state.store.cancel(simulation.id)
    simulation.operation.update({"stopped": True, "turning": False})
    for other in running(simulation.steps):
        sibling = records.row(simulation.state, simulation.id, other)
        simulation.steps[other]["state"] = "cancelled"
        if sibling is not None:
            simulation.operation["failures"].append(["update", other])
            simulation.told(sibling, "UPDATE_FAILED", messages.UPDATE_CANCELLED)


def start_delete(simulation: StackSimulation, key: str) -> None:
    """Begins to delete a resource, or lets it live on."""
    row, one = _doomed(simulation, key), simulation.steps[key]
    if row is None or row["status"] in GONE:
        one["state"] = "done"
    elif one["keep"] or _foreign(simulation, row):
        resource = resources.find(simulation.state, row["type"], row["physical"])
        if resource is not None and resource["owner"] == simulation.id:
            resources.own(simulation.state, resource, None)
        simulation.told(row, "DELETE_SKIPPED")
        _over(simulation, key, row)
    elif not row["physical"]:
        simulation.told(row, "DELETE_COMPLETE")
        _over(simulation, key, row)
    else:
        one |= {"state": "running", "attempts": one["attempts"] + 1}
        simulation.told(row, "DELETE_IN_PROGRESS")
        fault = simulation.state.faults.resource_fault(row["logical"], row["type"], one["phase"])
        failure = (
            resources.struck(fault) if fault else resources.protection(simulation.state, row["type"], row["physical"])
        )
        one["fault"] = [failure.reason, failure.code] if failure is not None else None
        one["begun"] = simulation.at
        simulation.later(0.3, "step", key=key, stage="work")


def resume_delete(simulation: StackSimulation, key: str, stage: str) -> None:
    """Goes on with a deletion: ``work`` asks for it, ``end`` waits until the resource is gone, ``again`` tries once more."""
    row, one = _doomed(simulation, key), simulation.steps[key]
    if row is None or one["state"] != "running":
        return
    try:
        if stage == "again":
            start_delete(simulation, key)
        elif stage == "work":
            if not one["fault"]:
                resources.unmake(simulation.state, row)
            simulation.later(seconds(row["type"], "delete", simulation.id, key), "step", key=key, stage="end")
        else:
            _end_delete(simulation, key, row)
    except ResourceFailure as failure:
        simulation.told(row, "DELETE_FAILED", failure.text(simulation.id, key, simulation.stack["events"]))
        if one["phase"] == "cleanup" and one["attempts"] < ATTEMPTS:
            simulation.later(2.0, "step", key=key, stage="again")
            return
        one["state"] = "failed"
        simulation.operation["failures"].append(["delete", row["logical"]])


def _end_delete(simulation: StackSimulation, key: str, row: Record) -> None:
    one = simulation.steps[key]
    if one["fault"]:
        raise ResourceFailure(*one["fault"])
    if not resources.gone(simulation.state, row):
        if simulation.at - one["begun"] > simulation.state.duration(PATIENCE):
            raise ResourceFailure("Exceeded attempts to wait", "NotStabilized")
        simulation.later(POLL, "step", key=key, stage="end")
        return
    simulation.told(row, "DELETE_COMPLETE")
    _over(simulation, key, row)


def _foreign(simulation: StackSimulation, row: Record) -> bool:
    """Whether what the row stands for is not the stack's: an import has failed before it was."""
    resource = resources.find(simulation.state, row["type"], row["physical"])
    return resource is not None and resource["owner"] != simulation.id


def _doomed(simulation: StackSimulation, key: str) -> Record | None:
    return records.leftover(simulation.state, simulation.id, key) or records.row(simulation.state, simulation.id, key)


def _over(simulation: StackSimulation, key: str, row: Record) -> None:
    simulation.steps[key]["state"] = "done"
    if row.get("leftover"):
        records.drop_row(simulation.state, simulation.id, LEFTOVER, key)


def start_unimport(simulation: StackSimulation, key: str) -> None:
    """Begins to give an imported resource back."""
    row, one = records.row(simulation.state, simulation.id, key), simulation.steps[key]
    if row is None:
        one["state"] = "done"
        return
    one["state"] = "running"
    fault = simulation.state.faults.resource_fault(key, row["type"], "rollback")
    failure = resources.struck(fault) if fault is not None else None
    one["fault"] = [failure.reason, failure.code] if failure is not None else None
    simulation.told(row, "IMPORT_ROLLBACK_IN_PROGRESS")
    simulation.later(1.5, "step", key=key, stage="end")


def resume_unimport(simulation: StackSimulation, key: str, stage: str) -> None:
    """Ends it: the resource is nobody's again, and no longer the stack's."""
    row, one = records.row(simulation.state, simulation.id, key), simulation.steps[key]
    if row is None or one["state"] != "running":
        return
    if one.get("fault"):
        failure = ResourceFailure(*one["fault"])
        one["state"] = "failed"
        simulation.operation["failures"].append(["import", key])
        simulation.told(row, "IMPORT_ROLLBACK_FAILED", failure.text(simulation.id, key, simulation.stack["events"]))
        return
    resource = resources.find(simulation.state, row["type"], row["physical"])
    if resource is not None:
        resources.own(simulation.state, resource, None)
    simulation.told(row, "IMPORT_ROLLBACK_COMPLETE")
    records.drop_row(simulation.state, simulation.id, ROW, key)
    one["state"] = "done"
