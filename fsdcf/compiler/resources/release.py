"""The release record: which image the service runs, kept by SSM with its history."""

from __future__ import annotations

from troposphere import ssm

from fsdcf.compiler.resources.image import image
from fsdcf.compiler.stack import Stack
from fsdcf.spec.model import Spec


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
