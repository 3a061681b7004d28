"""What the tests of plans share: the examples compiled once, and a template that holds everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from fsdcf.pipeline import Request, run
from tests.conftest import ROOT, request_of

Template = Mapping[str, Any]

EXAMPLES = {
    **{path.stem: (path.name, "staging") for path in sorted((ROOT / "examples").glob("*.yml"))},
    "production-prod": ("production.yml", "prod"),
}
"""Every example, and the larger one of the two environments of production."""

WAREHOUSE = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: warehouse, owners: team}
service:
  port: 8080
  healthCheck: {path: /ready, container: {command: curl -f localhost}}
  resources: {cpu: 2048, memory: 8192, spot: {base: 2, weight: 3}, ephemeralStorage: 50}
  autoScaling: {minCount: 3, maxCount: 40, targetCPU: 60, targetMemory: 70}
  enableExecuteCommand: true
  environment: {API: "${secrets:${ENV}/warehouse:token}"}
  secrets:
    - {name: DB, valueFrom: "arn:aws:ssm:us-east-1:123456789012:parameter/db/password"}
  networking:
    vpc: {availabilityZones: 3, nat: perZone, endpoints: [ecr.api, ecr.dkr, logs, secretsmanager, sqs, ssm]}
    loadBalancer:
      certificateArn: "arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c"
  observability: {metrics: {path: /metrics}, traces: {enabled: true}}
  taskRole:
    statements:
      - {actions: ["ses:SendEmail"], resources: ["*"]}
      - {actions: ["s3:*"], resources: ["arn:aws:s3:::shared-*"], conditions: {Bool: {"aws:SecureTransport": true}}}
dependencies:
  - {type: aws_dynamodb_table, name: "${ENV}-stock", keySchema: [{name: id, type: HASH}],
     attributes: [{name: id, type: S}], permissions: read}
  - {type: aws_dynamodb_table, name: catalog, unmanaged: {permissions: read}}
  - {type: aws_s3_bucket, name: "labels-${ENV}"}
  - {type: aws_sqs_queue, name: "${ENV}-shipments", fifo: true, permissions: write}
  - {type: aws_efs_file_system, name: "${ENV}-files"}
  - {type: aws_msk_cluster, name: events, unmanaged: {permissions: write}}
"""
"""The largest spec of these tests: a bit of everything."""


@cache
def template_of(name: str) -> Template:
    """The template of an example, or of ``warehouse``."""
    if name == "warehouse":
        request = Request("warehouse.yml", WAREHOUSE.encode(), "staging")
    else:
        file, environment = EXAMPLES[name]
        request = request_of(ROOT / "examples" / file, environment)
    result = run(request)
    assert result.template is not None, result.diagnostics
    return result.template.data


@pytest.fixture
def template() -> Callable[[str], Template]:
    return template_of


def resources(**named: Mapping[str, Any]) -> Template:
    """A template of these resources: ``Queue={"Type": ..., "Properties": ...}``."""
    return {"Resources": named}
