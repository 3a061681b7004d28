"""Copilot's workloads: what each key of a manifest becomes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.importers import ImportResult
from fsdcf.importers.draft import Draft
from fsdcf.importers.report import Treatment
from fsdcf.importers.source import Source, SourceValue
from fsdcf.language.model import ENVIRONMENT
from tests.fuzz import examples
from tests.importers.conftest import Imports, outcomes

SOURCES = Path(__file__).parents[2] / "cases" / "import" / "copilot-workloads" / "source" / "copilot"
WEB = {
    "name": "web",
    "type": "Load Balanced Web Service",
    "image": {"build": "web/Dockerfile", "port": 8080},
    "http": {"path": "/"},
}
API = {"name": "web", "type": "Backend Service", "image": {"build": "web/Dockerfile", "port": 8080}}
WORKER = {"name": "web", "type": "Worker Service", "image": {"location": "nginx:1.27"}}
JOB = {"name": "web", "type": "Scheduled Job", "image": {"location": "nginx:1.27"}, "on": {"schedule": "@daily"}}


def _merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    both = {**base, **more}
    return {
        name: _merged(base[name], each) if isinstance(base.get(name), dict) and isinstance(each, dict) else each
        for name, each in both.items()
    }


class Imported:
    """An import of one manifest: the spec, its main block, and what became of each key."""

    def __init__(self, imports: Imports, base: dict[str, Any], keys: str = "", **files: str) -> None:
        manifest = _merged(base, yaml.safe_load(keys) or {})
        paths = {
            "copilot/.workspace": "application: shop\n",
            **{name.replace("__", "/"): files[name] for name in files},
        }
        self.result: ImportResult = imports({**paths, "copilot/web/manifest.yml": json.dumps(manifest)})
        self.outcomes = outcomes(self.result)
        self.draft: Draft = next(each for each in self.result.drafts if each.kind is not ENVIRONMENT)
        self.data = self.draft.data
        self.block = self.data[self.draft.kind.block]

    def became(self, key: str) -> Treatment:
        return self.outcomes[key].treatment


def test_what_copilot_sets_by_default_is_in_the_spec(imports: Imports) -> None:
    web = Imported(imports, WEB)
    assert web.block["healthCheck"] == {"path": "/", "healthyThreshold": 5, "unhealthyThreshold": 2}
    assert web.block["networking"] == {
        "shared": True,
        "assignPublicIp": True,
        "serviceDiscovery": True,
        "loadBalancer": {"paths": ["/*"], "deregistrationDelay": 60},
    }
    assert web.block["resources"] == {"cpu": 256, "memory": 512, "desiredCount": 1}
    assert web.block["environment"] == {
        "COPILOT_APPLICATION_NAME": "shop",
        "COPILOT_ENVIRONMENT_NAME": "${ENV}",
        "COPILOT_SERVICE_NAME": "web",
        "COPILOT_SERVICE_DISCOVERY_ENDPOINT": "${ENV}.shop.local",
        "COPILOT_LB_DNS": "${import:fsdcf-${ENV}-PublicLoadBalancerDnsName}",
    }
    environment = web.result.drafts[0]
    assert environment.data["environment"]["namespace"] == "staging.shop.local"


def test_a_backend_service_is_reached_inside_the_environment(imports: Imports) -> None:
    assert Imported(imports, API).block["networking"]["loadBalancer"] is False
    balancer = Imported(imports, API, "http: {path: api, alias: api.example.com}").block["networking"]["loadBalancer"]
    assert balancer == {
        "name": "internal",
        "paths": ["/api", "/api/*"],
        "hosts": ["api.example.com"],
        "deregistrationDelay": 60,
    }
    assert "loadBalancer" not in Imported(imports, API, "image: {port: null}").block["networking"]


def test_images_are_built_or_named(imports: Imports) -> None:
    web = Imported(imports, WEB, web__Dockerfile="FROM scratch\n")
    assert web.block["build"] == {"context": "../web", "dockerfile": "../web/Dockerfile"}
    assert Imported(imports, WEB).block["build"] == {"context": "../web"}
    named = Imported(
        imports,
        WORKER,
        "image: {location: '${AWS_ACCOUNT_ID}.dkr.ecr.${AWS_REGION}.amazonaws.com/web:${TAG}', credentials: x}",
    )
    assert named.block["image"] == "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/web"
    assert "imageCredentials" not in named.block
    many = Imported(
        imports,
        WEB,
        "image: {build: {dockerfile: a/D, context: b, target: t, args: {MODE: x, API_TOKEN: y}}}",
        a__D="F",
    )
    assert many.block["build"] == {
        "context": "../b",
        "dockerfile": "../a/D",
        "target": "t",
        "args": {"MODE": "x"},
    }
    assert many.became("image.build.args.API_TOKEN") is Treatment.NOT_CARRIED


def test_variables_of_the_shell_and_of_copilot(imports: Imports) -> None:
    web = Imported(
        imports,
        WEB,
        """
