"""What a denial says: who, which action, which resource, and the kind of policy that refuses."""

from __future__ import annotations

import pytest

from fsdcf.aws_errors import POLICY_ADVICE, Denial, denial_in

CALLER = "arn:aws:sts::123456789012:assumed-role/deploy/ci"
ROLE = "arn:aws:iam::123456789012:role/shop-TaskRole-1A"
REFUSED = f"User: {CALLER} is not authorized to perform: iam:PassRole on resource: {ROLE}"


@pytest.mark.parametrize("kind", POLICY_ADVICE)
def test_each_kind_of_policy(kind: str) -> None:
    implicit = denial_in(f"{REFUSED} because no {kind} allows the iam:PassRole action (Service: Ecs, Status Code: 403)")
    assert implicit == Denial(CALLER, "iam:PassRole", ROLE, kind)
    assert implicit.why == f"no {kind} allows it" and implicit.advice == POLICY_ADVICE[kind]
    for article in ("a", "an"):
        explicit = denial_in(f"{REFUSED} with an explicit deny in {article} {kind}: arn:aws:organizations::1:policy/p")
        assert explicit == Denial(CALLER, "iam:PassRole", ROLE, kind, explicit=True)
        assert kind in explicit.why and "explicitly" in explicit.why and "find the Deny" in explicit.advice


@pytest.mark.parametrize(
    ("message", "denial"),
    [
        (REFUSED, Denial(CALLER, "iam:PassRole", ROLE)),
        (f"{REFUSED} with an explicit deny", Denial(CALLER, "iam:PassRole", ROLE, explicit=True)),
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
    denial = denial_in(f"{REFUSED} because no permissions boundary allows the iam:PassRole action")
    assert denial is not None
    assert denial.text == (
        f"{CALLER} is not allowed to perform iam:PassRole on {ROLE}: no permissions boundary allows it"
    )
    assert Denial(action="ecs:RunTask").text == "the caller is not allowed to perform ecs:RunTask"
    assert "organization" in Denial("", "a:B", "", "service control policy", True).advice


@pytest.mark.parametrize("message", ["", "Access Denied", "https://x/access-denied", "not authorized to view the page"])
def test_other_messages_name_no_denied_action(message: str) -> None:
    assert denial_in(message) is None
