"""The builders: which one is chosen, and the command line that each understands."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fsdcf.images.builders import (
    BUILDERS,
    Buildah,
    Builder,
    BuilderError,
    Buildx,
    Docker,
    Finch,
    ImageBuild,
    MountedSecret,
    Nerdctl,
    Podman,
    find_builder,
)

BUILD = ImageBuild(
    image="web:1",
    context=Path("app"),
    dockerfile=Path("app/Dockerfile"),
    platform="linux/arm64",
    arguments={"B": "two words", "A": "1"},
    target="final",
    secrets=(MountedSecret("npm", file=Path("npmrc")), MountedSecret("token", variable="TOKEN")),
    labels={"l": "v"},
    epoch=1700000000,
    use_cache=False,
    has_shell=True,
)

OPTIONS = [
    *("--file", "app/Dockerfile", "--platform", "linux/arm64", "--tag", "web:1"),
    *("--build-arg", "A=1", "--build-arg", "B=two words", "--label", "l=v"),
    *("--secret", "id=npm,type=file,src=npmrc", "--secret", "id=token,type=env,env=TOKEN"),
    *("--target", "final", "--no-cache"),
]

Answers = Mapping[str, tuple[int, str, str]]
"""The exit code, the output and the errors of each command, by the words that it begins with."""


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Install programs that answer as they are told; returns the environment in which they are found."""

    def installed(**programs: Answers) -> dict[str, str]:
        for name, answers in programs.items():
            program = tmp_path / name
            cases = [
                f"{shlex.quote(begin)}*) echo {shlex.quote(out)}; echo {shlex.quote(err)} >&2; exit {code} ;;"
                for begin, (code, out, err) in answers.items()
            ]
            program.write_text("\n".join(["#!/bin/sh", 'case "$*" in', *cases, "esac"]))
            program.chmod(0o755)
        return {"PATH": str(tmp_path)}

    return installed


@pytest.mark.parametrize(
    ("kind", "words", "more", "variables"),
    [
        (Buildx, ["docker", "buildx", "build", "--load"], [], {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}),
        (Docker, ["docker", "build", "--force-rm"], [], {"DOCKER_BUILDKIT": "0"}),
        (Podman, ["podman", "build", "--layers", "--force-rm"], ["--format", "docker"], {}),
        (Buildah, ["buildah", "build", "--layers", "--force-rm"], ["--format", "docker"], {}),
        (Nerdctl, ["nerdctl", "build"], [], {}),
        (Finch, ["finch", "build"], [], {}),
    ],
)
def test_the_command_line_of_each_builder(
    kind: type[Builder], words: list[str], more: list[str], variables: dict[str, str]
) -> None:
    environment = {"DOCKER_HOST": "ssh://host", "SOURCE_DATE_EPOCH": "1"}
    command = kind(environment).build(BUILD)
    dated = issubclass(kind, Buildah)
    more = [*more, "--timestamp", "1700000000"] if dated else more
    assert command.words == [*words, *OPTIONS, *more, "app"]
    told = [kind.report_option, "id"] if kind.report_option else []
    assert kind(environment).build(BUILD, Path("id")).words == [*words, *told, *OPTIONS, *more, "app"]
    epoch = {} if dated else {"SOURCE_DATE_EPOCH": "1700000000"}  # buildah refuses both
    assert command.environment == {"DOCKER_HOST": "ssh://host", **epoch, **variables}


def test_the_format_of_docker_is_for_what_that_of_oci_loses() -> None:
    assert "--format" not in Buildah({}).build(replace(BUILD, has_shell=False)).words
    assert "--format" not in Buildah({"BUILDAH_FORMAT": "oci"}).build(BUILD).words


def test_paths_are_no_options_and_not_standard_input() -> None:
    build = ImageBuild("web:1", Path("-"), Path("--help"), "linux/amd64")
    words = Buildx({}).build(build).words
    assert words[-1] == "./-"
    assert "./--help" in words


