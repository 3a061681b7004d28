"""Rewrite fsdcf/cloudformation/data/permissions.json: what the handlers of resource types call, and what each action
applies to.

Both come with cfn-lint: the resource schemas (us-east-1), and its copy of the AWS service authorization reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cfnlint

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "fsdcf" / "cloudformation" / "data"
TARGET = DATA / "permissions.json"
BUNDLE = Path(cfnlint.__file__).parent / "data"
REGION = "us-east-1"
HANDLERS = ("create", "read", "update", "delete")
ENGINE = ("cloudformation", "ecr", "ecs", "elasticloadbalancing", "iam", "logs", "s3", "sts")
"""Services whose actions are all kept: the deploy engine and the pipeline call them, whatever a template makes."""


OTHERS = {
    *("ssm:describeparameters", "ssm:getparameterhistory", "ssm:labelparameterversion"),
    "secretsmanager:restoresecret",
    *("states:describeexecution", "states:getexecutionhistory", "states:listexecutions"),
    *("states:startexecution", "states:stopexecution"),
}
"""Actions of other services that fsdcf calls."""


def reference(bundle: Path = BUNDLE) -> dict[str, Any]:
    """The service authorization reference: services, their actions in small letters, their resource types."""
    found: dict[str, Any] = json.loads((bundle / "AdditionalSpecs" / "Policies.json").read_text(encoding="utf-8"))
    return found


def spelled(action: str) -> tuple[str, str]:
    """``s3:listBuckets`` as service and action, both in small letters."""
    service, _, name = action.partition(":")
    return service.lower(), name.lower()


def exists(action: str, known: Mapping[str, Any]) -> bool:
    """Whether IAM knows an action. A pattern such as ``ec2:Describe*`` counts where it matches something."""
    service, name = spelled(action)
    actions = known.get(service, {}).get("Actions", {})
    if "*" in name:
        return any(one.startswith(name.partition("*")[0]) for one in actions)
    return name in actions


def handlers(
    kind: str, listed: Mapping[str, str], known: Mapping[str, Any], bundle: Path = BUNDLE
) -> dict[str, list[str]]:
    """What each handler of a resource type calls, as far as IAM knows it: schemas name what is no action, too."""
    schema = json.loads((bundle / "schemas" / "resources" / f"{listed[kind]}.json").read_text(encoding="utf-8"))
    found = {name: schema.get("handlers", {}).get(name, {}).get("permissions", ()) for name in HANDLERS}
    return {name: sorted({one for one in called if exists(one, known)}) for name, called in found.items() if called}


def targets(service: str, known: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The resource types of a service: ARN pattern, and whether ``aws:ResourceTag`` is known there."""
    out = {}
    for name, one in known[service].get("Resources", {}).items():
        (arn, *_) = one["ARNFormats"]
        tagged = "aws:ResourceTag/${TagKey}" in one.get("ConditionKeys", ())
        out[name.rstrip("/")] = [re.sub(r"\.\*$", "*", arn), tagged]
    return out


def of_action(action: str, known: Mapping[str, Any]) -> list[str]:
    """The resource types that an action applies to; none where it takes ``*`` alone."""
    service, name = spelled(action)
    kinds = {one.lower() for one in known[service].get("Resources", {})}
    listed = known[service]["Actions"].get(name, {}).get("Resources", ())
    return sorted({one.lower().rstrip("/") for one in listed if one.lower() in kinds})


OPTIONAL = {"cloudwatch": {"dataset"}, "polly": {"lexicon"}, "translate": {"parallel-data", "terminology"}}
"""Resource types that a request may name or leave out; without one it is a request on ``*``."""


def without_resource(known: Mapping[str, Any]) -> dict[str, list[str]]:
    """The actions of each service that take ``*`` alone, or that a request may make on no resource."""
    found = {
        service: sorted(
            name
            for name, one in entry["Actions"].items()
            if {*one.get("Resources", ())} <= OPTIONAL.get(service, set())
        )
        for service, entry in sorted(known.items())
    }
    return {service: names for service, names in found.items() if names}


def content(bundle: Path = BUNDLE) -> dict[str, Any]:
    """The content of the data file."""
    known = reference(bundle)
    listed = json.loads((bundle / "schemas" / "providers" / f"{REGION}.json").read_text(encoding="utf-8"))
    kinds = json.loads((DATA / "facts.json").read_text(encoding="utf-8"))["types"]
    types = {kind: handlers(kind, listed, known, bundle) for kind in sorted(kinds)}
    called = {one for each in types.values() for actions in each.values() for one in actions if "*" not in one}
    actions = {":".join(spelled(one)) for one in called}
    actions |= OTHERS | {f"{service}:{name}" for service in ENGINE for name in known[service]["Actions"]}
    services = sorted({one.partition(":")[0] for one in actions})
    date = json.loads((bundle / "schemas" / "version.json").read_text(encoding="utf-8"))["schema_date"]
    return {
        "schema_date": date,
        "types": {kind: each for kind, each in types.items() if each},
        "actions": {one: of_action(one, known) for one in sorted(actions)},
        "targets": {
            service: {name.lower(): one for name, one in targets(service, known).items()} for service in services
        },
        "unlimited": without_resource(known),
    }


def section(name: str, entries: Mapping[str, Any]) -> str:
    """A section with a line for each entry, so that a change can be read."""
    body = (f"{json.dumps(key)}:{json.dumps(one, separators=(',', ':'))}" for key, one in entries.items())
    return f"{json.dumps(name)}:{{\n" + ",\n".join(body) + "\n}"


def text(bundle: Path = BUNDLE) -> str:
    """The data file's text."""
    found = content(bundle)
    sections = [section(name, found[name]) for name in ("types", "actions", "targets", "unlimited")]
    return f'{{"schema_date":{json.dumps(found["schema_date"])},\n' + ",\n".join(sections) + "}\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
