"""The programs that build images: which of them is there, and the commands that each understands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from fsdcf.atomic import read_regular

_TIMEOUT = 60
"""Seconds for an answer of a builder."""

_MOST_BYTES = 1 << 24
_MOST_BASES = 20
"""The images of a history that are looked at: who made a base image wrote its history."""


@dataclass(frozen=True)
class MountedSecret:
    """A secret of the build, which `RUN --mount=type=secret,id=ID` reads: from a file, or an environment variable."""

    id: str
    file: Path | None = None
    variable: str | None = None

    @property
    def words(self) -> str:
        """The value of ``--secret``. It names where the secret is, and does not contain it.

        The type is written because a builder without it takes a variable that is named like the id. A field with a
        comma is quoted as in CSV, which BuildKit reads.
        """
        if self.file is None:
            return f"id={self.id},type=env,env={self.variable}"
        source = f"src={self.file}"
        if any(each in source for each in ',"\n'):
            source = '"{}"'.format(source.replace('"', '""'))
        return f"id={self.id},type=file,{source}"


@dataclass(frozen=True)
class ImageBuild:
    """The input of a build.

    ``image`` is the name that the image gets, ``platform`` that of its processor, such as ``linux/arm64``. ``epoch`` is
    the time that the image says it was made at, in seconds since 1970: the same commit then gives the same image.
    ``cache_scope`` names the cache of this service in this environment on GitHub. ``shares_cache``: the build uses the
    cache of the registry, which everyone who pushes there writes, also for other environments.
    ``notes`` say what a person should know about what is built. ``has_shell``: the Dockerfile has a SHELL or a
    HEALTHCHECK, which images in the format of OCI do not have.
    """

    image: str
    context: Path
    dockerfile: Path
    platform: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    secrets: Sequence[MountedSecret] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    epoch: int | None = None
    use_cache: bool = True
    cache_scope: str = ""
    shares_cache: bool = True
    notes: Sequence[str] = ()
    has_shell: bool = False

    @property
    def name(self) -> str:
        """The name of the image without its tag."""
        return self.image.rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The tag of the image."""
        return self.image.rpartition(":")[2]