variables:
  A: ${COPILOT_APPLICATION_NAME}-${COPILOT_ENVIRONMENT_NAME}
  B: ${STAGE}
  C: ${x:-y}
  DB_PASSWORD: ${DB_PASSWORD}
  ACCESS_TOKEN: 8f3b1c5d9e7a2b4c6d8e
  E: {from_cfn: shop-table}
secrets:
  S: NAME
  P: /copilot/${COPILOT_APPLICATION_NAME}/s
  M: {secretsmanager: "db:password::"}
  F: {from_cfn: shop-secret}
""",
    )
    environment = {name: text for name, text in web.block["environment"].items() if not name.startswith("COPILOT")}
    assert environment == {"A": "shop-${ENV}", "B": "${STAGE}", "C": "$${x:-y}", "E": "${import:shop-table}"}
    assert {each["name"]: each["valueFrom"] for each in web.block["secrets"]} == {
        "DB_PASSWORD": "/web/${ENV}/DB_PASSWORD",
        "ACCESS_TOKEN": "/web/${ENV}/ACCESS_TOKEN",
        "S": "ssm:NAME",
        "P": "/copilot/shop/s",
        "M": "secretsmanager:db:password::",
        "F": "${import:shop-secret}",
    }
    assert web.draft.to_store == ["DB_PASSWORD", "ACCESS_TOKEN"]
    assert web.result.drafts[0].data["environment"]["variables"] == {"STAGE": "replace-me"}


def test_a_host_may_have_a_variable_of_the_shell(imports: Imports) -> None:
    web = Imported(imports, WEB, 'http: {alias: ["${ZONE}", "App.${ZONE}"]}')
    assert web.block["networking"]["loadBalancer"]["hosts"] == ["${ZONE}", "app.${ZONE}"]
    environment = next(each for each in web.result.drafts if each.kind is ENVIRONMENT)
    assert environment.block.get("variables") == {"ZONE": "replace-me.example.com"}


@pytest.mark.parametrize(
    ("check", "timeout", "key"),
    [
        ("interval: 5s", 4, "interval"),
        ("timeout: 20s, interval: 6s", 5, "timeout"),
        ("timeout: 10s", 9, "timeout"),
        ("interval: 20s", 5, None),
    ],
)
def test_a_check_ends_before_the_next_one(imports: Imports, check: str, timeout: int, key: str | None) -> None:
    web = Imported(imports, WEB, f"image: {{healthcheck: {{command: [CMD, check], {check}}}}}")
    assert web.block["healthCheck"]["container"]["timeout"] == timeout
    changed = [name for name in ("interval", "timeout") if f"image.healthcheck.{name}" in web.outcomes]
    marked = [each for each in changed if web.became(f"image.healthcheck.{each}") is Treatment.CHANGED]
    assert marked == ([key] if key else [])


def test_no_secret_is_written(imports: Imports) -> None:
    web = Imported(
        imports,
        WEB,
        """
image:
  build: {dockerfile: D, args: {MODE: "token=abcdef123"}}
  labels: {password: geheim-12}
  healthcheck: {command: "curl -u me:geheim-12 localhost --password geheim-12"}
