"""ARNs of a stack's resources before they exist.

They are fragments with pseudo parameters for account, region and partition, and ``*`` for what is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

IamType = tuple[str, str]
"""A service and one of its resource types, as IAM calls them: ``("ecs", "cluster")``. An action in place of the type
means what this action alone applies to: ``("route53", "GetHostedZone")``."""

NamedArn = tuple[IamType, str]

ACCOUNT, PARTITION, REGION = "${AWS::AccountId}", "${AWS::Partition}", "${AWS::Region}"
_KNOWN = frozenset({ACCOUNT, PARTITION, REGION})
_FIELD = re.compile(r"(?:^|:)((?:\$\{[^{}]*\}|[^:])*)")

RANDOM_END = re.compile(r"(.+)-([A-Za-z0-9]{6})")
"""The name in a secret's ARN, which ends in a hyphen and six random characters. Secrets Manager takes such an end for
them, even if it belongs to the name."""


class DeployedStack(NamedTuple):
    """The name of a stack, the template that is deployed as it, and the stack's tags.

    ``clusters`` are the names of the clusters of other stacks that its services run in, or patterns of them.
    """

    stack: str
    template: Mapping[str, Any]
    tags: Mapping[str, str] = {}
    clusters: tuple[str, ...] = ()

    def resources(self, type: str) -> dict[str, Mapping[str, Any]]:
        """The properties of the resources of a type, by logical ID."""
        resources = self.template["Resources"].items()
        return {name: one.get("Properties", {}) for name, one in resources if one["Type"] == type}

    def generated_name(self, logical_id: str) -> str:
        """``stack-LogicalId-`` and twelve characters: the name that CloudFormation gives to a resource without a name.

        Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
        """
        return f"{self.stack}-{logical_id}-*"

    def name_of(self, property: str, logical_id: str, properties: Mapping[str, Any]) -> str:
        """The name in a property, or else the one that CloudFormation generates."""
        return text(properties[property], self.stack) if property in properties else self.generated_name(logical_id)


def arn(service: str, rest: str, region: str = REGION, account: str = ACCOUNT) -> str:
    """An ARN in the stack's own partition; without other arguments in its region and account."""
    return f"arn:{PARTITION}:{service}:{region}:{account}:{rest}"


def fields_of_arn(text: str) -> list[str]:
    """What the colons of an ARN, or of a secret's name, separate; those of a placeholder such as ``${AWS::Region}``
    belong to its field."""
    return _FIELD.findall(text)


def text(value: Any, stack: str = "*") -> str:
    """The value of a property of a stack in an ARN; ``*`` replaces what is known only after the deploy."""
    known = {**{one: one for one in _KNOWN}, "${AWS::StackName}": stack}
    if isinstance(value, Mapping) and len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            return known.get(f"${{{argument}}}", "*")
        if function == "Fn::Sub" and isinstance(argument, str):
            return re.sub(r"\$\{[^{}]*\}", lambda match: known.get(match[0], "*"), argument)
    return str(value) if isinstance(value, (str, int)) else "*"


def named_by(
    service: str, property: str, *patterns: tuple[str, str]
) -> Callable[[DeployedStack, str, Mapping[str, Any]], Iterator[NamedArn]]:
    """The ARNs of a type whose name is in a property: IAM types, each with a pattern in which ``{}`` is the name."""

    def arns(stack: DeployedStack, logical_id: str, properties: Mapping[str, Any]) -> Iterator[NamedArn]:
        name = stack.name_of(property, logical_id, properties)
        yield from (((service, kind), arn(service, pattern.format(name))) for kind, pattern in patterns)

    return arns