@dataclass(frozen=True)
class Command:
    """A command of a builder: its words and its environment.

    ``temporary`` is a folder for temporary files if an interrupt leaves them behind: the command gets one of its own
    below it, which is removed. Empty for a builder that needs none.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    temporary: str = ""


@dataclass(frozen=True)
class LocalImage:
    """An image in the builder's store: its id (``sha256:…``), and its platform, such as ``linux/amd64``.

    ``reference`` is what the builder finds it by, whatever gets its tag later. ``config`` is the digest of its
    configuration, where the id is another one.
    """

    id: str
    platform: str
    reference: str
    config: str = ""


@dataclass(frozen=True)
class RegistryAccess:
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

    ``access`` is the registry to push to; None without one. ``passed_over`` says why the builders that come before it
    cannot be used.
    """

    program = ""
    build_words: Sequence[str] = ("build",)
    problem_words: Sequence[str] = ("info",)
    """A command that succeeds if the builder works: for docker, if its daemon answers."""
    remedy = ""
    """What to do if the command fails."""
    free_space: Sequence[str] = ("system df", "system prune")
    """Commands that show what takes the space of the store, and that free it."""
    report_option = "--iidfile"
    """The option for a file into which a build writes the id by which the builder finds the image; empty without one.
    With the store of containerd, BuildKit writes another one."""
    splits_at_commas = False
    """Whether the path of a secret cannot contain a comma."""

    def __init__(
        self, environment: Mapping[str, str], passed_over: str = "", access: RegistryAccess | None = None
    ) -> None:
        self.environment = environment
        self.passed_over = passed_over
        self.access = access

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

    def refusal(self, build: ImageBuild) -> str:
        """Why the builder cannot do a build; empty if it can."""
        named = (str(secret.file) for secret in build.secrets if secret.file)
        if self.splits_at_commas and (path := next((one for one in named if "," in one), "")):
            return f"{self.title} cannot read a secret from a file with a comma in its path: {path!r}"
        return ""

    def build(self, build: ImageBuild, id_file: Path | None = None) -> Command:
        """The command that builds an image into the builder's store, and that writes its id into a file."""
        reported = [self.report_option, str(id_file)] if id_file and self.report_option else []
        words = [self.program, *self.build_words, *reported, *self.options(build), _path(build.context)]
        return Command(words, self.environment_for(build), self.temporary_folder())

    def temporary_folder(self) -> str:
        """Where the builder has temporary files that an interrupt leaves behind, if it takes another folder for them;
        empty otherwise."""
        return ""

    def built_image(self, build: ImageBuild, reported: str) -> LocalImage:
        """The image of a build, of which the builder ``reported`` the id. Raises BuilderError if it is not there."""
        return self.local_image(reported.strip() or build.image, build.platform)

    def containers(self) -> frozenset[str]:
        """The ids of the containers that builds use, if the builder leaves them behind when it is interrupted."""
        return frozenset()

    def clean_up(self, before: frozenset[str]) -> frozenset[str]:
        """Remove the containers that an interrupted build has left behind, and return those that stay; ``before`` are
        those that were there before it."""
        return frozenset()

    def options(self, build: ImageBuild) -> list[str]:
        """The options of a build, whatever becomes of the image."""
        words = ["--file", _path(build.dockerfile), "--platform", build.platform, "--tag", build.image]
        for name, value in sorted(build.arguments.items()):
            words += ["--build-arg", f"{name}={value}"]
        for name, value in sorted(build.labels.items()):
            words += ["--label", f"{name}={value}"]
        for secret in build.secrets:
            words += ["--secret", secret.words]
        words += ["--target", build.target] if build.target else []
        return words if build.use_cache else [*words, "--no-cache"]

    def environment_for(self, build: ImageBuild) -> dict[str, str]:
        """The environment of a build."""
        epoch = {} if build.epoch is None else {"SOURCE_DATE_EPOCH": str(build.epoch)}
        return {**self.environment, **epoch}

    def local_image(self, image: str, platform: str = "") -> LocalImage:
        """An image in the builder's store, for a platform if there may be several. Raises BuilderError if it is not
        there."""
        return self._described([self.program, "image", "inspect", image], "Id", "Os", "Architecture")

    def _described(self, words: Sequence[str], *keys: str) -> LocalImage:
        """The image that a command describes as JSON; ``keys`` have its id, its system and its architecture."""
        found = _first(self._read(words))
        try:
            id, system, architecture = (_member(found, key) for key in keys)
        except (KeyError, TypeError):
            raise BuilderError(f"{words[0]} does not describe the image {words[-1]}") from None
        digest = id if id.startswith("sha256:") else f"sha256:{id}"
        return LocalImage(digest, f"{system}/{architecture}", words[-1])

    def with_access(self, access: RegistryAccess) -> Builder:
        """The same builder with access to a registry. Its folder gets what the builder needs beside the login."""
        variables = {}
        if access.folder is not None:
            copy_docker_folder(docker_folder(self.environment), access.folder, access.host)
            variables = {"DOCKER_CONFIG": str(access.folder)}
        return type(self)({**self.environment, **variables}, self.passed_over, access)

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

    def push(self, build: ImageBuild, local: LocalImage, name: str, report: Path) -> Sequence[Command]:
        """The commands that push an image of the builder's store to a registry, as ``name``.

        ``report`` is a file for what the builder reports.
        """
        words = [[self.program, "tag", local.reference, name], [self.program, "push", name]]
        return [Command(each, self.environment) for each in words]

    def pushed_digest(self, name: str, report: Path) -> str:
        """The digest of the image that was pushed, as far as the builder reports it; empty otherwise."""
        try:
            found = _first(self._read([self.program, "image", "inspect", name]))
        except BuilderError:
            return ""
        repository = name.rpartition(":")[0]
        named = (str(one).partition("@") for one in found.get("RepoDigests") or ())
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
        except (ValueError, RecursionError):
            raise BuilderError(f"{words[0]} {words[1]} does not answer with JSON") from None


