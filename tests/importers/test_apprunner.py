"""App Runner: every key of its files and of its API goes somewhere, and what is written compiles and builds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from functools import reduce
from operator import getitem
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.batch import BatchOptions, compile_all
from fsdcf.importers import ImportResult, convert, recognized
from fsdcf.importers.apprunner.api import ANSWER, PARTS, SERVICE
from fsdcf.importers.apprunner.configuration import CONFIGURATION
from fsdcf.importers.report import Treatment
from fsdcf.importers.source import Source
from fsdcf.language.dockerfile import read_dockerfile
from fsdcf.pipeline import Request
from tests.importers.conftest import Imports, outcomes

PYTHON = """\
version: 1.0
runtime: python311
build:
  commands:
    build: [pip3 install -r requirements.txt]
run:
  command: gunicorn app:app
"""
ARN = "arn:aws:apprunner:us-east-1:123456789012"
SCALING = f"{ARN}:autoscalingconfiguration/busy/1/0a1b2c3d4e5f40718293a4b5c6d7e8f9"
CONNECTOR = f"{ARN}:vpcconnector/shop/1/0a1b2c3d4e5f40718293a4b5c6d7e8f9"


def service(**changes: Any) -> dict[str, Any]:
    image = {"ImageIdentifier": "public.ecr.aws/nginx/nginx:1.27", "ImageRepositoryType": "ECR_PUBLIC"}
    return {"ServiceName": "web-shop", "SourceConfiguration": {"ImageRepository": image}, **changes}


def described(**changes: Any) -> str:
    return json.dumps({"Service": service(**changes)})


def block(result: ImportResult) -> dict[str, Any]:
    (draft,) = result.drafts
    held: dict[str, Any] = draft.data["service"]
    return held


def members(shape: Shape, path: str = "") -> Iterator[str]:
    """The paths of the values in a shape of the API, as the tables write them."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield from members(member, f"{path}.{name}".lstrip("."))
    elif isinstance(shape, MapShape):
        yield f"{path}.*"
    elif isinstance(shape, ListShape):
        yield from members(shape.member, f"{path}[]")
    else:
        yield path


def test_every_key_of_the_api_is_in_a_table() -> None:
    model = get_session().get_service_model("apprunner")
    known = {path for path, _ in ANSWER.rows()} | {f"Service.{path}" for path, _ in SERVICE.rows()}
    for operation in ("DescribeService", "CreateService"):
        shape = model.operation_model(operation)
        asked = members(shape.output_shape)
        assert [path for path in asked if path not in known] == []
    created = members(model.operation_model("CreateService").input_shape)
    assert [path for path in created if f"Service.{path}" not in known] == []


@pytest.mark.parametrize("part", PARTS)
def test_every_key_of_a_part_is_in_its_table(part: str) -> None:
    operation = "DescribeCustomDomains" if part == "CustomDomains" else f"Describe{part}"
    shape = get_session().get_service_model("apprunner").operation_model(operation).output_shape
    known = {path.removesuffix(".*").removesuffix("[]") for path, _ in PARTS[part].rows()}
    asked = (path.removesuffix("[]") for path in members(shape))
    assert [
        path for path in asked if path not in known and path.rpartition(".")[0].removesuffix("[]") not in known
    ] == []


def test_every_key_of_the_configuration_file_is_in_its_table() -> None:
    """The keys of https://docs.aws.amazon.com/apprunner/latest/dg/config-file-ref.html."""
    known = {path for path, _ in CONFIGURATION.rows()}
    commands = {f"build.commands.{each}[]" for each in ("pre-build", "build", "post-build")}
    run = {f"run.{each}" for each in ("runtime-version", "pre-run[]", "command", "network.port", "network.env")}
    pairs = {"build.env[].name", "build.env[].value", "run.env[].name", "run.env[].value"}
    assert known >= {"version", "runtime", "run.secrets[].name", "run.secrets[].value-from"} | commands | run | pairs


def test_a_configuration_without_an_image_gets_a_dockerfile(imports: Imports) -> None:
    result = imports({"shop/apprunner.yaml": PYTHON})
    held = block(result)
    assert held["build"] == {"context": "../shop", "dockerfile": "../shop/Dockerfile"}
    assert (held["port"], held["environment"]["PORT"]) == (8080, "8080")
    assert held["resources"] == {"cpu": 1024, "memory": 2048}
    text = result.files["shop/Dockerfile"]
    assert "RUN pip3 install -r requirements.txt" in text and "FROM python:3.11-slim" in text
    assert text.index("FROM python:3.11 AS build") < text.index("RUN pip3") < text.index("FROM python:3.11-slim")
    assert ".env" in result.files["shop/.dockerignore"]
    read = read_dockerfile(text)
    assert read.health_check and read.user == "1000" and "/dev/tcp/127.0.0.1/8080" in text


