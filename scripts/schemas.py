"""Rewrites fsdcf/cloudformation/data/facts.json out of the resource schemas that cfn-lint bundles (us-east-1)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cfnlint

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "fsdcf" / "cloudformation" / "data" / "facts.json"
BUNDLE = Path(cfnlint.__file__).parent / "data" / "schemas"
REGION = "us-east-1"

SERVICES = (
    *(
        "ApplicationAutoScaling",
        "AutoScaling",
        "Backup",
        "CertificateManager",
        "CloudFormation",
        "CloudWatch",
        "DSQL",
        "DynamoDB",
        "EC2",
    ),
    *(
        "ECR",
        "ECS",
        "EFS",
        "ElastiCache",
        "ElasticLoadBalancingV2",
        "Events",
        "IAM",
        "KMS",
        "Kinesis",
        "KinesisFirehose",
    ),
    *(
        "Lambda",
        "Logs",
        "MSK",
        "OpenSearchService",
        "RDS",
        "Route53",
        "S3",
        "SNS",
        "SQS",
        "SSM",
        "Scheduler",
        "SecretsManager",
        "ServiceDiscovery",
        "StepFunctions",
    ),
    *("VpcLattice", "WAFv2"),
)
"""The services whose resource types fsdcf makes, or may soon make."""

LISTS = {
    "createOnlyProperties": "create_only",
    "conditionalCreateOnlyProperties": "conditional",
    "readOnlyProperties": "read_only",
    "writeOnlyProperties": "write_only",
    "primaryIdentifier": "identifier",
}
"""Lists of property pointers in a schema, and what the data file calls them."""

NAMES = {
    "AWS::AutoScaling::WarmPool": None,
    "AWS::EC2::KeyPair": "KeyName",
    "AWS::EC2::PrefixList": None,
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::ECS::TaskDefinition": None,
    "AWS::ElastiCache::ParameterGroup": None,
    "AWS::ElastiCache::User": "UserId",
    "AWS::IAM::Policy": None,
    "AWS::Logs::Transformer": None,
    "AWS::Route53::HostedZone": None,
    "AWS::Route53::RecordSet": None,
    "AWS::Route53::TrafficPolicy": None,
    "AWS::Route53::TrafficPolicyInstance": None,
    "AWS::S3::MultiRegionAccessPointPolicy": None,
    "AWS::SSM::Association": None,
    "AWS::SSM::MaintenanceWindow": None,
    "AWS::SSM::PatchBaseline": None,
    "AWS::ServiceDiscovery::PrivateDnsNamespace": None,
    "AWS::ServiceDiscovery::Service": None,
    "AWS::VpcLattice::AuthPolicy": None,
}
"""Names that ``name_of`` misses, or that it finds although the name is not the resource's own or need not be unique
(the revisions of a task definition share its family).
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html"""

TABLES = {"conditional": ["AttributeDefinitions"], "unordered": ["AttributeDefinitions"]}

DOCUMENTED = {
    "AWS::DynamoDB::GlobalTable": TABLES,
    "AWS::DynamoDB::Table": {**TABLES, "create_only": ["LocalSecondaryIndexes"]},
    "AWS::Route53::RecordSet": {"create_only": ["Name"]},
}
"""Update behavior that the reference documents and the schemas omit; attribute definitions are matched by name.
Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-route53-recordset.html"""

OPEN = {"AWS::CloudFormation::CustomResource"}
"""Types that take any property, whatever their schema says."""

ATTRIBUTES = {".*": "*", "Outputs\\..*": "Outputs.*"}
"""How the data file writes the attributes that cfn-lint writes as patterns."""


def dotted(pointer: str) -> str:
    """``/properties/PosixUser/Uid`` as ``PosixUser.Uid``."""
    return pointer.removeprefix("/properties/").replace("/", ".")


def resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node that a ``$ref`` into the schema's own definitions leads to."""
    while "$ref" in node:
        found: Any = schema
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def unordered(
    node: Mapping[str, Any], schema: Mapping[str, Any], path: str = "", seen: tuple[int, ...] = ()
) -> Iterator[str]:
    """Paths of the lists whose order has no meaning: the schema says ``insertionOrder: false``."""
    node = resolved(node, schema)
    if id(node) in seen:
        return
    seen = (*seen, id(node))
    for part in (node, *node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())):
        part = resolved(part, schema)
        if part.get("insertionOrder") is False and path:
            yield path
        for name, child in part.get("properties", {}).items():
            yield from unordered(child, schema, f"{path}.{name}" if path else name, seen)
        if isinstance(part.get("items"), dict):
            yield from unordered(part["items"], schema, f"{path}.*", seen)


