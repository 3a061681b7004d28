"""``fsdcf init --from``: the spec of a folder with a Dockerfile, where values come from, and what it warns about."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from fsdcf.cli.main import cli
from fsdcf.pipeline import Request, run
from tests.cli.stage import Stage
from tests.fuzz import examples
from tests.hostile import BREAKS, texts
from tests.printed import commands_in


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*words: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["init", *words], catch_exceptions=False)
    assert result.exit_code == expect, result.output
    return result


def written(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


def service_of(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load(Path(name).read_text(encoding="utf-8"))["service"])


class Case(NamedTuple):
    """A Dockerfile and the files beside it, and what the spec has: port, path, the check's first words, findings."""

    dockerfile: str
    files: Mapping[str, str]
    port: int | None
    path: str = ""
    check: str = ""
    codes: frozenset[str] = frozenset()
    said: str = ""


def node(package: str) -> dict[str, str]:
    return {"package.json": f'{{"dependencies": {{"{package}": "1"}}}}'}


CASES = {
    "fastapi": Case(
        """\
FROM python:3.12-slim
WORKDIR /srv
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
USER 1000
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8080"]
""",
        {"requirements.txt": "fastapi[standard]==0.115\nuvicorn\n", "main.py": '@app.get("/healthz")\n'},
        *(8080, "/healthz", "CMD python3"),
        said="port 8080: CMD in Dockerfile:7\n  path /healthz: a route in main.py:1\n",
    ),
    "flask on gunicorn": Case(
        "FROM python:3.13-alpine\nCOPY . .\nUSER app\nENTRYPOINT gunicorn -b :${PORT:-5000} app:app\n",
        {"pyproject.toml": '[project]\ndependencies = ["flask>=3", "gunicorn"]\n'},
        *(5000, "/health", "CMD python3"),
    ),
    "django": Case(
        "FROM python:3.12\nENV PYTHONUNBUFFERED 1\nCOPY . .\nEXPOSE 8000\n"
        "CMD python manage.py migrate && gunicorn shop.wsgi --bind 0.0.0.0:8000\n",
        {"requirements/base.txt": "Django~=5.1\n", "manage.py": ""},
        *(8000, "/health", "CMD python3"),
        said="ALLOWED_HOSTS",
    ),
    "streamlit": Case(
        'FROM python:3.12-slim\nCOPY . .\nUSER me\nCMD ["streamlit", "run", "app.py"]\n',
        {"requirements.txt": "streamlit\n"},
        *(8501, "/_stcore/health", "CMD python3"),
    ),
    "celery": Case(
        'FROM python:3.12-slim\nCOPY . .\nUSER app\nCMD ["celery", "-A", "shop", "worker"]\n',
        {"requirements.txt": "celery\nflask\n"},
        *(None, "", "CMD-SHELL test"),
        said="port none: the command runs celery, a worker",
    ),
    "uv on distroless": Case(
        "FROM ghcr.io/astral-sh/uv:python3.12-bookworm-slim AS build\nRUN uv sync\n"
        "FROM gcr.io/distroless/python3-debian12:nonroot\nCOPY --from=build /app /app\nEXPOSE 8000\n"
        'CMD ["/app/main.py"]\n',
        {"uv.lock": "", "pyproject.toml": '[project]\ndependencies = [\n    "litestar>=2",\n]\n'},
        *(8000, "/health", "CMD python3"),
    ),
    "express": Case(
        "# build\nFROM node:22-alpine AS build\nCOPY package*.json ./\nRUN npm ci\n\nFROM node:22-alpine\n"
        "ENV NODE_ENV=production \\\n    # the port\n    PORT=3000\nCOPY --from=build /app .\nUSER node\nEXPOSE $PORT\n"
        'CMD ["node", "server.js"]\n',
        {**node("express"), "server.js": "app.get('/ping', f)\n"},
        *(3000, "/ping", "CMD node"),
        said="port 3000: EXPOSE in Dockerfile:12\n",
    ),
    "next": Case(
        "FROM node:22-slim\nCOPY . .\nUSER node\nCMD npm start\n",
        {**node("next"), "app/api/health/route.ts": ""},
        *(3000, "/api/health", "CMD node"),
        said="port 3000: the default of Next.js (package.json)\n",
    ),
    "nuxt": Case("FROM node:22-slim\nCOPY . .\nUSER node\nCMD npm start\n", node("nuxt"), 3000, "/", "CMD node"),
    "nest": Case(
        "FROM node:22\nCOPY . .\nUSER node\nEXPOSE 3000 9229\nCMD node dist/main\n",
        {"package.json": '{"dependencies": {"express": "1", "@nestjs/core": "1"}}'},
        *(3000, "/health", "CMD node", frozenset({"W144"})),
        said="9229 (Dockerfile:4)",
    ),
    "fastify on distroless": Case(
        "FROM node:22 AS build\nFROM gcr.io/distroless/nodejs22-debian12\nCOPY --from=build /app /app\n"
        'CMD ["/app/server.js"]\n',
        node("fastify"),
        *(3000, "/health", "CMD /nodejs/bin/node", frozenset({"W139"})),
        said="runs as root",
    ),
    "bun": Case(
        "FROM oven/bun:1.2\nCOPY . .\nUSER bun\nEXPOSE 3000\nCMD bun run start\n",
        node("hono"),
        3000,
        "/health",
        "CMD bun",
    ),
    "gin on scratch": Case(
        "FROM golang:1.23-alpine AS build\nCOPY go.mod go.sum ./\nRUN go build -o /server .\n"
        'FROM scratch\nCOPY --from=build /server /server\nUSER 65532:65532\nEXPOSE 8080\nENTRYPOINT ["/server"]\n',
        {
            "go.mod": "module x\n\nrequire (\n\tgithub.com/gin-gonic/gin v1.10.0\n)\n",
            "main.go": 'r.GET("/healthz", f)\n',
        },
        *(8080, "/healthz", ""),
        said="container check: none, because scratch has neither a shell nor an interpreter",
    ),
    "echo on distroless": Case(
        "FROM golang:1.23 AS build\nFROM gcr.io/distroless/static-debian12:nonroot\nCOPY --from=build /s /s\n"
        'CMD ["/s"]\n',
        {"go.mod": "module x\nrequire github.com/labstack/echo/v4 v4.12.0\n"},
        *(1323, "/health", ""),
    ),
    "fiber on alpine": Case(
        "FROM golang:1.23 as build\nfrom alpine:3.20\ncopy --from=build /s /s\nuser 1000\nexpose 3000/tcp "
        "3000/udp\ncmd /s\n",
        {"go.mod": "module x\nrequire github.com/gofiber/fiber/v2 v2.52.0\n"},
        *(3000, "/health", "CMD wget"),
    ),
    "spring": Case(
        "FROM eclipse-temurin:21-jdk AS build\nRUN ./mvnw package\nFROM eclipse-temurin:21-jre\n"
        "COPY --from=build /app.jar /app.jar\nUSER 1000\nEXPOSE 8080\nENTRYPOINT java -jar /app.jar\n",
        {
            "pom.xml": "<artifactId>spring-boot-starter-web</artifactId>"
            "<artifactId>spring-boot-starter-actuator</artifactId>"
        },
        *(8080, "/actuator/health", "CMD curl"),
        said="path /actuator/health: Spring Boot with Actuator (pom.xml)",
    ),
    "spring on alpine": Case(
        "FROM eclipse-temurin:21-jre-alpine\nCOPY target/*.jar app.jar\nUSER 1000\nENTRYPOINT java -jar app.jar\n",
        {
            "build.gradle.kts": 'plugins { id("org.springframework.boot") version "3.4.0" }\n',
            "src/main/resources/application.properties": "spring.application.name=x\nserver.port=9090\n",
        },
        *(9090, "/health", "CMD wget"),
        said="port 9090: server.port in src/main/resources/application.properties",
    ),
    "quarkus on corretto": Case(
        "FROM amazoncorretto:21-al2023-headless\nCOPY . .\nUSER 1000\nCMD java -Dquarkus.http.port=8081 -jar app.jar\n",
        {"pom.xml": "<artifactId>quarkus-smallrye-health</artifactId>"},
        *(8081, "/q/health", "CMD curl"),
    ),
    "aspnet": Case(
        "FROM mcr.microsoft.com/dotnet/aspnet:9.0 AS base\nUSER $APP_UID\nWORKDIR /app\nEXPOSE 8080\n\n"
        'FROM mcr.microsoft.com/dotnet/sdk:9.0 AS build\nCOPY ["src/Api/Api.csproj", "src/Api/"]\n\n'
        'FROM base AS final\nCOPY --from=build /app .\nENTRYPOINT ["dotnet", "Api.dll"]\n',
        {
            "src/Api/Api.csproj": '<Project Sdk="Microsoft.NET.Sdk.Web">',
            "src/Api/Program.cs": 'app.MapHealthChecks("/healthz");',
        },
        *(8080, "/healthz", "CMD bash"),
    ),
    "aspnet chiseled": Case(
        'FROM mcr.microsoft.com/dotnet/aspnet:8.0-jammy-chiseled\nCOPY . .\nUSER app\nENTRYPOINT ["./Api"]\n',
        {"Api.csproj": '<Project Sdk="Microsoft.NET.Sdk.Web">'},
        *(8080, "/health", ""),
    ),
    "old aspnet": Case("FROM mcr.microsoft.com/dotnet/aspnet:6.0\nCOPY . .\nUSER x\n", {}, 80, "/health", "CMD bash"),
    "rails": Case(
        "# syntax = docker/dockerfile:1\nARG RUBY_VERSION=3.3.6\n"
        "FROM docker.io/library/ruby:$RUBY_VERSION-slim AS base\nWORKDIR /rails\n"
        "RUN apt-get update -qq && apt-get install --no-install-recommends -y curl libjemalloc2 && rm -rf "
        "/var/lib/apt\n"
        "FROM base AS build\nRUN bundle install\nFROM base\nCOPY --from=build /rails /rails\n"
        'USER 1000:1000\nENTRYPOINT ["/rails/bin/docker-entrypoint"]\nEXPOSE 80\nCMD ["./bin/thrust", '
        '"./bin/rails", "server"]\n',
        {"Gemfile": 'source "https://rubygems.org"\ngem "rails", "~> 8.0"\ngem "puma"\n'},
        *(80, "/up", "CMD ruby"),
        said="path /up: Rails (Gemfile)",
    ),
    "sidekiq": Case(
        "FROM ruby:3.3\nCOPY . .\nUSER x\nCMD bundle exec sidekiq\n",
        {"Gemfile": "gem 'rails'\n"},
        None,
        "",
        "CMD-SHELL test",
    ),
    "axum": Case(
        "FROM rust:1.83 AS build\nFROM debian:bookworm-slim\nRUN <<EOF\napt-get update\napt-get install -y "
        "ca-certificates\n"
        'EXPOSE 1\nEOF\nCOPY --from=build /s /s\nUSER nobody\nCMD ["/s"]\n',
        {"Cargo.toml": '[dependencies]\naxum = "0.8"\n', "src/main.rs": '.route("/health", get(f))'},
        *(3000, "/health", "CMD bash"),
    ),
    "rocket with curl": Case(
        "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y curl\nCOPY . .\nUSER x\nEXPOSE "
        "8000\nCMD /s\n",
        {"Cargo.toml": '[dependencies]\nrocket = "0.5"\n'},
        *(8000, "/health", "CMD curl"),
        said="RUN in Dockerfile:2 installs it",
    ),
    "laravel": Case(
        "FROM php:8.3-apache\nCOPY . /var/www/html\nUSER www-data\n",
        {"composer.json": '{"require": {"laravel/framework": "^11"}}'},
        *(80, "/up", "CMD curl"),
        said="port 80: the default of php:8.3-apache in Dockerfile:1",
    ),
    "php-fpm": Case("FROM php:8.3-fpm-alpine\nCOPY . .\nUSER x\n", {}, 9000, "/health", "CMD curl", said="FastCGI"),
    "nginx": Case("FROM nginx:1.27-alpine\nCOPY dist /usr/share/nginx/html\n", {}, 80, "/", "CMD wget", said="no USER"),
    "unprivileged nginx": Case("FROM nginxinc/nginx-unprivileged:1.27\nCOPY . .\n", {}, 8080, "/", "CMD curl"),
    "a site built by node": Case(
        "FROM node:22 AS build\nCOPY . .\nRUN npm run build\nFROM nginx:1.27\nCOPY --from=build /app/dist "
        "/usr/share/nginx/html\n",
        {"package.json": '{"dependencies": {"react": "19", "next": "15"}}'},
        *(80, "/", "CMD curl"),
    ),
    "httpd": Case("FROM httpd:2.4\nCOPY . .\n", {}, 80, "/", "CMD bash"),
    "phoenix": Case(
        "FROM elixir:1.17-alpine AS build\nFROM alpine:3.20\nCOPY --from=build /a /a\nUSER nobody\nENV "
        "PORT=4000\nCMD /a/bin/server\n",
        {"mix.exs": '{:phoenix, "~> 1.7"}'},
        *(4000, "/health", "CMD wget"),
        said="port 4000: ENV PORT in Dockerfile:5",
    ),
    "a check of its own": Case(
        "FROM node:22-slim\nCOPY . .\nUSER node\nHEALTHCHECK --interval=10s \\\n  CMD node health.js "
        "http://localhost:4000/live\nCMD node .\n",
        {},
        *(4000, "/live", ""),
        said="path /live: HEALTHCHECK in Dockerfile:4\n  container check: HEALTHCHECK in Dockerfile:4",
    ),
    "a check without its program": Case(
        "FROM python:3.12-slim\nCOPY . .\nUSER x\nEXPOSE 8000\nHEALTHCHECK CMD curl -f "
        "http://localhost:8000/up || exit 1\nCMD python .\n",
        {},
        *(8000, "/up", ""),
        said="HEALTHCHECK in Dockerfile:5 needs curl, which is not in python:3.12-slim in Dockerfile:1",
    ),
    "a check without its shell": Case(
        "FROM gcr.io/distroless/static-debian12:nonroot\nCOPY s /\nEXPOSE 80\nHEALTHCHECK CMD /s --check\n",
        {},
        *(80, "/health", ""),
        said="HEALTHCHECK in Dockerfile:4 needs a shell, which is not in gcr.io/distroless/static-debian12:nonroot",
    ),
    "no check": Case(
        "FROM python:3.12-slim\nCOPY . .\nUSER x\nEXPOSE 80\nHEALTHCHECK CMD true\nHEALTHCHECK NONE\nCMD python .\n",
        {},
        80,
        "/health",
        "CMD python3",
    ),
    "latest and untagged": Case(
        "FROM golang AS build\nFROM alpine:latest\nUSER x\nEXPOSE 8080\nCMD /s\n",
        {},
        8080,
        "/health",
        "CMD wget",
        frozenset({"W139"}),
    ),
    "an unknown base": Case(
        "FROM acme.example/base:7\nUSER x\nEXPOSE 8080\nCMD /s\n", {}, 8080, "/health", "CMD-SHELL curl"
    ),
    "an unknown base with Python": Case(
        'FROM acme.example/base@sha256:0\nUSER x\nEXPOSE 8080\nCMD ["/usr/bin/python3", "-m", "app"]\n',
        {},
        8080,
        "/health",
        "CMD /usr/bin/python3",
    ),
    "a worker on scratch": Case('FROM scratch\nCOPY s /\nUSER 1\nCMD ["/s"]\n', {}, None, "", ""),
    "a worker on busybox": Case("FROM busybox:1.36\nCOPY s /\nUSER 1\nCMD /s\n", {}, None, "", "CMD-SHELL test"),
    "a worker in Python without a shell": Case(
        'FROM cgr.dev/chainguard/python:latest\nCMD ["w.py"]\n', {}, None, "", "CMD python3", frozenset({"W139"})
    ),
    "windows lines, escape and BOM": Case(
        "\ufeff# escape=`\r\nFROM node:22-slim\r\nUSER node\r\nEXPOSE `\r\n  # which\r\n\r\n  5000\r\nCMD node .\r\n",
        {},
        5000,
        "/health",
        "CMD node",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_spec_of_a_dockerfile(folder: Path, name: str) -> None:
    """It is valid, has no warning that it could avoid, and the check fits the image."""
    case = CASES[name]
    written({"Dockerfile": case.dockerfile, **case.files})
    result = init("shop", "--from", ".")
    spec = service_of("shop.yml")
    check = spec.get("healthCheck", {})
    assert (spec.get("port"), check.get("path", "")) == (case.port, case.path)
    command = " ".join(check.get("container", {}).get("command", []))
    assert command.startswith(case.check) and bool(command) == bool(case.check)
    assert case.said in result.stderr
    assert spec["build"] == {"context": ".", "dockerfile": "Dockerfile"}
    assert set(re.findall(r"\[([SW]\d+)\]", result.stderr)) == case.codes  # of the whole compilation


REPOSITORY = {".git/HEAD": "", "Dockerfile": "FROM node:22-slim\nUSER node\nEXPOSE 3000\nCMD node .\n"}
SMALL = REPOSITORY["Dockerfile"]


def test_a_plain_init_beside_a_dockerfile_does_the_same_and_says_so(folder: Path) -> None:
    written(REPOSITORY)
    same = init("shop", "--from", ".", "-o", "from.yml").stderr.replace("from.yml", "shop.yml")
    same = same.replace(" --output shop.yml", "")
    assert init("shop").stderr == f"using Dockerfile, as with --from .\n{same}"
    assert Path("shop.yml").read_bytes() == Path("from.yml").read_bytes()
    assert "already exists" in init("shop", expect=2).stderr


def test_the_next_step_builds_the_image(folder: Path) -> None:
    written({"Dockerfile": SMALL})
    assert "next: fsdcf deploy one.yml --build --sandbox\n" in init("one").stderr


def test_what_is_not_certain_has_a_command_that_sets_it(folder: Path) -> None:
    """Nobody may have confirmed it: the command writes the same spec with the other value."""
    written({"Dockerfile": SMALL.replace("EXPOSE", "# EXPOSE"), "package.json": '{"dependencies": {"express": "4"}}'})
    told = init("shop", "--from", ".", "--owner", "a team").stderr
    assert "path /health: assumed" in told
    assert "port 3000 and path /health are not certain" in told
    (command,) = (words for words in commands_in(told) if "--path" in words)
    Path("shop.yml").unlink()
    words = shlex.split(command.replace("PORT", "4000").replace("PATH", "/up"))
    told = init(*words[2:]).stderr
    service = service_of("shop.yml")
    assert (service["port"], service["healthCheck"]["path"]) == (4000, "/up") and "not certain" not in told


def test_a_folder_for_dockerfiles_is_not_the_program(folder: Path) -> None:
    """The name of the service, its packages and its code are of the folder that the image is built from."""
    files = {"shop/docker/Dockerfile": "FROM node:22\nCOPY . .\nCMD npm start\n", "shop/docker/compose.yaml": ""}
    written({".git/HEAD": "", **files, "shop/package.json": '{"dependencies": {"express": "4"}}'})
    told = init("--from", "shop/docker").stderr
    assert "name shop: the name of the folder" in told and "Express (package.json)" in told
    assert service_of("shop.yml")["build"]["context"] == "shop"


def test_a_plain_init_needs_no_dockerfile_that_can_be_read(folder: Path) -> None:
    Path("Containerfile").mkdir()
    init("one")
    written({"Dockerfile": "RUN x\n"})
    assert "notice: Dockerfile is not used: 'Dockerfile' has no FROM" in init("two").stderr
    assert service_of("one.yml")["port"] == service_of("two.yml")["port"] == 8000


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("My Shop_2", "my-shop-2"),
        ("3-café--été", "cafe-ete"),
        ("x" * 60, "x" * 40),
        ("日本", ""),
        ("a", ""),
        ("fsdcf-api", ""),
    ],
)
def test_the_name_is_that_of_the_folder(folder: Path, name: str, expected: str) -> None:
    written({f"{name}/Dockerfile": SMALL})
    result = init("--from", name, expect=0 if expected else 2)
    if expected:
        assert f"  name {expected}: the name of the folder\n" in result.stderr
        data = yaml.safe_load(Path(f"{expected}.yml").read_text())
        assert data["metadata"]["name"] == expected
        assert data["service"]["build"] == {"context": name, "dockerfile": f"{name}/Dockerfile"}
    else:
        assert f"no valid name: write one: fsdcf init NAME --from {shlex.quote(name)}" in result.stderr


