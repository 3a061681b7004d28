"""The step that brings one resource to what the template says: create, update in place, replace or import it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.difference import Side, difference
from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.sandbox.cloudformation import handlers, records, resources, simulator, values, words
from fsdcf.sandbox.cloudformation.handlers import Failure, Order
from fsdcf.sandbox.cloudformation.records import LEFTOVER, OLD, ROW, Record
from fsdcf.sandbox.cloudformation.simulator import Play
from fsdcf.sandbox.faults import Phase

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


def start(play: Play, key: str) -> None:
    """Begins to bring a resource to what the operation wants of it."""
    one = play.steps[key]
    row = records.row(play.world, play.id, key)
    there = row is not None and row["status"] not in GONE
    try:
        aim = values.target(play.world, play.stack, play.operation["after"])
        wanted = values.definition(aim.resources[key], aim.scope)
    except EvaluationError as error:
        row = row if row is not None and there else _row(play, key, play.operation["types"][key], {}, one)
        touch(play, key, "updated" if there else "created", row)
        fail(play, key, row, Failure(str(error)))
        return
    one["wanted"] = wanted
    if row is not None and there and row["status"] != "CREATE_FAILED":
        _change(play, key, row)
        return
    if row is not None and there and row["physical"]:
        _set_aside(play, row, "Delete")
    imported = play.operation["imports"].get(key)
    row = _row(play, key, wanted["Type"], wanted, one)
    if imported is not None:
        touch(play, key, "imported", None)
        row["physical"] = imported
        one |= {"state": "running", "verb": "import"}
        play.told(row, "IMPORT_IN_PROGRESS", words.IMPORT_STARTED)
        _doom(play, key, row, "create", 1.2)
    else:
        touch(play, key, "created", None)
        one |= {"state": "running", "verb": "create"}
        play.told(row, "CREATE_IN_PROGRESS")
        _doom(play, key, row, "create", INITIATED_AFTER)


def _row(play: Play, key: str, type: str, wanted: Record, one: Record) -> Record:
    return {
        "logical": key,
        "type": type,
        "physical": "",
        "definition": wanted,
        "needs": one["needs"],
        "tags": play.operation["after"]["tags"],
        "created": play.at,
    }


def touch(play: Play, key: str, how: str, row: Record | None) -> None:
    """Notes what the operation does to a resource, and keeps what it was before, for the rollback. The first note counts."""
    touched = play.operation["touched"]
    if key not in touched:
        touched[key] = how
        if row is not None and how != "created":
            records.save_row(play.world, play.id, OLD, key, row)
    elif touched[key] == "updated" and how == "replaced":
        touched[key] = how


def _change(play: Play, key: str, row: Record) -> None:
    """A resource that exists: nothing may be to do, after all, once the values are known."""
    one, wanted, tags = play.steps[key], play.steps[key]["wanted"], play.operation["after"]["tags"]
    needed = effect(row, wanted, tags)
    if needed == "none":
        row |= {"definition": wanted, "needs": one["needs"], "tags": tags}
        if row["status"] == "UPDATE_FAILED":
            play.told(row, "UPDATE_COMPLETE")  # it is what it was before it failed, and that is what is wanted again
        play.keep(row)
        one["state"] = "done"
        return
    touch(play, key, "updated" if needed == "update" else "replaced", row)
    one |= {"state": "running", "verb": needed}
    if needed == "update":
        play.told(row, "UPDATE_IN_PROGRESS")
        _doom(play, key, row, "update", 0.4)
        return
    refused = _refusal(play, row, wanted)
    if refused is not None:
        fail(play, key, row, Failure(refused))
        return
    play.told(row, "UPDATE_IN_PROGRESS", words.REPLACING)
    _doom(play, key, row, "update", INITIATED_AFTER)


def _refusal(play: Play, row: Record, wanted: Record) -> str | None:
    """Why a resource is not replaced.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html and, for names,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    if play.stack["disable_rollback"]:
        return words.REPLACEMENT_REFUSED
    names = [resources.name_of(one["Type"], one.get("Properties") or {}) for one in (row["definition"], wanted)]
    return words.custom_named(names[0]) if names[0] is not None and names[0] == names[1] else None


def _doom(play: Play, key: str, row: Record, phase: Phase, first: float) -> None:
    """Puts the step's next stage on the agenda: its work after so many seconds, or the failure that a fault makes of it."""
    one = play.steps[key]
    one["begun"] = play.at
    fault = play.world.faults.of_resource(key, row["type"], phase)
    if fault is None:
        play.later(first, "step", key=key, stage="work")
        return
    failure = handlers.struck(fault)
    one["fault"] = [failure.reason, failure.code]
    play.later(first + _length(play, key, row) / 2, "step", key=key, stage="end")


