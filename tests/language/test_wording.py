"""Hints that say what to write in the place of what is wrong."""

from __future__ import annotations

import pytest

from tests.conftest import HELLO, Compile


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "  secrets: [{DB: 'arn:aws:ssm:us-east-1:123456789012:parameter/db'}]\n",
            "unknown key `DB`",
            "write two keys, each on its line: `name: DB` and `valueFrom:` with the value",
        ),
        (
            "  volumes: [{data: /data}]\n",
            "unknown key `data`",
            "write two keys, each on its line: `name: data` and `mountPath:` with the value",
        ),
        ("  environment: {KEY: }\n", "`KEY` must be text, not empty", 'write "" for an empty text'),
    ],
    ids=["a secret", "a volume", "an empty value"],
)
def test_a_hint_contains_the_corrected_text(compiled: Compile, text: str, message: str, hint: str) -> None:
    assert [(one.message, one.hint) for one in compiled(HELLO + text).diagnostics] == [(message, hint)]


def test_an_empty_map_is_not_an_empty_text(compiled: Compile) -> None:
    (one,) = compiled(HELLO + "  environment:\n").diagnostics
    assert "write a value, or leave out the key" in one.hint


def test_an_item_with_one_of_its_keys_is_not_a_pair(compiled: Compile) -> None:
    text = HELLO + "  secrets: [{naem: DB, valueFrom: 'arn:aws:ssm:us-east-1:123456789012:parameter/db'}]\n"
    assert "did you mean `name`?" in {one.hint for one in compiled(text).diagnostics}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("  replicas: 3\n", "write `service.resources.desiredCount`"),
        ("  resources: {replicas: 3}\n", "write `desiredCount`"),
        ("  env: {A: b}\n", "write `environment`"),
        ("  environment:\n    - A=1\n", "write `name: value` lines, without `- `"),
        ("  secrets:\n    DB: /shop/db\n", "write a list of items such as `- {name: DB, valueFrom: /shop/db}`"),
        ("  secrets: {A: 'ssm:/b'}\n", '`- {name: A, valueFrom: "ssm:/b"}`'),
        ("  secrets: [{name: A, valueFrom: {secretsmanager: prod/db}}]\n", "write `secretsmanager:prod/db`"),
        ("  networking: {vpc: {nat: true}}\n", "use none, single, perZone or regional"),
        ("  networking: {vpc: {availabilityZones: '3'}}\n", "write 3 without quotes"),
        ("  networking: {vpc: {availabilityZones: all}}\n", "the ids of the zones"),
        ("  networking: {vpc: {cidr: 10.1.2.3}}\n", "write `10.1.0.0/16`"),
        ("  networking: {loadBalancer: {certificateArn: true}}\n", "write the ARN of a certificate"),
        ("  networking: {loadBalancer: {allowCidrs: 10.0.0.5}}\n", 'write a list: ["10.0.0.5/32"]'),
        ("  networking: {loadBalancer: {allowCidrs: example.com}}\n", "write a list; an item is a range"),
        ("  resources: {cpu: '512'}\n", "write 512 without quotes, with memory 1024"),
        ("  resources: {desiredCount: 2-10}\n", "write `autoScaling` in its place, with minCount 2 and maxCount 10"),
        ("  stopTimeout: [30, 60]\n", "write 30"),
        ("  environment: {‘A’: b}\n", "write `A`"),
        (
            "  tmpfs: [{path: /a, size: 5, options:}]\n",
            "write a space after the colon: [{path: /a, size: 5, options: }]",
        ),
        ("  autoScaling: {targetResponseTime: 500ms}\n", "write 0.5. "),
        (
            "  networking: {loadBalancer: {redirects: [{paths: [/a], toPath: /b, status: 308}]}}\n",
            "use 301 or 302",
        ),
        ("  image: {location: web, port: 80}\n", "write the repository alone"),
        ("  autoScaling: true\n", "write {minCount: 2, maxCount: 10}"),
        ("  volumes: ['data:/data']\n", "write {name: data, mountPath: /data}"),
        ("  ulimits: 5\n", "each item begins with `- ` and has name, softLimit and hardLimit"),
        ("  environment: {A: '${env}'}\n", "did you mean `${ENV}`?"),
        ("  environment: {A: '${AWS_ACCOUNT_ID}'}\n", "did you mean `${AWS::AccountId}`?"),
        ("  environment: {A: '${aws:region}'}\n", "did you mean `${AWS::Region}`?"),
        ("  environment: {A: '${secret:a/b}'}\n", "did you mean `${secrets:a/b}`?"),
        ("  environment: {A: '${kms:documents}'}\n", "did you mean `${kms:documents:arn}`?"),
        ("  environment: {A: '${Fn::ImportValue:Vpc}'}\n", "did you mean `${import:Vpc}`?"),
        ("  environment: {A: {Fn::ImportValue: Vpc}}\n", "write `${import:Vpc}`"),
        ("  environment: {A: !ImportValue Vpc}\n", 'write "${import:Vpc}"'),
        ("  environment: {A: '${PORT:-80}'}\n", "write ${PORT}, and set it with --var PORT=…"),
        ("dependencies: [{name: a}]\n", "write one of aws_"),
        (
            "dependencies: [{type: aws_s3_bucket, name: '${ENV}-a', lifecycle: 30}]\n",
            "keys such as prefix and expireAfterDays",
        ),
        ("  environment: {A: “b c”}\n", 'write "b c"'),
        ("  environment:\n    A=1\n    B=2\n", '`A: "1"`'),
        ("  environment:\n  A: 1\n  B_2: 2\n", "indent `A` and `B_2` by two more spaces"),
        ("  environment:\n" + "".join(f"  {name}: 1\n" for name in "ABCDE"), "`A`, `B`, `C` and 2 more keys by two"),
        ("  deployment:\n  strategy: rolling\n", "indent `strategy` by two more spaces"),
        ('  environment: {A: "C:\\foo"}\n', "single quotes: 'C:\\foo'"),
        ("  environment:\n    A: |\n      b\n     c\n", "indent every line of a block of text"),
        ("  deployment:\n  \u00a0\u00a0strategy: rolling\n", "replace it by spaces"),
        ("---\n# the end\n", "remove the line"),
        ("---\nfoo: 1\n", "move it to its own file"),
        ("  stopTimeout: ${STOP}\n", "set it with --var STOP=…"),
        (
            "dependencies:\n  orders: {type: aws_sqs_queue}\n",
            "write a list; each item begins with `- ` and has type and name",
        ),
        ("  volumes:\n    - /data:/data\n", "an item is a map with name and mountPath"),
        (
            "  networking: {vpc: vpc}\n",
            "write a map; valid keys: availabilityZones, cidr, endpoints, flowLogs, id, nat, privateSubnets",
        ),
        ("  networking: {vpc: 'yes'}\n", "write true, without quotes"),
        ("  observability: {logs: {retention: 45}}\n", "use 30, 60, `forever` or `never`"),
        ("  observability: {logs: {retention: 0}}\n", "use `forever`, `never` or 1"),
        ("  observability: {logs: {retention: nevr}}\n", "did you mean `never`?"),
        ("  observability: {logs: {retention: '30'}}\n", "write 30 without quotes"),
        ("  observability: {logs: {retention: 9999}}\n", "use 3653, `forever` or `never`"),
        ("dependencies:\n  - {type: sqs, name: a}\n", "did you mean `aws_sqs_queue`?"),
        (" resources:\n   cpu: 256\n", "check the indentation"),
        ("  environment:\n    A: b\n   B: c\n", "check the indentation"),
        (
            "  environment: {A: '${secrets:arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf}'}\n",
            "the ARN in service.secrets, as valueFrom",
        ),
        ("  image: @shop\n", "put the value in quotes"),
        ("  environment:\n    A: 'it's'\n", 'put the value in quotes: A: "it\'s"'),
        ('  user: "app\n', 'close the quotes: "app"'),
        ("  command: [a, b\n", "close it with ]"),
        ('  user: "\\d"\n', "user: '\\d'"),
    ],
)
def test_typical_mistakes_have_hints(compiled: Compile, text: str, hint: str) -> None:
    (finding,) = compiled(HELLO + text).diagnostics
    assert hint in finding.hint


def test_a_no_break_space_is_text_where_it_does_not_indent(compiled: Compile) -> None:
    result = compiled(HELLO + "  environment:\n    A: \u00a0\n    B: \u00a0b\n    C: a\u00a0b\n")
    assert result.template is not None and not result.diagnostics


def test_a_finding_distinguishes_an_item_from_its_list(compiled: Compile) -> None:
    assert [one.message for one in compiled(HELLO + "dependencies:\n  - aws_sqs_queue\n").diagnostics] == [
        "an item of `dependencies` must be a map, not text"
    ]
