"""A call from end to end, without a socket: what is asked for, refusals, faults, and what botocore makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from fsdcf.cloudformation.partitions import partition_of
from fsdcf.sandbox import ecs, wire
from fsdcf.sandbox.clients import connect
from fsdcf.sandbox.exchange import request
from fsdcf.sandbox.faults import parse_fault
from fsdcf.sandbox.protocols.shapes import ShapeError, request_of
from fsdcf.sandbox.state import START, SandboxState
from tests.sandbox.conftest import ONCE, Sandbox, session


def refused(call: Any, **params: Any) -> tuple[str, str, int]:
    """Code, words and status of the error that a call ends with."""
    with pytest.raises(ClientError) as raised:
        call(**params)
    answer = raised.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_botocore_session_speaks_to_the_sandbox(sandbox: Sandbox) -> None:
    answer = sandbox.client("sts").get_caller_identity()
    assert answer["Account"] == "000000000000"
    assert answer["Arn"] == "arn:aws:iam::000000000000:user/sandbox"
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def test_a_boto3_session_speaks_to_the_sandbox() -> None:
    made = boto3.Session("a", "b", region_name="us-east-1", botocore_session=session())
    state = SandboxState(account="111111111111", region="cn-north-1")
    connect(made, state)
    answer = made.client("sts", config=ONCE).get_caller_identity()
    assert answer["Arn"] == "arn:aws-cn:iam::111111111111:user/sandbox"
    state.store.close()


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_a_region_has_its_partition(region: str, partition: str) -> None:
    assert partition_of(region) == partition


def test_unsupported_calls_are_refused_with_a_clear_message(sandbox: Sandbox) -> None:
    assert refused(sandbox.client("ecs").list_attributes, targetType="container-instance") == (
        "NotImplemented",
        "the sandbox does not offer ListAttributes of ecs",
        400,
    )
    assert refused(sandbox.client("sts").get_session_token)[1] == "the sandbox does not offer GetSessionToken of sts"
    assert refused(sandbox.client("s3").list_buckets)[1] == "the sandbox does not offer ListBuckets of s3"
    for service, call in (
        ("redshift", "describe_clusters"),
        ("ec2", "describe_vpcs"),
        ("lambda", "list_functions"),
        ("sqs", "list_queues"),
    ):
        found = refused(getattr(sandbox.client(service), call))
        assert found == ("NotImplemented", f"the sandbox does not offer the service {service}", 400)


def test_a_required_member_is_demanded(sandbox: Sandbox) -> None:
    headers = {"Authorization": scope("ecs"), "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.RunTask"}
    answer = wire.handle(sandbox.state, "POST", "/", headers, b"{}")
    assert answer.status == 400
    assert (
        b"1 validation error detected: Value null at 'taskDefinition' failed to satisfy constraint: "
        b"Member must not be null" in answer.body
    )
    body = b"Action=DescribeTargetHealth&Version=2015-12-01"
    answer = wire.handle(sandbox.state, "POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, body)
    assert b"<Code>ValidationError</Code>" in answer.body
    headers["X-Amz-Target"] = headers["X-Amz-Target"].replace("RunTask", "DescribeTasks")
    answer = wire.handle(sandbox.state, "POST", "/", headers, b'{"tasks": "all"}')
    assert b"SerializationException" in answer.body


def scope(service: str, region: str = "us-east-1") -> str:
    return f"AWS4-HMAC-SHA256 Credential=KEY/20270101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"


FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "found"),
    [
        ("POST", "/", {"X-Amz-Target": "AmazonSSM.GetParameter"}, b"", ("ssm", "", "GetParameter")),
        (
            "POST",
            "/",
            {"X-Amz-Target": "Odd.Thing", "Authorization": scope("kms", "eu-west-1")},
            b"",
            ("kms", "eu-west-1", "Thing"),
        ),
        ("POST", "/", FORM, b"Action=CreateStack&Version=2010-05-15", ("cloudformation", "", "CreateStack")),
        (
            "POST",
            "/",
            {**FORM, "Authorization": scope("elasticloadbalancing")},
            b"Action=A&Version=1",
            ("elbv2", "us-east-1", "A"),
        ),
        ("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", {}, b"", ("sts", "", "GetCallerIdentity")),
        ("PUT", "/bucket/key", {"Authorization": scope("s3")}, b"", ("s3", "us-east-1", "PutObject")),
        ("GET", "/b?location", {"Authorization": scope("s3")}, b"", ("s3", "us-east-1", "GetBucketLocation")),
        (
            "GET",
            "/b/k?X-Amz-Credential=KEY%2F20270101%2Feu-west-1%2Fs3%2Faws4_request",
            {},
            b"",
            ("s3", "eu-west-1", "GetObject"),
        ),
        (
            "GET",
            "/schedules/nightly",
            {"Authorization": scope("scheduler")},
            b"",
            ("scheduler", "us-east-1", "GetSchedule"),
        ),
        (
            "DELETE",
            "/tags/arn%3Aaws%3Ascheduler%3A%3A%3Aschedule-group%2Fnightly?TagKeys=a&TagKeys=b",
            {"Authorization": scope("scheduler")},
            b"",
            ("scheduler", "us-east-1", "UntagResource"),
        ),
        ("GET", "/schedules/", {"Authorization": scope("scheduler")}, b"", ("scheduler", "us-east-1", "")),
        ("PATCH", "/b/k", {"Authorization": scope("s3")}, b"", ("s3", "us-east-1", "")),
        ("GET", "/", {}, b"", ("", "", "")),
    ],
)
def test_a_request_names_service_region_and_operation(
    method: str, url: str, headers: dict[str, str], body: bytes, found: tuple[str, str, str]
) -> None:
    call = wire.called(request(method, url, headers, body))
    assert (call.service, call.region, call.operation) == found


def test_a_request_without_credentials_is_refused(sandbox: Sandbox) -> None:
    answer = wire.handle(sandbox.state, "GET", "/", {}, b"")
    assert (answer.status, b"MissingAuthenticationToken" in answer.body) == (403, True)


def test_a_refused_call_changes_nothing_but_runs_due_actions(sandbox: Sandbox) -> None:
    ecs.create_cluster(sandbox.state, {"clusterName": "c"})
    sandbox.state.store.put("ecs.task", "c/old", {})
    sandbox.state.store.schedule(START, "ecs.forget", {"task": "c/old"})
    client = sandbox.client("ecs")
    code, _, _ = refused(client.run_task, cluster="c", taskDefinition="none:1", clientToken="t")
    assert code == "ClientException"
    assert sandbox.state.store.every("ecs.started") == []
    assert sandbox.state.store.get("ecs.task", "c/old") is None


@pytest.fixture
def throttled() -> Iterator[Sandbox]:
    made = Sandbox("api:*:throttle**")
    yield made
    made.close()


def test_throttling_has_the_message_of_each_protocol(throttled: Sandbox) -> None:
    assert refused(throttled.client("sts").get_caller_identity) == ("Throttling", "Rate exceeded", 400)
    assert refused(throttled.client("ecs").list_tasks) == ("ThrottlingException", "Rate exceeded", 400)
    schedule = refused(throttled.client("scheduler").get_schedule, Name="nightly")
    assert schedule == ("ThrottlingException", "Rate exceeded", 429)
    assert refused(throttled.client("s3").head_bucket, Bucket="bucket")[2] == 503
    assert refused(throttled.client("s3").get_object, Bucket="b", Key="k")[0] == "SlowDown"


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("expired", "ExpiredToken", 403),
        ("broken", "InternalFailure", 500),
        ("html", "502", 502),
        ("error=AccessDenied", "AccessDenied", 403),
        ("error=LimitExceededException", "LimitExceededException", 400),
    ],
)
def test_faults_that_are_responses(sandbox: Sandbox, fault: str, code: str, status: int) -> None:
    sandbox.state.faults.add(parse_fault(f"api:GetCallerIdentity:{fault}"))
    call = sandbox.client("sts").get_caller_identity
    found = refused(call)
    assert (found[0], found[2]) == (code, status)
    assert call()["Account"]


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        ("reset", ConnectionClosedError, False),
        ("unreachable", EndpointConnectionError, False),
        ("lost", ConnectionClosedError, True),
        ("delay=61", ReadTimeoutError, True),
    ],
)
def test_faults_of_the_network(sandbox: Sandbox, fault: str, error: type[Exception], done: bool) -> None:
    sandbox.state.faults.add(parse_fault(f"api:PutParameter:{fault}"))
    with pytest.raises(error):
        sandbox.client("ssm").put_parameter(Name="p", Value="v", Type="String")
    assert bool(sandbox.state.store.every("ssm.parameter")) is done


def test_half_an_answer_is_what_botocore_makes_of_it(sandbox: Sandbox) -> None:
    sandbox.state.faults.add(parse_fault("api:GetCallerIdentity:half"))
    with pytest.raises(ResponseParserError):
        sandbox.client("sts").get_caller_identity()


def test_an_answer_that_is_lost_may_be_an_error(sandbox: Sandbox) -> None:
    sandbox.state.faults.add(parse_fault("api:GetParameter:lost"))
    with pytest.raises(ConnectionClosedError):
        sandbox.client("ssm").get_parameter(Name="none")


def test_a_short_delay_is_only_late(sandbox: Sandbox) -> None:
    sandbox.state.faults.add(parse_fault("api:*:delay=59"))
    assert sandbox.client("sts").get_caller_identity()["Account"]
    assert sandbox.clock.now() == START + 59


def test_a_bug_of_a_handler_is_raised(sandbox: Sandbox) -> None:
    sandbox.state.store.put(
        "ssm.parameter", "p", {"name": "p", "type": "Odd", "versions": [{"number": 1, "value": "v", "at": 0}]}
    )
    with pytest.raises(ShapeError, match="one of String"):
        sandbox.client("ssm").get_parameter(Name="p")


def test_a_megabyte_and_unicode_travel_whole(sandbox: Sandbox) -> None:
    s3, text = sandbox.client("s3"), "é\u2028😀" * 120_000
    s3.create_bucket(Bucket="bucket")
    assert len(text.encode()) > 1_000_000
    s3.put_object(Bucket="bucket", Key="a b/ü?&=%", Body=text.encode())
    assert s3.get_object(Bucket="bucket", Key="a b/ü?&=%")["Body"].read().decode() == text


def test_properties_become_a_request() -> None:
    properties = {
        "TaskDefinition": "t",
        "ServiceName": "s",
        "DesiredCount": "3",
        "EnableECSManagedTags": "true",
        "DeploymentConfiguration": {
            "DeploymentCircuitBreaker": {"Enable": "true", "Rollback": False},
            "MaximumPercent": "150",
        },
        "LoadBalancers": [{"TargetGroupArn": "arn", "ContainerPort": "80"}],
        "Tags": [{"Key": "k", "Value": 5}],
        "ForceNewDeployment": {"EnableForceNewDeployment": True},
    }
    assert request_of("ecs", "CreateService", properties) == {
        "taskDefinition": "t",
        "serviceName": "s",
        "desiredCount": 3,
        "enableECSManagedTags": True,
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": True, "rollback": False},
            "maximumPercent": 150,
        },
        "loadBalancers": [{"targetGroupArn": "arn", "containerPort": 80}],
        "tags": [{"key": "k", "value": "5"}],
    }
    volumes = {
        "Volumes": [{"EFSVolumeConfiguration": {"FilesystemId": "fs-1", "AuthorizationConfig": {"IAM": "ENABLED"}}}]
    }
    shaped = request_of("ecs", "RegisterTaskDefinition", volumes)
    assert shaped == {
        "volumes": [{"efsVolumeConfiguration": {"fileSystemId": "fs-1", "authorizationConfig": {"iam": "ENABLED"}}}]
    }
    with pytest.raises(KeyError):
        request_of("ecs", "Fly", {})