RUNTIMES = {
    "python3": "python:3.8-slim",
    "python311": "python:3.11-slim",
    "python3.11": "python:3.11-slim",
    "nodejs12": "node:12-slim",
    "NODEJS_22": "node:22-slim",
    "corretto8": "eclipse-temurin:8-jre",
    "go1": "debian:bookworm-slim",
    "dotnet6": "mcr.microsoft.com/dotnet/aspnet:6.0",
    "php81": "php:8.1-cli",
    "ruby31": "ruby:3.1-slim",
}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_runtime_has_an_image_without_root(imports: Imports, runtime: str) -> None:
    text = imports({"apprunner.yaml": PYTHON.replace("python311", runtime)}).files["Dockerfile"]
    stages = [line.split()[1] for line in text.splitlines() if line.startswith("FROM ")]
    assert stages[-1] == RUNTIMES[runtime] and "\nUSER 1000:1000\n" in text and "\nHEALTHCHECK " in text


def test_the_version_of_the_runtime_is_that_of_the_image(imports: Imports) -> None:
    def version(text: str) -> tuple[str, str]:
        result = imports({"apprunner.yaml": PYTHON.replace("run:\n", f"run:\n  runtime-version: {text}\n")})
        return result.files["Dockerfile"].split("FROM python:")[1].split()[0], outcomes(result)[
            "run.runtime-version"
        ].note

    assert version("3.12") == ("3.12", "")
    assert version("3.10") == ("3.10", "")  # not the number 3.1
    assert version("3.11.9") == ("3.11", "the newest patch of 3.11")
    assert version("latest")[0] == "3.11" and "not a version" in version("latest")[1]


def test_a_dockerfile_that_is_there_is_used(imports: Imports) -> None:
    result = imports({"shop/apprunner.yaml": PYTHON, "shop/Dockerfile": "FROM scratch\n"})
    assert result.files == {} and block(result)["build"]["dockerfile"] == "../shop/Dockerfile"
    assert "is there" in outcomes(result)["runtime"].note
    assert outcomes(result)["build.commands.build[0]"].treatment is Treatment.CHANGED


def test_a_runtime_that_is_not_known_is_reported(imports: Imports) -> None:
    result = imports({"apprunner.yaml": PYTHON.replace("python311", "elixir")})
    assert result.files == {} and "build" not in block(result)
    assert outcomes(result)["runtime"].treatment is Treatment.NOT_CARRIED


def test_packages_of_amazon_linux_are_reported(imports: Imports) -> None:
    steps = "yum install -y gcc && pip3 install uwsgi, dnf -y update"
    result = imports({"apprunner.yaml": PYTHON.replace("pip3 install -r requirements.txt", steps)})
    rows = outcomes(result)
    assert all(rows[f"build.commands.build[{number}]"].treatment is Treatment.NOT_CARRIED for number in (0, 1))
    assert "RUN pip3 install uwsgi\n" in result.files["Dockerfile"]
    assert not any(word in result.files["Dockerfile"] for word in ("yum", "dnf"))


def test_commands_keep_their_meaning_in_the_dockerfile(imports: Imports) -> None:
    text = PYTHON.replace(
        "[pip3 install -r requirements.txt]", "\n      - |\n        echo a\n        echo b\n      - '# no'"
    )
    steps = [line for line in imports({"apprunner.yaml": text}).files["Dockerfile"].splitlines() if "RUN" in line]
    assert 'RUN ["/bin/sh", "-c", "echo a\\necho b"]' in steps and not any("# no" in step for step in steps)


