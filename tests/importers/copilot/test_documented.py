"""Every key of Copilot's documentation has a row in the tables, and so on the page that is made of them.

Source: the pages below https://aws.github.io/copilot-cli/docs/manifest/, by their paths alone.
"""

from __future__ import annotations

import pytest

from fsdcf.importers.copilot.environment import MANIFEST
from fsdcf.importers.copilot.manifest import TABLES
from fsdcf.importers.copilot.pipeline import PIPELINE
from fsdcf.importers.copilot.workspace import (
    BACKEND,
    ENVIRONMENT,
    JOB,
    LOAD_BALANCED,
    REQUEST_DRIVEN,
    SITE,
    WORKER,
)


def _below(path: str, keys: str) -> list[str]:
    return [path + each for each in ("." + key if key[0] != "[" else key for key in keys.split())]


CHECK = "path port success_codes healthy_threshold unhealthy_threshold interval timeout grace_period"
RULE = (
    "path alias alias[].name alias[].hosted_zone hosted_zone healthcheck deregistration_delay target_container"
    " target_port stickiness redirect_to_https version"
)
HTTP = [
    *_below("http", f"{RULE} allowed_source_ips"),
    *_below("http.healthcheck", CHECK),
    *_below("http.additional_rules[]", f"{RULE} allowed_source_ips[]"),
    *_below("http.additional_rules[].healthcheck", CHECK),
]
LISTENER = "port target_container target_port ssl_policy stickiness deregistration_delay"
NETWORK_CHECK = "port healthy_threshold unhealthy_threshold interval timeout grace_period"
NETWORK_BALANCER = [
    *_below("nlb", f"{LISTENER} alias alias[].name alias[].hosted_zone"),
    *_below("nlb.healthcheck", NETWORK_CHECK),
    *_below("nlb.additional_listeners[]", LISTENER),
    *_below("nlb.additional_listeners[].healthcheck", NETWORK_CHECK),
]
NAMED = ["name", "type"]
BUILT = _below("image", "build build.dockerfile build.context build.target build.args.* build.cache_from[] location")
IMAGE = [*BUILT, *_below("image", "credentials labels.* depends_on.*")]
CONTAINER_CHECK = _below("image.healthcheck", "command interval retries timeout start_period")
SIZE = ["cpu", "memory", "platform", "platform.osfamily", "platform.architecture"]
COMMAND = ["entrypoint", "command"]
VARIABLES = ["variables.*", "variables.*.from_cfn", "env_file"]
SECRETS = ["secrets.*", "secrets.*.secretsmanager", "secrets.*.from_cfn"]
PLACEMENT = _below(
    "network.vpc",
    "placement placement.subnets[] placement.subnets.from_tags.* security_groups[] security_groups[].from_cfn"
    " security_groups.groups[] security_groups.deny_default",
)
CONNECT = ["network.connect", "network.connect.alias"]
STORAGE = [
    *_below("storage", "ephemeral readonly_fs"),
    *_below("storage.volumes.*", "path read_only efs efs.id efs.id.from_cfn efs.root_dir efs.uid efs.gid efs.auth.iam"),
    "storage.volumes.*.efs.auth.access_point_id",
]
PUBLISH = _below("publish.topics[]", "name allowed_workers[] fifo fifo.content_based_deduplication")
LOGGING = _below(
    "logging",
    "retention image destination.* enableMetadata secretOptions.* configFilePath env_file variables.* secrets.*",
)
SIDECAR = _below(
    "sidecars.*",
    "port image image.build image.build.dockerfile image.build.context image.build.args.* image.build.target"
    " image.build.cache_from[] image.location essential credentialsParameter variables.* secrets.* env_file"
    " mount_points[].source_volume mount_points[].path mount_points[].read_only labels.* depends_on.* entrypoint"
    " command healthcheck.command healthcheck.interval healthcheck.retries healthcheck.timeout"
    " healthcheck.start_period",
)
OVERRIDES = ["taskdef_overrides[].path", "taskdef_overrides[].value"]
RANGE = _below("count", "spot range range.min range.max range.spot_from cooldown.in cooldown.out")
METRIC = "value cooldown.in cooldown.out"
SCALING = ["count", *RANGE, *(key for each in ("cpu", "memory") for key in _below(f"count.{each}_percentage", METRIC))]
REQUESTS = ["count.requests", "count.response_time", *_below("count.requests", METRIC)]
DEPLOYMENT = _below("deployment", "rolling rollback_alarms[] rollback_alarms.cpu_utilization")
TASK = [*NAMED, *IMAGE, *CONTAINER_CHECK, *SIZE, *COMMAND, *VARIABLES, *SECRETS, *PLACEMENT, *STORAGE, *PUBLISH]
TASK += [*LOGGING, *SIDECAR, *OVERRIDES, "observability.tracing"]
SERVICE = [*TASK, *CONNECT, *SCALING, *DEPLOYMENT, "deployment.rollback_alarms.memory_utilization", "exec"]
QUEUE = (
    "delay retention timeout dead_letter.tries fifo fifo.content_based_deduplication fifo.deduplication_scope"
    " fifo.throughput_limit fifo.high_throughput"
)

