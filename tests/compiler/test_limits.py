"""What a template exceeds, with the line that adds the most."""

from __future__ import annotations

import pytest

from fsdcf.cloudformation.limits import ROLE_POLICY_CHARACTERS, compact
from fsdcf.lint.runner import Linter
from fsdcf.pipeline import Request, run
from tests.conftest import HELLO, Compile
from tests.strategies import text_of

QUEUES = "dependencies:\n" + "".join(f"  - {{type: aws_sqs_queue, name: 'queue-{number}'}}\n" for number in range(170))
STATEMENTS = "  taskRole:\n    statements:\n" + "".join(
    f"      - {{actions: ['s3:GetObject'], resources: ['arn:aws:s3:::{'b' * 60}/{number}']}}\n" for number in range(80)
)
SECRETS = "  secrets:\n" + "".join(
    f"    - {{name: S{number}, valueFrom: 'arn:aws:ssm:us-east-1:123456789012:parameter/{'p' * 80}{number}'}}\n"
    for number in range(90)
)
ENVIRONMENT = "  environment:\n" + "".join(f"    V{number}: {'漢' * 500}\n" for number in range(50))
COMMAND = f"  command: [{'x' * 70_000}]\n"
LONG_ARNS = "dependencies:\n" + "".join(
    f"  - {{type: aws_dynamodb_table, name: '{'t' * 240}{number}', permissions: write,"
    " keySchema: [{name: id, type: HASH}], attributes: [{name: id, type: S}]}\n"
    for number in range(16)
)
FAN_IN = "dependencies:\n  - {type: aws_sqs_queue, name: orders}\n" + "".join(
    f"  - {{type: aws_sns_topic, name: '{'t' * 250}{number}', subscriptions: [{{queue: orders}}]}}\n"
    for number in range(30)
)


@pytest.mark.parametrize(
    ("text", "words", "hint", "path"),
    [
        (QUEUES, "outputs; CloudFormation", "split the service", ("dependencies",)),
        (STATEMENTS, "policies for TaskRole", "combine statements", ("service", "taskRole", "statements")),
        (SECRETS, "policies for ExecutionRole", "JSON key", ("service", "secrets")),
        (LONG_ARNS, "policies for TaskRole", "split the service", ("dependencies",)),
        (ENVIRONMENT, "a task definition of", "long values", ("service", "environment")),
        (COMMAND, "a task definition of", "long values", ("service", "command")),
        (FAN_IN, "a queue policy of", "fewer topics", ("dependencies",)),
    ],
)
def test_an_excess_is_at_what_adds_the_most(
    compiled: Compile, text: str, words: str, hint: str, path: tuple[str, ...]
) -> None:
    found = [one for one in compiled(HELLO + text).diagnostics if words in one.message]
    assert [(one.code, hint in (one.hint or "")) for one in found] == [("S235", True)]
    assert found[0].path[: len(path)] == path
    assert path[0] in HELLO + text and found[0].span.line > 1


def test_names_count_with_their_length(compiled: Compile) -> None:
    """The template has references of 60 characters; IAM counts the ARNs of 300."""
    few = LONG_ARNS.replace("t" * 240, "table-")
    assert compiled(HELLO + few).template is not None


def test_what_exceeds_a_limit_is_not_linted(linter: Linter) -> None:
    def never(template: str) -> tuple[()]:
        raise AssertionError("a template with errors is linted")

    result = run(Request("spec.yml", (HELLO + QUEUES).encode(), "staging"), never)
    assert {one.code for one in result.diagnostics} >= {"S235"}


def test_a_template_near_a_limit_is_clean(linter: Linter, compiled: Compile) -> None:
    """cfn-lint reports nine tenths of a limit; that is no fault of the author or of fsdcf."""
    queues = [{"type": "aws_sqs_queue", "name": f"q{number}"} for number in range(60)]
    listed = [{**each, "unmanaged": {"permissions": ["sqs:SendMessage"]}} for each in queues]
    result = run(Request("spec.yml", (HELLO + text_of({"dependencies": listed})).encode(), "staging"), linter.lint)
    assert [one for one in result.diagnostics if one.code[0] in "EI"] == []


@pytest.mark.parametrize(("count", "codes"), [(999, []), (1000, ["S104"])])
def test_a_bucket_has_a_thousand_lifecycle_rules(compiled: Compile, count: int, codes: list[str]) -> None:
    bucket = {"type": "aws_s3_bucket", "name": "${ENV}-files", "lifecycle": [{"expireAfterDays": 1}] * count}
    result = compiled(HELLO + text_of({"dependencies": [bucket]}))
    assert [one.code for one in result.diagnostics] == codes
    if result.template is not None:
        properties = result.template.data["Resources"]["FilesBucket"]["Properties"]
        assert len(properties["LifecycleConfiguration"]["Rules"]) == 1000


@pytest.mark.parametrize(
    ("name", "accepted"),
    [("/a" * 15, True), ("/a" * 16, False), ("/" + "a" * 1010, True), ("/" + "a" * 1011, False)],
)
def test_a_parameter_has_a_name_that_parameter_store_accepts(compiled: Compile, name: str, accepted: bool) -> None:
    environment = f"  environment: {{A: '${{ssm:{name}}}'}}\n"
    assert (compiled(HELLO + environment).template is not None) == accepted


def test_a_length_counts_placeholders(compiled: Compile) -> None:
    image = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/" + "x" * 180
    found = compiled(HELLO + f"  image: '{image}'\n").diagnostics
    assert [(one.code, one.path) for one in found] == [("S104", ("service", "image"))]
    assert "225 characters when its placeholders" in found[0].message and "214" in found[0].hint


def test_policies_are_counted_as_iam_does(compiled: Compile) -> None:
    """An unmanaged bucket has a policy that is known to the last character; one more bucket than fits is an excess."""

    def buckets(count: int) -> str:
        access = {"unmanaged": {"permissions": ["s3:GetObject"]}}
        listed = [{"type": "aws_s3_bucket", "name": f"files-{number:03d}", **access} for number in range(count)]
        return HELLO + text_of({"dependencies": listed})

    resources = ["arn:aws:s3:::files-000", "arn:aws:s3:::files-000/*"]
    statement = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": resources}
    size = len(compact({"Version": "2012-10-17", "Statement": [statement]}))
    most = ROLE_POLICY_CHARACTERS // size
    assert compiled(buckets(most)).template is not None
    assert [one.code for one in compiled(buckets(most + 1)).diagnostics] == ["S235"]
