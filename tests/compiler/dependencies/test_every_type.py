"""Properties of every dependency type, managed and unmanaged."""

from __future__ import annotations

import pkgutil
import re
from typing import Any

import pytest
import yaml

from fsdcf.cloudformation.types import record_of
from fsdcf.compiler import dependencies
from fsdcf.compiler.dependencies import types
from fsdcf.compiler.stack import CompiledType
from fsdcf.language.dependency import SqlDatabase
from fsdcf.language.model.common import Dependency
from fsdcf.language.rules import rules_in
from fsdcf.language.shape import fields_of, names_of
from fsdcf.pipeline import Request, run
from tests.compiler.dependencies.made import Made, codes, findings, make, references, spec_of
from tests.conftest import ROOT

TABLE = {"keySchema": [{"name": "id", "type": "HASH"}], "attributes": [{"name": "id", "type": "S"}]}
KEYS: dict[str, dict[str, Any]] = {"aws_dynamodb_table": {**TABLE, "stream": "NEW_IMAGE"}}
"""The keys that a type needs beside its name."""

KEPT = {
    "aws_dynamodb_table": ("Retain", "Retain"),
    "aws_opensearch": ("Delete", "Delete"),
    "aws_rds_instance": ("Snapshot", "Snapshot"),
}
"""The policies of types whose data survives in another way, or not at all."""

NAMES = {"aws_efs_file_system": "fs-0123456789abcdef0"}
"""Names of existing resources of types whose names have a form of their own."""

ACTIONS = {"aws_efs_file_system": ("elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite")}
"""An action that only reads and one that only writes, where the levels overlap."""


STORED = ("kms", "secretsmanager", "parameter")
"""The categories of keys, secrets and parameters, which have tests of their own."""


def made_types() -> dict[str, CompiledType[Any]]:
    """The types by name, without those to which no IAM action gives access: a database file, another service, a topic
    of Kafka by its brokers, and a cache, whose user decides; and without keys, secrets and parameters, which others
    use, and the service itself only if the spec says so."""
    others = ("sqlite", "service", "kafka", "elasticache", *STORED)
    return {kind.name: kind for kind in types().values() if kind.category not in others}


def managed_types() -> list[tuple[str, dict[str, Any]]]:
    dependencies = {name: kind.model(type=name, name="orders") for name, kind in made_types().items()}
    return [
        (name, KEYS.get(name, {})) for name, kind in sorted(made_types().items()) if kind.managed(dependencies[name])
    ]


def existing_types() -> list[tuple[str, str, str, str]]:
    """Types, a name, an action that reads and one that writes."""
    found = []
    for name, kind in sorted(types().items()):
        if kind.name not in made_types() or issubclass(kind.model, SqlDatabase):
            continue  # IAM decides only who logs in to a database
        resource = NAMES.get(name, "orders")
        levels = [make(name, resource, unmanaged={"permissions": level}).actions() for level in ("read", "write")]
        reads, writes = ACTIONS.get(name) or (min(levels[0] - levels[1]), min(levels[1] - levels[0]))
        found.append((name, resource, reads, writes))
    return found


MANAGED = managed_types()
EXISTING = existing_types()
SERVICE_IDS = {"Vpc", "PrivateSubnet1", "PrivateSubnet2", "TaskSecurityGroup", "TaskRole"}


def scoped(made: Made) -> None:
    """Statements have no wildcard actions and name their resources."""
    for statement in made.statements():
        assert statement["Effect"] == "Allow" and statement["Action"] == sorted(set(statement["Action"]))
        assert not [action for action in statement["Action"] if "*" in action]
        assert statement["Resource"] and "*" not in statement["Resource"]


def test_discovery_finds_each_type_by_every_name() -> None:
    known = types()
    modules = {module.name for module in pkgutil.iter_modules(dependencies.__path__)}
    assert {kind.name.removeprefix("aws_") for kind in known.values()} == modules
    assert known is types()
    assert known["fetch_msk_cluster"] is known["aws_msk_cluster"]
    categories = [kind.category for kind in set(known.values())]
    assert len(set(categories)) == len(categories)
    assert known["aws_sqs_queue"].endpoint and not known["aws_s3_bucket"].endpoint


def test_the_rules_are_documented_with_unique_codes() -> None:
    rules = set(rules_in("fsdcf.compiler.dependencies"))
    assert len({rule.code for rule in rules}) == len(rules)
    for rule in rules:
        assert re.fullmatch(r"[SW]\d{3}", rule.code) and rule.title and len(rule.explanation) > 40
        assert not rule.source or rule.source.startswith("https://")


