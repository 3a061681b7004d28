"""The order of a list that AWS treats as a set has no meaning: the same spec in another order gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from fsdcf.compiler.dependencies import types
from fsdcf.compiler.emit import to_yaml
from fsdcf.language.model import KINDS
from fsdcf.language.reference import types_by_name
from fsdcf.language.shape import spellings_of, walk
from fsdcf.pipeline import Request, run
from tests.conftest import ROOT, request_of

ORDERED = {
    "metadata.owners": "a text for people: the tag has them as they are written",
    "service.command": "words of a command",
    "service.entryPoint": "words of a command",
    "service.healthCheck.container.command": "words of a command",
    "service.sidecars[].command": "words of a command",
    "service.sidecars[].entryPoint": "words of a command",
    "service.sidecars[].healthCheck.command": "words of a command",
    "service.environmentFiles": "ECS reads one after the other",
    "service.sidecars[].environmentFiles": "ECS reads one after the other",
    "service.observability.logs.router.configuration": "Fluent Bit reads one after the other",
    "service.sidecars[].capabilities.add": "Fargate allows only one",
    "service.sidecars[].tmpfs[].options": "the last of two opposite options counts",
    "service.networking.vpc.availabilityZones": "each zone belongs to the subnet of its number",
    "service.networking.loadBalancer.hosts": "the first of many are in the first rule, which has its own priority",
    "service.networking.loadBalancer.paths": "the first of many are in the first rule, which has its own priority",
    "environment.network.availabilityZones": "each zone belongs to the subnet of its number",
    "environment.network.privateSubnets": "each subnet has the export of its number",
    "environment.network.publicSubnets": "each subnet has the export of its number",
    "aws_ssm_parameter.values": "the items of a list are in the order of its text",
    "service.capabilities.add": "Fargate allows only one",
    "service.tmpfs[].options": "the last of two opposite options counts",
    "addons": "files; tests/compiler/test_addons.py has two orders",
    "aws_dynamodb_table.keySchema": "DynamoDB demands HASH before RANGE",
    "aws_dynamodb_table.globalSecondaryIndexes[].keySchema": "DynamoDB demands HASH before RANGE",
    "aws_dynamodb_table.localSecondaryIndexes[].keySchema": "DynamoDB demands HASH before RANGE",
    "aws_s3_bucket.cors": "the first rule that matches counts",
    "service.networking.loadBalancer.redirects": "the first that matches counts",
    "service.networking.loadBalancer.redirects[].hosts": "the first of many are in the first rule",
    "service.networking.loadBalancer.redirects[].paths": "the first of many are in the first rule",
}
"""The keys whose lists have an order, and why."""

EVERYTHING = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: shop, owners: team}
service:
  port: 8000
  autoScaling:
    minCount: 1
    schedules: [{name: b, cron: 0 8 * * *, minCount: 2}, {name: a, cron: 0 20 * * *, minCount: 1}]
    policies:
      - {metric: memory, value: 50}
      - {metric: cpu, type: step, steps: [{lower: 80, adjustment: 2}, {lower: 60, upper: 80, adjustment: 1}]}
      - {metric: responseTime, type: step, steps: [{lower: 2, adjustment: 2}]}
  ulimits:
    - {name: nofile, softLimit: 1, hardLimit: 2}
    - {name: core, softLimit: 0, hardLimit: 0}
  secrets:
    - {name: B, valueFrom: "arn:aws:ssm:us-east-1:123456789012:parameter/b"}
    - {name: A, valueFrom: "arn:aws:ssm:us-east-1:123456789012:parameter/a"}
  secretKeys:
    - arn:aws:kms:us-east-1:123456789012:key/2234abcd-12ab-34cd-56ef-1234567890ab
    - arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
  capabilities: {drop: [SETUID, NET_RAW]}
  build: {secrets: [{id: b, file: npmrc}, {id: a, environment: TOKEN}]}
  volumes:
    - {name: tmp, mountPath: /tmp}
    - {name: run, mountPath: /run}
  tmpfs: [{path: /var/b, size: 1}, {path: /var/a, size: 1}]
  restartPolicy: {ignoredExitCodes: [2, 1]}
  sidecars:
    - name: proxy
      image: proxy:1
      restartPolicy: {ignoredExitCodes: [2, 1]}
      ulimits: [{name: nofile, softLimit: 1, hardLimit: 2}, {name: core, softLimit: 0, hardLimit: 0}]
      capabilities: {drop: [SETUID, NET_RAW]}
      tmpfs: [{path: /var/b, size: 1}, {path: /var/a, size: 1}]
      mounts: [{volume: tmp, path: /b}, {volume: run, path: /a}]
      secrets:
        - {name: B, valueFrom: "arn:aws:ssm:us-east-1:123456789012:parameter/b"}
        - {name: A, valueFrom: "arn:aws:ssm:us-east-1:123456789012:parameter/a"}
    - {name: agent, image: "123456789012.dkr.ecr.us-east-1.amazonaws.com/agent:1"}
  networking:
    vpc:
      id: vpc-0123456789abcdef0
      privateSubnets: [subnet-0bbbbbbb, subnet-0aaaaaaa]
      publicSubnets: [subnet-0ddddddd, subnet-0ccccccc]
    securityGroups: [sg-0bbbbbbb, sg-0aaaaaaa]
    egress: [{to: 10.0.0.0/8, ports: [6379, 5432, 80-90]}, {to: 0.0.0.0/0, ports: [443]}]
    loadBalancer:
      allowCidrs: [203.0.113.0/24, 198.51.100.0/24, "2001:db8::/32"]
      domain: {name: c.example.com, hostedZoneId: Z1, aliases: [b.example.com, a.example.com]}
      headers: [{name: X-B, values: [b, a]}, {name: X-A, values: [a]}]
  observability:
    logs:
      driver: awsfirelens
      options: {Name: x}
      secretOptions: [{name: b, valueFrom: "ssm:/b"}, {name: a, valueFrom: "ssm:/a"}]
    metrics:
      select:
        - {names: [b, a], dimensions: [y, x]}
        - {names: [a]}
  taskRole: &role
    managedPolicies: [logs, arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess]
    statements:
      - actions: [s3:PutObject, s3:GetObject]
        resources: ["arn:aws:s3:::b/*", "arn:aws:s3:::a/${AWS::Region}", "arn:aws:s3:::a/*"]
        conditions: {StringEquals: {"aws:PrincipalTag/b": [z, y], "aws:PrincipalTag/a": x}}
      - {actions: [sqs:SendMessage], resources: ["arn:aws:sqs:us-east-1:123456789012:q"]}
  executionRole: *role
dependencies:
  - type: aws_sns_topic
    name: ${ENV}-events
    subscriptions: [{queue: orders}, {queue: invoices}]
    receivesFrom: [{bucket: b12}, {bucket: a12}]
    subscriberAccounts: ["222222222222", "111111111111"]
  - {type: aws_sqs_queue, name: "${ENV}-orders", receivesFrom: [{topic: b}, {bucket: b12}, {topic: a}]}
  - {type: aws_sqs_queue, name: "${ENV}-invoices"}
  - type: aws_dynamodb_table
    name: ${ENV}-ledger
    keySchema: [{name: b, type: HASH}, {name: a, type: RANGE}]
    attributes: [{name: b, type: S}, {name: a, type: S}]
    localSecondaryIndexes:
      - {name: locals, keySchema: &local [{name: b, type: HASH}, {name: a, type: RANGE}]}
      - {name: extras, keySchema: *local, projection: INCLUDE, nonKeyAttributes: [x, w]}
    globalSecondaryIndexes:
      - {name: by-b, keySchema: [{name: b, type: HASH}]}
      - {name: by-a, keySchema: [{name: a, type: HASH}], projection: INCLUDE, nonKeyAttributes: [z, y]}
    indexes: [{name: by-b, permissions: ["dynamodb:Scan", "dynamodb:Query"]}, {name: by-a}]
    stream: {permissions: ["dynamodb:GetRecords", "dynamodb:DescribeStream"]}
  - type: aws_s3_bucket
    name: ${ENV}-reports
    lifecycle: [{expireAfterDays: 9}, {prefix: tmp/, expireAfterDays: 3}, {expireAfterDays: 10}]
    prefixes: [b/, a/]
    cors: [{origins: ["https://b", "https://a"], methods: [PUT, GET], headers: [b, a], exposeHeaders: [b, a]}]
    notifications:
      - {topic: events, prefix: b/}
      - {topic: events, prefix: a/, events: ["s3:ObjectRemoved:*", "s3:ObjectCreated:*"]}
    distributions:
      - arn:aws:cloudfront::123456789012:distribution/B
      - arn:aws:cloudfront::123456789012:distribution/A
  - {type: aws_kinesis_stream, name: "${ENV}-clicks", consumers: [b, a]}
  - {type: aws_rds_instance, name: other, permissions: [rds:StopDBInstance, rds:DescribeDBInstances]}
  - {type: aws_rds_instance, name: third, unmanaged: {permissions: [rds:StopDBInstance, rds:DescribeDBInstances]}}
  - {type: aws_dsql_cluster, name: abcdefghijklmnopqrstuvwxyz, permissions: [dsql:DbConnect, dsql:GetCluster]}
  - type: aws_dsql_cluster
    name: bbcdefghijklmnopqrstuvwxyz
    unmanaged: {permissions: [dsql:GetCluster, dsql:DbConnect]}
  - {type: aws_efs_file_system, name: files, mountPoint: /files}
  - {type: aws_efs_file_system, name: data, mountPoint: /data}
"""

