"""What a stack makes is there for the calls of the other services: services with their rollouts, parameters, log
groups, buckets.
"""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox.faults import parse_fault
from tests.sandbox.cloudformation.account import NAME, Account, consistent, in_order, log, of, parameter

TAG = {"Parameters": {"ImageSha": {"Type": "String"}}}


def service(rollback: bool = True, breaker: bool = True) -> dict[str, Any]:
    """A service with its cluster and task definition, and a record that follows it."""
    container = {"Name": "shop", "Image": {"Fn::Sub": "shop:${ImageSha}"}, "Essential": True}
    definition = {
        "Family": "shop",
        "Cpu": "256",
        "Memory": "512",
        "NetworkMode": "awsvpc",
        "ContainerDefinitions": [container],
    }
    configuration = {"DeploymentCircuitBreaker": {"Enable": breaker, "Rollback": rollback}}
    properties = {
        "Cluster": {"Ref": "Cluster"},
        "TaskDefinition": {"Ref": "TaskDefinition"},
        "DesiredCount": 2,
        "DeploymentConfiguration": configuration,
    }
    return TAG | of(
        Cluster={"Type": "AWS::ECS::Cluster"},
        TaskDefinition={"Type": "AWS::ECS::TaskDefinition", "Properties": definition},
        Service={"Type": "AWS::ECS::Service", "Properties": properties},
        Release=parameter({"Ref": "ImageSha"}, DependsOn="Service"),
    )


def described(account: Account) -> dict[str, Any]:
    cluster, arn = account.physical("Cluster"), account.physical("Service")
    (found,) = account.client("ecs").describe_services(cluster=cluster, services=[arn])["services"]
    return dict(found)


def releases(account: Account) -> list[str]:
    history = account.client("ssm").get_parameter_history(Name=account.physical("Release"))["Parameters"]
    return [one["Value"] for one in history]


