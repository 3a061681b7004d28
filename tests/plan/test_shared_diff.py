"""Plans of what services share: what cannot change while they use it, what can, and a service that would move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fsdcf.plan.diff.obstacles import Importers, Obstacle
from fsdcf.plan.diff.plan import plan_update
from fsdcf.plan.diff.sides import sides_of
from tests.plan.shared import CERTIFICATE, Template, compiled, environment_file, joined, own

ZONES = "availabilityZones: [use1-az1, use1-az2]"
TABLE = """\
dependencies:
  - {type: aws_dynamodb_table, name: "${ENV}-orders", keySchema: [{name: id, type: HASH}],
     attributes: [{name: id, type: S}]}
  - {type: aws_efs_file_system, name: media}
"""


def environment(*edits: tuple[str, str]) -> Template:
    text = environment_file(balancers=("public", "internal"))
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return compiled("environments/staging.yml", text, "staging")


def used_by(*services: str) -> Importers:
    """The importers of services with these balancers: ``shop:public``; an export that none imports has none."""
    found: dict[str, list[str]] = {}
    for service in services:
        name, _, balancer = service.partition(":")
        template = joined(name, [f"{name}.example.com"], balancer=balancer) if balancer else joined(name)
        for export in set(_imports(template)):
            found.setdefault(export, []).append(f"{name}-staging")
    return lambda name: tuple(found.get(name, ()))


def _imports(value: Any) -> list[str]:
    if isinstance(value, dict) and set(value) == {"Fn::ImportValue"}:
        return [value["Fn::ImportValue"]]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [name for child in children for name in _imports(child)]


def blocked(new: Template, importers: Importers | None, old: Template | None = None) -> tuple[Obstacle, ...]:
    return plan_update(sides_of(old or environment(), new), importers).review.obstacles


ACL = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/edge/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c"
RANGE = (ZONES, f"{ZONES}, cidr: 10.50.0.0/16")
OTHER_ZONE = ("use1-az2]", "use1-az3]")
SCHEME = ("internal: true, ", "")
GONE = (f"    internal: {{internal: true, certificateArn: '{CERTIFICATE}'}}\n", "")
RENAMED = ("    internal: {", "    inner: {")
NAMESPACE = ("  loadBalancers:", "  namespace: other.internal\n  loadBalancers:")
CLUSTER = ("  loadBalancers:", "  cluster: {name: existing}\n  loadBalancers:")


@pytest.mark.parametrize(
    ("edit", "place", "words"),
    [
        (RANGE, "Vpc", ("a change of CidrBlock", "and 3 more change their value", "another environment")),
        (OTHER_ZONE, "PrivateSubnet2", ("AvailabilityZoneId", "append new ones")),
        (SCHEME, "Internal", ("InternalHttpsListenerArn", "such as internal2", "networking.loadBalancer.name")),
        (GONE, "Internal", ("are removed", "move the services to another load balancer")),
        (RENAMED, "Internal", ("are removed", "move the services to another load balancer")),
        (CLUSTER, "Cluster", ("ClusterName changes its value", "another environment")),
    ],
)
def test_what_services_use_cannot_change_and_the_plan_says_what_to_do(
    edit: tuple[str, str], place: str, words: tuple[str, ...]
):
    (found,) = blocked(environment(edit), used_by("shop:public", "admin:internal"))
    assert found.kind == "environment" and found.logical_id.startswith(place)
    text = f"{found.why}; {found.way_out}"
    assert all(word in text for word in words), text
    assert "admin-staging" in found.why
    assert ("shop-staging" in found.why) == (place != "Internal"), "only those that use this part are named"


def test_without_knowledge_of_importers_another_stack_may_import():
    for edit in (RANGE, OTHER_ZONE, SCHEME, GONE, NAMESPACE, CLUSTER):
        (found,) = blocked(environment(edit), None)
        assert "another stack may import" in found.why, edit


def test_what_nothing_uses_may_change_except_the_network():
    nobody = used_by()
    for edit in (SCHEME, GONE, NAMESPACE, CLUSTER):
        assert blocked(environment(edit), nobody) == ()
    for edit in (RANGE, OTHER_ZONE):
        (found,) = blocked(environment(edit), nobody)
        assert "in the way" in found.why


@pytest.mark.parametrize(
    ("written", "step"),
    [("false", "1. deploy the services from the new file"), ("{logGroup: /x}", "1. write `execute")],
)
def test_the_log_group_of_sessions_goes_once_no_service_writes_to_it(written: str, step: str):
    recorded, other = (
        environment(("  loadBalancers:", f"  cluster: {{executeCommandLogs: {one}}}\n  loadBalancers:"))
        for one in ("true", written)
    )
    (found,) = blocked(other, lambda name: ("shop-staging",) if "ExecuteCommand" in name else (), recorded)
    assert found.logical_id == "ExecuteCommandLogGroup" and found.way_out.startswith(step)


def test_fewer_zones_need_the_services_first():
    three = environment((ZONES, "availabilityZones: [use1-az1, use1-az2, use1-az3]"))
    (found,) = blocked(environment(), lambda name: ("shop-staging",) if "Subnet" in name else (), three)
    assert found.logical_id.endswith("Subnet3") and found.way_out.startswith("1. deploy the services from the new file")


@pytest.mark.parametrize(
    "edit",
    [
        (ZONES, "availabilityZones: [use1-az1, use1-az2, use1-az3]"),
        (ZONES, f"{ZONES}, nat: perZone"),
        (ZONES, f"{ZONES}, nat: regional"),
        (ZONES, f"{ZONES}, endpoints: [sqs]"),
        (CERTIFICATE, CERTIFICATE.replace("6f3b", "7f3b")),
        ("domain: example.com, ", "domain: example.com, idleTimeout: 120, "),
        ("domain: example.com, ", "domain: example.com, sslPolicy: ELBSecurityPolicy-TLS13-1-2-Res-2021-06, "),
        ("domain: example.com, ", "domain: example.com, allowCidrs: [203.0.113.0/24], "),
        ("domain: example.com, ", f"domain: example.com, waf: '{ACL}', "),
        ("domain: example.com, ", "domain: example.com, accessLogs: true, "),
        ("    internal: {", f"    public2: {{domain: example.org, certificateArn: '{CERTIFICATE}'}}\n    internal: {{"),
        ("  loadBalancers:", "  tags: {a: b}\n  cluster: {containerInsights: enabled}\n  loadBalancers:"),
    ],
)  # fmt: skip
def test_what_is_changed_in_place_or_added_is_no_obstacle(edit: tuple[str, str]):
    new = environment(edit)
    assert new != environment(), "the edit changes something"
    assert blocked(new, lambda name: ("shop-staging",)) == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            lambda more: own("shop", more),
            lambda more: joined("shop", ["a.example.com"], more=more),
            "from its own network",
        ),
        (
            lambda more: joined("shop", ["a.example.com"], more=more),
            lambda more: own("shop", more),
            "to its own network",
        ),
        (
            lambda more: joined("shop", more=more),
            lambda more: joined("shop", more=more, environment="prod"),
            "from the network of fsdcf-staging to the network of fsdcf-prod",
        ),
    ],
)
def test_a_service_that_would_move_needs_a_second_stack(
    old: Callable[[str], Template], new: Callable[[str], Template], words: str
):
    (found,) = blocked(new(""), None, old(""))
    assert found.kind == "environment" and found.logical_id == "Service"
    assert words in found.why and "second stack" in found.why
    assert ("networking.shared: false" in found.way_out) == (words == "from its own network")
    assert "metadata.name" in found.way_out and "unmanaged" not in found.way_out
    (found,) = blocked(new(TABLE), None, old(TABLE))
    assert "with OrdersTable as `unmanaged`" in found.way_out and "adopts the data" in found.way_out
    assert "copy the files of MediaFileSystem" in found.way_out


def test_a_service_that_stays_where_it_is_does_not_move():
    assert blocked(joined("shop", ["a.example.com"], paths=["/x"]), None, joined("shop", ["a.example.com"])) == ()
    assert blocked(own("shop", "  environment: {A: b}\n"), None, own("shop")) == ()


def service(more: str = "{}", check: str = "{}", port: int = 8000, dependencies: str = "[]") -> Template:
    """A service that joins, with ``more`` keys of ``networking``."""
    text = f"""\
