"""What the tasks of a service reach: by the policies of their roles, by their image, and by their logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fsdcf.plan.access.rows import Access, access
from fsdcf.plan.graph.model import Kind, other_id
from fsdcf.plan.graph.stores import LOG_GROUP, is_store
from fsdcf.plan.view import Resource, View, items, mapping, target_of, text_of

_PSEUDO = re.compile(r"\$\{AWS::(\w+)\}")
_ARN = re.compile(r"arn:[^:]*:([a-z0-9-]+):[^:]*:[^:]*:(.+)")
_NAMED: dict[str, tuple[Kind, str, bool]] = {
    "dynamodb": ("database", "DynamoDB table", True),
    "s3": ("storage", "S3 bucket", True),
    "elasticfilesystem": ("storage", "EFS file system", True),
    "sqs": ("queue", "SQS queue", True),
    "sns": ("queue", "SNS topic", True),
    "kinesis": ("queue", "Kinesis stream", True),
    "kafka": ("queue", "MSK cluster", True),
    "secretsmanager": ("service", "Secrets Manager", False),
    "ssm": ("service", "SSM parameters", False),
    "kms": ("service", "KMS key", False),
    "lambda": ("service", "Lambda function", False),
    "logs": ("service", "CloudWatch logs", False),
}
"""Services by the name in their ARNs: how they are drawn, what is reached there, and whether it holds data."""

_WITHOUT_RESOURCE = {"xray": "X-Ray", "cloudwatch": "CloudWatch metrics"}
_STARTING = {"secretsmanager", "ssm", "kms"}


@dataclass(frozen=True)
class Reach:
    """One thing that a task reaches. ``target`` is its logical id, or the service and name where it is not the stack's."""

    target: str
    kind: Kind
    lines: tuple[str, ...]
    label: str
    is_data: bool
    faint: bool = False

    @property
    def id(self) -> str:
        return other_id(self.target)


def reached(view: View, definition: Resource) -> Iterator[Reach]:
    """Everything that the tasks of a definition reach, each once: image, data, then what else their roles allow."""
    yield from _image(view, definition)
    roles = {
        target_of(definition.properties.get("TaskRoleArn")): "",
        target_of(definition.properties.get("ExecutionRoleArn")): "start",
    }
    found: dict[str, Reach] = {}
    levels: dict[str, list[str]] = {}
    for row in access(view):
        for role, when in roles.items():
            if role is None or row.kind != "identity" or row.effect != "Allow" or role not in row.principals:
                continue
            for reach in _rows(view, row, when):
                found.setdefault(reach.target, reach)
                levels.setdefault(reach.target, []).extend(row.levels)
    for target, reach in found.items():
        yield replace(reach, label=reach.label or _label(levels[target]))


def _label(levels: list[str]) -> str:
    """``read``, ``write``, ``read/write``; ``everything`` where that is allowed."""
    whole = next((level for level in levels if level.startswith("everything")), None)
    if whole is not None:
        return whole
    return "/".join(level for level in ("read", "write", "assume") if level in levels) or "describe"


def _rows(view: View, row: Access, when: str) -> Iterator[Reach]:
    for target in row.targets:
        resource = view.resources.get(target)
        if resource is not None:
            logs = resource.type == LOG_GROUP
            label = "writes logs" if logs else f"read at {when}" if when else ""
            yield Reach(target, "service", (), label, is_store(resource.type), faint=logs)
    if row.targets:
        return
    for text in row.resources:
        if text == "*":
            yield from _anything(row)
        elif text.strip():
            yield from _elsewhere(text, when)


def _anything(row: Access) -> Iterator[Reach]:
    """Statements for every resource: those that cannot be narrower by their service, others as the danger that they are."""
    services = dict.fromkeys(action.partition(":")[0] for action in row.actions)
    if row.unavoidable:
        for service in services:
            if service in _WITHOUT_RESOURCE:
                yield Reach(service, "service", (_WITHOUT_RESOURCE[service],), "", False, faint=True)
        return
    yield Reach("*", "danger", ("Any resource", ", ".join(services) or "*"), "", False)


def _elsewhere(text: str, when: str) -> Iterator[Reach]:
    """A resource that exists already, by its ARN; images are drawn by what the task runs."""
    found = _ARN.fullmatch(_PSEUDO.sub(r"${\1}", text))  # the colons of a pseudo parameter are not the ARN's
    if found is None:
        yield Reach(f"resource {text}", "service", (text,), f"read at {when}" if when else "", False)
        return
    service, rest = found[1], found[2]
    if service == "ecr":
        return
    kind, title, is_data = _NAMED.get(service, ("service", service, False))
    name = _name(service, rest)
    label = f"read at {when}" if when and service in _STARTING else ""
    yield Reach(
        f"{service} {name}", kind, (title, name, "exists already") if is_data else (title, name), label, is_data
    )


def _name(service: str, rest: str) -> str:
    """What a reader calls the resource: without the kind, the objects in it, and the random end of a secret."""
    if service == "s3":
        return rest.split("/")[0]
    if service in ("kafka", "dynamodb", "elasticfilesystem"):
        parts = rest.split("/")
        return parts[1] if len(parts) > 1 else rest
    if service == "logs":
        return rest.removeprefix("log-group:").removesuffix(":*")
    return re.sub(r"-\?{6}$", "", re.sub(r"^(secret:|parameter/|key/|function:)", "", rest))


def _image(view: View, definition: Resource) -> Iterator[Reach]:
    """The repository of the first container's image."""
    containers = [mapping(one) for one in items(definition.properties.get("ContainerDefinitions"))]
    image = text_of(containers[0].get("Image")) if containers else ""
    if not image:
        return
    host, slash, name = image.partition("/")
    known = slash and re.search(r"\.dkr[.-]ecr[.-]", host)
    repository = re.split(r"[@:](?=[^/]*$)", name if known else image)[0]
    yield Reach(
        f"image {repository}",
        "service",
        ("ECR repository" if known else "Image", repository),
        "pulls image",
        False,
        faint=True,
    )
