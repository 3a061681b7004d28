"""Systems Manager: parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn, text
from fsdcf.cloudformation.pricing import PricingRule, each_month, price
from fsdcf.cloudformation.types import (
    DeployPermissions,
    Drawing,
    Part,
    Properties,
    Refusal,
    ResourceType,
    Simulation,
    Updates,
)

PART: Part = "other"
PARAMETER = "AWS::SSM::Parameter"


def _arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """A parameter without a name is ``CFN-LogicalId-`` and twelve characters, or, by the documentation, named as all
    else."""
    if "Name" in properties:
        names = [text(properties["Name"], stack.stack).lstrip("/")]
    else:
        names = [f"CFN-{logical_id}-*", stack.generated_name(logical_id)]
    yield from ((("ssm", "parameter"), arn("ssm", f"parameter/{name}")) for name in names)


_ANOTHER = "1. write a parameter of another name, and deploy; 2. remove this one"


def _other_type(before: Any, after: Any) -> Refusal | None:
    """Source: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"""
    if before == after:
        return None
    return Refusal(
        f"a parameter keeps its type, and it is a {before}", _ANOTHER, "doesn't support changing a parameter type"
    )


def _lower_tier(before: Any, after: Any) -> Refusal | None:
    """Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""
    if before != "Advanced" or after == "Advanced":
        return None
    return Refusal("an advanced parameter cannot become a standard one", _ANOTHER)


RECORDS = (
    ResourceType(
        PARAMETER,
        PricingRule(
            "permissions",
            # Standard parameters are free.
            each_month("parameter.advanced", "Advanced parameters", lambda one: one.get("Tier") == "Advanced"),
            (
                price(
                    "parameter.advanced",
                    "0.05",
                    "parameter-month",
                    "not confirmed by a dated source",
                    "2026-11-24",
                    weak=True,
                ),
            ),
            order=1,
        ),
        Simulation(
            attributes={"Arn": "arn:{partition}:ssm:{region}:{account}:parameter/{plain}"},
            create=3.0,
            generated_name="CFN-{logical}-{ending}",
        ),
        DeployPermissions(arns=_arns),
        updates=Updates(refused={"Type": _other_type, "Tier": _lower_tier}),
        drawing=Drawing(
            "service",
            "SSM parameter",
            "Name",
            arn_service="ssm",
            arn_name="(?:parameter/)?(.+)",
            read_at_start=True,
            arn_title="SSM parameters",
        ),
    ),
)
