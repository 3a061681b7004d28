"""A service to roll out: its definition, its target group, and what it went through, over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsdcf.sandbox import ecs, elbv2, schedule
from tests.sandbox.conftest import Sandbox

GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/0123456789abcdef"
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/hello"
CHECK = {
    "command": ["CMD-SHELL", "curl -f http://localhost:8000/health"],
    "interval": 10,
    "retries": 3,
    "startPeriod": 0,
}
LOGS = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "/ecs/hello", "awslogs-stream-prefix": "web", "awslogs-region": "us-east-1"},
}


class Service:
    """The service ``s`` in cluster ``c``, by default behind a load balancer."""

    def __init__(self, sandbox: Sandbox, balanced: bool = True, checked: bool = True, **settings: Any) -> None:
        self.sandbox = sandbox
        self.ecs = sandbox.client("ecs")
        self.checked = checked
        self.container: dict[str, Any] = {}
        self.beside: list[dict[str, Any]] = []
        ecs.create_cluster(sandbox.state, {"clusterName": "c"})
        properties = {
            "HealthCheckPath": "/health",
            "HealthCheckIntervalSeconds": 10,
            "UnhealthyThresholdCount": 3,
            "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
        }
        elbv2.put_target_group(sandbox.state, GROUP, properties)
        listener = {"LoadBalancerArn": "arn:web", "DefaultActions": [{"Type": "forward", "TargetGroupArn": GROUP}]}
        elbv2.put_listener(sandbox.state, "arn:listener", listener)
        balancers = [{"targetGroupArn": GROUP, "containerName": "web", "containerPort": 8000}]
        request = {"loadBalancers": balancers if balanced else [], "healthCheckGracePeriodSeconds": 20, **settings}
        configuration = {
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            **request.pop("deploymentConfiguration", {}),
        }
        self.create = lambda: ecs.create_service(
            sandbox.state,
            {
                "cluster": "c",
                "serviceName": "s",
                "taskDefinition": self.define("one"),
                "deploymentConfiguration": configuration,
                **request,
            },
        )

    def define(self, tag: str) -> str:
        """Registers a revision that runs the image with this tag; its ARN."""
        container = {
            "name": "web",
            "image": f"{IMAGE}:{tag}",
            "portMappings": [{"containerPort": 8000}],
            "logConfiguration": LOGS,
            "command": ["gunicorn", "app"],
            **({"healthCheck": CHECK} if self.checked else {}),
            **self.container,
        }
        definition = {
            "family": "hello",
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [container, *self.beside],
            "executionRoleArn": "arn:aws:iam::000000000000:role/exec",
        }
        return str(ecs.register(self.sandbox.state, definition)["taskDefinitionArn"])

    def update(self, tag: str, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.ecs.update_service(
            cluster="c", service="s", taskDefinition=self.define(tag), **more
        )["service"]
        return answer

    def describe(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.ecs.describe_services(cluster="c", services=["s"])["services"][0]
        return answer

    def wait(self, *states: str) -> dict[str, Any]:
        """Lets time pass until the primary deployment is in one of the states (COMPLETED or FAILED)."""
        wanted = states or ("COMPLETED", "FAILED")
        self.until(lambda service: service["deployments"][0]["rolloutState"] in wanted)
        return self.describe()

    def until(self, holds: Callable[[dict[str, Any]], Any], limit: float = 7200) -> None:
        """Lets time pass, from event to event, until something holds of the service."""
        state, end = self.sandbox.state, self.sandbox.clock.now() + limit
        schedule.advance(state)
        while not holds(ecs.service_of(state, "service/c/s") or {}):
            due = state.store.next_due()
            assert due is not None and due < end, f"still not: {self.describe()}"
            self.sandbox.pass_time(due - self.sandbox.clock.now())

    def tasks(self, status: str = "RUNNING") -> list[dict[str, Any]]:
        """The tasks with this desired status, oldest first."""
        arns = self.ecs.list_tasks(cluster="c", serviceName="s", desiredStatus=status)["taskArns"]
        return self.ecs.describe_tasks(cluster="c", tasks=arns)["tasks"][::-1] if arns else []

    def messages(self) -> list[str]:
        """The service's events, oldest first, without its name."""
        return [event["message"].removeprefix("(service s) ") for event in self.describe()["events"]][::-1]

    def targets(self) -> list[dict[str, Any]]:
        answer = self.sandbox.client("elbv2").describe_target_health(TargetGroupArn=GROUP)
        return [one["TargetHealth"] for one in answer["TargetHealthDescriptions"]]

    def history(self) -> list[dict[str, Any]]:
        """The service deployments, latest first."""
        briefs = self.ecs.list_service_deployments(cluster="c", service="s")["serviceDeployments"]
        arns = [one["serviceDeploymentArn"] for one in briefs]
        found: list[dict[str, Any]] = self.ecs.describe_service_deployments(serviceDeploymentArns=arns)[
            "serviceDeployments"
        ]
        return found
