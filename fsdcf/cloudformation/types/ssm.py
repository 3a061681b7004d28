"""Systems Manager: parameters."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn, text
from fsdcf.cloudformation.pricing import PricingRule, each_month, price
from fsdcf.cloudformation.types import DeployPermissions, Drawing, Part, Properties, ResourceType, Simulation

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
