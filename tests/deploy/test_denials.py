"""A refused call says who may not do what on which resource, which kind of policy refuses, and what helps."""

from __future__ import annotations

from typing import Any

import botocore.exceptions
import pytest

from fsdcf.deploy.model import Exit, Outcome
from tests.deploy.site import Site, site, template

CALLER = "arn:aws:sts::123456789012:assumed-role/ci/run"
ROLE = "arn:aws:iam::123456789012:role/deploy"
BLOB = "4GIOHlTkIaWHQD0Q0m6XSnuUMCm-abcdefghijklmnop_qrstuvwxyz0123456789"


class Refusing:
    """A client that refuses one operation with an error of AWS."""

    def __init__(self, client: Any, method: str, code: str, message: str) -> None:
        self._client = client
        self._method = method
        self._refusal = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 403}}

    def __getattr__(self, name: str) -> Any:
        if name != self._method:
            return getattr(self._client, name)
        operation = "".join(word.capitalize() for word in name.split("_"))
        error = botocore.exceptions.ClientError(self._refusal, operation)  # type: ignore[arg-type]

        def refuse(**parameters: Any) -> None:
            raise error

        return refuse


def refusing(method: str, message: str, code: str = "AccessDenied") -> Site:
    """A site that refuses an operation in these words."""
    made = site()
    made.stand()
    make = made.aws._make
    made.aws._make = lambda service, region: Refusing(make(service, region), method, code, message)
    return made


def deployed(method: str, message: str, code: str = "AccessDenied", **options: Any) -> Outcome:
    made = refusing(method, message, code)
    outcome = made.deploy(sha="two", **options)
    assert outcome.exit is Exit.DENIED and made.image() == "one"
    assert "nothing was executed" in outcome.sentence and BLOB not in str(outcome)
    return outcome


def words(action: str, resource: str, why: str = "") -> str:
    return f"User: {CALLER} is not authorized to perform: {action} on resource: {resource}{why}"


STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/shop-staging/*"


@pytest.mark.parametrize(
    ("why", "clause", "advice"),
    [
        (" because no identity-based policy allows the x action", "no identity-based policy", '"Effect": "Allow"'),
        (" because no resource-based policy allows the x action", "no resource-based policy", "policy of the resource"),
        (" because no permissions boundary allows the x action", "no permissions boundary", "permissions boundary"),
        (" because no session policy allows the x action", "no session policy", "session policy"),
        (" because no VPC endpoint policy allows the x action", "no VPC endpoint policy", "VPC endpoint"),
        (" with an explicit deny in a service control policy", "a service control policy denies it expl", "Deny"),
        (" with an explicit deny in a resource control policy", "a resource control policy denies it", "organization"),
        (" with an explicit deny in an identity-based policy", "an identity-based policy denies it expl", "Deny"),
    ],
)
def test_each_kind_of_policy(why: str, clause: str, advice: str) -> None:
    outcome = deployed("create_change_set", words("cloudformation:CreateChangeSet", STACK, why))
    for part in (CALLER, "cloudformation:CreateChangeSet", STACK, clause):
        assert part in outcome.sentence
    assert outcome.advice is not None and advice in outcome.advice.text
    assert "fsdcf permissions shop.yml --env staging" in outcome.next


def test_the_caller_is_asked_for_where_aws_does_not_name_it() -> None:
    outcome = deployed("describe_change_set", "Access Denied")
    assert "cloudformation:DescribeChangeSet as arn:aws:" in outcome.sentence
    assert outcome.advice is not None and "permissions boundary" in outcome.advice.text


def test_a_role_that_may_not_be_passed() -> None:
    why = " because no identity-based policy allows the iam:PassRole action"
    outcome = deployed("create_change_set", words("iam:PassRole", ROLE, why), role_arn=ROLE)
    assert f"no permission to pass the role {ROLE} to cloudformation.amazonaws.com (iam:PassRole)" in outcome.sentence
    assert outcome.advice is not None and '"iam:PassedToService": "cloudformation.amazonaws.com"' in outcome.advice.text


@pytest.mark.parametrize("method", ["create_change_set", "execute_change_set"])
def test_a_role_that_cannot_be_assumed_is_no_fault_of_the_template(method: str) -> None:
    outcome = deployed(method, f"Role {ROLE} is invalid or cannot be assumed", "ValidationError", role_arn=ROLE)
    assert f"CloudFormation cannot assume the role {ROLE}" in outcome.sentence and "template" not in outcome.sentence
    assert outcome.advice is not None
    assert "trust policy" in outcome.advice.text and "cloudformation.amazonaws.com" in outcome.advice.text
    assert "iam:PassRole" in outcome.advice.text
    assert outcome.next[0] == "aws iam get-role --role-name deploy --query Role.AssumeRolePolicyDocument"


def test_encoded_details_are_decoded_by_a_command() -> None:
    message = f"You are not authorized to perform this operation. Encoded authorization failure message: {BLOB}"
    outcome = deployed("create_change_set", message, "UnauthorizedOperation")
    assert any(one.startswith("aws sts decode-authorization-message") for one in outcome.next)
    assert "Encoded authorization failure message (not shown)" in outcome.evidence[0].text


LARGE = template(*(f"Topic{number}{'x' * 150}" for number in range(300)))


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("Access Denied", ("s3:PutObject on arn:aws:s3:::artifacts/staging/shop-staging/", " as arn:aws:")),
        (
            words(
                "kms:GenerateDataKey", "arn:aws:kms:us-east-1:1:key/k", " because no resource-based policy allows it"
            ),
            ("kms:GenerateDataKey on arn:aws:kms:us-east-1:1:key/k", CALLER, "no resource-based policy"),
        ),
    ],
)
def test_the_upload_of_a_large_template(message: str, parts: tuple[str, ...]) -> None:
    made = refusing("put_object", message)
    made.call("CreateBucket", "s3", Bucket="artifacts")
    outcome = made.deploy(LARGE, "two", artifacts_bucket="artifacts")
    assert outcome.exit is Exit.DENIED and "cannot be uploaded to the bucket artifacts" in outcome.sentence
    assert all(part in outcome.sentence for part in parts)
    assert "fsdcf permissions shop.yml --env staging" in outcome.next


def test_the_image_that_may_not_be_read_is_a_warning_with_the_same_words() -> None:
    why = " because no resource-based policy allows the ecr:DescribeImages action"
    repository = "arn:aws:ecr:us-east-1:123456789012:repository/shop"
    made = refusing("describe_images", words("ecr:DescribeImages", repository, why), "AccessDeniedException")
    made.run(made.release(template(), "two", image=("123456789012", None, "shop"), account=None))
    warning = next(one for one in made.warnings() if "cannot be checked" in one)
    assert repository in warning and CALLER in warning and "no resource-based policy allows it" in warning
