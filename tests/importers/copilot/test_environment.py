"""Copilot's environments: their network, load balancers and cluster."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.importers import ImportResult
from fsdcf.importers.draft import Draft
from fsdcf.importers.report import Treatment
from fsdcf.language.model import ENVIRONMENT
from tests.importers.conftest import Imports, outcomes

CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c"
WEB = "name: web\ntype: Load Balanced Web Service\nhttp: {path: /}\nimage: {port: 80}\n"
API = "name: api\ntype: Backend Service\nhttp: {path: /}\nimage: {port: 80}\n"


def _imported(imports: Imports, manifest: str, **workloads: str) -> tuple[dict[str, Any], dict[str, str], ImportResult]:
    """The block of the environment ``test``, the notes on its keys, and the whole result."""
    files = {f"copilot/{name}/manifest.yml": text for name, text in workloads.items()}
    result = imports(
        {**files, "copilot/environments/test/manifest.yml": f"name: test\ntype: Environment\n{manifest}"}, "copilot"
    )
    rows = {key: f"{outcome.treatment.value}: {outcome.note}" for key, outcome in outcomes(result).items()}
    return _environment(result, "test").data["environment"], rows, result


def _environment(result: ImportResult, name: str) -> Draft:
    return next(each for each in result.drafts if each.kind is ENVIRONMENT and each.name == name)


def test_a_network_of_its_own(imports: Imports) -> None:
    block, rows, _ = _imported(
        imports,
        """
network:
  vpc:
    cidr: 10.20.0.0/20
    flow_logs: on
    subnets:
      public: [{cidr: 10.20.0.0/24, az: eu-west-1a}, {az: eu-west-1b}, {az: eu-west-1c}]
      private: [{cidr: 10.20.4.0/24, az: eu-west-1a}, {az: eu-west-1b}, {az: eu-west-1c}]
    security_group:
      ingress: [{ip_protocol: tcp, ports: 80, cidr: 10.0.0.0/8}]
      egress: [{ip_protocol: tcp, ports: 1-1023, cidr: 0.0.0.0/0}, {ip_protocol: udp, ports: 53, cidr: 10.0.0.1/8}]
""",
    )
    assert block["region"] == "eu-west-1"
    assert block["network"] == {"cidr": "10.20.0.0/20", "availabilityZones": 3, "flowLogs": {"retention": 14}}
    assert block["defaults"]["service"]["networking"]["egress"] == [
        {"to": "0.0.0.0/0", "ports": ["1-1023"]},
        {"to": "10.0.0.0/8", "protocol": "udp", "ports": ["53"]},
    ]
    assert rows["network.vpc.subnets.public[0].az"].startswith("changed: as the number of zones")
    assert "securityGroups" in rows["network.vpc.security_group.ingress[0]"]


def test_an_existing_network(imports: Imports) -> None:
    block, rows, _ = _imported(
        imports,
        """
network:
  vpc:
    id: vpc-0123456789abcdef0
    subnets: {public: [{id: subnet-01234567}], private: [{id: subnet-01234568}, {id: mine}]}
    flow_logs: {retention: 30}
""",
        web=WEB,
    )
    assert block["network"] == {
        "id": "vpc-0123456789abcdef0",
        "publicSubnets": ["subnet-01234567"],
        "privateSubnets": ["subnet-01234568"],
    }
    assert "subnet-0123456789abcdef0" in rows["network.vpc.subnets.private[1].id"]
    assert "create-flow-logs" in rows["network.vpc.flow_logs"]


def test_load_balancers(imports: Imports) -> None:
    block, rows, _ = _imported(
        imports,
        f"""
http:
  public:
    certificates: [{CERTIFICATE}, {CERTIFICATE}0]
    ssl_policy: ELBSecurityPolicy-TLS13-1-2-2021-06
    access_logs: {{bucket_name: logs, prefix: /web/}}
    ingress: {{source_ips: [192.0.2.1/24], cdn: true}}
  private:
    certificates: ["arn:aws:acm:${{AWS_REGION}}:${{AWS_ACCOUNT_ID}}:certificate/1234"]
    ssl_policy: ELBSecurityPolicy-TLS13-1-2-2021-06
    ingress: {{vpc: true}}
    subnets: [subnet-01234567]
