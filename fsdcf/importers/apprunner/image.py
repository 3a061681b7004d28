"""The image of a service that App Runner builds from source code: a Dockerfile that does what its runtime does.

A runtime copies the source to /app and runs each build command there as a step of its own. Source:
https://docs.aws.amazon.com/apprunner/latest/dg/service-source-code.html
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fsdcf.importers.draft import Block, Draft
from fsdcf.importers.report import KeyOutcome, carried, changed, not_carried
from fsdcf.importers.source import Beside, SourceValue
from fsdcf.masking import contains_secret

DEFAULT_PORT = 8080
"""The port of a service that names none.

Source: https://docs.aws.amazon.com/apprunner/latest/api/API_CodeConfigurationValues.html
"""

PLACE = "build.dockerfile"
"""The key of the spec that names what all keys about the build become."""


@dataclass(frozen=True)
class Platform:
    """How images for a language are made: the images that build and run, and what the one gets from the other.

    ``{}`` in an image is the version. ``default`` is the version that a runtime without one has. ``parts`` are the
    parts of a version that a tag has. ``supported`` is the oldest version that gets security updates, as of 2026.
    ``setup`` are instructions before the build, ``carries`` the folders that the image takes from the build besides
    /app, ``prepare`` the instructions of the image before these. ``tools`` are words of a run command that need the
    image of the build.
    """

    title: str
    build: str
    run: str
    default: str
    parts: int
    supported: tuple[int, ...]
    setup: tuple[str, ...] = ()
    carries: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    tools: str = ""

    def version(self, text: str) -> str:
        """The version as a tag has it; empty if the text has none."""
        found = re.fullmatch(r"v?(\d{1,3}(?:\.\d{1,3}){0,3})(?:\.[x*])?", text.strip())
        numbers = found[1].split(".") if found else []
        return ".".join(numbers[: self.parts]) if len(numbers) >= self.parts else ""


_DEBIAN = "RUN apt-get update && apt-get install --yes --no-install-recommends {} && rm -rf /var/lib/apt/lists/*"
_COREPACK = "ENV COREPACK_HOME=/usr/local/share/corepack"

PLATFORMS = {
    "python": Platform(
        "Python",
        "python:{}",
        "python:{}-slim",
        "3.8",
        2,
        (3, 11),
        ("ENV PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv", "RUN python -m venv /opt/venv"),
        ("/opt/venv",),
        ("ENV PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv PYTHONUNBUFFERED=1",),
    ),
    "nodejs": Platform("Node.js", "node:{}", "node:{}-slim", "18", 1, (22,), (_COREPACK,), (), (_COREPACK,)),
    "corretto": Platform("Java", "eclipse-temurin:{}-jdk", "eclipse-temurin:{}-jre", "11", 1, (8,), tools="mvn|gradle"),
    "go": Platform("Go", "golang:{}", "debian:bookworm-slim", "1.18", 2, (1, 25), (), ("/etc/ssl/certs",), tools=r"go"),
    "dotnet": Platform(
        ".NET",
        "mcr.microsoft.com/dotnet/sdk:{}",
        "mcr.microsoft.com/dotnet/aspnet:{}",
        "6.0",
        2,
        (10, 0),
        tools=r"dotnet run|dotnet watch",
    ),
    "php": Platform(
        "PHP",
        "php:{}-cli",
        "php:{}-cli",
        "8.1",
        2,
        (8, 2),
        (_DEBIAN.format("git unzip"), "COPY --from=composer:2 /usr/bin/composer /usr/bin/composer"),
        tools="composer",
    ),
    "ruby": Platform("Ruby", "ruby:{}", "ruby:{}-slim", "3.1", 2, (3, 3), (), ("/usr/local/bundle",)),
}
"""The platforms of App Runner's runtimes. The images are those of Docker Hub and Microsoft; the oldest supported
versions are those of https://endoflife.date."""

_NAMES = {"node": "nodejs", "java": "corretto", "golang": "go", "net": "dotnet"}
_FOREIGN = re.compile(r"(?<![\w-])(?:yum|dnf|microdnf|amazon-linux-extras)(?![\w-])")
_SUDO = re.compile(r"(?<![\w./-])sudo +(?:-[A-Za-z]+ +)?")
_NOT_SIMPLE = re.compile(r"""["'(){}|;`\n\\]""")
_LOWEST_OPEN_PORT = 1024