def test_commands_fit_the_image(imports: Imports) -> None:
    steps = "[npm install -g yarn, sudo make, npm install -g pnpm, cd client && npm ci]"
    text = PYTHON.replace("[pip3 install -r requirements.txt]", steps).replace("python311", "nodejs18")
    result = imports({"apprunner.yaml": text})
    lines = result.files["Dockerfile"].splitlines()
    assert [line for line in lines if line.startswith("RUN ")] == [
        "RUN make",
        "RUN npm install -g pnpm",
        "RUN cd client && npm ci",
        "RUN npm install -g pnpm",  # once more in the image that runs
    ]
    assert "has Yarn" in outcomes(result)["build.commands.build[0]"].note


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("node server.js --name 'a b'", ["node", "server.js", "--name", "a b"]),
        ("gunicorn app --bind :$PORT", ["sh", "-c", "gunicorn app --bind :$PORT"]),
        ("cd api && node .", ["sh", "-c", "cd api && node ."]),
        ("NODE_ENV=production node .", ["sh", "-c", "NODE_ENV=production node ."]),
        ('sh -c "cd api && node ."', ["sh", "-c", "cd api && node ."]),
        ("echo ${HOME}", ["sh", "-c", "echo $${HOME}"]),
        ("echo 'open", ["sh", "-c", "echo 'open"]),
    ],
)
def test_a_command_line_is_words_or_a_line_of_a_shell(imports: Imports, line: str, words: list[str]) -> None:
    text = PYTHON.replace("gunicorn app:app", json.dumps(line))
    assert block(imports({"apprunner.yaml": text}))["command"] == words


def test_secrets_of_the_build_are_secrets_of_the_build(imports: Imports) -> None:
    env = "  env:\n    - {name: NPM_TOKEN, value: npm_0123456789abcdefghij}\n    - {name: A, value: 'x $y'}\nrun:"
    result = imports({"apprunner.yaml": PYTHON.replace("run:", env)})
    text = result.files["Dockerfile"]
    assert "npm_0123456789" not in text + result.drafts[0].text()
    assert block(result)["build"]["secrets"] == [{"id": "NPM_TOKEN", "environment": "NPM_TOKEN"}]
    assert "--mount=type=secret,id=NPM_TOKEN" in text and 'ARG A="x \\$y"' in text
    again = imports({"apprunner.yaml": PYTHON.replace("run:", env), **result.files})
    assert again.drafts[0].text() == result.drafts[0].text() and again.files == {}


def test_a_command_with_a_secret_is_not_written(imports: Imports) -> None:
    step = "pip3 install --index-url https://ci:Zebra-4711-x@pypi.example.com/simple a"
    result = imports({"apprunner.yaml": PYTHON.replace("pip3 install -r requirements.txt", step)})
    assert "Zebra-4711" not in result.files["Dockerfile"]
    command = PYTHON.replace("gunicorn app:app", "app --db postgres://web:Zebra-4711-x@db.example.com/shop")
    started = imports({"apprunner.yaml": command})
    assert "command" not in block(started) and "Zebra-4711" not in started.files["Dockerfile"]
    assert outcomes(result)["build.commands.build[0]"].treatment is Treatment.NOT_CARRIED


def test_what_public_files_write_in_other_places_is_understood(imports: Imports) -> None:
    text = "version: 1.0\nbuild:\n  runtime: nodejs18\n  commands: [npm ci]\nrun:\n  port: 3000\n  env: {A: b}\n"
    held = block(imports({"apprunner.yaml": text}))
    assert (held["port"], held["environment"]) == (3000, {"A": "b", "PORT": "3000"})
    held = block(imports({"apprunner.yaml": PYTHON + "  env: [{name: A, value-from: /a/b}]\n"}))
    assert held["secrets"] == [{"name": "A", "valueFrom": "/a/b"}]


def test_a_name_is_a_variable_or_a_secret_once(imports: Imports) -> None:
    text = """\
  network: {port: 3000, env: WEB_PORT}
  env:
    - {name: WEB_PORT, value-from: /web/port}
    - {name: A, value: b}
    - {name: B, value: "{{resolve:secretsmanager:shop/b:SecretString:key}}"}
    - {name: C, value: "{{resolve:ssm:/shop/c:3}}"}
  secrets: [{name: A, value-from: /a}]
"""
    result = imports({"apprunner.yaml": PYTHON + text})
    assert block(result)["environment"] == {"PORT": "3000"}
    stored = {entry["name"]: entry["valueFrom"] for entry in block(result)["secrets"]}
    assert stored == {"WEB_PORT": "/web/port", "A": "/a", "B": "secretsmanager:shop/b:key", "C": "/shop/c"}
    assert "wins" in outcomes(result)["run.network.env"].note


SIZES = {
    ("1 vCPU", "2 GB"): (1024, 2048),
    ("256", "512"): (256, 512),
    ("0.25 vCPU", "1 GB"): (256, 1024),
    ("2048", "3072"): (2048, 4096),
    ("4 vCPU", "12 GB"): (4096, 12288),
}


