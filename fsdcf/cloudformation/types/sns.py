"""SNS: topics and their policies."""

from __future__ import annotations

from fsdcf.cloudformation.arns import named_by
from fsdcf.cloudformation.types import DeployPermissions, Drawing, ForeignType, Part, PolicyDocuments, Simulation

PART: Part = "logs and alarms"
RECORDS = (
    ForeignType(
        type="AWS::SNS::Topic",
        drawing=Drawing("queue", "SNS topic", "TopicName", arn_service="sns"),
        permissions=DeployPermissions(arns=named_by("sns", "topic", "TopicName")),
        simulation=Simulation("arn:{partition}:sns:{region}:{account}:{name}", {"TopicName": "{title}"}),
    ),
    ForeignType(type="AWS::SNS::TopicPolicy", price="free", policies=PolicyDocuments("resource", ("Topics",))),
)
