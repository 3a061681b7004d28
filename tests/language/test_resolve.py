"""Merging an environment and the flags over a spec: maps merge, lists replace, null removes."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.compiler.emit import to_json
from fsdcf.pipeline import Request, SourceFile, run
from tests.conftest import HELLO, Compile

BASE = (
    HELLO
    + """\
  user: app
  command: [serve]
  environment: {A: one, B: two}
  autoScaling: {minCount: 3, targetCPU: 50}
environments:
  prod:
"""
)


def spec_of(compiled: Compile, overlay: str, *overrides: str) -> Any:
    result = compiled(f"{BASE}    {overlay}\n", environment="prod", overrides=overrides)
    assert result.template, result.diagnostics
    return result.spec.service if result.spec else None


def errors(compiled: Compile, overlay: str, *overrides: str, environment: str = "prod") -> list[str]:
    result = compiled(f"{BASE}    {overlay}\n", environment=environment, overrides=overrides)
    return [f"{each.code} {each.span.line}:{each.span.column}" for each in result.diagnostics if each.code[0] == "S"]


def test_null_removes_a_key_and_the_default_returns(compiled: Compile) -> None:
    service = spec_of(
        compiled,
        "service: {user: null, environment: {A: ~}, healthCheck: {container: null, path: null}, "
        "autoScaling: {targetCPU: null}}",
    )
    assert (service.user, service.environment, service.health_check.container) == (None, {"B": "two"}, None)
    assert (service.health_path, service.auto_scaling.target_cpu, service.auto_scaling.min_count) == (
        *("/health", None),
        3,
    )


def test_null_removes_a_whole_map_or_list(compiled: Compile) -> None:
    service = spec_of(compiled, "service: {autoScaling: null, environment: null, command: null}")
    assert (service.auto_scaling, service.environment, service.command) == (None, {}, ())


def test_null_removes_nothing_where_nothing_is(compiled: Compile) -> None:
    service = spec_of(compiled, "service: {observability: {metrics: {port: null}}, resources: {minCapacity: null}}")
    assert service.observability.metrics is None and service.auto_scaling.min_count == 1


@pytest.mark.parametrize(
    ("override", "hint"),
    [("cpu=512", "--override service.resources.cpu=VALUE"), ("autoscaling.min=2", "--override service.autoScaling")],
)
def test_an_unknown_key_of_an_override_leads_to_the_flag(compiled: Compile, override: str, hint: str) -> None:
    found = compiled(HELLO, overrides=(override,)).diagnostics
    assert [each.code for each in found] == ["S101"] and hint in found[0].hint


def test_an_override_removes_too_and_sets_again(compiled: Compile) -> None:
    assert spec_of(compiled, "{}", "user=null", "environment.A=null").environment == {"B": "two"}
    assert spec_of(compiled, "service: {user: null}", "user=other").user == "other"
    assert errors(compiled, "{}", "user=") == ["S102 1:5"]


@pytest.mark.parametrize(
    ("overlay", "found"),
    [
        ("metadata: {name: null}", ["S103 17:16"]),
        ("service: null", ["S103 17:5"]),
        ("service: {healthChek: null}", ["S101 17:15"]),
        ("service: {command: [a, null]}", ["S102 17:28"]),
        ("service: {environment: }", ["S102 17:28"]),
        ("service: {user: }", ["S102 17:21"]),
        ("5", ["S102 17:5"]),
    ],
)
def test_a_finding_is_where_the_null_is(compiled: Compile, overlay: str, found: list[str]) -> None:
    assert errors(compiled, overlay) == found
    if "S103" not in found[0]:  # nothing is required in the overlay of another environment
        assert errors(compiled, overlay, environment="staging") == found


def test_null_in_the_spec_itself_is_an_error(compiled: Compile) -> None:
    (finding,) = compiled(HELLO + "  user: null\n").diagnostics
    assert finding.code == "S102" and "in an environment, `null` removes it" in finding.hint


@pytest.mark.parametrize(
    ("overlay", "found"),
    [
        ("service: {autoScaling: null}", "W103 17:15"),
        ("service: {healthCheck: {container: null}}", "W101 17:29"),
        ("service: {healthCheck: null}", "W101 17:15"),
        ("metadata: {owners: null}", "W104 17:16"),
    ],
)
def test_a_warning_about_what_is_missing_is_where_it_is_removed(compiled: Compile, overlay: str, found: str) -> None:
    result = compiled(f"{BASE}    {overlay}\n", environment="prod")
    assert found in [f"{each.code} {each.span.line}:{each.span.column}" for each in result.diagnostics]


def test_a_placeholder_in_the_part_of_another_environment_may_be_any_value(compiled: Compile) -> None:
    text = HELLO + "environments:\n  prod:\n    service:\n      port: ${PORT}\n"
    assert not [each for each in compiled(text).diagnostics if each.code.startswith("S")]
    wrong = compiled(text.replace("port: $", "prot: $")).diagnostics
    assert [each.code for each in wrong if each.code.startswith("S")] == ["S101"]
    assert "S102" in [each.code for each in compiled(text, "prod", variables={"PORT": "x"}).diagnostics]


SHARED_ONLY = b"""\
apiVersion: fsd/v1
kind: Environment
metadata: {name: prod}
environment:
  loadBalancers: {public: {domain: example.com}, inner: {internal: true}}
  variables: {LOG_LEVEL: info}
  tags: {cost-center: "42"}
  permissionsBoundary: limits
  defaults:
    service:
      networking:
        shared: true
        loadBalancer: {name: inner, priority: 7, paths: [/x]}
        serviceConnect: {port: 80}
        serviceDiscovery: true
        securityGroups: [sg-0123456789abcdef0]
