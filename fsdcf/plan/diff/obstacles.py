"""What stands in the way of an update: names that block a replacement, exports in use, types that cannot change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.compare import canonical
from fsdcf.cloudformation.conditions import existing
from fsdcf.cloudformation.evaluate import evaluate
from fsdcf.cloudformation.facts import custom_name
from fsdcf.cloudformation.propagation import move
from fsdcf.cloudformation.scope import scope_of
from fsdcf.cloudformation.unknown import unknowns
from fsdcf.cloudformation.view import Side
from fsdcf.plan.diff.causes import title_of
from fsdcf.plan.diff.refusals import Refusal, balancer_refusals, index_refusals, network_refusals
from fsdcf.plan.diff.sides import Pair
from fsdcf.plan.view import text_of

Importers = Callable[[str], tuple[str, ...] | None]
"""The stacks that import an export; None where that is not told."""


@dataclass(frozen=True)
class Obstacle:
    """Something because of which CloudFormation fails, or may fail: what it is, why, and the way out, in clauses without a full stop."""

    kind: Literal["custom name", "type", "index", "load balancer", "network", "export"]
    logical_id: str
    type: str
    why: str
    way_out: str


def obstacles(changes: Sequence[Change], sides: Pair, importers: Importers | None = None) -> tuple[Obstacle, ...]:
    """What stands in the way: what is certain first. ``importers`` tells who uses an export, where somebody can be asked."""
    refused = (
        *_refused("index", index_refusals(changes, sides)),
        *_refused("load balancer", balancer_refusals(changes, sides)),
        *_refused("network", network_refusals(changes, sides)),
    )
    return (*_types(changes), *_names(changes, sides), *refused, *_exports(changes, sides, importers))


def _refused(kind: Literal["index", "load balancer", "network"], found: Iterator[Refusal]) -> Iterator[Obstacle]:
    return (Obstacle(kind, change.logical_id, change.type, why, way_out) for change, why, way_out in found)


def _types(changes: Sequence[Change]) -> Iterator[Obstacle]:
    """Source: https://github.com/aws/aws-sam-cli/issues/6786"""
    removed = {change.logical_id: change.type for change in changes if change.action == "Remove"}
    for change in changes:
        if change.action == "Add" and change.logical_id in removed:
            why = f"its type changes from {removed[change.logical_id]} to {change.type}, which CloudFormation refuses for one logical id"
            yield Obstacle("type", change.logical_id, change.type, why, "give the new resource another logical id")


def _names(changes: Sequence[Change], sides: Pair) -> Iterator[Obstacle]:
    """Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html"""
    for change in changes:
        old, new = (one.resources.get(change.logical_id) for one in (sides.old, sides.new))
        if change.action != "Modify" or change.replacement in (None, "False") or old is None or new is None:
            continue
        name = custom_name(change.type, new.properties)
        if name is None or canonical(old.properties.get(name)) != canonical(new.properties[name]):
            continue
        causes = ", ".join(
            dict.fromkeys(one.name or title_of(one, change) for one in change.details if one.recreation != "Never")
        )
        does = "needs" if change.replacement == "True" else "may need"
        why = f"a change of {causes or 'it'} {does} a new one, and {name} {text_of(new.properties[name])!r} is taken by the old one"
        yield Obstacle(
            "custom name", change.logical_id, change.type, why, "give it another name; what bears it is new and empty"
        )


def _exports(changes: Sequence[Change], sides: Pair, importers: Importers | None) -> Iterator[Obstacle]:
    """Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html"""
    if sides.before is None:
        return
    old, new = (_exported(side, sides.pseudo) for side in (sides.before, sides.after))
    for name, (output, value) in old.items():
        does = _fate(name, value, new, changes)
        known = "${" not in name  # of a name that is known in part, nobody can be asked
        users = importers(name) if does and known and importers is not None else None
        if not does or users == ():
            continue
        who = _users(users)
        yield Obstacle(
            "export",
            output,
            "Output",
            f"the export {name} {does}, and {who}: CloudFormation refuses that while it is in use",
            "export the new value under another name, move those who import it, then drop the old export",
        )


def _users(stacks: tuple[str, ...] | None) -> str:
    if stacks is None:
        return "another stack may import it"
    return f"the stacks {', '.join(stacks)} import it" if len(stacks) > 1 else f"the stack {stacks[0]} imports it"


def _exported(side: Side, pseudo: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """The exports of a side: the output and its value, by the export's name."""
    scope = scope_of(side.template, side.parameters, pseudo)
    found = {}
    for output, one in existing(side.template.get("Outputs") or {}, scope.conditions).items():
        if isinstance(one.get("Export"), Mapping):
            found[text_of(evaluate(one["Export"].get("Name"), scope))] = (output, evaluate(one.get("Value"), scope))
    return found


def _fate(name: str, value: Any, new: Mapping[str, tuple[str, Any]], changes: Sequence[Change]) -> str:
    """What becomes of an export; empty where it stays."""
    if name not in new:
        return "is removed"
    if canonical(value) != canonical(new[name][1]):
        return "changes its value"
    moves = {move(one, [change for change in changes if change.logical_id == one.target]) for one in unknowns(value)}
    return "changes its value" if "surely" in moves else "may change its value" if "perhaps" in moves else ""