class Docker(Builder):
    """Docker without buildx, which builds without BuildKit."""

    program = "docker"
    build_words: Sequence[str] = ("build", "--force-rm")
    problem_words = ("version", "--format", "{{.Server.Version}}")
    remedy = "start it (Docker Desktop, or `sudo systemctl start docker`), or check DOCKER_HOST and `docker context ls`"
    free_space = ("system df", "builder prune")

    def problem(self) -> str:
        """Why the builder cannot be used here; empty if it can.

        The package podman-docker installs podman as ``docker``, whose output is that of podman.
        """
        problem = super().problem()
        if not problem and "podman" in self._ask([self.program, "--version"]).stdout:
            return "docker is podman here"
        if "permission denied" in problem:
            return f"{problem}: `sudo usermod -aG docker $USER` gives you the permission after the next login"
        return problem

    def refusal(self, build: ImageBuild) -> str:
        """Why the builder cannot do a build; empty if it can."""
        if build.secrets and type(self) is Docker:
            return "docker without buildx cannot pass secrets to a build: install the plugin docker-buildx"
        return super().refusal(build)

    def environment_for(self, build: ImageBuild) -> dict[str, str]:
        """The environment of a build. Without buildx, docker refuses to use BuildKit."""
        return {**super().environment_for(build), "DOCKER_BUILDKIT": "0"}