def test_paths_are_relative_to_the_spec(folder: Path) -> None:
    """Also if a folder has a name that YAML, or fsdcf, takes for something else."""
    name = "a: #b ${ENV} ${{ x }}, 'c'"
    written({".git/HEAD": "", f"{name}/Dockerfile": SMALL})
    init("shop", "--from", name, "-o", "deploy/specs/shop.yml")
    result = run(Request("deploy/specs/shop.yml", Path("deploy/specs/shop.yml").read_bytes(), "staging"))
    assert result.spec is not None and not result.diagnostics
    assert result.spec.service.build.dockerfile == f"../../{name}/Dockerfile"
    assert result.spec.service.build.context == f"../../{name}"


@pytest.mark.parametrize(
    ("file", "text", "context"),
    [
        ("docker/Dockerfile", "FROM node:22\nCOPY package.json src ./\n", "."),
        ("services/api/Dockerfile", "FROM node:22\nCOPY --chown=node services/api/*.json ./\n", "."),
        ("services/api/Dockerfile", 'FROM node:22 AS b\nCOPY ["local.json", "./"]\nFROM node:22\n', "services/api"),
        ("docker/Dockerfile", "FROM node:22\nCOPY . .\nCOPY --from=x nowhere /\n", "."),
        ("docker/Dockerfile", "FROM node:22\nCOPY missing .\n", "docker"),
        ("docker/Dockerfile", "FROM node:22\nCOPY ../../../etc/passwd $X https://x.example/y /z/\n", "docker"),
    ],
)
def test_the_context_has_what_the_dockerfile_copies(folder: Path, file: str, text: str, context: str) -> None:
    written({".git/HEAD": "", file: text, "package.json": "{}", "src/x": "", "services/api/local.json": "{}"})
    told = init("shop", "--from", file).stderr
    assert service_of("shop.yml")["build"] == {"context": context, "dockerfile": file}
    assert ("  build context .: it has what Dockerfile copies\n" in told) is (context == ".")