command: serve --password geheim-12
entrypoint: [serve, --token, geheim-12]
variables: {DATABASE_URL: "postgres://me:geheim-12@host/db", API_TOKEN: geheim-12}
logging: {destination: {Name: http, http_passwd: geheim-12}}
sidecars: {proxy: {image: "a:1", variables: {API_TOKEN: geheim-12}}, own: {image: "not an image"}}
taskdef_overrides: [{path: "ContainerDefinitions[0].DockerLabels.password", value: geheim-12}]
environments: {test: {variables: {API_TOKEN: geheim-12b}}}
""",
    )
    report = str([*web.result.report.rows.values()])
    assert "geheim" not in web.draft.text() + report and "abcdef123" not in web.draft.text() + report
    assert set(web.draft.to_store) == {"DATABASE_URL", "API_TOKEN"}
    assert "healthCheck" not in web.block or "container" not in web.block["healthCheck"]
    assert [each["name"] for each in web.block["sidecars"]] == ["proxy"]
    assert web.became("sidecars.own") is Treatment.NOT_CARRIED


def test_a_file_of_variables_is_read(imports: Imports) -> None:
    web = Imported(imports, WEB, "env_file: a.env\nvariables: {A: mine}", **{"a.env": "# x\nA=1\nB=2\nTOKEN=abc\n"})
    assert web.block["environment"]["A"] == "mine" and web.block["environment"]["B"] == "2"
    assert [each["name"] for each in web.block["secrets"]] == ["TOKEN"] and "abc" not in web.draft.text()
    assert Imported(imports, WEB, "env_file: a.env").became("env_file") is Treatment.NOT_CARRIED


@pytest.mark.parametrize(
    ("keys", "scaling", "resources"),
    [
        ("count: 3", None, {"desiredCount": 3}),
        ("count: {spot: 2}", None, {"desiredCount": 2, "spot": True}),
        ("count: {range: 1-4, cpu_percentage: 70}", {"minCount": 1, "maxCount": 4, "targetCPU": 70}, {}),
        (
            "count: {range: {min: 2, max: 9, spot_from: 4}, requests: 30, response_time: 250ms, cooldown: {in: 1m}}",
            {
                **{"minCount": 2, "maxCount": 9, "targetRequestsPerTask": 30, "targetResponseTime": 0.25},
                "scaleInCooldown": 60,
            },
            {"spot": {"base": 3, "weight": 1000}},
        ),
        ("count: {range: {min: 3, max: 9, spot_from: 2}}", {"minCount": 3, "maxCount": 9}, {"spot": True}),
        (
            "count: {range: 1-2, memory_percentage: {value: 80, cooldown: {out: 45s}}}",
            {
                **{"minCount": 1, "maxCount": 2},
                "policies": [{"metric": "memory", "value": 80, "scaleOutCooldown": 45}],
            },
            {},
        ),
    ],
)
def test_counts(imports: Imports, keys: str, scaling: dict[str, Any] | None, resources: dict[str, Any]) -> None:
    web = Imported(imports, WEB, keys)
    assert web.block.get("autoScaling") == ({"scaleInCooldown": 120, **scaling} if scaling else None)
    assert web.block["resources"] == {"cpu": 256, "memory": 512, **resources}


def test_rules_of_the_load_balancer(imports: Imports) -> None:
    web = Imported(
        imports,
        WEB,
        """
http:
  path: shop
  alias: [{name: A.example.com, hosted_zone: Z1}, {name: b.example.com}]
  healthcheck: {path: up, port: 81, success_codes: "200,301", interval: 5s, timeout: 30s, grace_period: 1m30s}
  target_container: proxy
  target_port: 8443
  stickiness: true
  allowed_source_ips: [10.0.0.0/8]
  version: grpc
  redirect_to_https: false
  additional_rules:
    - {path: more, alias: [{name: a.example.com}, {name: b.example.com}], target_container: proxy, target_port: 8443}
    - {path: other, target_container: web}
sidecars:
  proxy: {image: nginx:1.27, port: 443}
""",
    )
    assert web.block["networking"]["loadBalancer"] == {
        "hosts": ["a.example.com", "b.example.com"],
        "paths": ["/shop", "/shop/*", "/more", "/more/*"],
        "container": "proxy",
        "protocol": "https",
        "stickiness": True,
        "deregistrationDelay": 60,
    }
    assert web.block["sidecars"][0]["port"] == 8443
    assert {name: web.block["healthCheck"][name] for name in ("path", "port", "timeout", "gracePeriod")} == {
        **{"path": "/up", "port": 81, "timeout": 4, "gracePeriod": 90}
    }
    for key in ("http.version", "http.redirect_to_https", "http.additional_rules[1].path"):
        assert web.became(key) is Treatment.NOT_CARRIED
    limited = Imported(imports, WEB, "http: {allowed_source_ips: [10.0.0.0/8]}")
    assert limited.data["overrides"]["ListenerRule"] == {
        "Properties.Conditions[+]": {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}
    }
    without = Imported(imports, WEB, "http: false\nnlb: {port: 443/tls}")
    assert without.block["networking"]["loadBalancer"] is False and without.became("nlb.port") is Treatment.NOT_CARRIED
    both = Imported(imports, WEB, "nlb: {port: 81, additional_listeners: [{port: 82, deregistration_delay: 5s}]}")
    assert both.block["networking"]["loadBalancer"]["paths"] == ["/*"]
    for key in ("nlb.port", "nlb.additional_listeners[0].deregistration_delay"):
        assert both.outcomes[key].treatment is Treatment.NOT_CARRIED and "LoadBalancers[+]" in both.outcomes[key].note


def test_the_version_of_http_needs_a_certificate(imports: Imports) -> None:
    arn = "arn:aws:acm:eu-west-1:123456789012:certificate/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c"
    manifest = f"name: test\ntype: Environment\nhttp: {{public: {{certificates: ['{arn}']}}}}\n"
    keys = "http: {version: grpc, healthcheck: {success_codes: '200'}}"
    assert Imported(imports, WEB, keys).became("http.version") is Treatment.NOT_CARRIED
    web = Imported(imports, WEB, keys, **{"copilot/environments/test/manifest.yml": manifest})
    assert web.block["networking"]["loadBalancer"]["protocolVersion"] == "grpc"


@pytest.mark.parametrize("alias", ["a.example.com", ["a.example.com"], [{"name": "a.example.com"}]])
def test_a_name_without_a_certificate_is_served_by_http(imports: Imports, alias: object) -> None:
    web = Imported(imports, WEB, json.dumps({"http": {"alias": alias}}))
    assert web.block["networking"]["loadBalancer"]["hosts"] == ["a.example.com"]
    (outcome,) = (each for key, each in web.outcomes.items() if key.startswith("http.alias"))
    assert outcome.treatment is Treatment.CHANGED and "certificateArn" in outcome.note


def test_every_container_has_the_variables_of_copilot(imports: Imports) -> None:
    web = Imported(
        imports,
        {**WEB, "type": "Backend Service"},
        """
