"""Hints name what is then accepted: each is applied to the spec that it is about."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from fsdcf.compiler.dependencies import types
from fsdcf.language.advice import typo
from fsdcf.language.model.service import Spec
from fsdcf.language.shape import fields_of, later_of, spellings_of, walk
from fsdcf.language.source import parse, quoted
from tests.conftest import HELLO, Compile

SPECIAL = (
    *("arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db:password::", "a: b", "a:", "a: b: c", "*x", "* x"),
    *(
        "%x",
        "%",
        "@x",
        "`x`",
        "[a] b",
        "{a} b",
        "> x",
        "|x",
        "? x",
        ", x",
        "]",
        "}",
        "'it's'",
        '"a" b',
        "'a' b",
        "c: \\x",
    ),
    "- x",
)
ORDERS = f"""{HELLO}  environment: {{LEVEL: info}}
  ulimits: [{{name: nofile, softLimit: 1, hardLimit: 2}}]
dependencies:
  - {{type: aws_sqs_queue, name: '${{ENV}}-orders'}}
"""
RECORDS = {record: fields_of(record) for record in [Spec, *(each.record for _, each in walk(Spec) if each.record)]}
RECORDS |= {kind.model: fields_of(kind.model) for kind in types().values()}


@pytest.mark.parametrize("value", SPECIAL)
def test_a_plain_text_that_yaml_cannot_read_gets_its_quotes(value: str) -> None:
    for head, document in (
        ("b", "a: 1\nb: {}\nc: 2\n"),
        ("b", "a: 1\r\nb: {}\r\nc: 2\r\n"),
        ("", "a:\n  - {}\n  - c\n"),
    ):
        if not head and (value in ("- x", "? x") or ":" in value):
            continue  # an item that is a list or map of its own
        _, (finding,) = parse(document.format(value).encode(), "s.yml")
        written = re.sub(r"; if `.*", "", finding.hint.rpartition("in quotes: ")[2])
        (line,) = [line for line in document.split("\n") if "{}" in line]
        fixed = document.replace(line.strip("\r"), written if head else f"  - {written}")
        read, findings = parse(fixed.encode(), "s.yml")
        assert read is not None and not findings, (finding.hint, fixed)
        meant = value[1:-1] if value == "'it's'" else value
        assert (read.data["b"] if head else read.data["a"][0]) == meant


@pytest.mark.parametrize(
    ("flow", "data"),
    [
        ("{A: ${ENV}}", {"A": "${ENV}"}),
        ("{A: x-${ENV}-y, B: c}", {"A": "x-${ENV}-y", "B": "c"}),
        ("[a, ${ENV}]", ["a", "${ENV}"]),
        ("{A: ${ENV}, B: \"${ENV}\", C: ['x', *]}", {"A": "${ENV}", "B": "${ENV}", "C": ["x", "*"]}),
        ("{A: arn:x::}", {"A": "arn:x::"}),
        ("{A: a: b}", {"A": "a: b"}),
        ("{A: %d, B: *}", {"A": "%d", "B": "*"}),
        ("[echo, @x]", ["echo", "@x"]),
        ("{A: {B: :8080}}", {"A": {"B": ":8080"}}),
        ("{A: a #b}", {"A": "a #b"}),
    ],
)
def test_the_items_of_a_flow_collection_get_their_quotes(flow: str, data: object) -> None:
    _, (finding,) = parse(f"a: {flow}\n".encode(), "s.yml")
    written = finding.hint.removeprefix("put the items in quotes: ")
    read, findings = parse(f"a: {written}\n".encode(), "s.yml")
    assert read is not None and not findings and read.data == {"a": data}


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("A: {x", 'close it with }, or put text in quotes: A: "{x"'),
        ("A: [x", 'close it with ], or put text in quotes: A: "[x"'),
        ('A: "abc', 'close the quotes: "abc"'),
        ("A: {{X}}", 'put text in quotes: "{{X}}"; a variable of the spec is ${NAME}'),
        ("A: !secret", 'text that begins with ! needs quotes: "!secret"'),
        ("A: #abc", 'a # after a space begins a comment: write "#abc"'),
        ("A: no", 'write false, or "no" for the text'),
        ("A: 0755", 'write "0755"'),
        ("A: 22:22", 'write "22:22"'),
        ('A: {"a": 1}', "put it in quotes: '{\"a\": 1}'"),
        ("A: [1, 2]", 'put it in quotes: "[1, 2]"'),
        ("A:\n      a: {b: 1}", 'put it in quotes: \'{"a": {"b": 1}}\''),
        ("A:\n      - a\n      - b", 'put it in quotes: \'["a", "b"]\''),
        ("A:b", 'write `name: value` lines: `A: "b"`'),
        ("A: >5", 'which is empty || put text in quotes: ">5"'),
        ("A: &x y", 'nothing repeats || put text in quotes: "&x y"'),
        ("A: {valueFrom: /db}", "write a list item in service.secrets"),
        ("- name: A\n      value: b", '`A: "b"`'),
        ("- A=b", '`A: "b"`'),
        ("my-var: b", "write `my_var`"),
        ("1A: b", "write `_1A`"),
    ],
)
def test_a_value_of_the_environment_that_yaml_reads_differently(compiled: Compile, line: str, hint: str) -> None:
    (finding,) = compiled(f"{HELLO}  environment:\n    {line}\n").diagnostics
    assert hint in f"{finding.message} || {finding.hint}"


VALUES = [
    *(("resources: {{cpu: {}, memory: 2048}}", value, number) for value, number in (
        ("500m", "512"), ("256m", "256"), ("0.5", "512"), ("0.5 vCPU", "512"), (".25", "256"), ("1", "1024"),
        ("'512'", "512"), ("1 vCPU", "1024"), ("1.0", "1024"), ("300", "512"),
    )),
    *(("resources: {{cpu: 1024, memory: {}}}", value, number) for value, number in (
        ("2Gi", "2048"), ("2048Mi", "2048"), ("2 GB", "2048"), ("2", "2048"), ("2.5GB", "3072"), ("1Gi", "2048"),
        ("'2048'", "2048"), ("3g", "3072"),
    )),
    *(("autoScaling: {{targetCPU: {}}}", value, "70") for value in ("70%", "0.7", "'70'", "70.0", "70 %")),
    *(("stopTimeout: {}", value, number) for value, number in (
        ("30s", "30"), ("2m", "120"), ("1m30s", "90"), ("PT30S", "30"), ("5m", "120"), ("500ms", "2"), ("30.0", "30"),
    )),
    *(("observability: {{metrics: {{port: {}}}}}", value, "9090") for value in (
        "'9090'", "9090/tcp", "'8080:9090'", "'9,090'",
    )),
    ("resources: {{ephemeralStorage: {}}}", "30Gi", "30"),
    ("observability: {{logs: {{retention: {}}}}}", "'30'", "30"),
    ("enableExecuteCommand: {}", "'yes'", "true"),
    ("enableExecuteCommand: {}", "0", "false"),
    ("observability: {{logs: {}}}", "false", "{enabled: false}"),
    ("resources: {{architecture: {}}}", "amd64", "x86_64"),
    ("resources: {{architecture: {}}}", "linux/arm64", "arm64"),
    ("type: {}", "fargate", "ecs"),
    ("networking: {{loadBalancer: {{allowCidrs: [{}]}}}}", "10.0.0.5", "10.0.0.5/32"),
    ("networking: {{loadBalancer: {{allowCidrs: [{}]}}}}", "0.0.0.0", "0.0.0.0/0"),
    ("networking: {{vpc: {{cidr: {}}}}}", "10.1.0.0", "10.1.0.0/16"),
    ("observability: {{metrics: {{path: {}}}}}", "metrics", "/metrics"),
    ("command: {}", "python app.py", '["python", "app.py"]'),
    ("command: {}", "sh -c 'a b'", '["sh", "-c", "a b"]'),
    ("command: {}", "a && b", '["sh", "-c", "a && b"]'),
    ("workingDirectory: {}", "1.10", '"1.10"'),
    ("observability: {{logs: {{retention: {}}}}}", "2 weeks", "14"),
    ("networking: {{vpc: {}}}", "10.1.0.0/16", "{cidr: 10.1.0.0/16}"),
    ("volumes: [{{name: a, mountPath: {}}}]", "data", "/data"),
    ("taskRole: {{statements: [{{actions: {}, resources: ['*']}}]}}", "'s3:GetObject'", '["s3:GetObject"]'),
    ("taskRole: {{statements: [{{actions: ['s3:GetObject'], resources: {}}}]}}", "'*'", '["*"]'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "value", "meant"), VALUES, ids=[f"{line.partition(':')[0]} {value}" for line, value, _ in VALUES]
)
def test_a_value_in_another_unit_gets_the_value_to_write(compiled: Compile, line: str, value: str, meant: str) -> None:
    (finding,) = compiled(f"{HELLO}  {line.format(value)}\n").diagnostics
    assert meant in finding.hint, finding
    fixed = compiled(f"{HELLO}  {line.format(meant)}\n")
    assert not [one for one in fixed.diagnostics if one.code.startswith("S")], fixed.diagnostics


@pytest.mark.parametrize(
    "value", ["9" * 400 + "Gi", "1." * 500, "'" + "9" * 5000 + "'", ".inf", "9" * 399, "-5Gi", "1,5"]
)
def test_a_number_that_is_none_has_a_hint_too(compiled: Compile, value: str) -> None:
    for key in ("cpu", "memory", "ephemeralStorage"):
        findings = compiled(f"{HELLO}  resources: {{{key}: {value}, spot: {value}}}\n").diagnostics
        assert findings and all(each.hint for each in findings)


def test_a_size_that_needs_another_cpu_says_so(compiled: Compile) -> None:
    (finding,) = compiled(HELLO + "  resources: {memory: 3Gi}\n").diagnostics
    assert "write 3072, with cpu 512" in finding.hint
    (finding,) = compiled(HELLO + "  resources: {cpu: 1}\n").diagnostics
    assert "write 1024, with memory 2048" in finding.hint


@pytest.mark.parametrize("name", ["My_service", "myService", "my service", "-my-service-"])
def test_a_name_in_another_format_gets_the_name_to_write(compiled: Compile, name: str) -> None:
    (finding,) = compiled(HELLO.replace("hello", name, 1)).diagnostics
    assert finding.code == "S105" and "write `my-service`" in finding.hint


def test_a_name_keeps_its_placeholder(compiled: Compile) -> None:
    (finding,) = compiled(HELLO + "dependencies:\n  - {type: aws_s3_bucket, name: '${ENV}-My_Bucket'}\n").diagnostics
    assert finding.code == "S105" and "write `${ENV}-my-bucket`" in finding.hint


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("  enableExecuteCommand: yes\n", ["S011"]),
        ("  taskRole: {statements: [{Action: ['s3:GetObject'], Resource: ['*']}]}\n", ["S101", "S101"]),
        ("  deployment: {strategy: BlueGreen}\n", ["S107"]),
    ],
)
def test_a_mistake_is_reported_once(compiled: Compile, text: str, codes: list[str]) -> None:
    assert [one.code for one in compiled(HELLO + text).diagnostics] == codes


def _misspelled(name: str) -> Iterator[str]:
    middle = len(name) // 2
    yield name[:middle] + name[middle + 1 :]
    yield name[:middle] + name[middle] + name[middle:]
    yield name[:middle] + name[middle + 1] + name[middle] + name[middle + 2 :] if middle + 2 <= len(name) - 1 else name
    yield re.sub("[A-Z]", lambda letter: f"_{letter.group().lower()}", name)
    yield name.upper()


def test_a_misspelled_key_leads_to_a_key_of_the_same_place() -> None:
    for record, fields in RECORDS.items():
        known = {*spellings_of(record), *later_of(record)}
        for each in fields:
            for word in _misspelled(each.name):
                meant = typo(word, known)
                assert meant is None or meant in known
                assert meant is not None or len(word) < 4, (record, word)


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("localSecondaryIndexes", "globalSecondaryIndexes"),
        ("tableClass", "tableName"),
        ("target", "targetCPU"),
        ("deploy", "deployment"),
        ("args", "tags"),
        ("aws_rds_cluster", "aws_msk_cluster"),
        ("namespace", "name"),
        ("port", "path"),
    ],
)
def test_another_word_is_not_a_misspelling(word: str, known: str) -> None:
    assert typo(word, [known]) is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("  healthchek: 1\n", "did you mean `healthCheck`?"),
        ("  health_check: 1\n", "did you mean `healthCheck`?"),
        ("  certificateArn: x\n", "`service.networking.loadBalancer.certificateArn`"),
        ("  sidecar: []\n", "did you mean `sidecars`?"),
        ("  foo: 1\n", "valid keys: autoScaling, build, capabilities, command"),
        ("  resources: {desired: 2}\n", "did you mean `desiredCount`?"),
        ("  resources: {gpu: 1}\n", "Fargate has no GPUs"),
        ("  observability: {logs: {retentionDays: 30}}\n", "did you mean `retention`?"),
        ("  networking: {loadBalancer: {healthCheck: {}}}\n", "`service.healthCheck`"),
        ("  deployment: {timeout: 5}\n", "valid keys: circuitBreaker"),
        ("  deployment: {max: 200}\n", "write `maximumPercent`"),
        ("  volumes: [{name: a, mountPath: /a, size: 5}]\n", "write `name` and `mountPath`"),
        ("  observability: {logs: {target: x}}\n", "valid keys: driver"),
        ("  networking: {mode: awsvpc}\n", "leave it out"),
        ("  statements: []\n", "a key of `taskRole` and of `executionRole`"),
        ("  alarms: {}\n", "`alarms` is a key of `observability`"),
        ("  dependencies: []\n", "`dependencies` is a key of the whole spec: begin it in the first column"),
        ("  name: web\n", "`metadata.name`"),
        ("owner: web\n", "`owner` is a key of `metadata`"),
    ],
)
def test_an_unknown_key_leads_to_its_place(compiled: Compile, text: str, hint: str) -> None:
    (finding,) = compiled(HELLO + text).diagnostics
    assert hint in finding.hint


def test_quoted_text_is_read_back() -> None:
    for text in ("a", "it's", 'say "a"', "C:\\x", "both ' and \"", ""):
        document, _ = parse(f"a: {quoted(text)}\n".encode(), "s.yml")
        assert document is not None and document.data == {"a": text}


def test_a_spec_without_mistakes_does_not_load_the_hints() -> None:
    program = (
        "import sys; from fsdcf.pipeline import Request, run\n"
        f"assert run(Request('s.yml', {ORDERS.encode()!r}, 'prod')).template\n"
        "print(*({'fsdcf.language.advice', 'fsdcf.language.foreign'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_a_key_of_what_is_switched_off(compiled: Compile) -> None:
    text = HELLO + "  networking: {loadBalancer: false, hosts: [a.example.com]}\n"
    (found,) = [each for each in compiled(text).diagnostics if each.code[0] == "S"]
    assert (found.code, found.path[-1], "`loadBalancer`, which is false" in found.hint) == ("S101", "hosts", True)
    written = text.replace("false, hosts: [a.example.com]", "{hosts: [a.example.com]}")
    assert compiled(written).template is not None, "the hint works"