@pytest.mark.parametrize(("kind", "keys"), MANAGED)
def test_a_managed_dependency(kind: str, keys: dict[str, Any]) -> None:
    made = make(kind, "${ENV}-orders-api", **keys)
    scoped(made)
    assert made.resources and set(made.origins.values()) == {f"dependencies.{kind}.orders-api"}
    assert all(name.startswith("OrdersApi") and name.isalnum() for name in [*made.resources, *made.outputs])
    conventional = ("DATABASE_", "PG") if issubclass(types()[kind].model, SqlDatabase) else ()
    assert all(variable.startswith(("ORDERS_API_", *conventional)) for variable in made.grant.environment)
    for resource in made.resources.values():
        named = {one for one in references(resource["Properties"]) if not one.startswith("AWS::")}
        assert named <= set(made.resources) | SERVICE_IDS
        assert resource["Metadata"]["fsdcf"] == {"Spec": f"dependencies.{kind}.orders-api"}
    assert made.outputs and set(references(dict(made.outputs))) <= set(made.resources)
    used = re.findall(r"\$\{([A-Za-z0-9]+)", " ".join([*made.grant.environment.values(), *made.grant.values.values()]))
    assert set(used) <= set(made.resources)
    assert set(made.grant.waits) <= set(made.resources)


@pytest.mark.parametrize(("kind", "keys"), MANAGED)
def test_the_data_survives_the_stack(kind: str, keys: dict[str, Any]) -> None:
    kept, replaced = KEPT.get(kind, ("RetainExceptOnCreate", "Retain"))
    for resource in make(kind, "${ENV}-orders", **keys).resources.values():
        if record_of(resource["Type"]).data:
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == (kept, replaced)


@pytest.mark.parametrize(("kind", "keys"), MANAGED)
def test_the_declared_attributes_exist(kind: str, keys: dict[str, Any]) -> None:
    known = types()[kind]
    dependency = known.model(type=kind, name="orders")
    grant = make(kind, "orders", **keys).grant
    secrets = {one.attribute.attribute for one in grant.secrets if one.attribute}
    assert set(known.attributes(dependency)) <= {*grant.values, *secrets}


@pytest.mark.parametrize(("kind", "name", "reads", "writes"), EXISTING)
def test_an_existing_dependency_is_granted_and_not_created(kind: str, name: str, reads: str, writes: str) -> None:
    expected = {"read": {reads}, "write": {writes}, "read_write": {reads, writes}, "readWrite": {reads, writes}}
    for level, wanted in expected.items():
        made = make(kind, name, unmanaged={"permissions": level})
        scoped(made)
        assert not made.resources and not made.outputs
        if kind != "aws_efs_file_system" or level != "write":
            assert made.actions() & {reads, writes} == wanted
        for statement in made.statements():
            arns = [arn if isinstance(arn, str) else arn["Fn::Sub"] for arn in statement["Resource"]]
            assert all(arn.startswith("arn:${AWS::Partition}:") and name in arn for arn in arns)
        assert name in "".join(made.grant.environment.values())


@pytest.mark.parametrize(("kind", "name", "reads", "writes"), EXISTING)
@pytest.mark.parametrize("place", ["permissions", "unmanaged"])
def test_a_list_of_actions_means_an_existing_dependency(
    kind: str, name: str, reads: str, writes: str, place: str
) -> None:
    wanted = [writes, reads, reads]
    made = make(kind, name, **{place: wanted if place == "permissions" else {"permissions": wanted}})
    scoped(made)
    assert not made.resources
    assert made.actions() == {reads, writes}


@pytest.mark.parametrize(("kind", "name", "reads", "writes"), EXISTING)
def test_invalid_permissions(kind: str, name: str, reads: str, writes: str) -> None:
    base = {"type": kind, "name": name}
    assert findings({**base, "unmanaged": {"permissions": "all"}}) == [("S301", "all")]
    assert findings({**base, "permissions": [reads, "everything"]}) == [("S301", "everything")]
    service = reads.partition(":")[0]
    assert findings({**base, "unmanaged": {"permissions": [f"{service}:*"]}}) == [("S301", f"{service}:*")]
    assert findings({**base, "permissions": "read", "unmanaged": {"permissions": "read"}}) == [("S302", "permissions")]


def value_of(kind: str, key: str) -> Any:
    """A value of a key that affects only managed dependencies: the one here, or that of the type's golden case."""
    if key in OF_MANAGED:
        return OF_MANAGED[key]
    case = yaml.safe_load((ROOT / "tests" / "cases" / "dependencies" / f"{kind}.spec.yml").read_text(encoding="utf-8"))
    return next(each[key] for each in case["dependencies"] if each["type"] == kind and key in each)


