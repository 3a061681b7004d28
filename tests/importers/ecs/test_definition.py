"""Task definitions: where each key goes, and what becomes of containers, images, roles, sizes and placeholders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from fsdcf.importers import ImportResult
from fsdcf.importers.ecs.definition import DEFINITION
from fsdcf.importers.report import Treatment
from tests.importers.conftest import Imports, outcomes

ECR = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com"
WEB = {"name": "web", "image": "shop/web:1", "essential": True, "portMappings": [{"containerPort": 8080}]}


def definition(*containers: dict[str, Any], **keys: Any) -> dict[str, str]:
    """The files of a task definition of a family `shop`."""
    return {"task-definition.json": json.dumps({"family": "shop", "containerDefinitions": [*containers], **keys})}


def service_of(result: ImportResult) -> dict[str, Any]:
    """The service of the first spec."""
    data: dict[str, Any] = result.drafts[0].data["service"]
    return data


def keys_of_api(operation: str) -> Iterator[str]:
    """The keys of the input of an operation of the API, with [] for the items of lists."""
    model = botocore.session.get_session().get_service_model("ecs").operation_model(operation)

    def below(shape: Any, path: str) -> Iterator[str]:
        if shape.type_name == "structure":
            for name, member in shape.members.items():
                yield from below(member, f"{path}.{name}".lstrip("."))
        elif shape.type_name == "list":
            yield from below(shape.member, f"{path}[]")
        else:
            yield path

    return below(model.input_shape, "")


def covers(keys: set[str], path: str) -> bool:
    """Whether a table has a key, or one above it that is converted as a whole."""
    steps = path.replace("[]", ".[]").split(".")
    above = {".".join(steps[:length]).replace(".[]", "[]") for length in range(1, len(steps) + 1)}
    return bool(above & keys) or f"{path}.*" in keys


def test_every_key_of_the_api_is_in_the_table() -> None:
    keys = {path for path, _ in DEFINITION.rows()}
    assert [path for path in keys_of_api("RegisterTaskDefinition") if not covers(keys, path)] == []


@pytest.mark.parametrize(
    ("containers", "main"),
    [
        ([{"name": "log", "image": "log:1"}, WEB], "shop/web"),
        ([{"name": "a", "image": "a:1", "essential": False}, {"name": "b", "image": "b:1"}], "b"),
        ([{"name": "x", "image": "x:1"}, {"name": "y", "image": "y:1"}], "x"),
        ([{**WEB, "name": "envoy", "image": "envoy:1"}, WEB], "shop/web"),
        ([{"name": "php", "image": "shop/php:1", "portMappings": [{"containerPort": 9000}]}, WEB], "shop/web"),
    ],
)
def test_the_main_container_is_found(imports: Imports, containers: list[dict[str, Any]], main: str) -> None:
    result = imports(definition(*containers))
    assert service_of(result)["image"] == main
    assert len(service_of(result)["sidecars"]) == 1


@pytest.mark.parametrize(
    ("task", "containers", "size"),
    [
        ({"cpu": "1 vCPU", "memory": "2 GB"}, [WEB], (1024, 2048)),
        ({"cpu": 300, "memory": "0.5GB"}, [WEB], (512, 1024)),
        ({}, [{**WEB, "cpu": 128, "memoryReservation": 128}], (256, 512)),
        ({"cpu": "0", "memory": "500"}, [WEB], (256, 512)),
        (
            {},
            [{**WEB, "cpu": 512, "memory": 900}, {"name": "a", "image": "a:1", "memory": 400, "cpu": 10}],
            (1024, 2048),
        ),
    ],
)
def test_a_size_is_one_of_fargate(
    imports: Imports, task: dict[str, Any], containers: list[dict[str, Any]], size: tuple[int, int]
) -> None:
    resources = service_of(imports(definition(*containers, **task)))["resources"]
    assert (resources["cpu"], resources["memory"]) == size


@pytest.mark.parametrize(
    ("image", "expected", "word"),
    [
        ("nginx", "nginx", ""),
        ("<IMAGE1_NAME>", None, "placeholder"),
        ("$REPOSITORY_URI:$TAG", None, "placeholder"),
        ("{{ must_env `IMAGE` }}", None, "placeholder"),
        ("acme/web:{{ must_env `TAG` }}", "acme/web", ""),
        (
            "YOUR_ID.dkr.ecr.<region>.amazonaws.com/web:latest",
            "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/web",
            "tag",
        ),
        ("", None, "placeholder"),
    ],
)
def test_an_image_is_a_repository(imports: Imports, image: str, expected: str | None, word: str) -> None:
    result = imports(definition({**WEB, "image": image}))
    assert service_of(result).get("image") == expected
    assert word in outcomes(result)["containerDefinitions[0].image"].note


def test_secrets_of_an_account_that_is_a_placeholder(imports: Imports) -> None:
    source = "arn:aws:secretsmanager:REGION:ACCOUNT_ID:secret:shop/KEY::"
    result = imports(definition({**WEB, "secrets": [{"name": "KEY", "valueFrom": source}]}, cpu="0"))
    text = "arn:aws:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:shop/KEY::"
    assert service_of(result)["secrets"] == [{"name": "KEY", "valueFrom": text}]
    rows = outcomes(result)
    assert Treatment.NOT_CARRIED not in (rows["cpu"].treatment, rows["containerDefinitions[0].secrets[0]"].treatment)


def test_roles_are_kept_or_made(imports: Imports) -> None:
    role = "arn:aws:iam::123456789012:role/"
    kept = service_of(imports(definition(WEB, taskRoleArn="web", executionRoleArn=f"{role}start")))
    assert kept["taskRole"] == {"arn": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/web"}
    assert kept["executionRole"] == {"arn": f"{role}start"}
    made = imports(definition(WEB, taskRoleArn="<ROLE>", executionRoleArn=f"{role}ecsTaskExecutionRole"))
    assert not {"taskRole", "executionRole"} & service_of(made).keys()
    rows = outcomes(made)
    assert rows["taskRoleArn"].treatment is Treatment.NOT_CARRIED
    assert rows["executionRoleArn"].treatment is Treatment.CHANGED


def test_templates_become_placeholders(imports: Imports) -> None:
    values = {
        "HOST": "{{ must_env `DB_HOST` }}",
        "LEVEL": "{{ env `LEVEL` `info` }}",
        "URL": "https://{{ ssm `/shop/host` }}/",
        "STATE": "{{ tfstate `aws_db.host` }}",
        "REGION": "${AWS_REGION}",
        "SELF": "${HOST}",
    }
    container = {**WEB, "environment": [{"name": name, "value": text} for name, text in values.items()]}
    result = imports(definition(container))
    assert service_of(result)["environment"] == {
        "HOST": "${DB_HOST}",
        "LEVEL": "info",
        "URL": "https://${ssm:/shop/host}/",
        "REGION": "${AWS::Region}",
        "SELF": "$${HOST}",
    }
    assert list(result.drafts[0].variables) == ["DB_HOST"]
    assert "ecspresso render" in outcomes(result)["containerDefinitions[0].environment[3]"].note


def test_the_properties_of_a_resource_are_a_task_definition(imports: Imports) -> None:
    text = """
