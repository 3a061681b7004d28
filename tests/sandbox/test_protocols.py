"""The wire protocols against botocore's own: what its serializers write is read, what is written its parsers read."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from fsdcf.sandbox import schedule
from fsdcf.sandbox.exchange import HttpRequest, HttpResponse, request
from fsdcf.sandbox.faults import UnlistedValue
from fsdcf.sandbox.protocols import query, rest_xml, shapes
from fsdcf.sandbox.protocols.shapes import Malformed, ShapeError, model, time_text
from fsdcf.sandbox.state import ServiceError
from fsdcf.sandbox.wire import PROTOCOLS
from tests.sandbox.samples import plain, sample

SPOKEN = [name for name in schedule.NAMES if name != "s3"]


def parsed(service: str, operation: str, response: HttpResponse) -> Any:
    answer = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": response.body,
        "context": {},
    }
    shape = model(service).operation_model(operation).output_shape
    return create_parser(shapes.protocol(service)).parse(answer, shape)


def written(service: str, operation: str, params: dict[str, Any]) -> HttpRequest:
    """A request as botocore writes it."""
    answer = create_serializer(shapes.protocol(service), False).serialize_to_request(
        params, model(service).operation_model(operation)
    )
    body, headers = answer["body"], dict(answer["headers"])
    if isinstance(body, dict):
        body = urlencode(body).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    if answer.get("query_string"):
        answer["url_path"] += ("&" if "?" in answer["url_path"] else "?") + urlencode(
            answer["query_string"], doseq=True
        )
    return request(answer["method"], f"http://127.0.0.1{answer['url_path']}", headers, body)


def test_every_service_speaks_a_protocol_that_the_sandbox_speaks() -> None:
    assert {name: shapes.protocol(name) for name in schedule.NAMES} == {
        **dict.fromkeys(("cloudformation", "elbv2", "iam", "rds", "sts"), "query"),
        **dict.fromkeys(("application-autoscaling", "cloudwatch", "dynamodb", "ecr", "ecs", "logs"), "json"),
        **dict.fromkeys(("secretsmanager", "ssm", "stepfunctions"), "json"),
        "scheduler": "rest-json",
        "s3": "rest-xml",
    }
    assert set(PROTOCOLS) == {"query", "json", "rest-json", "rest-xml"}


@pytest.mark.parametrize("service", SPOKEN)
def test_what_botocore_writes_is_read(service: str) -> None:
    speech = PROTOCOLS[shapes.protocol(service)]
    for name in model(service).operation_names:
        operation = model(service).operation_model(name)
        params = sample(operation.input_shape) if operation.input_shape is not None else {}
        assert speech.decode(operation, written(service, name, params)) == params, name


@pytest.mark.parametrize("service", SPOKEN)
def test_what_is_written_botocore_reads(service: str) -> None:
    speech = PROTOCOLS[shapes.protocol(service)]
    for name in model(service).operation_names:
        operation = model(service).operation_model(name)
        if operation.has_event_stream_output or operation.has_streaming_output:
            continue
        result = sample(operation.output_shape) if operation.output_shape is not None else {}
        read = parsed(service, name, speech.encode(operation, result, "an-id"))
        assert read["ResponseMetadata"].pop("RequestId") == "an-id"
        assert plain({key: value for key, value in read.items() if key != "ResponseMetadata"}) == result, name


def test_empty_lists_and_maps_are_sent_and_none_is_not() -> None:
    operation = model("cloudformation").operation_model("DescribeStacks")
    stack = {
        "StackName": "s",
        "CreationTime": 1.5,
        "StackStatus": "CREATE_COMPLETE",
        "Tags": [],
        "Outputs": None,
        "Description": "",
    }
    read = parsed("cloudformation", "DescribeStacks", query.encode(operation, {"Stacks": [stack]}, "id"))["Stacks"][0]
    assert plain(read) == {name: value for name, value in stack.items() if value is not None}
    assert plain(read)["CreationTime"] == 1.5
    assert query.decode(operation, written("cloudformation", "DescribeStacks", {})) == {}
    tags = {"StackName": "s", "Tags": []}
    assert (
        query.decode(
            model("cloudformation").operation_model("CreateStack"), written("cloudformation", "CreateStack", tags)
        )
        == tags
    )


def test_many_items_keep_their_order() -> None:
    operation = model("cloudformation").operation_model("CreateStack")
    params = {"StackName": "s", "Parameters": [{"ParameterKey": f"P{n}", "ParameterValue": str(n)} for n in range(200)]}
    assert query.decode(operation, written("cloudformation", "CreateStack", params)) == params


@pytest.mark.parametrize(
    ("service", "operation", "result"),
    [
        ("ecs", "DescribeServices", {"service": []}),
        ("ecs", "DescribeServices", {"services": [{"servicename": "s"}]}),
        ("ecs", "DescribeServices", {"services": {}}),
        ("ecs", "DescribeServices", {"services": [{"desiredCount": "1"}]}),
        ("ecs", "DescribeServices", {"services": [{"desiredCount": True}]}),
        ("ecs", "DescribeServices", {"services": [{"launchType": "LAMBDA"}]}),
        ("ecs", "DescribeServices", {"services": [{"createdAt": "now"}]}),
        ("cloudformation", "DescribeStacks", {"Stacks": [{"StackName": "s", "Status": "x"}]}),
        ("cloudformation", "DescribeStacks", {"Stacks": "s"}),
        ("cloudformation", "DescribeStacks", {"Stacks": [{"DisableRollback": "true"}]}),
        ("cloudformation", "DescribeStacks", {"Stacks": [{"CreationTime": "now"}]}),
        ("ecs", "DescribeServices", {"services": ["s"]}),
        ("s3", "HeadBucket", {"Region": "x"}),
        ("s3", "GetObject", {"Metadata": ["x"]}),
    ],
)
def test_a_result_that_the_model_does_not_know_is_a_bug(service: str, operation: str, result: dict[str, Any]) -> None:
    with pytest.raises(ShapeError):
        PROTOCOLS[shapes.protocol(service)].encode(model(service).operation_model(operation), result, "id")


def test_what_was_written_before_does_not_excuse_what_only_looks_equal() -> None:
    stacks = model("cloudformation").operation_model("DescribeStackEvents")
    for name, good, bad in (("Timestamp", 1, True), ("ResourceStatus", UnlistedValue("PONDERING"), "PONDERING")):
        assert (
            query.encode(stacks, {"StackEvents": [{name: good}]}, "id").body
            == query.encode(stacks, {"StackEvents": [{name: good}]}, "id").body
        )
        assert good == bad
        with pytest.raises(ShapeError):
            query.encode(stacks, {"StackEvents": [{name: bad}]}, "id")


@pytest.mark.parametrize(
    ("service", "operation", "body"),
    [
        ("ecs", "ListTasks", b"{"),
        ("ecs", "ListTasks", b"[]"),
        ("ecs", "ListTasks", b'{"maxResults": "1"}'),
        ("ecs", "ListTasks", b'{"maxResults": true}'),
        ("ecs", "DescribeTasks", b'{"tasks": {}}'),
        ("ecs", "DescribeTasks", b'{"tasks": [1]}'),
        ("ecs", "UpdateService", b'{"service": "s", "forceNewDeployment": "yes"}'),
        ("cloudformation", "CreateStack", b"Action=CreateStack&DisableRollback=yes"),
        ("cloudformation", "CreateStack", b"Action=CreateStack&TimeoutInMinutes=long"),
        ("s3", "CreateBucket", b"<CreateBucketConfiguration>"),
    ],
)
def test_a_request_that_the_model_does_not_know_is_malformed(service: str, operation: str, body: bytes) -> None:
    asked = request("PUT" if service == "s3" else "POST", "http://127.0.0.1/bucket", {}, body)
    with pytest.raises(Malformed):
        PROTOCOLS[shapes.protocol(service)].decode(model(service).operation_model(operation), asked)


@pytest.mark.parametrize("service", schedule.NAMES)
def test_errors_are_read_by_botocore(service: str) -> None:
    refusal = ServiceError("SomeError", "it <is> bad: é\x00\ud800", 400)
    speech = PROTOCOLS[shapes.protocol(service)]
    name = next(iter(model(service).operation_names))
    read = parsed(service, name, speech.error(model(service), refusal, "an-id"))
    assert read["Error"]["Code"] == "SomeError"
    assert read["Error"]["Message"].startswith("it <is> bad: é")
    assert read["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert read["ResponseMetadata"]["RequestId"] == "an-id"


def test_times_have_their_forms() -> None:
    assert time_text(0.1236, "iso8601") == "1970-01-01T00:00:00.124Z"
    assert time_text(1.9996, "iso8601") == "1970-01-01T00:00:02.000Z"
    assert time_text(0, "rfc822") == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert time_text(12.5, "unixtimestamp") == "12.500"


def test_s3_operations_are_recognized_by_method_path_and_query() -> None:
    """All operations of S3: the sandbox must not take one that it lacks for one that it has."""
    odd = {"ListDirectoryBuckets", "CreateSession", "WriteGetObjectResponse"}  # other hosts than a bucket's
    mistaken = {}
    for name in set(model("s3").operation_names) - odd:
        operation = model("s3").operation_model(name)
        params = {}
        for member in operation.input_shape.required_members if operation.input_shape is not None else ():
            shape = operation.input_shape.members[member]
            params[member] = {"Bucket": "bucket", "Key": "a/key"}.get(member) or sample(shape)
        found = rest_xml.operation_of(model("s3"), written("s3", name, params))
        if found != name:
            mistaken[name] = found
    offered = schedule.operations("s3")
    assert not {name: found for name, found in mistaken.items() if name in offered or found in offered}


def test_a_bucket_may_stand_in_the_host() -> None:
    for url in (
        "https://b.s3.eu-west-1.amazonaws.com/a/k%20y?x=1",
        "https://s3.eu-west-1.amazonaws.com/b/a/k%20y",
        "http://127.0.0.1:5/b/a/k%20y",
    ):
        assert rest_xml.addressed(request("GET", url, {}, b"")) == ("b", "a/k y")