storage: {volumes: {data: {path: /data}}}
sidecars:
  proxy:
    image: "example/proxy:1"
    variables: {LEVEL: debug, COPILOT_SERVICE_NAME: own}
    secrets: {COPILOT_ENVIRONMENT_NAME: name}
    mount_points: [{source_volume: data, path: /var/www}]
""",
    )
    assert web.block["environment"]["COPILOT_LB_DNS"] == "${import:fsdcf-${ENV}-InternalLoadBalancerDnsName}"
    assert web.block["environment"]["COPILOT_MOUNT_POINTS"] == '{"data":"/data"}'
    assert web.block["sidecars"][0]["environment"] == {
        "COPILOT_APPLICATION_NAME": "shop",
        "COPILOT_SERVICE_NAME": "own",
        "COPILOT_SERVICE_DISCOVERY_ENDPOINT": "${ENV}.shop.local",
        "COPILOT_LB_DNS": "${import:fsdcf-${ENV}-InternalLoadBalancerDnsName}",
        "COPILOT_MOUNT_POINTS": '{"data":"/var/www"}',
        "LEVEL": "debug",
    }


def test_the_network(imports: Imports) -> None:
    web = Imported(
        imports,
        WEB,
        """
network:
  connect: {alias: Shop}
  vpc: {placement: private, security_groups: {deny_default: true, groups: [sg-0123abcd, {from_cfn: shop-group}]}}
""",
    )
    networking = web.block["networking"]
    assert networking["serviceConnect"] == {"alias": "shop"} and networking["assignPublicIp"] is False
    assert networking["securityGroups"] == ["sg-0123abcd", "${import:shop-group}"]
    assert web.became("network.vpc.security_groups.deny_default") is Treatment.NOT_CARRIED
    subnets = Imported(imports, WEB, "network: {connect: true, vpc: {placement: {subnets: [subnet-1]}}}")
    assert subnets.block["networking"]["serviceConnect"] is True
    assert Treatment.NOT_CARRIED in {each.treatment for key, each in subnets.outcomes.items() if "subnets" in key}
    assert subnets.block["networking"]["assignPublicIp"] is False


@pytest.mark.parametrize("placement", ["{subnets: [subnet-1]}", "{subnets: {from_tags: {tier: [web, app]}}}"])
def test_tasks_in_subnets_of_their_own_have_no_public_addresses(imports: Imports, placement: str) -> None:
    web = Imported(imports, WEB, f"environments: {{prod: {{network: {{vpc: {{placement: {placement}}}}}}}}}")
    assert web.block["networking"]["assignPublicIp"] is True
    assert web.data["environments"]["prod"]["service"]["networking"] == {"assignPublicIp": False}


def test_no_more_groups_than_a_task_can_have(imports: Imports) -> None:
    groups = [f"sg-0123456{number}" for number in range(4)]
    web = Imported(imports, WEB, f"network: {{vpc: {{security_groups: [{', '.join(groups)}]}}}}")
    assert web.block["networking"]["securityGroups"] == groups[:3]
    assert web.became("network.vpc.security_groups[3]") is Treatment.NOT_CARRIED


def test_an_imported_security_group_may_be_a_text(imports: Imports) -> None:
    group = "\"Fn::ImportValue: 'shop-${COPILOT_ENVIRONMENT_NAME}-Db'\""
    api = Imported(imports, API, f"network: {{vpc: {{security_groups: [{group}, sg-0123456789abcdef0, nonsense]}}}}")
    groups = api.block["networking"]["securityGroups"]
    assert groups == ["${import:shop-${ENV}-Db}", "sg-0123456789abcdef0"]
    assert api.became("network.vpc.security_groups[2]") is Treatment.NOT_CARRIED


def test_sidecars_and_volumes(imports: Imports) -> None:
    web = Imported(
        imports,
        WEB,
        """
