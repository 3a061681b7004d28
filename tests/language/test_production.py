"""What production and protected environments turn on, with a key for each."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.pipeline import Request, Result, run
from tests.conftest import HELLO, Compile

CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c"
TLS = HELLO + f"  networking: {{loadBalancer: {{certificateArn: '{CERTIFICATE}'}}}}\n  enableExecuteCommand: true\n"
JOINED = HELLO + "  networking: {shared: true, loadBalancer: {name: public}}\n  enableExecuteCommand: true\n"


def file(*keys: str) -> str:
    balancer = f"  loadBalancers: {{public: {{certificateArn: '{CERTIFICATE}', domain: example.com}}}}\n"
    lines = "".join(f"  {key}\n" for key in keys)
    return f"apiVersion: fsd/v1\nkind: Environment\nmetadata: {{name: eu}}\nenvironment:\n{balancer}{lines}"


PRODUCTION = {"stack", "balancer", "sessions"}
PROTECTED = PRODUCTION | {"requests", "metrics"}


def turned_on(result: Result) -> set[str]:
    """What is on in a template, and for its stack."""
    assert result.template is not None, result.diagnostics
    resources: dict[str, Any] = result.template.data["Resources"]
    balancers = [one for one in resources.values() if one["Type"].endswith("::LoadBalancer")]
    attributes = [
        {each["Key"]: each["Value"] for each in one["Properties"]["LoadBalancerAttributes"]} for one in balancers
    ]
    cluster = resources.get("Cluster", {"Properties": {}})["Properties"]
    recorded = cluster.get("Configuration", {}).get("ExecuteCommandConfiguration", {})
    insights = [one["Value"] for one in cluster.get("ClusterSettings", ())]
    on = {
        "stack": result.termination_protection is True,
        "balancer": any(one.get("deletion_protection.enabled") == "true" for one in attributes),
        "requests": any(one.get("access_logs.s3.enabled") == "true" for one in attributes),
        "sessions": recorded.get("Logging") == "OVERRIDE",
        "metrics": insights == ["enabled"],
    }
    assert ("ExecuteCommandLogGroup" in resources) is on["sessions"]
    return {name for name, is_on in on.items() if is_on}


@pytest.mark.parametrize(
    ("environment", "keys", "expected"),
    [
        ("staging", None, set()),
        ("prod", None, PRODUCTION),
        ("production", None, PRODUCTION),
        ("eu", (), set()),
        ("eu", ("overlay: prod",), PRODUCTION),
        ("prod", ("overlay: staging",), set()),
        ("eu", ("protected: true",), PROTECTED),
        ("eu", ("protected: false",), set()),
    ],
)
def test_a_service_of_its_own(
    compiled: Compile, environment: str, keys: tuple[str, ...] | None, expected: set[str]
) -> None:
    """Whether it joins the environment or not, what the environment's file says applies to it."""
    text = "" if keys is None else file(*keys).replace("name: eu", f"name: {environment}")
    assert turned_on(compiled(TLS, environment, file=text)) == expected


@pytest.mark.parametrize(
    ("name", "keys", "expected"),
    [
        ("staging", (), set()),
        ("prod", (), PRODUCTION),
        ("eu", ("overlay: production",), PRODUCTION),
        ("eu", ("protected: true",), PROTECTED),
    ],
)
def test_an_environment(name: str, keys: tuple[str, ...], expected: set[str]) -> None:
    raw = file(*keys).replace("name: eu", f"name: {name}").encode()
    assert turned_on(run(Request(f"environments/{name}.yml", raw, name))) == expected


OFF = (
    *("terminationProtection=false", "networking.loadBalancer.deletionProtection=false", "executeCommandLogs=false"),
    *("networking.loadBalancer.accessLogs=false", "containerInsights=disabled"),
)


def test_each_has_a_key_in_any_environment(compiled: Compile) -> None:
    parts = ("stack", "balancer", "sessions", "requests", "metrics")
    for part, off in zip(parts, OFF, strict=True):
        result = compiled(TLS, "eu", overrides=(off,), file=file("protected: true"))
        assert turned_on(result) == PROTECTED - {part}, off
        on = off.replace("false", "true").replace("disabled", "enabled")
        assert turned_on(compiled(TLS, overrides=(on,))) == {part}, on
    assert compiled(TLS, overrides=OFF[:1]).termination_protection is False
    assert compiled(TLS).termination_protection is None, "a stack that somebody protects stays protected"