@dataclass
class SourceImage:
    """The image of a service: the Dockerfile that is there, or what one has to do.

    ``folder`` has the source, relative to the folder that gets the specs. ``existing`` is the Dockerfile in it.
    """

    folder: str
    beside: Beside
    existing: str = ""
    platform: Platform | None = None
    version: str = ""
    build: list[str] = field(default_factory=list)
    pre_run: list[str] = field(default_factory=list)
    arguments: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)

    def use_dockerfile(self, name: str = "Dockerfile") -> bool:
        """Use the Dockerfile of this name in the folder of the source, if there is one."""
        path = posixpath.normpath(posixpath.join(self.folder, name))
        try:
            self.beside(path)
        except (OSError, ValueError):
            return False
        self.existing = path
        return True

    def choose(self, runtime: str) -> None:
        """Choose the platform of a runtime: ``python311``, ``PYTHON_311``, ``nodejs18``."""
        found = re.fullmatch(r"([a-z]+)(\d{0,3})", re.sub(r"[^a-z0-9]", "", runtime.lower()))
        if not found:
            return
        self.platform = PLATFORMS.get(_NAMES.get(found[1], found[1]))
        if self.platform is not None:
            digits = found[2]
            text = f"{digits[0]}.{digits[1:]}" if self.platform.parts > 1 and len(digits) > 1 else digits
            text = "6.0" if (found[1], digits) == ("dotnet", "6") else text
            self.version = self.platform.version(text) or self.platform.default

    @property
    def is_written(self) -> bool:
        """Whether a Dockerfile is written."""
        return self.platform is not None and not self.existing

    @property
    def path(self) -> str:
        """The Dockerfile, relative to the folder that gets the specs."""
        return self.existing or posixpath.normpath(posixpath.join(self.folder, "Dockerfile"))

    def name(self, draft: Draft) -> None:
        """Name the Dockerfile in the spec, if there is one."""
        if self.existing or self.is_written:
            draft.block.put("build.context", draft.beside(self.folder))
            draft.block.put("build.dockerfile", draft.beside(self.path))

    def files(self, name: str, command: Sequence[str], port: int) -> dict[str, str]:
        """The files to write, by their paths relative to the folder that gets the specs."""
        if not self.is_written:
            return {}
        files = {self.path: "\n".join(self._lines(name, command, port)) + "\n"}
        ignored = posixpath.normpath(posixpath.join(self.folder, ".dockerignore"))
        try:
            self.beside(ignored)
        except (OSError, ValueError):
            files[ignored] = _IGNORED
        return files

    def _bases(self, needs_tools: bool) -> tuple[str, str]:
        """The images that build and that run. A command that needs a tool of the build runs in its image."""
        platform = self.platform or PLATFORMS["python"]
        build, run = platform.build.format(self.version), platform.run.format(self.version)
        if platform is PLATFORMS["corretto"]:
            tool = next((tool for tool in ("mvn", "gradle") if any(_calls(tool, each) for each in self.build)), "")
            images = {"mvn": "maven:3-eclipse-temurin-{}", "gradle": "gradle:8-jdk{}"}
            build = images[tool].format(self.version) if tool else build
        return build, build if needs_tools else run

    def _lines(self, name: str, command: Sequence[str], port: int) -> Iterator[str]:
        platform = self.platform or PLATFORMS["python"]
        last = (" ".join(command), *self.pre_run)
        needs_tools = bool(platform.tools) and any(_calls(platform.tools, each) for each in last)
        build, run = self._bases(needs_tools)
        arguments = [f"ARG {each}={_quoted(text)}" for each, text in self.arguments.items()]
        yield f"# {name}: `fsdcf build` makes the image. It does what the {platform.title} runtime of App Runner does."
        if is_old(platform, self.version):
            yield f"# {platform.title} {self.version} gets no security updates any more: choose a newer version below."
        yield from (f"FROM {build} AS build", *platform.setup, "WORKDIR /app", "COPY . .", *arguments)
        yield from map(self._step, self.build)
        yield from ("", f"FROM {run}", *platform.prepare)
        yield from platform.setup if needs_tools else ()
        everything = " ".join((*self.build, *self.pre_run, *command))
        if platform is PLATFORMS["nodejs"] and (
            "prisma" in everything or self.mentions(f"{self.folder}/package.json", "prisma")
        ):
            yield from ("# Prisma looks for the version of OpenSSL.", _DEBIAN.format("openssl"))
        yield "WORKDIR /app"
        yield from (f"COPY --from=build {folder} {folder}" for folder in platform.carries)
        yield "COPY --from=build --chown=1000:1000 /app /app"
        if platform is PLATFORMS["nodejs"]:
            yield from (self._step(each) for each in self.build if _is_global(each) and each not in self.pre_run)
        yield from arguments if self.pre_run else ()
        yield from map(self._step, self.pre_run)
        if port < _LOWEST_OPEN_PORT:
            yield f"# Only root may listen on port {port}: choose one above 1023, and add `USER 1000:1000`."
        else:
            yield from ("", "# A user other than root.", "ENV HOME=/app", "USER 1000:1000")
        yield from (
            f"EXPOSE {port}",
            "",
            "# The check of App Runner: the port accepts connections. fsdcf adds it to the task definition.",
            "HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \\",
            f'  CMD ["bash", "-c", ": </dev/tcp/127.0.0.1/{port}"]',
        )
        if command:
            yield from ("", f"CMD {json.dumps(list(command), ensure_ascii=False)}")

    def _step(self, command: str) -> str:
        """A command as an instruction, with the secrets of the build."""
        mounts = "".join(f"--mount=type=secret,id={each} " for each in self.secrets)
        reads = "".join(f'export {each}="$(cat /run/secrets/{each})" && ' for each in self.secrets)
        text = f"{reads}{command}"
        if "\n" in text or "<<" in text or text.startswith(("[", "--")) or text.endswith("\\"):
            text = json.dumps(["/bin/sh", "-c", text], ensure_ascii=False)
        return f"RUN {mounts}{text}"

    def mentions(self, file: str, word: str) -> bool:
        """Whether a file, relative to the folder that gets the specs, has a word."""
        try:
            return word.encode("utf-8", "replace") in self.beside(posixpath.normpath(file))
        except (OSError, ValueError):
            return False


