"""All findings at once: a wrong value hides only the findings that are consequences of it."""

from __future__ import annotations

import pytest

from fsdcf.language.model.service import HealthCheck
from fsdcf.language.unknown import UnknownValue, record_without, until_unknown
from tests.conftest import HELLO, Compile

HEAD = "apiVersion: fsd/v1\nkind: Service\nmetadata: {name: shop, owners: team}\n"
CHECKED = "  healthCheck: {container: {command: 'true'}}\n"
NEIGHBOURS = {
    "image": ('  port: "80"\n  image: nginx:1\n' + CHECKED, ["S102", "S201"]),
    "exec": ("  prot: 80\n  enableExecuteCommand: true\n  readonlyRootFilesystem: true\n" + CHECKED, ["S101", "S211"]),
    "pair": ("  resources: {cpu: 512, memory: 8192, desiredCount: x}\n" + CHECKED, ["S102", "S203"]),
    "bounds": ("  autoScaling: {minCount: 5, maxCount: 2, targetCPU: 170}\n" + CHECKED, ["S104", "S205"]),
    "both checks": (
        "  port: 80\n  healthCheck: {interval: x, container: {command: x, interval: 5, timeout: 9}}\n",
        ["S102", "S204"],
    ),
    "ulimits": (
        CHECKED
        + "  ulimits:\n    - {name: nofile, softLimit: x, hardLimit: 1}\n"
        + "    - {name: nproc, softLimit: 5, hardLimit: 1}\n",
        ["S102", "S226"],
    ),
    "volumes": (
        CHECKED + "  volumes:\n    - {name: 5, mountPath: /a}\n    - {name: b, mountPath: /b, efs: {}}\n",
        ["S102", "S217"],
    ),
    "dependencies": (
        CHECKED
        + "dependencies:\n  - {type: aws_sqs_queue, name: 5}\n"
        + "  - {type: aws_sqs_queue, name: '${ENV}-a', permissions: [x]}\n",
        ["S102", "S301"],
    ),
}
CONSEQUENCES = {
    "a worker by mistake": ("  prot: 80\n  healthCheck: {path: /x, container: {command: 'true'}}\n", ["S101"]),
    "a timeout that was meant": (
        "  port: 80\n  healthCheck: {interval: 5, timout: 3, container: {command: 'true'}}\n",
        ["S101"],
    ),
    "a pair with what is no number": ("  resources: {cpu: x, memory: 8192}\n" + CHECKED, ["S102"]),
    "a check that was meant": ("  port: 80\n  healthCheck: {contaner: {command: 'true'}}\n", ["S101"]),
    "a list that holds what it should not": (
        "  networking: {vpc: {id: vpc-01234567, privateSubnets: [5]}}\n" + CHECKED,
        ["S102"],
    ),
    "what CloudFormation alone knows": (
        CHECKED
        + "dependencies:\n  - {type: '${sqs:a:url}', name: a}\n"
        + "  - {type: sqlite_database, name: b, path: '/${AWS::Region}'}\n",
        ["S208", "S208"],
    ),
    "no service": ("  5\n", ["S102"]),
}


@pytest.mark.parametrize(
    ("text", "codes"), [*NEIGHBOURS.values(), *CONSEQUENCES.values()], ids=[*NEIGHBOURS, *CONSEQUENCES]
)
def test_independent_findings_are_reported_and_consequences_are_not(
    compiled: Compile, text: str, codes: list[str]
) -> None:
    assert sorted(one.code for one in compiled(f"{HEAD}service:\n{text}").diagnostics) == codes


@pytest.mark.parametrize(
    "line", ["owners: ${AWS::Region}", "tags: {user: '${AWS::Region}'}", "pack: ${sqs:a:url}", "owners: ['${ssm:/x}']"]
)
def test_metadata_must_be_known_when_compiling(compiled: Compile, line: str) -> None:
    text = f"apiVersion: fsd/v1\nkind: Service\nmetadata:\n  name: shop\n  {line}\nservice:\n{CHECKED}"
    assert "S208" in {one.code for one in compiled(text).diagnostics}


def test_a_finding_is_at_its_own_item(compiled: Compile) -> None:
    for name, line in (("ulimits", 8), ("volumes", 8), ("dependencies", 8)):
        text = f"{HEAD}service:\n{NEIGHBOURS[name][0]}"
        assert max(one.span.line for one in compiled(text).diagnostics) == line, name


def test_an_unknown_value_ends_a_rule() -> None:
    check = record_without(HealthCheck, {"timeout": 7}, frozenset({"interval"}))
    assert isinstance(check, HealthCheck) and check.timeout == 7
    with pytest.raises(UnknownValue):
        _ = check.interval
    assert list(until_unknown(check.interval if number else number for number in (0, 1))) == [0]


@pytest.mark.parametrize("key", ["overlay: [x]", "overlay: 5", "protected: [x]", "protected: {a: b}"])
def test_a_wrong_value_that_decides_about_production_is_one_finding(compiled: Compile, key: str) -> None:
    file = f"apiVersion: fsd/v1\nkind: Environment\nmetadata: {{name: staging, owners: t}}\nenvironment: {{{key}}}\n"
    assert [each.code for each in compiled(file, name="staging.yml").diagnostics] == ["S102"]
    assert "S102" in {each.code for each in compiled(HELLO, file=file).diagnostics}