def test_a_service_is_complete_when_its_rollout_is(account: Account) -> None:
    account.cfn.create_stack(**account.given(service(), {"ImageSha": "a"}))
    account.until("Service", "CREATE_IN_PROGRESS")
    account.pass_time(20)
    assert described(account)["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert account.settle() == "CREATE_COMPLETE"
    assert described(account)["deployments"][0]["rolloutState"] == "COMPLETED"
    assert described(account)["runningCount"] == 2
    first = described(account)["taskDefinition"]
    assert account.deploy(service(), parameters={"ImageSha": "b"}) == "UPDATE_COMPLETE"
    assert described(account)["taskDefinition"] == account.physical("TaskDefinition") != first
    assert described(account)["deployments"][0]["rolloutState"] == "COMPLETED"
    assert releases(account) == ["a", "b"]
    old = account.client("ecs").describe_task_definition(taskDefinition=first)["taskDefinition"]
    assert old["status"] == "INACTIVE"
    consistent(account, NAME)


def test_resources_have_the_tags_of_their_stack(account: Account) -> None:
    def tags() -> dict[str, str]:
        ecs, cluster = account.client("ecs"), account.physical("Cluster")
        arns = ecs.list_tasks(cluster=cluster)["taskArns"]
        (found,) = ecs.describe_services(cluster=cluster, services=[account.physical("Service")], include=["TAGS"])[
            "services"
        ]
        task = ecs.describe_tasks(cluster=cluster, tasks=arns, include=["TAGS"])["tasks"][0]
        assert {one["key"]: one["value"] for one in task["tags"]} == {one["key"]: one["value"] for one in found["tags"]}
        return {one["key"]: one["value"] for one in found["tags"]}

    def template(team: str) -> dict[str, Any]:
        made = service()
        own = {"Tags": [{"Key": "team", "Value": team}], "PropagateTags": "SERVICE"}
        made["Resources"]["Service"]["Properties"] |= own
        return made

    mine = [{"Key": "fsdcf:service", "Value": "shop"}, {"Key": "team", "Value": "stack"}]
    account.cfn.create_stack(**account.given(template("own"), {"ImageSha": "a"}), Tags=mine)
    assert account.settle() == "CREATE_COMPLETE"
    assert tags() == {"fsdcf:service": "shop", "team": "own"}
    other = [{"Key": "fsdcf:service", "Value": "cart"}]
    account.cfn.update_stack(**account.given(template("own"), {"ImageSha": "b"}), Tags=other)
    assert account.settle() == "UPDATE_COMPLETE"
    assert tags() == {"fsdcf:service": "cart", "team": "own"}


def test_a_breaker_that_trips_fails_the_update(account: Account) -> None:
    account.create(service(), {"ImageSha": "a"})
    first = described(account)["taskDefinition"]
    account.state.faults.add(parse_fault("Service:update:exit=1"))
    assert account.deploy(service(), parameters={"ImageSha": "b"}) == "UPDATE_ROLLBACK_COMPLETE"
    reason = account.reasons()["Service UPDATE_FAILED"]
    assert "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'." in reason
    assert reason.endswith("HandlerErrorCode: GeneralServiceException)")
    assert in_order(
        account.event_lines(),
        "Service UPDATE_FAILED",
        "TaskDefinition UPDATE_COMPLETE",
        "Service UPDATE_COMPLETE",
        "TaskDefinition DELETE_COMPLETE",
    )
    assert described(account)["taskDefinition"] == account.physical("TaskDefinition") == first
    assert described(account)["deployments"][0]["rolloutState"] == "COMPLETED"
    assert releases(account) == ["a"]
    consistent(account, NAME)


def test_a_breaker_without_a_rollback_of_its_own(account: Account) -> None:
    account.create(service(rollback=False), {"ImageSha": "a"})
    account.state.faults.add(parse_fault("Service:update:oom"))
    assert account.deploy(service(rollback=False), parameters={"ImageSha": "b"}) == "UPDATE_ROLLBACK_COMPLETE"
    assert described(account)["deployments"][0]["rolloutState"] == "COMPLETED"
    assert described(account)["taskDefinition"] == account.physical("TaskDefinition")


def test_without_a_breaker_cloudformation_loses_patience(account: Account) -> None:
    account.create(service(breaker=False), {"ImageSha": "a"})
    account.state.faults.add(parse_fault("Service:update:slow=900"))
    assert account.deploy(service(breaker=False), parameters={"ImageSha": "b"}) == "UPDATE_ROLLBACK_COMPLETE"
    assert "NotStabilized" in account.reasons()["Service UPDATE_FAILED"]


def test_a_rollback_may_fail(account: Account) -> None:
    account.create(service(rollback=False), {"ImageSha": "a"})
    account.state.faults.add(parse_fault("Service:update:exit=1"), parse_fault("Service:rollback:exit=1"))
    assert account.deploy(service(rollback=False), parameters={"ImageSha": "b"}) == "UPDATE_ROLLBACK_FAILED"
    account.cfn.continue_update_rollback(StackName=NAME)
    assert account.settle() == "UPDATE_ROLLBACK_COMPLETE"
    consistent(account, NAME)


def test_a_service_whose_creation_fails_is_deleted(account: Account) -> None:
    account.state.faults.add(parse_fault("Service:create:CannotPullContainerError"))
    assert account.create(service(), {"ImageSha": "a"}) == "ROLLBACK_COMPLETE"
    assert in_order(
        account.event_lines(),
        "Service CREATE_FAILED",
        "Service DELETE_IN_PROGRESS",
        "Service DELETE_COMPLETE",
        "Cluster DELETE_COMPLETE",
    )
    assert not account.owned()
    consistent(account, NAME)


def test_a_service_drains_before_its_cluster_goes(account: Account) -> None:
    account.create(service(), {"ImageSha": "a"})
    arn = account.stack()["StackId"]
    cluster, name = account.physical("Cluster"), account.physical("Service")
    account.cfn.delete_stack(StackName=NAME)
    account.until("Service", "DELETE_IN_PROGRESS", arn)
    account.pass_time(2)
    ecs = account.client("ecs")
    assert ecs.describe_services(cluster=cluster, services=[name])["services"][0]["status"] == "DRAINING"
    assert account.settle(arn) == "DELETE_COMPLETE"
    assert ecs.describe_clusters(clusters=[cluster])["clusters"][0]["status"] == "INACTIVE"


def test_a_target_group_serves_one_load_balancer_at_a_time(account: Account) -> None:
    def front(scheme: str, port: int) -> dict[str, Any]:
        family = "AWS::ElasticLoadBalancingV2"
        forward = [{"Type": "forward", "TargetGroupArn": {"Ref": "Group"}}]
        listener = {"LoadBalancerArn": {"Ref": "Front"}, "Port": 80, "Protocol": "HTTP", "DefaultActions": forward}
        return of(
            Front={"Type": f"{family}::LoadBalancer", "Properties": {"Scheme": scheme, "Subnets": ["a", "b"]}},
            Group={"Type": f"{family}::TargetGroup", "Properties": {"Port": port, "Protocol": "HTTP", "VpcId": "v"}},
            Listener={"Type": f"{family}::Listener", "Properties": listener},
        )

    account.create(front("internal", 80))
    assert account.deploy(front("internet-facing", 80)) == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [one.get("ResourceStatusReason", "") for one in account.events()]
    assert any("more than one load balancer" in reason for reason in reasons)
    assert account.deploy(front("internet-facing", 81)) == "UPDATE_COMPLETE"
    assert account.deploy(front("internet-facing", 82)) == "UPDATE_COMPLETE"
    assert account.deploy(front("internal", 83)) == "UPDATE_COMPLETE"


def test_parameters_groups_and_buckets(account: Account) -> None:
    account.create(of(Note=parameter("one"), Log=log(), Bucket={"Type": "AWS::S3::Bucket"}))
    note, group, bucket = (account.physical(one) for one in ("Note", "Log", "Bucket"))
    assert account.client("ssm").get_parameter(Name=note)["Parameter"]["Value"] == "one"
    groups = account.client("logs").describe_log_streams(logGroupName=group)
    assert groups["logStreams"] == []
    account.client("s3").head_bucket(Bucket=bucket)
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle(arn) == "DELETE_COMPLETE"
    assert account.client("ssm").get_parameters(Names=[note])["InvalidParameters"] == [note]


def test_a_name_that_parameter_store_has_already(account: Account) -> None:
    account.client("ssm").put_parameter(Name="/shop", Value="mine", Type="String")
    named = parameter("one")
    named["Properties"]["Name"] = "/shop"
    assert account.create(of(Note=named)) == "ROLLBACK_COMPLETE"
    assert account.reasons()["Note CREATE_FAILED"].endswith("HandlerErrorCode: AlreadyExists)")
    assert account.client("ssm").get_parameter(Name="/shop")["Parameter"]["Value"] == "mine"
