"""Service definitions, ecspresso and workflows: what they add to the spec of a task definition."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fsdcf.importers.ecs.service import SERVICE_DEFINITION
from fsdcf.importers.report import Treatment
from tests.importers.conftest import Imports, outcomes
from tests.importers.ecs.test_definition import WEB, covers, definition, keys_of_api, service_of

SIDE = {"name": "proxy", "image": "proxy:1", "portMappings": [{"containerPort": 80}]}
BALANCED = {"loadBalancers": [{"targetGroupArn": "arn:x", "containerName": "web", "containerPort": 8080}]}


def with_service(*containers: dict[str, Any], **keys: Any) -> dict[str, str]:
    """The files of a task definition and its service definition."""
    service = {"taskDefinition": "shop:3", "desiredCount": 3, **keys}
    return {**definition(*containers), "service.json": json.dumps(service)}


@pytest.mark.parametrize("operation", ["CreateService", "UpdateService"])
def test_every_key_of_the_api_is_in_the_table(operation: str) -> None:
    keys = {path for path, _ in SERVICE_DEFINITION.rows()}
    assert [path for path in keys_of_api(operation) if not covers(keys, path)] == []


def test_the_containers_of_the_balancer_and_of_the_workflow_may_differ(imports: Imports) -> None:
    workflow = """
env: {NAME: web}
jobs:
  deploy:
    steps:
      - run: docker build -t shop -f app/Dockerfile app
      - uses: aws-actions/amazon-ecs-render-task-definition@v1
        with: {task-definition: task-definition.json, container-name: "${{ env.NAME }}", image: "${{ steps.x.y }}"}
      - uses: aws-actions/amazon-ecs-deploy-task-definition@v2
        with: {service: storefront, cluster: main}
