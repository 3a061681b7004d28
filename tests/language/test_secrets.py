"""Where secrets come from: the forms of ``valueFrom`` and ``imageCredentials``, and names that are taken for ARNs."""

from __future__ import annotations

import pytest

from fsdcf.diagnostics import render
from tests.conftest import HELLO, Compile

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
HOME = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"


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


REGISTRY = HELLO + "  image: registry.example.com/team/hello\n"


def credentials(source: str, text: str = REGISTRY) -> str:
    return f"{text}  imageCredentials: {source}\n"


@pytest.mark.parametrize(
    ("source", "parameter", "resource"),
    [
        *(
            (source, {"Fn::Sub": f"{HOME}hello/registry"}, {"Fn::Sub": f"{HOME}hello/registry-??????"})
            for source in ("secretsmanager:hello/registry", "${secrets:hello/registry}")
        ),
        (f"'{SECRET}hello-a1B2c3'", f"{SECRET}hello-a1B2c3", f"{SECRET}hello-a1B2c3"),
    ],
)
def test_the_execution_role_reads_the_credentials_of_the_registry(
    compiled: Compile, source: str, parameter: object, resource: object
) -> None:
    template = compiled(credentials(source)).template
    assert template is not None
    resources = template.data["Resources"]
    (container,) = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    assert container["RepositoryCredentials"] == {"CredentialsParameter": parameter}
    (policy,) = resources["ExecutionRole"]["Properties"]["Policies"]
    reading, logging = policy["PolicyDocument"]["Statement"]  # and no permission for ECR
    assert (reading["Action"], reading["Resource"]) == (["secretsmanager:GetSecretValue"], [resource])
    assert "logs:PutLogEvents" in logging["Action"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("secretsmanager:hello/registry:password", "write `secretsmanager:hello/registry`;"),
        ("'secretsmanager:hello/registry::'", "write `secretsmanager:hello/registry`;"),
        ("'secretsmanager:hello/registry::AWSPREVIOUS:'", "write `secretsmanager:hello/registry`;"),
        ("'${secrets:hello/registry:password}'", "write `${secrets:hello/registry}`;"),
        (f"'{SECRET}hello-a1B2c3:password::'", f"write `{SECRET}hello-a1B2c3`;"),
        (f"'{HOME}hello:password::'", f"write `{HOME}hello`;"),
        ("/hello/registry", "fsdcf secret set spec.yml service.imageCredentials"),
        ("ssm:registry", "fsdcf secret set spec.yml service.imageCredentials"),
        ("${ssm:/registry}", "fsdcf secret set spec.yml service.imageCredentials"),
        ("arn:aws:ssm:us-east-1:123456789012:parameter/registry", "fsdcf secret set spec.yml service.imageCredentials"),
        ("/aws/reference/secretsmanager/hello", "write `secretsmanager:hello`"),
    ],
)
def test_ecs_reads_the_whole_secret_from_secrets_manager(compiled: Compile, source: str, words: str) -> None:
    (finding,) = (each for each in compiled(credentials(source)).diagnostics if each.code.startswith("S"))
    assert (finding.code, finding.path) == ("S275", ("service", "imageCredentials"))
    assert words in finding.hint


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("bob:hunter2hunter2", "secretsmanager:name"),
        ("hunter2hunter2", "fsdcf secret set spec.yml service.imageCredentials"),
        ("{username: bob, password: hunter2hunter2}", "fsdcf secret set spec.yml service.imageCredentials"),
        ("{username: bob, password: /hunter2hunter2}", "fsdcf secret set spec.yml service.imageCredentials"),
        ("[bob, hunter2hunter2]", "fsdcf secret set spec.yml service.imageCredentials"),
        ("{secretsmanager: hello/registry}", "write `secretsmanager:hello/registry`"),
        (f"{{credentialsParameter: '{SECRET}hello'}}", f"write `{SECRET}hello`"),
        ("\n    username: bob\n    password: hunter2hunter2", "fsdcf secret set spec.yml service.imageCredentials"),
        ("\n    - hunter2hunter2", "fsdcf secret set spec.yml service.imageCredentials"),
    ],
)
def test_credentials_that_are_typed_into_the_spec_are_not_printed(compiled: Compile, source: str, words: str) -> None:
    result = compiled(credentials(source))
    (finding,) = (each for each in result.diagnostics if each.code.startswith("S"))
    assert words in finding.hint
    assert "hunter2" not in render(finding, result.sources)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("", "execution role"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello", "another account"),
        ("${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/hello", "execution role"),
        ("123456789012.dkr-ecr.eu-west-1.on.aws/hello", "another account"),
        ("public.ecr.aws/team/hello", "anyone"),
    ],
)
def test_ecr_takes_no_stored_credentials(compiled: Compile, image: str, words: str) -> None:
    text = HELLO + (f"  image: {image}\n" if image else "")
    assert not {"S276", "W132"} & {each.code for each in compiled(text).diagnostics}
    (finding,) = (
        each for each in compiled(credentials("secretsmanager:hello", text)).diagnostics if each.code[0] == "S"
    )
    assert finding.code == "S276"
    assert words in finding.hint


