"""Templates of an environment, of services that join it, and of a service with a network of its own."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from fsdcf.conventions import export_name
from fsdcf.pipeline import Request, SourceFile, run

Template = dict[str, Any]

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c"
BALANCERS = {
    "public": f"{{domain: example.com, certificateArn: '{CERTIFICATE}'}}",
    "internal": f"{{internal: true, certificateArn: '{CERTIFICATE}'}}",
}


def environment_file(name: str = "staging", balancers: Sequence[str] = ("public",), more: str = "") -> str:
    """The file of an environment; ``more`` are keys below ``environment``."""
    network = "" if "network:" in more else "  network: {availabilityZones: [use1-az1, use1-az2]}\n"
    lines = "".join(f"    {one}: {BALANCERS[one]}\n" for one in balancers)
    return f"""\
apiVersion: fsd/v1
kind: Environment
metadata: {{name: {name}, owners: team}}
environment:
{network}  loadBalancers:
{lines}{more}"""


def environment(name: str = "staging", balancers: Sequence[str] = ("public",), more: str = "") -> Template:
    return compiled(f"environments/{name}.yml", environment_file(name, balancers, more), name)


def own(name: str, more: str = "") -> Template:
    """The template of a service with its own network; ``more`` are keys below ``service``, and dependencies."""
    return compiled(f"{name}.yml", _service(name, "  healthCheck: {path: /health, CHECK}\n", more), "staging")


def joined(
    name: str,
    hosts: Sequence[str] = (),
    paths: Sequence[str] = (),
    more: str = "",
    environment: str = "staging",
    balancer: str = "public",
    alias: str = "",
) -> Template:
    """A service that joins an environment: behind a balancer at hosts and paths, reached as ``alias`` inside."""
    behind = f"{{name: {balancer}, hosts: {list(hosts)}, paths: {list(paths)}}}" if hosts or paths else "false"
    behind = behind.replace(", hosts: []", "").replace(", paths: []", "")
    networking = f"  networking: {{shared: true, loadBalancer: {behind}}}\n"
    check = "  healthCheck: {path: /health, CHECK}\n" if hosts or paths else "  healthCheck: {CHECK}\n"
    file = environment_file(environment, ("public", "internal"))
    template = compiled(f"{name}.yml", _service(name, check + networking, more), environment, file)
    if alias:
        template["Resources"]["Service"]["Properties"]["ServiceConnectConfiguration"] = {
            "Enabled": True,
            "Namespace": {"Fn::ImportValue": export_name(environment, "NamespaceArn")},
            "Services": [{"PortName": name, "ClientAliases": [{"Port": 80, "DnsName": alias}]}],
        }
    return template


def _service(name: str, keys: str, more: str) -> str:
    head = f"apiVersion: fsd/v1\nkind: Service\nmetadata: {{name: {name}, owners: team}}\nservice:\n  port: 8000\n"
    return head + keys.replace("CHECK", "container: {command: curl -f localhost}") + more


def compiled(file: str, text: str, environment: str, beside: str = "") -> Template:
    source = SourceFile(f"environments/{environment}.yml", beside.encode()) if beside else None
    result = run(Request(file, text.encode(), environment, environment_file=source))
    assert result.template is not None, result.diagnostics
    return copy.deepcopy(dict(result.template.data))