def link_outside(folder: Path) -> None:
    (folder.parent / "outside").write_text(SMALL)
    Path("Dockerfile").symlink_to(folder.parent / "outside")


def huge(folder: Path) -> None:
    with Path("Dockerfile").open("wb") as file:
        file.truncate(1 << 40)


@pytest.mark.parametrize(
    ("files", "words", "complaint"),
    [
        ({}, ("--from", "nowhere"), "no such folder"),
        ({"x/a": ""}, ("--from", "x"), "no Dockerfile in 'x': write a Dockerfile, or leave out --from"),
        (
            {"api/Dockerfile": SMALL, "a/b/Dockerfile.prod": SMALL},
            ("--from", "."),
            "use `fsdcf init --from a/b/Dockerfile.prod` or `fsdcf init --from api/Dockerfile`",
        ),
        (
            {"Dockerfile.dev": SMALL, "prod.Dockerfile": SMALL, "Dockerfile.dockerignore": ""},
            ("--from", "."),
            "use `fsdcf init --from Dockerfile.dev` or `fsdcf init --from prod.Dockerfile`",
        ),
        ({"Dockerfile": "# nothing\nRUN x\n"}, ("--from", "."), "has no FROM"),
        ({"Dockerfile": "\0\1"}, ("--from", "."), "has no FROM"),
        ({"Dockerfile": "FROM mcr.microsoft.com/windows/nanoserver:1809\n"}, ("--from", "."), "an image of Windows"),
        ({"Dockerfile": "FROM --platform=windows/amd64 x\n"}, ("--from", "."), "an image of Windows"),
        ({"Dockerfile": SMALL}, ("--from", ".", "--template", "sqlite-api"), "remove --from"),
        ({"Dockerfile": SMALL}, ("--from", ".", "--path", "x"), "must start with /"),
        ({"Dockerfile": SMALL}, ("--from", ".", "--worker", "--port", "80"), "cannot be combined"),
        (
            {"Dockerfile": SMALL, ".git/HEAD": ""},
            ("--from", ".", "-o", "/tmp/elsewhere/shop.yml"),
            "outside the repository",
        ),
        (link_outside, ("--from", "."), "outside the repository"),
        (huge, ("--from", "."), "more than 1,000,000 bytes"),
        (lambda _: os.mkfifo("Dockerfile"), ("--from", "."), "Not a regular file"),
        (lambda _: Path("Dockerfile").mkdir(), ("--from", "."), "Is a directory"),
    ],
)
def test_what_is_no_dockerfile_is_a_usage_error(
    folder: Path, files: Any, words: tuple[str, ...], complaint: str
) -> None:
    files(folder) if callable(files) else written(files)
    before = sorted(folder.rglob("*"))
    assert complaint in init("shop", *words, expect=2).stderr
    assert sorted(folder.rglob("*")) == before