OPEN = (
    "nginx",
    "team/hello",
    "docker.io/team/hello",
    "ghcr.io/a/b",
    "quay.io/a/b",
    "eu.gcr.io/a/b",
    "registry.k8s.io/a",
)
CLOSED = (
    "registry.example.com/a",
    "hub.example:5000/a",
    "team.azurecr.io/a",
    "team.jfrog.io/a/b",
    "us-docker.pkg.dev/a/b/c",
)


@pytest.mark.parametrize("image", [*OPEN, *CLOSED])
def test_a_registry_that_is_not_known_to_be_public_is_a_warning(compiled: Compile, image: str) -> None:
    text = HELLO + f"  image: {image}\n"
    warnings = [each for each in compiled(text).diagnostics if each.code == "W132"]
    assert [each.path for each in warnings] == [("service", "image")] * (image in CLOSED)
    for each in warnings:
        assert image.partition("/")[0] in each.message
        assert "imageCredentials: secretsmanager:hello/registry" in each.hint
    settled = compiled(credentials("secretsmanager:hello/registry", text))
    assert settled.template is not None and "W132" not in {each.code for each in settled.diagnostics}


def test_the_credentials_of_a_registry_need_the_endpoint_of_secrets_manager(compiled: Compile) -> None:
    closed = "  networking:\n    vpc: {nat: none, endpoints: [ecr.api, ecr.dkr, logs]}\n"
    findings = compiled(credentials("secretsmanager:hello") + closed).diagnostics
    assert any(each.code == "S216" and each.message.endswith("reach secretsmanager") for each in findings)


def test_the_name_of_the_credentials_is_read_like_that_of_any_secret(compiled: Compile) -> None:
    assert "S240" in {each.code for each in compiled(credentials("secretsmanager:prod/db-secret")).diagnostics}
    assert "S208" in {each.code for each in compiled(credentials("x${secrets:db}")).diagnostics}
    other = "'arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:x-a1B2c3'"
    text = credentials(other) + "  secrets: [{name: A, valueFrom: 'arn:aws:ssm:us-east-1:123456789012:parameter/a'}]\n"
    assert "S255" in {each.code for each in compiled(text).diagnostics}


KEYS = ("ACCESS_KEY_ID", "ACCESS_KEY", "SECRET_ACCESS_KEY", "SECRET_KEY", "SESSION_TOKEN", "SECURITY_TOKEN")
ELSEWHERE = ("PROFILE", "DEFAULT_PROFILE", "SHARED_CREDENTIALS_FILE", "WEB_IDENTITY_TOKEN_FILE")
BY_ECS = ("CONTAINER_CREDENTIALS_RELATIVE_URI", "CONTAINER_CREDENTIALS_FULL_URI", "CONTAINER_AUTHORIZATION_TOKEN")


@pytest.mark.parametrize("name", [f"AWS_{name}" for name in (*KEYS, *ELSEWHERE, *BY_ECS)])
@pytest.mark.parametrize(
    "text",
    [
        "  environment: {%s: hunter2hunter2}\n",
        "  environment: {%s: AKIAABCDEFGHIJKLMNOP}\n",
        "  environment: {%s: '${secrets:hello/aws:key}'}\n",
        "  secrets:\n    - name: %s\n      valueFrom: /hello/key\n",
    ],
)
def test_a_variable_that_hides_the_task_role_is_named(compiled: Compile, name: str, text: str) -> None:
    result = compiled(HELLO + text % name)
    (finding,) = (each for each in result.diagnostics if each.code in ("W133", "W106"))
    assert finding.code == "W133" and f"`{name}`" in finding.message
    assert ("ECS Exec" in finding.message) is (name[4:] in KEYS)
    assert ("task role" in finding.hint) is (name[4:] not in BY_ECS)
    assert "secrets" not in finding.hint, "a secret would hide the task role as well"
    assert ("deactivate" in finding.hint) is (name[4:] in KEYS and "valueFrom" not in text and "$" not in text)
    assert "hunter2" not in render(finding, result.sources)


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ROLE_ARN", "AWS_CONFIG_FILE", "S3_KEY_ID"])
def test_other_variables_of_the_sdks_are_left_alone(compiled: Compile, name: str) -> None:
    text = HELLO + f"  environment: {{{name}: /hello}}\n  secrets: [{{name: R2_SECRET_KEY, valueFrom: /hello/key}}]\n"
    assert not {"W133", "W106"} & {each.code for each in compiled(text).diagnostics}
    assert "W133" not in {each.code for each in compiled(HELLO + "  environment: {AWS_PROFILE: ''}\n").diagnostics}


