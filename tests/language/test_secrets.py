"""Where secrets come from: the forms of ``valueFrom``, and names that Secrets Manager takes for whole ARNs."""

from __future__ import annotations

import pytest

from tests.conftest import HELLO, Compile

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"


def secret(source: str) -> str:
    return HELLO + f'  secrets:\n    - {{name: A, valueFrom: "{source}"}}\n'


def statement(resource: str, role: str = "taskRole") -> str:
    action = "secretsmanager:GetSecretValue"
    return HELLO + f'  {role}: {{statements: [{{actions: ["{action}"], resources: ["{resource}"]}}]}}\n'


MISREAD = {
    "a placeholder": HELLO + "  environment: {A: '${secrets:prod/db-master:password}'}\n",
    "a name": secret("secretsmanager:prod/db-master"),
    "a placeholder as a source": secret("${secrets:prod/db-master}"),
    "a name that ends like a whole ARN": secret("secretsmanager:prod/db-AbC1eF"),
    "a name with the environment": secret("secretsmanager:db-${ENV}-00-secret:key"),
    "an ARN": secret(SECRET + "prod/db-secret:password::"),
    "an ARN of any partition and region": secret(
        "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${ENV}/app-config"
    ),
    "a word with a capital letter": secret(SECRET + "prod/db-Master"),
    "a word in capital letters": secret(SECRET + "prod/DB-SECRET"),
    "a date": secret(SECRET + "prod/db-202611"),
    "an ARN that the service reads": HELLO + f"  environment: {{A: '{SECRET}prod/db-secret'}}\n",
    "a command": HELLO + f"  command: ['--secret={SECRET}prod/db-secret']\n",
    "JSON": HELLO + f'  environment: {{A: \'{{"db": "{SECRET}prod/db-secret", "region": 1}}\'}}\n',
    "a permission": statement(SECRET + "prod/db"),
    "a permission that ends like an ARN": statement(SECRET + "prod/db-secret"),
    "a permission of the other role": statement(SECRET + "prod/db", "executionRole"),
}
READ = {
    "a placeholder": HELLO + "  environment: {A: '${secrets:prod/db-main:password}'}\n",
    "a name": secret("secretsmanager:prod/database"),
    "a whole ARN": secret(SECRET + "prod/db-secret-a1B2c3:password::"),
    "a whole ARN that ends in a word": secret(SECRET + "prod/db-secret-qwerty"),
    "an ARN without the end": secret(SECRET + "prod/db"),
    "a parameter": secret("/prod/db-secret"),
    "a permission for every end": statement(SECRET + "prod/db-secret-??????"),
    "a permission for a prefix": statement(SECRET + "prod/*"),
    "a permission for a whole ARN": statement(SECRET + "prod/db-a1B2c3"),
}


@pytest.mark.parametrize("text", MISREAD.values(), ids=MISREAD)
def test_a_name_that_is_taken_for_an_arn(compiled: Compile, text: str) -> None:
    (finding,) = (one for one in compiled(text).diagnostics if one.code == "S240")
    assert "six random characters" in finding.hint or "-??????" in finding.hint


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_a_name_that_is_read_as_it_is_meant(compiled: Compile, text: str) -> None:
    assert "S240" not in {one.code for one in compiled(text).diagnostics}


def test_two_ends_that_could_be_random_are_a_warning(compiled: Compile) -> None:
    findings = compiled(secret(SECRET + "prod/db-master-secret")).diagnostics
    assert [one.code for one in findings if one.code in ("S240", "W129")] == ["W129"]
    assert "W129" not in {one.code for one in compiled(secret(SECRET + "prod/db-master-a1B2c3")).diagnostics}


@pytest.mark.parametrize(
    "source",
    [
        "prod/db",
        "DB_PASSWORD",
        "secrets:prod/db",
        "secretsmanager:",
        "secretsmanager:prod/db:key:stage:version:more",
        "secretsmanager:arn:aws:secretsmanager:us-east-1:123456789012:secret:db",
        "ssm:/prod//db",
        "ssm:/prod/db:3",
        "/prod db",
    ],
)
def test_a_source_that_could_be_either_store_is_refused_with_both_forms(compiled: Compile, source: str) -> None:
    (finding,) = (one for one in compiled(secret(source)).diagnostics if one.code.startswith("S"))
    assert finding.code == "S105"
    assert "ssm:name" in finding.hint and "secretsmanager:name" in finding.hint


@pytest.mark.parametrize(
    ("placeholder", "source"),
    [("${secrets:prod/db:key}", "secretsmanager:prod/db:key"), ("${ssm:/prod/db}", "ssm:/prod/db")],
)
def test_a_placeholder_is_a_source_too(compiled: Compile, placeholder: str, source: str) -> None:
    first, second = (compiled(secret(each)).template for each in (placeholder, source))
    assert first is not None and second is not None and first.data == second.data
    assert "S208" in {one.code for one in compiled(secret(f"/a/{placeholder}")).diagnostics}


@pytest.mark.parametrize(
    ("source", "endpoint"),
    [
        ("/prod/db", "ssm"),
        ("ssm:/prod/secretsmanager", "ssm"),
        ("secretsmanager:prod/db:ssm", "secretsmanager"),
        (SECRET + "prod/db", "secretsmanager"),
        ("arn:aws:ssm:us-east-1:123456789012:parameter/db", "ssm"),
    ],
)
def test_tasks_without_nat_need_the_endpoint_of_the_store(compiled: Compile, source: str, endpoint: str) -> None:
    closed = "  networking:\n    vpc: {nat: none, endpoints: [ecr.api, ecr.dkr, logs]}\n"
    (finding,) = (one for one in compiled(secret(source) + closed).diagnostics if one.code == "S216")
    assert finding.message.endswith(f"reach {endpoint}")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (secret("/aws/reference/secretsmanager/prod/db"), "secretsmanager:prod/db"),
        (secret("ssm:/aws/reference/secretsmanager/db"), "secretsmanager:db"),
        (
            secret("arn:aws:ssm:us-east-1:123456789012:parameter/aws/reference/secretsmanager/db"),
            "secretsmanager:db",
        ),
        (secret("${ssm:/aws/reference/secretsmanager/db}"), "secretsmanager:db"),
        (HELLO + "  environment: {A: '${ssm:/aws/reference/secretsmanager/db}'}\n", "${secrets:db}"),
    ],
)
def test_a_secret_by_the_name_of_a_parameter(compiled: Compile, text: str, written: str) -> None:
    (finding,) = (one for one in compiled(text).diagnostics if one.code == "S267")
    assert f"`{written}`" in finding.hint
