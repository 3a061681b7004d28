"""What is read from a Dockerfile, as Docker reads it; and the warnings about the one that a spec names."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.language.dockerfile import Dockerfile, read_dockerfile
from fsdcf.pipeline import Request, run
from tests.conftest import HELLO
from tests.patterns import cpu


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EXPOSE 80", {80: 1}),
        ("expose 80/tcp 81/udp 82/TCP", {80: 1, 82: 1}),
        ("EXPOSE 80 \\\n  # why\n\n  443\nEXPOSE 80", {80: 1, 443: 1}),
        ("ENV A=80 B='81'\nEXPOSE $A ${B} ${C:-82} ${D} \\$A ${A:+83}", {80: 2, 81: 2, 82: 2, 83: 2}),
        ("ARG P=1\nARG Q=${P}2\nEXPOSE ${Q}0", {120: 3}),
        ("ARG P=1\nENV P 2\nEXPOSE $P", {2: 3}),
        ("EXPOSE 3000-3002 1-x x 0 70000 99999999", {3000: 1, 3001: 1, 3002: 1}),
        ('EXPOSE "80"', {80: 1}),
        ("RUN <<EOF\nEXPOSE 1\nEOF\nEXPOSE 2", {2: 4}),
        ("COPY <<'A' <<-B /x/\nEXPOSE 1\nA\nEXPOSE 2\n\tB\nEXPOSE 3", {3: 6}),
        ("RUN echo '<<EOF' \"<<A\" $((1 <<X))\nEXPOSE 2", {2: 2}),
        ("ONBUILD EXPOSE 1\nEXPOSE\t2", {2: 2}),
        ("FROM y AS b\nEXPOSE 1\nFROM z\nEXPOSE 2", {2: 4}),
        ("FROM y AS Base\nEXPOSE 1\nENV A=5\nFROM base as c\nEXPOSE $A\nFROM other\nFROM C", {1: 2, 5: 5}),
    ],
)
def test_the_ports_are_those_of_the_last_stage_and_what_it_begins_with(text: str, expected: dict[int, int]) -> None:
    """The lines count from the one after the first FROM."""
    found = read_dockerfile(f"FROM x\n{text}").ports
    assert {port: line - 1 for port, line in found.items()} == expected


def test_directives_arguments_and_platforms() -> None:
    image = read_dockerfile(
        "\ufeff# syntax=docker/dockerfile:1\r\n# escape = `\r\nARG TAG=3.12\r\nARG SYSTEM=linux\r\n"
        "FROM --platform=$BUILDPLATFORM golang:${TAG} AS build\r\n"
        "FROM --platform=${SYSTEM}/arm64/v8 python:${TAG}-slim AS base\r\nARG TAG\r\nUSER u`\r\n$TAG:g\r\nFROM "
        "base\r\n",
        {"TAG": "9"},
    )
    assert [base.image for base in image.bases] == ["golang:9", "python:9-slim"]
    assert (image.base.image, image.base.line, image.architecture, image.user) == ("python:9-slim", 6, "arm64", "u9")


def test_a_later_line_that_looks_like_a_directive_is_a_comment() -> None:
    image = read_dockerfile("# of mine\n# escape=`\nFROM x\nEXPOSE 1 \\\n 2\n")
    assert image.ports == {1: 4, 2: 4}


@pytest.mark.parametrize(
    ("image", "name", "tag", "is_moving"),
    [
        ("python", "python", "", True),
        ("python:latest", "python", "latest", True),
        ("python:3.12", "python", "3.12", False),
        ("host:5000/a/b", "host:5000/a/b", "", True),
        ("host:5000/a/b:1@sha256:0", "host:5000/a/b", "1", False),
        ("python@sha256:0", "python", "", False),
        ("scratch", "scratch", "", False),
        ("$BASE", "$BASE", "", False),
        ("python:${V}", "python", "${V}", False),
    ],
)
def test_a_base_image(image: str, name: str, tag: str, is_moving: bool) -> None:
    base = read_dockerfile(f"FROM {image}").base
    assert (base.name, base.tag, base.is_moving) == (name, tag, is_moving)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('CMD ["a", "b c"]', "a b c"),
        ('ENV PORT=80\nENTRYPOINT a --port $PORT\nCMD ["x"]', "a --port 80 x"),
        ("CMD a ${PORT:-81}", "a 81"),
        ("CMD [a]", "[a]"),
        ("", ""),
    ],
)
def test_the_command_of_a_container(text: str, command: str) -> None:
    assert read_dockerfile(f"FROM x\n{text}\n").command == command


def test_a_file_without_a_stage_has_nothing() -> None:
    for text in ("", "# x", "RUN a\nEXPOSE 1", "\0", "FROM"):
        image = read_dockerfile(text)
        assert (image.base.image, image.ports, image.user, image.command, image.health_check) == ("", {}, "", "", None)


def test_what_is_built_is_the_target() -> None:
    text = "FROM x AS one\nEXPOSE 1\nFROM one AS Two\nEXPOSE 2\nFROM y\nEXPOSE 3\n"
    assert read_dockerfile(text, target="two").ports == {1: 2, 2: 4}
    with pytest.raises(LookupError) as caught:
        read_dockerfile(text, target="three")
    assert caught.value.args == ("one", "Two")


@pytest.mark.parametrize(
    "text",
    [
        "FROM a AS b\n" * 8000,
        "FROM x AS s0\n" + "".join(f"FROM s{n} AS s{n + 1}\nENV A{n}=1\n" for n in range(3000)),
        "FROM a\nENV A=xx\n" + "ENV A=$A$A\n" * 8000,
        "FROM a\n" + "RUN <<A\n" * 12_000,
        "FROM a\nEXPOSE " + "1-20 " * 18_000,
        "FROM a\nRUN " + "'\"" * 48_000,
        "FROM a\nENV A=" + "x" * 900 + "\n" + ("ENV B=" + "$A" * 490 + "\n") * 100,
    ],
)
def test_no_file_is_slow(text: str) -> None:
    def read_all(text: str) -> Dockerfile:
        image = read_dockerfile(text)
        assert (image.ports, image.user, image.command) is not None
        return image

    assert cpu(read_all, text) < 1.5


def findings(dockerfile: str, keys: str = "", comment: str = "", environment: str = "staging") -> dict[str, str]:
    text = f"{HELLO}{keys}  build:\n    dockerfile: docker/Dockerfile{comment}\n"
    request = Request("spec.yml", text.encode(), environment, beside=lambda _: dockerfile.encode())
    found: dict[str, Any] = {each.code: each for each in run(request).diagnostics}
    assert all(each.path[:3] == ("service", "build", "dockerfile") for code, each in found.items() if code != "S297")
    return {code: f"{each.message}; {each.hint}" for code, each in found.items()}


def test_bases_without_a_version() -> None:
    (told,) = findings("FROM golang AS build\nFROM build AS more\nFROM alpine:3.20\n").items()
    assert told[0] == "W139" and "`golang` in docker/Dockerfile:1" in told[1]
    assert not findings("ARG B\nFROM scratch\nFROM $B\nFROM a:1\n")
    assert not findings("FROM golang\n", comment=" # fsdcf: allow W139 because I like it")


@pytest.mark.parametrize(
    ("ports", "keys", "expected"),
    [
        ("8000", "", ""),
        ("", "", ""),
        ("3000", "", "exposes 3000 (docker/Dockerfile:2), and the spec does not name it; write `port: 3000`"),
        (
            "8000 9229 9230",
            "",
            "9229 (docker/Dockerfile:2) and 9230 (docker/Dockerfile:2), and the spec does not name them",
        ),
        ("8000 9000", "  observability: {metrics: {port: 9000}}\n", ""),
        ("8000 9000/udp", "", ""),
    ],
)
def test_ports_that_the_spec_does_not_name(ports: str, keys: str, expected: str) -> None:
    told = findings(f"FROM a:1\nEXPOSE {ports}\n", keys)
    assert set(told) == ({"W144"} if expected else set()) and expected in told.get("W144", "")
    assert not findings("FROM a:1\nEXPOSE 1\n", comment=" # fsdcf: allow W144 because it is for a debugger")


def test_a_target_without_a_stage() -> None:
    told = findings("FROM a:1 AS one\nFROM b:1 AS two\n", comment="\n    target: three")
    assert told == {"S297": "the Dockerfile has no stage `three`; write one or two"}
    assert "names no stage" in findings("FROM a:1\n", comment="\n    target: three")["S297"]
    assert not findings("FROM a:1 AS one\nEXPOSE 8000\nFROM b:1\nEXPOSE 1\n", comment="\n    target: one")


@pytest.mark.parametrize(
    "base", ["gcr.io/distroless/static:nonroot", "nginxinc/nginx-unprivileged:1", "cgr.dev/chainguard/go:1"]
)
def test_a_base_whose_user_is_not_root(base: str) -> None:
    assert read_dockerfile(f"FROM {base}\n").user == "nonroot"
    assert read_dockerfile(f"FROM {base}\nUSER root\n").user == "root"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("--retries=\u00b2 CMD x", ("x", 30, 3)),
        (f"--retries={'9' * 5000} CMD x", ("x", 30, 3)),
        (f"--interval={'9' * 400}h CMD x", ("x", 300, 3)),
        (f"CMD {'[' * 100_000}", ("[" * 100_000, 30, 3)),
    ],
)
def test_extremes_of_a_health_check(rest: str, expected: tuple[str, int, int]) -> None:
    image = read_dockerfile(f"FROM a:1\nHEALTHCHECK {rest}\nCOPY {'[' * 100_000} /\n")
    check = image.health_check
    assert check is not None and (check.command, check.interval, check.retries) == expected
    assert image.written[-1].sources == ["[" * 100_000]
