"""The tool that compares manifests with Copilot's own templates."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

MANIFEST = """
name: web
type: Backend Service
image: {location: nginx, port: 8080}
variables: {LEVEL: info, FROM: {from_cfn: other}}
count: {range: 1-3, cpu_percentage: 70}
deployment: {rolling: default}
"""
PARAMS = {"AppName": "shop", "EnvName": "test", "WorkloadName": "web", "TaskCPU": "256", "EnvFileARN": ""}
TEMPLATE = """
Parameters: {TaskMemory: {Type: String, Default: 512}}
Conditions: {HasFile: !Not [!Equals [!Ref EnvFileARN, ""]]}
Resources:
  TaskDefinition:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Cpu: !Ref TaskCPU
      Memory: !Ref TaskMemory
      ContainerDefinitions:
        - Name: !Ref WorkloadName
          PortMappings: [{ContainerPort: 8080}]
          EnvironmentFiles: !If [HasFile, [{Value: x}], !Ref AWS::NoValue]
          Environment:
            - {Name: COPILOT_APPLICATION_NAME, Value: !Sub "${AppName}"}
            - {Name: COPILOT_ENVIRONMENT_NAME, Value: !Ref EnvName}
            - {Name: COPILOT_SERVICE_NAME, Value: web}
            - {Name: COPILOT_SERVICE_DISCOVERY_ENDPOINT, Value: test.shop.local}
            - {Name: LEVEL, Value: info}
            - {Name: FROM, Value: !ImportValue other}
  Service:
    Type: AWS::ECS::Service
    Properties:
      DesiredCount: !GetAtt Count.Value
      NetworkConfiguration: {AwsvpcConfiguration: {AssignPublicIp: ENABLED}}
  Target: {Type: AWS::ApplicationAutoScaling::ScalableTarget, Properties: {MinCapacity: 1, MaxCapacity: 3}}
  Policy:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    Properties:
      TargetTrackingScalingPolicyConfiguration:
        PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
        ScaleInCooldown: 120
        ScaleOutCooldown: 60
        TargetValue: 70
"""
RULES = "http: {path: /, additional_rules: [{path: /more, target_port: 9090}]}"
SECOND = """
  Second:
    Type: AWS::ECS::Service
    Properties: {LoadBalancers: [{ContainerName: web, ContainerPort: 9090, TargetGroupArn: !Ref Group}]}
"""


def _tool() -> Any:
    spec = importlib.util.spec_from_file_location("compare_copilot", ROOT / "scripts" / "compare_copilot.py")
    assert spec and spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def test_what_jobs_and_services_of_app_runner_mean() -> None:
    definition = {"TimeoutSeconds": 60, "StartAt": "Run", "States": {"Run": {"Retry": [{"MaxAttempts": 3}]}}}
    image = {"Port": 80, "StartCommand": "run it", "RuntimeEnvironmentSecrets": [{"Name": "KEY", "Value": "key"}]}
    service = {
        "InstanceConfiguration": {"Cpu": 1024, "Memory": 2048},
        "SourceConfiguration": {"ImageRepository": {"ImageConfiguration": image}},
    }
    resources = {
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 day)"}},
        "Runs": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"DefinitionString": json.dumps(definition)},
        },
        "Service": {"Type": "AWS::AppRunner::Service", "Properties": service},
    }
    assert _tool().meaning({"Resources": resources}, {}, "web") == {
        "schedule": "rate(1 day)",
        "schedule retries": "3",
        "schedule timeout": "60",
        "schedule timeout of": "all retries",
        "cpu": "1024",
        "memory": "2048",
        "container main": "essential",
        "port main 80": "tcp",
        "secrets main KEY": "key",
        "command main": '["run", "it"]',
    }


@pytest.mark.parametrize(
    ("template", "code", "words"),
    [
        (TEMPLATE, 0, ["the same", "1 pairs, 0 differences"]),
        (
            TEMPLATE.replace("name: web", "").replace("FROM", "OTHER"),
            1,
            ["| variables main OTHER | <import other> | - |"],
        ),
        (TEMPLATE.replace("512", "1024"), 1, ["| memory | 1024 | 512 | **not reported** |"]),
        (TEMPLATE.replace("!ImportValue other", "!ImportValue others"), 1, ["<import others> | <import other> | **"]),
        (
            TEMPLATE + SECOND,
            1,
            ["| target main 9090 | balanced | - | http.additional_rules[0].path: "],
        ),
        (TEMPLATE + SECOND.replace("9090", "9091"), 1, ["target main 9091 | balanced | - | **not reported** |"]),
    ],
)
def test_a_difference_must_be_in_the_report(
    template: str, code: int, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = _tool()
    (tmp_path / "pair").mkdir()
    for name, text in (
        ("manifest.yml", MANIFEST + (RULES if SECOND[:9] in template else "")),
        ("template.yml", template),
        ("params.json", json.dumps({"Parameters": PARAMS})),
    ):
        (tmp_path / "pair" / name).write_text(text, encoding="utf-8")
    assert tool.main(tmp_path) == code
    printed = capsys.readouterr()
    assert [word for word in words if word not in printed.out + printed.err] == []