def _length(play: Play, key: str, row: Record) -> float:
    verb = "update" if play.steps[key]["verb"] == "update" else "create"
    return seconds(row["type"], verb, play.id, key)


def resume(play: Play, key: str, stage: str) -> None:
    """Goes on with a step: ``work`` makes or changes the resource, ``end`` waits until it has settled and ends the step."""
    row = records.row(play.world, play.id, key)
    if row is None or play.steps[key]["state"] != "running":
        return
    try:
        if stage == "work":
            _work(play, key, row)
        else:
            _end(play, key, row)
    except Failure as failure:
        fail(play, key, row, failure)


def _work(play: Play, key: str, row: Record) -> None:
    one = play.steps[key]
    wanted: Record = one["wanted"]
    properties = wanted.get("Properties") or {}
    if one["verb"] == "import":
        _adopt(play, row)
        return
    if one["verb"] == "update":
        handlers.alter(play.world, row, properties, "update")
    else:
        made = handlers.make(play.world, Order(play.stack, key, row["type"], properties))
        if one["verb"] == "replace":
            _set_aside(play, row, wanted.get("UpdateReplacePolicy", "Delete"))
        row |= {"physical": made, "definition": wanted}
        play.told(row, "CREATE_IN_PROGRESS" if one["verb"] == "create" else "UPDATE_IN_PROGRESS", words.INITIATED)
    play.later(_length(play, key, row), "step", key=key, stage="end")


def _set_aside(play: Play, row: Record, policy: str) -> None:
    """Leaves what a replacement makes superfluous to the cleanup."""
    key = f"{row['logical']}|{row['physical']}"
    kept = {**row, "leftover": key, "policy": policy}
    records.save_row(play.world, play.id, LEFTOVER, key, kept)


def _adopt(play: Play, row: Record) -> None:
    thing = resources.find(play.world, row["type"], row["physical"])
    if thing is None:
        raise Failure(
            f"Resource of type '{row['type']}' with identifier '{row['physical']}' was not found.", "NotFound"
        )
    resources.own(play.world, thing, play.id)
    play.told(row, "IMPORT_COMPLETE", words.IMPORT_COMPLETED)
    play.told(row, "UPDATE_IN_PROGRESS", words.IMPORT_TAGS)
    handlers.alter(play.world, row, row["definition"].get("Properties") or {}, "create")
    play.later(4.0, "step", key=row["logical"], stage="end")


def _end(play: Play, key: str, row: Record) -> None:
    one = play.steps[key]
    if one.get("fault"):
        raise Failure(*one["fault"])
    if not handlers.settled(play.world, row):
        if play.at - one["begun"] > play.world.lasting(PATIENCE):
            raise Failure("Exceeded attempts to wait", "NotStabilized")
        play.later(POLL, "step", key=key, stage="end")
        return
    row |= {"definition": one["wanted"], "needs": one["needs"], "tags": play.operation["after"]["tags"]}
    play.told(row, "CREATE_COMPLETE" if one["verb"] == "create" else "UPDATE_COMPLETE")
    one["state"] = "done"


def fail(play: Play, key: str, row: Record, failure: Failure) -> None:
    """A resource has failed. Where the operation rolls back, what else runs is cancelled and nothing more begins."""
    first = play.world.faults.of_cloudformation("cancelled-first") is not None
    play.steps[key]["state"] = "failed"
    rolls_back = not play.stack["disable_rollback"]
    if rolls_back and first:
        halt(play)
    verb = play.steps[key].get("verb", "create" if play.operation["touched"].get(key) == "created" else "update")
    verb = "update" if verb == "replace" else verb
    play.operation["failures"].append([verb, key])
    if hook := _hook(failure):
        play.told(row, f"{verb.upper()}_IN_PROGRESS", **hook)
    play.told(row, f"{verb.upper()}_FAILED", failure.text(play.id, key, play.stack["events"]))
    if rolls_back and not first:
        halt(play)


