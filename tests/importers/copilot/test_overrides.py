"""Copilot's overrides: patches become keys of the language or overrides of ours."""

from __future__ import annotations

import pytest

from fsdcf.importers import ImportResult
from fsdcf.importers.draft import Draft
from fsdcf.importers.report import Treatment
from tests.importers.conftest import Imports, outcomes

WEB = "name: web\ntype: Load Balanced Web Service\nhttp: {path: /}\nimage: {port: 80}\n"
CONTAINER = "/Resources/TaskDefinition/Properties/ContainerDefinitions"


def _patched(imports: Imports, *patches: str, owner: str = "web", name: str = "cfn.patches.yml") -> ImportResult:
    """The result for a service ``web`` and an environment ``test`` with patches."""
    return imports(
        {
            "copilot/.workspace": "application: shop\n",
            "copilot/web/manifest.yml": WEB,
            "copilot/environments/test/manifest.yml": "name: test\ntype: Environment\n",
            f"copilot/{owner}/overrides/{name}": "".join(f"- {each}\n" for each in patches),
        },
        "copilot",
    )


def _draft(result: ImportResult, name: str) -> Draft:
    return next(each for each in result.drafts if each.name == name)


@pytest.mark.parametrize(
    ("patch", "key", "value"),
    [
        (
            "{op: replace, path: /Resources/LogGroup/Properties/RetentionInDays, value: 60}",
            "observability.logs.retention",
            60,
        ),
        (f"{{op: add, path: {CONTAINER}/0/StopTimeout, value: '50'}}", "stopTimeout", 50),
        (
            f"{{op: add, path: {CONTAINER}/0/Environment/-, value: {{Name: A, Value: !Ref AppName}}}}",
            "environment.A",
            "shop",
        ),
        (
            f"{{op: add, path: {CONTAINER}/0/Secrets/3, value: {{Name: A, ValueFrom: /a}}}}",
            "secrets",
            [{"name": "A", "valueFrom": "/a"}],
        ),
        (
            "{op: add, path: /Resources/TargetGroup/Properties/TargetGroupAttributes/-, "
            "value: {Key: deregistration_delay.timeout_seconds, Value: '5'}}",
            "networking.loadBalancer.deregistrationDelay",
            5,
        ),
        (
            "{op: add, path: /Resources/TaskRole/Properties/ManagedPolicyArns/-, value: 'arn:aws:iam::aws:policy/A'}",
            "taskRole.managedPolicies",
            ["arn:aws:iam::aws:policy/A"],
        ),
        (
            "{op: add, path: /Resources/ExecutionRole/Properties/Policies/-, value: {PolicyDocument: {Statement: "
            "[{Effect: Allow, Action: 's3:Get*', Resource: !Sub 'arn:aws:s3:::${AppName}-${EnvName}/*'}]}}}",
            "executionRole.statements",
            [{"actions": ["s3:Get*"], "resources": ["arn:aws:s3:::shop-${ENV}/*"]}],
        ),
    ],
)
def test_a_property_that_is_a_key_becomes_the_key(imports: Imports, patch: str, key: str, value: object) -> None:
    result = _patched(imports, patch)
    assert _draft(result, "web").block.get(key) == value
    assert outcomes(result)["patches[0]"].treatment is Treatment.CARRIED


def test_another_property_becomes_an_override(imports: Imports) -> None:
    result = _patched(
        imports,
        f"{{op: add, path: {CONTAINER}/0/DockerLabels/a.b, value: 'cost ${{x}}'}}",
        "{op: add, path: /Resources/LogGroup/Properties/Tags, value: [{Key: a, Value: b}]}",
        "{op: add, path: /Resources/LogGroup/Properties/Tags/-, value: {Key: c, Value: d}}",
        "{op: remove, path: /Resources/Service/Properties/PropagateTags}",
        "{op: add, path: /Resources/TaskDefinition/Properties/InferenceAccelerators/-, value: {Enabled: true}}",
        "{op: replace, path: /Resources/LogGroup/DeletionPolicy/x, value: Retain}",
    )
    assert _draft(result, "web").data["overrides"] == {
        "TaskDefinition": {
            'Properties.ContainerDefinitions.0.DockerLabels."a.b"': "cost $${x}",
            "Properties.InferenceAccelerators[+]": {"Enabled": True},
        },
        "LogGroup": {
            "Properties.Tags[+]": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}],
            "DeletionPolicy.x": "Retain",
        },
        "Service": {"Properties.PropagateTags": None},
    }


@pytest.mark.parametrize(
    ("patch", "word"),
    [
        ("{op: remove, path: /Resources/TaskRole}", "neither add nor remove"),
        ("{op: add, path: /Mappings, value: {A: {B: {C: 1}}}}", "neither add nor remove"),
        ("{op: add, path: /Resources/Rule/Properties/A, value: 1}", "no such resource"),
        (f"{{op: replace, path: {CONTAINER}/0/Image, value: x}}", "relies on it"),
        (f"{{op: replace, path: {CONTAINER}/1/Essential, value: false}}", "other orders"),
        ("{op: add, path: /Resources/LogGroup/Properties/KmsKeyId, value: !GetAtt Key.Arn}", "Copilot's template"),
        (
            f"{{op: add, path: {CONTAINER}/0/Environment/-, value: {{Name: PASSWORD, Value: Tr0ub4dor-3horses}}}}",
            "secret",
        ),
        ("{op: move, path: /a}", "`op` add, replace or remove"),
        ("{op: add, path: /Resources/LogGroup/Properties/A}", "must have a `value`"),
        ("3", "`op` add, replace or remove"),
        ("{op: [1], path: {}}", "must be a text"),
    ],
)
def test_what_has_no_place_is_reported(imports: Imports, patch: str, word: str) -> None:
    result = _patched(imports, patch)
    outcome = outcomes(result)["patches[0]"]
    assert outcome.treatment is Treatment.NOT_CARRIED and word in outcome.note
    assert "overrides" not in _draft(result, "web").data


def test_patches_of_environments(imports: Imports) -> None:
    attributes = "/Resources/PublicLoadBalancer/Properties/LoadBalancerAttributes/-"
    result = _patched(
        imports,
        f"{{op: add, path: {attributes}, value: {{Key: idle_timeout.timeout_seconds, Value: '300'}}}}",
        f"{{op: add, path: {attributes}, value: {{Key: routing.http2.enabled, Value: 'false'}}}}",
        "{op: add, path: /Resources/InternalLoadBalancer/Properties/Name, value: x}",
        owner="environments",
    )
    draft = _draft(result, "test")
    assert draft.block.get("loadBalancers.public.idleTimeout") == 300
    assert draft.data["overrides"]["PublicLoadBalancer"] == {
        "Properties.LoadBalancerAttributes[+]": {"Key": "routing.http2.enabled", "Value": "false"}
    }
    assert outcomes(result)["patches[2]"].treatment is Treatment.NOT_CARRIED


def test_a_program_of_the_cdk_is_reported(imports: Imports) -> None:
    assert any("CDK" in outcome.note for outcome in outcomes(_patched(imports, name="cdk.json")).values())


@pytest.mark.parametrize("text", ["", "a: 1", "[", "{{ x }}"])
def test_what_is_not_a_list_is_no_traceback(imports: Imports, text: str) -> None:
    _patched(imports, text)
