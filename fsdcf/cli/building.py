"""From a compiled spec to a build: the paths, the tag and the labels of an image."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fsdcf.cli.compiled import Compiled
from fsdcf.cli.git import git
from fsdcf.cli.image import registry, valid_tag
from fsdcf.cli.options import decorate
from fsdcf.cloudformation.types.ecs import docker_platform
from fsdcf.compiler.parts.image import repository
from fsdcf.images.builders import BUILDERS, Builder, BuilderError, ImageBuild, SecretSource, find_builder
from fsdcf.images.repository import Destination
from fsdcf.language.model.service import Build
from fsdcf.repository import check_inside, repository_root
from fsdcf.wording import visible

_SHORT = 12
"""Characters of a commit, or of a hash of changes, in a tag. The number is fixed, so that the tag of a commit is."""

SOURCE, REVISION = "org.opencontainers.image.source", "org.opencontainers.image.revision"
"""Labels of an image. Source: https://github.com/opencontainers/image-spec/blob/main/annotations.md"""


@dataclass(frozen=True)
class BuildOptions:
    """The options of a command that builds: the tag (None: that of the commit), and the builder (None: what is there).

    ``allow_dirty``: also build what is not committed.
    """

    tag: str | None = None
    builder: str | None = None
    allow_dirty: bool = False
    use_cache: bool = True


@dataclass(frozen=True)
class Revision:
    """The commit of a working tree, whether what is built differs from it, and its time in seconds since 1970."""

    commit: str
    changes: str
    time: int
    source: str

    @property
    def tag(self) -> str:
        """``3f2c1ab0d4e5``, or ``3f2c1ab0d4e5-dirty-`` and a hash of what differs."""
        return "-dirty-".join(filter(None, (self.commit[:_SHORT], self.changes)))

    @property
    def labels(self) -> dict[str, str]:
        """The labels of an image that is built from it."""
        named = {SOURCE: self.source} if self.source else {}
        return {**named, REVISION: "-dirty-".join(filter(None, (self.commit, self.changes)))}


def build_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--builder`` and ``--allow-dirty``."""
    options = (
        click.option(
            "--builder", type=click.Choice(list(BUILDERS)), help="Program that builds.  [default: what is there]"
        ),
        click.option("--allow-dirty", is_flag=True, help="Also build what is not committed: the tag then says so."),
    )
    return decorate(command, options)


create_repository_option = click.option(
    "--create-repository", is_flag=True, help="Create the repository in ECR if it does not exist."
)


def builder_named(name: str | None) -> Builder:
    """The builder with this name, or the first that works here. A usage error if there is none."""
    try:
        return find_builder(name, os.environ)
    except BuilderError as error:
        raise click.UsageError(f"no image can be built: {error}") from None


def image_build(compiled: Compiled, options: BuildOptions) -> ImageBuild:
    """The build of a service's image. Usage errors for paths and tags, and for changes that are not committed."""
    spec, folder = compiled.service(), Path(compiled.name).parent
    build = spec.service.build
    context = folder / build.context
    if not context.is_dir():
        raise click.UsageError(f"{visible(compiled.name)}: the build context {str(context)!r} is not a folder")
    file = dockerfile(folder, build)
    if not file.is_file():
        raise click.UsageError(f"{visible(compiled.name)}: the Dockerfile {str(file)!r} does not exist")
    for path in (context, file):
        try:
            check_inside(path, folder)
        except OSError as error:
            raise click.UsageError(f"{visible(compiled.name)}: {str(path)!r}: {error.strerror}") from None
    revision = revision_of((context, file, Path(compiled.name)), folder)
    return ImageBuild(
        image=f"{spec.metadata.name}:{_tag(revision, options)}",
        context=context,
        dockerfile=file,
        platform=docker_platform(spec.service.resources.architecture),
        arguments=build.args,
        target=build.target,
        secrets=[
            SecretSource(one.id, folder / one.file if one.file else None, one.environment) for one in build.secrets
        ],
        labels=revision.labels if revision else {},
        epoch=revision.time if revision else None,
        use_cache=options.use_cache,
    )


def destination(compiled: Compiled, again: str) -> Destination:
    """Where the image of a service goes; ``again`` is the command that pushes it.

    A usage error if only CloudFormation knows the name of the repository.
    """
    spec = compiled.service()
    address, ecr = repository(spec), registry(spec)
    if "${" in (ecr[2] if ecr else address):
        raise click.UsageError(
            f"{visible(compiled.name)}: the image {address!r} has a placeholder that CloudFormation alone fills in: "
            "push it with the builder itself"
        )
    return Destination(address, ecr, compiled.tags or {}, again)


def dockerfile(folder: Path, build: Build) -> Path:
    """The Dockerfile beside the spec; if the spec does not name one and there is none, the one in the context."""
    beside, inside = folder / (build.dockerfile or "Dockerfile"), folder / build.context / "Dockerfile"
    return inside if build.dockerfile is None and not beside.is_file() and inside.is_file() else beside


def _tag(revision: Revision | None, options: BuildOptions) -> str:
    if options.tag is None and revision is None:
        raise click.UsageError("the image needs a tag: this is not a git repository with a commit; use --tag TAG")
    if revision and revision.changes and not options.allow_dirty:
        raise click.UsageError("some of what is built is not committed: commit it, or use --allow-dirty")
    return valid_tag(options.tag or (revision.tag if revision else ""), "--tag")


def revision_of(paths: Sequence[Path], folder: Path) -> Revision | None:
    """The commit of a folder, and what differs from it at these paths; None outside a repository with a commit."""
    answer = git("log", "-1", "--format=%H %ct", folder=folder)
    if answer is None:
        return None
    commit, time = answer.decode().split()
    root = repository_root(folder.absolute())
    names = [os.path.relpath(path.absolute(), root) for path in paths]
    status = (
        git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *names, folder=root) or b""
    )
    remote = (git("remote", "get-url", "origin", folder=folder) or b"").decode("utf-8", "replace").strip()
    return Revision(commit, _hash(root, status), int(time), _public(remote))


def _hash(root: Path, status: bytes) -> str:
    """A hash of the changed files: their names, modes and contents. Empty without changes."""
    if not status:
        return ""
    whole = hashlib.sha256()
    for entry in filter(None, status.split(b"\0")):
        whole.update(entry)
        for piece in _content(root / os.fsdecode(entry[3:])):
            whole.update(piece)
    return whole.hexdigest()[:_SHORT]


def _content(path: Path) -> Iterator[bytes]:
    if path.is_symlink():
        yield os.fsencode(os.readlink(path))
    elif path.is_file():
        yield b"x" if os.access(path, os.X_OK) else b"-"
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece


def _public(remote: str) -> str:
    """The address of a repository as a URL without a user and a password; empty for any other."""
    found = re.fullmatch(r"(?:https?://|ssh://|git@)(?:[^@/]*@)?([^/:@]+)[/:]([^?#]+?)(?:\.git)?/?", remote)
    return f"https://{found[1]}/{found[2]}" if found else ""
