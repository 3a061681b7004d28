"""The container image: the repository is part of the template, the tag or digest is the parameter ``ImageSha``."""

from __future__ import annotations

import re
from typing import Any

from troposphere import Equals, If, Not, Parameter, Ref, Select, Split, Sub, ssm

from fsdcf.cloudformation.ecr import ADDRESS
from fsdcf.cloudformation.registries import parts_of_image
from fsdcf.compiler.stack import Context, StackPart
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.conventions import IMAGE_PARAMETER, RELEASE_RECORD, release_name
from fsdcf.language.model.service import Spec

DIGEST = "ImageIsDigest"
TAG_OR_DIGEST = r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[a-f0-9]{64})$"
_ECR = re.compile(ADDRESS + "(?P<name>.+)")


def image_parameter(context: Context) -> StackPart:
    """The parameter, and the condition that distinguishes a digest from a tag: only a digest contains a colon."""
    parameter = Parameter(
        IMAGE_PARAMETER,
        Type="String",
        Description="Tag of the image, such as the commit SHA, or its digest (sha256: and 64 hex digits)",
        AllowedPattern=TAG_OR_DIGEST,
        ConstraintDescription="a Docker tag (letters, digits, _ . -; at most 128) or sha256: and 64 hex digits",
    )
    is_digest = Not(Equals(Select(0, Split(":", Ref(IMAGE_PARAMETER))), Ref(IMAGE_PARAMETER)))
    return StackPart(parameters={IMAGE_PARAMETER: parameter}, conditions={DIGEST: is_digest})


def repository(spec: Spec) -> str:
    """The repository as a fragment: the one in the spec, or by default the ECR repository with the service's name."""
    image = spec.service.image
    if image is None:
        return f"${{AWS::AccountId}}.dkr.ecr.${{AWS::Region}}.${{AWS::URLSuffix}}/{spec.metadata.name}"
    text = fragment(image)
    whole = intrinsic(text)
    return whole if isinstance(whole, str) else text


def image(spec: Spec) -> Any:
    """``repository:tag`` or ``repository@sha256:…``."""
    base = repository(spec)
    return If(DIGEST, Sub(f"{base}@${{{IMAGE_PARAMETER}}}"), Sub(f"{base}:${{{IMAGE_PARAMETER}}}"))


def repository_arn(spec: Spec) -> str | None:
    """The ARN of the ECR repository as a fragment; None for an image from another registry."""
    if spec.service.image is None:
        return f"arn:${{AWS::Partition}}:ecr:${{AWS::Region}}:${{AWS::AccountId}}:repository/{spec.metadata.name}"
    return arn_of_image(repository(spec))


def arn_of_image(image: str) -> str | None:
    """The ARN of the ECR repository of an image as fragments, with or without a tag or digest; None for another
    registry."""
    address = _ECR.fullmatch(parts_of_image(image)[0])
    if address is None:
        return None
    return f"arn:${{AWS::Partition}}:ecr:{address['region']}:{address['account']}:repository/{address['name']}"


_RUNNERS = ("Service", "Schedule", "StateMachine", "TaskDefinition")
"""What runs the image last: the schedule of a job starts its state machine, and a job may have neither."""


def release(context: Context) -> StackPart:
    """``Release``: an SSM parameter whose value is the image.

    It waits for what runs the task definition, so that a failed release is never recorded. The 100
    versions that SSM keeps are the history.
    """
    record = ssm.Parameter(
        RELEASE_RECORD,
        Name=Sub(release_name(context.environment, "${AWS::StackName}")),
        Type="String",
        Value=image(context.spec),
        Description=f"Image of {context.spec.metadata.name}; its versions are the releases",
    )
    record.DependsOn = [next(title for title in _RUNNERS if title in context.before.resources)]
    return StackPart().add(record, "service.image")