NEW_VPC = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: shop, owners: team}
service:
  networking: {vpc: {nat: none, endpoints: [sts, ecr.dkr, ecr.api, logs]}}
"""

SHARED = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging}
environment:
  network: {endpoints: [logs, ecr.api]}
  loadBalancers:
    public: {allowCidrs: [203.0.113.0/24, 198.51.100.0/24, "2001:db8::/32"]}
    internal: {internal: true, allowCidrs: [10.2.0.0/16, 10.1.0.0/16]}
"""

QUERY = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: shop, owners: team}
service: {port: 80, networking: {loadBalancer: {query: [{name: b, values: [b, a]}, {values: [a]}]}}}
"""

ACTIONS = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: shop, owners: team}
service: {}
dependencies:
"""

STAGING = Request("staging.yml", b"", "staging")
CASES = sorted((ROOT / "tests" / "cases").glob("*/*.template.yml"))
TURNS: tuple[Callable[[list[Any]], list[Any]], ...] = (
    lambda items: items[::-1],
    lambda items: Random(7).sample(items, len(items)),
    lambda items: items[1:] + items[:1],
)


BROKERS = {"brokers": ["b-2.example:9098", "b-1.example:9094"]}
ADDRESSES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("aws_msk_cluster", "fetch_msk_cluster", "kafka_topic"), BROKERS),
    "aws_elasticache": {"endpoint": "cache.example"},
}
LISTS: dict[str, dict[str, Any]] = {"aws_msk_cluster": {"topics": ["placed", "cancelled"]}}
UNMANAGED = ("aws_elasticache", "kafka_topic")
"""The types of which an existing one has an address below `unmanaged`, and no list of actions beside it."""


