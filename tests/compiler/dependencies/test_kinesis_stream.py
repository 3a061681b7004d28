"""A Kinesis stream: on demand or with shards, encrypted; its consumers; access to the stream alone."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.pipeline import Request, run
from tests.compiler.dependencies.made import codes, findings, make, spec_of

KIND = "aws_kinesis_stream"
ARN = "arn:aws:kinesis:eu-west-1:210987654321:stream/payments"
KEY = "arn:aws:kms:eu-west-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "RetentionPeriodHours": 24}),
        ({"shards": 3}, {"StreamModeDetails": {"StreamMode": "PROVISIONED"}, "ShardCount": 3}),
        ({"retentionHours": 48}, {"RetentionPeriodHours": 48}),
        ({}, {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}}),
        ({"encryption": KEY}, {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": KEY}}),
    ],
)
def test_a_stream(keys: dict[str, Any], expected: dict[str, Any]) -> None:
    properties = make(KIND, "${ENV}-events", **keys).the("AWS::Kinesis::Stream")[1]["Properties"]
    assert properties["Name"] == "staging-events" and properties.items() >= expected.items()
    assert ("ShardCount" in properties) == ("shards" in keys)


def test_reading_is_not_writing() -> None:
    reads, writes = (make(KIND, "events", permissions=level).actions() for level in ("read", "write"))
    assert "kinesis:GetRecords" in reads and not reads & {"kinesis:PutRecord", "kinesis:PutRecords"}
    assert "kinesis:PutRecords" in writes and "kinesis:GetRecords" not in writes


def test_consumers_read_a_stream_of_the_stack_and_of_others() -> None:
    for name, keys in {"events": {}, "payments": {"unmanaged": {"permissions": "read", "arn": ARN}}}.items():
        made = make(KIND, name, consumers=["b", "a"], **keys)
        consumers = {key: one["Properties"] for key, one in made.resources.items() if "Consumer" in one["Type"]}
        assert [one["ConsumerName"] for one in consumers.values()] == ["a", "b"]
        assert {str(one["StreamARN"]) for one in consumers.values()} == {
            ARN if keys else "{'Fn::GetAtt': ['EventsStream', 'Arn']}"
        }
        assert not any("Tags" in one for one in consumers.values()), "another tag would replace it"
        assert made.arns("kinesis:SubscribeToShard") == {f"${{{title}}}" for title in consumers}
        assert made.grant.environment[f"{name.upper()}_A_CONSUMER_ARN"] == f"${{{next(iter(consumers))}}}"


def test_a_stream_of_another_account_and_region() -> None:
    made = make(KIND, "payments", unmanaged={"permissions": "read", "arn": ARN}, encryption=KEY)
    assert made.arns("kinesis:GetRecords") == {ARN}
    assert made.grant.environment == {"PAYMENTS_STREAM_NAME": "payments", "PAYMENTS_STREAM_ARN": ARN}
    (use,) = (one for one in made.statements() if "kms:Decrypt" in one["Action"])
    assert use["Condition"]["StringEquals"]["kms:ViaService"] == {"Fn::Sub": "kinesis.eu-west-1.${AWS::URLSuffix}"}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"consumers": ["a", "b", "a"]}, [("S560", "consumers")]),
        ({"consumers": ["a"], "permissions": "write"}, [("S560", "write")]),
        ({"consumers": ["a"], "unmanaged": {"permissions": "write"}}, [("S560", "write")]),
        ({"shards": 0}, [("S104", "0")]),
        ({"retentionHours": 23}, [("S104", "23")]),
        ({"retentionHours": 8761}, [("S104", "8761")]),
        ({"encryption": "owned"}, [("S105", "owned")]),
        ({"unmanaged": {"permissions": "read", "arn": "arn:aws:sqs:us-east-1:123456789012:x"}}, [("S105", "arn:")]),
    ],
)
def test_what_kinesis_rejects(keys: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = findings({"type": KIND, "name": "events", **keys})
    assert [(code, text[: len(mark)]) for (code, text), (_, mark) in zip(found, expected, strict=True)] == expected


def test_consumers_of_two_streams_have_their_own_variables() -> None:
    streams = [{"type": KIND, "name": "a-b", "consumers": ["c"]}, {"type": KIND, "name": "a", "consumers": ["b-c"]}]
    result = run(Request("spec.yml", spec_of(*streams).encode(), "staging"))
    assert {one.code for one in result.diagnostics if one.code.startswith("S")} == {"S560"}


def test_a_tag_that_only_kinesis_rejects() -> None:
    for length, expected in ((255, []), (256, ["S560"])):
        text = spec_of({"type": KIND, "name": "events"}).replace(
            "owners: team", f"owners: team\n  pack: {'p' * length}"
        )
        result = run(Request("spec.yml", text.encode(), "staging"))
        assert [one.code for one in result.diagnostics if one.code.startswith("S")] == expected
    assert codes({"type": KIND, "name": "events"}) == []
