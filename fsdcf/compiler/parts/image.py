"""The container image: the repository is compiled in, the tag or digest is the parameter ``ImageSha``."""

from __future__ import annotations

import re
from typing import Any

from troposphere import Equals, If, Not, Parameter, Ref, Select, Split, Sub, ssm

from fsdcf.cloudformation.ecr import ADDRESS
from fsdcf.compiler.stack import Stack
from fsdcf.compiler.text import value
from fsdcf.conventions import IMAGE_PARAMETER
from fsdcf.language.model.service import Spec

DIGEST = "ImageIsDigest"
TAG_OR_DIGEST = r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[a-f0-9]{64})$"
_ECR = re.compile(ADDRESS + "(?P<name>.+)")


def add_image(stack: Stack) -> None:
    """The parameter, and the condition that tells a digest from a tag: only a digest holds a colon."""
    stack.parameter(
        Parameter(
            IMAGE_PARAMETER,
            Type="String",
            Description="Tag of the image, such as the commit SHA, or its digest (sha256: and 64 hex digits)",
            AllowedPattern=TAG_OR_DIGEST,
            ConstraintDescription="a Docker tag (letters, digits, _ . -; at most 128) or sha256: and 64 hex digits",
        )
    )
    stack.condition(DIGEST, Not(Equals(Select(0, Split(":", Ref(IMAGE_PARAMETER))), Ref(IMAGE_PARAMETER))))


def repository(spec: Spec) -> str:
    """The repository as a fragment: the spec's, or the one of the service's name in the stack's account and region."""
    image = spec.service.image
    if image is None:
        return f"${{AWS::AccountId}}.dkr.ecr.${{AWS::Region}}.${{AWS::URLSuffix}}/{spec.metadata.name}"
    written = value(image)
    if isinstance(written, str):
        return written
    return str(written.data.get("Fn::Sub") or f"${{{written.data.get('Ref')}}}")


def image(spec: Spec) -> Any:
    """``repository:tag`` or ``repository@sha256:…``."""
    base = repository(spec)
    return If(DIGEST, Sub(f"{base}@${{{IMAGE_PARAMETER}}}"), Sub(f"{base}:${{{IMAGE_PARAMETER}}}"))


def repository_arn(spec: Spec) -> str | None:
    """The ECR repository's ARN as a fragment; None for an image from elsewhere."""
    if spec.service.image is None:
        return f"arn:${{AWS::Partition}}:ecr:${{AWS::Region}}:${{AWS::AccountId}}:repository/{spec.metadata.name}"
    found = _ECR.fullmatch(repository(spec))
    if found is None:
        return None
    return f"arn:${{AWS::Partition}}:ecr:{found['region']}:{found['account']}:repository/{found['name']}"


def add_release(stack: Stack, spec: Spec) -> None:
    """``Release``: a parameter with the image as its value, and nothing else that changes by itself.

    It waits for the service, so that a failed release is never recorded. SSM keeps 100 versions of it: the history.
    """
    record = ssm.Parameter(
        "Release",
        Type="String",
        Value=image(spec),
        Description=f"Image of {spec.metadata.name}; its versions are the releases",
    )
    record.DependsOn = ["Service"]
    stack.add(record, "service.image")
