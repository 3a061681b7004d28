"""CloudFormation's own types: custom resources, nested stacks and wait conditions."""

from __future__ import annotations

from fsdcf.cloudformation.types import ForeignType, Part, Simulation

PART: Part = "other"
STACK = "AWS::CloudFormation::Stack"
RECORDS = (
    *(
        ForeignType(f"AWS::CloudFormation::{name}", simulation=Simulation(supported=False))
        for name in ("CustomResource", "Macro", "Stack")
    ),
    *(ForeignType(f"AWS::CloudFormation::{name}", price="free") for name in ("WaitCondition", "WaitConditionHandle")),
)
