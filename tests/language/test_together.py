"""Rules about several specs: what none of them shows alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsdcf.cloudformation.priorities import band_of, default_priority
from fsdcf.diagnostics import Diagnostic
from fsdcf.language.rules.together import Sibling
from fsdcf.pipeline import Request, SourceFile, run, together
from tests.conftest import HELLO

TABLE = """\
dependencies:
  - type: aws_dynamodb_table
    name: {name}
    attributes: [{{name: id, type: S}}]
    keySchema: [{{name: id, type: HASH}}]
"""
UNMANAGED = "    unmanaged: {permissions: read}\n"
ENVIRONMENT = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\n"


def spec(name: str, more: str = "", file: str = "", environment: str = "staging") -> Sibling:
    text = HELLO.replace("name: hello", f"name: {name}") + more
    result = run(Request(file or f"{name}.yml", text.encode(), environment))
    assert result.sibling is not None, result.diagnostics
    return result.sibling


def environment(file: str) -> Sibling:
    sibling = run(Request(file, ENVIRONMENT.encode(), "prod")).sibling
    assert sibling is not None
    return sibling


def check(*siblings: Sibling) -> list[tuple[str, str, int]]:
    return [(one.code, one.span.file, one.span.line) for one in together(siblings).diagnostics]


def test_services_that_share_nothing_have_no_findings() -> None:
    assert check(spec("aa"), spec("bb"), environment("environments/staging.yml")) == []
    assert check(spec("aa")) == check() == []


def test_two_specs_of_one_stack() -> None:
    (found,) = together([spec("aa"), spec("bb"), spec("aa", file="other/aa.yml")]).diagnostics
    assert (found.code, found.span.file, found.path) == ("S476", "other/aa.yml", ("metadata", "name"))
    assert "`aa` is also in aa.yml:" in found.message
    assert check(spec("aa"), spec("aa", environment="prod")) == [], "each environment has a stack of its own"
    two = environment("environments/staging.yml"), environment("more/environments/staging.yml")
    assert check(*two) == [("S476", "more/environments/staging.yml", 3)]


@pytest.mark.parametrize(
    ("first", "second", "codes"),
    [
        ("${ENV}-orders", "${ENV}-orders", ["S477"]),
        ("staging-orders", "${ENV}-orders", ["S477"]),
        ("${AWS::AccountId}-orders", "${AWS::AccountId}-orders", ["S477"]),
        ("${ENV}-orders", "${ENV}-bills", []),
    ],
)
def test_a_physical_name_is_created_once(first: str, second: str, codes: list[str]) -> None:
    one, other = spec("aa", TABLE.format(name=first)), spec("bb", TABLE.format(name=second))
    found = together([one, other]).diagnostics
    assert [each.code for each in found] == codes
    assert all(f"`aa` creates `{second}`, too, in aa.yml:13" == each.message for each in found)
    assert all(each.path == ("dependencies", 0, "name") and each.span.file == "bb.yml" for each in found)


def test_an_existing_resource_may_be_used_by_all() -> None:
    table = TABLE.format(name="${ENV}-orders")
    assert check(spec("aa", table), spec("bb", table + UNMANAGED), spec("cc", table + UNMANAGED)) == []
    queue = "dependencies:\n  - type: aws_sqs_queue\n    name: ${ENV}-orders\n"
    assert check(spec("aa", table), spec("bb", queue)) == [], "a queue may have the name of a table"


FILE = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging}
environment:
  loadBalancers:
    public: {domain: example.com, hostedZoneId: Z0123456789ABCDEFGHIJ}
    internal: {internal: true, domain: example.internal}
"""
SHARED = "  networking:\n    shared: true\n    loadBalancer: {{{}}}\n"


def joined(name: str, balancer: str = "") -> Sibling:
    """A service that joins an environment with two load balancers."""
    text = HELLO.replace("name: hello", f"name: {name}") + SHARED.format(balancer)
    file = SourceFile("environments/staging.yml", FILE.encode())
    result = run(Request(f"{name}.yml", text.encode(), "staging", environment_file=file))
    assert result.sibling is not None, result.diagnostics
    return result.sibling


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("hosts: [a.example.com]", "hosts: [b.example.com, A.Example.Com]", "hosts"),
        ("paths: [/api/*]", "hosts: [aa.example.com], paths: [/api/*]", "hosts"),
        ("hosts: [x.example.com], paths: [/a, /b]", "hosts: [x.example.com], paths: [/c, /b]", "hosts"),
        ("hosts: [x.example.com], paths: ['/*']", "hosts: [x.example.com]", "hosts"),
    ],
)
def test_equal_hosts_and_paths_at_one_load_balancer(first: str, second: str, key: str) -> None:
    (found,) = together([joined("aa", first), joined("bb", second)]).diagnostics
    assert (found.code, found.span.file) == ("S478", "bb.yml")
    assert found.path == ("service", "networking", "loadBalancer", key)
    assert "`aa` has a rule for" in found.message and "aa.yml:" in found.message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("", ""),
        ("hosts: [x.example.com]", "hosts: [x.example.com], name: internal"),
        ("hosts: [x.example.com], paths: [/a]", "hosts: [x.example.com], paths: [/A]"),
        ("hosts: [x.example.com], paths: [/a]", "hosts: [x.example.com]"),
        ("hosts: [x.example.com], paths: [/a]", "hosts: [y.example.com], paths: [/a]"),
        ("priority: 5", "priority: 6"),
        ("priority: 5", "priority: 5, name: internal"),
    ],
)
def test_different_hosts_paths_priorities_or_load_balancers(first: str, second: str) -> None:
    assert check(joined("aa", first), joined("bb", second)) == []


