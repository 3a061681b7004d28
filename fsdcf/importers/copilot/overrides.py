"""Copilot's overrides: patches of its templates, of which those that have a place in ours become keys or overrides.

Source: https://aws.github.io/copilot-cli/docs/developing/overrides/yamlpatch/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from fsdcf.diagnostics import Diagnostic
from fsdcf.importers import ImportResult
from fsdcf.importers.copilot.addons import ENVIRONMENTS, Values
from fsdcf.importers.copilot.workspace import Workspace
from fsdcf.importers.draft import Block, Draft
from fsdcf.importers.keys import note, report_on
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import Source, SourceValue
from fsdcf.importers.values import put_secret, put_variable, secret_source
from fsdcf.language.document import Document
from fsdcf.language.model import ENVIRONMENT, JOB
from fsdcf.language.rules.overrides import APPEND, MEMBERS, path_of
from fsdcf.language.source import parse_patches
from fsdcf.masking import secrets_in

_PATCHES = re.compile(r"(?:^|/)cfn\.patches\.ya?ml$")
_PROGRAM = re.compile(r"(?:^|/)cdk\.json$")

_TASK = {"LogGroup": "LogGroup", "TaskDefinition": "TaskDefinition", "TaskRole": "TaskRole"}
_ROLES = {"ExecutionRole": "ExecutionRole"}
JOBS = {**_TASK, **_ROLES}
SERVICES = {**_TASK, **_ROLES, "Service": "Service", "TargetGroup": "TargetGroup"}
SHARED = {
    "VPC": "Vpc",
    "Cluster": "Cluster",
    "PublicLoadBalancer": "PublicLoadBalancer",
    "InternalLoadBalancer": "InternalLoadBalancer",
    "HTTPListener": "PublicHttpListener",
    "HTTPSListener": "PublicHttpsListener",
}
"""The resources of Copilot's templates that ours have, too, each with its logical id there."""

KEYS = {
    "LogGroup/Properties/RetentionInDays": "observability.logs.retention",
    "TaskDefinition/Properties/Cpu": "resources.cpu",
    "TaskDefinition/Properties/Memory": "resources.memory",
    "TaskDefinition/Properties/EphemeralStorage/SizeInGiB": "resources.ephemeralStorage",
    "TaskDefinition/Properties/ContainerDefinitions/0/StopTimeout": "stopTimeout",
    "TaskDefinition/Properties/ContainerDefinitions/0/ReadonlyRootFilesystem": "readonlyRootFilesystem",
    "TaskDefinition/Properties/ContainerDefinitions/0/WorkingDirectory": "workingDirectory",
    "TaskDefinition/Properties/ContainerDefinitions/0/User": "user",
    "Service/Properties/HealthCheckGracePeriodSeconds": "healthCheck.gracePeriod",
    "Service/Properties/EnableExecuteCommand": "enableExecuteCommand",
    "Service/Properties/DesiredCount": "resources.desiredCount",
    "Service/Properties/DeploymentConfiguration/MinimumHealthyPercent": "deployment.minimumHealthyPercent",
    "Service/Properties/DeploymentConfiguration/MaximumPercent": "deployment.maximumPercent",
    "HTTPSListener/Properties/SslPolicy": "loadBalancers.public.sslPolicy",
}
"""The properties that are keys of the language, by their paths in Copilot's templates."""

ATTRIBUTES = {
    "TargetGroup/deregistration_delay.timeout_seconds": "networking.loadBalancer.deregistrationDelay",
    "TargetGroup/stickiness.lb_cookie.duration_seconds": "networking.loadBalancer.stickiness.duration",
    "TargetGroup/stickiness.app_cookie.cookie_name": "networking.loadBalancer.stickiness.cookieName",
    "PublicLoadBalancer/idle_timeout.timeout_seconds": "loadBalancers.public.idleTimeout",
    "PublicLoadBalancer/deletion_protection.enabled": "loadBalancers.public.deletionProtection",
    "InternalLoadBalancer/idle_timeout.timeout_seconds": "loadBalancers.internal.idleTimeout",
    "InternalLoadBalancer/deletion_protection.enabled": "loadBalancers.internal.deletionProtection",
}
"""The attributes of target groups and load balancers that are keys of the language."""

_RELIED = re.compile(r"Service/Properties/(?:TaskDefinition|Cluster)|TaskDefinition/.*/0/(?:Name|Image)$")
_CDK = (
    "it is a program of the CDK: `copilot svc package` prints the template that it makes; write what it changes as "
    "`overrides` or as an addon"
)
_OTHER = "ours has no such resource: `fsdcf template` prints those that `overrides` can change"
_WHOLE = "`overrides` change properties of resources, and neither add nor remove what is in a template: use an addon"
_INDEX = "the lists of both templates have other orders: write it as `overrides` with the index in ours"


