"""The roles and the hardening of the flat dialect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fsdcf.importers.draft import Block
from fsdcf.importers.flat.container import container_keys, unless
from fsdcf.importers.flat.network import group, network_mode
from fsdcf.importers.flat.reading import (
    flat,
    get,
    items,
    keys,
    listed,
    put,
    report_all,
    table,
    text,
    translated,
)
from fsdcf.importers.keys import Convert, SourceKey, note
from fsdcf.importers.report import UnfitError, carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import put_flag


def _role(to: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> None:
        given = translated(value, value.text).strip()
        if re.fullmatch(r"[\w+=,.@/-]{1,128}", given):
            given = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{given}"
        if not given.startswith("arn:") and not given.startswith("${"):
            raise UnfitError("must be the name or the ARN of a role")
        block.put(f"{to}.arn", given)

    return convert


def _statement(value: SourceValue, block: Block) -> Block | None:
    if value.is_text():
        return _managed(value, block)
    actions, resources = get(value, "actions", "action"), get(value, "resources", "resource")
    if actions is None or resources is None:
        raise UnfitError("must have `actions` and `resources`")
    statement: dict[str, Any] = {}
    sid, effect = get(value, "sid", "name", "id"), get(value, "effect")
    if sid is not None:
        statement["sid"] = re.sub(r"[^A-Za-z0-9]", "", sid.text)
    if effect is not None and effect.text.capitalize() != "Allow":
        statement["effect"] = effect.text.capitalize()
    statement["actions"] = [each.text for each in listed(actions)]
    found = [translated(each, each.text) for each in listed(resources)]
    statement["resources"] = [re.sub("^arn:aws:", "arn:${AWS::Partition}:", each) for each in found]
    conditions = get(value, "conditions", "condition")
    if conditions is not None:
        statement["conditions"] = _conditions(conditions)
    if flat(block).has_role:
        raise UnfitError("belongs to the existing role: the stack adds no statements to it")
    place = f"taskRole.statements[{len(block.get('taskRole.statements') or ())}]"
    block.add("taskRole.statements", statement)
    known = {"sid", "name", "id", "effect", "actions", "action", "resources", "resource", "conditions", "condition"}
    report_all(value, block, place, frozenset(known))
    return None


def _conditions(value: SourceValue) -> Any:
    if isinstance(value.data, dict):
        return {name: _conditions(child) for name, child in value.children()}
    if isinstance(value.data, list):
        return [_conditions(each) for each in value.items()]
    return translated(value, value.text)


def _managed(value: SourceValue, block: Block) -> Block | None:
    if flat(block).has_role:
        raise UnfitError("belongs to the existing role: the stack attaches no policies to it")
    given = translated(value, value.text)
    if not re.fullmatch(r"[\w+=,.@/:${}-]{1,2048}", given):
        raise UnfitError("must be the name or the ARN of a policy")
    block.add("taskRole.managedPolicies", given)
    note(value, block, carried("taskRole.managedPolicies"))
    return None


def _permissions(prefix: str) -> Iterator[SourceKey]:
    under = prefix and f"{prefix}."
    for name in ("policy_statements", "statements", "policies", "iam_policies", "iam_statements", "managed_policies"):
        yield items(f"{under}{name}[]", "taskRole.statements", _statement)


SECURITY = table(
    *keys(
        "task_role task_role_arn role role_arn iam_role iam_role_arn task_role.arn iam_role.arn",
        "taskRole.arn",
        _role("taskRole"),
    ),
    *keys(
        "execution_role execution_role_arn task_execution_role execution_role.arn",
        "executionRole.arn",
        _role("executionRole"),
    ),
    *_permissions(""),
    *_permissions("iam"),
    *_permissions("iam_role"),
    *_permissions("task_role"),
    *put("permissions_boundary", "permissionsBoundary", text),
    SourceKey("network_mode", "networking", convert=network_mode),
    *(items(f"{name}[]", "networking.securityGroups", group) for name in ("security_groups", "security_group_ids")),
    *(key for key in container_keys("") if key.path not in ("image", "command", "cmd", "args", "essential")),
    *put("exec enable_exec execute_command enable_execute_command", "enableExecuteCommand", put_flag),
    *put("kms_key kms_key_arn encryption.kms_key encryption.kms_key_arn", "encryption", text),
    *keys(
        "encryption encryption.enabled encryption.at_rest", "encryption", unless(True, "the stack encrypts the data")
    ),
)
