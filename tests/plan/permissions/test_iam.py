"""The evaluator of the tests decides as IAM's documentation says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plan.permissions.iam import allows, allows_within


def policy(effect: str = "Allow", condition: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/*", **more}
    return {"Statement": [{**statement, **({"Condition": condition} if condition else {})}]}


def decided(condition: dict[str, Any], **context: Any) -> bool:
    return allows(policy(condition=condition), "s3:GetObject", "arn:aws:s3:::a/b", context)


def test_what_is_not_allowed_is_denied_and_a_denial_wins() -> None:
    key = "arn:aws:s3:::a/b"
    assert allows(policy(), "S3:getobject", key, {})
    assert not allows(policy(), "s3:PutObject", key, {}) and not allows(
        policy(), "s3:GetObject", "arn:aws:s3:::b/b", {}
    )
    assert not allows([policy(), policy("Deny", Action="*", Resource="*")], "s3:GetObject", key, {})
    assert not allows([], "s3:GetObject", key, {})
    everything = policy(Action="*", Resource="*")
    assert allows_within(policy(), everything, "s3:GetObject", key, {})
    assert not allows_within(policy(), everything, "s3:PutObject", key, {})
    assert not allows_within(everything, policy(), "s3:PutObject", key, {})


def test_letters_other_than_the_two_wildcards_are_themselves() -> None:
    one = policy(Resource="arn:aws:s3:::a[1]/?")
    assert allows(one, "s3:GetObject", "arn:aws:s3:::a[1]/x", {})
    assert not allows(one, "s3:GetObject", "arn:aws:s3:::a1/x", {})
    assert not allows(one, "s3:GetObject", "arn:aws:s3:::a[1]/xy", {})


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "expected"),
    [
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringNotEquals", "a", None, True),
        ("StringLike", "a*", "ab", True),
        ("StringNotLike", "a*", "ab", False),
        ("Null", "true", None, True),
        ("Null", "false", None, False),
        ("Null", "false", "x", True),
        ("ForAllValues:StringLike", ["a*", "b"], ["ab", "b"], True),
        ("ForAllValues:StringLike", ["a*"], ["ab", "b"], False),
        ("ForAllValues:StringLike", ["a*"], None, True),
        ("ForAnyValue:StringEquals", ["a"], ["b", "a"], True),
        ("ForAnyValue:StringEquals", ["a"], None, False),
        ("ArnLike", "arn:aws:s3:*:*:a", "arn:aws:s3:x:y:a", True),
        ("ArnLike", "arn:*:a", "arn:aws:s3:x:y:a", False),
        ("Bool", "true", "True", True),
    ],
)
def test_conditions(operator: str, wanted: Any, given: Any, expected: bool) -> None:
    assert decided({operator: {"Key": wanted}}, **({} if given is None else {"key": given})) is expected


def test_what_is_not_implemented_is_an_error() -> None:
    with pytest.raises(KeyError):
        decided({"NumericLessThan": {"a": "1"}}, a="0")
    with pytest.raises(AssertionError, match="variable"):
        allows(policy(Resource="arn:aws:s3:::${aws:username}"), "s3:GetObject", "arn:aws:s3:::a/b", {})
    with pytest.raises(AssertionError, match="several values"):
        decided({"StringEquals": {"a": "1"}}, a=["1", "2"])