def test_the_usual_dockerfile_is_chosen(folder: Path) -> None:
    written({"Dockerfile": SMALL, "Dockerfile.dev": "FROM x\n", "Dockerfile.dockerignore": ""})
    init("shop", "--from", ".")
    assert service_of("shop.yml")["build"]["dockerfile"] == "Dockerfile"
    init("other", "--from", "Dockerfile.dev")
    assert service_of("other.yml")["build"]["dockerfile"] == "Dockerfile.dev"


def test_options_are_stronger_and_what_contradicts_them_is_reported(folder: Path) -> None:
    written(
        {"Dockerfile": "FROM node:22-slim\nENV PORT=3000\nUSER node\nEXPOSE $PORT\nCMD node .\n", **node("express")}
    )
    result = init("shop", "--from", ".", "--port", "9000", "--path", "/live", "--owner", "us")
    assert "  port 9000: --port; EXPOSE in Dockerfile:4 has 3000\n  path /live: --path\n" in result.stderr
    assert "warning[W144]" in result.stderr and "3000 (Dockerfile:4)" in result.stderr
    spec = service_of("shop.yml")
    assert (spec["port"], spec["environment"]["PORT"]) == (9000, "9000")
    assert "127.0.0.1:9000/live" in spec["healthCheck"]["container"]["command"][-1]
    result = init("mailer", "--from", ".", "--worker")
    assert "  port none: --worker; EXPOSE in Dockerfile:4 has 3000\n" in result.stderr and "W144" in result.stderr
    assert "port" not in service_of("mailer.yml")


