"""The difference of two templates as DescribeChangeSet tells it: actions, details, replacement, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fsdcf.cloudformation.change import Change, Detail, PolicyAction, Replacement
from fsdcf.cloudformation.compare import MISSING, canonical
from fsdcf.cloudformation.conditions import existing
from fsdcf.cloudformation.details import ATTRIBUTES, Pair, details_of
from fsdcf.cloudformation.evaluate import evaluate
from fsdcf.cloudformation.facts import SNAPSHOTS
from fsdcf.cloudformation.pseudo import PSEUDO
from fsdcf.cloudformation.scope import scope_of
from fsdcf.cloudformation.unknown import Unknown, plain
from fsdcf.cloudformation.view import Resource, Side, View, in_order, view_of

__all__ = ["PSEUDO", "Side", "difference", "outputs_changed"]


def difference(
    before: Side | None, after: Side, pseudo: Mapping[str, Any] = PSEUDO, every_attribute: bool = False
) -> tuple[Change, ...]:
    """What happens to each resource when ``after`` takes the place of ``before`` (None: there is no stack), by logical id.

    It tells what an execution would do. ``every_attribute`` adds what DescribeChangeSet lists without IncludePropertyValues: each
    Fn::GetAtt of a resource that changes is a dynamic detail, though the attribute may well stay. A resource whose type
    changes is removed and added; CloudFormation refuses that (``validation.type_problem``). Raises EvaluationError for a template
    that CloudFormation would refuse.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
    """
    new = view_of(after, pseudo)
    if before is None:
        return tuple(Change("Add", name, one.type) for name, one in sorted(new.resources.items()))
    old = view_of(before, pseudo)
    changes: dict[str, list[Change]] = {}
    for name, one in old.resources.items():
        if not _stays(one, new):
            changes[name] = [_removed(one, old)]
    for now in in_order(new):
        was = old.resources.get(now.name)
        if was is None or was.type != now.type:
            changes.setdefault(now.name, []).append(Change("Add", now.name, now.type))
        else:
            details = details_of(Pair(was, now, old, new, changes, every_attribute))
            if details:
                changes[now.name] = [_modified(Pair(was, now, old, new, changes), details)]
    return tuple(change for name in sorted(changes) for change in changes[name])


def outputs_changed(before: Side, after: Side, pseudo: Mapping[str, Any] = PSEUDO) -> bool:
    """Whether an output differs: a change set with nothing else can be executed. Raises EvaluationError."""
    return canonical(_outputs(before, pseudo)) != canonical(_outputs(after, pseudo))


def _outputs(side: Side, pseudo: Mapping[str, Any]) -> Any:
    scope = scope_of(side.template, side.parameters, pseudo)
    there = existing(side.template.get("Outputs") or {}, scope.conditions)
    told = {name: {key: child for key, child in one.items() if key != "Condition"} for name, one in there.items()}
    return evaluate(told, scope)


def _stays(one: Resource, new: View) -> bool:
    return one.name in new.resources and new.resources[one.name].type == one.type


def _removed(one: Resource, old: View) -> Change:
    """The policy that the deployed template gives counts.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    written = old.attribute(one, "DeletionPolicy")
    policy: PolicyAction = "Delete"
    if written in ("Retain", "RetainExceptOnCreate"):
        policy = "Retain"
    elif (written == "Snapshot" and one.type in SNAPSHOTS) or (written is MISSING and _snapshot_by_default(one)):
        policy = "Snapshot"
    return Change("Remove", one.name, one.type, old.side.physical.get(one.name), policy=policy)


def _snapshot_by_default(one: Resource) -> bool:
    return one.type == "AWS::RDS::DBCluster" or (
        one.type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" not in one.properties
    )


def _modified(pair: Pair, details: tuple[Detail, ...]) -> Change:
    now, old, new = pair.now, pair.old, pair.new
    replacement = _replacement(details)
    scope = tuple(dict.fromkeys(detail.attribute for detail in details))
    policy = None if replacement == "False" else _replace_policy(now, new)
    whole = _whole(pair.was, old, old.known), _whole(now, new, pair.kept)
    return Change(
        "Modify", now.name, now.type, old.side.physical.get(now.name), replacement, policy, scope, details, *whole
    )


def _whole(one: Resource, view: View, known: Mapping[Unknown, Any]) -> dict[str, Any]:
    """A resource as plain data: its properties, and what stands beside them."""
    beside = {name: view.attribute(one, name) for name in ATTRIBUTES}
    told = {name: value for name, value in beside.items() if value is not MISSING}
    return {key: plain(value, known) for key, value in {"Properties": one.properties, **told}.items()}


def _replacement(details: Sequence[Detail]) -> Replacement:
    """The change with the most impact decides. Certain are only those that are known now.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    if any(detail.recreation == "Always" and detail.evaluation == "Static" for detail in details):
        return "True"
    return "False" if all(detail.recreation == "Never" for detail in details) else "Conditional"


def _replace_policy(now: Resource, new: View) -> PolicyAction:
    """Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatereplacepolicy.html"""
    written = new.attribute(now, "UpdateReplacePolicy")
    if written == "Retain":
        return "ReplaceAndRetain"
    return "ReplaceAndSnapshot" if written == "Snapshot" and now.type in SNAPSHOTS else "ReplaceAndDelete"