image: {depends_on: {init: success, gone: start}, labels: {a.b: c}}
storage:
  ephemeral: 30
  readonly_fs: true
  volumes:
    scratch: {path: /s}
    own: {path: /o, read_only: false, efs: {uid: 7, gid: 8}}
    part: {path: /p, efs: {id: fs-0123456789abcdef0, root_dir: /x}}
    exported: {path: /q, efs: {id: {from_cfn: shop-files}}}
    old: {path: /e, read_only: false, efs: {id: fs-01234567, auth: {access_point_id: fsap-01234567}}}
sidecars:
  init:
    image: {location: busybox}
    essential: false
    depends_on: {web: start}
    mount_points: [{source_volume: own, path: /in, read_only: false}, {source_volume: none, path: /n}]
    healthcheck: {command: [check], timeout: 1s}
    labels: {a: b}
  built: {image: {build: x/Dockerfile}, port: 81/tcp, command: "a 'b c'"}
  datagrams: {image: "x:1", port: 53/udp}
exec: true
""",
    )
    init, built, _ = web.block["sidecars"]
    assert init["image"] == "busybox:latest" and init["dependsOn"] == {"main": "START"}
    assert init["mounts"] == [{"volume": "${ENV}-web", "path": "/in"}]
    assert init["healthCheck"] == {"command": ["CMD", "check"], "interval": 10, "timeout": 2, "retries": 2}
    assert built["port"] == 81 and built["command"] == ["a", "b c"] and built["image"].endswith("/web-built:latest")
    assert web.block["volumes"] == [
        {"name": "scratch", "mountPath": "/s", "readOnly": True},
        {
            **{"name": "part", "mountPath": "/p", "readOnly": True},
            "efs": {"fileSystemId": "fs-0123456789abcdef0", "rootDirectory": "/x"},
        },
    ]
    assert web.data["dependencies"] == [
        {
            **{"type": "aws_efs_file_system", "name": "${ENV}-web", "mountPoint": "/o"},
            "posixUser": {"uid": 7, "gid": 8},
        },
        {
            **{"type": "aws_efs_file_system", "name": "${import:shop-files}", "mountPoint": "/q"},
            "unmanaged": {"permissions": "read"},
        },
        {
            **{"type": "aws_efs_file_system", "name": "fs-01234567", "mountPoint": "/e"},
            "unmanaged": {"permissions": "read_write", "accessPointId": "fsap-01234567"},
        },
    ]
    assert set(web.data["overrides"]["TaskDefinition"]) == {
        'Properties.ContainerDefinitions.0.DockerLabels."a.b"',
        'Properties.ContainerDefinitions.1.DockerLabels."a"',
    }
    for key in ("image.depends_on.gone", "sidecars.init.mount_points[1].path", "sidecars.datagrams.port", "exec"):
        assert web.became(key) is Treatment.NOT_CARRIED, key


def test_logs(imports: Imports) -> None:
    web = Imported(
        imports, WEB, "logging: {retention: 20, destination: {Name: x}, secretOptions: {k: /a}, configFilePath: /b}"
    )
    assert web.block["observability"]["logs"] == {
        **{"retention": 30, "driver": "awsfirelens", "options": {"Name": "x"}},
        "secretOptions": [{"name": "k", "valueFrom": "/a"}],
    }
    assert web.became("logging.configFilePath") is Treatment.NOT_CARRIED
    assert "logs" not in Imported(imports, WEB, "logging: {image: 'x:1'}").block.get("observability", {})


def test_topics_and_queues_of_a_workspace(imports: Imports) -> None:
    topics = "publish: {topics: [{name: placed, allowed_workers: [mailer]}, {name: exact, fifo: true}]}"
    worker = """