class Buildx(Docker):
    """Docker with buildx, which builds with BuildKit.

    Attestations belong to the push: with them, the image in the store would be an index.
    Source: https://docs.docker.com/reference/cli/docker/buildx/build/ and
    https://docs.docker.com/build/building/variables/#buildx_no_default_attestations
    """

    build_words = ("buildx", "build", "--load")
    report_option = "--metadata-file"
    free_space = ("system df", "buildx prune")

    @property
    def title(self) -> str:
        return "docker buildx"

    def problem(self) -> str:
        """Why the builder cannot be used here; empty if it can."""
        return super().problem() or (
            "docker has no buildx" if self._ask([self.program, "buildx", "version"]).returncode else ""
        )

    def environment_for(self, build: ImageBuild) -> dict[str, str]:
        """The environment of a build."""
        return {**Builder.environment_for(self, build), "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}

    def built_image(self, build: ImageBuild, reported: str) -> LocalImage:
        """The image of a build. Raises BuilderError if it is not there.

        With the store of containerd, its id is the digest of a manifest, which differs from the one that is pushed.
        Source: https://docs.docker.com/reference/cli/docker/buildx/build/#metadata-file
        """
        image = self.local_image(build.image, build.platform)
        return replace(image, config=_reported(reported, "containerimage.config.digest"))

    def options(self, build: ImageBuild) -> list[str]:
        """The options of a build, whatever becomes of the image."""
        cache = self._cache(build)
        return [*super().options(build), *(["--cache-from", cache[0]] if cache else [])]

    def push(self, build: ImageBuild, local: LocalImage, name: str, report: Path) -> Sequence[Command]:
        """The command that pushes an image: the same build, of which all is cached, with an attestation.

        Source: https://docs.docker.com/build/metadata/attestations/
        """
        assert self.access is not None  # noqa: S101 - see with_access
        words = [self.program, "buildx", "build", "--metadata-file", str(report)]
        words += [f"--output=type=image,push=true{',registry.insecure=true' if self.access.plain else ''}"]
        words += ["--provenance=mode=min"] if self._has_buildkit else []
        cache = self._cache(build)
        words += ["--cache-to", cache[1]] if cache else []
        words += [*self.options(replace(build, image=name)), _path(build.context)]
        return [Command(words, self.environment_for(build))]

    def _cache(self, build: ImageBuild) -> tuple[str, str] | None:
        """The cache that a build reads, and how a push writes it; None without one.

        On GitHub, it is that of GitHub if the workflow gives access to it, and never one in a registry: several
        environments may write it. ECR takes a cache that is an image.
        Sources: https://docs.docker.com/build/cache/backends/gha/ and
        https://docs.docker.com/build/cache/backends/registry/
        """
        on_github = self.environment.get("GITHUB_ACTIONS") == "true"
        if on_github:
            name = f"type=gha,scope={build.cache_scope}" if self.environment.get("ACTIONS_RUNTIME_TOKEN") else ""
        else:
            shared = self.access.cache if self.access and build.shares_cache else ""
            name = f"type=registry,ref={shared}" if shared else ""
        if not (name and build.use_cache and self._has_buildkit):
            return None
        form = "" if on_github else "image-manifest=true,oci-mediatypes=true,"
        return name, f"{name},mode=max,{form}ignore-error=true"

    def pushed_digest(self, name: str, report: Path) -> str:
        """The digest of the image that was pushed, as far as the builder reports it; empty otherwise."""
        return _reported(text_of(report), "containerimage.digest")

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
    """Buildah, which needs no daemon.

    In the format of OCI, which is its own, the same steps give the same image, but a SHELL does not count even for the
    steps after it, and a HEALTHCHECK is a warning. In that of docker, an image names the container that it was made in.
    The containers of a build that fails are removed (``--force-rm``).
    Source: https://github.com/containers/buildah/blob/main/docs/buildah-build.1.md
    """

    program = "buildah"
    build_words = ("build", "--layers", "--force-rm")
    remedy = "`buildah info` shows what is wrong; without root it needs the user in /etc/subuid and /etc/subgid"
    free_space = ("images", "rmi --prune")
    splits_at_commas = True
    inspect_words: Sequence[str] = ("inspect", "--type", "image")
    inspect_keys: Sequence[str] = ("FromImageID", "OCIv1.os", "OCIv1.architecture")
    remove_words: Sequence[str] = ("rm",)

    def temporary_folder(self) -> str:
        """Where the builder has temporary files that an interrupt leaves behind, which are whole layers.

        TMPDIR names another folder. It would also move the state of a user without a runtime folder, and it comes
        before a folder that the user has configured: in both cases it is not set.
        Source: https://github.com/containers/storage/blob/main/pkg/homedir/homedir_unix.go and image_copy_tmp_dir in
        https://github.com/containers/common/blob/main/docs/containers.conf.5.md
        """
        if sys.platform != "linux":
            return ""
        own = "XDG_RUNTIME_DIR" in self.environment or os.path.isdir(f"/run/user/{os.getuid()}")
        if not (own or os.geteuid() == 0):
            return ""
        configured = any(map(_CONFIGURED.search, map(text_of, self._configurations())))
        return self.environment.get("TMPDIR") or ("" if configured else "/var/tmp")  # noqa: S108

    def _configurations(self) -> Iterator[Path]:
        named = self.environment.get("CONTAINERS_CONF")
        home = Path(self.environment.get("XDG_CONFIG_HOME") or Path(self.environment.get("HOME") or "/", ".config"))
        folders = () if named else (Path("/usr/share"), Path("/etc"), home)
        for folder in folders:
            yield folder / "containers/containers.conf"
            yield from folder.glob("containers/containers.conf.d/*.conf")
        yield from map(Path, filter(None, (named, self.environment.get("CONTAINERS_CONF_OVERRIDE"))))

    def containers(self) -> frozenset[str]:
        """The ids of the containers that builds use. An interrupt between two steps leaves them behind."""
        return self._ids("containers", "--quiet")

    def clean_up(self, before: frozenset[str]) -> frozenset[str]:
        """Remove the containers that an interrupted build has left behind, and return those that stay.

        Another build that runs now has containers, too, which nothing tells apart: then all of them stay.
        """
        left = self.containers() - before
        for _ in range(10 if left else 0):
            if not _is_running("buildah", "podman"):
                self._ask([self.program, *self.remove_words, *sorted(left)])
                return self.containers() & left
            time.sleep(0.1)
        return left

    def _ids(self, *words: str) -> frozenset[str]:
        done = self._ask([self.program, *words])
        return frozenset(() if done.returncode else done.stdout.split())

    def options(self, build: ImageBuild) -> list[str]:
        """The options of a build, whatever becomes of the image."""
        form = ["--format", "docker"] if build.has_shell and not self.environment.get("BUILDAH_FORMAT") else []
        made_at = [] if build.epoch is None else ["--timestamp", str(build.epoch)]
        return [*super().options(build), *form, *made_at]

    def environment_for(self, build: ImageBuild) -> dict[str, str]:
        """The environment of a build. Buildah refuses ``--timestamp`` together with the variable."""
        if build.epoch is None:
            return dict(self.environment)
        return {name: value for name, value in self.environment.items() if name != "SOURCE_DATE_EPOCH"}

    def local_image(self, image: str, platform: str = "") -> LocalImage:
        """An image in the builder's store. Raises BuilderError if it is not there.

        ``--platform`` names the platform of an image even if its base is for another one, as after ``FROM --platform``.
        The platform of the base counts: its programs run only there.
        """
        found = self._described([self.program, *self.inspect_words, image], *self.inspect_keys)
        for base in self._bases(image):
            with suppress(BuilderError):  # a stage, or removed meanwhile
                of_base = self._described([self.program, *self.inspect_words, base], *self.inspect_keys).platform
                if of_base != found.platform and all(of_base.split("/")):
                    return replace(found, platform=of_base)
        return found

    def _bases(self, image: str) -> list[str]:
        """The images that an image is based on, as its history names them."""
        found = _first(self._read([self.program, *self.inspect_words, image]))
        described = found.get("OCIv1") or found
        steps = described.get("History") or described.get("history") or ()
        comments = (str(step.get("comment", "")) for step in steps if isinstance(step, Mapping))
        bases = (comment.removeprefix("FROM ") for comment in comments if comment.startswith("FROM "))
        return [base for base in dict.fromkeys(bases) if re.match(r"\w", base)][:_MOST_BASES]

    def with_access(self, access: RegistryAccess) -> Builder:
        """The same builder with access to a registry."""
        return type(self)(self.environment, self.passed_over, access)

    @property
    def login_words(self) -> Sequence[str]:
        """The words of a login before its user."""
        return ("login", *self._access_words)

    @property
    def _access_words(self) -> Sequence[str]:
        assert self.access is not None  # noqa: S101 - see with_access
        login = ["--authfile", str(self.access.folder / "auth.json")] if self.access.folder else []
        return (*login, *(["--tls-verify=false"] if self.access.plain else []))

    def push(self, build: ImageBuild, local: LocalImage, name: str, report: Path) -> Sequence[Command]:
        """The command that pushes an image, which needs no other name in the builder's store."""
        words = [
            self.program,
            "push",
            *self._access_words,
            "--digestfile",
            str(report),
            local.reference,
            f"docker://{name}",
        ]
        return [Command(words, self.environment, self.temporary_folder())]

    def pushed_digest(self, name: str, report: Path) -> str:
        """The digest of the image that was pushed, as far as the builder reports it; empty otherwise."""
        return text_of(report).strip()

    def has_image(self, name: str) -> bool:
        """Whether the builder's store has an image with this name. A push gives none to it."""
        return True


class Podman(Buildah):
    """Podman, which builds with the library of buildah.

    Source: https://docs.podman.io/en/latest/markdown/podman-build.1.html
    """

    program = "podman"
    remedy = "`podman info` shows what is wrong; on a Mac or Windows `podman machine start` starts its virtual machine"
    free_space = ("system df", "image prune")
    inspect_words = ("image", "inspect")
    inspect_keys = ("Id", "Os", "Architecture")
    remove_words = ("rm", "--force")

    def containers(self) -> frozenset[str]:
        """The ids of the containers that builds use, which are not those of podman itself."""
        listed = ("ps", "--all", "--quiet", "--no-trunc")
        return self._ids(*listed, "--external") - self._ids(*listed)


class Nerdctl(Builder):
    """Nerdctl, the client of containerd, which builds with BuildKit.

    It shows an image for another processor than that of the computer only if it is asked for that platform.
    Source: https://github.com/containerd/nerdctl/blob/main/docs/command-reference.md
    """

    program = "nerdctl"
    report_option = ""
    remedy = "start containerd and buildkitd; without root, `containerd-rootless-setuptool.sh install` sets them up"
    free_space = ("images", "builder prune")

    def local_image(self, image: str, platform: str = "") -> LocalImage:
        """An image in the builder's store, for a platform. Raises BuilderError if it is not there."""
        asked = ["--platform", platform] if platform else []
        return self._described([self.program, "image", "inspect", *asked, image], "Id", "Os", "Architecture")

    @property
    def login_words(self) -> Sequence[str]:
        """The words of a login before its user."""
        return (*self._plain_words, "login")

    def push(self, build: ImageBuild, local: LocalImage, name: str, report: Path) -> Sequence[Command]:
        """The commands that push an image: by default, nerdctl pushes that for the computer's own processor."""
        tag = [self.program, "tag", local.reference, name]
        push = [self.program, *self._plain_words, "push", "--platform", build.platform, name]
        return [Command(words, self.environment) for words in (tag, push)]

    @property
    def _plain_words(self) -> Sequence[str]:
        return ("--insecure-registry",) if self.access and self.access.plain else ()


class Finch(Nerdctl):
    """Finch, which runs nerdctl in a virtual machine; on Linux it needs none.

    The virtual machine gets few of the variables of the environment, and SOURCE_DATE_EPOCH is one.
    Source: passedEnvs in https://github.com/runfinch/finch/blob/main/cmd/finch/nerdctl_remote.go
    """

    program = "finch"
    remedy = "`finch vm init` and `finch vm start` start its virtual machine"

    def refusal(self, build: ImageBuild) -> str:
        """Why the builder cannot do a build; empty if it can."""
        variable = next((secret.variable for secret in build.secrets if secret.variable), None)
        if variable and sys.platform != "linux":
            return f"finch does not pass {variable} to its virtual machine: write the secret's `file` in build.secrets"
        return super().refusal(build)

    def with_access(self, access: RegistryAccess) -> Builder:
        """The same builder with access to a registry. Its virtual machine reads Finch's own folder alone.

        Source: https://github.com/runfinch/finch/blob/main/pkg/config/nerdctl_config_applier.go
        """
        return type(self)(self.environment, self.passed_over, access)

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
    """The builder with this name, or the first that can be used. Raises BuilderError: what is wrong with each, and what
    to do."""
    problems: dict[str, str] = {}
    for kind in (one for each in ([name] if name else BUILDERS) for one in BUILDERS[each]):
        builder = kind(environment, "; ".join(problems))
        problem = builder.problem()
        if not problem:
            return builder
        problems[problem] = builder.remedy if "not work" in problem else ""
    remedy = next(filter(None, problems.values()), f"install {name or 'one of them'}")
    others = ", or leave out --builder" if name else ""
    raise BuilderError(f"{'; '.join(problems)}; {remedy}{others}")


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
        config = json.loads(read_regular(file, _MOST_BYTES) or "{}") if file.exists() else {}
        helpers = {**(config.get("credHelpers") or {}), host: ""}
        content = json.dumps({**config, "credHelpers": helpers})
        (folder / _CONFIG).write_text(content, encoding="utf-8")
    except OSError as error:
        raise BuilderError(f"docker's configuration in {own} cannot be copied: {error.strerror}") from None
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise BuilderError(f"{own / _CONFIG} is not valid JSON") from None


_CONFIG = "config.json"


_CONFIGURED = re.compile(r"(?m)^[ \t]*image_copy_tmp_dir\b")


def text_of(file: Path) -> str:
    """The text of a file that a builder wrote or reads; empty without one."""
    try:
        return read_regular(file, _MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _reported(reported: str, key: str) -> str:
    """A value of an object in JSON that a builder reports; empty if it is not there."""
    with suppress(ValueError, RecursionError):
        return str(_first(json.loads(reported)).get(key) or "")
    return ""


def _first(found: Any) -> dict[str, Any]:
    """The object that a builder answers, alone or first in a list; empty for anything else."""
    one = found[0] if isinstance(found, list) and found else found
    return one if isinstance(one, dict) else {}


def _last_line(text: str) -> str:
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it says nothing")
    return last.removesuffix(" Is the docker daemon running?").rstrip(".")


def _is_running(*programs: str) -> bool:
    """Whether one of these programs runs on this computer, as far as Linux tells."""
    for file in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if file.read_text(encoding="utf-8", errors="replace").strip() in programs:
                return True
    return False


def _member(data: Any, path: str) -> str:
    for key in path.split("."):
        data = data[key]
    return str(data)


def _path(path: Path) -> str:
    """A path as a word that is neither an option nor the ``-`` that means standard input."""
    return f"./{path}" if str(path).startswith("-") else str(path)
