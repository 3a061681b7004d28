"""The programs that build images: which of them is there, and the commands that each understands."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TIMEOUT = 60
"""Seconds for an answer of a builder."""


@dataclass(frozen=True)
class SecretSource:
    """A secret of the build, which `RUN --mount=type=secret,id=ID` reads: from a file, or an environment variable."""

    id: str
    file: Path | None = None
    variable: str | None = None

    @property
    def words(self) -> str:
        """The value of ``--secret``. It names where the secret is, and does not contain it."""
        return f"id={self.id},src={self.file}" if self.file else f"id={self.id},env={self.variable}"


@dataclass(frozen=True)
class ImageBuild:
    """The input of a build.

    ``image`` is the name that the image gets, ``platform`` that of its processor, such as ``linux/arm64``. ``epoch`` is
    the time that the image says it was made at, in seconds since 1970: the same commit then gives the same image.
    """

    image: str
    context: Path
    dockerfile: Path
    platform: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    secrets: Sequence[SecretSource] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    epoch: int | None = None
    use_cache: bool = True


@dataclass(frozen=True)
class Command:
    """A command of a builder: its words and its environment."""

    words: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class LocalImage:
    """An image in the builder's store: its id (``sha256:…``), and its platform, such as ``linux/amd64``."""

    id: str
    platform: str


class BuilderError(Exception):
    """A builder that cannot be used, or that failed. The message is a sentence."""


class Builder:
    """A program with the command line of docker. ``environment`` is that of fsdcf, which the program gets."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    program = ""
    build_words: Sequence[str] = ("build",)
    problem_words: Sequence[str] = ("info",)
    """A command that succeeds if the builder works: for docker, if its daemon answers."""

    @property
    def title(self) -> str:
        """The name that a person reads."""
        return self.program

    def problem(self) -> str:
        """Why the builder cannot be used here; empty if it can."""
        if shutil.which(self.program, path=self.environment.get("PATH")) is None:
            return f"{self.program} is not installed"
        try:
            done = self._ask([self.program, *self.problem_words])
        except BuilderError as error:
            return str(error)
        if done.returncode:
            return f"{self.program} does not work: {_last_line(done.stderr or done.stdout)}"
        return ""

    def build(self, build: ImageBuild) -> Command:
        """The command that builds an image into the builder's store."""
        words = [self.program, *self.build_words, *self.options(build), str(build.context)]
        return Command(words, {**self.environment, **self.variables(build)})

    def options(self, build: ImageBuild) -> list[str]:
        """The options of a build, whatever becomes of the image."""
        words = ["--file", str(build.dockerfile), "--platform", build.platform, "--tag", build.image]
        for name, value in sorted(build.arguments.items()):
            words += ["--build-arg", f"{name}={value}"]
        for name, value in sorted(build.labels.items()):
            words += ["--label", f"{name}={value}"]
        for secret in build.secrets:
            words += ["--secret", secret.words]
        words += ["--target", build.target] if build.target else []
        return words if build.use_cache else [*words, "--no-cache"]

    def variables(self, build: ImageBuild) -> dict[str, str]:
        """What a build has in its environment beside what fsdcf has."""
        return {} if build.epoch is None else {"SOURCE_DATE_EPOCH": str(build.epoch)}

    def local_image(self, image: str) -> LocalImage:
        """An image in the builder's store. Raises BuilderError if it is not there."""
        (found,) = self._read([self.program, "image", "inspect", image])
        return LocalImage(_digest(found["Id"]), f"{found['Os']}/{found['Architecture']}")

    def _ask(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """What a builder answers. Raises BuilderError if it does not."""
        try:
            return subprocess.run(  # noqa: S603
                words,
                stdin=subprocess.DEVNULL,
                env=self.environment,
                capture_output=True,
                check=False,
                timeout=_TIMEOUT,
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            raise BuilderError(f"{words[0]} does not answer") from None
        except OSError as error:
            raise BuilderError(f"{words[0]} cannot run: {error.strerror}") from None

    def _read(self, words: Sequence[str]) -> Any:
        """The JSON that a builder answers. Raises BuilderError if it fails."""
        done = self._ask(words)
        try:
            if done.returncode:
                raise BuilderError(f"{words[0]} {words[1]} failed: {_last_line(done.stderr)}")
            return json.loads(done.stdout)
        except ValueError:
            raise BuilderError(f"{words[0]} {words[1]} does not answer with JSON") from None


class Docker(Builder):
    """Docker with buildx, which builds with BuildKit, or without it."""

    program = "docker"
    problem_words = ("version", "--format", "{{.Server.Version}}")


class Buildx(Docker):
    """Docker with buildx."""

    build_words = ("buildx", "build", "--load")

    @property
    def title(self) -> str:
        return "docker buildx"

    def problem(self) -> str:
        """Why the builder cannot be used here; empty if it can."""
        return super().problem() or (
            "docker has no buildx" if self._ask([self.program, "buildx", "version"]).returncode else ""
        )


class Buildah(Builder):
    """Buildah, which needs no daemon."""

    program = "buildah"
    build_words = ("build", "--layers", "--identity-label=false")

    def options(self, build: ImageBuild) -> list[str]:
        """The options of a build, whatever becomes of the image."""
        made_at = [] if build.epoch is None else ["--timestamp", str(build.epoch)]
        return [*super().options(build), *made_at]

    def variables(self, build: ImageBuild) -> dict[str, str]:
        """What a build has in its environment beside what fsdcf has."""
        return {}

    def local_image(self, image: str) -> LocalImage:
        """An image in the builder's store. Raises BuilderError if it is not there."""
        found = self._read([self.program, "inspect", "--type", "image", image])
        return LocalImage(_digest(found["FromImageID"]), f"{found['OCIv1']['os']}/{found['OCIv1']['architecture']}")


class Podman(Buildah):
    """Podman, which builds with the library of buildah."""

    program = "podman"
    local_image = Builder.local_image


class Nerdctl(Builder):
    """Nerdctl, the client of containerd, which builds with BuildKit."""

    program = "nerdctl"


class Finch(Nerdctl):
    """Finch, which runs nerdctl in a virtual machine."""

    program = "finch"


BUILDERS: Mapping[str, Sequence[type[Builder]]] = {
    "docker": (Buildx, Docker),
    "podman": (Podman,),
    "buildah": (Buildah,),
    "nerdctl": (Nerdctl,),
    "finch": (Finch,),
}
"""The builders by the names that ``--builder`` takes, in the order in which they are tried."""


def find_builder(name: str | None, environment: Mapping[str, str]) -> Builder:
    """The builder with this name, or the first that can be used. Raises BuilderError, with what is wrong with each."""
    problems: dict[str, None] = {}
    for kind in (one for each in ([name] if name else BUILDERS) for one in BUILDERS[each]):
        builder = kind(environment)
        problem = builder.problem()
        if not problem:
            return builder
        problems[problem] = None
    raise BuilderError("; ".join(problems))


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it says nothing")


def _digest(id: str) -> str:
    return id if id.startswith("sha256:") else f"sha256:{id}"
