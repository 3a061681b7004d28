"""The flat dialect of FSD: what becomes of its keys, in every spelling."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.importers import ImportResult, recognized
from fsdcf.importers.report import Treatment
from fsdcf.importers.source import Source
from fsdcf.language.foreign import PLATFORMS, is_flat
from fsdcf.language.model import ENVIRONMENT
from fsdcf.language.source import parse
from tests.importers.conftest import Imports, outcomes
from tests.language.test_foreign import FOREIGN, VARIANTS

WEB = "name: web\nplatform: ecs\n"


def service(imports: Imports, text: str) -> tuple[dict[str, Any], ImportResult]:
    """The block of the only service of a document, and the result."""
    result = imports({"web.yml": WEB + text})
    (draft,) = (each for each in result.drafts if each.kind is not ENVIRONMENT)
    return draft.data[draft.kind.block], result


def dependencies(imports: Imports, text: str) -> tuple[list[dict[str, Any]], ImportResult]:
    """The dependencies of a document that has these, and the result."""
    result = imports({"web.yml": WEB + "dependencies:\n" + "".join(f"  - {line}\n" for line in text.splitlines())})
    return result.drafts[0].data.get("dependencies", []), result


@pytest.mark.parametrize(
    ("text", "cpu", "memory"),
    [
        ("compute: {cpu: 512, memory: 1024}", 512, 1024),
        ("compute: {cpu: 0.5, memory: 1}", 512, 1024),
        ("compute: {cpu: '0.5 vCPU', memory: 1GB}", 512, 1024),
        ("compute: {cpu: 500m, memory: 1Gi}", 512, 1024),
        ("compute: {vcpu: 1, memoryMb: 2048}", 1024, 2048),
        ("cpu: 1 vCPU\nmemory: 2 GB", 1024, 2048),
        ("compute: {resources: {limits: {cpu: '2', memory: 4096Mi}, requests: {cpu: '1'}}}", 2048, 4096),
        ("compute: {cpu: 300, memory: 512}", 512, 1024),
        ("container: {cpu: 256, memory: 512MB}", 256, 512),
    ],
)
def test_sizes(imports: Imports, text: str, cpu: int, memory: int) -> None:
    block, result = service(imports, text + "\n")
    assert (block["resources"]["cpu"], block["resources"]["memory"]) == (cpu, memory)
    assert not result.report.counts[Treatment.NOT_CARRIED]


@pytest.mark.parametrize(
    "text",
    [
        "networking: {port: 80, health_check: {path: /up, healthy_threshold: 4}}",
        "networking: {port: 80, healthCheck: {path: /up, healthyThreshold: 4}}",
        "network: {container-port: '80', health-check: {path: /up, healthy-threshold: 4}}",
        "port: 80\nhealth_check: {path: up, healthy_threshold: '4'}",
        "container: {port: 80, healthCheck: {endpoint: /up, healthyThreshold: 4}}",
        "networking: {port: 80, load_balancer: {health_check: {path: /up, healthy_threshold: 4}}}",
    ],
)
def test_a_key_has_many_spellings(imports: Imports, text: str) -> None:
    block, _ = service(imports, text + "\n")
    assert (block["port"], block["healthCheck"]) == (80, {"path": "/up", "healthyThreshold": 4})


@pytest.mark.parametrize(
    ("text", "scaling"),
    [
        ("{min: 2, max: 6, target_cpu: 70%}", {"minCount": 2, "maxCount": 6, "targetCPU": 70}),
        ("{minCount: 2, maxCount: 6, targetMemory: 0.8}", {"minCount": 2, "maxCount": 6, "targetMemory": 80}),
        ("{policies: [{type: target_tracking, metric: cpu, target: 60}]}", {"targetCPU": 60}),
        (
            "{policies: [{metric: alb_request_count, target: 9, scale_in_cooldown: 5m}]}",
            {"policies": [{"metric": "requestsPerTask", "value": 9, "scaleInCooldown": 300}]},
        ),
        (
            "{schedules: [{schedule: cron(0 9 * * MON-FRI), min_capacity: 3, timezone: UTC}]}",
            {"schedules": [{"name": "schedule-1", "cron": "0 9 * * MON-FRI", "timezone": "UTC", "minCount": 3}]},
        ),
    ],
)
def test_scaling(imports: Imports, text: str, scaling: dict[str, Any]) -> None:
    block, result = service(imports, f"port: 80\nscaling: {text}\ncompute: {{desired_count: 9}}\n")
    assert block["autoScaling"] == scaling and "desiredCount" not in block.get("resources", {})
    assert not result.report.counts[Treatment.NOT_CARRIED]


@pytest.mark.parametrize(
    ("mode", "permissions"),
    [
        ("read_write", "read_write"),
        ("RW", "read_write"),
        ("readOnly", "read"),
        ("consumer", "read"),
        ("publish", "write"),
    ],
)
def test_a_mode_is_access_to_what_exists(imports: Imports, mode: str, permissions: str) -> None:
    found, _ = dependencies(imports, f"{{type: aws_sqs_queue, name: a, mode: {mode}}}")
    assert found == [{"type": "aws_sqs_queue", "name": "a", "unmanaged": {"permissions": permissions}}]


def test_a_schema_or_nothing_makes_a_resource(imports: Imports) -> None:
    found, result = dependencies(
        imports,
        "{type: dynamodb, table_name: abc, mode: read, key_schema: [{attribute_name: i, key_type: HASH}], "
        "attribute_definitions: [{attribute_name: i, attribute_type: S}]}\n"
        "{type: aws_s3_bucket, bucket_name: b-files, lifecycle: [{expiration_days: 9}]}\n"
        "{type: aws_sqs_queue, name: c, wait_time_seconds: 20, dlq: {max_receive_count: 3}}",
    )
    assert found == [
        {
            "type": "aws_dynamodb_table",
            "name": "abc",
            "permissions": "read",
            "keySchema": [{"name": "i", "type": "HASH"}],
            "attributes": [{"name": "i", "type": "S"}],
        },
        {"type": "aws_s3_bucket", "name": "b-files", "lifecycle": [{"expireAfterDays": 9}]},
        {"type": "aws_sqs_queue", "name": "c", "receiveWaitTime": 20, "maxReceiveCount": 3},
    ]
    assert not result.report.counts[Treatment.NOT_CARRIED]


def test_two_modes_of_a_queue_are_one_dependency(imports: Imports) -> None:
    found, _ = dependencies(
        imports, "{type: aws_sqs_queue, name: a, mode: consumer}\n{type: aws_sqs_queue, name: a, mode: producer}"
    )
    assert found == [{"type": "aws_sqs_queue", "name": "a", "unmanaged": {"permissions": "read_write"}}]


def test_services_that_call_each_other_join_an_environment(imports: Imports) -> None:
    api = "name: api\nplatform: ecs\nport: 80\nload_balancer: {idle_timeout: 90}"
    api += "\ndependencies: [{type: service, name: stock}]"
    stock = "name: stock\nplatform: ecs\nport: 81\n"
    result = imports({"a.yml": f"{api}\n---\n{stock}"})
    drafts = {each.name: each.block.data for each in result.drafts}
    assert drafts["staging"] == {"loadBalancers": {"public": {"idleTimeout": 90}}}
    assert drafts["api"]["networking"] == {"shared": True, "loadBalancer": {"hosts": ["api.*"]}}
    assert drafts["stock"]["networking"]["serviceConnect"] is True
    assert {row.line for row in result.report.rows.values() if row.spec == "services/stock.yml"} == {7, 8, 9}


def test_what_differs_in_an_environment_is_its_part_of_the_spec(imports: Imports) -> None:
    text = (
        "compute: {cpu: 256, memory: 512, desired_count: 1}\nenvironment: {LEVEL: debug, ONLY: here}\n"
        "environments:\n"
        "  prod: {compute: {cpu: 1024, memory: 2048}, scaling: {min: 2, max: 9}, "
        "environment: {LEVEL: info, ONLY: null}}\n"
        "  Stage: {compute: {colour: red}}\n  broken: 3\n"
    )
    result = imports({"web.yml": WEB + text})
    (draft,) = result.drafts
    assert draft.data["environments"] == {
        "prod": {
            "service": {
                "resources": {"cpu": 1024, "memory": 2048, "desiredCount": None},
                "environment": {"LEVEL": "info", "ONLY": None},
                "autoScaling": {"minCount": 2, "maxCount": 9},
            }
        }
    }
    found = {row.key: row for row in result.report.rows.values()}
    assert (found["environments.prod.compute.cpu"].line, found["compute.cpu"].line) == (6, 3)
    assert found["environments.prod.compute.cpu"].outcome.to == "environments.prod.service.resources.cpu"
    lost = {key for key, row in found.items() if row.outcome.treatment is Treatment.NOT_CARRIED}
    assert lost == {"environments.Stage.compute.colour", "environments.broken"}


def test_services_of_a_list(imports: Imports) -> None:
    text = (
        "platform: ecs\nservices:\n  web: {compute: {cpu: 256, memory: 512}, environment: {A: '${SERVICE_NAME}'}}\n"
        "  jobs: {name: worker, environment: {B: '${A}', A: b}}\n  functions: {platform: lambda}\n"
    )
    result = imports({"all.yml": text})
    assert {each.name: each.block.get("environment") for each in result.drafts} == {
        "web": None,
        "worker": {"B": "b", "A": "b"},
    }
    assert outcomes(result)["services.functions.platform"].treatment is Treatment.NOT_CARRIED


@pytest.mark.parametrize(
    ("entry", "becomes"),
    [
        ("{type: service, name: a, discovery: dns, port: 81}", {"discovery": {"method": "dns"}, "port": 81}),
        ("{type: service, name: a, discovery: {method: alb}}", {"discovery": "loadBalancer"}),
        ("{type: service, name: a, discovery: {method: dns, namespace: x.internal}}", {}),
        (
            "{type: kafka_topic, name: a, mode: producer, bootstrap_servers: 'a:1,b:2', acks: all}",
            {"unmanaged": {"permissions": "write", "brokers": ["a:1", "b:2"]}},
        ),
        (
            "{type: aws_rds_instance, name: a, credentials: '${secrets:x/y}', host: 'h.example.com:5433'}",
            {"unmanaged": {"endpoint": "h.example.com", "port": 5433, "secret": "secretsmanager:x/y"}},
        ),
        (
            "{type: redis, name: a, mode: rw, cluster: {node_type: cache.t4g.small, num_shards: 2}}",
            {"permissions": "read_write", "engine": None, "nodeType": "cache.t4g.small", "shards": 2},
        ),
        (
            "{type: table, name: abc, mode: read, indexes: [{name: by-x, mode: read}], streams: {enabled: true}}",
            {
                "unmanaged": {"permissions": "read"},
                "indexes": [{"name": "by-x", "permissions": "read"}],
                "stream": {"enabled": True},
            },
        ),
        (
            "{type: aws_kinesis_stream, name: a, permissions: ['kinesis:ListShards']}",
            {"unmanaged": {"permissions": ["kinesis:ListShards"]}},
        ),
        ("{type: aws_secrets_manager, name: a, secrets: [b]}", {"unmanaged": {"permissions": "read"}}),
    ],
)
def test_dependencies(imports: Imports, entry: str, becomes: dict[str, Any]) -> None:
    ((found,), _) = dependencies(imports, entry)
    assert {key: value for key, value in found.items() if key not in ("type", "name")} == {
        key: value for key, value in becomes.items() if value is not None
    }


@pytest.mark.parametrize(
    ("text", "lost", "becomes"),
    [
        (
            "networking: {port: 80, health_check: {interval: 5, timeout: 5}}",
            0,
            {"healthCheck": {"interval": 5, "timeout": 4}},
        ),
        ("networking: {health_check: {path: /h, port: 90}}", 0, {"port": 90, "healthCheck": {"path": "/h"}}),
        ("networking: {health_check: {path: /h, interval: 9}}", 2, {"healthCheck": None}),
        ("networking: {load_balancer: {internal: true}}", 1, {"networking": {}}),
        ("scaling: {min: 20, target_requests: 9}", 2, {"autoScaling": {"minCount": 20, "maxCount": 20}}),
        ("scaling: {policies: [{metric: queue_depth, target: 9}]}", 2, {"autoScaling": None}),
        (
            "deployment: {minimum_healthy_percent: 100, maximum_percent: 100}",
            0,
            {"deployment": {"minimumHealthyPercent": 100}},
        ),
        ("port: 80\nnetworking: {vpc_id: vpc-12345678, subnets: [subnet-12345678]}", 2, {"networking": {}}),
        ("observability: {logs: {retention: never}}", 0, {"observability": {"logs": {"retention": "forever"}}}),
        ("port: 80\nhealth_check: /up", 0, {"healthCheck": {"path": "/up"}}),
        ("port: 80\nnetworking: {healthCheck: true, health_check: curl -f http://localhost/up}", 0, {"port": 80}),
        ("health_check: curl -f x", 0, {"healthCheck": {"container": {"command": "curl -f x"}}}),
        ("observability: {tracing: xray}", 0, {"observability": {"traces": {"enabled": True}}}),
        ("observability: {tracing: jaeger}", 1, {"observability": None}),
        ("observability: {alarms: [high_cpu]}", 0, {"observability": {"alarms": {"cpu": True}}}),
        ("environment: ['A=b']", 0, {"environment": {"A": "b"}}),
        (
            "sidecars: [{name: proxy, image: 'envoy:1', environment: {A: b}}]",
            0,
            {"sidecars": [{"name": "proxy", "image": "envoy:1", "environment": {"A": "b"}}]},
        ),
    ],
)
def test_values_fit_each_other(imports: Imports, text: str, lost: int, becomes: dict[str, Any]) -> None:
    block, result = service(imports, text + "\n")
    assert {name: block.get(name) for name in becomes} == becomes
    assert result.report.counts[Treatment.NOT_CARRIED] == lost


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("{type: aws_rds_instance, name: My_Db, mode: read}", "my-db"),
        ("{type: aws_sqs_queue, name: 'arn:aws:sqs:us-east-1:123456789012:q', mode: read}", "q"),
        ("{type: aws_s3_bucket, name: My_Bucket, mode: read}", None),
        ("{type: kafka_topic, name: a.b, mode: read}", "a.b"),
    ],
)
def test_what_exists_has_a_name_that_aws_allows(imports: Imports, entry: str, name: str | None) -> None:
    found, result = dependencies(imports, entry)
    assert [each["name"] for each in found] == ([name] if name else [])
    assert bool(result.report.counts[Treatment.NOT_CARRIED]) is (name is None)
    if name == "a.b":
        assert found[0]["unmanaged"]["brokers"] == ["${ssm:/web/${ENV}/kafka-brokers}"]


def test_documents_of_one_name_are_specs_of_their_own(imports: Imports) -> None:
    result = imports({"a.yml": WEB, "b.yml": WEB, "c.yml": "name: Web_2\nplatform: ecs\n"})
    assert [each.path for each in result.drafts] == ["services/web.yml", "services/web-2.yml", "services/web-2-2.yml"]


def test_a_job_of_batch(imports: Imports) -> None:
    result = imports(
        {"a.yml": "name: etl\nplatform: batch\njob: {timeout: 2 hours, schedule: rate(1 day), retries: 3}\n"}
    )
    assert result.drafts[0].data["job"] == {"timeout": 7200, "schedule": {"rate": "1 day"}, "retries": 3}


@pytest.mark.parametrize("text", [text for text in (*FOREIGN.values(), *VARIANTS.values()) if "platform:" in text])
def test_what_the_finding_sends_to_the_import_is_a_flat_document(text: str) -> None:
    document, (finding, *_) = parse(text.encode(), "a.yml")
    source = Source("a.yml", "a.yml", text.encode())
    assert document is None and finding.code == "S015"
    if source.document is not None:
        assert [*recognized([source])] == ["flat"]


@pytest.mark.parametrize("platform", [*PLATFORMS, "Kubernetes", "nomad"])
def test_another_platform_is_a_sentence(imports: Imports, platform: str) -> None:
    result = imports({"a.yml": f"name: a\nplatform: {platform}\ncompute: {{replicas: 2}}\n", "b.yml": WEB})
    assert [each.name for each in result.drafts] == ["web"]
    (row,) = (each for each in result.report.rows.values() if each.file == "a.yml")
    assert row.outcome.note.startswith("fsdcf does not ") and row.key == "platform"


def test_placeholders_become_those_of_a_spec(imports: Imports) -> None:
    text = (
        "environment: {A: '${environment}-x', B: '${secrets:a/b}', C: '${AWS_REGION}', D: '${sns:t}', E: '${env:X}', "
        "F: '${sqs:missing:url}', PLACE: rome, G: '${PLACE}', H: 'costs $5 and ${'}\n"
    )
    block, result = service(imports, text)
    assert block["environment"] == {
        "A": "${ENV}-x",
        "B": "${secrets:a/b}",
        "C": "${AWS::Region}",
        "D": "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:t",
        "PLACE": "rome",
        "G": "rome",
        "H": "costs $5 and $${",
    }
    lost = {key for key, each in outcomes(result).items() if each.treatment is Treatment.NOT_CARRIED}
    assert lost == {"environment.E", "environment.F"}


def test_an_existing_role_gets_no_statements(imports: Imports) -> None:
    block, result = service(
        imports, "security: {task_role: web, policies: [{actions: ['s3:GetObject'], resources: ['*']}]}\n"
    )
    assert block["taskRole"] == {"arn": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/web"}
    assert outcomes(result)["security.policies[0]"].treatment is Treatment.NOT_CARRIED


SECRETS = "environment: {API_KEY: sk_live_4eC39HqLyjWDarjtT1zdp7dc, DATABASE_PASSWORD: hunter2hunter2}\n"


def test_a_plain_secret_is_never_written(imports: Imports) -> None:
    block, result = service(imports, SECRETS)
    text = "".join(each.text() for each in result.drafts) + str(result.report)
    assert "4eC39" not in text and "hunter2" not in text
    assert [each["name"] for each in block["secrets"]] == ["API_KEY", "DATABASE_PASSWORD"]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: fsd/v1\nkind: Service\nname: web\nplatform: ecs\n",
        "services: {web: {image: nginx, platform: linux/amd64}}\n",
        "name: web\nplatform: {os: linux}\n",
        "platform: ecs\n",
    ],
)
def test_other_files_are_not_claimed(text: str) -> None:
    source = Source("a.yml", "a.yml", text.encode())
    assert not is_flat(source.data) and "flat" not in recognized([source])


def test_tags(imports: Imports) -> None:
    _, result = service(
        imports,
        "tags: {stage: '${env}', note: 'a;b', api-token: ghp_0123456789abcdefghijklmnopqrstuvwxyzAB, 'aws:x': y}\n",
    )
    (draft,) = result.drafts
    assert draft.data["metadata"]["tags"] == {"stage": "${ENV}", "note": "a-b"}
    lost = {row.key for row in result.report.rows.values() if row.outcome.treatment is Treatment.NOT_CARRIED}
    assert lost == {"tags.api-token", "tags.aws:x"}


WORDS = (
    "compute cpu memory networking port health_check path load_balancer waf scaling policies metric target "
    "schedule observability alarms logging tracing security secrets iam policy_statements dependencies "
    "type name mode unmanaged indexes streams encryption kms_key environment container image command job "
    "services platform tags team"
)
KEYS = st.sampled_from(WORDS.split())
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False),
    st.sampled_from(
        ["ecs", "batch", "${a:b:c}", "${", "aws_dynamodb_table", "service", "read", "1e9", "\u2028é", "/x", "5m"]
    ),
    st.text(max_size=12),
)
TREES = st.recursive(
    VALUES,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(KEYS, below, max_size=5)),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, TREES, max_size=8), TREES, TREES)
def test_any_document_is_imported_the_same_twice(imports: Imports, data: Any, compute: Any, entry: Any) -> None:
    text = json.dumps({**data, "name": "web", "platform": "ecs", "compute": compute, "dependencies": [entry]})
    first, second = (imports({"web.json": text}, "flat") for _ in range(2))
    assert [each.text() for each in first.drafts] == [each.text() for each in second.drafts]
    assert first.report == second.report


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", [{}, {"type": "aws_efs_file_system", "name": "data"}]),
        (", mode: read_write", [{}, {"type": "aws_efs_file_system", "name": "data"}]),
        (", ephemeral: true", [{"ephemeral": True, "path": "/tmp/app.db"}]),
        (", path: /data/a.db", [{"path": "/data/a.db"}]),
    ],
)
def test_the_file_of_a_sqlite_database_has_a_place(imports: Imports, line: str, expected: list[dict[str, Any]]) -> None:
    text = "scaling: {min: 2, max: 4}\ndependencies: [{type: sqlite_database, name: notes" + line + "}]\n"
    result = imports({"web.yml": WEB + text})
    first, *rest = result.drafts[0].data["dependencies"]
    assert [first, *rest] == [{"type": "sqlite_database", "name": "notes", **expected[0]}, *expected[1:]]
    scales = "autoScaling" in result.drafts[0].data["service"]
    assert scales == ("ephemeral" in line)
    assert scales == (outcomes(result)["scaling.max"].treatment is Treatment.CARRIED)


def test_an_existing_file_system_without_an_id_has_a_parameter(imports: Imports) -> None:
    (system,), result = dependencies(imports, "{type: efs, name: '${ENV}-uploads', mode: read, mount_point: /data}")
    assert system == {
        "type": "aws_efs_file_system",
        "name": "${ssm:/web/${ENV}/uploads-id}",
        "unmanaged": {"permissions": "read"},
        "mountPoint": "/data",
    }
    assert "/web/${ENV}/uploads-id" in outcomes(result)["dependencies[0].name"].note
