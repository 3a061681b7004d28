"""The pipeline's stack: free of lint findings, for one repository only, with immutable tags."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from fsdcf.compiler.emit import to_json
from fsdcf.compiler.pipeline import (
    BUCKET_ARN,
    ISSUER,
    MOST_POLICIES,
    DeployScope,
    Ids,
    PermissionsBoundary,
    Pipeline,
    compile_pipeline,
    subjects,
)
from fsdcf.conventions import execution_role_variable, is_pipeline, pipeline_stack, role_variable
from fsdcf.lint.runner import Linter

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "A", "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [BUCKET_ARN, f"{BUCKET_ARN}/*"]},
        {
            "Sid": "B",
            "Effect": "Allow",
            "Action": ["iam:CreateRole"],
            "Resource": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/x-staging-TaskRole-*"],
            "Condition": {
                "StringEquals": {
                    "iam:PermissionsBoundary": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/bounds"
                }
            },
        },
    ],
}
BOUNDS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]}
STAGING = DeployScope(
    "staging", "", "", (POLICY,), (POLICY, POLICY), PermissionsBoundary("bounds-staging", BOUNDS), ("shop", "team/cart")
)
PROD = replace(
    STAGING,
    environment="prod",
    branch="main",
    engine=(POLICY, POLICY),
    boundary=PermissionsBoundary("bounds-prod", BOUNDS),
)
PIPELINE = Pipeline("acme/shop", (STAGING, PROD), ("shop", "team/cart", "shop"), Ids("12", "34"))
LEAST = Pipeline(
    "acme/shop",
    (replace(STAGING, boundary=None, images=()), replace(PROD, boundary=None, images=())),
    (),
    provider=f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}",
)
PER_SERVICE = replace(
    PIPELINE,
    scopes=tuple(
        replace(scope, service=service, images=(image,), boundary=PermissionsBoundary(f"bounds-{service}", BOUNDS))
        for scope in (STAGING,)
        for service, image in (("shop", "shop"), ("cart", "team/cart"))
    ),
)


def resources(pipeline: Pipeline) -> dict[str, Any]:
    return dict(compile_pipeline(pipeline).data["Resources"])


def of_type(pipeline: Pipeline, type: str) -> dict[str, Any]:
    return {name: one for name, one in resources(pipeline).items() if one["Type"] == type}


def trust(pipeline: Pipeline, role: str) -> dict[str, Any]:
    (statement,) = resources(pipeline)[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    return dict(statement)


@pytest.mark.parametrize("pipeline", [PIPELINE, LEAST, PER_SERVICE], ids=["whole", "least", "per-service"])
def test_cfn_lint_finds_nothing(linter: Linter, pipeline: Pipeline) -> None:
    assert linter.lint(to_json(compile_pipeline(pipeline).data)) == ()


def test_the_trust_policy_names_one_repository_and_one_environment_in_both_forms() -> None:
    for environment in ("staging", "prod"):
        statement = trust(PIPELINE, f"{environment.capitalize()}DeployRole")
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity" and statement["Principal"] == {
            "Federated": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{ISSUER}"}
        }
        assert list(statement["Condition"]) == ["StringEquals"]
        equal = statement["Condition"]["StringEquals"]
        assert equal[f"{ISSUER}:aud"] == "sts.amazonaws.com" and equal[f"{ISSUER}:repository_id"] == "34"
        assert equal[f"{ISSUER}:environment"] == environment
        assert equal[f"{ISSUER}:sub"] == [
            f"repo:acme/shop:environment:{environment}",
            f"repo:acme@12/shop@34:environment:{environment}",
        ]
    assert subjects("acme/shop", None, "qa") == ["repo:acme/shop:environment:qa"]


def test_the_role_of_a_branch_is_for_that_branch_alone() -> None:
    assert trust(PIPELINE, "ProdDeployRole")["Condition"]["StringEquals"][f"{ISSUER}:ref"] == "refs/heads/main"
    assert f"{ISSUER}:ref" not in trust(PIPELINE, "StagingDeployRole")["Condition"]["StringEquals"]


def test_without_ids_there_is_one_subject() -> None:
    equal = trust(replace(PIPELINE, ids=None), "StagingDeployRole")["Condition"]["StringEquals"]
    assert set(equal) == {f"{ISSUER}:aud", f"{ISSUER}:sub", f"{ISSUER}:environment"}
    assert equal[f"{ISSUER}:sub"] == ["repo:acme/shop:environment:staging"]


def test_an_existing_provider_is_used_and_a_new_one_is_kept() -> None:
    assert not of_type(LEAST, "AWS::IAM::OIDCProvider")
    assert trust(LEAST, "ProdDeployRole")["Principal"] == {"Federated": LEAST.provider}
    (own,) = of_type(PIPELINE, "AWS::IAM::OIDCProvider").values()
    assert (
        own["Properties"]["ClientIdList"] == ["sts.amazonaws.com"] and own["Properties"]["Url"] == f"https://{ISSUER}"
    )
    assert (own["DeletionPolicy"], own["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert resources(PIPELINE)["ProdDeployRole"]["DependsOn"] == ["GitHubProvider"]


def test_the_execution_role_is_for_cloudformation_alone_and_has_what_the_resources_need() -> None:
    statement = trust(PIPELINE, "ProdExecutionRole")
    assert statement["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"
    policies = resources(PIPELINE)["ProdExecutionRole"]["Properties"]["ManagedPolicyArns"]
    assert policies == [{"Ref": "ProdExecutionPolicy1"}, {"Ref": "ProdExecutionPolicy2"}]


def test_each_service_has_its_own_roles_and_pushes_its_own_image() -> None:
    found = resources(PER_SERVICE)
    assert {"StagingShopDeployRole", "StagingShopExecutionRole", "StagingCartDeployRole"} <= set(found)
    push = found["StagingCartDeployRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][1]
    assert [one["Fn::GetAtt"][0][:14] for one in push["Resource"]] == ["TeamCartReposi"]
    assert {name: one["Properties"]["ManagedPolicyName"] for name, one in found.items() if "Boundary" in name} == {
        "StagingShopBoundary": "bounds-shop",
        "StagingCartBoundary": "bounds-cart",
    }
    assert PER_SERVICE.scopes[0].outputs == {
        "FSDCF_ROLE_STAGING_SHOP": "StagingShopDeployRoleArn",
        "FSDCF_EXECUTION_ROLE_STAGING_SHOP": "StagingShopExecutionRoleArn",
    }


def test_scopes_with_the_same_variables_are_refused() -> None:
    both = (replace(STAGING, environment="a-b", service="c"), replace(STAGING, environment="a", service="b-c"))
    with pytest.raises(ValueError, match="c in a-b and b-c in a would have the same variable FSDCF_ROLE_A_B_C"):
        compile_pipeline(replace(PIPELINE, scopes=both))


@pytest.mark.parametrize(
    ("repository", "stack"),
    [
        ("acme/shop", "fsdcf-pipeline-acme-shop"),
        ("Acme/My-Shop", "fsdcf-pipeline-acme-my-shop"),
        ("acme/shop.js", r"fsdcf-pipeline-acme-shop-js-[0-9a-f]{10}"),
        ("acme-my/shop", r"fsdcf-pipeline-acme-my-shop-[0-9a-f]{10}"),
        (f"{'a' * 39}/{'b' * 100}", r"fsdcf-pipeline-a{39}-b+-[0-9a-f]{10}"),
        ("acme/.github", r"fsdcf-pipeline-acme-github-[0-9a-f]{10}"),
    ],
)
def test_every_repository_has_a_stack_of_its_own(repository: str, stack: str) -> None:
    found = pipeline_stack(repository)
    assert re.fullmatch(stack, found) and len(found) <= 128
    assert pipeline_stack(repository.upper()) == found, "GitHub ignores letter case"


def test_the_tags_say_whose_the_stack_is() -> None:
    assert is_pipeline(PIPELINE.tags)
    assert PIPELINE.tags["fsdcf:repository"] == "acme/shop" and PIPELINE.tags["fsdcf:repository-id"] == "12/34"
    assert "fsdcf:repository-id" not in LEAST.tags
    assert Ids.of("12/34") == Ids("12", "34") and Ids.of("") is None


def test_repositories_keep_their_tags_and_are_scanned() -> None:
    found = of_type(PIPELINE, "AWS::ECR::Repository")
    assert {one["Properties"]["RepositoryName"] for one in found.values()} == {"shop", "team/cart"}
    for one in found.values():
        properties = one["Properties"]
        assert properties["ImageTagMutability"] == "IMMUTABLE" and properties["ImageScanningConfiguration"] == {
            "ScanOnPush": True
        }
        assert (one["DeletionPolicy"], one["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
        assert [rule["selection"]["tagStatus"] for rule in expiring(one)] == ["untagged"]


def expiring(repository: dict[str, Any]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads(repository["Properties"]["LifecyclePolicy"]["LifecyclePolicyText"])[
        "rules"
    ]
    assert [rule["rulePriority"] for rule in rules] == list(range(1, len(rules) + 1))
    return rules


@pytest.mark.parametrize("scopes", [(), (PROD,), PER_SERVICE.scopes, (STAGING, PROD)])
def test_no_tag_becomes_free_for_another_environment(scopes: tuple[DeployScope, ...]) -> None:
    """Staging could push until the images of production expire, and then push its own ones under their tags."""
    for one in of_type(replace(PIPELINE, scopes=scopes), "AWS::ECR::Repository").values():
        counts = [rule["selection"]["countNumber"] for rule in expiring(one) if rule["selection"]["tagStatus"] == "any"]
        alone = len({scope.environment for scope in scopes}) == 1
        assert counts == ([500] if alone else []), "a rollback may go 100 releases back"


def test_the_bucket_is_private_encrypted_versioned_and_expires_artifacts() -> None:
    bucket = resources(PIPELINE)["ArtifactsBucket"]
    properties = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "AES256"
    }
    uploads, artifacts = properties["LifecycleConfiguration"]["Rules"]
    assert uploads["AbortIncompleteMultipartUpload"] and artifacts["ExpirationInDays"] > 0
    assert artifacts["NoncurrentVersionExpiration"] and "BucketName" not in properties
    (statement,) = resources(PIPELINE)["ArtifactsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_roles_have_the_given_policies_and_push_to_the_repositories() -> None:
    role = resources(PIPELINE)["ProdDeployRole"]["Properties"]
    assert role["ManagedPolicyArns"] == [{"Ref": "ProdDeployPolicy1"}, {"Ref": "ProdDeployPolicy2"}]
    document = resources(PIPELINE)["ProdDeployPolicy1"]["Properties"]["PolicyDocument"]
    assert document["Statement"][0]["Resource"] == [
        {"Fn::GetAtt": ["ArtifactsBucket", "Arn"]},
        {"Fn::Sub": f"{BUCKET_ARN}/*"},
    ]
    assert document["Statement"][1]["Condition"]["StringEquals"]["iam:PermissionsBoundary"] == {
        "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/bounds"
    }
    (push,) = role["Policies"]
    login, into = push["PolicyDocument"]["Statement"]
    assert login["Action"] == ["ecr:GetAuthorizationToken"]
    assert "ecr:PutImage" in into["Action"] and "ecr:BatchDeleteImage" not in into["Action"]
    assert len(into["Resource"]) == 2 and all("Fn::GetAtt" in one for one in into["Resource"])
    arn = "arn:${AWS::Partition}:ecr:eu-west-1:123456789012:repository/x"
    (push,) = resources(replace(PIPELINE, scopes=(replace(PROD, images=(), elsewhere=(arn,)),)))["ProdDeployRole"][
        "Properties"
    ]["Policies"]
    assert push["PolicyDocument"]["Statement"][1]["Resource"] == [{"Fn::Sub": arn}]
    assert "Policies" not in resources(LEAST)["ProdDeployRole"]["Properties"]


def test_each_environment_has_a_boundary_with_the_name_in_the_specs() -> None:
    named = {
        name: one["Properties"]["ManagedPolicyName"]
        for name, one in of_type(PIPELINE, "AWS::IAM::ManagedPolicy").items()
        if "ManagedPolicyName" in one["Properties"]
    }
    assert named == {"StagingBoundary": "bounds-staging", "ProdBoundary": "bounds-prod"}
    assert not [name for name in resources(LEAST) if "Boundary" in name]


def test_the_outputs_name_the_variables() -> None:
    outputs = compile_pipeline(PIPELINE).data["Outputs"]
    for scope in PIPELINE.scopes:
        assert list(scope.outputs) == [
            role_variable(scope.environment),
            execution_role_variable(scope.environment),
        ]
        assert all(variable in outputs[output]["Description"] for variable, output in scope.outputs.items())
    assert "FSDCF_ARTIFACTS_BUCKET" in outputs["ArtifactsBucketName"]["Description"]
    assert {"ShopRepositoryUri", "StagingBoundaryArn", "ProdExecutionRoleArn"} <= set(outputs)
    assert role_variable("qa-1") == "FSDCF_ROLE_QA_1"
    assert execution_role_variable("qa", "on-call") == "FSDCF_EXECUTION_ROLE_QA_ON_CALL"


@pytest.mark.parametrize("part", ["engine", "execution"])
def test_more_policies_than_iam_attaches_are_refused(part: str) -> None:
    scope = replace(STAGING, **{part: (POLICY,) * (MOST_POLICIES + 1)})
    with pytest.raises(ValueError, match="a role for staging would need 11 policies"):
        compile_pipeline(replace(PIPELINE, scopes=(scope,)))


def test_more_than_a_stack_holds_is_refused() -> None:
    scopes = tuple(replace(STAGING, service=f"s{number}", boundary=None, images=()) for number in range(110))
    with pytest.raises(
        ValueError, match="CloudFormation accepts at most 500: bootstrap some environments in another account"
    ):
        compile_pipeline(replace(PIPELINE, scopes=scopes))


def test_the_same_pipeline_gives_the_same_bytes() -> None:
    assert to_json(compile_pipeline(PIPELINE).data) == to_json(
        compile_pipeline(replace(PIPELINE, images=("team/cart", "shop"))).data
    )
