"""Plans of a service with an endpoint in Service Connect: what ECS refuses to change."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.pipeline import Request, SourceFile, run
from fsdcf.plan.diff.obstacles import Obstacle
from fsdcf.plan.diff.plan import plan_update
from fsdcf.plan.diff.sides import sides_of
from tests.conftest import HELLO

FILE = b"apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\n"


def template(networking: str, name: str = "users") -> Any:
    text = HELLO.replace("name: hello", f"name: {name}") + (
        f"  resources: {{cpu: 512, memory: 1024}}\n  networking: {{shared: true, loadBalancer: false, {networking}}}\n"
    )
    file = SourceFile("environments/staging.yml", FILE)
    result = run(Request("users.yml", text.encode(), "staging", environment_file=file))
    assert result.template is not None, result.diagnostics
    return result.template.data


def obstacles(old: Any, new: Any) -> list[Obstacle]:
    return [one for one in plan_update(sides_of(old, new)).review.obstacles if one.logical_id == "Service"]


@pytest.mark.parametrize("protocol", ["grpc", "tcp"])
def test_the_protocol_of_an_endpoint_cannot_change(protocol: str) -> None:
    (one,) = obstacles(template("serviceConnect: true"), template(f"serviceConnect: {{protocol: {protocol}}}"))
    assert f"from http to {protocol}" in one.why and "keep the protocol" in one.way_out


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("serviceConnect: true", "serviceConnect: {alias: people, port: 81, idleTimeout: 5}"),
        ("", "serviceConnect: {protocol: grpc}"),
        ("serviceConnect: {protocol: grpc}", ""),
        ("serviceConnect: true", "serviceConnect: true, serviceDiscovery: true"),
        ("serviceDiscovery: true", "serviceDiscovery: {ttl: 60}"),
    ],
)
def test_what_can_change(before: str, after: str) -> None:
    assert obstacles(template(before), template(after)) == []


def test_a_service_that_is_replaced_keeps_its_endpoint_from_the_new_one() -> None:
    old, new = (template("serviceConnect: true") for _ in range(2))
    new["Resources"]["Service"]["Properties"]["ServiceName"] = "users"
    (one,) = obstacles(old, new)
    assert "users:80" in one.why and "without networking.serviceConnect" in one.way_out
    old = template("")
    assert obstacles(old, new) == []