def test_the_path_of_a_secret_may_contain_a_comma_where_the_builder_can_read_it() -> None:
    build = ImageBuild("web:1", Path(), Path("Dockerfile"), "linux/amd64", secrets=(MountedSecret("a", Path('x,"y')),))
    assert 'id=a,type=file,"src=x,""y"' in Buildx({}).build(build).words
    assert "comma" in Buildah({}).refusal(build)
    assert "comma" in Podman({}).refusal(build)
    assert not Buildx({}).refusal(build)


def test_builders_refuse_secrets_that_they_cannot_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "buildx" in Docker({}).refusal(BUILD)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "TOKEN" in Finch({}).refusal(BUILD)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not any(kind({}).refusal(BUILD) for kind in (Buildx, Podman, Buildah, Nerdctl, Finch))


IMAGE = json.dumps([{"Id": "a" * 64, "Os": "linux", "Architecture": "arm64"}])
OF_BUILDAH = json.dumps({"FromImageID": "a" * 64, "OCIv1": {"os": "linux", "architecture": "arm64"}})


@pytest.mark.parametrize(
    ("kind", "question", "answer"),
    [
        (Docker, "image inspect web:1", IMAGE),
        (Podman, "image inspect web:1", IMAGE),
        (Buildah, "inspect --type image web:1", OF_BUILDAH),
        (Nerdctl, "image inspect --platform linux/arm64 web:1", IMAGE),
        (Finch, "image inspect --platform linux/arm64 web:1", IMAGE),
    ],
)
def test_the_image_is_read_back(
    install: Callable[..., dict[str, str]], kind: type[Builder], question: str, answer: str
) -> None:
    environment = install(**{kind.program: {question: (0, answer, "")}})
    image = kind(environment).local_image("web:1", "linux/arm64")
    assert (image.id, image.platform) == (f"sha256:{'a' * 64}", "linux/arm64")


@pytest.mark.parametrize("kind", [Podman, Buildah])
def test_the_platform_of_the_base_counts(install: Callable[..., dict[str, str]], kind: type[Builder]) -> None:
    def inspected(chip: str, *bases: str) -> str:
        history: list[dict[str, str]] = [{}, *({"comment": f"FROM {base}"} for base in bases)]
        described = {"os": "linux", "architecture": chip, "history": history}
        if kind is Buildah:
            return json.dumps({"FromImageID": "a" * 64, "OCIv1": described})
        return json.dumps([{"Id": "a" * 64, "Os": "linux", "Architecture": chip, "History": history}])

    inspect = "inspect --type image" if kind is Buildah else "image inspect"
    answers: Answers = {
        f"{inspect} web:1": (0, inspected("amd64", "0a1b2c3d4e5f", "base:latest"), ""),
        f"{inspect} base:latest": (0, inspected("arm64"), ""),
        f"{inspect} web:2": (0, inspected("amd64", "odd", "same"), ""),
        f"{inspect} odd": (0, inspected(""), ""),
        f"{inspect} same": (0, inspected("amd64"), ""),
        "": (1, "", "image not known"),
    }
    builder = kind(install(**{kind.program: answers}))
    assert builder.local_image("web:1").platform == "linux/arm64"
    assert builder.local_image("web:2").platform == "linux/amd64"


@pytest.mark.parametrize("answer", ["[]", "{}", "null", "[1]", "no JSON", "[" * 100_000, '[{"Id": "a"}]'])
def test_an_unknown_description_of_an_image_is_an_error(install: Callable[..., dict[str, str]], answer: str) -> None:
    environment = install(docker={"image inspect": (0, answer, "")})
    with pytest.raises(BuilderError, match="docker"):
        Docker(environment).local_image("web:1")


