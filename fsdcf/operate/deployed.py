"""What is deployed: the template of a stack as it was sent, and the parts of a release that are read from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.template import TemplateError, read
from fsdcf.deploy.aws import ApiError, Aws


def deployed_template(aws: Aws, stack: str) -> Mapping[str, Any] | None:
    """The template that runs; None where there is none to read, or it may not be read."""
    try:
        answer = aws.call("cloudformation", "GetTemplate", StackName=stack, TemplateStage="Original")
    except ApiError:
        return None
    body = answer.get("TemplateBody")
    if isinstance(body, Mapping):
        return body  # botocore decodes JSON by itself
    try:
        return read(str(body or ""))
    except TemplateError:
        return None


def physical_ids(aws: Aws, stack: str) -> Mapping[str, str] | None:
    """The physical ids of a stack's resources that exist, by logical id; None where they may not be read."""
    found: dict[str, str] = {}
    page: dict[str, str] = {}
    while True:
        try:
            answer = aws.call("cloudformation", "ListStackResources", StackName=stack, **page)
        except ApiError:
            return None
        for one in answer.get("StackResourceSummaries") or []:
            if one.get("ResourceStatus") != "DELETE_COMPLETE":
                found[str(one.get("LogicalResourceId"))] = str(one.get("PhysicalResourceId") or "")
        if not answer.get("NextToken"):
            return found
        page = {"NextToken": answer["NextToken"]}
