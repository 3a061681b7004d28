"""The programs that build images: which of them is there, and the commands that each understands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
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


@dataclass(frozen=True)
class Access:
    """How a registry is reached: its host, and the private folder with the login, which the builder uses in place of
    the user's own; None for the logins that the user has.

    ``plain``: without TLS. ``cache`` is the name of the build cache there; empty for none.
    """

    host: str
    folder: Path | None = None
    plain: bool = False
    cache: str = ""


class BuilderError(Exception):
    """A builder that cannot be used, or that failed. The message is a sentence."""


class Builder:
    """A program with the command line of docker. ``environment`` is that of fsdcf, which the program gets.

    ``access`` is the registry to push to; None without one.
    """

    def __init__(self, environment: Mapping[str, str], access: Access | None = None) -> None:
        self.environment = environment
        self.access = access

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

    def with_access(self, access: Access) -> Builder:
        """The same builder with access to a registry. Its folder gets what the builder needs beside the login."""
        variables = {}
        if access.folder is not None:
            copy_docker_folder(docker_folder(self.environment), access.folder, access.host)
            variables = {"DOCKER_CONFIG": str(access.folder)}
        return type(self)({**self.environment, **variables}, access)

    def log_in(self, user: str, password: str) -> None:
        """Log in at the registry. The password goes through standard input. Raises BuilderError."""
        assert self.access is not None  # noqa: S101 - see with_access
        words = [self.program, *self.login_words, "--username", user, "--password-stdin", self.access.host]
        done = self._ask(words, password)
        if done.returncode:
            raise BuilderError(_last_line(done.stderr or done.stdout))

    def log_out(self) -> None:
        """End the login, if it is not in the private folder alone."""

    @property
    def login_words(self) -> Sequence[str]:
        """The words of a login before its user."""
        return ("login",)

    def push(self, build: ImageBuild, name: str, report: Path) -> Sequence[Command]:
        """The commands that push an image of the builder's store to a registry, as ``name``.

        ``report`` is a file for what the builder reports.
        """
        words = [[self.program, "tag", build.image, name], [self.program, *self.push_words, name]]
        return [Command(each, self.environment) for each in words]

    @property
    def push_words(self) -> Sequence[str]:
        """The words of a push before its image."""
        return ("push",)

    def pushed_digest(self, name: str, report: Path) -> str:
        """The digest of the image that was pushed, as far as the builder reports it; empty otherwise."""
        try:
            (found,) = self._read([self.program, "image", "inspect", name])
        except BuilderError:
            return ""
        repository = name.rpartition(":")[0]
        named = (one.partition("@") for one in found.get("RepoDigests") or ())
        return next((digest for repo, _, digest in named if repo == repository), "")

    def has_image(self, name: str) -> bool:
        """Whether the builder's store has an image with this name."""
        return self._ask([self.program, "image", "inspect", name]).returncode == 0

    def forget(self, name: str) -> None:
        """Remove a name of an image that has another one."""
        self._ask([self.program, "image", "rm", name])

    def _ask(self, words: Sequence[str], given: str = "") -> subprocess.CompletedProcess[str]:
        """What a builder answers, which reads ``given``. Raises BuilderError if it does not."""
        try:
            return subprocess.run(  # noqa: S603
                words,
                input=given,
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

    def options(self, build: ImageBuild) -> list[str]:
        """The options of a build, whatever becomes of the image."""
        words = super().options(build)
        if self.access and self.access.cache and build.use_cache and self._has_buildkit:
            words += ["--cache-from", f"type=registry,ref={self.access.cache}"]
        return words

    def push(self, build: ImageBuild, name: str, report: Path) -> Sequence[Command]:
        """The command that pushes an image: the same build, of which all is cached, with an attestation.

        ECR takes a cache that is an image. Source:
        https://docs.docker.com/build/cache/backends/registry/, https://docs.docker.com/build/metadata/attestations/
        """
        assert self.access is not None  # noqa: S101 - see with_access
        words = [self.program, "buildx", "build", "--metadata-file", str(report)]
        words += [f"--output=type=image,push=true{',registry.insecure=true' if self.access.plain else ''}"]
        if self._has_buildkit:
            words += ["--provenance=mode=min"]
            if self.access.cache and build.use_cache:
                kind = "mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"
                words += ["--cache-to", f"type=registry,ref={self.access.cache},{kind}"]
        words += [*self.options(replace(build, image=name)), str(build.context)]
        return [Command(words, {**self.environment, **self.variables(build)})]

    def pushed_digest(self, name: str, report: Path) -> str:
        """The digest of the image that was pushed, as far as the builder reports it; empty otherwise."""
        try:
            return str(json.loads(report.read_text(encoding="utf-8")).get("containerimage.digest") or "")
        except (OSError, ValueError):
            return ""

    def has_image(self, name: str) -> bool:
        """Whether the builder's store has an image with this name. A push of buildx gives none to it."""
        return True

    @cached_property
    def _has_buildkit(self) -> bool:
        """Whether images can have attestations and caches: the daemon itself needs the store of containerd for that.

        Source: https://docs.docker.com/build/builders/drivers/
        """
        driver = re.search(r"(?m)^Driver:\s+(\S+)", self._ask([self.program, "buildx", "inspect"]).stdout)
        if driver is None or driver[1] != "docker":
            return driver is not None
        return "io.containerd.snapshotter" in self._ask([self.program, "info", "--format", "{{.DriverStatus}}"]).stdout


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

    def with_access(self, access: Access) -> Builder:
        """The same builder with access to a registry."""
        return type(self)(self.environment, access)

    @property
    def login_words(self) -> Sequence[str]:
        """The words of a login before its user."""
        return ("login", *self._access_words)

    @property
    def _access_words(self) -> Sequence[str]:
        assert self.access is not None  # noqa: S101 - see with_access
        login = ["--authfile", str(self.access.folder / "auth.json")] if self.access.folder else []
        return (*login, *(["--tls-verify=false"] if self.access.plain else []))

    def push(self, build: ImageBuild, name: str, report: Path) -> Sequence[Command]:
        """The command that pushes an image, which needs no other name in the builder's store."""
        words = [
            self.program,
            "push",
            *self._access_words,
            "--digestfile",
            str(report),
            build.image,
            f"docker://{name}",
        ]
        return [Command(words, self.environment)]

    def pushed_digest(self, name: str, report: Path) -> str:
        """The digest of the image that was pushed, as far as the builder reports it; empty otherwise."""
        try:
            return report.read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def has_image(self, name: str) -> bool:
        """Whether the builder's store has an image with this name. A push gives none to it."""
        return True


class Podman(Buildah):
    """Podman, which builds with the library of buildah."""

    program = "podman"
    local_image = Builder.local_image


class Nerdctl(Builder):
    """Nerdctl, the client of containerd, which builds with BuildKit."""

    program = "nerdctl"

    @property
    def login_words(self) -> Sequence[str]:
        """The words of a login before its user."""
        return (*self._plain_words, "login")

    @property
    def push_words(self) -> Sequence[str]:
        """The words of a push before its image."""
        return (*self._plain_words, "push")

    @property
    def _plain_words(self) -> Sequence[str]:
        return ("--insecure-registry",) if self.access and self.access.plain else ()


class Finch(Nerdctl):
    """Finch, which runs nerdctl in a virtual machine."""

    program = "finch"

    def with_access(self, access: Access) -> Builder:
        """The same builder with access to a registry. Its virtual machine reads Finch's own folder alone.

        Source: https://github.com/runfinch/finch/blob/main/pkg/config/nerdctl_config_applier.go
        """
        return type(self)(self.environment, access)

    def log_out(self) -> None:
        """End the login, if it is not in the private folder alone."""
        if self.access is not None:
            self._ask([self.program, "logout", self.access.host])


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


def docker_folder(environment: Mapping[str, str]) -> Path:
    """The folder of docker's configuration."""
    own = environment.get("DOCKER_CONFIG")
    return Path(own) if own else Path(environment.get("HOME") or Path.home()) / ".docker"


def copy_docker_folder(own: Path, folder: Path, host: str) -> None:
    """Give a new folder the user's configuration of docker, in which the logins of one host stay in the folder itself,
    and not in a keychain.

    Raises BuilderError if the configuration cannot be read.
    """
    try:
        for path in sorted(own.iterdir()) if own.is_dir() else ():
            if path.name != _CONFIG:
                (folder / path.name).symlink_to(path.absolute(), path.is_dir())
        file = own / _CONFIG
        config = json.loads(file.read_text(encoding="utf-8") or "{}") if file.is_file() else {}
        helpers = {**(config.get("credHelpers") or {}), host: ""}
        content = json.dumps({**config, "credHelpers": helpers})
    except OSError as error:
        raise BuilderError(f"docker's configuration in {own} cannot be read: {error.strerror}") from None
    except (ValueError, AttributeError, TypeError):
        raise BuilderError(f"{own / _CONFIG} is not valid JSON") from None
    (folder / _CONFIG).write_text(content, encoding="utf-8")


_CONFIG = "config.json"


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it says nothing")


def _digest(id: str) -> str:
    return id if id.startswith("sha256:") else f"sha256:{id}"
