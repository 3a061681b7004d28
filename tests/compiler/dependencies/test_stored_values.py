"""Secrets, parameters and keys: which variables name them, and who must admit whom."""

from __future__ import annotations

import pytest

from fsdcf.compiler.parts.secrets import existing_sources
from tests.conftest import HELLO, Compile

KEY = '  - {type: aws_kms_key, name: "${ENV}-data"}\n'
SHARED = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_the_sources_of_existing_values_are_known_to_fsdcf_secret(compiled: Compile) -> None:
    text = HELLO + (
        "dependencies:\n"
        "  - {type: aws_ssm_parameter, name: '/shared/${ENV}/token', unmanaged: {}, variable: TOKEN}\n"
        "  - {type: aws_ssm_parameter, name: /shared/limit, unmanaged: {permissions: read}}\n"
        "  - {type: aws_ssm_parameter, name: '/shop/${ENV}/theme', value: dark}\n"
        "  - {type: aws_secretsmanager_secret, name: shared/admin, jsonKey: password, unmanaged: {}}\n"
    )
    result = compiled(text)
    assert result.spec is not None and result.template is not None
    assert [(one.name, one.path[1], one.source) for one in existing_sources(result.spec)] == [
        ("TOKEN", 0, "ssm:/shared/staging/token"),
        ("SHARED_ADMIN_SECRET", 3, "secretsmanager:shared/admin:password"),
    ]


@pytest.mark.parametrize(
    ("logs", "dependency", "codes"),
    [
        ("${kms:data:arn}", KEY, set()),  # its policy admits CloudWatch Logs
        ("owned", KEY, {"W195"}),
        ("owned", KEY.replace("}\n", ", permissions: read}\n"), set()),
        ("${kms:far:arn}", f"  - {{type: aws_kms_key, name: far, unmanaged: {{arn: '{SHARED}'}}}}\n", {"W156"}),
    ],
)
def test_a_key_of_the_stack_admits_who_uses_it(compiled: Compile, logs: str, dependency: str, codes: set[str]) -> None:
    text = HELLO + f"  observability: {{logs: {{encryption: '{logs}'}}}}\ndependencies:\n{dependency}"
    result = compiled(text)
    assert result.template is not None
    assert {one.code for one in result.diagnostics} & {"W156", "W195"} == codes
    keys = [one for one in result.template.data["Resources"].values() if one["Type"] == "AWS::KMS::Key"]
    sids = {statement["Sid"] for key in keys for statement in key["Properties"]["KeyPolicy"]["Statement"]}
    assert ("Logs" in sids) == (logs == "${kms:data:arn}")


def test_a_key_without_use_by_the_service_needs_no_endpoint(compiled: Compile) -> None:
    text = HELLO + "  networking: {vpc: {nat: none}}\n  encryption: ${kms:data:arn}\ndependencies:\n"
    found = {
        permissions: " ".join(one.message + one.hint for one in compiled(text + KEY.replace("}\n", end)).diagnostics)
        for permissions, end in (("none", "}\n"), ("read", ", permissions: read}\n"))
    }
    assert "kms" in found["read"] and "kms" not in found["none"]