Type: AWS::ECS::TaskDefinition
Properties:
  Family: shop
  Cpu: "512"
  Memory: "1024"
  Volumes:
    - Name: data
      EFSVolumeConfiguration: {FilesystemId: fs-0123456789abcdef0, AuthorizationConfig: {IAM: ENABLED}}
  ContainerDefinitions:
    - Name: web
      Image: shop/web:1
      PortMappings: [{ContainerPort: 80}]
      MountPoints: [{SourceVolume: data, ContainerPath: /data}]
      DockerLabels: {Team: shop}
"""
    result = imports({"task.yml": text})
    service = service_of(result)
    assert (service["port"], service["image"], service["resources"]["cpu"]) == (80, "shop/web", 512)
    assert service["volumes"][0]["efs"] == {"fileSystemId": "fs-0123456789abcdef0"}
    assert outcomes(result)["Properties.ContainerDefinitions[0].Image"].to == "service.image"
    assert result.report.counts[Treatment.NOT_CARRIED] == 0


def test_no_secret_is_written(imports: Imports) -> None:
    secret = "hunter2-correct-horse"
    container = {
        **WEB,
        "environment": [{"name": "DB_PASSWORD", "value": secret}],
        "command": ["serve", f"--password={secret}"],
        "dockerLabels": {"api_key": secret},
        "logConfiguration": {"logDriver": "splunk", "options": {"splunk-url": "https://x", "splunk-token": secret}},
    }
    result = imports(definition(container, tags=[{"key": "password", "value": secret}]))
    assert secret not in result.drafts[0].text() + repr(result.report)
    assert result.drafts[0].to_store == ["DB_PASSWORD"]


@pytest.mark.parametrize("image", ["acme/web:1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1"])
def test_the_credentials_of_a_registry_may_precede_the_image(imports: Imports, image: str) -> None:
    secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:hub-AbCdEf"
    keys = {"repositoryCredentials": {"credentialsParameter": secret}, "image": image}
    containers = [{**keys, "name": "web", "portMappings": [{"containerPort": 80}]}, {**keys, "name": "proxy"}]
    service = service_of(imports(definition(*containers)))
    needed = None if ".ecr." in image else secret
    assert [each.get("imageCredentials") for each in (service, *service["sidecars"])] == [needed, needed]