class PatchSource(Source):
    """A file with a list of patches, below the key ``patches``."""

    @cached_property
    def _read(self) -> tuple[Document | None, tuple[Diagnostic, ...]]:
        return parse_patches(self.raw, self.name)


def convert(workspace: Workspace, result: ImportResult) -> None:
    """Put the patches into the specs of the workloads and environments."""
    for owner, sources in workspace.overrides.items():
        if owner == ENVIRONMENTS:
            drafts = [each for each in result.drafts if each.kind is ENVIRONMENT]
        else:
            drafts = [each for each in result.drafts if each.name == owner and each.kind is not ENVIRONMENT]
        for source in sources:
            if _PROGRAM.search(source.path):
                report_on(source.root, result.report, not_carried(_CDK))
            elif _PATCHES.search(source.path):
                _patches(PatchSource(source.name, source.path, source.raw), owner, drafts, workspace, result)


def _patches(
    source: PatchSource, owner: str, drafts: Sequence[Draft], workspace: Workspace, result: ImportResult
) -> None:
    patches = source.root.get("patches")
    if source.document is None and source.findings and "comment" not in source.findings[0].message:
        report_on(source.root, result.report, not_carried(f"it cannot be read: {source.findings[0].message}"))
    for _, patch in patches.children() if patches is not None else ():
        if not drafts:
            report_on(patch, result.report, not_carried(f"no manifest of {owner} becomes a spec"))
        for draft in drafts:
            values = Values(owner, workspace, result)
            values.given = {"AppName": {"Ref": "App"}, "EnvName": {"Ref": "Env"}, "WorkloadName": {"Ref": "Name"}}
            values.given["EnvironmentName"] = {"Ref": "Env"}
            try:
                outcome = _apply(patch, draft, values)
            except UnfitError as error:
                outcome = not_carried(f"it {error}")
            note(patch, draft.block, outcome)


def _apply(patch: SourceValue, draft: Draft, values: Values) -> KeyOutcome:
    """Put one patch into a spec."""
    place, op = patch.get("path"), patch.get("op")
    if place is None or op is None or op.text not in ("add", "replace", "remove"):
        raise UnfitError("must have a `path`, and `op` add, replace or remove")
    steps = [each.replace("~1", "/").replace("~0", "~") for each in place.text.split("/")[1:]]
    if len(steps) < 4 or steps[0] != "Resources" or steps[2] not in MEMBERS:
        return not_carried(_WHOLE)
    resource, path = steps[1], "/".join(steps[1:])
    title = _title(resource, draft)
    if not title or _RELIED.search(path):
        return not_carried("fsdcf relies on it" if title else _OTHER)
    value = patch.get("value")
    data = None if value is None or op.text == "remove" else value.data
    if op.text != "remove" and data is None:
        raise UnfitError("must have a `value`")
    if any(True for _ in secrets_in({"value": data})):
        return not_carried("its value looks like a secret, which a spec must not contain: use `secrets`")
    own = _own(steps, data, draft, values) if data is not None else None
    return own or _override(title, steps[2:], data, draft, values)


def _title(resource: str, draft: Draft) -> str:
    """The resource in our template; empty if it is not there."""
    known = SHARED if draft.kind is ENVIRONMENT else JOBS if draft.kind is JOB else SERVICES
    title = known.get(resource, "")
    if title == "TargetGroup" and (
        draft.block.get("port") is None or draft.block.get("networking.loadBalancer") is False
    ):
        return ""
    balancer = {"Internal": "internal", "Public": "public"}.get(re.split("(?=[LH])", title)[0])
    if balancer and draft.block.get(f"loadBalancers.{balancer}") is None:
        return ""
    if title == "PublicHttpsListener" and draft.block.get("loadBalancers.public.certificateArn") is None:
        return ""
    return "" if title == "Vpc" and draft.block.get("network.id") else title


# Keys of the language


def _own(steps: Sequence[str], data: Any, draft: Draft, values: Values) -> KeyOutcome | None:
    """Put a patch at the key of the language that is for it; None if there is none."""
    path, block = "/".join(steps[1:]), draft.block
    if (key := KEYS.get(path)) is not None:
        if isinstance(data, (dict, list)):
            return None
        block.put_valid(key, int(data) if isinstance(data, str) and data.isdigit() else data)
        return carried(key)
    put = _APPENDED.get(re.sub(r"/\d+$", "/-", path))
    if put is not None and isinstance(data, (dict, str)):
        return put(data, block, values)
    if steps[-2:-1] and steps[-2].endswith("Attributes") and isinstance(data, dict):
        return _attribute(steps[1], data, block)
    return None


