"""How services of an environment find each other: Service Connect, DNS names, and the dependency on a service."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fsdcf.language.model.common import NAME
from tests.conftest import HELLO, Compile

FILE = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\nenvironment: {loadBalancers: {public: {}}}\n"
WORKER = HELLO.replace("  port: 8000\n", "")
SHARED = "  networking:\n    shared: true\n"
ALONE = "  networking:\n    loadBalancer: false\n"
CALL = "dependencies:\n  - {type: service, name: users}\n"
IMPORTED = {"Fn::ImportValue": "fsdcf-staging-NamespaceArn"}


def resources(compiled: Compile, text: str, file: str = FILE) -> Any:
    result = compiled(text, file=file)
    assert result.template is not None, result.diagnostics
    return result.template.data["Resources"]


def properties(compiled: Compile, text: str) -> Any:
    return resources(compiled, text)["Service"]["Properties"]


def variables(resources: Any) -> dict[str, Any]:
    container = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    return {one["Name"]: one["Value"] for one in container.get("Environment", [])}


def test_a_service_that_joins_says_that_it_has_no_name(compiled: Compile) -> None:
    """ECS keeps what an update leaves out: only these values turn Service Connect and the DNS name off."""
    found = properties(compiled, WORKER + SHARED)
    assert found["ServiceConnectConfiguration"] == {"Enabled": False} and found["ServiceRegistries"] == []


def test_a_service_on_its_own_has_neither(compiled: Compile) -> None:
    found = properties(compiled, HELLO + ALONE)
    assert not {"ServiceConnectConfiguration", "ServiceRegistries"} & set(found)


def test_an_endpoint(compiled: Compile) -> None:
    made = resources(compiled, HELLO + SHARED + "    loadBalancer: false\n    serviceConnect: true\n")
    connect = made["Service"]["Properties"]["ServiceConnectConfiguration"]
    assert connect["Enabled"] is True and connect["Namespace"] == IMPORTED
    (service,) = connect["Services"]
    assert service["ClientAliases"] == [{"DnsName": "hello", "Port": 80}] and "Timeout" not in service
    (mapping,) = made["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]["PortMappings"]
    assert (service["PortName"], "http") == (mapping["Name"], mapping["AppProtocol"])
    log = connect["LogConfiguration"]["Options"]
    assert log["awslogs-group"] == {"Ref": "LogGroup"} and log["awslogs-stream-prefix"] == "service-connect"
    assert not re.fullmatch(NAME, service["DiscoveryName"])  # the DNS name of no service


def test_tcp_has_no_protocol_of_its_own(compiled: Compile) -> None:
    """ECS takes a port without one for TCP."""
    made = resources(compiled, HELLO + SHARED + "    loadBalancer: false\n    serviceConnect: {protocol: tcp}\n")
    (mapping,) = made["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]["PortMappings"]
    assert "AppProtocol" not in mapping


@pytest.mark.parametrize(
    ("balancer", "protocol"),
    [
        ("{hosts: [a.example.com]}", "http"),
        ("{hosts: [a.example.com], protocolVersion: grpc}", "grpc"),
        ("{hosts: [a.example.com], protocolVersion: http2}", "http2"),
        ("{hosts: [a.example.com], protocol: https}", None),
    ],
)
def test_the_protocol_is_that_of_the_load_balancer(compiled: Compile, balancer: str, protocol: str | None) -> None:
    file = FILE.replace("public: {}", "public: {domain: example.com, hostedZoneId: Z0123456789ABCDEFGHIJ}")
    text = HELLO + SHARED + f"    loadBalancer: {balancer}\n    serviceConnect: true\n"
    made = resources(compiled, text, file)
    (mapping,) = made["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]["PortMappings"]
    assert mapping.get("AppProtocol") == protocol


@pytest.mark.parametrize("keys", ["    serviceConnect: true\n", CALL])
def test_a_worker_only_calls_others(compiled: Compile, keys: str) -> None:
    connect = properties(compiled, WORKER + SHARED + keys)["ServiceConnectConfiguration"]
    assert connect["Enabled"] is True and connect["Namespace"] == IMPORTED and "Services" not in connect


def test_no_log_of_the_proxy_without_logs(compiled: Compile) -> None:
    text = WORKER + SHARED + "  observability: {logs: {enabled: false}}\n" + CALL
    assert "LogConfiguration" not in properties(compiled, text)["ServiceConnectConfiguration"]


def test_a_call(compiled: Compile) -> None:
    text = WORKER + SHARED + "  environment: {AT: '${service:ways:host}:${service:ways:port}'}\n" + CALL
    text += "  - {type: service, name: ways, alias: maps.geo, port: 8080}\n  - {type: service, name: carts, port: 81}\n"
    made = resources(compiled, text)
    found = variables(made)
    assert found["USERS_URL"] == "http://users" and found["CARTS_URL"] == "http://carts:81"
    assert found["WAYS_URL"] == "http://maps.geo:8080" and found["AT"] == "maps.geo:8080"
    assert made["Service"]["Metadata"]["fsdcf"] == {"Spec": "service", "Calls": ["carts", "users", "ways"]}
    assert all("Calls" not in one["Metadata"]["fsdcf"] for name, one in made.items() if name != "Service")


def test_a_variable_of_the_author_wins(compiled: Compile) -> None:
    text = WORKER + SHARED + "  environment: {USERS_URL: http://localhost:1}\n" + CALL
    assert variables(resources(compiled, text))["USERS_URL"] == "http://localhost:1"


def test_a_dns_name(compiled: Compile) -> None:
    made = resources(compiled, WORKER + SHARED + "    serviceDiscovery: true\n")
    found = made["DiscoveryService"]["Properties"]
    assert found["Name"] == "hello" and found["NamespaceId"] == {"Fn::ImportValue": "fsdcf-staging-NamespaceId"}
    assert found["DnsConfig"]["DnsRecords"] == [{"Type": "A", "TTL": 10}]
    registries = made["Service"]["Properties"]["ServiceRegistries"]
    assert registries == [{"RegistryArn": {"Fn::GetAtt": ["DiscoveryService", "Arn"]}}]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_order_of_calls_has_no_meaning(compiled: Compile, order: tuple[int, int]) -> None:
    calls = ["  - {type: service, name: users}\n", "  - {type: service, name: carts}\n"]
    text = WORKER + SHARED + "dependencies:\n" + "".join(calls[each] for each in order)
    assert resources(compiled, text)["Service"]["Metadata"]["fsdcf"]["Calls"] == ["carts", "users"]


def test_the_names_are_in_the_namespace_of_the_environment(compiled: Compile) -> None:
    shared = compiled(FILE, name="environments/staging.yml").template
    assert shared is not None
    exports = {one["Export"]["Name"]: one["Value"] for one in shared.data["Outputs"].values()}
    found = resources(compiled, WORKER + SHARED + "    serviceConnect: true\n    serviceDiscovery: true\n")
    connect = found["Service"]["Properties"]["ServiceConnectConfiguration"]
    places = {
        "Arn": connect["Namespace"]["Fn::ImportValue"],
        "Id": found["DiscoveryService"]["Properties"]["NamespaceId"]["Fn::ImportValue"],
    }
    (namespace,) = (name for name, one in shared.data["Resources"].items() if one["Type"].endswith("DnsNamespace"))
    for attribute, export in places.items():
        assert exports[export] == {"Fn::GetAtt": [namespace, attribute]}


def test_the_others_reach_the_port_of_the_endpoint(compiled: Compile) -> None:
    """The proxy takes the requests on the port of the container, which is open for the group that every service of the
    environment has."""
    made = resources(compiled, HELLO + SHARED + "    loadBalancer: false\n    serviceConnect: {port: 9000}\n")
    rule = made["TaskIngressFromServices"]["Properties"]
    (mapping,) = made["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]["PortMappings"]
    assert rule["FromPort"] == rule["ToPort"] == mapping["ContainerPort"] == 8000
    badge = rule["SourceSecurityGroupId"]
    caller = properties(compiled, WORKER + SHARED + CALL)["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert badge in caller["SecurityGroups"]


@pytest.mark.parametrize(
    ("keys", "url"),
    [
        ("port: 8000, discovery: dns", "http://users.staging.internal:8000"),
        ("port: 80, discovery: {method: cloud_map, namespace: other.internal}", "http://users.other.internal"),
        ("discovery: loadBalancer, alias: users.example.com", "http://users.example.com"),
    ],
)
def test_without_service_connect_the_caller_has_no_proxy(compiled: Compile, keys: str, url: str) -> None:
    found = resources(compiled, f"{WORKER}{SHARED}dependencies:\n  - {{type: service, name: users, {keys}}}\n")
    assert variables(found)["USERS_URL"] == url
    assert found["Service"]["Properties"]["ServiceConnectConfiguration"] == {"Enabled": False}
    assert found["Service"]["Metadata"]["fsdcf"]["Calls"] == ["users"], "a deploy of both still orders them"


def test_the_scheme_of_a_load_balancer_is_that_of_its_listener(compiled: Compile) -> None:
    call = "dependencies:\n  - {type: service, name: users, discovery: {method: lb, load_balancer: other}}\n"
    zone = "hostedZoneId: Z0123456789ABCDEFGHIJ"
    for more, scheme in (("", "http"), (f", {zone}", "https")):
        file = FILE.replace("{public: {}}", f"{{public: {{}}, other: {{domain: staging.example.com{more}}}}}")
        found = resources(compiled, WORKER + SHARED + call, file)
        assert variables(found)["USERS_URL"] == f"{scheme}://users.staging.example.com"


def test_a_namespace_of_another_network_needs_no_environment(compiled: Compile) -> None:
    call = (
        "dependencies:\n  - {type: service, name: users, port: 80, discovery: {method: dns, namespace: a.internal}}\n"
    )
    assert variables(resources(compiled, HELLO + ALONE + call))["USERS_URL"] == "http://users.a.internal"
    result = compiled(HELLO + ALONE + call.replace(", namespace: a.internal", ""), file=FILE)
    assert [one.code for one in result.diagnostics if one.code[0] == "S"] == ["S461"]
