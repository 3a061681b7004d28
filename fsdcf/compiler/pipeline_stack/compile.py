"""The pipeline's stack: its parts in their fixed order."""

from __future__ import annotations

from troposphere import GetAtt

from fsdcf.compiler.compile import Template
from fsdcf.compiler.pipeline_stack.access import MOST_POLICIES, add_boundary, add_provider, add_role
from fsdcf.compiler.pipeline_stack.model import ENVIRONMENT, SERVICE, Pipeline
from fsdcf.compiler.pipeline_stack.storage import add_artifacts_bucket, add_repository
from fsdcf.compiler.stack import Stack
from fsdcf.compiler.text import intrinsic

TAGS = {"fsdcf:service": SERVICE, "fsdcf:environment": ENVIRONMENT}
STACK = f"{SERVICE}-{ENVIRONMENT}"


def compile_pipeline(pipeline: Pipeline) -> Template:
    """The template of the pipeline's stack. Raises ValueError where a role would need more policies than IAM attaches."""
    for environment, policies in pipeline.policies.items():
        if len(policies) > MOST_POLICIES:
            raise ValueError(
                f"the role for {environment} would need {len(policies)} policies, and IAM attaches {MOST_POLICIES}"
            )
    stack = Stack(f"What {pipeline.repository} on GitHub needs to build, push and deploy", TAGS)
    repositories = [GetAtt(add_repository(stack, name), "Arn") for name in sorted(set(pipeline.images))]
    repositories += [intrinsic(arn) for arn in sorted(set(pipeline.elsewhere))]
    add_artifacts_bucket(stack)
    if pipeline.boundary is not None:
        add_boundary(stack, pipeline.boundary.name, pipeline.boundary.document)
    provider = add_provider(stack, pipeline.provider)
    for environment in pipeline.policies:
        add_role(stack, pipeline, environment, provider, repositories)
    return Template(stack.data(), stack.origins)
