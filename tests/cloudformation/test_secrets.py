"""The secrets that a template names, wherever it does, and in each of the ways to name one."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.secrets import named_secrets
from tests.conftest import HELLO
from tests.plan.shared import compiled

HOME = "${AWS::Region}:${AWS::AccountId}"


def reading(*sources: Any, **container: Any) -> dict[str, Any]:
    """A template with a container that reads secrets from these sources."""
    secrets = [{"Name": f"V{number}", "ValueFrom": source} for number, source in enumerate(sources)]
    containers = [{"Name": "shop", "Secrets": secrets, **container}]
    return {"Resources": {"Task": _resource("AWS::ECS::TaskDefinition", ContainerDefinitions=containers)}}


def _resource(type: str, **properties: Any) -> dict[str, Any]:
    return {"Type": type, "Properties": properties}


def sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


@pytest.mark.parametrize(
    ("source", "place", "selected"),
    [
        (sub(f"arn:${{AWS::Partition}}:ssm:{HOME}:parameter/a/b"), ("ssm", "/a/b", "", ""), ("", "")),
        (sub(f"arn:${{AWS::Partition}}:ssm:{HOME}:parameter/plain"), ("ssm", "/plain", "", ""), ("", "")),
        ("arn:aws:ssm:eu-west-1:111111111111:parameter/a", ("ssm", "/a", "eu-west-1", "111111111111"), ("", "")),
        ("plain", ("ssm", "plain", "", ""), ("", "")),
        ("/a/b", ("ssm", "/a/b", "", ""), ("", "")),
        ("arn:aws:ssm:eu-west-1:111111111111:parameter/a:3", ("ssm", "/a", "eu-west-1", "111111111111"), ("", "3")),
        (sub(f"arn:aws:secretsmanager:{HOME}:secret:db"), ("secretsmanager", "db", "", ""), ("", "")),
        (sub(f"arn:aws:secretsmanager:{HOME}:secret:db:key::"), ("secretsmanager", "db", "", ""), ("", "")),
        (sub(f"arn:aws:secretsmanager:{HOME}:secret:db::OLD:v1"), ("secretsmanager", "db", "", ""), ("OLD", "v1")),
        (
            "arn:aws:secretsmanager:eu-west-1:111111111111:secret:db-AbCdEf:key:OLD:",
            ("secretsmanager", "db-AbCdEf", "eu-west-1", "111111111111"),
            ("OLD", ""),
        ),
        (
            sub(f"arn:aws:ssm:{HOME}:parameter/aws/reference/secretsmanager/db"),
            ("secretsmanager", "db", "", ""),
            ("", ""),
        ),
    ],
)
def test_a_secret_of_a_container(source: Any, place: tuple[str, ...], selected: tuple[str, str]) -> None:
    (secret,) = named_secrets(reading(source))
    assert secret.place == place
    assert (secret.stage, secret.version) == selected
    assert secret.variable == "V0"
    assert secret.path == ("ContainerDefinitions", 0, "Secrets", 0, "ValueFrom")


@pytest.mark.parametrize(
    "source",
    [
        {"Ref": "Made"},
        {"Fn::GetAtt": ["Made", "Arn"]},
        sub(f"arn:aws:ssm:{HOME}:parameter/${{Made}}"),
        sub(f"arn:aws:ssm:{HOME}:parameter/aws/service/ami"),
        "arn:aws:ssm",
        "arn:aws:s3:::bucket",
        "",
        {"Fn::ImportValue": "theirs"},
        {"Fn::If": ["Always", "/a", "/b"]},
    ],
)
def test_what_is_made_by_a_stack_or_by_aws_is_not_looked_up(source: Any) -> None:
    assert named_secrets(reading(source)) == ()


def test_what_the_template_makes_under_a_name_is_not_looked_up() -> None:
    template = reading("/made", sub(f"arn:aws:secretsmanager:{HOME}:secret:made"), "/other")
    template["Resources"] |= {
        "A": _resource("AWS::SSM::Parameter", Name="/made"),
        "B": _resource("AWS::SecretsManager::Secret", Name="made"),
    }
    assert [one.name for one in named_secrets(template)] == ["/other"]


@pytest.mark.parametrize(
    ("reference", "place", "selected"),
    [
        ("{{resolve:secretsmanager:db}}", ("secretsmanager", "db", "", ""), ("", "")),
        ("{{resolve:secretsmanager:db:SecretString:key:OLD:v1}}", ("secretsmanager", "db", "", ""), ("OLD", "v1")),
        (
            "{{resolve:secretsmanager:arn:aws:secretsmanager:eu-west-1:111111111111:secret:db-AbCdEf:SecretString:key}}",
            ("secretsmanager", "db-AbCdEf", "eu-west-1", "111111111111"),
            ("", ""),
        ),
        ("{{resolve:ssm:/a/b}}", ("ssm", "/a/b", "", ""), ("", "")),
        ("{{resolve:ssm-secure:/a/b:2}}", ("ssm", "/a/b", "", ""), ("", "2")),
        (
            sub("{{resolve:secretsmanager:${AWS::Region}/db}}"),
            ("secretsmanager", "${AWS::Region}/db", "", ""),
            ("", ""),
        ),
        (sub("{{resolve:secretsmanager:${Made}}}"), None, None),
    ],
)
def test_a_dynamic_reference_in_any_resource(
    reference: Any, place: tuple[str, ...] | None, selected: tuple[str, str] | None
) -> None:
    body = {"Resources": {"Rule": _resource("AWS::ElasticLoadBalancingV2::ListenerRule", Actions=[{"X": reference}])}}
    found = named_secrets(body)
    assert [(one.place, (one.stage, one.version)) for one in found] == ([(place, selected)] if place else [])
    assert all(one.path == ("Actions", 0, "X") and one.logical_id == "Rule" for one in found)


def test_the_credentials_of_a_registry_and_the_secrets_of_a_log_driver() -> None:
    log = {"LogDriver": "splunk", "SecretOptions": [{"Name": "splunk-token", "ValueFrom": "/splunk"}]}
    registry = {"CredentialsParameter": sub(f"arn:aws:secretsmanager:{HOME}:secret:registry")}
    found = named_secrets(reading(LogConfiguration=log, RepositoryCredentials=registry))
    assert [(one.name, one.variable) for one in found] == [("/splunk", "splunk-token"), ("registry", "")]


def test_a_source_of_another_service_is_not_one_of_ecs() -> None:
    assert named_secrets({"Resources": {"X": _resource("AWS::Batch::JobDefinition", ValueFrom="/a")}}) == ()


def test_the_secrets_of_a_compiled_spec() -> None:
    more = "  imageCredentials: secretsmanager:registry\n  image: registry.example.com/team/shop\n"
    more += "  secrets: [{name: B, valueFrom: 'secretsmanager:${ENV}/db:password'}]\n"
    more += "  environment: {A: '${ssm:/hello/a}', C: plain}\n"
    template = compiled("hello.yml", HELLO + more, "prod")
    found = {one.name: one for one in named_secrets(template)}
    assert set(found) == {"registry", "prod/db", "/hello/a"}
    assert found["prod/db"].arns == (
        "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:prod/db",
        "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:prod/db-??????",
    )
    assert found["/hello/a"].arns == ("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/hello/a",)
