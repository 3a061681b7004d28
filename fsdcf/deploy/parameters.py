"""The parameters that go with a change set: the image, the values that stay, and what must be named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.parameters import secret_values
from fsdcf.conventions import IMAGE_PARAMETER
from fsdcf.deploy.state import Snapshot


def parameters(
    template: Mapping[str, Any], image_sha: str | None, deployed: Snapshot | None
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The parameters of CreateChangeSet, and the names of those that have no value.

    ``deployed`` is the stack that is updated, None for a creation. A previous value is used where the deployed template has the
    parameter; one with a default is left to it, so that a new default counts.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """
    sent: list[dict[str, Any]] = []
    missing: list[str] = []
    for name, declared in (template.get("Parameters") or {}).items():
        if name == IMAGE_PARAMETER and image_sha is not None:
            sent.append({"ParameterKey": name, "ParameterValue": image_sha})
        elif "Default" in declared:
            continue
        elif deployed is not None and name in deployed.parameters:
            sent.append({"ParameterKey": name, "UsePreviousValue": True})
        else:
            missing.append(name)
    return sent, tuple(missing)


def secrets(template: Mapping[str, Any], image_sha: str | None) -> tuple[str, ...]:
    """The values of the parameters with NoEcho, which must not be shown."""
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    values = {name: str(one["Default"]) for name, one in declared.items() if "Default" in one}
    return (
        *secret_values(template, values),
        *(secret_values(template, {IMAGE_PARAMETER: image_sha}) if image_sha is not None else ()),
    )
