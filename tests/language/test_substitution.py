"""What a text means does not depend on the way it arrives: written in the spec, by --var, by a variable of the
environment's file, or put together from two variables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.cloudformation.references import HOLE, is_dynamic
from fsdcf.compiler.stack import Origin, Template
from fsdcf.compiler.text import texts_of
from fsdcf.language.document import Document
from fsdcf.language.resolve import forbidden
from fsdcf.language.source import parse
from fsdcf.pipeline import Request, Result, SourceFile, run
from tests.conftest import HELLO, ROOT, Compile
from tests.fuzz import examples
from tests.hostile import texts

SPECS = sorted(
    path
    for folder in ("examples", "tests/cases/dependencies", "tests/cases/traffic", "tests/cases/advised")
    for path in (ROOT / folder).glob("**/*.yml")
    if path.read_text(encoding="utf-8").startswith("apiVersion") and "kind: Service" in path.read_text(encoding="utf-8")
)
VALUES = (
    *(
        "{{resolve:secretsmanager:x}}",
        "a {{resolve:ssm:/x}}",
        "{{resolve",
        "*",
        "s3:*",
        "arn:aws:s3:::b/*",
        "arn:aws:x",
    ),
    *(
        "AKIAIOSFODNN7EXAMPLE",
        "postgres://u:hunter22@h/d",
        "-----BEGIN PRIVATE KEY-----",
        "\x01",
        "a\x1b[31m",
        "\u0085",
    ),
    *(
        "",
        " ",
        "x" * 300,
        "a b",
        "a--b",
        "A",
        "0",
        "-1",
        "65536",
        "1e3",
        "yes",
        "null",
        "aws:x",
        "fsdcf:x",
        "AWS_X",
        "9",
    ),
    *("us-east-1", "eu-nowhere-1", "123456789012", "12", "0 3 * * *", "cron(0 3 * * ? *)", "../x", "/", "//", "a/b/"),
    *("ghcr.io/a/b:1", "a@sha256:1", "a.example", "*.a.example", "-a", "a_b", "10.0.0.0/8", "0.0.0.0/0", "10.0.0.1/8"),
    *(
        "read",
        "write",
        "HEALTHY",
        "ssm:/x",
        "secretsmanager:x",
        "${AWS::Region}",
        "$",
        "$${x}",
        "\u202e",
        "${${",
        "root",
    ),
)
HOSTILE = texts(*VALUES, longest=3).filter(lambda text: max(text, default="") < "\ud800")
NOT_SUBSTITUTED = ("apiVersion", "kind", "environments")
"""What decides how the rest is read, and what other environments have."""


@cache
def data_of(name: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return data


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of the texts of a spec."""
    if isinstance(data, (dict, list)):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            if path or key not in NOT_SUBSTITUTED:
                yield from places(value, (*path, key))
    elif isinstance(data, str):
        yield path


def with_text(data: Any, path: tuple[Any, ...], text: str) -> Any:
    """The data with another text at a path."""
    if not path:
        return text
    items = data.items() if isinstance(data, dict) else enumerate(data)
    changed = [(key, with_text(value, path[1:], text) if key == path[0] else value) for key, value in items]
    return dict(changed) if isinstance(data, dict) else [value for _, value in changed]


def compiled(data: Any, variables: Mapping[str, str], in_file: Mapping[str, str]) -> Result:
    file = {"apiVersion": "fsd/v1", "kind": "Environment", "metadata": {"name": "staging"}}
    environment = {**file, "environment": {"variables": {"OTHER": "x", **in_file}}}
    raw = json.dumps(data).encode()
    source = SourceFile("environments/staging.yml", json.dumps(environment).encode())
    return run(Request("a.yml", raw, "staging", (), variables, lambda _: b"", environment_file=source))


def outcome(result: Result) -> tuple[list[tuple[str, Any]], Any]:
    """The findings by code and place, and the template."""
    found = sorted((each.code, each.path) for each in result.diagnostics)
    return found, result.template.data if result.template else None