def with_lists_of_actions() -> Iterator[str]:
    """Specs in which each type of dependency lists the actions that it permits, in both ways to do so."""
    names = {"aws_efs_file_system": "fs-0123456789abcdef0"}
    for name, kind in types_by_name(types()):
        actions = ["a:Write", "a:Read"]
        one = {"type": name, "name": names.get(name, "shop-data"), **LISTS.get(name, {})}
        if kind.physical_name or name in names:
            if name not in UNMANAGED:
                yield ACTIONS + yaml.safe_dump([{**one, "permissions": actions}])
            elif name == "kafka_topic":
                yield ACTIONS + yaml.safe_dump([{**one, "permissions": actions, **BROKERS}])
            yield ACTIONS + yaml.safe_dump([{**one, "unmanaged": {"permissions": actions, **ADDRESSES.get(name, {})}}])


def request_for(template: Path) -> Request:
    """The request for a golden template: a spec and an environment, or the file of an environment."""
    name, _, environment = template.name.removesuffix(".template.yml").partition(".")
    sources = [template.parent / f"{name}.spec.yml", template.parent / f"{name}.environment.yml"]
    source = next((file for file in sources if file.exists()), ROOT / "examples" / f"{name}.yml")
    return replace(request_of(source, environment), name=f"{name}.yml")