@pytest.mark.parametrize("size", SIZES)
def test_a_size_is_the_nearest_of_fargate(imports: Imports, size: tuple[str, str]) -> None:
    result = imports({"s.json": described(InstanceConfiguration={"Cpu": size[0], "Memory": size[1]})})
    assert tuple(block(result)["resources"].values()) == SIZES[size]
    rounded = size == ("2048", "3072")
    assert ("Fargate has no task" in outcomes(result)["Service.InstanceConfiguration.Memory"].note) == rounded


def test_concurrency_becomes_requests_in_a_minute(imports: Imports) -> None:
    scaling = {"AutoScalingConfigurationArn": SCALING, "MaxConcurrency": 50, "MinSize": 2, "MaxSize": 6}
    files = {"s.json": described(AutoScalingConfigurationSummary={"AutoScalingConfigurationArn": SCALING})}
    alone = imports(files)
    assert (
        outcomes(alone)["Service.AutoScalingConfigurationSummary.AutoScalingConfigurationArn"].note.count("aws ") == 1
    )
    assert block(alone)["autoScaling"]["targetRequestsPerTask"] == 6000
    both = imports(files | {"scaling.json": json.dumps({"AutoScalingConfiguration": scaling})})
    held = block(both)["autoScaling"]
    assert (held["minCount"], held["maxCount"], held["targetRequestsPerTask"]) == (2, 6, 3000)
    assert "if a response takes 1 s" in outcomes(both)["AutoScalingConfiguration.MaxConcurrency"].note
    other = json.dumps({"AutoScalingConfiguration": {**scaling, "AutoScalingConfigurationArn": SCALING + "0"}})
    assert block(imports(files | {"scaling.json": other}))["autoScaling"]["targetRequestsPerTask"] == 6000


def test_a_private_service_in_a_vpc_keeps_its_network(imports: Imports) -> None:
    arn = f"{ARN}:service/web-shop/0a1b2c3d4e5f40718293a4b5c6d7e8f9"
    network = {
        "EgressConfiguration": {"EgressType": "VPC", "VpcConnectorArn": CONNECTOR},
        "IngressConfiguration": {"IsPubliclyAccessible": False},
    }
    subnets = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    connector = {"VpcConnectorArn": CONNECTOR, "Subnets": subnets, "SecurityGroups": ["sg-0123456789abcdef0"]}
    ingress = {"ServiceArn": arn, "IngressVpcConfiguration": {"VpcId": "vpc-0123456789abcdef0"}}
    files = {
        "s.json": described(ServiceArn=arn, NetworkConfiguration=network),
        "c.json": json.dumps({"VpcConnector": connector}),
        "i.json": json.dumps({"VpcIngressConnection": ingress}),
    }
    held = block(imports(files))["networking"]
    assert held["vpc"] == {"id": "vpc-0123456789abcdef0", "privateSubnets": subnets}
    assert held["loadBalancer"] == {"internal": True, "idleTimeout": 120} and held["securityGroups"] == [
        "sg-0123456789abcdef0"
    ]
    del files["i.json"]
    result = imports(files)
    assert (
        "vpc" not in block(result)["networking"]
        and "subnet-0123456789abcdef1" in outcomes(result)["VpcConnector.Subnets"].note
    )


def test_a_service_from_a_repository_reads_its_configuration(imports: Imports) -> None:
    code = {
        "RepositoryUrl": "https://github.com/a/b",
        "SourceCodeVersion": {"Type": "BRANCH", "Value": "main"},
        "CodeConfiguration": {"ConfigurationSource": "REPOSITORY"},
        "SourceDirectory": "/web",
    }
    files = {"s.json": described(SourceConfiguration={"CodeRepository": code}), "web/apprunner.yaml": PYTHON}
    result = imports(files)
    assert block(result)["command"] == ["gunicorn", "app:app"] and "web/Dockerfile" in result.files
    code["CodeConfiguration"] = {
        "ConfigurationSource": "API",
        "CodeConfigurationValues": {"Runtime": "NODEJS_18", "BuildCommand": "npm ci", "StartCommand": "node ."},
    }
    result = imports({"s.json": described(SourceConfiguration={"CodeRepository": code})})
    assert "RUN npm ci" in result.files["web/Dockerfile"] and block(result)["command"] == ["node", "."]
    unread = imports({"s.json": described(SourceConfiguration={"CodeRepository": code}), "web/apprunner.yaml": PYTHON})
    assert block(unread)["command"] == ["node", "."] and "does not read" in outcomes(unread)[""].note


def test_a_list_of_services_says_what_to_run(imports: Imports) -> None:
    summary = {"ServiceName": "web", "ServiceArn": f"{ARN}:service/web/1"}
    result = imports({"l.json": json.dumps({"ServiceSummaryList": [summary]})})
    assert not result.drafts and result.next[0].startswith("aws apprunner describe-service --service-arn arn:")