def test_the_architecture_and_what_a_framework_needs(folder: Path) -> None:
    written(
        {
            "Dockerfile": "FROM --platform=linux/arm64/v8 node:22-slim AS a\nFROM a\nUSER node\nCMD npm start\n",
            **node("next"),
        }
    )
    assert "  architecture arm64: FROM --platform in Dockerfile:1\n" in init("shop", "--from", ".").stderr
    spec = service_of("shop.yml")
    assert spec["resources"]["architecture"] == "arm64" and spec["environment"]["HOSTNAME"] == "0.0.0.0"
    written({"Dockerfile": "FROM amazoncorretto:21\nUSER x\nEXPOSE 8080\nCMD java -jar a.jar\n"})
    init("java", "--from", ".")
    assert service_of("java.yml")["resources"] == {"cpu": 512, "memory": 1024}
    written({"Dockerfile": "FROM --platform=linux/s390x alpine:3\nEXPOSE 80\nCMD uvicorn a:b\n"})
    told = init("odd", "--from", ".").stderr
    assert "not linux/s390x" in told and "uvicorn listens on 127.0.0.1 alone" in told and "runs as root" in told


def test_arguments_without_a_default_are_named(folder: Path) -> None:
    arguments = "ARG VERSION=1 TARGETARCH\nARG BASE\nFROM $BASE:${VERSION}\nARG VERSION\nARG COMMIT http_proxy a:b\n"
    written({"Dockerfile": f"{arguments}USER x\nEXPOSE 80\n"})
    told = init("shop", "--from", ".").stderr
    assert "FROM in Dockerfile:3 needs build arguments, $BASE:1: write them as build.args" in told
    assert '    # args: {BASE: "…", COMMIT: "…"}\n' in Path("shop.yml").read_text("utf-8")