def _attribute(resource: str, data: Mapping[str, Any], block: Block) -> KeyOutcome | None:
    name, value = data.get("Key"), str(data.get("Value"))
    if name == "stickiness.enabled" and resource == "TargetGroup":
        if not isinstance(block.get("networking.loadBalancer.stickiness"), dict):
            block.put("networking.loadBalancer.stickiness", value == "true")
        return carried("networking.loadBalancer.stickiness")
    key = ATTRIBUTES.get(f"{resource}/{name}")
    if key is None:
        return None
    words = {"true": True, "false": False}
    block.put_valid(key, int(value) if value.isdigit() else words.get(value, value))
    return carried(key)


def _variable(data: Any, block: Block, values: Values) -> KeyOutcome | None:
    name, text = (data.get("Name"), values.text(data.get("Value"))) if isinstance(data, dict) else (None, None)
    return put_variable(block, name, text) if isinstance(name, str) and text is not None else None


def _secret(data: Any, block: Block, values: Values) -> KeyOutcome | None:
    name, text = (data.get("Name"), values.text(data.get("ValueFrom"))) if isinstance(data, dict) else (None, None)
    if not isinstance(name, str) or text is None:
        return None
    put_secret(block, name, secret_source(text))
    return carried("secrets")


def _policy(role: str) -> Callable[[Any, Block, Values], KeyOutcome | None]:
    def put(data: Any, block: Block, values: Values) -> KeyOutcome | None:
        document = data.get("PolicyDocument") if isinstance(data, dict) else None
        entries = [values.statement(each) for each in values.statements_of(document)]
        if not entries or None in entries:
            return None
        for entry in entries:
            block.add(f"{role}.statements", entry)
        return carried(f"{role}.statements")

    return put


def _managed(role: str) -> Callable[[Any, Block, Values], KeyOutcome | None]:
    def put(data: Any, block: Block, values: Values) -> KeyOutcome | None:
        text = values.text(data)
        if text is None:
            return None
        block.check(f"{role}.managedPolicies", [text])
        block.add(f"{role}.managedPolicies", text)
        return carried(f"{role}.managedPolicies")

    return put


_CONTAINER = "TaskDefinition/Properties/ContainerDefinitions/0"
_APPENDED: Mapping[str, Callable[[Any, Block, Values], KeyOutcome | None]] = {
    f"{_CONTAINER}/Environment/-": _variable,
    f"{_CONTAINER}/Secrets/-": _secret,
    "TaskRole/Properties/Policies/-": _policy("taskRole"),
    "TaskRole/Properties/ManagedPolicyArns/-": _managed("taskRole"),
    "ExecutionRole/Properties/Policies/-": _policy("executionRole"),
    "ExecutionRole/Properties/ManagedPolicyArns/-": _managed("executionRole"),
}
"""What is appended to lists that are keys of the language."""


# Overrides


def _override(title: str, steps: Sequence[str], data: Any, draft: Draft, values: Values) -> KeyOutcome:
    """Put a patch into ``overrides``. Only the main container has the same index in both templates."""
    path = list(steps)
    if path[-1] == "-" or (path[-1].isdigit() and data is not None and isinstance(data, (dict, str))):
        path[-1] = APPEND
    numbers = [at for at, step in enumerate(path) if step.isdigit() or step == "-"]
    if any(path[at - 1] != "ContainerDefinitions" or path[at] != "0" for at in numbers):
        return not_carried(_INDEX)
    if path[-1] == "Tags" and isinstance(data, list):
        path.append(APPEND)
    value = None if data is None else values.resolved(data)
    if data is not None and value is None:
        return not_carried(
            "its value refers to Copilot's template: write it as `overrides` with the logical IDs of fsdcf's template"
        )
    if path[-1] != APPEND:
        draft.root.put_at(f"overrides.{title}", path_of(path), value)
        return changed("the same property of our template", f".overrides.{title}")
    key = path_of(path[:-1]) + APPEND
    before = (draft.root.get(f"overrides.{title}") or {}).get(key)
    if before is not None:
        value = [*_items(before), *_items(value)]
    draft.root.put_at(f"overrides.{title}", key, value)
    return changed("appended to the same list of our template", f".overrides.{title}")


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
