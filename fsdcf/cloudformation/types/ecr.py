"""ECR: repositories."""

from __future__ import annotations

from fsdcf.cloudformation.arns import named_by
from fsdcf.cloudformation.types import (
    AccessActions,
    DeployPermissions,
    Drawing,
    ForeignType,
    Part,
    Simulation,
    StoredData,
)

PART: Part = "data"
REPOSITORY = "AWS::ECR::Repository"
_IMAGES = StoredData("its images", used_by_tasks=False)
RECORDS = (
    ForeignType(
        REPOSITORY,
        access=AccessActions(reading=("ecr:BatchCheckLayerAvailability",)),
        data=_IMAGES,
        drawing=Drawing("service", "ECR repository", "RepositoryName"),
        permissions=DeployPermissions(arns=named_by("ecr", "RepositoryName", ("repository", "repository/{}"))),
        simulation=Simulation(
            attributes={
                "Arn": "arn:{partition}:ecr:{region}:{account}:repository/{id}",
                "RepositoryUri": "{account}.dkr.ecr.{region}.{suffix}/{id}",
            }
        ),
        before_deletion="a repository must not contain images when it is deleted",
    ),
    ForeignType("AWS::ECR::PublicRepository", data=_IMAGES),
)
