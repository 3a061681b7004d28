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