"""


def alone(*overrides: str, networking: str = "{shared: false}") -> Any:
    file = SourceFile("environments/prod.yml", SHARED_ONLY)
    text = BASE.replace("  user: app\n", f"  networking: {networking}\n") + "    {}\n"
    return run(Request("spec.yml", text.encode(), "prod", overrides, environment_file=file))


@pytest.mark.parametrize("networking", ["{shared: false}", "{shared: false, vpc: {cidr: 10.9.0.0/16}}", "null"])
def test_what_the_environment_shares_is_not_put_under_a_service_that_does_not_join(networking: str) -> None:
    result = alone(networking=networking)
    assert result.template is not None, result.diagnostics
    own = result.spec.service.networking
    assert not own.shared and own.connect is None and own.discovery is None and own.security_groups == ()
    assert own.balancer.paths == (() if networking == "null" else ("/x",)), "what fits every service stays"
    text = to_json(result.template.data)
    assert "ImportValue" not in text and "limits" in text and result.tags["cost-center"] == "42"


def test_what_such_a_service_writes_itself_is_still_a_finding() -> None:
    result = alone(networking="{shared: false, serviceConnect: {alias: shop}}")
    assert [(each.code, each.span.file) for each in result.diagnostics if each.code[0] == "S"] == [("S461", "spec.yml")]
    assert "ImportValue" in to_json(alone("networking.shared=true").template.data)


def test_an_unknown_variable_is_the_only_finding_about_its_value() -> None:
    text = HELLO + "  networking: {loadBalancer: {hosts: ['${ENV}-${NOPE}.example.com']}}\n"
    text = text.replace("owners:", "tags: {a: '${NOPE}'}\n  owners:")
    result = run(Request("spec.yml", text.encode(), "prod"))
    assert [each.code for each in result.diagnostics if each.code[0] == "S"] == ["S110", "S110"]


def test_a_variable_of_an_environment_is_not_for_its_own_file() -> None:
    file = SHARED_ONLY.replace(b"domain: example.com", b"domain: '${LOG_LEVEL}.example.com'")
    (found,) = [one for one in run(Request("environments/prod.yml", file, "prod")).diagnostics if one.code[0] == "S"]
    assert (found.code, found.span.line, "specs of services" in found.hint) == ("S110", 5, True)
