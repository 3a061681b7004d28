"""Step Functions: state machines."""

from __future__ import annotations

from fsdcf.cloudformation.arns import named_by
from fsdcf.cloudformation.pricing import CostItems, PricingContext, PricingRule, Resources, Unpriced
from fsdcf.cloudformation.types import DeployPermissions, Part, ResourceType, Simulation

PART: Part = "tasks"
STATE_MACHINE = "AWS::StepFunctions::StateMachine"


def _price_machines(context: PricingContext, machines: Resources) -> CostItems:
    for machine in machines:
        yield Unpriced(f"State machine {machine.name}", "the number of runs is not known", (machine.name,))


RECORDS = (
    ResourceType(
        STATE_MACHINE,
        PricingRule("tasks", _price_machines, ()),
        Simulation(
            "arn:{partition}:states:{region}:{account}:stateMachine:{name}",
            {"Arn": "{id}", "Name": "{name}", "StateMachineRevisionId": "{uuid}"},
            create=4.0,
            longest_name=80,
        ),
        DeployPermissions(arns=named_by("states", "StateMachineName", ("stateMachine", "{}"))),
    ),
)