@pytest.mark.parametrize("share", range(4))
@given(data=st.data())
@examples(25)
def test_a_text_means_the_same_however_it_arrives(share: int, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(SPECS[share::4]))
    whole = data_of(str(name.relative_to(ROOT)))
    path = data.draw(st.sampled_from(list(places(whole))))
    text = data.draw(st.one_of(st.sampled_from(VALUES), st.sampled_from(VALUES), HOSTILE))
    cut = data.draw(st.integers(0, len(text)))
    literal = compiled(with_text(whole, path, text.replace("${", "$${")), {}, {})
    expected = outcome(literal)
    assert outcome(compiled(with_text(whole, path, "${V}"), {"V": text}, {})) == expected
    halves = {"V": text[:cut], "W": text[cut:]}
    assert outcome(compiled(with_text(whole, path, "${V}${W}"), halves, {})) == expected
    found, template = outcome(compiled(with_text(whole, path, "${V}"), {}, {"V": text.replace("${", "$${")}))
    if any(each[1][:2] == ("environment", "variables") for each in found):
        assert {code for code, _ in found} <= {code for code, _ in expected[0]}
    else:
        assert (found, template) == expected


ENVIRONMENTS = sorted((ROOT / "tests/cases").glob("*/*.environment.yml"))


@given(data=st.data())
@examples(40)
def test_a_text_in_the_file_of_an_environment_means_the_same_however_it_arrives(data: st.DataObject) -> None:
    whole = data_of(str(data.draw(st.sampled_from(ENVIRONMENTS)).relative_to(ROOT)))
    written = [path for path in places(whole) if path[:2] != ("environment", "defaults")]  # read in each spec
    path, text = data.draw(st.sampled_from(written)), data.draw(st.one_of(st.sampled_from(VALUES), HOSTILE))
    cut = data.draw(st.integers(0, len(text)))

    def found(text: str, **variables: str) -> tuple[list[tuple[str, Any]], Any]:
        raw = json.dumps(with_text(whole, path, text)).encode()
        return outcome(run(Request("environments/staging.yml", raw, "staging", (), variables)))

    for arrived in (found("${V}", V=text), found("${V}${W}", V=text[:cut], W=text[cut:])):
        if path == ("metadata", "name"):
            assert {code for code, _ in arrived[0]} & {"S105", "S373", "S113"}
        else:
            assert arrived == found(text.replace("${", "$${"))


def test_the_name_of_an_environment_is_in_its_file(compiled: Compile) -> None:
    text = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: '%s'}\nenvironment: {loadBalancers: {public: {}}}\n"
    result = compiled(text % "${V}", variables={"V": "prod"}, name="environments/prod.yml")
    assert [(each.code, each.path) for each in result.diagnostics if each.code.startswith("S")] == [
        ("S373", ("metadata", "name"))
    ]
    assert compiled(text % "prod", name="environments/prod.yml").template


QUEUE = "dependencies: [{type: aws_sqs_queue, name: resolve}]\n"


@pytest.mark.parametrize(
    ("value", "dynamic"),
    [
        ("${V}", True),
        ("{{${W}:secretsmanager:x}}", True),
        ("{{re${S}e:ssm:x}}", True),
        ("{${B}resolve:ssm:x}}", True),
        ("a {{resolve:${W}}}", True),
        ("{{${sqs:resolve:name}:secretsmanager:x}}", True),
        ("{{re${sqs:resolve:name}:ssm:x}}", True),
        ("{{${sqs:resolve:name}}}", False),
        ("{{${AWS::Region}:x}}", False),
        ("{{ ${W} }}", False),
        ("{{Resolve:x}}", False),
    ],
)
def test_a_dynamic_reference_is_found_in_what_is_emitted(compiled: Compile, value: str, dynamic: bool) -> None:
    variables = {"V": "{{resolve:secretsmanager:x}}", "W": "resolve", "S": "solv", "B": "{"}
    result = compiled(HELLO + f'  environment:\n    A: "{value}"\n{QUEUE}', variables=variables)
    found = [(each.span.line, each.path) for each in result.diagnostics if each.code == "S111"]
    assert found == ([(12, ("service", "environment", "A"))] if dynamic else [])


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("echo {{resolve:secretsmanager:x}}", "S111"),
        ('["CMD", "echo", "{{resolve:ssm:x}}"]', "S111"),
        ('["CMD", "a\\u0001"]', "S113"),
        ("curl localhost", ""),
    ],
)
def test_a_healthcheck_is_checked_at_the_key_that_names_its_file(command: str, code: str) -> None:
    spec = HELLO.split("  healthCheck")[0] + "  build: {dockerfile: Dockerfile}\n"
    file = f"FROM scratch\nHEALTHCHECK CMD {command}\n".encode()
    result = run(Request("a.yml", spec.encode(), "staging", beside=lambda _: file))
    errors = [(each.code, each.path) for each in result.diagnostics if each.code.startswith("S")]
    assert errors == ([(code, ("service", "build", "dockerfile"))] if code else [])


