"""What a denial says: who, which action, which resource, and the kind of policy that refuses."""

from __future__ import annotations

import pytest

from fsdcf.aws_errors import POLICY_ADVICE, Denial, categorize, denial_in, denial_of, iam_action, without_encoded

CALLER = "arn:aws:sts::123456789012:assumed-role/deploy/ci"
ROLE = "arn:aws:iam::123456789012:role/shop-TaskRole-1A"
REFUSED = f"User: {CALLER} is not authorized to perform: iam:CreateRole on resource: {ROLE}"
PASS = REFUSED.replace("CreateRole", "PassRole")
BLOB = "4GIOHlTkIaWHQD0Q0m6XSnuUMCm-abcdefghijklmnop_qrstuvwxyz0123456789"


@pytest.mark.parametrize("kind", POLICY_ADVICE)
def test_each_kind_of_policy(kind: str) -> None:
    implicit = denial_in(
        f"{REFUSED} because no {kind} allows the iam:CreateRole action (Service: Ecs, Status Code: 403)"
    )
    assert implicit == Denial(CALLER, "iam:CreateRole", ROLE, kind)
    assert implicit.why == f"no {kind} allows it" and implicit.advice == POLICY_ADVICE[kind]
    for article in ("a", "an"):
        explicit = denial_in(f"{REFUSED} with an explicit deny in {article} {kind}: arn:aws:organizations::1:policy/p")
        assert explicit == Denial(CALLER, "iam:CreateRole", ROLE, kind, True, "arn:aws:organizations::1:policy/p")
        assert "arn:aws:organizations::1:policy/p" in explicit.text
        assert kind in explicit.why and "explicitly" in explicit.why and "find the Deny" in explicit.advice


@pytest.mark.parametrize(
    ("message", "denial"),
    [
        (REFUSED, Denial(CALLER, "iam:CreateRole", ROLE)),
        (f"{REFUSED} with an explicit deny", Denial(CALLER, "iam:CreateRole", ROLE, explicit=True)),
        (
            f"You are not authorized to perform this operation. User: {CALLER} is not authorized to perform:\n"
            "ec2:CreateVpc on resource: * because no identity-based policy allows the ec2:CreateVpc action. Encoded: x",
            Denial(CALLER, "ec2:CreateVpc", "*", "identity-based policy"),
        ),
        (
            f'User: {CALLER} is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::b/k", because no '
            "resource-based policy allows the s3:PutObject action",
            Denial(CALLER, "s3:PutObject", "arn:aws:s3:::b/k", "resource-based policy"),
        ),
        (
            f"User: {CALLER} is not authorized to perform: kms:Decrypt on the resource associated with this "
            "ciphertext because the resource does not exist in this Region, no resource-based policies allow access",
            Denial(CALLER, "kms:Decrypt"),
        ),
        (
            f"API: iam:CreateRole User: {CALLER} is not authorized to perform: iam:CreateRole on resource: {ROLE}.",
            Denial(CALLER, "iam:CreateRole", ROLE),
        ),
        ("User: x is not authorized to perform: iam:Get", Denial("x", "iam:Get")),
    ],
)
def test_the_words_of_denials(message: str, denial: Denial) -> None:
    assert denial_in(message) == denial


def test_the_text_of_a_denial() -> None:
    denial = denial_in(f"{REFUSED} because no permissions boundary allows the iam:CreateRole action")
    assert denial is not None
    assert denial.text == (f"no permission for iam:CreateRole on {ROLE} as {CALLER}: no permissions boundary allows it")
    assert Denial(action="ecs:RunTask").text == "no permission for ecs:RunTask"
    assert "organization" in Denial("", "a:B", "", "service control policy", True).advice


def test_a_role_that_may_not_be_passed() -> None:
    text = f"{PASS} because no identity-based policy allows the iam:PassRole action"
    denial = denial_in(f"{text} (Service: Ecs, Status Code: 400, Request ID: 1)")
    assert denial is not None and denial.passed_to == "ecs-tasks.amazonaws.com"
    assert f"to pass the role {ROLE} to ecs-tasks.amazonaws.com" in denial.text and CALLER in denial.text
    assert '"iam:PassedToService": "ecs-tasks.amazonaws.com"' in denial.advice and f'"{ROLE}"' in denial.advice
    assert denial_of("cloudformation", "CreateChangeSet", text).passed_to == "cloudformation.amazonaws.com"
    assert "Condition" not in Denial(action="iam:PassRole").statement, "the service is not known"


@pytest.mark.parametrize("quote", ["", "'"])
def test_a_role_that_cloudformation_cannot_assume(quote: str) -> None:
    text = f"Role {quote}{ROLE}{quote} is invalid or cannot be assumed"
    assert categorize("ValidationError", 400, text) == "denied", "not a fault of the template"
    denial = denial_in(text)
    assert denial is not None and denial.unassumable and denial.resource == ROLE
    assert "CloudFormation cannot assume the role" in denial.text
    assert "cloudformation.amazonaws.com" in denial.advice and "trust policy" in denial.advice


def test_encoded_details_are_not_shown() -> None:
    bare = f"You are not authorized to perform this operation. Encoded authorization failure message: {BLOB}"
    assert denial_of("ec2", "CreateVpc", bare) == Denial(action="ec2:CreateVpc", encoded=True)
    assert BLOB not in without_encoded(bare) and "Encoded authorization failure message" in without_encoded(bare)
    assert denial_in(f"{REFUSED}. Encoded authorization failure message: {BLOB}") == Denial(
        CALLER, "iam:CreateRole", ROLE, encoded=True
    )


@pytest.mark.parametrize("bare", ["Access Denied", "Forbidden", "no reason given"])
def test_the_call_tells_what_bare_words_do_not(bare: str) -> None:
    assert denial_of("s3", "HeadBucket", bare) == Denial(action="s3:ListBucket")
    assert iam_action("elbv2", "DescribeTargetHealth") == "elasticloadbalancing:DescribeTargetHealth"


@pytest.mark.parametrize("message", ["", "Access Denied", "https://x/access-denied", "not authorized to view the page"])
def test_other_messages_name_no_denied_action(message: str) -> None:
    assert denial_in(message) is None
