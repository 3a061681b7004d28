"""The small services: versions and pages of parameters, images, buckets in their regions, log lines, target groups."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from fsdcf.sandbox import ecr, ecs, elbv2, logs, s3, ssm
from fsdcf.sandbox.state import START, ServiceError
from tests.sandbox.conftest import Sandbox


def test_a_parameter_keeps_a_hundred_versions(sandbox: Sandbox) -> None:
    client = sandbox.client("ssm")
    for number in range(1, 106):
        ssm.put(sandbox.state, "/release", f"value {number}", "String", "what runs")
    pages = list(client.get_paginator("get_parameter_history").paginate(Name="/release"))
    assert [len(page["Parameters"]) for page in pages] == [50, 50]
    versions = [one for page in pages for one in page["Parameters"]]
    assert [one["Version"] for one in versions] == list(range(6, 106))
    assert (versions[-1]["Value"], versions[-1]["Description"]) == ("value 105", "what runs")
    assert client.get_parameter(Name="/release:6")["Parameter"]["Value"] == "value 6"
    with pytest.raises(ClientError, match="could not find version 5"):
        client.get_parameter(Name="/release:5")


def test_parameters_by_name_and_arn(sandbox: Sandbox) -> None:
    client = sandbox.client("ssm")
    client.put_parameter(Name="/a/b", Value="é, ö", Type="StringList")
    client.put_parameter(Name="plain", Value="1", Type="String")
    assert client.put_parameter(Name="plain", Value="2", Overwrite=True)["Version"] == 2
    answer = client.get_parameter(Name="/a/b")["Parameter"]
    assert (answer["Value"], answer["Type"], answer["Version"]) == ("é, ö", "StringList", 1)
    assert answer["ARN"] == "arn:aws:ssm:us-east-1:000000000000:parameter/a/b"
    assert answer["LastModifiedDate"].timestamp() == START
    assert client.get_parameter(Name=answer["ARN"])["Parameter"]["Name"] == "/a/b"
    assert (
        client.get_parameter(Name="arn:aws:ssm:us-east-1:000000000000:parameter/plain")["Parameter"]["Name"] == "plain"
    )
    several = client.get_parameters(Names=["plain", "none", "/a/b:1"])
    assert [one["Value"] for one in several["Parameters"]] == ["2", "é, ö"]
    assert several["InvalidParameters"] == ["none"]
    ssm.delete(sandbox.state, "plain")
    assert (ssm.value_of(sandbox.state, "plain"), ssm.value_of(sandbox.state, "/a/b")) == (None, "é, ö")


def test_every_image_exists_in_a_repository_that_was_never_created(sandbox: Sandbox) -> None:
    client = sandbox.client("ecr")
    answer = client.describe_images(repositoryName="any", imageIds=[{"imageTag": "sha"}])["imageDetails"][0]
    assert (answer["imageTags"], answer["imageDigest"]) == (["sha"], ecr.digest_of("any", "sha"))
    by_digest = client.describe_images(repositoryName="any", imageIds=[{"imageDigest": answer["imageDigest"]}])
    assert by_digest["imageDetails"][0]["imageDigest"] == answer["imageDigest"]
    assert client.describe_images(repositoryName="any")["imageDetails"] == []
    with pytest.raises(ClientError, match="RepositoryNotFoundException"):
        client.describe_repositories(repositoryNames=["any"])


def test_a_bucket_answers_in_its_own_region(sandbox: Sandbox) -> None:
    near, far = sandbox.client("s3"), sandbox.client("s3", "eu-west-1")
    far.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert far.head_bucket(Bucket="bucket")["BucketRegion"] == "eu-west-1"
    assert near.get_bucket_location(Bucket="bucket")["LocationConstraint"] == "eu-west-1"
    near.create_bucket(Bucket="other")
    assert far.get_bucket_location(Bucket="other")["LocationConstraint"] is None
    far.put_object(Bucket="bucket", Key="k", Body=b"content", ContentType="text/plain", Metadata={"a": "b"})
    # botocore meets the redirect and retries at the address in the answer.
    answer = near.get_object(Bucket="bucket", Key="k")
    assert (answer["Body"].read(), answer["ContentType"], answer["Metadata"]) == (b"content", "text/plain", {"a": "b"})
    with pytest.raises(ClientError, match="unspecified location constraint"):
        far.create_bucket(Bucket="third")


def test_objects_are_listed_in_pages_and_deleted(sandbox: Sandbox) -> None:
    client = sandbox.client("s3")
    s3.add_bucket(sandbox.state, "bucket")
    for key in ("t/b", "t/a", "t/c", "u"):
        client.put_object(Bucket="bucket", Key=key, Body=key.encode())
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket="bucket", Prefix="t/", PaginationConfig={"PageSize": 2}
    )
    assert [[one["Key"] for one in page["Contents"]] for page in pages] == [["t/a", "t/b"], ["t/c"]]
    assert client.get_object(Bucket="bucket", Key="t/a")["Body"].read() == b"t/a"
    client.delete_object(Bucket="bucket", Key="t/a")
    with pytest.raises(ClientError, match="NoSuchKey"):
        client.get_object(Bucket="bucket", Key="t/a")


def test_log_lines_from_the_tail_and_from_the_head(sandbox: Sandbox) -> None:
    client = sandbox.client("logs")
    for number in range(7):
        logs.write(sandbox.state, "group", "stream", [f"line {number}"])
        sandbox.clock.advance(1)
    asked = {"logGroupName": "group", "logStreamName": "stream", "limit": 3}

    def read(**more: object) -> tuple[str, str, str]:
        answer = client.get_log_events(**asked, **more)
        return (
            "".join(one["message"][-1] for one in answer["events"]),
            answer["nextForwardToken"],
            answer["nextBackwardToken"],
        )

    lines, forward, backward = read()
    assert lines == "456"
    assert read(nextToken=forward)[:2] == ("", forward)
    assert read(nextToken=backward)[0] == "123"
    lines, forward, _ = read(startFromHead=True)
    assert lines == "012"
    assert read(nextToken=forward)[0] == "345"
    logs.write(sandbox.state, "group", "stream", ["line 7"])
    assert read(nextToken=read()[1])[0] == ""
    assert read(startTime=round(START * 1000) + 5000, endTime=round(START * 1000) + 7000)[0] == "56"


def test_log_lines_across_streams(sandbox: Sandbox) -> None:
    client, start = sandbox.client("logs"), round(START * 1000)
    for stream, line in (
        ("web/1", "GET /a 200"),
        ("web/2", "ERROR é"),
        ("web/1", "ERROR again"),
        ("job", "GET /b 404"),
    ):
        logs.write(sandbox.state, "/ecs/g", stream, [line])
        sandbox.clock.advance(1)

    def found(**more: object) -> list[str]:
        answer = client.get_paginator("filter_log_events").paginate(
            logGroupName="/ecs/g", PaginationConfig={"PageSize": 2}, **more
        )
        return [one["message"] for page in answer for one in page["events"]]

    assert found() == ["GET /a 200", "ERROR é", "ERROR again", "GET /b 404"]
    assert found(logStreamNamePrefix="web/") == ["GET /a 200", "ERROR é", "ERROR again"]
    assert found(logStreamNames=["job"]) == ["GET /b 404"]
    assert found(filterPattern="ERROR") == ["ERROR é", "ERROR again"]
    assert found(filterPattern='"GET /b"') == ["GET /b 404"]
    assert found(filterPattern="GET 404") == ["GET /b 404"]
    assert found(filterPattern="GET* 2*") == ["GET /a 200"]
    assert found(startTime=start + 1000, endTime=start + 2000) == ["ERROR é", "ERROR again"], "the end is included"
    streams = client.describe_log_streams(logGroupName="/ecs/g", orderBy="LastEventTime", descending=True)["logStreams"]
    assert [one["logStreamName"] for one in streams] == ["job", "web/1", "web/2"]
    by_name = client.describe_log_streams(logGroupName="/ecs/g", logStreamNamePrefix="web/", limit=1)
    assert ([one["logStreamName"] for one in by_name["logStreams"]], by_name["nextToken"]) == (["web/1"], "1")
    arn = client.describe_log_groups(logGroupNamePrefix="/ecs")["logGroups"][0]["arn"]
    assert client.filter_log_events(logGroupIdentifier=arn.removesuffix(":*"), logStreamNames=["job"])["events"]
    logs.delete_group(sandbox.state, "/ecs/g")
    assert client.describe_log_groups()["logGroups"] == []


def test_a_target_group_describes_its_health_check(sandbox: Sandbox) -> None:
    arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/0123456789abcdef"
    client = sandbox.client("elbv2")
    properties = {
        "HealthCheckPath": "/up",
        "Matcher": {"HttpCode": "200-299"},
        "TargetType": "ip",
        "UnhealthyThresholdCount": "4",
        "VpcId": "vpc-1",
    }
    elbv2.put_target_group(sandbox.state, arn, properties)
    answer = client.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    assert (answer["TargetGroupName"], answer["HealthCheckPath"], answer["Matcher"]) == (
        "web",
        "/up",
        {"HttpCode": "200-299"},
    )
    assert (
        answer["HealthyThresholdCount"],
        answer["UnhealthyThresholdCount"],
        answer["HealthCheckIntervalSeconds"],
    ) == (
        5,
        4,
        30,
    )
    elbv2.set_target(sandbox.state, arn, "10.0.0.1", 80, "unhealthy", "Target.Timeout")
    asked = client.describe_target_health(
        TargetGroupArn=arn, Targets=[{"Id": "10.0.0.1", "Port": 80}, {"Id": "10.0.0.9", "Port": 80}]
    )
    assert [one["TargetHealth"] for one in asked["TargetHealthDescriptions"]] == [
        {"State": "unhealthy", "Reason": "Target.Timeout", "Description": "Request timed out"},
        {
            "State": "unused",
            "Reason": "Target.NotRegistered",
            "Description": "Target is not registered to the target group",
        },
    ]
    elbv2.remove_target_group(sandbox.state, arn)
    assert client.describe_target_groups()["TargetGroups"] == []
    with pytest.raises(ClientError, match="TargetGroupNotFound"):
        client.describe_target_health(TargetGroupArn=arn)


def test_revisions_and_families(sandbox: Sandbox) -> None:
    client = sandbox.client("ecs")
    containers = [{"name": "web", "image": "nginx", "secrets": [{"name": "A", "valueFrom": "arn"}], "environment": []}]
    arns = [
        ecs.register(sandbox.state, {"family": family, "containerDefinitions": containers})["taskDefinitionArn"]
        for family in ("a", "a", "a", "ab")
    ]
    assert arns[2] == "arn:aws:ecs:us-east-1:000000000000:task-definition/a:3"
    answer = client.describe_task_definition(taskDefinition="a")["taskDefinition"]
    assert (answer["revision"], answer["status"], answer["containerDefinitions"][0]["essential"]) == (3, "ACTIVE", True)
    ecs.deregister(sandbox.state, arns[2])
    ecs.deregister(sandbox.state, arns[2])
    assert client.describe_task_definition(taskDefinition="a")["taskDefinition"]["revision"] == 2
    assert client.describe_task_definition(taskDefinition="a:3")["taskDefinition"]["status"] == "INACTIVE"
    pages = client.get_paginator("list_task_definitions").paginate(PaginationConfig={"PageSize": 2})
    assert [page["taskDefinitionArns"] for page in pages] == [arns[:2], arns[3:]]
    assert client.list_task_definitions(familyPrefix="a", sort="DESC")["taskDefinitionArns"] == [arns[1], arns[0]]
    assert client.list_task_definitions(status="INACTIVE")["taskDefinitionArns"] == [arns[2]]


def test_clusters_are_created_described_and_deleted(sandbox: Sandbox) -> None:
    client, state = sandbox.client("ecs"), sandbox.state
    settings = [{"name": "containerInsights", "value": "enabled"}]
    ecs.create_cluster(state, {"clusterName": "c", "settings": settings})
    made = client.describe_clusters(clusters=["c"])["clusters"][0]
    assert made["clusterArn"] == "arn:aws:ecs:us-east-1:000000000000:cluster/c"
    ecs.register(state, {"family": "f", "containerDefinitions": [{"name": "web", "image": "nginx"}]})
    request = {"cluster": made["clusterArn"], "serviceName": "s", "taskDefinition": "f", "desiredCount": 2}
    service = ecs.create_service(state, request)
    answer = client.describe_clusters(clusters=[made["clusterArn"], "none"])
    assert answer["failures"] == [{"arn": "arn:aws:ecs:us-east-1:000000000000:cluster/none", "reason": "MISSING"}]
    sandbox.pass_time(120)
    answer = client.describe_clusters(clusters=["c"])["clusters"][0]
    assert (answer["activeServicesCount"], answer["runningTasksCount"], answer["pendingTasksCount"]) == (1, 2, 0)
    ecs.create_cluster(state, {"clusterName": "c"})
    assert client.describe_clusters(clusters=["c"])["clusters"][0]["settings"] == settings
    client.run_task(cluster="c", taskDefinition="f")
    ecs.delete_service(state, service["serviceArn"])
    with pytest.raises(ServiceError, match="while Services are active"):
        ecs.delete_cluster(state, "c")
    ecs.create_cluster(state, {"clusterName": "d"})
    client.run_task(cluster="d", taskDefinition="f")
    with pytest.raises(ServiceError, match="while Tasks are active"):
        ecs.delete_cluster(state, "d")


def test_tasks_and_services_are_listed_in_pages(sandbox: Sandbox) -> None:
    client = sandbox.client("ecs")
    ecs.register(sandbox.state, {"family": "f", "containerDefinitions": [{"name": "web", "image": "nginx"}]})
    for number in range(12):
        request = {"cluster": "c", "serviceName": f"s{number:02}", "taskDefinition": "f", "desiredCount": 0}
        ecs.create_service(sandbox.state, request)
    pages = list(client.get_paginator("list_services").paginate(cluster="c"))
    assert [len(page["serviceArns"]) for page in pages] == [10, 2]
    assert pages[0]["serviceArns"][0].endswith(":service/c/s00")
    begun = [one["taskArn"] for one in client.run_task(cluster="c", taskDefinition="f", count=5)["tasks"]]
    pages = client.get_paginator("list_tasks").paginate(cluster="c", PaginationConfig={"PageSize": 2})
    assert [arn for page in pages for arn in page["taskArns"]] == begun[::-1]
    by_arn = client.describe_services(cluster="c", services=["arn:aws:ecs:us-east-1:000000000000:service/c/s03"])
    assert by_arn["services"][0]["serviceName"] == "s03"
    elsewhere = client.describe_services(cluster="c", services=["arn:aws:ecs:us-east-1:000000000000:service/other/s03"])
    assert (elsewhere["services"], elsewhere["failures"][0]["reason"]) == ([], "MISSING")


def test_a_service_of_a_stack_brings_its_cluster(sandbox: Sandbox) -> None:
    arn = ecs.register(sandbox.state, {"family": "f", "containerDefinitions": [{"name": "web", "image": "nginx"}]})[
        "taskDefinitionArn"
    ]
    answer = ecs.create_service(sandbox.state, {"cluster": "new", "serviceName": "s", "taskDefinition": arn})
    assert sandbox.client("ecs").describe_clusters(clusters=["new"])["clusters"][0]["status"] == "ACTIVE"
    assert ecs.service_of(sandbox.state, answer["serviceArn"]) == answer
    assert ecs.service_of(sandbox.state, answer["serviceArn"] + "x") is None
    with pytest.raises(KeyError):
        ecs.deployment_of(sandbox.state, answer["serviceArn"], "ecs-svc/0")