apiVersion: fsd/v1
kind: Service
metadata: {{name: shop, owners: team}}
service:
  port: {port}
  healthCheck: {check}
  networking: {{shared: true{more.strip("{}") and ", " + more[1:-1]}}}
dependencies: {dependencies}
"""
    return compiled("shop.yml", text, "staging", environment_file())


def test_a_rule_of_a_security_group_cannot_take_the_place_of_another_one():
    old = service(check="{port: 8081}")
    for new, ids in (
        (service(port=8081), ["TaskIngressFromLoadBalancer"]),
        (
            service(check="{port: 8000}", port=8081),
            ["TaskIngressFromLoadBalancer", "TaskIngressFromLoadBalancerForHealthCheck"],
        ),
    ):
        found = blocked(new, None, old)
        assert sorted(one.logical_id for one in found) == ids
        assert all(one.kind == "refused" and "one port at a time" in one.way_out for one in found)
    for new in (service(), service(check="{port: 8082}"), service(check="{port: 8081}", port=8001)):
        assert blocked(new, None, old) == ()
    assert blocked(service(port=8081), None, service()) == (), "the step after it"


def test_mount_targets_cannot_move_between_subnets_of_a_zone():
    files = "[{type: aws_efs_file_system, name: media}]"
    (found,) = blocked(service("{assignPublicIp: true}", dependencies=files), None, service(dependencies=files))
    assert found.logical_id.startswith("MediaFileSystemMountTarget") and "perhaps in the same zone" in found.why


def test_requests_fail_while_a_new_target_group_has_no_task():
    safety = plan_update(sides_of(service(), service("{loadBalancer: {protocolVersion: http2}}"))).review.unsafe
    (found,) = [one for one in safety if one.rule == "target-group-replaced"]
    assert "ListenerRule" in found.what


def test_records_of_a_renamed_load_balancer_are_in_the_way_of_its_successor():
    zoned = ("certificateArn: '" + CERTIFICATE + "'}", "hostedZoneId: Z0123456789ABCDEFGHIJ}")
    old = environment_file().replace(*zoned)
    before, after = (
        compiled("environments/staging.yml", text, "staging") for text in (old, old.replace("    public:", "    edge:"))
    )
    (found,) = blocked(after, used_by(), before)
    assert found.logical_id == "EdgeWildcardRecord" and "PublicWildcardRecord exists" in found.why
    assert "1. deploy without the old record" in found.way_out


def test_a_protected_load_balancer_stays_unless_its_protection_is_disabled_before():
    def protected(file: str, value: str) -> Template:
        protected = file.replace("internal: true", f"internal: true, deletionProtection: {value}")
        return compiled("environments/staging.yml", protected, "staging")

    both, one = environment_file(balancers=("public", "internal")), environment_file()
    (found,) = blocked(protected(one, "true"), used_by(), protected(both, "true"))
    assert found.logical_id == "InternalLoadBalancer" and "deletion protection" in found.why
    assert "deletionProtection: false" in found.way_out
    (found,) = blocked(protected(both.replace("internal: true, ", ""), "false"), used_by(), protected(both, "true"))
    assert found.logical_id == "InternalLoadBalancer"
    assert blocked(protected(one, "true"), used_by(), protected(both, "false")) == ()
    assert blocked(protected(both, "false"), used_by(), protected(both, "true")) == ()


def test_a_name_by_which_services_no_longer_reach_a_service_is_a_side_effect():
    def lost(old: Template, new: Template) -> list[str]:
        effects = plan_update(sides_of(old, new)).review.effects
        return [f"{one.logical_id} {one.what}" for one in effects if one.rule == "address-changed"]

    cart = joined("cart", alias="cart")
    assert lost(cart, cart) == lost(joined("cart"), cart) == []
    for other in ("", "basket"):
        assert lost(cart, joined("cart", alias=other)) == ["Service is no longer reached as cart"]
