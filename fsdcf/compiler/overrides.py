"""`overrides`: changes of the finished template, by logical id and path, applied after everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from troposphere import encode_to_dict

from fsdcf.cloudformation.facts import facts_of, tag_values
from fsdcf.cloudformation.planned import PlanError, mappings, planned
from fsdcf.cloudformation.references import references, split_attribute
from fsdcf.compiler.text import Attributes, fragment, value
from fsdcf.conventions import IMAGE_PARAMETER, RELEASE_RECORD, TAG_PREFIX
from fsdcf.diagnostics import Rule, SpecPath, joined
from fsdcf.language.placeholders import String, Text, parts_of
from fsdcf.language.rules.overrides import APPEND, path_of, steps_of

if TYPE_CHECKING:
    from fsdcf.compiler.stack import Template

UNKNOWN_RESOURCE = Rule(
    "S601",
    "an override of a resource that does not exist",
    "An override names a resource of the template by its logical id; `fsdcf template` prints them. In `environments`, "
    "it applies to one environment alone. What the defaults of an environment override need not be in every service.",
)
IMPOSSIBLE = Rule(
    "S602",
    "an override of a property that cannot exist",
    "The path leads through a text or beyond the end of a list, or its first property is not one of the type or is "
    "read-only. What is missing on the way to a property is created.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html",
)
BREAKING = Rule(
    "S603",
    "an override of what fsdcf relies on",
    "fsdcf finds the stack, the service, its cluster, its image and its releases by a few values of the template: the "
    "record of the release, the name and image of the main container, the service's cluster and task definition, "
    "`Metadata.fsdcf`, and tags that begin with `fsdcf:`. Deploys, rollbacks and `fsdcf status` would fail without "
    "them.",
)
WITHOUT_EFFECT = Rule(
    "W200",
    "an override without effect",
    "The template has this value already, or does not have what the override removes. It may have been made for an "
    "earlier version, or belong to another environment.",
)

_SERVICE, _TASK = "AWS::ECS::Service", "AWS::ECS::TaskDefinition"


@dataclass(frozen=True, eq=False, repr=False)
class Fault:
    """A finding about the template, at the key of a spec path."""

    rule: Rule
    path: SpecPath
    message: str
    hint: str

    @property
    def is_missing(self) -> bool:
        """Whether the template lacks the resource."""
        return self.rule is UNKNOWN_RESOURCE


class _Override(NamedTuple):
    """An override: its spec path, its steps in the resource, and the new value; None removes it."""

    place: SpecPath
    steps: tuple[str, ...]
    value: Any

    @property
    def order(self) -> tuple[int, list[tuple[int, str]]]:
        """Sets come first, then what they contain, then what is appended, and removals last."""
        rank = 2 if self.value is None else int(self.steps[-1] == APPEND)
        return rank, [(int(step) if step.isdecimal() else -1, step) for step in self.steps]


class _Refusal(Exception):
    """Why an override cannot be applied, and what to do."""


def overridden(template: Template, overrides: Mapping[str, Mapping[str, Any]], attributes: Attributes) -> Template:
    """The template with its overrides, and the faults of those that cannot be applied.

    Indexes are those of the template without overrides. Their order in the spec has no meaning.
    """
    resources, origins = dict(template.data["Resources"]), dict(template.origins)
    faults: list[Fault] = []
    for title in sorted(overrides):
        if title not in resources:
            faults.append(_unknown(title, template.data))
            continue
        resource = deepcopy(resources[title])
        changed: dict[tuple[str | int, ...], str] = {}
        own = [
            _Override(
                ("overrides", title, path), steps, None if new is None else encode_to_dict(_plain(new, attributes))
            )
            for path, new in overrides[title].items()
            if (steps := steps_of(path))
        ]
        kept = sorted((one for one in own if one.value is not None), key=lambda one: one.order)
        removed = sorted((one for one in own if one.value is None), key=lambda one: one.order, reverse=True)
        for one in (*kept, *removed):
            after = deepcopy(resource)
            try:
                path = _apply(after, one, title)
            except _Refusal as refusal:
                faults.append(Fault(IMPOSSIBLE, one.place, *refusal.args))
                continue
            if (malformed := _malformed(template.data, title, after)) is not None:
                faults.append(Fault(IMPOSSIBLE, one.place, malformed, "write the long form of functions: {Ref: Vpc}"))
            elif (broken := _broken(title, resource, after)) is not None:
                faults.append(Fault(BREAKING, one.place, *broken))
            elif after == resource:
                message = "there is nothing to remove" if one.value is None else "the template has this value already"
                faults.append(Fault(WITHOUT_EFFECT, one.place, message, "leave the override out"))
            else:
                resource, changed[path] = after, ".".join(map(str, one.place))
        if changed:
            metadata = resource.setdefault("Metadata", {}).setdefault("fsdcf", {})
            metadata["Overrides"] = sorted(map(path_of, changed))
            resources[title] = resource
            origins[title] = replace(origins[title], overrides=changed)
    return replace(
        template, data={**template.data, "Resources": resources}, origins=origins, faults=(*template.faults, *faults)
    )


def _malformed(data: Mapping[str, Any], title: str, resource: Mapping[str, Any]) -> str | None:
    """Why CloudFormation could not read a resource; None if it can."""
    try:
        planned({**data, "Resources": {title: resource}})
    except PlanError as error:
        return f"CloudFormation could not read the resource: {str(error).rpartition('Template error: ')[2]}"
    return None


def _unknown(title: str, data: Mapping[str, Any]) -> Fault:
    path, names = ("overrides", title), sorted(data["Resources"])
    section = next((name for name in ("Parameters", "Outputs", "Conditions", "Mappings") if title in data[name]), "")
    if title == IMAGE_PARAMETER:
        return Fault(BREAKING, path, f"`{title}` is the image that a deploy passes", "set it with --image-sha")
    if section:
        hint = f"overrides change resources; {section} follow from the spec"
        return Fault(UNKNOWN_RESOURCE, path, f"`{title}` is not a resource, but an entry of {section}", hint)
    by_case = {name.lower(): name for name in names}
    near = by_case.get(title.lower()) or next(iter(get_close_matches(title, names, 1)), "")
    hint = f"did you mean `{near}`?" if near else "`fsdcf template` prints the logical ids"
    return Fault(UNKNOWN_RESOURCE, path, f"the template has no resource `{title}`", hint)


def _plain(data: Any, attributes: Attributes) -> Any:
    """A value of the spec as one of a template; the text of Fn::Sub keeps its variables, and Fn::GetAtt becomes a list,
    as JSON needs it."""
    if isinstance(data, Mapping):
        if set(data) == {"Fn::GetAtt"} and (named := split_attribute(data["Fn::GetAtt"])):
            return {"Fn::GetAtt": list(named)}
        return {
            key: _sub(below, attributes) if key == "Fn::Sub" else _plain(below, attributes)
            for key, below in data.items()
        }
    if isinstance(data, (list, tuple)):
        return [_plain(below, attributes) for below in data]
    return value(data, attributes) if isinstance(data, String) else data


def _sub(argument: Any, attributes: Attributes) -> Any:
    if isinstance(argument, list) and argument:
        return [_sub(argument[0], attributes), *(_plain(below, attributes) for below in argument[1:])]
    if not isinstance(argument, Text):
        return argument
    parts = parts_of(argument)
    return "".join(part if isinstance(part, str) else fragment(Text((part,)), attributes) for part in parts)


def _apply(resource: dict[str, Any], one: _Override, title: str) -> tuple[str | int, ...]:
    """Change a resource, and return the path of what changes. Raises _Refusal."""
    if one.steps[0] == "Properties":
        _check_property(resource["Type"], one.steps[1])
    holder: Any = resource
    path: list[str | int] = []
    for step in one.steps[:-1]:
        if isinstance(holder, dict) and step not in holder:
            if one.value is None:
                return (*path, step)
            holder[step] = [] if one.steps[len(path) + 1 :] == (APPEND,) else {}
        key = _key(holder, step, f"{title}.{'.'.join(map(str, path))}".rstrip("."))
        path.append(key)
        holder = holder[key]
    last, where = one.steps[-1], f"{title}.{'.'.join(map(str, path))}".rstrip(".")
    if last == APPEND:
        if not isinstance(holder, list):
            raise _Refusal(f"`{where}` is {_kind(holder)}, to which nothing can be appended", "leave out `[+]`")
        path.append(len(holder))
        holder += one.value if isinstance(one.value, list) else [one.value]
        return tuple(path)
    if one.value is None:
        if not isinstance(holder, dict) or last in holder:
            del holder[_key(holder, last, where)]
        return (*path, last)
    key = _key(holder, last, where)
    holder[key] = one.value
    return (*path, key)


def _key(holder: Any, step: str, where: str) -> str | int:
    """A step as a key of a map or an index of a list. Raises _Refusal."""
    if isinstance(holder, dict):
        return step
    if not isinstance(holder, list):
        raise _Refusal(f"`{where}` is {_kind(holder)}, and has no `{step}`", "end the path there")
    if not step.isdecimal() or int(step) >= len(holder):
        items = f"0 to {len(holder) - 1}" if holder else "none, for it is empty"
        raise _Refusal(f"`{where}` is a list without `{step}`", f"its indexes are {items}; [+] appends to it")
    return int(step)


def _kind(holder: Any) -> str:
    return "a map" if isinstance(holder, dict) else "a list" if isinstance(holder, list) else "a single value"


def _check_property(type: str, name: str) -> None:
    """Raise _Refusal for a property that a type does not have."""
    facts = facts_of(type)
    if facts is None or facts.open or (name in facts.properties and name not in facts.read_only):
        return
    writable = sorted(facts.properties - facts.read_only)
    if name in facts.properties:
        raise _Refusal(f"`{name}` of {type} is read-only", "leave the override out")
    near = get_close_matches(name, writable, 1)
    hint = f"did you mean `Properties.{near[0]}`?" if near else f"its properties are {joined(writable, 'and')}"
    raise _Refusal(f"{type} has no property `{name}`", hint)


def _broken(title: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str] | None:
    """What an override breaks, and what to do instead; None if it breaks nothing."""
    was, now = dict(_vital(title, before)), dict(_vital(title, after))
    return next((about for about in (*now, *was) if now.get(about) != was.get(about)), None)


def _vital(title: str, resource: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    """What fsdcf relies on in a resource, each by its name and what to do instead."""
    properties, type = resource.get("Properties") or {}, resource["Type"]
    metadata = resource.get("Metadata")
    yield (
        ("`Metadata.fsdcf` is where fsdcf keeps the origin of a resource", "use another key of `Metadata`"),
        metadata.get("fsdcf") if isinstance(metadata, Mapping) else None,
    )
    tags = tag_values(properties.get(tag) if (tag := _tags_of(type)) else None)
    own = {key: text for key, text in tags.items() if key.startswith(TAG_PREFIX)}
    yield (f"tags that begin with `{TAG_PREFIX}` are those of fsdcf", "use another key for the tag"), own
    if title == RELEASE_RECORD:
        yield (("`Release` is the record of the releases, which a rollback reads", "leave it as it is"), resource)
    if type == _SERVICE:
        rest = ("leave it as it is: fsdcf deploys the image and follows the rollout by it",)
        for name in ("TaskDefinition", "Cluster", "DeploymentController", "SchedulingStrategy"):
            yield (f"`{name}` of the service is what a deploy looks for", *rest), properties.get(name)
        yield ("the service must exist in every deploy", "leave out `Condition`"), resource.get("Condition")
    if type == _TASK:
        images = [
            (index, container.get("Name"), container["Image"])
            for index, container in enumerate(mappings(properties.get("ContainerDefinitions")))
            if any(one.target == IMAGE_PARAMETER for one in references(container.get("Image")))
        ]
        hint = "change the spec: service.image, and metadata.name"
        yield ("the name and the image of the main container are those of the spec", hint), images
        yield ("the task definition must exist in every deploy", "leave out `Condition`"), resource.get("Condition")


def _tags_of(type: str) -> str | None:
    facts = facts_of(type)
    return facts.tag_property if facts else None