def test_a_priority_is_used_once_also_by_further_rules() -> None:
    (found,) = together(
        [joined("aa", "name: public, priority: 5"), joined("bb", "name: public, priority: 5")]
    ).diagnostics
    assert (found.code, found.path[-1], found.span.file) == ("S479", "priority", "bb.yml")
    hosts = ", ".join(f"h{number}.example.com" for number in range(5))
    several = joined("aa", f"name: public, priority: 5, hosts: [{hosts}]")
    (found,) = together([several, joined("bb", "name: public, priority: 6")]).diagnostics
    assert found.code == "S479" and "6 is also that of ListenerRule2 of `aa`" in found.message
    assert "another one than 5, 6" in found.hint


def test_two_names_with_one_default_priority_are_a_warning() -> None:
    seen: dict[int, str] = {}
    for number in range(10_000):
        name = f"s{number}"
        priority = default_priority(name, "ListenerRule", band_of(["h"], []))
        if priority in seen:
            break
        seen[priority] = name
    (found,) = together([joined(seen[priority], "name: public"), joined(name, "name: public")]).diagnostics
    assert (found.code, found.span.file) == ("W161", f"{name}.yml")
    assert str(priority) in found.message and "RulePriority" in found.hint
    written = joined(seen[priority], "name: public, priority: 5")
    assert check(written, joined(name, "name: public")) == []


NETWORKING = "{{shared: true, loadBalancer: false, {}}}"
CONNECT = NETWORKING.format("serviceConnect: true")
BESIDE = SourceFile("environments/staging.yml", ENVIRONMENT.encode())


def member(
    name: str, networking: str = CONNECT, *calls: str, worker: bool = False, beside: SourceFile = BESIDE
) -> Sibling:
    """A service that joins the environment. A call is the name of another service, and further keys."""
    text = HELLO.replace("name: hello", f"name: {name}").replace("  port: 8000\n", "" if worker else "  port: 8000\n")
    text += f"  resources: {{cpu: 512, memory: 1024}}\n  networking: {networking}\n"
    text += "dependencies:\n" * bool(calls) + "".join(f"  - {{type: service, name: {call}}}\n" for call in calls)
    result = run(Request(f"{name}.yml", text.encode(), "staging", environment_file=beside))
    assert result.sibling is not None, result.diagnostics
    return result.sibling


def findings(*siblings: Sibling) -> tuple[Diagnostic, ...]:
    return together(siblings).diagnostics


def test_a_service_that_no_spec_at_hand_describes() -> None:
    assert findings(member("aa", CONNECT, "bb"), member("bb")) == ()
    (found,) = findings(member("aa", CONNECT, "bb", "userss"), member("bb"), member("users"))
    assert (found.code, "`userss`" in found.message, found.hint) == ("W160", True, "did you mean `users`?")
    (other,) = findings(member("aa", CONNECT, "elsewhere"), member("bb"))
    assert "describe aa, bb" in other.hint
    known = [member("aa", CONNECT, "elsewhere"), member("bb"), None]
    assert together(known).diagnostics == (), "a spec with errors may describe it"


def test_services_may_call_each_other() -> None:
    assert findings(member("aa", CONNECT, "bb"), member("bb", CONNECT, "aa")) == ()


@pytest.mark.parametrize(
    ("callee", "lacks"),
    [
        (spec("bb"), "service.networking.shared: true and service.networking.serviceConnect: true"),
        (member("bb", NETWORKING.format("")), "service.networking.serviceConnect: true"),
        (member("bb", CONNECT, worker=True), "service.port"),
    ],
)
def test_a_call_of_a_service_without_an_endpoint(callee: Sibling, lacks: str) -> None:
    (found,) = findings(member("aa", CONNECT, "bb"), callee)
    assert (found.code, found.span.file, found.path) == ("S468", "aa.yml", ("dependencies", 0, "name"))
    assert found.message.endswith(f"bb.yml:4 lacks {lacks}") and found.hint == f"add {lacks} to bb.yml"