@pytest.mark.parametrize("key", ["AKIAABCDEFGHIJKLMNOP", "ASIAABCDEFGHIJKLMNOP", "id=AKIAABCDEFGHIJKLMNOP;x=1"])
def test_an_access_key_under_another_name_is_not_a_secret_to_store(compiled: Compile, key: str) -> None:
    (finding,) = (
        each for each in compiled(HELLO + f"  environment: {{UPLOAD: '{key}'}}\n").diagnostics if "W106" in each.code
    )
    assert "task role" in finding.hint and "secrets" not in finding.hint


PLAIN = "hunter2hunter2"
PLACES = {
    "environment": (f"  environment: {{DB_PASSWORD: {PLAIN}}}\n", "DB_PASSWORD"),
    "command": (f"  command: [app, --password, {PLAIN}]\n", "command"),
    "a command as text": (f"  command: app --password={PLAIN}\n", "command"),
    "entry point": (f"  entryPoint: [mysql, -p, {PLAIN}]\n", "entryPoint"),
    "build": (f"  build: {{args: {{NPM_TOKEN: {PLAIN}}}}}\n", "NPM_TOKEN"),
    "sidecar": (
        f"  sidecars: [{{name: s, image: 'x:1', environment: {{URL: 'redis://:{PLAIN}@host'}}}}]\n",
        "URL",
    ),
    "overlay": (f"environments: {{prod: {{service: {{environment: {{API_KEY: {PLAIN}}}}}}}}}\n", "API_KEY"),
    "working directory": ("  workingDirectory: /x/ghp" + f"_{'a1B2' * 9}\n", "workingDirectory"),
}


@pytest.mark.parametrize(("text", "key"), PLACES.values(), ids=PLACES)
def test_a_secret_is_warned_about_wherever_it_is(compiled: Compile, text: str, key: str) -> None:
    result = compiled(HELLO + text)
    (finding,) = (each for each in result.diagnostics if each.code == "W106")
    shown = render(finding, result.sources)
    assert f"`{key}`" in finding.message and PLAIN not in shown and "a1B2a1B2" not in shown and finding.hint in shown


def test_a_secret_is_warned_about_once(compiled: Compile) -> None:
    text = HELLO + f"  environment: {{A_PASSWORD: {PLAIN}, B_PASSWORD: {PLAIN}}}\n"
    (finding,) = (each for each in compiled(text).diagnostics if each.code == "W106")
    assert "A_PASSWORD" in finding.message


def test_the_file_of_an_environment_is_searched(compiled: Compile) -> None:
    text = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\nenvironment:\n"
    parts = ("  variables: {DB_PASSWORD: %s}\n", "  tags: {api-token: %s}\n")
    parts += ("  defaults: {service: {environment: {DB_PASSWORD: %s}}}\n",)
    for part in parts:
        result = compiled(text + part % PLAIN, name="staging.yml")
        assert [each.code for each in result.diagnostics].count("W106") == 1
        assert all(PLAIN not in render(each, result.sources) for each in result.diagnostics)


def test_a_variable_of_the_environment_is_warned_about_in_a_service(compiled: Compile) -> None:
    file = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\nenvironment:\n  variables:\n"
    line = f"    DB_PASSWORD: {PLAIN}"
    result = compiled(HELLO + "  environment: {X: '${DB_PASSWORD}'}\n", file=file + line)
    (finding,) = (each for each in result.diagnostics if each.code == "W106")
    assert "`DB_PASSWORD`" in finding.message and (finding.span.file, finding.span.line) == (
        "environments/staging.yml",
        6,
    )
    allowed = compiled(HELLO, file=f"{file}{line}  # fsdcf: allow W106 because it is a sample\n")
    assert "W106" not in {each.code for each in allowed.diagnostics}
    assert PLAIN in str(result.template and result.template.data), "the template is what the user wrote"


def test_no_other_secret_on_the_line_is_quoted(compiled: Compile) -> None:
    result = compiled(HELLO + f"  environment: {{A_PASSWORD: {PLAIN}, B: x, C_TOKEN: 'other-{PLAIN}', D: $}}{{\n")
    assert all(PLAIN not in render(each, result.sources) for each in result.diagnostics)
    result = compiled(HELLO + f"  environment: {{A_PASSWORD: {PLAIN}, B_TOKEN: 'other-{PLAIN}', E: '${{NOPE}}'}}\n")
    shown = [render(each, result.sources) for each in result.diagnostics]
    assert all(PLAIN not in each for each in shown) and any("${NOPE}" in each for each in shown)