def name_of(kind: str, schema: Mapping[str, Any]) -> str | None:
    """The top-level property by which a user names the resource: its whole identifier, or a create-only name."""
    if kind in NAMES:
        return NAMES[kind]
    properties = schema.get("properties", {})
    read_only = {dotted(one) for one in schema.get("readOnlyProperties", ())}
    create_only = {dotted(one) for one in schema.get("createOnlyProperties", ())}
    identifier = [dotted(one) for one in schema.get("primaryIdentifier", ())]
    required = set(schema.get("required", ()))
    last = kind.rsplit("::", 1)[1]
    wanted = [f"{last}Name", "Name", f"{last}Identifier"]
    if (
        len(identifier) == 1
        and identifier[0] not in read_only
        and identifier[0].endswith(("Name", "Identifier", "GroupId"))
    ):
        wanted.insert(0, identifier[0])
    for name in wanted:
        if name in properties and name not in read_only and (name in create_only or name in identifier):
            return name
    return next((one for one in wanted if one in properties and one in required and one not in read_only), None)


def attributes(schema: Mapping[str, Any]) -> list[str]:
    """What Fn::GetAtt gives: cfn-lint knows the types that give more than their read-only properties."""
    from cfnlint.schema import Schema  # where it stands may change; the rest of this file does without it

    return sorted(ATTRIBUTES.get(one, one) for one in Schema(dict(schema)).get_atts.data)


def entry(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """What the data file keeps of one resource type; what is empty or usual is left out."""
    out: dict[str, Any] = {"properties": sorted(schema.get("properties", {}))}
    more = DOCUMENTED.get(kind, {})
    for key, name in LISTS.items():
        listed = [dotted(one) for one in schema.get(key, ())]
        out[name] = listed if name == "identifier" else sorted({*listed, *more.get(name, ())})
    out["required"] = sorted(schema.get("required", ()))
    out["attributes"] = attributes(schema)
    out["unordered"] = sorted({*unordered(schema, schema), *more.get("unordered", ())})
    tagging = schema.get("tagging") or {}
    tags = dotted(tagging.get("tagProperty", "/properties/Tags"))
    if tagging.get("taggable", schema.get("taggable", True)) and tags in schema.get("properties", {}):
        out["tags"] = tags
    out["name"] = name_of(kind, schema)
    out["fixed"] = bool(schema.get("handlers")) and "update" not in schema["handlers"]
    out["open"] = kind in OPEN or schema.get("additionalProperties", True) is not False
    return {key: value for key, value in out.items() if value}


def facts(bundle: Path = BUNDLE) -> dict[str, Any]:
    """The content of the data file."""
    listed = json.loads((bundle / "providers" / f"{REGION}.json").read_text(encoding="utf-8"))
    kinds = sorted(kind for kind in listed if kind.split("::")[1] in SERVICES)
    read = {
        kind: json.loads((bundle / "resources" / f"{listed[kind]}.json").read_text(encoding="utf-8")) for kind in kinds
    }
    origin = {"cfn_lint": version("cfn-lint"), "schema_date": schema_date(bundle)}
    return {**origin, "types": {kind: entry(kind, schema) for kind, schema in read.items()}}


def schema_date(bundle: Path = BUNDLE) -> str | None:
    """When the bundled schemas were published; None where this cfn-lint has none of its own."""
    try:
        date: str = json.loads((bundle / "version.json").read_text(encoding="utf-8"))["schema_date"]
    except (OSError, ValueError, KeyError):
        return None
    return date


def text(bundle: Path = BUNDLE) -> str:
    """The data file's text: a line a type, so that a change can be read."""
    content = facts(bundle)
    head = ",".join(f"{json.dumps(key)}:{json.dumps(content[key])}" for key in ("cfn_lint", "schema_date"))
    lines = [f"{json.dumps(kind)}:{json.dumps(one, separators=(',', ':'))}" for kind, one in content["types"].items()]
    return f'{{{head},"types":{{\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