@pytest.mark.parametrize(
    ("call", "endpoint", "keys", "at"),
    [
        ("bb", "{alias: people}", "`alias: people`", "name"),
        ("bb", "{port: 81}", "`port: 81`", "name"),
        ("bb, port: 80", "{alias: people, port: 81}", "`alias: people` and `port: 81`", "port"),
        ("bb, alias: persons, port: 81", "{alias: people, port: 81}", "`alias: people`", "alias"),
        ("bb, alias: people", "true", "`alias: bb`", "alias"),
    ],
)
def test_a_call_to_another_address(call: str, endpoint: str, keys: str, at: str) -> None:
    callee = member("bb", NETWORKING.format(f"serviceConnect: {endpoint}"))
    (found,) = findings(member("aa", CONNECT, call), callee)
    assert (found.code, found.path[-1], found.hint) == ("S469", at, f"write {keys} for this dependency")
    assert "(bb.yml:" in found.message


@pytest.mark.parametrize(
    ("call", "networking", "found"),
    [
        ("bb, discovery: dns, port: 8000", "loadBalancer: false, serviceDiscovery: true", ""),
        ("bb, discovery: dns, port: 8000, alias: people", "serviceDiscovery: {name: people}", ""),
        ("bb, discovery: dns, port: 8000", "serviceConnect: true", "S468 serviceDiscovery: true"),
        ("bb, discovery: dns, port: 80", "serviceDiscovery: true", "S469 write `port: 8000`"),
        ("bb, discovery: dns, port: 8000", "serviceDiscovery: {name: people}", "S469 write `alias: people`"),
        ("bb, discovery: alb, alias: a.example.com", "loadBalancer: {paths: [/bb]}", ""),
        ("bb, discovery: alb, alias: a.example.com", "loadBalancer: false", "S468 networking.loadBalancer"),
    ],
)
def test_a_call_by_dns_or_at_the_load_balancer(call: str, networking: str, found: str) -> None:
    beside = replace(BESIDE, raw=BESIDE.raw + b"environment: {loadBalancers: {public: {domain: a.example.com}}}\n")
    callee = member("bb", f"{{shared: true, {networking}}}", beside=beside)
    codes = [f"{one.code} {one.hint}" for one in findings(member("aa", CONNECT, call, beside=beside), callee)]
    code, _, words = found.partition(" ")
    assert len(codes) == bool(found) and all(one.startswith(code) and words in one for one in codes)


def test_a_call_to_the_address_of_the_service() -> None:
    callee = member("bb", NETWORKING.format("serviceConnect: {alias: people, port: 81}"))
    assert findings(member("aa", CONNECT, "bb, alias: people, port: 81"), callee) == ()


@pytest.mark.parametrize(
    ("first", "second", "codes"),
    [
        ("serviceConnect: {alias: api}", "serviceConnect: {alias: api}", ["S470"]),
        ("serviceConnect: {alias: bb}", "serviceConnect: true", ["S470"]),
        ("serviceConnect: {alias: api}", "serviceConnect: {alias: api, port: 81}", []),
        ("serviceConnect: true, serviceDiscovery: true", "serviceConnect: true, serviceDiscovery: true", []),
        ("serviceDiscovery: {name: api}", "serviceDiscovery: {name: api}", ["S470"]),
        ("serviceDiscovery: {name: api}", "serviceConnect: {alias: api}", []),
    ],
)
def test_a_name_belongs_to_one_service(first: str, second: str, codes: list[str]) -> None:
    found = findings(member("aa", NETWORKING.format(first)), member("bb", NETWORKING.format(second)))
    assert [one.code for one in found] == codes
    assert all(one.span.file == "bb.yml" and "aa.yml:" in one.message for one in found)


OVERLAY = SourceFile(
    "environments/staging.yml",
    b"apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\nenvironment:\n  overlay: prod\n",
)


def overlaid(name: str, *overlays: str) -> Sibling:
    text = HELLO.replace("name: hello", f"name: {name}") + "environments:\n" * bool(overlays)
    text += "".join(f"  {overlay}: {{}}\n" for overlay in overlays)
    sibling = run(Request(f"{name}.yml", text.encode(), "staging", environment_file=OVERLAY)).sibling
    assert sibling is not None
    return sibling


@pytest.mark.parametrize(
    ("overlays", "hint"), [((), "add `environments: {prod"), (("prd",), "did you mean `prd`?"), (("eu",), "have eu")]
)
def test_an_overlay_that_no_spec_has(overlays: tuple[str, ...], hint: str) -> None:
    (found,) = findings(overlaid("aa", *overlays), overlaid("bb"))
    assert (found.code, found.span.file, found.span.line) == ("W162", "environments/staging.yml", 5)
    assert hint in found.hint
    assert findings(overlaid("aa", *overlays), overlaid("bb", "prod")) == ()
    assert together([overlaid("aa"), overlaid("bb"), None]).diagnostics == (), "the third one may have it"