def test_the_history_of_a_base_is_no_list_of_options(install: Callable[..., dict[str, str]]) -> None:
    steps = ["x", {"comment": 5}, {"comment": "FROM --help"}, *({"comment": f"FROM {each}"} for each in range(50))]
    config = {"os": "linux", "architecture": "amd64", "history": steps}
    told = json.dumps({"FromImageID": "a" * 64, "OCIv1": config})
    builder = Buildah(
        install(buildah={"inspect --type image --help": (0, told.replace("amd64", "odd"), ""), "": (0, told, "")})
    )
    assert builder.local_image("web:1").platform == "linux/amd64"
    assert len(builder._bases("web:1")) == 20


WORKS: Answers = {"": (0, "", "")}
NO_DAEMON: Answers = {"version": (1, "", "Cannot connect to the Docker daemon. Is the docker daemon running?")}


def test_the_first_builder_that_works_is_chosen_and_says_why(install: Callable[..., dict[str, str]]) -> None:
    builder = find_builder(None, install(docker=NO_DAEMON, buildah=WORKS, nerdctl=WORKS))
    assert builder.title == "buildah"
    assert "docker does not work: Cannot connect to the Docker daemon" in builder.passed_over
    assert "podman is not installed" in builder.passed_over


def test_docker_with_and_without_buildx(install: Callable[..., dict[str, str]]) -> None:
    assert find_builder(None, install(docker=WORKS)).title == "docker buildx"
    builder = find_builder(None, install(docker={"buildx": (1, "", "not a docker command"), **WORKS}))
    assert builder.title == "docker"
    assert builder.passed_over == "docker has no buildx"


def test_docker_that_is_podman_is_podman(install: Callable[..., dict[str, str]]) -> None:
    docker: Answers = {"--version": (0, "podman version 5.2.0", "Emulate Docker CLI using podman."), **WORKS}
    builder = find_builder(None, install(docker=docker, podman=WORKS))
    assert builder.title == "podman"
    assert builder.passed_over == "docker is podman here"


@pytest.mark.parametrize("name", BUILDERS)
def test_a_named_builder_that_does_not_work_says_what_to_do(install: Callable[..., dict[str, str]], name: str) -> None:
    environment = install(**{name: {"": (1, "", "cannot start")}}, **({} if name == "docker" else {"docker": WORKS}))
    with pytest.raises(BuilderError, match=f"{name} does not work: cannot start; .+, or leave out --builder"):
        find_builder(name, environment)


def test_without_any_builder_one_is_to_be_installed() -> None:
    with pytest.raises(BuilderError, match=r"docker is not installed; podman is not .*; install one of them"):
        find_builder(None, {"PATH": os.devnull})


def test_a_daemon_that_may_not_be_used(install: Callable[..., dict[str, str]]) -> None:
    environment = install(docker={"": (1, "", "permission denied while trying to connect to the Docker daemon")})
    with pytest.raises(BuilderError, match="usermod -aG docker"):
        find_builder("docker", environment)


@pytest.mark.parametrize(
    ("kind", "listed", "removed"),
    [
        (Buildah, {"containers --quiet": (0, "old new", "")}, "rm new"),
        (
            Podman,
            {"ps --all --quiet --no-trunc --external": (0, "old own new", ""), "ps": (0, "own", "")},
            "rm --force new",
        ),
    ],
)
def test_containers_of_an_interrupted_build_are_removed_unless_another_build_runs(
    install: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: type[Buildah],
    listed: Answers,
    removed: str,
) -> None:
    environment = install(**{kind.program: listed})
    with (tmp_path / kind.program).open("a") as program:
        program.write(f'\ncase "$*" in rm*) echo "$*" >> {tmp_path / "removed"} ;; esac')
    builder, running = kind(environment), [True]
    monkeypatch.setattr("fsdcf.images.builders._is_running", lambda *programs: running[0])
    monkeypatch.setattr("fsdcf.images.builders.time.sleep", lambda seconds: None)
    assert builder.clean_up(frozenset({"old"})) == {"new"}
    assert not (tmp_path / "removed").exists()
    running[0] = False
    builder.clean_up(frozenset({"old"}))
    assert (tmp_path / "removed").read_text().strip() == removed
