"""Each reason of failed tasks, live and afterwards; early verdicts; a deleted service; forgotten tasks."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.deploy.model import Exit, Outcome, Place, RolloutChanged
from tests.deploy.site import Site, service, site, template

KEYS = ("service.port", "service.healthCheck.path", "service.resources.memory", "service.image")
PACE = 0.3
"""Where the reason matters and the time does not."""
PLACES = {key: Place("shop.yml", number, 3, key) for number, key in enumerate(("Service", *KEYS), 5)}


def web(count: int = 1, failures: int = 2, **check: Any) -> dict[str, Any]:
    """A template with a service that has a load balancer, a log and, with ``check``, a check of its container's own.

    The circuit breaker trips after so many failures.
    """
    parts = service(count)
    container = parts["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    container["Image"] = {"Fn::Sub": "000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:${ImageSha}"}
    container["PortMappings"] = [{"ContainerPort": 8000}]
    options = {"awslogs-group": {"Ref": "LogGroup"}, "awslogs-stream-prefix": "shop", "awslogs-region": "us-east-1"}
    container["LogConfiguration"] = {"LogDriver": "awslogs", "Options": options}
    if check:
        container["HealthCheck"] = check
    properties = parts["Service"]["Properties"]
    properties["LoadBalancers"] = [
        {"ContainerName": "shop", "ContainerPort": 8000, "TargetGroupArn": {"Ref": "TargetGroup"}}
    ]
    properties["HealthCheckGracePeriodSeconds"] = 60
    breaker = properties["DeploymentConfiguration"]["DeploymentCircuitBreaker"]
    breaker["ThresholdConfiguration"] = {"Type": "COUNT", "Value": failures}
    group = {
        "HealthCheckPath": "/health",
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "UnhealthyThresholdCount": 3,
        "Matcher": {"HttpCode": "200"},
        "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
    }
    forward = {"Type": "forward", "TargetGroupArn": {"Ref": "TargetGroup"}}
    listener = {"LoadBalancerArn": {"Ref": "LoadBalancer"}, "Port": 80, "Protocol": "HTTP", "DefaultActions": [forward]}
    parts["Service"]["DependsOn"] = ["Listener"]
    return template(
        **parts,
        LogGroup={"Type": "AWS::Logs::LogGroup"},
        TargetGroup={"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": group},
        LoadBalancer={"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Subnets": ["subnet-1"]}},
        Listener={"Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": listener},
    )


def update(fault: str, body: dict[str, Any] | None = None, pace: float = PACE, **options: Any) -> tuple[Site, Outcome]:
    """An update whose tasks fail so."""
    made = site(pace=pace)
    made.stand(body or web())
    made.fault(f"Service:update:{fault}")
    return made, made.run(made.release(body or web(), "two", where=PLACES.get), **options)


def create(fault: str, body: dict[str, Any]) -> Outcome:
    """A creation whose tasks fail so."""
    return site(f"Service:create:{fault}", pace=PACE).deploy(body)


EACH = [
    (
        "CannotPullContainerError",
        "the registry does not contain the image (shop:two)",
        "service.image",
        "fsdcf deploy shop.yml --env staging --build",
    ),
    (
        "CannotPullContainerError=denied",
        "no permission to pull the image",
        "service.executionRole.statements",
        "aws ecr get-repository-policy",
    ),
    (
        "CannotPullContainerError=timeout",
        "the tasks cannot reach the registry: the subnets are not in the stack",
        "service.networking.vpc.privateSubnets",
        "fsdcf graph shop.yml",
    ),
    (
        "ResourceInitializationError",
        "the tasks cannot reach ECR",
        "service.networking.vpc.privateSubnets",
        "fsdcf graph shop.yml",
    ),
    (
        "ResourceInitializationError=denied",
        "ECR rejects the execution role",
        "service.executionRole.statements",
        "fsdcf access shop.yml --env staging",
    ),
    ("ResourceInitializationError=secret", "no permission to read the secret", "service.secrets", "aws secretsmanager"),
    (
        "ResourceInitializationError=log-group",
        "the log group no longer exists",
        "service.observability.logs",
        "aws logs",
    ),
    ("CannotStartContainerError=gunicorn", "the command gunicorn is not in the image", "service.command", "docker run"),
    (
        "oom",
        "needs more memory than the task has (512 MiB)",
        "service.resources.memory",
        "fsdcf logs shop --env staging",
    ),
    ("exit=1", "the application ended with exit code 1", "service.environment", "fsdcf logs shop --env staging"),
    ("exit=139", "segmentation fault (139)", "service.resources.architecture", "fsdcf logs shop --env staging"),
    (
        "unhealthy=404",
        "gets 404: the path does not exist; the check requests /health on port 8000 and expects 200",
        "service.healthCheck.path",
        "fsdcf healthcheck shop.yml",
    ),
    ("unhealthy=502", "gets 502: a proxy in the container", "service.port", "fsdcf logs shop --env staging"),
    (
        "unhealthy=refused",
        "refused, or the answer on the port is not HTTP",
        "service.port",
        "fsdcf logs shop --env staging",
    ),
    (
        "unhealthy=timeout",
        (
            "no answer in time; the check requests /health on port 8000 and expects 200 (3 failures, 30 s apart, "
            "a timeout of 5 s"
        ),
        "service.healthCheck.timeout",
        "fsdcf logs",
    ),
    ("capacity", "no capacity for tasks of this size", "service.resources", "fsdcf status shop --env staging"),
]


@pytest.mark.parametrize(("fault", "cause", "key", "command"), EACH, ids=[one[0] for one in EACH])
def test_each_reason_live_and_after_the_fact(fault: str, cause: str, key: str, command: str) -> None:
    made, outcome = update(fault)
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert outcome.exit is Exit.FAILED
    assert (
        outcome.sentence.startswith("Service (AWS::ECS::Service) could not be updated: ") and cause in outcome.sentence
    )
    assert outcome.advice is not None and outcome.advice.key == key and outcome.advice.text
    assert outcome.advice.place == PLACES.get(key)
    assert outcome.next[0].startswith(command)
    assert made.warnings() == [one for one in made.warnings() if "tasks stopped for the same reason" in one]
    afterwards = made.diagnose()
    assert afterwards.sentence == outcome.sentence
    assert afterwards.advice is not None and afterwards.advice.key == key


def test_the_container_health_check() -> None:
    body = web(Command=["CMD-SHELL", "curl -f http://localhost:8000/health || exit 1"], Interval=10, Retries=3)
    made, outcome = update("unhealthy=container", body)
    assert (
        "the container's own health check fails: `curl -f http://localhost:8000/health || exit 1`" in outcome.sentence
    )
    assert outcome.advice is not None and "slim images do not contain curl" in outcome.advice.text
    seen = [task for event in made.told if isinstance(event, RolloutChanged) for task in event.tasks]
    assert any(task.container == "UNHEALTHY" for task in seen)
    assert any(task.container == "HEALTHY" and not task.new for task in seen)


def test_the_last_lines_and_the_breaker_are_evidence() -> None:
    _, outcome = update("exit=1")
    told = {one.source.split(" of ")[0]: one.text for one in outcome.evidence}
    assert "RuntimeError: a fault of the sandbox ends the program with code 1" in told["Service, last lines"]
    assert "2 tasks failed, and the circuit breaker trips at 2" in told["Service, deployment"]
    assert sum(one.source.startswith("Service, task") for one in outcome.evidence) == 1


def test_a_route_or_a_permission_is_judged_by_the_template() -> None:
    body = web()
    body["Resources"]["Role"] = {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": {}, "Policies": []},
    }
    body["Resources"]["TaskDefinition"]["Properties"]["ExecutionRoleArn"] = {"Fn::GetAtt": ["Role", "Arn"]}
    lacking = create("ResourceInitializationError=denied", body)
    assert "the execution role has no statement for ecr:GetAuthorizationToken" in lacking.sentence
    statement = {"Effect": "Allow", "Action": ["ecr:*"], "Resource": "*"}
    body["Resources"]["Role"]["Properties"]["Policies"] = [
        {"PolicyName": "A", "PolicyDocument": {"Statement": [statement]}}
    ]
    there = create("ResourceInitializationError=denied", body)
    assert "the template's execution role has the statement, but AWS finds none in the role" in there.sentence


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
@pytest.mark.parametrize("fail_fast", [True, False])
def test_two_tasks_with_the_same_reason_are_reported_at_once(exists: bool, fail_fast: bool) -> None:
    made = site()
    body = web(failures=3)
    if exists:
        made.stand(body)
    made.fault("Service:update:exit=1" if exists else "Service:create:exit=1")
    outcome = made.run(made.release(body, "two", where=PLACES.get), fail_fast=fail_fast)
    verdicts = [one for one in made.warnings() if "2 tasks stopped for the same reason" in one]
    assert len(verdicts) == 1 and "exit code 1" in verdicts[0]
    assert made.made("CancelUpdateStack") == (exists and fail_fast)
    if fail_fast and not exists:
        assert outcome.exit is Exit.UNKNOWN
        assert made.status() == "CREATE_IN_PROGRESS"
        assert "fsdcf delete shop --env staging" in outcome.next
        going = made.diagnose()
        assert (
            going.exit is Exit.UNKNOWN
            and "CREATE_IN_PROGRESS, and 2 tasks of Service failed so far: the application ended with exit code 1"
            in going.sentence
        )
        assert (
            going.next == ("fsdcf logs shop --env staging", "fsdcf watch shop --env staging")
            and going.advice is not None
        )
        assert [one for one in going.evidence if "last lines" in one.source]
        return
    assert outcome.exit is Exit.FAILED
    assert made.status() == ("UPDATE_ROLLBACK_COMPLETE" if exists else "ROLLBACK_COMPLETE")
    assert "the application ended with exit code 1" in outcome.sentence


def test_fail_fast_does_not_wait_for_the_breaker() -> None:
    made, outcome = update("exit=1", web(failures=5), pace=1.0, fail_fast=True)
    assert "was cancelled because its tasks fail: the application ended with exit code 1" in outcome.sentence
    assert outcome.advice is not None and outcome.next[0] == "fsdcf logs shop --env staging"
    assert any("2 tasks failed, and the circuit breaker trips at 5" in one.text for one in outcome.evidence)
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"


def test_messages_about_an_earlier_deployment_are_not_evidence() -> None:
    made, _ = update("exit=1")
    outcome = made.deploy(web(), "three", timeout=25.0, on_timeout="cancel")
    assert "was cancelled because the deadline passed" in outcome.sentence
    said = [one.text for one in outcome.evidence if "service event" in one.source]
    assert said and not [text for text in said if "deployment failed" in text]


def test_a_service_that_is_gone_after_a_rolled_back_creation() -> None:
    made = site("Service:create:CannotPullContainerError")
    live = made.deploy(web(), "two")
    assert made.status() == "ROLLBACK_COMPLETE"
    assert "the registry does not contain the image" in live.sentence
    assert not [one for one in made.warnings() if "not verified" in one]
    made.clock.advance(7200)
    left = made.diagnose()
    assert left.exit is Exit.FAILED
    assert left.sentence.startswith("Service (AWS::ECS::Service) could not be created: ")
    assert left.next[0] in ("fsdcf deploy SPEC --env staging --image-sha two --recreate", live.next[0])


def test_tasks_that_have_expired() -> None:
    made, live = update("unhealthy=404")
    made.clock.advance(7200)
    assert made.call("ListTasks", "ecs", cluster=cluster(made), desiredStatus="STOPPED")["taskArns"] == []
    left = made.diagnose()
    assert left.sentence == live.sentence
    assert any("service event" in one.source for one in left.evidence)
    assert any("ROLLBACK" in one.text for one in left.evidence if one.source == "Service, deployment")


def cluster(made: Site) -> str:
    return str(made.call("ListServices", "ecs", cluster=next(iter(clusters(made))))["serviceArns"][0]).split("/")[1]


def clusters(made: Site) -> list[str]:
    rows = made.call("DescribeStackResources", StackName="shop-staging")["StackResources"]
    return [one["PhysicalResourceId"] for one in rows if one["LogicalResourceId"] == "Cluster"]


def test_earlier_failures_do_not_count() -> None:
    made, _ = update("CannotPullContainerError")
    made.fault("Service:update:exit=1")
    outcome = made.deploy(web(), "three")
    assert "exit code 1" in outcome.sentence
    assert "CannotPull" not in str(made.diagnose())


OPTIONAL = (
    *(
        "DescribeServices",
        "ListTasks",
        "DescribeTasks",
        "DescribeTargetHealth",
        "DescribeTaskDefinition",
        "GetLogEvents",
    ),
    *("ListServiceDeployments", "DescribeServiceDeployments"),
)


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        *((one, "error=AccessDeniedException") for one in OPTIONAL),
        ("ListTasks", "broken"),
        ("DescribeTargetHealth", "reset"),
    ],
)
def test_any_error_of_these_calls_is_one_warning(operation: str, error: str) -> None:
    made = site(pace=PACE)
    made.stand(web())
    made.fault(f"api:{operation}:{error}**", "Service:update:exit=1")
    failed = made.deploy(web(), "two")
    assert failed.exit is Exit.FAILED
    assert sum(operation in one for one in made.warnings()) == 1
    assert failed.sentence.startswith("Service (AWS::ECS::Service) could not be updated: ") and failed.next


def test_a_deploy_without_any_ecs_permission_succeeds() -> None:
    made = site()
    made.stand(web())
    made.fault(
        "api:ecs.*:error=AccessDeniedException**",
        "api:elbv2.*:error=AccessDenied**",
        "api:logs.*:error=AccessDeniedException**",
    )
    assert made.deploy(web(), "two").exit is Exit.DONE
    assert len(made.warnings()) == 1
    assert not [one for one in made.told if isinstance(one, RolloutChanged)]


def test_the_number_of_calls_is_limited() -> None:
    made, _ = update("slow=4", pace=1.0)
    minutes = (made.aws.calls[-1][0] - made.aws.calls[0][0]) / 60
    looks = made.made("DescribeServices")
    assert looks > 10
    assert made.busiest() <= 30
    beside = sum(service in ("ecs", "elbv2", "logs") for _, service, _ in made.aws.calls)
    assert beside / minutes < 60
    assert made.made("DescribeTasks") <= looks and made.made("ListServiceDeployments") <= 3
