"""Plans of secrets, parameters and keys: what AWS's pages say of a change.

REFERENCE is https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference, SSM is
https://docs.aws.amazon.com/systems-manager/latest, KMS is https://docs.aws.amazon.com/kms/latest.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.plan.conftest import resources
from tests.plan.test_cost import costs
from tests.plan.test_messages import CUSTOMER, found, remarks

SECRET, PARAMETER, KEY, ALIAS = (
    "AWS::SecretsManager::Secret",
    "AWS::SSM::Parameter",
    "AWS::KMS::Key",
    "AWS::KMS::Alias",
)


def secret(length: int = 32, **more: Any) -> dict[str, Any]:
    return {"Name": "session", "GenerateSecretString": {"PasswordLength": length}, **more}


def parameter(value: str = "dark", type: str = "String", tier: str = "Standard", **more: Any) -> dict[str, Any]:
    return {"Name": "/shop/theme", "Type": type, "Value": value, "Tier": tier, **more}


def key(rotation: bool = True, window: int = 30, **more: Any) -> dict[str, Any]:
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ]
    }
    return {"EnableKeyRotation": rotation, "PendingWindowInDays": window, "KeyPolicy": policy, **more}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # REFERENCE/aws-resource-secretsmanager-secret.html: Name requires a replacement, which has another value
        (secret(), secret(Name="token"), {"replaced", "store-removed"}),
        # REFERENCE/aws-attribute-deletionpolicy.html: what is kept stays in the account
        (secret(), None, {"left behind", "store-removed"}),
        # REFERENCE/aws-resource-secretsmanager-secret.html: a change of GenerateSecretString makes a new version
        (secret(32), secret(40), {"data-expires"}),
        (secret(), secret(GenerateSecretString={"PasswordLength": 32, "ExcludePunctuation": True}), {"data-expires"}),
        (
            secret(),
            secret(GenerateSecretString={"GenerateStringKey": "a", "SecretStringTemplate": "{}"}),
            {"data-expires"},
        ),
        ({"Name": "session"}, secret(), {"data-expires"}),
        # ... and without it the value stays
        (secret(), {"Name": "session"}, set()),
        # https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_update-encryption-key.html
        (secret(), secret(KmsKeyId=CUSTOMER), set()),
        (secret(KmsKeyId=CUSTOMER), secret(), {"out of reach"}),
        (secret(), secret(Description="for sessions"), set()),
        (None, secret(), set()),
    ],
)
def test_a_secret(before: dict[str, Any] | None, after: dict[str, Any] | None, expected: set[str]) -> None:
    assert remarks(found(SECRET, before, after)) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # REFERENCE/aws-resource-ssm-parameter.html: Name requires a replacement; the value is in the template
        (parameter(), parameter(Name="/shop/colour"), {"replaced"}),
        (parameter(), None, set()),
        (None, parameter(), set()),
        (parameter("dark"), parameter("light"), set()),
        (parameter(), parameter(Description="of the shop"), set()),
        (parameter(), parameter(AllowedPattern="dark|light"), set()),
        # SSM/APIReference/API_PutParameter.html: the type of a parameter cannot be changed
        (parameter(), parameter("dark,light", "StringList"), {"refused"}),
        (parameter("dark,light", "StringList"), parameter(), {"refused"}),
        # SSM/userguide/parameter-store-advanced-parameters.html: only the way up
        (parameter(), parameter(tier="Advanced"), set()),
        (parameter(tier="Advanced"), parameter(), {"refused"}),
        (parameter(tier="Advanced"), parameter(tier="Intelligent-Tiering"), {"refused"}),
    ],
)
def test_a_parameter(before: dict[str, Any] | None, after: dict[str, Any] | None, expected: set[str]) -> None:
    assert remarks(found(PARAMETER, before, after)) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # REFERENCE/aws-resource-kms-key.html: these properties are immutable, and the update fails
        (key(), key(MultiRegion=True), {"refused"}),
        (key(MultiRegion=True), key(), {"refused"}),
        (key(), key(KeySpec="RSA_2048"), {"refused"}),
        (key(), key(KeyUsage="SIGN_VERIFY"), {"refused"}),
        (key(), key(Origin="EXTERNAL"), {"refused"}),
        (key(MultiRegion=False), key(), set()),
        # REFERENCE/aws-attribute-deletionpolicy.html: what is kept stays in the account
        (key(), None, {"left behind"}),
        # KMS/APIReference/API_ScheduleKeyDeletion.html: 30 days by default
        (key(window=30), key(window=7), {"data-expires"}),
        (key(window=7), key(window=30), set()),
        # KMS/developerguide/rotate-keys.html: what the old key material encrypted stays readable
        (key(rotation=True), key(rotation=False), set()),
        (key(), key(RotationPeriodInDays=180), set()),
        (None, key(), set()),
    ],
)
def test_a_key(before: dict[str, Any] | None, after: dict[str, Any] | None, expected: set[str]) -> None:
    assert remarks(found(KEY, before, after)) == expected


def test_an_alias_moves_to_another_name() -> None:
    # REFERENCE/aws-resource-kms-alias.html: AliasName requires a replacement
    before, after = ({"AliasName": f"alias/{name}", "TargetKeyId": "a"} for name in "ab")
    assert remarks(found(ALIAS, before, after)) == {"replaced"}
    assert not remarks(found(ALIAS, before, {**before, "TargetKeyId": "b"}))


def test_what_they_cost_and_what_is_not_known() -> None:
    body = resources(
        Secret={"Type": SECRET, "Properties": secret()},
        Plain={"Type": PARAMETER, "Properties": parameter()},
        Long={"Type": PARAMETER, "Properties": parameter(tier="Advanced")},
        Key={"Type": KEY, "Properties": key()},
    )
    whole = costs(body)
    assert {line.name: str(line.price.price) for line in whole.lines} == {
        "Secrets": "0.40",
        "Advanced parameters": "0.05",
        "KMS keys": "1.00",
    }
    assert {one.name for one in whole.unpriced} >= {"Rotations of KMS keys", "Requests to KMS keys"}