def is_old(platform: Platform, version: str) -> bool:
    """Whether a version gets no security updates any more."""
    return tuple(map(int, version.split("."))) < platform.supported


def add_step(image: SourceImage, steps: list[str], value: SourceValue) -> KeyOutcome:
    """Make a command a step of the Dockerfile. Raises UnfitError."""
    text = value.text.strip()
    if image.existing:
        return changed(f"`{image.existing}` builds the image: check that it does this", PLACE)
    if not image.is_written:
        return not_carried("write a Dockerfile that does this, and name it in `build.dockerfile`")
    if not text or text.startswith("#"):
        return carried(PLACE)
    if contains_secret(text):
        return not_carried("it contains a secret: pass that as `service.build.secrets`, and add the step")
    if image.platform is PLATFORMS["nodejs"] and text.split()[-2:] in (["-g", "yarn"], ["--global", "yarn"]):
        return changed("the image has Yarn", PLACE)
    if not _FOREIGN.search(text):
        plain = _SUDO.sub("", text)
        steps.append(plain)
        return carried(PLACE) if plain == text else changed("without sudo: a build runs as root", PLACE)
    lost = "the image is Debian's, not Amazon Linux: install the package with apt-get in the Dockerfile"
    parts = [] if _NOT_SIMPLE.search(text) else map(str.strip, text.split("&&"))
    others = [each for each in parts if not _FOREIGN.search(each)]
    if others:
        steps.append(" && ".join(others))
        return not_carried(f"{lost}; the rest of the command is there")
    return not_carried(lost)


def add_variable(image: SourceImage, name: str, text: str, block: Block) -> KeyOutcome:
    """Make a variable of the build an argument of the Dockerfile, or a secret of the build."""
    if image.existing and not image.mentions(image.existing, f"type=secret,id={name}"):
        return changed(f"`{image.existing}` builds the image: declare it there with ARG, if the build needs it", PLACE)
    if not image.existing and not image.is_written:
        return not_carried("write a Dockerfile, and pass it as `build.args`")
    if not re.fullmatch(r"[A-Za-z_]\w{0,100}", name, re.ASCII):
        return not_carried("a variable of the build has letters, digits and _")
    if contains_secret(text, name):
        if name not in image.secrets:
            image.secrets.append(name)
            block.add("build.secrets", {"id": name, "environment": name})
        return changed("its value looks like a secret: set the variable where `fsdcf build` runs", "build.secrets")
    if len(text.splitlines()) > 1:
        return not_carried("an argument of a build has one line")
    image.arguments[name] = text
    return carried(PLACE)


def put_version(image: SourceImage, value: SourceValue) -> KeyOutcome:
    """Choose the version of the runtime. Raises UnfitError."""
    text = value.text.strip()
    if image.existing:
        return changed(f"`{image.existing}` builds the image: check the version in it", PLACE)
    if image.platform is None:
        return not_carried("choose the version in a Dockerfile of your own")
    version = image.platform.version(text)
    if version:
        image.version = version
        return carried(PLACE) if version == text else changed(f"the newest patch of {version}", PLACE)
    return changed(f"it is not a version of {image.platform.title}: {image.version}", PLACE)


def _is_global(command: str) -> bool:
    """Whether a command adds programs to Node.js itself, which the image that runs needs, too."""
    words = command.split()
    adds = words[:1] == ["npm"] and words[1:2] in (["i"], ["install"], ["add"])
    return words[:1] == ["corepack"] or (adds and not {"-g", "--global"}.isdisjoint(words))


def _calls(tools: str, command: str) -> bool:
    return bool(re.search(rf"(?<![\w./-])(?:{tools})(?![\w.-])", command))


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\$])', r"\\\1", text.strip("\n")) + '"'


_IGNORED = """\
# What the image does not need, and must not have.
.git
.env
.env.*
*.pem
**/.venv
**/__pycache__
**/node_modules
Dockerfile
"""