# Questions


@pytest.mark.parametrize(
    ("dockerfile", "words", "answers", "port", "path", "questions"),
    [
        (SMALL, (), "web\n/live\n\n", 3000, "/live", ["Name", "Path", "Owner"]),
        (SMALL, ("shop", "--path", "/x"), "", 3000, "/x", []),
        ("FROM node:22\nEXPOSE 3000 4000\n", ("shop",), "4000\nhealth\n/\n", 4000, "/", ["Port", "Path", "Path"]),
        ("FROM acme:1\n", ("shop",), "\n", None, "", ["Port"]),
        ("FROM acme:1\n", ("shop",), "80\n\n", 80, "/health", ["Port", "Path"]),
    ],
)
def test_on_a_terminal_it_asks_for_what_is_not_sure(
    folder: Path,
    terminal: int,
    capsys: pytest.CaptureFixture[str],
    dockerfile: str,
    words: tuple[str, ...],
    answers: str,
    port: int | None,
    path: str,
    questions: list[str],
) -> None:
    written({"Dockerfile": dockerfile})
    os.write(terminal, answers.encode())
    cli.main(["init", *words, "--from", ".", "-o", "spec.yml"], standalone_mode=False)
    spec = service_of("spec.yml")
    assert (spec.get("port"), spec["healthCheck"].get("path", "")) == (port, path)
    assert re.findall(r"(Name|Path|Owner|Port)[a-z ()0-9]*(?:\[[^]]*\])?: ", capsys.readouterr().err) == questions


