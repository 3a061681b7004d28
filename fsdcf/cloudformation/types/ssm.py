"""Systems Manager: parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn, text
from fsdcf.cloudformation.planned import PlannedResource
from fsdcf.cloudformation.pricing import CostLine, PricingContext, PricingRule, price
from fsdcf.cloudformation.types import (
    AccessActions,
    DeployPermissions,
    Drawing,
    Part,
    PolicyDocuments,
    Properties,
    ResourceType,
    Simulation,
    Updates,
)

PART: Part = "other"
PARAMETER = "AWS::SSM::Parameter"


def _price_parameters(context: PricingContext, parameters: Sequence[PlannedResource]) -> Iterator[CostLine]:
    """Standard parameters are free."""
    advanced = [one for one in parameters if one.properties.get("Tier") == "Advanced"]
    if advanced:
        count = len(advanced)
        yield context.line("parameter.advanced", "Advanced parameters", count, f"{count} × 1 month", advanced)


def _arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """A parameter without a name is ``CFN-LogicalId-`` and twelve characters, or, by the documentation, named as all
    else."""
    if "Name" in properties:
        names = [text(properties["Name"]).lstrip("/")]
    else:
        names = [f"CFN-{logical_id}-*", stack.generated_name(logical_id)]
    yield from ((("ssm", "parameter"), arn("ssm", f"parameter/{name}")) for name in names)


RECORDS = (
    ResourceType(
        type=PARAMETER,
        data=None,
        retained=False,
        snapshot=None,
        updates=Updates(),
        price=PricingRule(
            "permissions",
            _price_parameters,
            (
                price(
                    *("parameter.advanced", "0.05", "parameter-month", "from memory, not confirmed", "2026-11-24"),
                    weak=True,
                ),
            ),
            order=1,
        ),
        side_costs=None,
        drawing=Drawing("service", "SSM parameter", "Name", arn_service="ssm", arn_title="SSM parameters"),
        policies=PolicyDocuments(),
        access=AccessActions(),
        permissions=DeployPermissions(arns=_arns),
        simulation=Simulation(
            attributes={"Arn": "arn:{partition}:ssm:{region}:{account}:parameter/{plain}"},
            create=3.0,
            generated_name="CFN-{logical}-{ending}",
        ),
        before_deletion="",
    ),
)