network: {{vpc: {{cidr: 10.1.0.0/16}}}}
observability: {{container_insights: true}}
cdn: {{terminate_tls: true}}
""",
        web=WEB,
        api=API,
    )
    assert (block["account"], block["region"]) == ("123456789012", "eu-west-1")
    assert block["loadBalancers"] == {
        "public": {
            "certificateArn": CERTIFICATE,
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "accessLogs": {"bucket": "logs", "prefix": "web"},
            "allowCidrs": ["192.0.2.0/24"],
        },
        "internal": {
            "internal": True,
            "certificateArn": "arn:${AWS::Partition}:acm:${AWS::Region}:${AWS::AccountId}:certificate/1234",
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "allowCidrs": ["10.1.0.0/16"],
        },
    }
    assert block["cluster"] == {"containerInsights": "enabled"}
    missing = {key for key, row in rows.items() if row.startswith(Treatment.NOT_CARRIED.value) and "http." in key}
    assert missing == {"http.public.certificates[1]", "http.public.ingress.cdn", "http.private.subnets"}
    assert (
        "CloudFront" in rows["cdn.terminate_tls"] and "describe-managed-prefix-lists" in rows["http.public.ingress.cdn"]
    )


@pytest.mark.parametrize(
    ("workloads", "balancers"),
    [({}, ["public"]), ({"web": WEB}, ["public"]), ({"api": API}, ["internal"]), ({"web": WEB, "api": API}, None)],
)
def test_the_load_balancers_are_those_that_the_workloads_need(
    imports: Imports, workloads: dict[str, str], balancers: list[str] | None
) -> None:
    block, rows, _ = _imported(
        imports, "http: {public: {ssl_policy: x, security_groups: {ingress: {restrict_to: {cdn: false}}}}}", **workloads
    )
    assert [*block.get("loadBalancers", ())] == (balancers or ["public", "internal"]) or not workloads
    is_needed = not workloads or "web" in workloads
    reason = "it has no effect without a certificate" if is_needed else "no workload uses this load balancer"
    assert rows["http.public.ssl_policy"].startswith(f"changed: {reason}")
    assert "http.public.security_groups.ingress.restrict_to.cdn" in rows


def test_what_does_not_fit_is_reported(imports: Imports) -> None:
    block, rows, _ = _imported(
        imports,
        """
network: {vpc: {id: [1], cidr: 10.0.0.0/28, security_group: {egress: [{cidr: 10.0.0.0/8}]}, flow_logs: off}}
http: {public: {certificates: [mine], ingress: {source_ips: {a: 1}}, access_logs: {bucket_name: "${MINE}"}}}
observability: {container_insights: perhaps}
""",
        web=WEB,
    )
    assert block == {"loadBalancers": {"public": {}}, "network": {"nat": "none"}}
    assert "HTTPS" in rows["network.vpc.security_group.egress"]
    assert "variable ${MINE} of the shell" in rows["http.public.access_logs.bucket_name"]
    assert sum(row.startswith("not carried") for row in rows.values()) >= 6
    assert rows["network.vpc.flow_logs"] == "carried: "


def test_a_certificate_of_the_deploys_region_names_none(imports: Imports) -> None:
    certificate = "arn:aws:acm:${AWS_REGION}:${AWS_ACCOUNT_ID}:certificate/1"
    block, _, _ = _imported(imports, f"http: {{public: {{certificates: ['{certificate}']}}}}", web=WEB)
    assert not {"account", "region"} & block.keys()


def test_an_environment_without_a_manifest_has_a_file(imports: Imports) -> None:
    _, _, result = _imported(imports, "", web=f"{WEB}environments: {{a-very-long-name-of-an-environment: {{}}}}\n")
    draft = _environment(result, "a-very-long-name-of")
    assert draft.path == "environments/a-very-long-name-of.yml"
    assert draft.data["environment"]["loadBalancers"] == {"public": {}}