def _hook(failure: Failure) -> dict[str, Any]:
    """What a hook found stands in an event of its own, before the resource fails.

    Source: the events of a guard hook, as a workshop of AWS shows them (workshops.aws, CloudFormation, "Create a hook with Guard")
    """
    if not failure.reason.startswith(handlers.HOOK):
        return {}
    name = failure.reason.partition("[")[2].partition("]")[0]
    details = {"HookType": name, "HookStatus": "HOOK_COMPLETE_FAILED", "HookInvocationPoint": "PRE_PROVISION"}
    return {
        **details,
        "HookStatusReason": "The hook found that the resource is not compliant.",
        "HookFailureMode": "FAIL",
    }


def halt(play: Play) -> None:
    """Cancels what runs; nothing more begins."""
    play.world.store.cancel(play.id)
    play.operation.update({"stopped": True, "turning": False})
    for key in simulator.running(play.steps):
        row = records.row(play.world, play.id, key)
        if row is not None:
            cancel(play, key, row)


def cancel(play: Play, key: str, row: Record) -> None:
    """Ends a step that runs, without a result."""
    verb = play.steps[key].get("verb", "update")
    made = verb in ("create", "import")
    play.steps[key]["state"] = "cancelled"
    play.operation["failures"].append(["create" if made else "update", key])
    status = {"create": "CREATE_FAILED", "import": "IMPORT_FAILED"}.get(verb, "UPDATE_FAILED")
    play.told(row, status, words.CREATION_CANCELLED if made else words.UPDATE_CANCELLED)


ATTEMPTS = 3
"""How often a cleanup tries to delete a resource."""


def start_revert(play: Play, key: str) -> None:
    """Begins to bring a resource back to what it was before the operation."""
    row, old = records.row(play.world, play.id, key), records.old_row(play.world, play.id, key)
    one = play.steps[key]
    if row is None or old is None:
        one["state"] = "done"
        return
    if row["physical"] != old["physical"]:
        spare = f"{key}|{row['physical']}"
        records.save_row(play.world, play.id, LEFTOVER, spare, {**row, "leftover": spare, "policy": "Delete"})
        records.drop_row(play.world, play.id, LEFTOVER, f"{key}|{old['physical']}")
    one |= {"state": "running", "begun": play.at, "moved": row["physical"] != old["physical"]}
    back = {
        **row,
        "physical": old["physical"],
        "definition": old["definition"],
        "needs": old["needs"],
        "tags": old["tags"],
    }
    play.told(back, "UPDATE_IN_PROGRESS")
    fault = play.world.faults.of_resource(key, row["type"], "rollback")
    if fault is not None:
        failure = handlers.struck(fault)
        one["fault"] = [failure.reason, failure.code]
    play.later(0.4, "step", key=key, stage="work")


def resume_revert(play: Play, key: str, stage: str) -> None:
    """Goes on with a revert: ``work``, then ``end`` until the resource has settled."""
    row, one = records.row(play.world, play.id, key), play.steps[key]
    if row is None or one["state"] != "running":
        return
    try:
        if stage == "work":
            if not one["moved"] and not one.get("fault"):
                handlers.alter(play.world, row, row["definition"].get("Properties") or {}, "rollback")
            length = 0.5 if one["moved"] else seconds(row["type"], "update", play.id, key, "back")
            play.later(length, "step", key=key, stage="end")
        else:
            _end_revert(play, key, row)
    except Failure as failure:
        _fail_revert(play, key, row, failure)


def _end_revert(play: Play, key: str, row: Record) -> None:
    one = play.steps[key]
    if one.get("fault"):
        raise Failure(*one.pop("fault"))
    if not handlers.settled(play.world, row):
        if play.at - one["begun"] > play.world.lasting(PATIENCE):
            raise Failure("Exceeded attempts to wait", "NotStabilized")
        play.later(POLL, "step", key=key, stage="end")
        return
    play.told(row, "UPDATE_COMPLETE")
    one["state"] = "done"


def _fail_revert(play: Play, key: str, row: Record, failure: Failure) -> None:
    """A rollback that fails stops: what else runs is cancelled, to be tried again when the rollback is continued."""
    play.steps[key]["state"] = "failed"
    play.operation["failures"].append(["update", key])
    play.told(row, "UPDATE_FAILED", failure.text(play.id, key, play.stack["events"]))
    play.world.store.cancel(play.id)
    play.operation.update({"stopped": True, "turning": False})
    for other in simulator.running(play.steps):
        sibling = records.row(play.world, play.id, other)
        play.steps[other]["state"] = "cancelled"
        if sibling is not None:
            play.operation["failures"].append(["update", other])
            play.told(sibling, "UPDATE_FAILED", words.UPDATE_CANCELLED)