@pytest.mark.parametrize(
    ("command", "is_secret"),
    [("curl -u admin:hunter2hunter2 localhost", True), ('["CMD", "a", "AKIAIOSFODNN7EXAMPLE"]', True), ("true", False)],
)
@pytest.mark.parametrize("comment", ["", "  # fsdcf: allow W106"])
def test_a_secret_in_a_healthcheck_is_found(command: str, is_secret: bool, comment: str) -> None:
    spec = HELLO.split("  healthCheck")[0] + f"  build:\n    dockerfile: Dockerfile{comment}\n"
    file = f"FROM scratch\nHEALTHCHECK CMD {command}\n".encode()
    result = run(Request("a.yml", spec.encode(), "staging", beside=lambda _: file))
    found = [each.path for each in result.diagnostics if each.code == "W106"]
    assert found == ([("service", "build", "dockerfile")] if is_secret and not comment else [])


@pytest.mark.parametrize("variables", [{"V": "a"}, {"V": "{{resolve:ssm:x}}"}])
def test_a_key_and_a_description_are_checked(compiled: Compile, variables: dict[str, str]) -> None:
    text = HELLO.replace("  owners: team", '  owners: team\n  description: "${V}"')
    more = "  taskRole:\n    statements:\n      - {actions: [s3:Get], resources: ['arn:aws:s3:::b'], "
    more += "conditions: {StringEquals: {'%s': a}}}\n"
    result = compiled(text + more % variables["V"], variables=variables)
    found = [each.path[-1] for each in result.diagnostics if each.code == "S111"]
    assert found == ([] if variables["V"] == "a" else ["description", variables["V"]])


def test_texts_that_functions_put_together_are_found_in_every_section_of_a_template() -> None:
    secret = "{{resolve:ssm:x}}"
    resource = {
        "Type": "AWS::SNS::Topic",
        "Metadata": {secret: 1},
        "Properties": {
            "DisplayName": {"Fn::Join": ["", ["{{", {"Fn::Sub": ["${A}", {"A": "resolve"}]}, ":ssm:x}}"]]},
            "TopicName": {"Fn::If": ["C", {"Fn::Sub": "{{${Other.TopicName}:ssm:x}}"}, "{{${!resolve}:x}}"]},
            "Tags": [{"Key": "a", "Value": {"Fn::Join": [":", ["{{resolve", {"Ref": "AWS::Region"}]]}}],
        },
    }
    data = {
        "Description": secret,
        "Parameters": {"P": {"Type": "String", "Default": secret}},
        "Resources": {"Topic": resource},
        "Outputs": {"O": {"Value": {"Fn::Sub": secret}}},
    }
    written, _ = parse(HELLO.encode(), "a.yml")
    assert isinstance(written, Document)
    template = Template(data, {"Topic": Origin("service", {("Tags",): "metadata"})})
    found = [(named, below) for text, named, below in texts_of(template) if forbidden(written, (), text)]
    assert sorted(named for named, _ in found) == ["metadata"] * 4 + ["service"] * 3


@pytest.mark.parametrize("part", ["a", HOLE, "{{", "{{r", f"{{{{{HOLE}"])
def test_a_long_text_is_searched_in_time(part: str) -> None:
    assert not is_dynamic(part * 30_000)


def test_the_domain_of_a_load_balancer_that_a_variable_names(compiled: Compile) -> None:
    file = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\nenvironment:\n  loadBalancers:\n"
    file += "    public: {domain: a.example.com}\n    other: {domain: b.example.com}\n"
    text = HELLO + "  networking: {shared: true, loadBalancer: {name: '${V}', hosts: ['x.${DOMAIN}']}}\n"
    result = compiled(text, variables={"V": "other"}, file=file)
    assert result.template and "x.b.example.com" in json.dumps(result.template.data)
