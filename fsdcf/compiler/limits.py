"""What a template exceeds: the quotas of CloudFormation, IAM, SQS and ECS, each at the line that adds the most."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from troposphere import ecs, iam, sqs

from fsdcf.cloudformation.limits import (
    COUNTS,
    QUEUE_POLICY_BYTES,
    ROLE_POLICY_CHARACTERS,
    TASK_DEFINITION_BYTES,
    TEMPLATE_BYTES,
    compact,
)
from fsdcf.cloudformation.references import split_attribute
from fsdcf.compiler.emit import ordered
from fsdcf.compiler.kinds import Excess
from fsdcf.compiler.stack import Origin, Template
from fsdcf.language.placeholders import PSEUDO_PARAMETERS

_SPLIT = "split the service, or share resources between services"
_DEPENDENCIES = "dependencies"
_STATEMENTS = "Statement"
_ARN = "arn:aws:sqs:us-east-1:123456789012:"
"""The shortest beginning of an ARN with a region and an account."""

_ARNS = {
    "BucketName": "arn:aws:s3:::",
    "QueueName": _ARN,
    "TableName": "arn:aws:dynamodb:us-east-1:123456789012:table/",
    "TopicName": "arn:aws:sns:us-east-1:123456789012:",
}
"""What precedes a name in the ARN, by the property with the name."""


def excesses(template: Template, most: str = _DEPENDENCIES, split: str = _SPLIT) -> Iterator[Excess]:
    """Yield each quota that a template exceeds. ``most`` is the spec path of the parts that add the most to its number
    of resources and outputs, ``split`` what to do about them."""
    data = template.data
    for section, limit in COUNTS.items():
        if (count := len(data.get(section, {}))) > limit:
            message = f"{count} {section.lower()}; CloudFormation accepts at most {limit}"
            yield Excess(message, split, most)
    if (size := len(compact(ordered(data)).encode())) > TEMPLATE_BYTES:
        largest = max(data["Resources"], key=lambda name: len(compact(data["Resources"][name])))
        message = f"{size} bytes; CloudFormation accepts at most {TEMPLATE_BYTES}"
        yield Excess(message, split, template.origins[largest].path)
    names = _names(data["Resources"])
    for title, resource in data["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == ecs.TaskDefinition.resource_type:
            yield from _task_definition(properties, template.origins[title], names)
        elif resource["Type"] == sqs.QueuePolicy.resource_type:
            size = len(compact(_filled(properties.get("PolicyDocument"), names)).encode())
            if size > QUEUE_POLICY_BYTES:
                message = f"a queue policy of {size} bytes; SQS accepts at most {QUEUE_POLICY_BYTES}"
                yield Excess(message, "subscribe the queue to fewer topics", template.origins[title].path)
    for role, policies in _policies(template, names).items():
        if (size := sum(policies.values())) > ROLE_POLICY_CHARACTERS:
            message = f"{size} characters of policies for {role}; IAM accepts at most {ROLE_POLICY_CHARACTERS}"
            path = max(policies, key=lambda path: policies[path])
            yield Excess(message, _POLICY_HINTS.get(path.rpartition(".")[2], _SPLIT), path)


_POLICY_HINTS = {
    **dict.fromkeys(("secrets", "environment"), "keep several values in one secret, and read each by its JSON key"),
    "statements": "combine statements with the same actions, or use `*` in their resources",
}
"""The hint by the last key of the path that adds the most to a role."""


def _task_definition(properties: Mapping[str, Any], origin: Origin, names: Mapping[str, str]) -> Iterator[Excess]:
    filled = _filled(properties, names)
    size = len(compact(filled).encode())
    if size > TASK_DEFINITION_BYTES:
        sizes = {
            ("ContainerDefinitions", number, name): len(compact(value))
            for number, container in enumerate(_maps(filled.get("ContainerDefinitions")))
            for name, value in container.items()
        }
        largest = max(sizes, key=lambda path: sizes[path], default=())
        message = f"a task definition of {size} bytes; ECS accepts at most {TASK_DEFINITION_BYTES}"
        hint = "let the service read long values from a file in its image, a bucket or a secret"
        yield Excess(message, hint, origin.sources.get(largest, origin.path))


def _policies(template: Template, names: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return the characters of the inline policies of each role, by the spec path that adds them."""
    sizes: dict[str, dict[str, int]] = {}

    def add(role: str, path: str, part: Any) -> None:
        # Every dependency has a policy of its own: together they are the dependencies.
        path = _DEPENDENCIES if path.startswith(f"{_DEPENDENCIES}.") else path
        of_role = sizes.setdefault(role, {})
        of_role[path] = of_role.get(path, 0) + len(re.sub(r"\s", "", compact(_filled(part, names))))

    for title, resource in template.data["Resources"].items():
        properties, origin = resource.get("Properties", {}), template.origins[title]
        if resource["Type"] == iam.Role.resource_type:
            for index, policy in enumerate(_maps(properties.get("Policies"))):
                whole = next(iter(_maps(policy.get("PolicyDocument"))), {})
                for number, statement in enumerate(_maps(whole.get(_STATEMENTS))):
                    inside = ("Policies", index, "PolicyDocument", _STATEMENTS, number)
                    add(title, origin.sources.get(inside, origin.path), statement)
        elif resource["Type"] == iam.PolicyType.resource_type:
            for role in _maps(properties.get("Roles")):
                add(str(role.get("Ref")), origin.path, properties.get("PolicyDocument"))
    return sizes


