"""Findings that no golden case shows: limits of the text, rare rules, and consequences of the file system."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from fsdcf.cli.commands.explain import catalogue
from fsdcf.diagnostics import Diagnostic
from fsdcf.pipeline import Request, run
from tests.conftest import HELLO, Compile

MANY_ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join('*' + chr(97 + n) for _ in range(9))}]\n" for n in range(8)
)
NO_NAT = "  networking:\n    vpc: {nat: none, endpoints: [ecr.api, ecr.dkr, logs]}\n"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("S003", HELLO + MANY_ALIASES),
        ("S003", HELLO + "  command: &c [*c]\n"),
        (
            "S003",
            HELLO + "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} {'[' * 44}*a{n - 1}{']' * 44}\n" for n in range(1, 60)),
        ),
        ("S014", HELLO + "# fsdcf: allow W1 because x\n" * 20_000 + "# fsdcf: allow\n" * 20_000),
        ("S005", "- a\n- b\n"),
        ("S007", ""),
        ("S007", "# only a comment\n"),
        ("S008", "[" * 100_000),
        ("S008", "a: " + "{b: " * 60 + "1" + "}" * 60),
        ("S009", HELLO + "---\n" + HELLO),
        ("S010", HELLO + "#" * (1 << 20)),
        ("S012", HELLO + "  environment:\n    <<: {A: b}\n"),
        ("S013", HELLO + "  environment:\n    1: x\n"),
        ("S113", HELLO + '  user: "a\\x01"\n'),
        (
            "S218",
            HELLO
            + "  environment: {A: x}\n  secrets:\n"
            + "    - {name: A, valueFrom: 'arn:aws:ssm:us-east-1:123456789012:parameter/a'}\n",
        ),
        ("S110", HELLO + "  environment: {A: '${ssm:/my parameter}'}\n"),
        ("S110", HELLO + "  environment: {A: '${secrets:my secret}'}\n"),
        ("S240", HELLO + "  environment: {A: '${secrets:prod/db-master:password}'}\n"),
        ("S265", HELLO + "  observability: {metrics: {select: [{names: [a], dimensions: [b, c, b]}]}}\n"),
        (
            "S265",
            HELLO
            + "  observability: {metrics: {select: [{names: [a], dimensions: [a, b, c, d, e, f, g, h, i, j, k]}]}}\n",
        ),
        ("S265", HELLO + "  observability: {metrics: {select: [{names: [a], dimensions: [method, le]}]}}\n"),
        ("S265", HELLO + "  observability: {metrics: {select: [{names: [a], dimensions: [instance]}]}}\n"),
        ("S268", HELLO + "  observability: {metrics: {select: [{names: [latency_seconds_bucket]}]}}\n"),
        ("S105", HELLO + "  observability: {metrics: {select: [{names: ['^http_.*$']}]}}\n"),
        ("S266", HELLO + "  tmpfs: [{path: /tmp, size: 512}]\n  resources: {memory: 512}\n"),
        ("S266", HELLO + "  tmpfs: [{path: /a, size: 600}, {path: /b, size: 600}]\n"),
        ("S266", HELLO + "  tmpfs: [{path: /tmp, size: 1, options: [exec, noexec]}]\n"),
        ("S266", HELLO + "  tmpfs: [{path: /tmp, size: 1, options: [rw, ro]}]\n"),
        ("S266", HELLO + "  tmpfs: [{path: /tmp, size: 1, options: [uid=1, noexec, uid=2]}]\n"),
        ("S105", HELLO + "  tmpfs: [{path: /tmp, size: 1, options: [remount]}]\n"),
        ("S105", HELLO + "  tmpfs: [{path: /, size: 1}]\n"),
        ("S104", HELLO + "  tmpfs: [{path: /tmp, size: 0}]\n"),
        ("S230", HELLO + "  tmpfs: [{path: /tmp, size: 1}]\n  volumes: [{name: a, mountPath: /tmp/}]\n"),
        ("S230", HELLO + "  tmpfs: [{path: /tmp, size: 1}, {path: /tmp, size: 2}]\n"),
        (
            "S230",
            HELLO
            + "  tmpfs: [{path: /mnt/efs, size: 1}]\ndependencies:\n  - {type: aws_efs_file_system, name: files}\n",
        ),
        ("S220", HELLO.replace("owners: team", "owners: team\n  tags: {Team: a, team: b}")),
        ("S220", HELLO.replace("owners: team", "owners: team\n  pack: |\n    shop\n")),
        (
            "S220",
            HELLO.replace("owners: team", f"owners: team\n  tags: {{{', '.join(f't{n}: x' for n in range(44))}}}"),
        ),
        (
            "S241",
            HELLO
            + "  taskRole: {statements: [{actions: ['s3:GetObject'], resources: ['*'],"
            + " conditions: {StringEquals: {'aws:x': null}}}]}\n",
        ),
        (
            "S241",
            HELLO
            + "  executionRole: {statements: [{actions: ['s3:GetObject'], resources: ['*'],"
            + " conditions: {StringEquals: x}}]}\n",
        ),
        (
            "S242",
            HELLO + "dependencies:\n  - {type: aws_dynamodb_table, name: '${ENV}-public-route',"
            " keySchema: [{name: a, type: HASH}],"
            " attributes: [{name: a, type: S}]}\n",
        ),
        ("S216", HELLO + NO_NAT + "  image: docker.io/library/nginx\n"),
        ("S216", HELLO + NO_NAT + "  observability: {metrics: {}}\n"),
        ("S243", HELLO.replace("name: hello", "name: otel-collector") + "  observability: {metrics: {}}\n"),
        ("S243", HELLO.replace("port: 8000", "port: 4318") + "  observability: {traces: {}}\n"),
        ("S243", HELLO + "  observability: {metrics: {port: 4317}, traces: {}}\n"),
        ("S243", HELLO.replace("port: 8000", "port: 8888") + "  observability: {metrics: {}}\n"),
        ("S105", HELLO + "  networking: {loadBalancer: {stickiness: {cookieName: AWSALBAPP-0}}}\n"),
        ("S221", HELLO + "  networking: {vpc: {endpoints: [ecr.api, s3]}}\n"),
        ("S281", HELLO + "  networking: {loadBalancer: {headers: [{name: X, values: [a, a]}]}}\n"),
        ("S281", HELLO + "  networking: {loadBalancer: {query: [{values: [a]}, {values: [a]}]}}\n"),
        (
            "S221",
            HELLO.replace("    container:", "    path: /x\n    container:") + "  networking: {loadBalancer: false}\n",
        ),
        ("S225", HELLO.replace("    container:", "    successCodes: 300-200\n    container:")),
        ("S229", HELLO + "dependencies:\n  - {type: aws_sqs_queue, name: '${ENV}'}\n"),
    ],
    ids=lambda value: value if len(value) < 8 else "",
)
def test_a_rule_reports_its_violation_quickly(compiled: Compile, code: str, text: str) -> None:
    start = time.process_time()
    result = compiled(text)
    assert code in {one.code for one in result.diagnostics}, result.diagnostics
    assert result.template is None
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (
            HELLO.replace("port: 8000", "port: 8000\n  memory: 512"),
            "`memory` is a key of `resources`: indent it below that",
        ),
        (
            HELLO + "environments:\n  prod:\n    autoScaling: {minCount: 2}\n",
            "`autoScaling` is a key of `service`: indent it below that",
        ),
        (
            HELLO + "dependencies:\n  - {type: aws_sqs_queue, name: a, foo: {}}\n",
            "maximumMessageSize, messageRetention, name, permissions, receiveWaitTime",
        ),
        (HELLO + "dependencies:\n  - {type: aws_sqs_queue, name: a, visibilityTimeout: 2m}\n", "write 120. Seconds"),
        (HELLO + "  resources: {memory: 4 GiB}\n", "write 4096, with cpu 512. Memory"),
        (HELLO + "  resources: {memory: much}\n", "Memory of a task in MiB"),
        (HELLO + '  enableExecuteCommand: "yes"\n', "write true, without quotes"),
    ],
)
def test_a_hint_says_what_to_write(compiled: Compile, text: str, hint: str) -> None:
    assert hint in "\n".join(one.hint or "" for one in compiled(text).diagnostics)


def test_an_override_that_cannot_be_read(compiled: Compile) -> None:
    assert {one.code for one in compiled(HELLO, overrides=("nonsense",)).diagnostics} == {"S109"}


def test_a_template_over_the_limits(compiled: Compile) -> None:
    queues = "".join(f"  - {{type: aws_sqs_queue, name: 'queue-{number}-${{ENV}}'}}\n" for number in range(170))
    assert "S235" in {one.code for one in compiled(HELLO + "dependencies:\n" + queues).diagnostics}


def test_production_needs_auto_scaling_and_tls(compiled: Compile) -> None:
    assert {one.code for one in compiled(HELLO, environment="prod").diagnostics} == {
        "W103",
        "W112",
        "W123",
        "W140",
        "W141",
        "W210",
    }
    assert compiled(HELLO).diagnostics == ()


@pytest.mark.parametrize(
    "balancer",
    ["{internal: true}", "{certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/1'}"],
    ids=["not from the internet", "with a certificate"],
)
def test_no_tls_warning_without_plain_internet_traffic(compiled: Compile, balancer: str) -> None:
    text = HELLO + f"  networking: {{loadBalancer: {balancer}}}\n"
    assert "W112" not in {one.code for one in compiled(text, environment="prod").diagnostics}
    assert "W112" not in {
        one.code for one in compiled(HELLO.replace("  port: 8000\n", ""), environment="prod").diagnostics
    }


def test_placeholders_become_values_numbers_and_functions(compiled: Compile) -> None:
    text = (
        HELLO.replace("8000\n", "${PORT}\n", 1)
        + "  environment:\n    E: ${ENV}\n    R: in-${AWS_REGION}\n    L: $${LITERAL}\n    N: 1.10\n    B: true\n"
    )
    result = compiled(text, variables={"PORT": "9000"})
    assert result.template is not None, result.diagnostics
    container = result.template.data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    assert container["PortMappings"][0]["ContainerPort"] == 9000
    values = {one["Name"]: one["Value"] for one in container["Environment"]}
    assert values == {
        "E": "staging",
        "R": {"Fn::Sub": "in-${AWS::Region}"},
        "L": "${LITERAL}",
        "N": "1.10",
        "B": "true",
    }


def test_an_attribute_of_a_dependency_is_a_reference(compiled: Compile) -> None:
    text = (
        HELLO
        + "  environment:\n    Q: ${sqs:orders-jobs:arn}\n"
        + "dependencies:\n  - {type: aws_sqs_queue, name: '${ENV}-orders-jobs'}\n"
    )
    result = compiled(text)
    assert result.template is not None, result.diagnostics
    environment = result.template.data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"][0][
        "Environment"
    ]
    assert {"Name": "Q", "Value": {"Fn::GetAtt": ["OrdersJobsQueue", "Arn"]}} in environment
    assert [one["Name"] for one in environment] == ["ORDERS_JOBS_QUEUE_URL", "Q"]


def test_databases_need_different_files_and_volumes_different_names(compiled: Compile) -> None:
    shared = "dependencies:\n  - {type: aws_efs_file_system, name: data}\n"
    twins = "  - {type: sqlite_database, name: one}\n  - {type: sqlite_database, name: two}\n"
    assert "S231" in {one.code for one in compiled(HELLO + shared + twins).diagnostics}
    volume = "  volumes:\n    - {name: data, mountPath: /x}\n"
    assert "S231" in {one.code for one in compiled(HELLO + volume + shared).diagnostics}


@pytest.mark.parametrize(
    ("count", "least", "most", "stuck"),
    [
        (1, 50, 150, True),
        (2, 50, 150, False),
        (2, 90, 110, True),
        (10, 90, 110, False),
        (1, 0, 100, False),
        (0, 100, 200, False),
    ],
)
def test_deployment_limits_are_rounded_to_whole_tasks(
    compiled: Compile, count: int, least: int, most: int, stuck: bool
) -> None:
    deployment = f"  deployment: {{minimumHealthyPercent: {least}, maximumPercent: {most}}}\n"
    for number in (f"  resources: {{desiredCount: {count}}}\n", f"  autoScaling: {{minCount: {count}}}\n"):
        assert ("S212" in {one.code for one in compiled(HELLO + number + deployment).diagnostics}) == stuck


def test_a_description_is_counted_in_bytes(compiled: Compile) -> None:
    for letters, code in (("x" * 850, None), ("x" * 851, "S104"), ("é" * 425, None), ("é" * 426, "S233")):
        found = compiled(
            HELLO.replace("name: hello", f"name: {'h' * 40}\n  description: {letters}"), environment="e" * 20
        )
        assert {one.code for one in found.diagnostics} == ({code} if code else set())
        assert found.template is None or len(found.template.data["Description"].encode()) <= 1024 * 0.9


@pytest.mark.parametrize(("count", "codes"), [(60, set()), (70, {"S235"})])
def test_a_task_definition_over_the_limit(compiled: Compile, count: int, codes: set[str]) -> None:
    variables = "".join(f"    VAR_{number}: {'é' * 480}\n" for number in range(count))
    found = compiled(HELLO + "  environment:\n" + variables).diagnostics
    assert {one.code for one in found} == codes
    assert all("a task definition of" in one.message and "long values" in (one.hint or "") for one in found)


@pytest.mark.parametrize(
    "text",
    [
        HELLO + NO_NAT + "  image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop\n",
        HELLO + NO_NAT + "  observability: {metrics: {enabled: false}, traces: {enabled: false}}\n",
        HELLO.replace("port: 8000", "port: 4318") + "  observability: {metrics: {}, traces: {enabled: false}}\n",
        HELLO.replace("name: hello", "name: otel-collector"),
        HELLO + "  observability: {metrics: {enabled: false, port: 4317}, traces: {}}\n",
    ],
)
def test_no_finding_without_a_collector_or_with_reachable_endpoints(compiled: Compile, text: str) -> None:
    assert compiled(text).template is not None


def test_a_secret_owned_by_an_aws_service_may_contain_an_exclamation_mark(compiled: Compile) -> None:
    """RDS gives this name to the secret of a cluster, although users cannot use `!`."""
    name = "rds!cluster-cd690a09-953c-42e9-9d9f-1ed0b434d226"
    arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf:password::"
    for text in (
        f"  environment: {{A: '${{secrets:{name}:password}}'}}\n",
        f"  secrets: [{{name: A, valueFrom: '{arn}'}}]\n",
    ):
        result = compiled(HELLO + text)
        assert result.template is not None, result.diagnostics


@pytest.mark.parametrize("network", ["", "    vpc: {nat: none, endpoints: [ecr.api, ecr.dkr, logs]}\n"])
def test_an_isolated_partition_reaches_no_public_images(compiled: Compile, network: str) -> None:
    certificate = "arn:aws-iso:acm:us-iso-east-1:123456789012:certificate/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c"
    text = HELLO + f"  networking:\n    loadBalancer: {{certificateArn: {certificate!r}}}\n{network}"
    assert not [one for one in compiled(text).diagnostics if one.code == "S216"]
    for lines in ("  observability: {traces: {}}\n", "  image: public.ecr.aws/nginx/nginx\n"):
        (found,) = (one for one in compiled(text + lines).diagnostics if one.code == "S216")
        assert "from aws-iso" in found.message and "nat" not in found.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("com.amazonaws.us-east-1.kms", "kms"),
        ("cn.com.amazonaws.cn-north-1.ecr.api", "ecr.api"),
        ("gov.ic.c2s.us-iso-east-1.ecr.dkr", "ecr.dkr"),
        ("ECR.api", "ecr.api"),
    ],
)
def test_the_full_name_of_an_endpoint_service(compiled: Compile, name: str, hint: str) -> None:
    (found,) = compiled(HELLO + f"  networking: {{vpc: {{endpoints: [{name}]}}}}\n").diagnostics
    assert found.code == "S105" and f"write `{hint}`:" in found.hint


def test_an_image_with_an_unknown_registry_may_be_in_ecr(compiled: Compile) -> None:
    assert "S216" not in {one.code for one in compiled(HELLO + NO_NAT + "  image: ${REGISTRY}/shop\n").diagnostics}


@pytest.mark.parametrize(
    ("lines", "warned"),
    [
        ("  user: 1000:1000\n  volumes: [{name: a, mountPath: /tmp}]\n", True),
        ("  user: node\n  readonlyRootFilesystem: true\n  volumes: [{name: a, mountPath: /tmp}]\n", True),
        ("  user: 0:0\n  volumes: [{name: a, mountPath: /tmp}]\n", False),
        ("  user: root\n  volumes: [{name: a, mountPath: /tmp}]\n", False),
        ("  volumes: [{name: a, mountPath: /tmp}]\n", False),
        ("  user: 1000\n  volumes: [{name: a, mountPath: /tmp, readOnly: true}]\n", False),
        ("  user: 1000\n  volumes: [{name: a, mountPath: /tmp, efs: {fileSystemId: fs-01234567}}]\n", False),
        ("  user: 1000\n  readonlyRootFilesystem: true\n  tmpfs: [{path: /tmp, size: 64}]\n", False),
    ],
)
def test_scratch_that_only_root_can_write_is_a_warning(compiled: Compile, lines: str, warned: bool) -> None:
    findings = [one for one in compiled(HELLO + lines).diagnostics if one.code == "W131"]
    assert bool(findings) == warned
    assert all("tmpfs: [{path: /tmp, size: 64}]" in one.hint for one in findings)


@pytest.mark.parametrize(
    ("user", "options", "warned"),
    [
        ("1000", "mode=0700", True),
        ("app", "mode=755", True),
        ("1000:1000", "mode=0770", True),
        ("1000", "mode=0755, uid=1001", True),
        ("1000", "mode=0700, uid=1000", False),
        ("app", "mode=0700, uid=1000", False),
        ("1000:1000", "mode=0770, gid=1000", False),
        ("1000", "mode=0775", False),
        ("1000", "mode=1777", False),
        ("1000", "noexec, uid=0", False),
        ("root", "mode=0700", False),
    ],
)
def test_scratch_in_memory_that_the_user_cannot_write(compiled: Compile, user: str, options: str, warned: bool) -> None:
    lines = f"  user: {user!r}\n  tmpfs: [{{path: /tmp, size: 64, options: [{options}]}}]\n"
    assert ("W131" in {one.code for one in compiled(HELLO + lines).diagnostics}) == warned


def test_a_database_in_memory_is_lost_with_its_task(compiled: Compile) -> None:
    files = "dependencies:\n  - {type: aws_efs_file_system, name: files}\n"
    files += "  - {type: sqlite_database, name: db, path: /mnt/efs/scratch/app.db}\n"
    codes = [
        {one.code for one in compiled(HELLO + lines + files).diagnostics}
        for lines in ("  tmpfs: [{path: /mnt/efs/scratch, size: 64}]\n", "")
    ]
    assert ["W108" in each for each in codes] == [True, False]


@pytest.mark.parametrize(("least", "advised"), [(0, True), (1, False)])
def test_scaling_to_zero_is_a_warning(compiled: Compile, least: int, advised: bool) -> None:
    result = compiled(HELLO + f"  autoScaling: {{minCount: {least}}}\n")
    assert result.template is not None and ("W113" in {one.code for one in result.diagnostics}) is advised


def test_every_rule_explains_itself_and_names_its_source_by_url() -> None:
    rules = catalogue()
    assert len(rules) > 80
    for code, rule in rules.items():
        assert rule.code == code and rule.title and rule.explanation.endswith(".")
        assert not rule.source or rule.source.startswith("https://")
        assert rule.severity.value == ("warning" if code.startswith("W") else "error")


ZONES = HELLO + "  networking: {vpc: {availabilityZones: [%s]}}\n"


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("use1-az1", "a load balancer needs two zones"),
        ("use1-az1, use1-az1", "`use1-az1` is listed twice"),
        ("use1-az1, usw2-az1", "in another region than `use1-az1`"),
        ("us-east-1a, us-east-1b", "is the name of a zone"),
        ("use1-az1, use1-bos1-az1", "Local Zones"),
        ("use1-az1, use1-wl1-bos-wlz1", "Wavelength Zones"),
        ("use1-az1, nowhere", "`nowhere` is not the id of a zone"),
        ("usw1-az1, usw1-az2", "`usw1-az2` does not offer Fargate"),
        ("apne1-az3, apne1-az1", "`apne1-az3` does not offer Fargate"),
        ("cnn1-az4, cnn1-az1", "`cnn1-az4` does not offer Fargate"),
        (", ".join(f"use1-az{number}" for number in range(1, 8)), "7 zones are more"),
    ],
)
def test_zones_that_cannot_be_used(compiled: Compile, listed: str, words: str) -> None:
    result = compiled(ZONES % listed)
    assert {one.code for one in result.diagnostics} == {"S256"}
    assert words in "\n".join(one.message for one in result.diagnostics)


def test_a_zone_belongs_to_the_region_of_the_certificate(compiled: Compile) -> None:
    arn = "arn:aws:acm:%s:123456789012:certificate/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c"
    text = HELLO + "  networking: {vpc: {availabilityZones: [%s]}, loadBalancer: {certificateArn: '%s'}}\n"
    for region, zone in {
        "us-east-1": "use1",
        "ap-southeast-2": "apse2",
        "us-gov-west-1": "usgw1",
        "cn-northwest-1": "cnnw1",
        "eu-central-1": "euc1",
    }.items():
        here = arn.replace("aws:acm", "aws-cn:acm") if region.startswith("cn-") else arn
        here = here.replace("aws:acm", "aws-us-gov:acm") if region.startswith("us-gov") else here
        zones = f"{zone}-az1, {zone}-az2"
        assert compiled(text % (zones, here % region)).diagnostics == ()
    found = compiled(text % ("use1-az1, use1-az2", arn % "eu-west-1")).diagnostics
    assert [one.code for one in found] == ["S256"] and "euw1-az1" in found[0].hint


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        ("123456789012.dkr.ecr.cn-northwest-1.amazonaws.com.cn/app", "[cnnw1-az1, cnnw1-az2]"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/app", "[euw1-az1, euw1-az2]"),
        ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/app", "describe-availability-zones"),
        ("public.ecr.aws/nginx/nginx", "[use1-az1, use1-az2]"),
    ],
)
def test_the_zones_to_list_are_those_of_the_region(compiled: Compile, image: str, hint: str) -> None:
    result = compiled(HELLO + f"  image: {image}\n", environment="prod")
    (found,) = (one for one in result.diagnostics if one.code == "W123")
    assert hint in found.hint


def test_a_zone_of_a_partition_with_ids_of_its_own(compiled: Compile) -> None:
    assert compiled(ZONES % "eusc-dee1-az1, eusc-dee1-az2").diagnostics == ()


def test_one_zone_is_enough_for_a_worker(compiled: Compile) -> None:
    text = (ZONES % "use1-az4").replace("  port: 8000\n", "")
    resources = resources_in(compiled(text))
    subnets = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::EC2::Subnet"]
    assert {one["AvailabilityZoneId"] for one in subnets} == {"use1-az4"} and len(subnets) == 2
    assert not any("AvailabilityZone" in one for one in subnets)


@pytest.mark.parametrize("zones", range(2, 7))
def test_as_many_zones_as_are_listed_or_counted(compiled: Compile, zones: int) -> None:
    listed = ", ".join(f"use1-az{number}" for number in range(1, zones + 1))
    for value in (f"[{listed}]", str(zones)):
        resources = resources_in(compiled(HELLO + f"  networking: {{vpc: {{availabilityZones: {value}}}}}\n"))
        subnets = {title: one for title, one in resources.items() if one["Type"] == "AWS::EC2::Subnet"}
        assert set(subnets) == {f"{kind}Subnet{n}" for kind in ("Public", "Private") for n in range(1, zones + 1)}
        assert len({one["Properties"]["CidrBlock"] for one in subnets.values()}) == 2 * zones


def resources_in(result: Any) -> dict[str, Any]:
    assert result.template is not None, result.diagnostics
    resources: dict[str, Any] = result.template.data["Resources"]
    return resources


@pytest.mark.parametrize(
    ("code", "text", "environments"),
    [
        ("W123", HELLO, {"prod"}),
        ("W123", HELLO + "  networking: {vpc: {availabilityZones: 3}}\n", {"prod"}),
        ("W123", ZONES % "use1-az1, use1-az2", set()),
        ("W124", HELLO + "  resources: {spot: true}\n", {"prod"}),
        ("W124", HELLO + "  resources: {spot: {base: 2, weight: 3}}\n", set()),
        ("W124", HELLO + "  resources: {spot: {weight: 3}}\n", {"prod"}),
        ("W124", HELLO + "  resources: {spot: {weight: 3}, desiredCount: 4}\n", set()),
        ("W124", HELLO + "  resources: {spot: {weight: 1}}\n", set()),
        ("W124", HELLO + "  resources: {spot: {weight: 3}}\n  autoScaling: {minCount: 2, maxCount: 9}\n", {"prod"}),
        ("W125", HELLO + "  deployment: {circuitBreaker: {enabled: false}}\n", {"prod", "staging"}),
        ("W125", HELLO + "  deployment: {circuitBreaker: {rollback: false}}\n", set()),
        ("W126", HELLO + "  networking: {loadBalancer: {internal: true}}\n", {"prod", "staging"}),
        (
            "W126",
            HELLO
            + "  networking: {loadBalancer: {internal: true}, vpc: {id: vpc-0123456789abcdef0, privateSubnets:"
            + " [subnet-0123456789abcdef0, subnet-0123456789abcdef1]}}\n",
            set(),
        ),
    ],
)
def test_a_warning_where_it_is_needed(compiled: Compile, code: str, text: str, environments: set[str]) -> None:
    for environment in ("prod", "staging"):
        result = compiled(text, environment=environment)
        assert (code in {one.code for one in result.diagnostics}) == (environment in environments)
        assert result.template is not None


def test_the_hint_about_plain_http_leads_to_no_other_warning(compiled: Compile) -> None:
    (found,) = [one for one in compiled(HELLO, environment="prod").diagnostics if one.code == "W112"]
    assert "internal" not in (found.hint or "")


CHINA = "  image: 123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/app\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            CHINA + "  permissionsBoundary: 'arn:aws:iam::123456789012:policy/p'\n",
            "names the partition aws, and service.image names aws-cn",
        ),
        (
            CHINA
            + "  taskRole: {statements: [{actions: ['s3:GetObject'], resources: ['arn:aws:s3:::b/${AWS::Region}']}]}\n",
            "`arn:aws:s3::` names the partition aws,",
        ),
        ("  image: 123456789012.dkr.ecr.cn-north-1.amazonaws.com/app\n", "its region is in aws-cn"),
        ("  permissionsBoundary: 'arn:aws-moon:iam::123456789012:policy/p'\n", "no partition `aws-moon`"),
        (
            "  secrets: [{name: D, valueFrom: 'arn:aws:secretsmanager:us-gov-west-1:123456789012:secret:x-a1B2c3'}]\n",
            "its region is in aws-us-gov",
        ),
    ],
)
def test_one_partition(compiled: Compile, text: str, words: str) -> None:
    found = [one for one in compiled(HELLO + text).diagnostics if one.code == "S255"]
    assert len(found) == 1 and words in found[0].message and found[0].hint


@pytest.mark.parametrize(
    "text",
    [
        CHINA + "  permissionsBoundary: 'arn:aws-cn:iam::123456789012:policy/p'\n",
        CHINA + "  environment: {PEER: 'arn:aws:sqs:us-east-1:123456789012:peer'}\n",
        CHINA
        + "  taskRole: {statements: [{actions: ['s3:GetObject'], resources: ['arn:${AWS::Partition}:s3:::b/*']}]}\n",
        CHINA + "  taskRole: {statements: [{actions: ['sqs:SendMessage'], resources: ['arn:aws-cn:sqs:*:*:b']}]}\n",
        "  image: 123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/app\n"
        + "  permissionsBoundary: 'arn:aws-us-gov:iam::123456789012:policy/p'\n",
        "  image: 123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/app\n"
        + "  permissionsBoundary: 'arn:aws-eusc:iam::123456789012:policy/p'\n",
        "  image: 123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn/app\n"
        + "  permissionsBoundary: 'arn:aws-cn:iam::123456789012:policy/p'\n",
    ],
)
def test_names_of_one_partition(compiled: Compile, text: str) -> None:
    result = compiled(HELLO + text)
    assert "S255" not in {one.code for one in result.diagnostics} and result.template is not None, result.diagnostics


OWN = "    - {name: init, essential: false, command: [a]}\n"
PROXY = "    - {name: proxy, image: 'proxy:1', port: 8080}\n"


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        ("S510", "restartPolicy: {}\n", "has succeeded"),
        ("S510", "restartPolicy: {ignoredExitCodes: [1]}\n", "has succeeded"),
        ("", "restartPolicy: {enabled: false}\n", ""),
        ("", "restartPolicy: {ignoredExitCodes: [0]}\n  sidecars:\n" + PROXY, ""),
        ("S502", "dependsOn: {init: START}\n", "no container `init`"),
        ("S502", "dependsOn: {main: START}\n", "wait for itself"),
        ("S504", "dependsOn: {init: COMPLETE}\n  sidecars:\n" + OWN.replace("false", "true"), "is essential"),
        ("", "dependsOn: {init: COMPLETE}\n  sidecars:\n" + OWN, ""),
        ("S507", "sidecars:\n    - {name: a, mounts: [{volume: x, path: /x}]}\n", "no volume `x`"),
    ],
)
def test_the_containers_of_a_job(compiled: Compile, code: str, text: str, said: str) -> None:
    job = "apiVersion: fsd/v1\nkind: Job\nmetadata: {name: nightly, owners: team}\njob:\n  " + text
    found = [each for each in compiled(job).diagnostics if each.severity.value == "error"]
    assert [each.code for each in found] == ([code] if code else [])
    assert all(said in each.message and each.hint and each.path[0] == "job" for each in found)


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        ("S508", "  networking: {loadBalancer: {container: main}}\n  sidecars:\n" + PROXY, "no port"),
        ("S508", "  networking: {loadBalancer: {container: init}}\n  sidecars:\n" + OWN, "no port"),
        ("S508", "  networking: {loadBalancer: {container: nightly}}\n", "no container `nightly`"),
        ("S243", "  observability: {traces: {}}\n  sidecars:\n" + PROXY.replace("8080", "4318"), "listens on 4318"),
        ("S506", "  sidecars:\n" + PROXY.replace("}", ", memory: 512}"), "take 512 MiB"),
        ("S506", "  sidecars:\n" + PROXY.replace("}", ", cpu: 256}"), "take 256 CPU units"),
        ("S501", "  sidecars:\n    - {name: a, image: 'a@sha256:0'}\n", ""),
        (
            "S500",
            "  sidecars:\n" + "".join(f"    - {{name: a{n}, image: 'a:1'}}\n" for n in range(10)),
            "11 containers",
        ),
        ("S509", "  observability: {logs: {options: {Name: x}}}\n", "awslogs"),
        ("S509", "  observability: {logs: {enabled: false, router: {}}}\n", "off"),
        ("S509", "  observability: {logs: {driver: splunk}}\n", "splunk-url and splunk-token"),
    ],
)
def test_containers_that_do_not_fit(compiled: Compile, code: str, text: str, said: str) -> None:
    worker = "apiVersion: fsd/v1\nkind: Service\nmetadata: {name: nightly, owners: team}\nservice:\n" + text
    found = [each for each in compiled(worker).diagnostics if each.severity.value == "error"]
    assert code in [each.code for each in found] and any(said in each.message for each in found if each.code == code)
    assert all(each.hint for each in found)


def _found(text: str, dockerfile: str) -> Sequence[Diagnostic]:
    return run(Request("spec.yml", text.encode(), "prod", beside=lambda _: dockerfile.encode())).diagnostics


def _codes(text: str, dockerfile: str) -> set[str]:
    return {each.code for each in _found(text, dockerfile)}


def test_the_dockerfile_counts_for_containers_with_the_image_of_the_service() -> None:
    """Its USER, and its HEALTHCHECK for those that wait for the service."""
    proxy = PROXY.replace("}", ", dependsOn: {main: HEALTHY}}")
    text = f"{HELLO}  build: {{dockerfile: Dockerfile}}\n  sidecars:\n{OWN}{proxy}"
    text = text.replace("  healthCheck:\n    container:\n      command: curl -f http://localhost:8000/health\n", "")
    image = "FROM a:1\nUSER 1000\n"
    codes = {check: _codes(text, image + check) for check in ("", "HEALTHCHECK CMD true\n")}
    assert "S504" in codes[""] and "S504" not in codes["HEALTHCHECK CMD true\n"]
    root = [each.path for each in _found(text, image + "HEALTHCHECK CMD true\n") if each.code == "W140"]
    assert root == [("service", "sidecars", 1, "user")]