name: mailer
type: Worker Service
image: {location: x}
subscribe:
  topics:
    - {name: placed, service: web, filter_policy: {kind: [gift]}}
    - {name: exact, service: web, queue: {fifo: {high_throughput: true}, timeout: 1m}}
    - {name: gone, service: other}
  queue: {retention: 1h, dead_letter: {tries: 3}}
count: {range: 1-3, queue_delay: {acceptable_latency: 1m, msg_processing_time: 500ms}}
"""
    web = Imported(imports, WEB, topics, **{"copilot/mailer/manifest.yml": worker})
    mailer, publisher = web.result.drafts[1], web.result.drafts[2]
    assert publisher.data["dependencies"] == [
        {
            **{"type": "aws_sns_topic", "name": "${ENV}-web-placed", "permissions": "write"},
            "subscriptions": [{"existingQueue": "${ENV}-mailer", "filterPolicy": {"kind": ["gift"]}}],
        },
        {
            **{"type": "aws_sns_topic", "name": "${ENV}-web-exact", "permissions": "write", "fifo": True},
            "subscriptions": [{"existingQueue": "${ENV}-mailer-web-exact.fifo"}],
        },
    ]
    assert mailer.data["dependencies"] == [
        {
            **{"type": "aws_sqs_queue", "name": "${ENV}-mailer", "permissions": "read"},
            "receivesFrom": [{"topic": "${ENV}-web-placed"}, {"topic": "${ENV}-other-gone"}],
            **{"messageRetention": 3600, "maxReceiveCount": 3},
        },
        {
            **{"type": "aws_sqs_queue", "name": "${ENV}-mailer-web-exact", "permissions": "read", "deadLetters": False},
            **{"receivesFrom": [{"topic": "${ENV}-web-exact.fifo"}], "fifo": True, "visibilityTimeout": 60},
            **{"deduplicationScope": "messageGroup", "fifoThroughputLimit": "perMessageGroupId"},
        },
    ]
    block = mailer.data["service"]
    assert block["autoScaling"]["queueBacklogPerTask"] == 120 and block["autoScaling"]["queue"] == "mailer"
    assert block["environment"]["COPILOT_QUEUE_URI"] == "${sqs:mailer:url}"
    assert json.loads(block["environment"]["COPILOT_TOPIC_QUEUE_URIS"]) == {
        "webExactfifoEventsQueue": "${sqs:mailer-web-exact:url}"
    }
    assert json.loads(publisher.data["service"]["environment"]["COPILOT_SNS_TOPIC_ARNS"]) == {
        "placed": "${sns:web-placed:arn}",
        "exact.fifo": "${sns:web-exact:arn}",
    }


def test_a_queue_of_a_topic_that_is_not_in_the_workspace(imports: Imports) -> None:
    topics = "[{name: paid, service: shop, queue: {fifo: true}}, {name: sent, service: shop, queue: {timeout: 1s}}]"
    base = {"name": "w", "type": "Worker Service", "image": {"location": "x"}}
    worker = Imported(imports, base, f"subscribe: {{topics: {topics}}}")
    queues = {each["name"]: each["receivesFrom"] for each in worker.data["dependencies"] if "receivesFrom" in each}
    assert queues == {
        "${ENV}-w-shop-paid": [{"topic": "${ENV}-shop-paid.fifo"}],
        "${ENV}-w-shop-sent": [{"topic": "${ENV}-shop-sent"}],
    }
    assert "{existingQueue: ${ENV}-w-shop-paid.fifo}" in worker.outcomes["subscribe.topics[0].name"].note
    urls = json.loads(worker.block["environment"]["COPILOT_TOPIC_QUEUE_URIS"])
    assert urls.keys() == {"shopPaidfifoEventsQueue", "shopSentEventsQueue"}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("@daily", {"cron": "0 0 * * *"}),
        ("*/5 * * * *", {"cron": "*/5 * * * *"}),
        ("cron(0 9 * * ? *)", {"cron": "0 9 * * ? *"}),
        ("rate(1 hour)", {"rate": "1 hour"}),
        ("@every 90m", {"rate": "90 minutes"}),
        ("@every 24h", {"rate": "1 day"}),
        ("none", None),
        ("sometimes", None),
    ],
)
def test_schedules_of_jobs(imports: Imports, schedule: str, expected: dict[str, str] | None) -> None:
    job = Imported(imports, JOB, json.dumps({"on": {"schedule": schedule}, "retries": 20, "timeout": "10s"}))
    assert job.block.get("schedule") == expected and job.data["kind"] == "Job"
    assert (job.block["retries"], job.block["timeout"]) == (10, 60)
    assert job.block["environment"]["COPILOT_SERVICE_NAME"] == job.draft.main


def test_a_request_driven_service_shares_the_load_balancer(imports: Imports) -> None:
    request = {**WEB, "type": "Request-Driven Web Service", "http": {}}
    alone = Imported(imports, request, "count: tuned/2\ntags: {a: b}\nobservability: {tracing: awsxray}")
    assert alone.block["networking"]["loadBalancer"] == {"paths": ["/*"]} and alone.data["metadata"]["tags"] == {
        "a": "b"
    }
    assert alone.block["resources"] == {"cpu": 1024, "memory": 2048}
    assert alone.block["autoScaling"] == {"minCount": 1, "maxCount": 25}
    other = json.dumps({**request, "name": "other", "http": {"private": True}})
    both = Imported(imports, request, **{"copilot/other/manifest.yml": other})
    balancers = [each.data["service"]["networking"]["loadBalancer"] for each in both.result.drafts[1:]]
    assert balancers == [
        {"name": "internal", "paths": ["/other", "/other/*"]},
        {"paths": ["/web", "/web/*"]},
    ]


@pytest.mark.parametrize(
    ("arn", "treatment"),
    [
        ("${CERTIFICATE}", Treatment.CHANGED),
        ("arn:aws:acm:${AWS_REGION}:${AWS_ACCOUNT_ID}:certificate/1", Treatment.CARRIED),
    ],
)
def test_a_host_has_https_by_a_certificate_that_is_carried(imports: Imports, arn: str, treatment: Treatment) -> None:
    environment = f'{{name: test, type: Environment, http: {{public: {{certificates: ["{arn}"]}}}}}}'
    files = {"copilot/environments/test/manifest.yml": environment}
    assert Imported(imports, WEB, "http: {alias: shop.example.com}", **files).became("http.alias") is treatment


@pytest.mark.parametrize("folder", ["addons/copilot/web/", "copilot/web/", "web/", ""])
def test_addons_belong_to_the_folder_above(imports: Imports, folder: str) -> None:
    files = {
        "addons/rest.yml": "Resources: {Rest: {Type: 'AWS::SES::Template'}}",
        "addons/table.yml": "Table: {Type: x}",
    }
    files["manifest.yml"] = json.dumps(WEB)
    result = imports({f"{folder}{name}": text for name, text in files.items()})
    web = next(each for each in result.drafts if each.kind is not ENVIRONMENT)
    assert web.name == "web" and web.data["addons"] == ["addons/web/rest.yml"]
    assert outcomes(result)["Table"].treatment is Treatment.NOT_CARRIED


def test_a_workload_may_be_called_addons(imports: Imports) -> None:
    result = imports({"copilot/addons/manifest.yml": json.dumps({**WEB, "name": "addons"})})
    assert "addons" in {each.name for each in result.drafts}


def test_a_static_site_is_not_a_service(imports: Imports) -> None:
    result = imports({"copilot/site/manifest.yml": "name: site\ntype: Static Site\nfiles: [{source: public}]\n"})
    assert [each.kind for each in result.drafts] == [ENVIRONMENT]
    assert "CloudFront" in outcomes(result)["files[0].source"].note


def test_rules_for_the_task_definition(imports: Imports) -> None:
    rules = [
        ("ContainerDefinitions[0].Ulimits[-].Name", "nofile"),
        ("ContainerDefinitions[0].Ulimits[0].HardLimit", 10),
        ("ContainerDefinitions[0].User", "app"),
        ("ContainerDefinitions[0].PortMappings[-].ContainerPort", 53),
        ("ContainerDefinitions[0].PortMappings[1].Protocol", "udp"),
        ("ContainerDefinitions[1].Cpu", 32),
        ("ContainerDefinitions[0].Image", "x"),
        ("TaskRoleArn", "arn:aws:iam::123456789012:role/app"),
    ]
    web = Imported(imports, WEB, json.dumps({"taskdef_overrides": [{"path": p, "value": v} for p, v in rules]}))
    assert web.block["ulimits"] == [{"name": "nofile", "hardLimit": 10}] and web.block["user"] == "app"
    assert web.block["taskRole"]["arn"].endswith("role/app")
    assert web.data["overrides"]["TaskDefinition"] == {
        "Properties.ContainerDefinitions.0.PortMappings[+]": [{"ContainerPort": 53, "Protocol": "udp"}],
        "Properties.ContainerDefinitions.1.Cpu": 32,
    }
    assert web.became("taskdef_overrides[6].path") is Treatment.NOT_CARRIED


def test_what_an_environment_overrides(imports: Imports) -> None:
    web = Imported(
        imports,
        WEB,
        """
