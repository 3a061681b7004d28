"""What a caller asks a stack to be: template, parameters, tags and the rest, refused as CloudFormation would or made settings."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from fsdcf.cloudformation.limits import TEMPLATE_BYTES, body_problem
from fsdcf.cloudformation.parameters import resolved
from fsdcf.cloudformation.template import TemplateError
from fsdcf.cloudformation.validation import problems
from fsdcf.sandbox import schedule, ssm
from fsdcf.sandbox.cloudformation import records, words
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.state import Refusal, World

UPDATABLE = frozenset(
    {
        *(
            "CREATE_COMPLETE",
            "UPDATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
            "IMPORT_COMPLETE",
            "IMPORT_ROLLBACK_COMPLETE",
        ),
        *("CREATE_FAILED", "UPDATE_FAILED"),
    }
)
"""The statuses that take an update; the two last ones are those of a stack whose rollback was disabled.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
"""

STACK_NAME = "[a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*"
TOKEN = "[a-zA-Z0-9][-a-zA-Z0-9]*"  # noqa: S105
LONGEST_NAME = 128
MOST_TAGS = 50
_BUCKET_HOST = re.compile(r"(?P<bucket>.+?)\.s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?")


def check_name(name: str, member: str = "stackName", expected: str = STACK_NAME) -> None:
    """Refuses a name that CloudFormation does not take."""
    if not re.fullmatch(expected, name):
        raise words.pattern(name, member, expected)
    if not name.startswith("arn:") and len(name) > LONGEST_NAME:
        raise words.too_long(name, member, LONGEST_NAME)


def fingerprint(params: Mapping[str, Any]) -> str:
    """A text that requests with the same content share."""
    return hashlib.sha256(json.dumps(params, sort_keys=True, default=str).encode()).hexdigest()


def repeated(stack: Record, operation: str, params: Mapping[str, Any]) -> bool:
    """Whether this request has been taken before, by its token; else the token is noted. The caller saves the stack.

    Refuses a token that another request came with.
    """
    token = params.get("ClientRequestToken")
    if token is None:
        return False
    known, mark = stack["tokens"].get(token), [operation, fingerprint(params)]
    if known is None:
        stack["tokens"][token] = mark
        return False
    if known != mark:
        raise Refusal("TokenAlreadyExistsException", f"A client request token already exists: {token}")
    return True


def settings(world: World, stack: Record | None, params: Mapping[str, Any]) -> Record:
    """The settings that a request asks for; ``stack`` is there for what it keeps. Raises Refusal."""
    before = stack["settings"] if stack is not None else None
    text = _template(world, before, params)
    try:
        template = records.parsed(text)
    except TemplateError as error:
        raise words.invalid(str(error)) from None
    chosen = _parameters(template, before, params)
    stored = _stored(world, template, chosen)
    capabilities = list(params.get("Capabilities") or ())
    _refuse(template, chosen, capabilities)
    declared = template.get("Parameters") or {}
    kept = before or {"tags": {}, "notifications": []}
    notifications = params.get("NotificationARNs")
    return {
        "template": records.save_template(world, text),
        "description": template.get("Description"),
        "parameters": chosen,
        "values": chosen | stored,
        "hidden": sorted(name for name, one in declared.items() if str(one.get("NoEcho", False)).lower() == "true"),
        "tags": _tags(params) if params.get("Tags") is not None else kept["tags"],
        "capabilities": capabilities,
        "notifications": kept["notifications"] if notifications is None else list(notifications),
        "role": params.get("RoleARN") or (before or {}).get("role"),
    }


def _template(world: World, before: Record | None, params: Mapping[str, Any]) -> str:
    body, url = params.get("TemplateBody"), params.get("TemplateURL")
    previous = params.get("UsePreviousTemplate")
    if sum(one is not None and one is not False for one in (body, url, previous)) > 1:
        raise words.invalid("You can specify only one of TemplateBody, TemplateURL or UsePreviousTemplate.")
    if previous and before is not None:
        return records.template_text(world, before["template"])
    if body is None and url is None:
        raise words.invalid("Either Template URL or Template Body must be specified.")
    return text_of(world, params)


def text_of(world: World, params: Mapping[str, Any]) -> str:
    """The template in a request's TemplateBody or behind its TemplateURL. Sizes count bytes."""
    if params.get("TemplateBody") is not None:
        body = str(params["TemplateBody"])
        problem = body_problem(body)
        if problem is not None:
            raise words.invalid(problem)
        return body
    raw = _fetched(world, str(params["TemplateURL"]))
    if len(raw) > TEMPLATE_BYTES:
        raise words.invalid(f"Template may not exceed {TEMPLATE_BYTES} bytes in size.")
    return raw.decode()