def test_an_existing_log_group_keeps_its_own_settings() -> None:
    raw = file("cluster: {executeCommandLogs: {logGroup: /x, retention: 30}}").encode()
    findings = run(Request("environments/eu.yml", raw, "eu")).diagnostics
    assert [one.path for one in findings if one.code == "S387"] == [
        ("environment", "cluster", "executeCommandLogs", "retention")
    ]


def test_a_cluster_without_sessions_records_none(compiled: Compile) -> None:
    text = TLS.replace("  enableExecuteCommand: true\n", "")
    assert "sessions" not in turned_on(compiled(text, "prod"))


def statements(result: Result) -> list[Any]:
    assert result.template is not None, result.diagnostics
    (policy,) = result.template.data["Resources"]["TaskRole"]["Properties"]["Policies"]
    found: list[Any] = policy["PolicyDocument"]["Statement"]
    return found


def test_the_task_role_writes_what_sessions_show(compiled: Compile) -> None:
    """To the log group of its own cluster, of the environment's, or of one that exists; never to another one."""
    assert len(statements(compiled(TLS))) == 1
    own = statements(compiled(TLS, "prod"))[-1]
    assert own["Resource"] == [{"Fn::GetAtt": ["ExecuteCommandLogGroup", "Arn"]}]
    assert set(own["Action"]) == {"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"}
    shared = statements(compiled(JOINED, "eu", file=file("protected: true")))[-1]
    assert shared["Resource"] == [{"Fn::ImportValue": "fsdcf-eu-ExecuteCommandLogGroupArn"}]
    assert len(statements(compiled(JOINED, "eu", file=file()))) == 1
    named = statements(compiled(TLS, overrides=("executeCommandLogs={logGroup: /audit/exec}",)))[-1]
    assert named["Resource"][0]["Fn::Sub"].endswith(":log-group:/audit/exec:*")


def test_an_existing_cluster_is_named_its_log_group_or_warned_about(compiled: Compile) -> None:
    existing = "cluster: {name: main}"
    result = compiled(JOINED, "eu", file=file("protected: true", existing))
    assert "W142" in {one.code for one in result.diagnostics} and len(statements(result)) == 1
    named = existing.replace("}", ", executeCommandLogs: {logGroup: audit}}")
    result = compiled(JOINED, "eu", file=file("protected: true", named))
    assert "W142" not in {one.code for one in result.diagnostics}
    assert statements(result)[-1]["Resource"] == [{"Fn::ImportValue": "fsdcf-eu-ExecuteCommandLogGroupArn"}]
    raw = file("protected: true", named).encode()
    environment = run(Request("environments/eu.yml", raw, "eu"))
    assert environment.template is not None, environment.diagnostics
    output = environment.template.data["Outputs"]["ExecuteCommandLogGroupArn"]["Value"]
    assert output["Fn::Sub"].endswith(":log-group:audit:*")
    bare = file("protected: true", existing.replace("}", ", executeCommandLogs: true}")).encode()
    assert "S426" in {one.code for one in run(Request("environments/eu.yml", bare, "eu")).diagnostics}


def test_the_log_of_sessions_is_encrypted_as_the_service_is(compiled: Compile) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    result = compiled(TLS, "prod", overrides=(f"encryption={key}", "executeCommandLogs={retention: forever}"))
    assert result.template is not None, result.diagnostics
    assert result.template.data["Resources"]["ExecuteCommandLogGroup"]["Properties"]["KmsKeyId"] == key
    assert "RetentionInDays" not in result.template.data["Resources"]["ExecuteCommandLogGroup"]["Properties"]


PLAIN = HELLO.replace("service:\n", "service:\n  # COMMENT\n", 1)


