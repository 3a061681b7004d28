"""Templates: read back, summed up, validated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.template import TemplateError
from fsdcf.cloudformation.validation import capabilities, problems
from fsdcf.sandbox.cloudformation import changesets, records, requests, words
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.world import World

_ALL_CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")


def get_template(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """GetTemplate: the text as it was sent, of a stack or of a change set. Deleted stacks by ARN."""
    if params.get("ChangeSetName") is not None:
        settings = changesets.demanded(world, params)["settings"]
    else:
        named = params.get("StackName")
        if named is None:
            raise words.invalid("StackName is required if ChangeSetName is not specified.")
        stack = records.find(world, named)
        if stack is None:
            raise words.no_such_id(named)
        settings = stack["settings"]
    if settings is None:
        raise words.invalid("No template exists for the stack under review. Specify ChangeSetName.")
    text = records.template_text(world, settings["template"])
    return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}


def get_template_summary(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """GetTemplateSummary: of a template or of a stack's."""
    named = params.get("StackName")
    if named is not None:
        stack = records.living(world, named)
        if stack is None or stack["settings"] is None:
            raise words.no_such_id(named)
        template = records.template(world, stack["settings"]["template"])
    else:
        template = _given(world, params)
    resources: Mapping[str, Any] = template.get("Resources") or {}
    types = dict.fromkeys(one["Type"] for one in resources.values())
    metadata = template.get("Metadata")
    answer = {
        "Parameters": [_summed(name, one) for name, one in (template.get("Parameters") or {}).items()],
        "Description": template.get("Description"),
        **_needed(template),
        "ResourceTypes": list(types),
        "Version": template.get("AWSTemplateFormatVersion"),
        "Metadata": None if metadata is None else json.dumps(metadata),
    }
    return {key: value for key, value in answer.items() if value is not None}


def _needed(template: Mapping[str, Any]) -> Record:
    needed = list(capabilities(template))
    if not needed:
        return {}
    return {
        "Capabilities": needed,
        "CapabilitiesReason": f"The following capabilities are required: {', '.join(needed)}",
    }


def _given(world: World, params: Mapping[str, Any]) -> Mapping[str, Any]:
    if params.get("TemplateBody") is None and params.get("TemplateURL") is None:
        raise words.invalid("Either Template URL or Template Body must be specified.")
    try:
        return records.parsed(requests.text_of(world, params))
    except TemplateError as error:
        raise words.invalid(str(error)) from None


def _declared(name: str, one: Mapping[str, Any]) -> Record:
    shown = {
        "ParameterKey": name,
        "DefaultValue": str(one["Default"]) if "Default" in one else None,
        "NoEcho": str(one.get("NoEcho", False)).lower() == "true",
        "Description": one.get("Description"),
    }
    return {key: value for key, value in shown.items() if value is not None}


def _summed(name: str, one: Mapping[str, Any]) -> Record:
    allowed = one.get("AllowedValues")
    limits = {} if allowed is None else {"AllowedValues": [str(value) for value in allowed]}
    return {**_declared(name, one), "ParameterType": one.get("Type", "String"), "ParameterConstraints": limits}


def validate_template(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ValidateTemplate: the template's form, not its parameters' values."""
    template = _given(world, params)
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    found = [
        one
        for one in problems(template, {}, _ALL_CAPABILITIES)
        if not one.startswith((*requests.PROPERTY_PROBLEMS, "Parameter"))
    ]
    if found:
        raise words.invalid(found[0])
    answer = {"Parameters": [_declared(name, one) for name, one in declared.items()], **_needed(template)}
    description = template.get("Description")
    return answer if description is None else {**answer, "Description": description}