"""
    entry = [{"targetGroupArn": "arn:x", "containerName": "proxy", "containerPort": 80}]
    files = with_service(SIDE, WEB, loadBalancers=entry) | {".github/workflows/deploy.yml": workflow}
    result = imports(files)
    service = service_of(result)
    assert result.drafts[0].name == "storefront"
    assert (service["port"], service["networking"]["loadBalancer"]) == (8080, {"container": "proxy"})
    assert service["build"] == {"context": "../app"}
    assert result.later == ["fsdcf ci github"]


def test_a_service_without_load_balancer_has_none(imports: Imports) -> None:
    assert service_of(imports(with_service(WEB)))["networking"] == {"loadBalancer": False}
    assert "networking" not in service_of(imports(with_service(WEB, **BALANCED)))


@pytest.mark.parametrize(
    ("strategy", "spot"),
    [
        ([("FARGATE", 1, 1), ("FARGATE_SPOT", 3, 0)], {"base": 1, "weight": 3}),
        ([("FARGATE_SPOT", 1, 0)], True),
        ([("FARGATE", 1, 0)], None),
        ([("FARGATE", 0, 2), ("FARGATE_SPOT", 1, 0)], {"base": 2, "weight": 1000}),
        ([("my-instances", 1, 0)], None),
    ],
)
def test_a_strategy_is_a_share_of_spot(imports: Imports, strategy: list[tuple[str, int, int]], spot: Any) -> None:
    providers = [{"capacityProvider": name, "weight": weight, "base": base} for name, weight, base in strategy]
    resources = service_of(imports(with_service(WEB, capacityProviderStrategy=providers)))["resources"]
    assert resources.get("spot") == spot


def test_subnets_are_in_a_comment(imports: Imports) -> None:
    network = {"subnets": ["subnet-0123456789abcdef0"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}
    result = imports(with_service(WEB, **BALANCED, networkConfiguration={"awsvpcConfiguration": network}))
    assert service_of(result)["networking"] == {"vpc": True, "assignPublicIp": True}
    assert "publicSubnets: [subnet-0123456789abcdef0]" in result.drafts[0].text()
    rows = outcomes(result)
    assert rows["networkConfiguration.awsvpcConfiguration.subnets"].treatment is Treatment.NOT_CARRIED


def test_a_deployment_that_cannot_progress_keeps_the_defaults(imports: Imports) -> None:
    result = imports(with_service(WEB, deploymentConfiguration={"maximumPercent": 100, "minimumHealthyPercent": 100}))
    assert "deployment" not in service_of(result)
    result = imports(with_service(WEB, deploymentConfiguration={"maximumPercent": 150, "minimumHealthyPercent": 50}))
    assert service_of(result)["deployment"] == {"maximumPercent": 150, "minimumHealthyPercent": 50}


def test_the_output_of_describe_services_is_a_service_definition(imports: Imports) -> None:
    service = {
        "serviceArn": "arn:x",
        "serviceName": "orders",
        "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:4",
        "desiredCount": 2,
        "runningCount": 2,
        "events": [{"message": "x"}],
        **BALANCED,
    }
    result = imports({**definition(WEB), "services.json": json.dumps({"services": [service], "failures": []})})
    assert result.drafts[0].name == "orders"
    assert outcomes(result)["services[0].runningCount"].treatment is Treatment.CARRIED


def test_several_task_definitions_have_their_own_services(imports: Imports) -> None:
    files = {}
    for name, count in (("orders", 2), ("users", 3)):
        files |= {f"{name}.json": json.dumps({"family": name, "containerDefinitions": [WEB]})}
        files |= {f"{name}-service.json": json.dumps({"taskDefinition": name, "desiredCount": count, **BALANCED})}
    result = imports(files)
    counts = {draft.name: draft.data["service"]["resources"]["desiredCount"] for draft in result.drafts}
    assert counts == {"orders": 2, "users": 3}


def test_a_second_service_of_a_task_definition_has_a_spec_of_its_own(imports: Imports) -> None:
    services = [
        {"serviceName": name, "taskDefinition": "shop:3", "desiredCount": count, **BALANCED}
        for name, count in (("orders", 2), ("users", 3), ("users", 4))
    ]
    listed = {"services": services, "failures": [{"arn": "x", "reason": "MISSING"}], "ResponseMetadata": {"a": 1}}
    result = imports({**definition(WEB), "services.json": json.dumps(listed)})
    specs = {draft.name: draft.data["service"] for draft in result.drafts}
    assert {name: spec["resources"]["desiredCount"] for name, spec in specs.items()} == {"orders": 2, "users": 3}
    assert {spec["image"] for spec in specs.values()} == {"shop/web"}
    rows = outcomes(result)
    assert "serviceName" in rows["services[2]"].note
    assert rows["failures"].treatment is Treatment.NOT_CARRIED
    assert rows["ResponseMetadata"].treatment is Treatment.CARRIED


def test_configurations_of_ecspresso_share_a_task_definition(imports: Imports) -> None:
    files = definition(WEB)
    for name, count in (("orders", 2), ("users", 3)):
        text = f"service: {name}\ntask_definition: task-definition.json\nservice_definition: {name}.json\n"
        files |= {f"{name}.yml": text, f"{name}.json": json.dumps({"desiredCount": count, **BALANCED})}
    counts = {each.name: each.data["service"]["resources"]["desiredCount"] for each in imports(files).drafts}
    assert counts == {"orders": 2, "users": 3}


ECS_SERVICE = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
PREDEFINED = "PredefinedMetricSpecification", "PredefinedMetricType"


def tracking(metric: str, value: float, **keys: Any) -> dict[str, Any]:
    """The configuration of a target tracking policy."""
    return {"TargetValue": value, PREDEFINED[0]: {PREDEFINED[1]: metric}, **keys}


def scaling_of(imports: Imports, **files: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The auto scaling of a service with these files beside it, by their names, and the rows of the report."""
    texts = {f"{name}.json": json.dumps(data) for name, data in files.items()}
    result = imports({**with_service(WEB, serviceName="shop", **BALANCED), **texts})
    return service_of(result).get("autoScaling", {}), outcomes(result)