@pytest.mark.parametrize(
    ("comment", "codes"),
    [
        ("none", {"S286"}),
        ("fsdcf: allow S286 because devices speak HTTP", set()),
        ("fsdcf: allow S286", {"S014", "S286"}),
        ("fsdcf: allow S286, S203 because devices speak HTTP", {"S014", "S286"}),
    ],
)
def test_http_in_a_protected_environment_needs_a_reason(compiled: Compile, comment: str, codes: set[str]) -> None:
    result = compiled(PLAIN.replace("COMMENT", comment), "eu", file=file("protected: true"))
    assert {one.code for one in result.diagnostics if one.code.startswith("S")} == codes
    assert (result.template is None) == bool(codes)
    in_prod = compiled(HELLO, "prod")
    assert "W112" in {one.code for one in in_prod.diagnostics}, "only a warning where the file does not protect it"


@pytest.mark.parametrize(
    ("comment", "environment", "is_unused"),
    [
        ("W103 because it is small", "prod", False),
        ("W103 because it is small", "staging", False),
        ("W134 because of nothing", "staging", True),
        ("W999 because of nothing", "staging", True),
        ("W127 because of nothing", "staging", True),
        ("W161 because two specs share it", "staging", False),
        ("S286 because it is internal", "staging", False),
        ("W103, W134 because it is small", "prod", True),
    ],
)
def test_a_comment_that_allows_nothing(compiled: Compile, comment: str, environment: str, is_unused: bool) -> None:
    """Except where the rule is for another environment, or for several specs."""
    text = HELLO.replace("service:\n", f"service:  # fsdcf: allow {comment}\n", 1)
    found = [one for one in compiled(text, environment).diagnostics if one.code == "W143"]
    assert bool(found) is is_unused
    if found:
        assert found[0].span.line == 1 + text[: text.index("#")].count("\n") and "allow W" in found[0].message


def test_a_comment_in_another_environment_is_not_judged(compiled: Compile) -> None:
    text = (
        HELLO + "environments:\n  prod:\n    service:\n      # fsdcf: allow W134 because of nothing\n      user: app\n"
    )
    assert "W143" not in {one.code for one in compiled(text).diagnostics}
    assert "W143" in {one.code for one in compiled(text, "prod").diagnostics}


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", True),
        ("  user: root\n", True),
        ("  user: '0:0'\n", True),
        ("  user: app\n", False),
        ("  user: 1000\n", False),
    ],
)
def test_root_is_a_warning_in_production(compiled: Compile, user: str, expected: bool) -> None:
    codes = [one.code for one in compiled(HELLO + user, "prod").diagnostics]
    assert (codes.count("W140"), codes.count("W141")) == (int(expected), 1)
    assert not {"W140", "W141"} & {one.code for one in compiled(HELLO + user).diagnostics}
    assert "W141" not in {one.code for one in compiled(HELLO + "  readonlyRootFilesystem: true\n", "prod").diagnostics}


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ("FROM python\nUSER app\n", False),
        ("FROM python\nuser 1000:1000\n", False),
        ("FROM python\nUSER root\n", True),
        ("FROM python AS build\nUSER app\nFROM python\n", True),
        ("FROM python\nUSER app\nRUN x\nUSER 0\n", True),
        (None, True),
    ],
)
def test_the_user_of_the_dockerfile_counts(dockerfile: str | None, expected: bool) -> None:
    text = HELLO + "  build: {dockerfile: Dockerfile}\n"

    def beside(path: str) -> bytes:
        if dockerfile is None:
            raise OSError(path)
        return dockerfile.encode()

    for spec, wanted in ((text, expected), (text + "  user: root\n", True)):
        result = run(Request("spec.yml", spec.encode(), "prod", beside=beside))
        assert ("W140" in {one.code for one in result.diagnostics}) is wanted


def test_an_unknown_block_of_the_environment_is_one_finding(compiled: Compile) -> None:
    """Whether it is production cannot be told, and no rule says anything about it."""
    raw = b"apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: eu}\nenvironment: 7\n"
    assert [one.code for one in run(Request("environments/eu.yml", raw, "eu")).diagnostics] == ["S102"]
    assert [one.code for one in compiled(HELLO, "eu", file=raw.decode()).diagnostics] == ["S102"]