def test_on_a_terminal_one_of_several_dockerfiles_is_chosen(folder: Path, terminal: int) -> None:
    written({"Dockerfile.dev": "FROM x\n", "Dockerfile.prod": SMALL})
    os.write(terminal, b"Dockerfile.prod\n\n")
    cli.main(["init", "shop", "--from", "."], standalone_mode=False)
    assert service_of("shop.yml")["port"] == 3000


# The permissions boundary

BOUND = "apiVersion: fsd/v1\nkind: Service\nmetadata: {name: other}\nservice:\n  permissionsBoundary: team-${ENV}\n"
WORKFLOW = "# Written by fsdcf ci github\n# fsdcf\njobs:\n  a:\n    env:\n      ENVIRONMENT: staging\n"
SHARED = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\nenvironment:\n  permissionsBoundary: env\n"


@pytest.mark.parametrize(
    ("files", "boundary", "why"),
    [
        ({}, None, ""),
        ({"services/other.yml": BOUND}, "team-${ENV}", "as in other.yml"),
        ({"services/other.yml": BOUND.replace("team", "'a: b'")}, None, ""),
        ({".github/workflows/fsdcf.yml": WORKFLOW}, "fsdcf-boundary-${ENV}", "the pipeline of fsdcf.yml needs it"),
        ({".github/workflows/other.yml": "on: push\n"}, None, ""),
        (
            {"environments/staging.yml": SHARED, "services/other.yml": BOUND},
            None,
            "the one of environments/staging.yml applies",
        ),
    ],
)
def test_a_boundary_that_the_repository_has(
    folder: Path, files: dict[str, str], boundary: str | None, why: str
) -> None:
    written({**REPOSITORY, **files})
    init("shop")
    assert service_of("shop.yml").get("permissionsBoundary") == boundary
    assert why in Path("shop.yml").read_text()
    init("api", "--template", "sqlite-api")
    assert service_of("api/api.yml").get("permissionsBoundary") == boundary