count: {range: 1-4, cpu_percentage: 70}
variables: {A: 1, LEVEL: info}
environments:
  test:
    count: 2
    variables: {LEVEL: debug}
    image: {location: nginx:1}
    http: false
    odd: 1
  prod: {network: {vpc: {placement: private}}, cpu: 300}
  empty:
  broken: 3
""",
    )
    assert web.data["environments"] == {
        "test": {
            "service": {
                "image": "nginx",
                "build": None,
                "environment": {"COPILOT_LB_DNS": None, "LEVEL": "debug"},
                "resources": {"desiredCount": 2},
                "autoScaling": None,
                "networking": {"loadBalancer": False},
                "healthCheck": None,
            }
        },
        "prod": {"service": {"resources": {"cpu": 512, "memory": 1024}, "networking": {"assignPublicIp": False}}},
    }
    assert web.outcomes["environments.test.count"].to == "environments.test.service.resources.desiredCount"
    assert web.became("environments.prod.cpu") is Treatment.CHANGED
    for key in ("environments.test.odd", "environments.broken"):
        assert web.became(key) is Treatment.NOT_CARRIED
    nat = {each.name: each.block.get("network.nat") for each in web.result.drafts if each.kind is ENVIRONMENT}
    assert nat == {"test": "none", "prod": "perZone", "empty": "none", "broken": "none"}


def test_other_settings(imports: Imports) -> None:
    web = Imported(
        imports,
        WEB,
        """