def test_application_auto_scaling_has_limits_policies_and_actions(imports: Imports) -> None:
    cpu = tracking("ECSServiceAverageCPUUtilization", 60.0, ScaleInCooldown=120, ScaleOutCooldown=30)
    memory = tracking("ECSServiceAverageMemoryUtilization", 80.5, DisableScaleIn=True)
    requests = tracking("ALBRequestCountPerTarget", 900.0, ScaleInCooldown=120, ScaleOutCooldown=30)
    own = {"TargetValue": 9.0, "CustomizedMetricSpecification": {"MetricName": "depth"}}
    place = {**ECS_SERVICE, "ResourceId": "service/main/shop"}
    policies = [
        {**place, "PolicyName": f"p{at}", "TargetTrackingScalingPolicyConfiguration": each}
        for at, each in enumerate((cpu, memory, requests, own))
    ]
    action = {"ScheduledActionName": "at night", "Schedule": "cron(0 22 * * ? *)", "Timezone": "Europe/Berlin"}
    scaling, rows = scaling_of(
        imports,
        targets={
            "ScalableTargets": [
                {**place, "MinCapacity": 2, "MaxCapacity": 12},
                {**place, "ResourceId": "service/main/users", "MinCapacity": 5, "MaxCapacity": 6},
            ]
        },
        policies={"ScalingPolicies": policies},
        actions={"ScheduledActions": [{**place, **action, "ScalableTargetAction": {"MaxCapacity": 2}}]},
    )
    cooldowns = {"scaleInCooldown": 300, "scaleOutCooldown": 300}
    assert scaling == {
        "minCount": 2,
        "maxCount": 12,
        "targetCPU": 60,
        "targetRequestsPerTask": 900,
        "scaleInCooldown": 120,
        "scaleOutCooldown": 30,
        "policies": [{"metric": "memory", "value": 80.5, "scaleIn": False, **cooldowns}],
        "schedules": [{"name": "at-night", "cron": "0 22 * * ? *", "timezone": "Europe/Berlin", "maxCount": 2}],
    }
    lost = [key for key, each in rows.items() if each.treatment is Treatment.NOT_CARRIED]
    assert lost == ["ScalingPolicies[3].TargetTrackingScalingPolicyConfiguration"]
    assert "another service" in rows["ScalableTargets[1]"].note
    assert rows["desiredCount"].treatment is Treatment.CHANGED


def test_the_configuration_of_a_policy_belongs_to_the_service_beside_it(imports: Imports) -> None:
    scaling, _ = scaling_of(imports, scaling=tracking("ECSServiceAverageCPUUtilization", 55))
    assert scaling == {"minCount": 3, "targetCPU": 55, "scaleInCooldown": 300, "scaleOutCooldown": 300}


@pytest.mark.parametrize("value", [None, "x", -1, [], 10**30, True])
def test_a_policy_with_another_value_is_not_carried(imports: Imports, value: Any) -> None:
    scaling, rows = scaling_of(imports, scaling=tracking("ECSServiceAverageCPUUtilization", value))
    assert "targetCPU" not in scaling
    assert value is None or Treatment.NOT_CARRIED in {each.treatment for each in rows.values()}


def test_a_service_definition_alone_names_the_command(imports: Imports) -> None:
    result = imports({"service.json": json.dumps({"taskDefinition": "shop:3", "desiredCount": 1})})
    assert result.drafts == []
    assert "describe-task-definition --task-definition shop" in repr(result.report.rows)


def test_jsonnet_is_rendered_first(imports: Imports) -> None:
    result = imports({"ecspresso.yml": "service: shop\ntask_definition: ecs-task-def.jsonnet\ncluster: x\n"})
    assert "ecspresso render" in outcomes(result)["task_definition"].note