def _maps(value: Any) -> list[dict[str, Any]]:
    """The maps of a list, or a single one; an override or an addon may have anything there."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _names(resources: Mapping[str, Any]) -> dict[str, str]:
    """Return the name of each resource that has one in the template: as it is, and by ``Arn`` and ``Ref`` what these
    give."""
    names: dict[str, str] = {}
    for title, resource in resources.items():
        properties = resource.get("Properties", {})
        if key := next((key for key in _ARNS if key in properties), ""):
            name = str(_filled(properties[key], {}))
            arn = _ARNS[key] + name
            names |= {title: name, f"Arn {title}": arn, f"Ref {title}": arn if key == "TopicName" else name}
    return names


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    """Return a part of a template with short texts for its functions."""
    if isinstance(value, list):
        return [_filled(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            return _reference(argument, names)
        if function == "Fn::GetAtt":
            return _attribute(*(split_attribute(argument) or ("", "")), names)
        if function == "Fn::Sub" and isinstance(argument, str):
            return re.sub(r"\$\{(!?)([^{}]*)\}", lambda match: _variable(match[1], match[2], names), argument)
        if function == "Fn::If":
            return max(
                (_filled(option, names) for option in argument[1:]), key=lambda option: len(compact(option)), default=""
            )
        if function.startswith("Fn::"):
            return ""
    return {key: _filled(item, names) for key, item in value.items()}


def _variable(literal: str, name: str, names: Mapping[str, str]) -> str:
    if literal:
        return f"${{{name}}}"
    title, dot, attribute = name.partition(".")
    return _attribute(title, attribute, names) if dot else _reference(name, names)


def _reference(name: str, names: Mapping[str, str]) -> str:
    """Return a text for a Ref: the ARN of a topic, the name of other resources. The samples of pseudo parameters are
    short, so that nothing is refused that fits somewhere."""
    return PSEUDO_PARAMETERS.get(name) or names.get(f"Ref {name}", name)


def _attribute(title: str, attribute: str, names: Mapping[str, str]) -> str:
    """Return a text for an attribute of a resource; the names that CloudFormation makes contain the logical id."""
    return names.get(f"Arn {title}", _ARN + title) if attribute.endswith("Arn") else names.get(title, title)