platform: {osfamily: linux, architecture: arm64}
deployment: {rolling: recreate, rollback_alarms: [a, b]}
entrypoint: [run, "${x}"]
observability: {tracing: awsxray}
""",
    )
    assert web.block["resources"]["architecture"] == "arm64" and web.block["entryPoint"] == ["run", "${x}"]
    assert web.block["deployment"] == {"minimumHealthyPercent": 0, "maximumPercent": 100}
    assert web.block["observability"]["traces"] == {"enabled": True}
    alarms = web.data["overrides"]["Service"]["Properties.DeploymentConfiguration.Alarms"]
    assert alarms == {"AlarmNames": ["a", "b"], "Enable": True, "Rollback": True}
    windows = Imported(imports, WEB, "platform: windows/x86_64\ndeployment: {rollback_alarms: {cpu_utilization: 70}}")
    assert windows.became("platform") is Treatment.NOT_CARRIED
    assert windows.block["observability"]["alarms"] == {"cpu": 70}


def _leaves(value: SourceValue) -> Iterator[str]:
    children = [child for _, child in value.children() if child.data is not None]
    if not children:
        yield value.key
    for child in children:
        yield from _leaves(child)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in SOURCES.glob("*/manifest.yml")))
def test_every_value_of_a_manifest_is_in_the_report(imports: Imports, name: str) -> None:
    text = (SOURCES / name / "manifest.yml").read_text(encoding="utf-8")
    reported = tuple(outcomes(imports({"copilot/web/manifest.yml": text})))
    missing = [
        key
        for key in _leaves(Source("", "", text.encode()).root)
        if not any(key == each or key.startswith((f"{each}.", f"{each}[")) for each in reported)
    ]
    assert missing == []


MANIFESTS = {path.parent.name: yaml.safe_load(path.read_text("utf-8")) for path in sorted(SOURCES.glob("*/*.yml"))}
PLACES = [
    (name, tuple(path))
    for name, manifest in MANIFESTS.items()
    for path in (lambda walk: walk(walk, manifest, []))(
        lambda walk, data, path: [
            each
            for key, below in (
                data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
            )
            for each in ([*path, key], *walk(walk, below, [*path, key]))
        ]
    )
]
ODD = (None, "", "${", "ü\u2028\x85", "0", -1, 10**30, 1.5, True, [], {}, [[]], {"a": {"b": [1]}}, ["${A}"], "a" * 300)


@given(place=st.sampled_from(PLACES), odd=st.sampled_from(ODD))
@examples(100)
def test_every_value_may_be_any_other(imports: Imports, place: tuple[str, tuple[Any, ...]], odd: Any) -> None:
    manifests = copy.deepcopy(MANIFESTS)
    data = manifests[place[0]]
    for step in place[1][:-1]:
        data = data[step]
    data[place[1][-1]] = odd
    files = {f"copilot/{name}/manifest.yml": json.dumps(each) for name, each in manifests.items()}
    texts = [[draft.text() for draft in imports(files).drafts] for _ in range(2)]
    assert texts[0] == texts[1]
