"""References to dependencies: by the name as declared, the name in the environment, or the local name."""

from __future__ import annotations

import pytest

from fsdcf.compiler.emit import to_json
from fsdcf.language.names import local_names
from fsdcf.language.placeholders import Known, Pseudo, Text
from tests.conftest import HELLO, Compile

SPEC = (
    HELLO
    + """\
  environment: {{QUEUE: '${{sqs:{0}orders:url}}'}}
  volumes:
    - {{name: films, mountPath: /films, efs: {{dependency: '{0}media'}}}}
dependencies:
  - {{type: aws_sns_topic, name: '${{ENV}}-events', subscriptions: [{{queue: '{0}orders'}}]}}
  - {{type: aws_efs_file_system, name: '${{ENV}}-media'}}
  - {{type: aws_sqs_queue, name: '${{ENV}}-orders'}}
"""
)


def test_each_form_of_a_name_gives_the_same_template(compiled: Compile) -> None:
    templates = set()
    for prefix in ("", "${ENV}-", "staging-"):
        result = compiled(SPEC.format(prefix))
        assert not result.diagnostics and result.template
        templates.add(to_json(result.template.data))
    assert len(templates) == 1


def test_a_name_with_a_pseudo_parameter(compiled: Compile) -> None:
    text = SPEC.format("").replace("'${ENV}-media'", "'${ENV}-media-${AWS::AccountId}'")
    assert not compiled(text.replace("dependency: 'media'", "dependency: '${ENV}-media-${AWS::AccountId}'")).diagnostics


@pytest.mark.parametrize(
    ("written", "known"),
    [("efs: {dependency: 'media", "media"), ("${sqs:orders", "sqs:orders"), ("[{queue: 'orders", "orders")],
)
def test_an_unknown_name_lists_those_that_exist(compiled: Compile, written: str, known: str) -> None:
    findings = compiled(SPEC.format("").replace(written, f"{written}-x")).diagnostics
    assert findings and all(known in one.hint for one in findings)


def test_a_local_name_comes_before_a_name_in_the_environment() -> None:
    names = [Text((Known("ENV", "staging"), "-a")), "staging-a", "b", Text(("c-", Pseudo("AWS::Region")))]
    known = local_names(names)
    assert known.get("a") == "a"
    assert known.get("staging-a") == "staging-a"
    assert known.get("c-us-east-1") == "c"
    assert known.get("d") is None


@pytest.mark.parametrize("kind", ["aws_sqs_queue", "aws_sns_topic", "aws_s3_bucket", "aws_kinesis_stream"])
@pytest.mark.parametrize("given", ["${import:shared}", "${ssm:/shared}"])
def test_the_arn_of_an_existing_resource_must_be_known_or_its_name_suffices(
    compiled: Compile, kind: str, given: str
) -> None:
    text = HELLO + "dependencies: [{type: %s, name: '%s', unmanaged: {%spermissions: read}}]\n"
    result = compiled(text % (kind, "files", f"arn: '{given}', "))
    assert [one.code for one in result.diagnostics if one.code[0] == "S"] == ["S580"]
    assert given in result.diagnostics[-1].hint
    assert compiled(text % (kind, given, "")).template is not None


def test_a_topic_that_another_stack_exports_is_notified(compiled: Compile) -> None:
    """Also where a topic of the spec has the name of the export."""
    topics = "dependencies: [{type: aws_sns_topic, name: ops}]\n"
    service = compiled(HELLO + "  observability: {alarms: {notify: '${import:ops}'}}\n" + topics).template
    job = "apiVersion: fsd/v1\nkind: Job\nmetadata: {name: tick, owners: team}\njob: {notify: '${import:ops}'}\n"
    assert service is not None
    alarms = [
        one["Properties"] for one in service.data["Resources"].values() if one["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert alarms and all(one["AlarmActions"] == [{"Fn::ImportValue": "ops"}] for one in alarms)
    data = compiled(job + topics).template.data["Resources"]  # type: ignore[union-attr]
    statements = data["StateMachineRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert [one["Resource"] for one in statements if one["Action"] == ["sns:Publish"]] == [[{"Fn::ImportValue": "ops"}]]
    assert "OpsTopic" not in str(data["StateMachine"])


@pytest.mark.parametrize(
    "text",
    [
        "  environmentFiles: ['%s']\n",
        "  sidecars: [{name: a, image: 'a:1', environmentFiles: ['%s']}]\n",
        "  observability: {logs: {driver: awsfirelens, options: {Name: 'null'}, router: {configuration: ['%s']}}}\n",
    ],
)
def test_the_bucket_of_a_file_that_ecs_looks_up_is_known(compiled: Compile, text: str) -> None:
    for given, codes in (("${import:file}", ["S580"]), ("arn:aws:s3:::${import:files}/a.env", [])):
        found = compiled(HELLO + text % given).diagnostics
        assert [one.code for one in found if one.code[0] == "S"] == codes
