"""The life of an environment: ten services, compiled as users write them, join it, change and leave."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore import xform_name

from fsdcf.pipeline import Request, SourceFile, run
from fsdcf.sandbox.ecs import connections
from fsdcf.sandbox.ecs.definitions import SERVICE
from tests.sandbox.cloudformation.account import EXAMPLES, Account, consistent
from tests.sandbox.cloudformation.inventory import every
from tests.sandbox.routing import answering

STACK = "fsdcf-staging"
ZONE = "domain: staging.example.com, hostedZoneId: Z0123456789ABCDEFGHIJ"
OTHER = "arn:aws:acm:us-east-1:000000000000:certificate/other"
SERVICES = ("carts", "health", "images", "mail", "orders", "prices", "search", "shop", "stock", "users")


def environment(zones: int = 2, balancers: str = f"public: {{{ZONE}}}") -> bytes:
    """The file of the environment."""
    named = ", ".join(f"use1-az{n + 1}" for n in range(zones))
    return (
        "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging, owners: team}\nenvironment:\n"
        f"  network: {{cidr: 10.40.0.0/16, availabilityZones: [{named}], nat: single}}\n"
        f"  loadBalancers: {{{balancers}}}\n"
    ).encode()


def service(name: str, balancer: str = "{name: public}") -> bytes:
    """The spec of a service that joins it."""
    return (
        f"apiVersion: fsd/v1\nkind: Service\nmetadata: {{name: {name}, owners: team}}\nservice:\n  image: acme/{name}\n"
        f"  port: 8000\n  networking: {{shared: true, loadBalancer: {balancer}}}\n"
    ).encode()


@cache
def compiled(spec: bytes, file: bytes | None = None) -> Mapping[str, Any]:
    """The template of a spec, which joins the environment of a file; not to be changed."""
    beside = None if file is None else SourceFile("environments/staging.yml", file)
    name = "environments/staging.yml" if file is None else "spec.yml"
    result = run(Request(name, spec, "staging", environment_file=beside))
    assert result.template is not None, result.diagnostics
    return result.template.data


def deploy(account: Account, stack: str, template: Mapping[str, Any], parameters: Mapping[str, str]) -> str:
    """Creates or updates a stack, without a change set; its status at the end."""
    known = {one["StackName"] for one in account.cfn.describe_stacks()["Stacks"]}
    change = account.cfn.update_stack if stack in known else account.cfn.create_stack
    change(**{**account.given(template, parameters), "StackName": stack})
    return account.settle(stack)


def delete(account: Account, stack: str) -> str:
    arn = str(account.stack(stack)["StackId"])
    account.cfn.delete_stack(StackName=stack)
    return account.settle(arn)


def exported(account: Account) -> dict[str, str]:
    """The exports of the environment."""
    listed = account.cfn.get_paginator("list_exports").paginate()
    return {one["Name"].removeprefix(f"{STACK}-"): one["Value"] for page in listed for one in page["Exports"]}


def reached(account: Account, host: str, path: str = "/", listener: str = "PublicHttpsListenerArn") -> str:
    """The stack of the service that answers a request at a listener; empty if the listener itself does."""

    def call(operation: str, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(account.client("elbv2"), xform_name(operation))(**parameters)
        return answer

    group = answering(call, exported(account)[listener], host, path)
    owners = (one["owner"] for one in every(account.state) if group and one["physical"] == group)
    return next((str(owner).split("/")[1] for owner in owners), "")


def join(account: Account, name: str, file: bytes, balancer: str = "{name: public}", **parameters: str) -> str:
    template = compiled(service(name, balancer), file)
    return deploy(account, f"{name}-staging", template, {"ImageSha": "one", **parameters})


def test_the_life_of_an_environment(account: Account) -> None:
    file = environment()
    assert deploy(account, STACK, compiled(file), {}) == "CREATE_COMPLETE"
    for name in SERVICES:
        assert join(account, name, file) == "CREATE_COMPLETE", name
    for name in SERVICES:
        assert reached(account, f"{name}.staging.example.com") == f"{name}-staging"
    assert reached(account, "none.staging.example.com") == ""

    assert delete(account, "mail-staging") == "DELETE_COMPLETE"
    assert reached(account, "mail.staging.example.com") == ""
    assert reached(account, "shop.staging.example.com") == "shop-staging"

    before = exported(account)
    file = environment(zones=3)
    assert deploy(account, STACK, compiled(file), {}) == "UPDATE_COMPLETE"
    assert exported(account).items() >= before.items(), "a new zone only adds exports"
    assert exported(account).keys() - before.keys() == {"PrivateSubnet3", "PublicSubnet3"}
    assert join(account, "shop", file) == "UPDATE_COMPLETE"

    file = environment(3, f"public: {{{ZONE}}}, inside: {{internal: true}}")
    assert deploy(account, STACK, compiled(file), {}) == "UPDATE_COMPLETE"
    assert join(account, "audit", file, "{name: inside, paths: [/audit/*]}") == "CREATE_COMPLETE"
    assert reached(account, "any", "/audit/1", "InsideHttpListenerArn") == "audit-staging"
    assert reached(account, "any", "/other", "InsideHttpListenerArn") == ""

    own = f"public: {{domain: staging.example.com, certificateArn: '{OTHER}'}}, inside: {{internal: true}}"
    before, file = exported(account), environment(3, own)
    assert deploy(account, STACK, compiled(file), {}) == "UPDATE_COMPLETE"
    assert exported(account) == before, "another certificate changes no export"
    assert "PublicCertificate" not in account.resources(STACK)
    assert reached(account, "shop.staging.example.com") == "shop-staging"

    assert delete(account, STACK) == "DELETE_FAILED"
    assert "as it is in use by audit-staging, carts-staging" in account.stack(STACK)["StackStatusReason"]
    for name in ("audit", *SERVICES):
        if name != "mail":
            assert delete(account, f"{name}-staging") == "DELETE_COMPLETE"
    consistent(account, STACK)
    assert delete(account, STACK) == "DELETE_COMPLETE"
    assert account.cfn.list_exports()["Exports"] == []
    assert {one["type"] for one in every(account.state)} == {"AWS::Logs::LogGroup"}, "the logs are kept"


def test_the_services_of_the_example_call_each_other(account: Account) -> None:
    """``make demo`` shows the same: shop at its host, users by its name, both with the address of the other."""
    file = (EXAMPLES / "environments" / "staging.yml").read_bytes()
    templates = {name: compiled((EXAMPLES / f"{name}.yml").read_bytes(), file) for name in ("users", "shop")}
    assert deploy(account, STACK, compiled(file), {}) == "CREATE_COMPLETE"
    for name, template in templates.items():
        assert deploy(account, f"{name}-staging", template, {"ImageSha": "one"}) == "CREATE_COMPLETE"
    assert reached(account, "shop.staging.example.com") == "shop-staging"
    assert reached(account, "users.staging.example.com") == ""
    services = [one for _, one in account.state.store.every(SERVICE)]
    (endpoint,) = (found for one in services for found in connections.endpoints(account.state, one))
    assert (endpoint.namespace, endpoint.aliases) == (exported(account)["NamespaceId"], ("users:80",))
    assert {variable(templates["shop"], "USERS_URL"), variable(templates["users"], "SHOP_URL")} == {
        "http://users",
        "https://shop.staging.example.com",
    }


def variable(template: Mapping[str, Any], name: str) -> str:
    (container, *_) = template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    return next(str(one["Value"]) for one in container["Environment"] if one["Name"] == name)
