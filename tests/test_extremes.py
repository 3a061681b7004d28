"""No value that the language accepts becomes a template that AWS refuses for a length, a size or a number: it has a
finding at its line, or the template is clean."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import regex
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, ValidationError, validators

from fsdcf.compiler.dependencies import types
from fsdcf.compiler.emit import to_json
from fsdcf.diagnostics import Severity
from fsdcf.language.model.service import Spec
from fsdcf.language.names import LONGEST_ID, logical_id, within
from fsdcf.language.shape import Field, fields_of
from fsdcf.lint.runner import REGION, Linter
from fsdcf.pipeline import Request, Result, SourceFile, run
from tests.extremes import extremes, shortest
from tests.fuzz import FUZZ, examples, some
from tests.strategies import text_of

Place = tuple[str | int, ...]

ENVIRONMENT = "e" * 20
FILE = SourceFile(
    f"environments/{ENVIRONMENT}.yml",
    f"""apiVersion: fsd/v1
kind: Environment
metadata: {{name: {ENVIRONMENT}}}
environment: {{loadBalancers: {{public: {{domain: shop.example}}}}}}
""".encode(),
)
"""The file of the environment, for the keys of a service that joins it."""
PSEUDO = {"Region": "us-gov-west-1", "AccountId": "123456789012", "Partition": "aws-us-gov", "URLSuffix": "c2s.ic.gov"}
"""Long values of the pseudo parameters."""
BASE: dict[str, Any] = {
    "apiVersion": "fsd/v1",
    "kind": "Service",
    "metadata": {"name": "hello", "owners": "team"},
    "service": {"port": 8000, "healthCheck": {"container": {"command": "true"}}},
}
HASH = [{"name": "id", "type": "HASH"}]
TABLE = {"keySchema": HASH, "attributes": [{"name": "id", "type": "S"}]}
SORTED = {
    "keySchema": [*HASH, {"name": "at", "type": "RANGE"}],
    "attributes": [*TABLE["attributes"], {"name": "at", "type": "N"}],
}
SCALED = {key: {"min": 1, "max": 40000} for key in ("readCapacity", "writeCapacity")}
INDEX = {"globalSecondaryIndexes": [{"name": "by-id", "keySchema": HASH}]}
SUBNETS = {"privateSubnets": ["subnet-01234567", "subnet-01234568"], "publicSubnets": ["subnet-11", "subnet-12"]}
SUBNETS = {
    kind: [f"subnet-0123456{digit}" for digit in digits]
    for kind, digits in (("privateSubnets", "78"), ("publicSubnets", "9a"))
}
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e"
ACTIONS = [f"s3:Action{number}" for number in range(60)]
CONDITION = {"StringEquals": {"aws:ResourceTag/team": ["x" * 60] * 60}}

POOL = {
    "userPoolArn": "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a",
    "clientId": "x",
    "domain": "x",
}


def with_balancer(**keys: Any) -> dict[str, Any]:
    """What a key of the load balancer needs beside it: other keys of the load balancer."""
    return {"networking": {"loadBalancer": keys}}


BUCKET = {"bucket": "files"}


def scaled_by(**policy: Any) -> dict[str, Any]:
    """Auto scaling by one policy."""
    return {"autoScaling": {"policies": [policy]}}


STEP = {"lower": 50, "adjustment": 1}

NEEDS: dict[str, dict[str, Any]] = {
    "service.autoScaling.schedules": {
        "autoScaling": {"maxCount": 5000, "schedules": [{"cron": "0 8 * * *", "minCount": 1}]}
    },
    "service.autoScaling.schedules.maxCount": {"autoScaling": {"minCount": 0, "schedules": [{"cron": "0 8 * * *"}]}},
    "service.autoScaling.policies": scaled_by(metric="cpu", value=50),
    "service.autoScaling.policies.steps": scaled_by(metric="cpu", type="step", steps=[STEP]),
    "service.autoScaling.policies.steps.upper": scaled_by(metric="cpu", type="step", steps=[{"adjustment": -1}]),
    "aws_secretsmanager_secret.generate.fields": {"jsonKey": "password"},
    "aws_ssm_parameter.name": {"value": "x"},
    "aws_ssm_parameter.tier": {"value": "x"},
    "aws_ssm_parameter.variable": {"value": "x"},
    "aws_ssm_parameter.allowedPattern": {"value": "x"},
    "aws_ssm_parameter.permissions": {"value": "x"},
    "aws_ssm_parameter.encryption": {"unmanaged": {}},
    "aws_dynamodb_table": TABLE,
    "aws_dynamodb_table.globalSecondaryIndexes": INDEX,
    "aws_dynamodb_table.globalSecondaryIndexes.nonKeyAttributes": {
        "globalSecondaryIndexes": [{**INDEX["globalSecondaryIndexes"][0], "projection": "INCLUDE"}]
    },
    "aws_dynamodb_table.localSecondaryIndexes": {
        **SORTED,
        "localSecondaryIndexes": [{"name": "by-at", "keySchema": SORTED["keySchema"]}],
    },
    "aws_dynamodb_table.localSecondaryIndexes.nonKeyAttributes": {
        "localSecondaryIndexes": [{"name": "by-at", "keySchema": SORTED["keySchema"], "projection": "INCLUDE"}]
    },
    **{
        f"aws_dynamodb_table.{below}{key}": {"billingMode": "PROVISIONED", **SCALED, **more}
        for below, more in (
            ("", {}),
            ("globalSecondaryIndexes.", {"globalSecondaryIndexes": [{**INDEX["globalSecondaryIndexes"][0], **SCALED}]}),
        )
        for key in SCALED
    },
    "aws_msk_cluster": {"unmanaged": {"permissions": "read"}},
    "aws_rds_instance.unmanaged": {"unmanaged": {"endpoint": "db.example", "secret": "secretsmanager:db"}},
    "aws_rds_instance.readers": {"serverless": {}},
    "aws_rds_instance.serverless.pauseAfter": {"serverless": {"min": 0}},
    "kafka_topic": {"unmanaged": {"permissions": "read", "brokers": ["b:9098"]}},
    "aws_elasticache.unmanaged": {"unmanaged": {"endpoint": "x"}},
    "aws_elasticache.unmanaged.userId": {"authentication": "iam"},
    "aws_elasticache.replicas": {"nodeType": "cache.t4g.small"},
    "aws_elasticache.shards": {"nodeType": "cache.t4g.small", "replicas": 0},
    "aws_elasticache.snapshotTime": {"nodeType": "cache.t4g.small"},
    "aws_opensearch.unmanaged": {"unmanaged": {"permissions": "read"}},
    "aws_opensearch.storage": {"instanceType": "m7g.large.search"},
    "aws_opensearch.masters": {"instances": 2},
    "aws_opensearch.masterType": {"instances": 2, "masters": 3},
    "aws_s3_bucket.lifecycle": {"lifecycle": [{"expireAfterDays": 90}]},
    "aws_s3_bucket.lifecycle.transitionAfterDays": {"lifecycle": [{"storageClass": "GLACIER"}]},
    "aws_s3_bucket.lifecycle.storageClass": {"lifecycle": [{"transitionAfterDays": 30}]},
    **{
        f"{name}.unmanaged": {"unmanaged": {"permissions": "read"}}
        for name in ("aws_kinesis_stream", "aws_s3_bucket", "aws_sns_topic", "aws_sqs_queue")
    },
    **{
        f"aws_sns_topic.subscriptions.{key}": {"subscriptions": [{"queue": "orders"}]}
        for key in ("filterPolicy", "filterPolicyScope", "rawMessageDelivery")
    },
    "aws_sns_topic.subscriptions.deadLetterQueue": {"subscriptions": [{"email": "team@example.com"}]},
    **{f"{name}.receivesFrom.account": {"receivesFrom": [BUCKET]} for name in ("aws_sns_topic", "aws_sqs_queue")},
    **{
        f"aws_s3_bucket.notifications.{key}": {"notifications": [{"queue": "orders"}]}
        for key in ("events", "prefix", "suffix")
    },
    "aws_sqs_queue.fifoThroughputLimit": {"fifo": True, "deduplicationScope": "messageGroup"},
    "aws_sqs_queue.deduplicationScope": {"fifo": True},
    "aws_sqs_queue.dataKeyReuse": {"encryption": "kms"},
    "sqlite_database": {"path": "/tmp/x.db", "ephemeral": True},
    "service.volumes.efs.rootDirectory": {"volumes": [{"efs": {"fileSystemId": "fs-01234567"}}]},
    "service.networking.vpc.id": {"networking": {"vpc": SUBNETS}},
    "service.networking.vpc.privateSubnets": {"networking": {"vpc": {"id": "vpc-01234567", **SUBNETS}}},
    "service.networking.vpc.publicSubnets": {"networking": {"vpc": {"id": "vpc-01234567", **SUBNETS}}},
    "service.sidecars": {"sidecars": [{"image": "registry.example/x:1"}]},
    "service.sidecars.mounts": {
        "volumes": [{"name": "data", "mountPath": "/data"}],
        "sidecars": [{"image": "registry.example/x:1", "mounts": [{"volume": "data"}]}],
    },
    **{
        f"service.observability.logs.{key}": {
            "observability": {"logs": {"driver": "awsfirelens", "router": {"configuration": ["arn:aws:s3:::abc/x"]}}}
        }
        for key in ("options", "secretOptions", "router")
    },
    "service.networking.loadBalancer.sslPolicy": with_balancer(certificateArn=CERTIFICATE),
    "service.networking.loadBalancer.domain": with_balancer(certificateArn=CERTIFICATE),
    "service.networking.loadBalancer.domain.aliases": with_balancer(domain={"hostedZoneId": "Z1"}),
    "service.networking.loadBalancer.auth": with_balancer(certificateArn=CERTIFICATE),
    **{
        f"service.networking.loadBalancer.auth.{key}": with_balancer(auth={"cognito": POOL})
        for key in ("scope", "onUnauthenticated", "sessionTimeout", "sessionCookie")
    },
    **{
        f"service.networking.loadBalancer.redirects.{key}": with_balancer(redirects=[redirect])
        for key, redirect in {
            "hosts": {"toHost": "x.example"},
            "paths": {"toPath": "/y/?"},
            "toHost": {"hosts": ["x.example"]},
            "toPath": {"paths": ["/x"]},
            "status": {"paths": ["/x"], "toPath": "/y"},
        }.items()
    },
    "service.healthCheck.grpcCodes": with_balancer(certificateArn=CERTIFICATE, protocolVersion="grpc"),
    **{
        f"service.networking.{key}": {"networking": {"shared": True}}
        for key in ("loadBalancer.priority", "serviceConnect", "serviceDiscovery")
    },
    "service.networking.securityGroups": {"networking": {"vpc": {"id": "vpc-01234567", **SUBNETS}}},
}
"""What a key needs beside it: keys of the dependency or of the service."""

VALUES: dict[str, list[Any]] = {
    "service.autoScaling.schedules": [
        [{"name": f"a{one}", "cron": f"{one % 60} {one // 60} * * *", "minCount": 1} for one in range(200)]
    ],
    "service.autoScaling.schedules.cron": ["0 8 * * *", f"{','.join(map(str, range(0, 60, 7)))} 1,3,5 * * 1,3,5"],
    "service.autoScaling.schedules.timezone": ["UTC", "America/Argentina/Buenos_Aires"],
    "service.autoScaling.policies": [[{"metric": "cpu", "value": 50}, {"metric": "memory", "value": 1}]],
    "service.autoScaling.policies.metric": ["cpu", "memory", "requestsPerTask", "responseTime"],
    "service.autoScaling.policies.value": [0.001, 100],
    "service.autoScaling.policies.steps": [
        [*({"lower": one, "upper": one + 1, "adjustment": 1} for one in range(19)), {"lower": 19, "adjustment": 5000}]
    ],
    "service.observability.alarms.notify": [f"arn:aws:sns:us-east-1:123456789012:{'x' * 256}"],
    "service.networking.vpc.cidr": ["10.0.0.0/16", "192.168.254.0/23"],
    "service.networking.loadBalancer.allowCidrs": [["0.0.0.0/0"], ["2001:db8::/32"]],
    "service.networking.egress": [[{"to": "0.0.0.0/0"}, *({"to": f"10.{number}.0.0/16"} for number in range(59))]],
    "service.networking.egress.to": ["0.0.0.0/0"],
    "service.networking.loadBalancer.sslPolicy": ["ELBSecurityPolicy-TLS13-1-3-2021-06"],
    "service.taskRole.statements.resources": [["*"], [f"arn:aws:s3:::{'x' * 900}/{number}" for number in range(9)]],
    "service.executionRole.statements.resources": [["*"], ["arn:aws:s3:::" + "é" * 5000]],
    "service.taskRole.statements.conditions": [CONDITION],
    "service.executionRole.statements.conditions": [CONDITION],
    "service.sidecars.image": ["registry.example/x:1", f"registry.example/{'x' * 235}:1"],
    "service.sidecars.imageCredentials": ["secretsmanager:x", f"secretsmanager:{'x' * 512}"],
    "service.sidecars.mounts.volume": ["data"],
    "service.sidecars.dependsOn": [{"main": "START"}],
    "service.observability.logs.router.image": ["registry.example/x:1"],
    "permissions": ["read", "write", "readWrite", ["s3:GetObject"], ACTIONS],
    "unmanaged.permissions": ["read", "write", "readWrite", ["s3:GetObject"], ACTIONS],
    "aws_dynamodb_table.globalSecondaryIndexes.keySchema": [HASH],
    **{
        f"aws_dynamodb_table.{below}warmThroughput.{verb}": [12000, 10**9]
        for below in ("", "globalSecondaryIndexes.")
        for verb in ("read", "write")
    },
    "aws_rds_instance.version": ["13", "17.11"],
    "aws_rds_instance.backupWindow": ["00:00-00:30", "23:45-00:20"],
    "aws_rds_instance.maintenanceWindow": ["mon:00:00-mon:00:30", "sun:23:45-mon:00:20"],
    "aws_rds_instance.permissions": ["readWrite", ["rds:DescribeDBInstances"]],
    "aws_rds_instance.unmanaged.permissions": ["readWrite", ["rds:DescribeDBInstances"]],
    "aws_dsql_cluster.permissions": ["readWrite"],
    "aws_sns_topic.subscriptions": [[{"queue": "orders"}, {"email": "team@example.com"}]],
    "aws_sns_topic.subscriptions.queue": ["orders"],
    "aws_elasticache.version": ["7", "9"],
    "aws_msk_cluster.unmanaged.brokers": [["b:1", "a:65535"]],
    "kafka_topic.unmanaged.brokers": [["b:1", "a:65535"]],
    "aws_elasticache.nodeType": ["cache.t2.micro", "cache.r7g.16xlarge"],
    "aws_opensearch.instanceType": ["t3.small.search", "r7g.16xlarge.search"],
    "aws_opensearch.masterType": ["t3.small.search", "r7g.16xlarge.search"],
    "aws_sns_topic.subscriptions.deadLetterQueue": ["orders"],
    "aws_sns_topic.subscriptions.https": ["https://a", "https://" + "a" * 1500],
    "receivesFrom": [[BUCKET], [{"bucket": f"b-{number}"} for number in range(50)]],
    "aws_s3_bucket.notifications": [[{"queue": "orders"}]],
    "aws_s3_bucket.notifications.queue": ["orders"],
    "aws_sns_topic.subscriptions.filterPolicy": [
        {key: ["v" * 1000] * count for key, count in zip("abcde", (5, 5, 3, 2, 1), strict=True)},
    ],
}
"""Values of keys whose extremes the pattern does not show, because a rule says more."""

ELSEWHERE = {
    "overrides": "a map of resources of the template; tests/compiler/test_overrides.py has it",
    "addons": "files; tests/compiler/test_addons.py has them",
    "service.autoScaling.queue": "names a dependency",
    "service.autoScaling.queueBacklogPerTask": "needs a queue",
    "service.autoScaling.policies.type": "belongs to a value or to steps",
    "service.networking.loadBalancer.name": "names a load balancer",
    "service.networking.loadBalancer.container": "names a container",
    "service.dependsOn": "names a container",
    "service.networking.egress.ports": "belongs to a destination",
    "service.networking.egress.protocol": "belongs to a destination",
    "service.volumes.efs.dependency": "names a dependency",
    "service.build.secrets": "needs one source of two",
    "service.imageCredentials": "belongs to an image of another registry",
    "aws_dynamodb_table.keySchema": "belongs to attributes",
    "aws_dynamodb_table.attributes": "belongs to keySchema",
    "aws_dynamodb_table.keySchema.name": "belongs to attributes",
    "aws_dynamodb_table.attributes.name": "belongs to keySchema",
    "aws_dynamodb_table.globalSecondaryIndexes.keySchema.name": "belongs to attributes",
    "aws_dynamodb_table.indexes": "names an index",
    "aws_dynamodb_table.indexes.name": "names an index",
    "aws_dynamodb_table.indexes.permissions": "belongs to an index",
    "aws_dynamodb_table.localSecondaryIndexes.keySchema": "belongs to that of the table",
    "aws_msk_cluster.permissions": "is always unmanaged",
    "kafka_topic.permissions": "is always unmanaged",
    "aws_s3_bucket.notifications.topic": "names a dependency",
    "service.permissions": "has none",
    "service.discovery.loadBalancer": "names a load balancer",
    "service.unmanaged.permissions": "has none",
    "sqlite_database.permissions": "has none",
    "sqlite_database.unmanaged": "has none",
    "aws_efs_file_system.unmanaged": "needs an id as its name",
    "aws_dsql_cluster.unmanaged": "needs an id as its name",
}
"""Keys that no single value makes valid; tested below, or without a bound."""


def required(record: type) -> dict[str, Any]:
    """The required keys of a record with short values."""
    return {each.name: _short(each) for each in fields_of(record) if each.required}


def _short(field: Field) -> Any:
    key, kind = field.key, field.types[0]
    if kind.name == "list":
        return [required(kind.item.record) if kind.item and kind.item.record else _text(field)]
    if kind.name == "record" and kind.record:
        return required(kind.record)
    if kind.name == "integer":
        return key.allowed[0] if key.allowed else int(key.minimum or 1)
    return _text(field)


def _text(field: Field) -> str:
    key = field.key
    return str(key.allowed[0]) if key.allowed else shortest(key.pattern) if key.pattern else "arn:aws:s3:::x"


def places(record: type, path: Place = ()) -> Iterator[tuple[Place, Field]]:
    """Every key of a record and below it with its path; a list has one item."""
    for field in fields_of(record):
        here = (*path, field.name)
        yield here, field
        if field.record:
            yield from places(field.record, here)
        elif field.item and field.item.record:
            yield from places(field.item.record, (*here, 0))


def named(dependency: str, place: Place) -> str:
    return ".".join([dependency] * bool(dependency) + [step for step in place if isinstance(step, str)])


def all_places() -> Iterator[Any]:
    kinds = {"": Spec, **{name: kind.model for name, kind in sorted(types().items()) if name == kind.name}}
    for dependency, record in kinds.items():
        for place, field in places(record):
            if place[0] not in ("apiVersion", "environments", "kind", "type"):
                yield pytest.param(dependency, place, field, id=named(dependency, place))


def spec_with(dependency: str, place: Place, value: Any) -> dict[str, Any]:
    """A valid spec with a value at a place, and with what the key needs."""
    spec = deepcopy(BASE)
    holder, record = spec, Spec
    if dependency == "service":
        spec["service"]["networking"] = {"shared": True}
    if dependency:
        name = "users" if dependency == "service" else "${ENV}-data"
        holder, record = {"type": dependency, "name": name}, types()[dependency].model
        spec["dependencies"] = [holder, {"type": "aws_sqs_queue", "name": "orders"}]
    needed = named(dependency, place)
    for name in [needed[:end] for end in (*(match.start() for match in re.finditer(r"\.", needed)), len(needed))]:
        merge(holder if dependency else spec["service"], deepcopy(NEEDS.get(name, {})))
    put(holder, record, place, value)
    return spec


def merge(low: dict[str, Any], high: Mapping[str, Any]) -> None:
    for key, value in high.items():
        if isinstance(value, dict) and isinstance(low.get(key), dict):
            merge(low[key], value)
        else:
            low[key] = value


def put(holder: Any, record: Any, place: Place, value: Any) -> None:
    """Set a value below a record, with the required keys of every record on the way."""
    step, *below = place
    field = next(each for each in fields_of(record) if each.name == step)
    if not below:
        holder[step] = value
        return
    inner = field.record or (field.item.record if field.item else None)
    assert inner is not None
    made = required(inner)
    if below[0] == 0:
        holder[step] = [{**made, **(holder.get(step) or [{}])[0]}]
        put(holder[step][0], inner, tuple(below[1:]), value)
    else:
        old = holder.get(step)
        holder[step] = {**made, **(old if isinstance(old, dict) else {})}
        put(holder[step], inner, tuple(below), value)


def compiled(spec: Any, variables: Mapping[str, str] | None = None) -> Result:
    text = text_of(spec).encode()
    result = run(Request("spec.yml", text, ENVIRONMENT, variables=variables or {}, environment_file=FILE))
    assert result.template is not None or result.diagnostics
    assert all(one.code and one.span.line >= 1 for one in result.diagnostics)
    return result


# The bundled schemas of CloudFormation as bounds

BOUNDS = (
    *("$ref", "properties", "items", "enum", "minLength", "maxLength"),
    *("minItems", "maxItems", "uniqueItems", "minimum", "maximum"),
)


def violations(template: Mapping[str, Any]) -> list[str]:
    """Where a template exceeds a bound of the schemas, and which."""
    found = [name for section in ("Resources", "Outputs") for name in template[section] if len(name) > LONGEST_ID]
    for name, resource in template["Resources"].items():
        found += [f"{name}.{each}" for each in exceeded(resource["Type"], json.dumps(resource["Properties"]))]
    return found


@cache
def exceeded(type_name: str, properties: str) -> list[str]:
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in bounds_of(type_name).iter_errors(evaluated(json.loads(properties)))
    ]


@cache
def bounds_of(type_name: str) -> Any:
    """A validator of the bounds in the schema of a resource type, to which a function is any value."""
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type_name).schema
    checks = {**{name: Draft7Validator.VALIDATORS[name] for name in BOUNDS}, "pattern": matches}
    return validators.create(Draft7Validator.META_SCHEMA, {name: skipping(check) for name, check in checks.items()})(
        schema
    )


def skipping(check: Any) -> Any:
    def unless_function(validator: Any, bound: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not is_function(instance):
            yield from check(validator, bound, instance, schema) or ()

    return unless_function


def matches(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    try:
        if isinstance(instance, str) and not regex.search(pattern, instance):
            yield ValidationError(f"{instance!r} does not match {pattern!r}")
    except regex.error:  # a pattern of Java
        return


def is_function(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def evaluated(value: Any) -> Any:
    """A template with long values for pseudo parameters, where a text refers to nothing else."""
    if isinstance(value, list):
        return [evaluated(item) for item in value]
    if not isinstance(value, dict):
        return value
    if is_function(value) and isinstance(text := value.get("Fn::Sub"), str):
        text = re.sub(r"\$\{AWS::(\w+)\}", lambda match: PSEUDO.get(match[1], match[0]), text)
        return {"Fn::Sub": text} if re.search(r"\$\{(?!!)", text) else text.replace("${!", "${")
    return {key: evaluated(item) for key, item in value.items()}


@pytest.mark.hypothesis  # with lint in ``make fuzz``
@pytest.mark.parametrize(("dependency", "place", "field"), some(all_places(), 3))
def test_a_bound_of_the_language_is_within_that_of_cloudformation(
    linter: Linter, dependency: str, place: Place, field: Field
) -> None:
    """The extreme values of each key. ``linter`` makes the process use the bundled schemas."""
    name = named(dependency, place)
    values = VALUES.get(name) or VALUES.get(".".join(name.split(".")[1:])) or list(extremes(field, required))
    accepted = 0
    for value in values:
        result = compiled(spec_with(dependency, place, value))
        if result.template is not None:
            accepted += 1
            assert violations(result.template.data) == [], value
            if FUZZ:
                assert reported(linter, result) == [], value
    assert accepted or not values or any(name == each or name.startswith(f"{each}.") for each in ELSEWHERE)


def reported(linter: Linter, result: Result) -> list[str]:
    """What cfn-lint rejects, and what it finds that is not about a value of the author."""
    from fsdcf.pipeline import with_lint

    assert result.template is not None
    found = with_lint(result, linter.lint(to_json(result.template.data))).diagnostics
    return [
        f"{one.code}: {one.message}"
        for one in found
        if one.severity is Severity.ERROR or "bug in fsdcf" in (one.hint or "")
    ]


# Names and numbers together

LONG = "l" * 19
TEXTS = st.sampled_from(["x", "é" * 425, "漢" * 283, "x" * 850, "a\nb", "word " * 170])
ROOM = {
    "aws_dynamodb_table": 255,
    "aws_efs_file_system": 99,
    "aws_kinesis_stream": 128,
    "aws_s3_bucket": 63,
    "aws_sns_topic": 256 - len(".fifo"),
    "aws_sqs_queue": 80 - len("-dlq.fifo"),
}
"""The longest name of each type, with the endings that fsdcf adds."""
MANAGED: dict[str, dict[str, Any]] = {
    "aws_dynamodb_table": {**TABLE, "stream": True},
    "aws_efs_file_system": {},
    "aws_kinesis_stream": {"shards": 2, "consumers": ["c" * 128, "d"]},
    "aws_s3_bucket": {"lifecycle": [{"prefix": "é" * 100, "expireAfterDays": 1}]},
    "aws_sns_topic": {},
    "aws_sqs_queue": {"fifo": True},
}

NAMED = {**dict.fromkeys(MANAGED, "aX"), "aws_efs_file_system": "X", "aws_s3_bucket": "ab"}


def often(*values: Any) -> st.SearchStrategy[Any]:
    """The first value in most cases, so that a spec seldom has more than one fault."""
    return st.sampled_from([values[0]] * 12 + list(values[1:]))


@st.composite
def dependencies(draw: Any) -> dict[str, Any]:
    """A dependency whose name, for a long environment, is short, as long as possible, or too long."""
    kind = draw(st.sampled_from(sorted(MANAGED)))
    long = ROOM[kind] - len(ENVIRONMENT) - 1 + draw(often(0, -1, 1))
    letter = draw(st.sampled_from("abc" if kind == "aws_s3_bucket" else "abcX7"))
    end = draw(st.sampled_from(["", "-${LONG}"]))
    name = draw(st.sampled_from([letter, f"{letter}-b", letter * (long - len(LONG) - 1 if end else long)]))
    own = {"mountPoint": f"/mnt/{name[:9]}{len(name)}{end and 'v'}"} if kind == "aws_efs_file_system" else {}
    return {"type": kind, "name": f"${{ENV}}-{name}{end}", **MANAGED[kind], **own}


@st.composite
def wide_specs(draw: Any) -> dict[str, Any]:
    """Specs with names, texts and numbers at the limits, and sometimes over them."""
    numbers = often(0, 1, 3, 30, 70, 200)
    spec = deepcopy(BASE)
    spec["metadata"] = {
        "name": draw(st.sampled_from(["ab", "h" * 40, "a-b-c"])),
        "description": draw(TEXTS),
        "pack": draw(often("é" * 256, "", "p" * 257)),
        "owners": ["o" * 30] * draw(often(8, 0, 9)),
        "tags": {f"{'k' * 120}{number}": "é" * 256 for number in range(draw(often(43, 0, 44, 50)))},
    }
    unique = draw(st.lists(dependencies(), max_size=6, unique_by=lambda each: (each["type"], each["name"])))
    spec["dependencies"] = unique + [
        {"type": "aws_sqs_queue", "name": f"queue-{number}"} for number in range(draw(numbers))
    ]
    service = spec["service"]
    service["environment"] = {f"VARIABLE_{number}": "漢" * 60 for number in range(draw(numbers))}
    service["secrets"] = [
        {"name": f"S{number}", "valueFrom": f"arn:aws:ssm:us-east-1:123456789012:parameter/{'p' * 60}{number}"}
        for number in range(draw(numbers))
    ]
    service["volumes"] = [{"name": f"v{number}", "mountPath": f"/v{number}"} for number in range(draw(numbers))]
    service["taskRole"] = {
        "statements": [
            {"actions": ["s3:GetObject"], "resources": [f"arn:aws:s3:::{'b' * 50}/{number}"]}
            for number in range(draw(numbers))
        ]
    }
    return spec


@examples(25, ignore=(HealthCheck.function_scoped_fixture,), phases=[Phase.generate])
@given(spec=wide_specs())
def test_lengths_and_numbers_are_within_the_limits_or_findings(linter: Linter, spec: dict[str, Any]) -> None:
    result = compiled(spec, {"LONG": LONG})
    if result.template is not None:
        assert violations(result.template.data) == []
        if FUZZ:
            assert reported(linter, result) == []


@pytest.mark.parametrize("kind", sorted(MANAGED))
def test_the_longest_names_lint_clean(linter: Linter, kind: str) -> None:
    def named(length: int) -> Result:
        names = [f"${{ENV}}-{letter * length}" for letter in NAMED[kind]]
        return compiled({**BASE, "dependencies": [{"type": kind, "name": name, **MANAGED[kind]} for name in names]})

    lengths = range(31, 261)
    refused = bisect_left(lengths, True, key=lambda length: named(length).template is None)
    assert 0 < refused < len(lengths)
    assert reported(linter, named(lengths[refused - 1])) == []


def test_long_names_give_different_ids() -> None:
    names = [letter * length for letter in "abX" for length in range(230, 256)]
    ids = [logical_id(name, suffix) for name in names for suffix in ("Table", "DynamodbAccess", "TableName")]
    assert len(set(ids)) == len(ids) and max(map(len, ids)) == LONGEST_ID
    short = [within(128, each) for each in ids]
    assert len(set(short)) == len(short) and max(map(len, short)) == 128
    assert logical_id("a" * 250, "Table") == "A" + "a" * 249 + "Table"