def _fetched(world: World, url: str) -> bytes:
    parts = urlsplit(url)
    path = unquote(parts.path.lstrip("/"))
    found = _BUCKET_HOST.fullmatch(parts.netloc)
    bucket, _, key = ("", "", "") if found else path.partition("/")
    if found:
        bucket, key = found["bucket"], path
    elif not re.match(r"s3[.-]|(localhost|127\.0\.0\.1)(:\d+)?$", parts.netloc):
        raise words.invalid("TemplateURL must be a supported URL.")
    try:
        answer = schedule.operations("s3")["GetObject"](world, {"Bucket": bucket, "Key": key})
    except Refusal as refusal:
        more = "For more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
        raise words.invalid(f"S3 error: {refusal.message}\n{more}") from None
    return bytes(answer["Body"])


def _parameters(template: Mapping[str, Any], before: Record | None, params: Mapping[str, Any]) -> dict[str, str]:
    known = before["parameters"] if before is not None else {}
    given: dict[str, str] = {}
    previous: dict[str, str] = {}
    for one in params.get("Parameters") or ():
        key = one["ParameterKey"]
        if not one.get("UsePreviousValue"):
            given[key] = one.get("ParameterValue", "")
        elif key in known:
            previous[key] = known[key]
        else:
            raise words.invalid(
                f"Invalid input for parameter key {key}. "
                "Cannot specify usePreviousValue as true for a parameter key not in the previous template"
            )
    chosen, faults = resolved(template, given, previous)
    if faults:
        raise words.invalid(faults[0])
    return chosen


def _stored(world: World, template: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, str]:
    """The values of the parameters that name one of Parameter Store's, as they are there now."""
    declared = template.get("Parameters") or {}
    named = {
        key: one
        for key, one in chosen.items()
        if str(declared[key].get("Type")).startswith("AWS::SSM::Parameter::Value<")
    }
    found = {key: ssm.value_of(world, name) for key, name in named.items()}
    lost = [named[key] for key, value in found.items() if value is None]
    if lost:
        raise words.invalid(f"Unable to fetch parameters [{','.join(lost)}] from parameter store for this account.")
    return {key: value for key, value in found.items() if value is not None}


def _refuse(template: Mapping[str, Any], chosen: Mapping[str, str], capabilities: list[str]) -> None:
    """Refuses what CreateChangeSet refuses, and what the sandbox cannot do. Wrong properties are left to early validation and to
    the resource."""
    transforms = template.get("Transform") or []
    strange = [one for one in ([transforms] if isinstance(transforms, str) else transforms) if one != LANGUAGE]
    if strange:
        raise words.invalid(f"The sandbox processes no transforms but {LANGUAGE}: {strange}")
    found = [one for one in problems(template, chosen, capabilities) if not one.startswith(PROPERTY_PROBLEMS)]
    if found and found[0].startswith("Requires capabilities"):
        raise Refusal("InsufficientCapabilitiesException", found[0])
    if found:
        raise words.invalid(found[0])


LANGUAGE = "AWS::LanguageExtensions"

PROPERTY_PROBLEMS = ("Encountered unsupported property ", "Property ")
"""How the problems begin that CloudFormation does not answer CreateChangeSet with."""


def _tags(params: Mapping[str, Any]) -> dict[str, str]:
    tags = {one["Key"]: one["Value"] for one in params["Tags"]}
    if len(tags) > MOST_TAGS:
        raise words.invalid(f"Tags cannot have more than {MOST_TAGS} elements.")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise words.invalid("Tag keys starting with 'aws:' are reserved for system use.")
    return tags