DOCUMENTED = {
    LOAD_BALANCED: [*SERVICE, *REQUESTS, "image.port", "http", *HTTP, *NETWORK_BALANCER],
    BACKEND: [*SERVICE, *REQUESTS, "image.port", *HTTP],
    WORKER: [
        *SERVICE,
        *_below("subscribe.queue", QUEUE),
        *_below("subscribe.topics[]", "name service filter_policy.* queue"),
        *_below("subscribe.topics[].queue", QUEUE),
        *_below("count.queue_delay", "acceptable_latency msg_processing_time cooldown.in cooldown.out"),
        "deployment.rollback_alarms.messages_delayed",
    ],
    REQUEST_DRIVEN: [
        *(*NAMED, *BUILT, "image.port", *SIZE, "command", "variables.*", "variables.*.from_cfn", *SECRETS, "tags.*"),
        *_below("http", "alias healthcheck private private.endpoint"),
        *_below("http.healthcheck", "path healthy_threshold unhealthy_threshold interval timeout"),
        *("count", "network.vpc.placement", "network.vpc.placement.subnets[]", "observability.tracing", *PUBLISH),
    ],
    JOB: [*TASK, "on.schedule", "retries", "timeout"],
    SITE: [
        *(*NAMED, "http.alias", "http.certificate"),
        *_below("files[]", "source destination recursive exclude reinclude"),
    ],
    ENVIRONMENT: [
        *NAMED,
        *_below("network.vpc", "id cidr flow_logs flow_logs.retention"),
        *_below("network.vpc.subnets.public[]", "id cidr az"),
        *_below("network.vpc.subnets.private[]", "id cidr az"),
        *_below("network.vpc.security_group.ingress[]", "ip_protocol ports cidr"),
        *_below("network.vpc.security_group.egress[]", "ip_protocol ports cidr"),
        *("cdn", *_below("cdn", "certificate terminate_tls static_assets.location static_assets.alias")),
        "cdn.static_assets.path",
        *_below("http.public", "certificates access_logs access_logs.bucket_name access_logs.prefix ssl_policy"),
        *_below("http.public.ingress", "cdn source_ips"),
        *_below("http.private", "certificates subnets ingress.vpc ssl_policy"),
        "observability.container_insights",
    ],
    "Pipeline": [
        *("name", "version", "source.provider"),
        *_below("source.properties", "branch repository connection_name output_artifact_format"),
        *_below("build", "image buildspec additional_policy"),
        *_below("stages[]", "name requires_approval test_commands"),
        *_below("stages[].deployments.*", "template_path template_config stack_name depends_on"),
        *_below("stages[].pre_deployments.*", "buildspec depends_on"),
        *_below("stages[].post_deployments.*", "buildspec depends_on"),
    ],
}
"""The keys of each type of manifest; ``*`` is a name that the user chooses, ``[]`` an item of a list."""


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_every_documented_key_has_a_row(kind: str) -> None:
    tables = {**TABLES, ENVIRONMENT: MANIFEST, "Pipeline": PIPELINE}
    rows = {path for path, _ in tables[kind].rows()}
    assert [key for key in DOCUMENTED[kind] if key not in rows] == []
    assert set(DOCUMENTED) == set(tables)


@pytest.mark.parametrize("table", [*TABLES.values(), MANIFEST], ids=lambda table: str(table.title))
def test_what_is_not_carried_says_why(table: object) -> None:
    assert [path for path, key in table.rows() if not key.to and not key.note] == []  # type: ignore[attr-defined]
