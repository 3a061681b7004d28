"""Copilot's rules that change the task definition: keys of the language, or overrides of the template.

Source: https://aws.github.io/copilot-cli/docs/developing/overrides/taskdef-overrides/
"""

from __future__ import annotations

import re
from typing import Any

from fsdcf.importers.copilot.workload import TITLE, note_below, without_secret, workload
from fsdcf.importers.draft import Block
from fsdcf.importers.keys import SourceKey, Table
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.masking import secrets_in

_MAIN = "ContainerDefinitions[0]."
_KEYS = {
    f"{_MAIN}LinuxParameters.InitProcessEnabled": "initProcess",
    f"{_MAIN}StopTimeout": "stopTimeout",
    f"{_MAIN}User": "user",
    f"{_MAIN}WorkingDirectory": "workingDirectory",
    f"{_MAIN}ReadonlyRootFilesystem": "readonlyRootFilesystem",
    f"{_MAIN}Command": "command",
    f"{_MAIN}EntryPoint": "entryPoint",
    f"{_MAIN}LinuxParameters.Capabilities.Drop": "capabilities.drop",
    f"{_MAIN}LinuxParameters.Capabilities.Add": "capabilities.add",
    "EphemeralStorage.SizeInGiB": "resources.ephemeralStorage",
    "TaskRoleArn": "taskRole.arn",
    "ExecutionRoleArn": "executionRole.arn",
}
_ULIMIT = re.compile(r"ContainerDefinitions\[0\]\.Ulimits\[(-|\d{1,3})\]\.(Name|SoftLimit|HardLimit)")
_PATH = re.compile(r"[A-Za-z0-9]+(?:\[(?:\d{1,3}|-)\])?(?:\.[A-Za-z0-9_/-]+(?:\[(?:\d{1,3}|-)\])?)*")
_KEPT = re.compile(r"ContainerDefinitions\[0\]\.(?:Image|Name)$")


def _rule(value: SourceValue, block: Block) -> Block | None:
    path, given = value.get("path"), value.get("value")
    if path is None or given is None:
        raise UnfitError("must have a `path` and a `value`")
    text = path.text.strip()
    if not _PATH.fullmatch(text):
        raise UnfitError("must have a `path` such as ContainerDefinitions[0].User")
    note_below(value, block, _applied(text, given, block))
    return None


def _applied(path: str, given: SourceValue, block: Block) -> KeyOutcome:
    if _KEPT.fullmatch(path):
        return not_carried("fsdcf sets the image and the name of the container of the service itself")
    without_secret(given)
    if any(secrets_in({path.rpartition(".")[2]: given.data})):
        raise UnfitError("contains what looks like a secret: store it, and give it to the container by `secrets`")
    if to := _KEYS.get(path):
        block.put(to, given.data)
        return carried(to)
    if match := _ULIMIT.fullmatch(path):
        return _limited(match[1], match[2], given, block)
    _override(path, given.data, block)
    return changed("as an override of the template, whose containers are in the order of the spec", ".overrides")


def _limited(index: str, name: str, given: SourceValue, block: Block) -> KeyOutcome:
    limits = block.get("ulimits") or []
    at = len(limits) - 1
    key = name[0].lower() + name[1:]
    if index == "-" and (at < 0 or key in limits[at]):
        block.add("ulimits", {})
        at += 1
    if at < 0:
        block.add("ulimits", {})
        at = 0
    block.below("ulimits", at).put(key, given.text if key == "name" else given.number)
    return carried(f"ulimits[{at}].{key}")


def _override(path: str, data: Any, block: Block) -> None:
    """Add an override of the task definition. What is appended to a list is one map, though it has several rules."""
    changes = workload(block).data.setdefault("overrides", {}).setdefault("TaskDefinition", {})
    head, appended, rest = path.partition("[-]")
    steps = re.sub(r"\[(\d+)\]", r".\1", head)
    place = f"Properties.{steps}[+]"
    if appended:
        changes.setdefault(place, []).append(_nested(rest, data))
        return
    match = re.fullmatch(r"(.*)\.(\d+)\.(.+)", steps)
    before = changes.get(f"Properties.{match[1]}[+]") if match else None
    if match and before and int(match[2]) > 0 and isinstance(before[-1], dict):
        before[-1] |= _nested(match[3], data)
    else:
        changes[f"Properties.{steps}"] = data


def _nested(path: str, data: Any) -> Any:
    for step in reversed([each for each in path.split(".") if each]):
        data = {step: data}
    return data


TASKDEF = (
    SourceKey(
        "taskdef_overrides[]",
        ".overrides.TaskDefinition",
        table=Table(
            TITLE,
            SourceKey("path", ".overrides.TaskDefinition", "as keys of the spec, or an override of the template"),
            SourceKey("value", ".overrides.TaskDefinition", "as keys of the spec, or an override of the template"),
        ),
        enter=_rule,
    ),
)