def compiled(text: str, request: Request = STAGING) -> str:
    result = run(replace(request, raw=text.encode()))
    assert result.template is not None, result.diagnostics
    return to_yaml(result.template.data)


def turned(data: Any, record: type, prefix: str, turn: Callable[[list[Any]], list[Any]], seen: set[str]) -> Any:
    """A map with every list without an order in another order, and its keys backwards. ``seen`` collects the lists."""
    if not isinstance(data, dict):
        return data
    out = {}
    for key, value in reversed(data.items()):
        field = spellings_of(record).get(key)
        path = f"{prefix}{field.name}" if field else ""
        if field and field.record:
            value = turned(value, field.record, f"{path}.", turn, seen)
        elif field and field.item and field.item.record and isinstance(value, dict):
            value = {name: _item(one, field.item, path, turn, seen) for name, one in reversed(value.items())}
        elif field and isinstance(value, list):
            value = [_item(one, field.item, path, turn, seen) for one in value]
            if _of_service(path) not in ORDERED:
                seen |= {path} if len(value) > 1 else set()
                value = turn(value)
        out[key] = value
    return out


def _of_service(path: str) -> str:
    """A path of a job as that of a service, whose keys it shares."""
    return re.sub(r"^job\.", "service.", path)


def _item(item: Any, kind: Any, path: str, turn: Callable[[list[Any]], list[Any]], seen: set[str]) -> Any:
    if kind.name == "dependency":
        known = types()[item["type"]]
        return turned(item, known.model, f"{known.name}.", turn, seen)
    return turned(item, kind.record, f"{path}[].", turn, seen) if kind.record else item


def backwards(value: Any) -> Any:
    """A condition with its values backwards."""
    if isinstance(value, dict):
        return {key: backwards(below) for key, below in value.items()}
    return value[::-1] if isinstance(value, list) else value


def variants(text: str, seen: set[str]) -> Iterator[str]:
    data = yaml.safe_load(text)
    record = KINDS[data["kind"]].record
    for turn in TURNS:
        yield yaml.safe_dump(turned(data, record, "", turn, seen), sort_keys=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden_cases(case: Path) -> None:
    request = request_for(case)
    text = request.raw.decode()
    plain = compiled(text, request)
    for other in variants(text, set()):
        assert compiled(other, request) == plain


def test_every_list_of_the_language_is_a_set_or_has_a_reason() -> None:
    seen: set[str] = set()
    for text in (EVERYTHING, NEW_VPC, QUERY, SHARED, *with_lists_of_actions()):
        plain = compiled(text)
        for other in variants(text, seen):
            assert compiled(other) == plain
    every = (each for kind in KINDS.values() for each in walk(kind.record))
    lists = {_of_service(path) for path, field in every if field.accepts("list")}
    for name, kind in types_by_name(types()):
        if name in ("sqlite_database", "service"):  # which IAM does not know
            continue
        lists |= {path for path, field in walk(kind.model, f"{name}.") if field.accepts("list")}
        lists -= {f"{name}.permissions"} if name in UNMANAGED else set()
    assert ORDERED.keys() <= lists
    assert lists - seen - ORDERED.keys() == set(), "give each in EVERYTHING two items, or in ORDERED a reason"


def test_the_values_of_a_condition_are_a_set() -> None:
    data = yaml.safe_load(EVERYTHING)
    statement = data["service"]["taskRole"]["statements"][0]
    statement["conditions"] = backwards(statement["conditions"])
    assert compiled(yaml.safe_dump(data)) == compiled(EVERYTHING)