def test_the_input_of_create_service_is_a_service(imports: Imports) -> None:
    pairs = {"team": "shop", "aws:x": "y", "": "", "who": "a|b", "db-password": SECRET}
    tags = [{"Key": key, "Value": value} for key, value in pairs.items()]
    result = imports({"in.json": json.dumps(service(Tags=tags))})
    assert result.drafts[0].data["metadata"]["tags"] == {"team": "shop"}
    assert block(result)["image"] == "public.ecr.aws/nginx/nginx"


def test_an_empty_value_of_a_skeleton_counts_as_none(imports: Imports) -> None:
    check = {"Protocol": "HTTP", "Path": "", "Interval": 0}
    size = {"Cpu": "", "Memory": "", "InstanceRoleArn": ""}
    result = imports({"in.json": json.dumps(service(InstanceConfiguration=size, HealthCheckConfiguration=check))})
    assert block(result)["resources"] == {"cpu": 1024, "memory": 2048} and "taskRole" not in block(result)
    assert block(result)["healthCheck"] == {"path": "/"}
    assert not result.report.counts[Treatment.NOT_CARRIED]


SECRET = "Kestrel-90210-quartz"
VALUE = f"postgres://shop:{SECRET}@db.example.com/shop"
WHOLE = json.loads(
    json.dumps(
        {
            "Service": service(
                SourceConfiguration={
                    "ImageRepository": {
                        "ImageIdentifier": "public.ecr.aws/nginx/nginx:1.27",
                        "ImageRepositoryType": "ECR_PUBLIC",
                        "ImageConfiguration": {
                            "Port": "80",
                            "StartCommand": "nginx -g 'daemon off;'",
                            "RuntimeEnvironmentVariables": {"DB_PASSWORD": VALUE, "A": "${b}"},
                            "RuntimeEnvironmentSecrets": {"C": "/c"},
                        },
                    },
                    "AutoDeploymentsEnabled": False,
                },
                InstanceConfiguration={"Cpu": "1 vCPU", "Memory": "2 GB"},
                HealthCheckConfiguration={"Protocol": "TCP", "Interval": 5, "Timeout": 2},
                Tags=[{"Key": "a", "Value": "b"}],
            ),
            "version": 1.0,
            "runtime": "python311",
            "build": {
                "commands": {"build": ["make"]},
                "env": [{"name": "API_TOKEN", "value": VALUE}, {"name": "N", "value": 1}],
            },
            "run": {
                "command": "run",
                "pre-run": ["a"],
                "runtime-version": 3.9,
                "network": {"port": 80, "env": "P"},
                "env": [{"name": "D_PASSWORD", "value": VALUE}],
                "secrets": [{"name": "S", "value-from": "x"}],
            },
        }
    )
)
ODD = st.sampled_from(
    [None, [], {}, "", "\u00e9\u2028${x}", -1, 10**30, 1.5, True, [[{}]], {"a": {"b": []}}, "\x1b[1m"]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(child, (*path, key))


@given(changes=st.lists(st.tuples(st.sampled_from([*places(WHOLE)]), ODD), max_size=4))
def test_any_source_ends_in_a_report(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    data = json.loads(json.dumps(WHOLE))
    for path, odd in changes:
        with suppress(KeyError, IndexError, TypeError):
            reduce(getitem, path[:-1], data)[path[-1]] = deepcopy(odd)
    found = {"Service": data.pop("Service", None)}
    texts = {"a/apprunner.yaml": json.dumps(data), "s.json": json.dumps(found)}

    def run() -> tuple[list[str], str]:
        sources = [Source(path, path, text.encode(), False, "shop") for path, text in texts.items()]
        claims = recognized(sources).get("apprunner", sources)

        def beside(path: str) -> bytes:
            raise FileNotFoundError(path)

        result = convert("apprunner", claims, sources, beside)
        return [draft.text() for draft in result.drafts] + [*result.files.values()], str(result.report.rows)

    first = run()
    assert first == run()
    assert SECRET not in "".join((*first[0], first[1]))


def test_what_is_written_compiles(imports: Imports) -> None:
    (draft,) = imports({"apprunner.yaml": PYTHON, "Dockerfile": "FROM scratch\n"}).drafts
    request = Request(
        "services/a.yml", draft.text().encode(), "staging", beside=lambda path: b"FROM python:3.11-slim\n"
    )
    (result,) = compile_all([request], BatchOptions(lint=False))
    assert result.text is not None