OF_EXISTING = {
    "topics": ["placed"],
    "consumerGroup": "shop",
    "fifo": True,
    "mountPoint": "/other",
    "consumers": ["shop"],
    "prefixes": ["shop/"],
    "indexes": [{"name": "by-email"}],
    "stream": True,
    "subscriptions": [{"https": "https://hooks.example.com"}],
    "encryption": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
}
OF_MANAGED = {
    "keySchema": [{"name": "id", "type": "RANGE"}],
    "attributes": [{"name": "x", "type": "S"}],
    "globalSecondaryIndexes": [{"name": "by-x", "keySchema": [{"name": "x", "type": "HASH"}], "projection": "INCLUDE"}],
    "timeToLive": "expires",
    "stream": True,
    "billingMode": "PROVISIONED",
    "readCapacity": 1,
    "writeCapacity": 1,
    "deletionProtection": False,
    "existingId": "fs-0123456789abcdef1",
    "encrypted": False,
    "encryption": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "rootDirectory": "/x",
    "posixUser": {"uid": 1},
    "performanceMode": "maxIO",
    "throughputMode": "bursting",
    "backup": False,
    "lifecycle": [{"storageClass": "GLACIER"}],
    "accessLogs": True,
    "contentBasedDeduplication": True,
    "visibilityTimeout": 1,
    "maxReceiveCount": 1,
    "messageRetention": 60,
    "fifoThroughputLimit": "perQueue",
    "deduplicationScope": "queue",
    "deliveryDelay": 1,
    "receiveWaitTime": 1,
    "maximumMessageSize": 1024,
    "deadLetters": False,
    "receivesFrom": [{"bucket": "files"}],
    "dataKeyReuse": 60,
    "subscriberAccounts": ["210987654321"],
    "cors": [{"origins": ["*"]}],
    "notifications": [{"existingQueue": "orders"}],
    "distributions": ["arn:aws:cloudfront::123456789012:distribution/E1"],
    "shards": 2,
    "retentionHours": 48,
}


@pytest.mark.parametrize(("kind", "name", "reads", "writes"), EXISTING)
def test_a_key_affects_an_existing_dependency_or_has_a_warning(kind: str, name: str, reads: str, writes: str) -> None:
    known = types()[kind]
    bare = {"type": kind, "name": name, "unmanaged": {"permissions": "read"}}
    plain = make(**bare).grant
    own = set(names_of(known.model)) - {field.name for field in fields_of(Dependency)}
    assert set(known.managed_keys) <= own
    for key in sorted(own - set(known.managed_keys)):
        assert make(**bare, **{key: OF_EXISTING[key]}).grant != plain, key
    for key in known.managed_keys:
        result = run(Request("spec.yml", spec_of({**bare, key: value_of(kind, key)}).encode(), "staging"))
        idle = [one for one in result.diagnostics if one.code == "W111"]
        assert [one.path for one in idle] == [("dependencies", 0, key)] and result.template is not None
        assert make(**bare, **{key: value_of(kind, key)}).grant == plain


BESIDE: dict[str, dict[str, Any]] = {
    "contentBasedDeduplication": {"fifo": True},
    "fifoThroughputLimit": {"fifo": True},
    "deduplicationScope": {"fifo": True},
    "dataKeyReuse": {"encryption": "kms"},
}
"""What a key of a managed dependency needs beside it."""


@pytest.mark.parametrize("kind", ["aws_kinesis_stream", "aws_s3_bucket", "aws_sns_topic", "aws_sqs_queue"])
def test_every_key_of_a_managed_dependency_changes_the_template(kind: str) -> None:
    for key in sorted(set(names_of(types()[kind].model)) - {field.name for field in fields_of(Dependency)}):
        value = OF_EXISTING[key] if key in OF_EXISTING else value_of(kind, key)
        value = [{"expireAfterDays": 9}] if key == "lifecycle" else value
        plain, changed = (make(kind, "orders", **{**BESIDE.get(key, {}), **more}) for more in ({}, {key: value}))
        assert (plain.resources, plain.statements()) != (changed.resources, changed.statements()), key


@pytest.mark.parametrize(("kind", "keys"), MANAGED)
def test_keys_of_a_managed_dependency_have_no_warning(kind: str, keys: dict[str, Any]) -> None:
    result = run(Request("spec.yml", spec_of({"type": kind, "name": "orders", **keys}).encode(), "staging"))
    assert "W111" not in {one.code for one in result.diagnostics}


def test_the_default_is_to_read_and_write() -> None:
    for kind, keys in MANAGED:
        assert (
            make(kind, "orders", **keys).statements()
            == make(kind, "orders", **keys, permissions="readWrite").statements()
        )


@pytest.mark.parametrize("spelling", ["name", "table_name", "tableName"])
def test_spellings_of_the_name(spelling: str) -> None:
    assert codes({"type": "aws_dynamodb_table", spelling: "orders", **TABLE}) == []