def test_a_boundary_that_the_account_has(stage: Stage) -> None:
    """AWS is asked only if an option names the connection."""
    stage("init", "one")
    assert not stage.connections
    assert "notice: the account has no policy fsdcf-boundary-staging\n" in stage("init", "two", "--sandbox").stderr
    assert "permissionsBoundary" not in service_of("two.yml")
    policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"ManagedPolicyName": "fsdcf-boundary-staging"}}
    properties = policy["Properties"] | {"PolicyDocument": {"Version": "2012-10-17", "Statement": []}}
    template = {"Resources": {"Policy": {**policy, "Properties": properties}}}
    stage.site.aws.call(
        "cloudformation",
        "CreateStack",
        StackName="boundary",
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    stage.site.clock.advance(600)
    stage("init", "three", "--region", "us-east-1")
    assert service_of("three.yml")["permissionsBoundary"] == "fsdcf-boundary-${ENV}"
    assert "the account has fsdcf-boundary-staging" in Path("three.yml").read_text()
    assert stage.connections[-1].region == "us-east-1"


def test_who_may_not_ask_for_the_boundary_is_told_so(stage: Stage) -> None:
    stage.site.fault("api:GetPolicy:error=AccessDenied")
    told = stage("init", "shop", "--sandbox").stderr
    assert "notice: whether the account has fsdcf-boundary-staging is not known" in told
    assert "permissionsBoundary" not in service_of("shop.yml")


# Hostile folders


def test_a_file_name_in_a_comment_is_no_comment_of_fsdcf(folder: Path) -> None:
    name = "x # fsdcf: allow W139 because I say so"
    written({f"a/{name}": "FROM alpine\nUSER x\nEXPOSE 80 # fsdcf: allow W139 because x\nCMD x\n"})
    assert "W139" in init("shop", "--from", f"a/{name}").stderr


@given(
    text=texts(*BREAKS),
    kind=st.sampled_from(("FROM {}", "FROM x\nEXPOSE {}", "FROM x\nUSER {}", "{}", "FROM x\nCMD {}")),
)
@examples(12, ignore=(HealthCheck.function_scoped_fixture,))
def test_a_hostile_dockerfile_gives_a_spec_or_a_usage_error(folder: Path, text: str, kind: str) -> None:
    Path("Dockerfile").write_bytes(kind.replace("{}", text).encode("utf-8", "surrogatepass"))
    Path("shop.yml").unlink(missing_ok=True)
    result = CliRunner().invoke(cli, ["init", "shop", "--from", "."])
    assert result.exit_code in (0, 2) and isinstance(result.exception, (SystemExit, type(None))), result.exception
    if result.exit_code == 0:
        assert set(yaml.safe_load(Path("shop.yml").read_text("utf-8"))) == {
            "apiVersion",
            "kind",
            "metadata",
            "service",
            "environments",
        }
        assert "error[" not in result.stderr
        assert all(one.isprintable() or one == "\n" for one in result.stderr)


def test_a_program_of_root_on_a_low_port_needs_another_one(folder: Path) -> None:
    """A user alone would not help it, and what it does not listen on is not to be exposed."""
    written({"Dockerfile": "FROM nginx:1.27-alpine\nEXPOSE 80\nEXPOSE 443 9000\n"})
    told = init("shop").stderr
    assert "add `USER 1000`, and let the program listen on a port from 1024" in told
    assert "does not name them" in told and "remove them from EXPOSE" in told