def start_delete(play: Play, key: str) -> None:
    """Begins to delete a resource, or lets it live on."""
    row, one = _doomed(play, key), play.steps[key]
    if row is None or row["status"] in GONE:
        one["state"] = "done"
    elif one["keep"] or _foreign(play, row):
        thing = resources.find(play.world, row["type"], row["physical"])
        if thing is not None and thing["owner"] == play.id:
            resources.own(play.world, thing, None)
        play.told(row, "DELETE_SKIPPED")
        _over(play, key, row)
    elif not row["physical"]:
        play.told(row, "DELETE_COMPLETE")
        _over(play, key, row)
    else:
        one |= {"state": "running", "attempts": one["attempts"] + 1}
        play.told(row, "DELETE_IN_PROGRESS")
        fault = play.world.faults.of_resource(row["logical"], row["type"], one["phase"])
        failure = handlers.struck(fault) if fault else handlers.protection(play.world, row["type"], row["physical"])
        one["fault"] = [failure.reason, failure.code] if failure is not None else None
        one["begun"] = play.at
        play.later(0.3, "step", key=key, stage="work")


def resume_delete(play: Play, key: str, stage: str) -> None:
    """Goes on with a deletion: ``work`` asks for it, ``end`` waits until the resource is gone, ``again`` tries once more."""
    row, one = _doomed(play, key), play.steps[key]
    if row is None or one["state"] != "running":
        return
    try:
        if stage == "again":
            start_delete(play, key)
        elif stage == "work":
            if not one["fault"]:
                handlers.unmake(play.world, row)
            play.later(seconds(row["type"], "delete", play.id, key), "step", key=key, stage="end")
        else:
            _end_delete(play, key, row)
    except Failure as failure:
        play.told(row, "DELETE_FAILED", failure.text(play.id, key, play.stack["events"]))
        if one["phase"] == "cleanup" and one["attempts"] < ATTEMPTS:
            play.later(2.0, "step", key=key, stage="again")
            return
        one["state"] = "failed"
        play.operation["failures"].append(["delete", row["logical"]])


def _end_delete(play: Play, key: str, row: Record) -> None:
    one = play.steps[key]
    if one["fault"]:
        raise Failure(*one["fault"])
    if not handlers.gone(play.world, row):
        if play.at - one["begun"] > play.world.lasting(PATIENCE):
            raise Failure("Exceeded attempts to wait", "NotStabilized")
        play.later(POLL, "step", key=key, stage="end")
        return
    play.told(row, "DELETE_COMPLETE")
    _over(play, key, row)


def _foreign(play: Play, row: Record) -> bool:
    """Whether what the row stands for is not the stack's: an import has failed before it was."""
    thing = resources.find(play.world, row["type"], row["physical"])
    return thing is not None and thing["owner"] != play.id


def _doomed(play: Play, key: str) -> Record | None:
    return records.leftover(play.world, play.id, key) or records.row(play.world, play.id, key)


def _over(play: Play, key: str, row: Record) -> None:
    play.steps[key]["state"] = "done"
    if row.get("leftover"):
        records.drop_row(play.world, play.id, LEFTOVER, key)


def start_unimport(play: Play, key: str) -> None:
    """Begins to give an imported resource back."""
    row, one = records.row(play.world, play.id, key), play.steps[key]
    if row is None:
        one["state"] = "done"
        return
    one["state"] = "running"
    fault = play.world.faults.of_resource(key, row["type"], "rollback")
    failure = handlers.struck(fault) if fault is not None else None
    one["fault"] = [failure.reason, failure.code] if failure is not None else None
    play.told(row, "IMPORT_ROLLBACK_IN_PROGRESS")
    play.later(1.5, "step", key=key, stage="end")


def resume_unimport(play: Play, key: str, stage: str) -> None:
    """Ends it: the resource is nobody's again, and no longer the stack's."""
    row, one = records.row(play.world, play.id, key), play.steps[key]
    if row is None or one["state"] != "running":
        return
    if one.get("fault"):
        failure = Failure(*one["fault"])
        one["state"] = "failed"
        play.operation["failures"].append(["import", key])
        play.told(row, "IMPORT_ROLLBACK_FAILED", failure.text(play.id, key, play.stack["events"]))
        return
    thing = resources.find(play.world, row["type"], row["physical"])
    if thing is not None:
        resources.own(play.world, thing, None)
    play.told(row, "IMPORT_ROLLBACK_COMPLETE")
    records.drop_row(play.world, play.id, ROW, key)
    one["state"] = "done"
