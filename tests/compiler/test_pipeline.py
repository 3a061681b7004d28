"""The pipeline's stack: free of lint findings, for one repository only, with immutable tags."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fsdcf.compiler.emit import to_json
from fsdcf.compiler.pipeline import (
    BUCKET_ARN,
    ISSUER,
    MOST_POLICIES,
    STACK,
    Ids,
    PermissionsBoundary,
    Pipeline,
    compile_pipeline,
    role_id,
    role_output,
    role_variable,
    subjects,
)
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
BOUNDARY = PermissionsBoundary(
    "bounds", {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]}
)
PIPELINE = Pipeline(
    "acme/shop",
    {"staging": (POLICY,), "prod": (POLICY, POLICY)},
    ("shop", "team/cart", "shop"),
    BOUNDARY,
    Ids("12", "34"),
)


def resources(pipeline: Pipeline) -> dict[str, Any]:
    return dict(compile_pipeline(pipeline).data["Resources"])


def of_type(pipeline: Pipeline, type: str) -> dict[str, Any]:
    return {name: one for name, one in resources(pipeline).items() if one["Type"] == type}


@pytest.mark.parametrize(
    "pipeline",
    [
        PIPELINE,
        replace(
            PIPELINE, ids=None, boundary=None, provider=f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}", images=()
        ),
    ],
    ids=["whole", "least"],
)
def test_cfn_lint_finds_nothing(linter: Linter, pipeline: Pipeline) -> None:
    assert linter.lint(to_json(compile_pipeline(pipeline).data)) == ()


def test_the_trust_policy_names_one_repository_and_one_environment_in_both_forms() -> None:
    for environment in ("staging", "prod"):
        (statement,) = resources(PIPELINE)[role_id(environment)]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity" and statement["Principal"] == {
            "Federated": {"Ref": "GitHubProvider"}
        }
        assert list(statement["Condition"]) == ["StringEquals"]
        equal = statement["Condition"]["StringEquals"]
        assert equal[f"{ISSUER}:aud"] == "sts.amazonaws.com" and equal[f"{ISSUER}:repository_id"] == "34"
        assert equal[f"{ISSUER}:sub"] == [
            f"repo:acme/shop:environment:{environment}",
            f"repo:acme@12/shop@34:environment:{environment}",
        ]
    assert subjects("acme/shop", None, "qa") == ["repo:acme/shop:environment:qa"]


def test_without_ids_there_is_one_subject() -> None:
    (statement,) = resources(replace(PIPELINE, ids=None))["StagingDeployRole"]["Properties"][
        "AssumeRolePolicyDocument"
    ]["Statement"]
    assert set(statement["Condition"]["StringEquals"]) == {f"{ISSUER}:aud", f"{ISSUER}:sub"}


def test_an_existing_provider_is_used() -> None:
    arn = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"
    found = replace(PIPELINE, provider=arn)
    assert not of_type(found, "AWS::IAM::OIDCProvider")
    (statement,) = resources(found)["ProdDeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Federated": arn}
    (own,) = of_type(PIPELINE, "AWS::IAM::OIDCProvider").values()
    assert (
        own["Properties"]["ClientIdList"] == ["sts.amazonaws.com"] and own["Properties"]["Url"] == f"https://{ISSUER}"
    )


def test_repositories_keep_their_tags_and_are_scanned() -> None:
    found = of_type(PIPELINE, "AWS::ECR::Repository")
    assert {one["Properties"]["RepositoryName"] for one in found.values()} == {"shop", "team/cart"}
    for one in found.values():
        properties = one["Properties"]
        assert properties["ImageTagMutability"] == "IMMUTABLE" and properties["ImageScanningConfiguration"] == {
            "ScanOnPush": True
        }
        assert (one["DeletionPolicy"], one["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
        rules = json.loads(properties["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
        assert [rule["rulePriority"] for rule in rules] == [1, 2] and rules[0]["selection"]["tagStatus"] == "untagged"
        assert rules[1]["selection"]["countNumber"] >= 200, "a rollback may go 100 releases back, in each environment"


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
    elsewhere = replace(
        PIPELINE, images=(), elsewhere=("arn:${AWS::Partition}:ecr:eu-west-1:123456789012:repository/x",)
    )
    (push,) = resources(elsewhere)["ProdDeployRole"]["Properties"]["Policies"]
    assert push["PolicyDocument"]["Statement"][1]["Resource"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:ecr:eu-west-1:123456789012:repository/x"}
    ]
    assert "Policies" not in resources(replace(PIPELINE, images=()))["ProdDeployRole"]["Properties"]


def test_the_boundary_has_the_name_in_the_specs() -> None:
    (boundary,) = [
        one for one in of_type(PIPELINE, "AWS::IAM::ManagedPolicy").values() if "ManagedPolicyName" in one["Properties"]
    ]
    assert boundary["Properties"]["ManagedPolicyName"] == "bounds"
    assert "Boundary" not in resources(replace(PIPELINE, boundary=None))


def test_the_outputs_name_the_variables() -> None:
    outputs = compile_pipeline(PIPELINE).data["Outputs"]
    for environment in PIPELINE.policies:
        assert role_variable(environment) in outputs[role_output(environment)]["Description"]
    assert "FSDCF_ARTIFACTS_BUCKET" in outputs["ArtifactsBucketName"]["Description"]
    assert {"ShopRepositoryUri", "BoundaryArn"} <= set(outputs)
    assert (role_variable("qa-1"), STACK) == ("FSDCF_ROLE_QA_1", "fsdcf-pipeline")


def test_more_policies_than_iam_attaches_are_refused() -> None:
    with pytest.raises(ValueError, match="staging would need 11 policies"):
        compile_pipeline(replace(PIPELINE, policies={"staging": (POLICY,) * (MOST_POLICIES + 1)}))


def test_the_same_pipeline_gives_the_same_bytes() -> None:
    assert to_json(compile_pipeline(PIPELINE).data) == to_json(
        compile_pipeline(replace(PIPELINE, images=("team/cart", "shop"))).data
    )
