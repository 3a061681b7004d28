"""IAM: patterns, and what the statements of a policy allow."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.iam import allowing_statements, decide, matches
from fsdcf.cloudformation.planned import planned

BUCKET = {"Type": "AWS::S3::Bucket"}


def evaluated(document: Any) -> Any:
    """A policy document with its functions applied, next to a bucket."""
    policy = {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": document}}
    return planned({"Resources": {"Policy": policy, "Bucket": BUCKET}}).resources["Policy"].properties["PolicyDocument"]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("s3:get*", "s3:getobject", True),
        ("s3:get*", "s3:putobject", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
    ],
)
def test_patterns_have_two_wildcards(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


JOINED = {"Fn::Join": ["", ["arn:aws:s3:::", {"Ref": "Bucket"}, "/in/?"]]}


@pytest.mark.parametrize(
    ("key", "resource", "asked", "decision"),
    [
        ("Action", {"Fn::Sub": "arn:${AWS::Partition}:s3:::web-*"}, "arn:aws:s3:::web-1", "allowed"),
        ("Action", {"Fn::Sub": ["arn:aws:s3:::${Name}", {"Name": {"Ref": "Bucket"}}]}, "arn:aws:s3:::web", "allowed"),
        ("Action", JOINED, "arn:aws:s3:::b/in/1", "allowed"),
        ("Action", JOINED, "arn:aws:s3:::b/out/1", "elsewhere"),
        ("Action", {"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::b", "allowed"),
        ("Action", ["arn:aws:s3:::a", "arn:aws:s3:::b"], "arn:aws:s3:::b", "allowed"),
        ("Action", "arn:aws:s3:::a", "", "allowed"),
        ("NotAction", "*", "arn:aws:s3:::b", "allowed"),
        ("Other", None, "arn:aws:s3:::b", "allowed"),
    ],
)
def test_statements_allow_an_action_on_a_resource(key: str, resource: Any, asked: str, decision: str) -> None:
    statement = {"Effect": "Allow", key: ["s3:Get*"], "Resource": resource}
    document, denial = evaluated({"Statement": statement}), evaluated({"Statement": {**statement, "Effect": "Deny"}})
    assert decide(allowing_statements([document]), "s3:GetObject", asked) == decision
    assert decide(allowing_statements([denial]), "s3:GetObject", asked) == "none"


@pytest.mark.parametrize(
    "documents", [[], [None], [{}], [{"Statement": ["x", {"Action": "s3:PutObject", "Resource": "*"}]}]]
)
def test_malformed_documents_allow_nothing(documents: list[Any]) -> None:
    assert decide(allowing_statements(documents), "s3:GetObject", "arn:aws:s3:::b") == "none"
