"""From a compiled spec to a build: the paths, the tag, the labels and the secrets of an image."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdcf.atomic import read_regular
from fsdcf.cli.compiled import Compiled
from fsdcf.cli.git import git, git_or_refuse
from fsdcf.cli.image import registry
from fsdcf.cli.options import decorate
from fsdcf.cli.render.findings import show, summary
from fsdcf.cli.render.stream import on_github
from fsdcf.compiler.parts.image import repository
from fsdcf.diagnostics import Diagnostic, Span, has_errors, joined
from fsdcf.images.builders import BUILDERS, Builder, BuilderError, ImageBuild, MountedSecret, find_builder
from fsdcf.images.ignored import DockerIgnore, ignore_file
from fsdcf.language.dockerfile import dockerfile_text, read_dockerfile, without_stage
from fsdcf.language.document import Document
from fsdcf.language.model.service import Build, BuildSecret
from fsdcf.language.rules.container import BUILD_PATH, MISSING_BUILD_SECRET, UNNAMED_BUILD_SECRET
from fsdcf.masking import contains_secret, memorable, remember, remember_secrets_in
from fsdcf.repository import check_inside, repository_root
from fsdcf.wording import counted, visible

if TYPE_CHECKING:
    from fsdcf.images.repository import Destination

_SHORT = 12
"""Characters of a commit, or of a hash of changes, in a tag. The number is fixed, so that the tag of a commit is."""

_LAST_TIME = 253_402_300_799
"""The last second of the year 9999, after which no date can be written."""

_LONGEST_TAG = 128
_TAG_RULE = "a tag has letters, digits and _ . -, and begins with a letter, a digit or _"
_LARGEST_SECRET = 500 * 1024
"""The largest secret that BuildKit passes to a build.
Source: MaxSecretSize in session/secrets/secretsprovider/secretsprovider.go of https://github.com/moby/buildkit"""

_SHOWN_FILES = 3
_MOUNT = re.compile(r"--mount=((?:\S*,)?type=secret\b\S*)")

LABEL = "org.opencontainers.image."
"""The beginning of the labels of an image.
Source: https://github.com/opencontainers/image-spec/blob/main/annotations.md"""


@dataclass(frozen=True)
class BuildOptions:
    """The options of a command that builds: the tag (None: that of the commit), and the builder (None: what is there).

    ``allow_dirty``: also build what is not committed; without a commit, the tag is ``dirty-`` and a hash of what is
    built. ``tag_option`` is the option for the tag.
    """

    tag: str | None = None
    builder: str | None = None
    allow_dirty: bool = False
    use_cache: bool = True
    tag_option: str = "--tag"


@dataclass(frozen=True)
class Revision:
    """The commit of a working tree, its time in seconds since 1970, and the address of its repository.

    ``time`` is None for one that no clock shows: a commit may say anything.
    ``changed`` are the files of what is built that differ from the commit, ``changes`` is a hash of them.
    """

    commit: str
    time: int | None
    source: str
    changed: tuple[str, ...] = ()
    changes: str = ""

    @property
    def tag(self) -> str:
        """``3f2c1ab0d4e5``, or ``3f2c1ab0d4e5-dirty-`` and a hash of what differs."""
        return "-dirty-".join(filter(None, (self.commit[:_SHORT], self.changes)))

    @property
    def labels(self) -> dict[str, str]:
        """The labels of an image that is built from it."""
        made_at = "" if self.time is None else f"{datetime.fromtimestamp(self.time, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
        revision = "-dirty-".join(filter(None, (self.commit, self.changes)))
        labels = {"source": self.source, "revision": revision, "created": made_at}
        return {LABEL + name: value for name, value in labels.items() if value}


def build_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--builder`` and ``--allow-dirty``."""
    options = (
        click.option(
            "--builder", type=click.Choice(list(BUILDERS)), help="Program that builds.  [default: the first that works]"
        ),
        click.option(
            "--allow-dirty",
            is_flag=True,
            help="Also build what is not committed: the tag then says so.  [default: in the sandbox]",
        ),
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
    """The build of a service's image. Usage errors for paths, secrets and tags, and for changes that are not committed.

    The values of its secrets are masked from now on.
    """
    from fsdcf.cloudformation.types.ecs import docker_platform

    spec, folder = compiled.service(), Path(compiled.name).parent
    build = spec.service.build
    context, file = folder / build.context, dockerfile(folder, build)
    _check(compiled, context, file)
    secrets = [_source(one, folder) for one in build.secrets]
    revision = _revision(compiled, context, file, options)
    tag = _tag(revision, options) or f"dirty-{_hash_of_all((context, file, Path(compiled.name)))}"
    version = {} if options.tag is None else {LABEL + "version": tag}
    return ImageBuild(
        image=f"{spec.metadata.name}:{tag}",
        context=context,
        dockerfile=file,
        platform=docker_platform(spec.service.resources.architecture),
        arguments=build.args,
        target=build.target,
        secrets=secrets,
        labels={**(revision.labels if revision else {}), **version},
        epoch=revision.time if revision else None,
        use_cache=options.use_cache,
        cache_scope=f"fsdcf/{compiled.environment}/{spec.metadata.name}",
        shares_cache=not (compiled.result and compiled.result.is_production),
        notes=_ignored_by_git(context, file) if revision else (),
        has_shell=any(step.name in ("SHELL", "HEALTHCHECK") for step in read_dockerfile(dockerfile_text(file)).written),
    )


def destination(compiled: Compiled, again: str) -> Destination:
    """Where the image of a service goes; ``again`` is the command that pushes it.

    A usage error if only CloudFormation knows the name of the repository.
    """
    from fsdcf.images.repository import Destination

    spec = compiled.service()
    address, ecr = repository(spec), registry(spec)
    if "${" in (ecr[2] if ecr else address):
        raise click.UsageError(
            f"{visible(compiled.name)}: the image {address!r} has a placeholder that CloudFormation alone fills in: "
            "push it with the builder itself"
        )
    return Destination(address, ecr, compiled.tags or {}, again)


def check_same(first: ImageBuild, other: ImageBuild, advice: str) -> None:
    """A usage error for two different builds that would be the same image."""
    if _what_is_built(first) != _what_is_built(other):
        raise click.UsageError(
            f"{first.name} and {other.name} have the same repository, and different builds: the tag {other.tag} cannot "
            f"be that of both images; {advice}"
        )


def _what_is_built(build: ImageBuild) -> object:
    """What a build makes: all of it that may change the image, with the paths of the files themselves."""
    paths = [os.path.realpath(path) for path in (build.context, build.dockerfile)]
    secrets = [(one.id, os.path.realpath(one.file) if one.file else one.variable) for one in build.secrets]
    return paths, build.platform, dict(build.arguments), build.target, secrets


def dockerfile(folder: Path, build: Build) -> Path:
    """The Dockerfile beside the spec; if the spec does not name one and there is none, the one in the context."""
    beside, inside = folder / (build.dockerfile or "Dockerfile"), folder / build.context / "Dockerfile"
    return inside if build.dockerfile is None and not os.path.isfile(beside) and os.path.isfile(inside) else beside


# What is built


def _check(compiled: Compiled, context: Path, file: Path) -> None:
    """Show what is wrong with the paths and the secrets of a build, and end the command."""
    document = compiled.result.document if compiled.result else None
    findings = [*_problems(compiled, document, context, file)] if document else []
    if findings and compiled.result:
        show(findings, {**compiled.result.sources, str(file): dockerfile_text(file)})
    if has_errors(findings):
        from fsdcf.cli.runtime import end
        from fsdcf.deploy.model import Exit, Outcome

        sentence = f"{visible(compiled.name)}: {summary(findings, compiled.name)}; nothing built"
        end(Outcome(Exit.USAGE, sentence), bool(click.get_current_context().params.get("as_json")))


def _problems(compiled: Compiled, document: Document, context: Path, file: Path) -> Iterator[Diagnostic]:
    build, folder = compiled.service().service.build, Path(compiled.name).parent
    paths = (
        ("context", context, "folder", os.path.isdir(context), True),
        ("dockerfile", file, "file", os.path.isfile(file), build.dockerfile is not None),
    )
    for key, path, kind, fits, written in paths:
        problem = "" if fits else f" is not a {kind}" if os.path.exists(path) else " does not exist"
        try:
            check_inside(path, folder)
        except OSError as error:
            problem = f": {error.strerror}"
        if problem:
            hint = f"write the path in build.{key}, relative to the spec"
            if "outside" in problem:
                hint = f"choose a {kind} in the repository, or put the {kind} there: a build reads nothing else"
            elif not written:
                hint = "write one beside the spec or in the build context, or its path in build.dockerfile"
            place = ("service", "build", key) if written else ("service",)
            span = document.span(place) if written else document.key_span(place)
            yield BUILD_PATH.at(span, place, f"`{path}`{problem}", hint)
    yield from _problems_inside(build, document, file)
    for index, secret in enumerate(build.secrets):
        if problem := _problem_of(secret, _source(secret, folder)):
            step = ("service", "build", "secrets", index)
            hint = "write the path of the file, relative to the spec, or from the home folder as `~/…`"
            if secret.environment and on_github():
                secret_of = f"`gh secret set {secret.environment} --env {compiled.environment}`"
                hint = f"store the secret on GitHub, {secret_of}, and set the variable of this step to it"
            elif secret.environment:
                hint = f"set the variable, for example `export {secret.environment}=…`"
            yield MISSING_BUILD_SECRET.at(document.span(step), step, f"the secret `{secret.id}`: {problem}", hint)


def _problems_inside(build: Build, document: Document, file: Path) -> Iterator[Diagnostic]:
    """What the Dockerfile lacks for this build: the stage, and the secrets that its steps mount."""
    text = dockerfile_text(file)
    try:
        steps = read_dockerfile(text, build.args, build.target if text else None).written
    except LookupError as error:
        yield without_stage(document, build.target, error.args)
        return
    named = {secret.id for secret in build.secrets}
    lines = text.split("\n")
    for step in (one for one in steps if one.name == "RUN"):
        for mount in _MOUNT.findall(step.text):
            id = dict(part.partition("=")[::2] for part in mount.split(",")).get("id", "")
            if re.fullmatch(r"[\w.-]+", id) and id not in named:
                line = lines[step.line - 1]
                start = max(0, line.find(mount))
                span = Span(str(file), step.line, start + 1, step.line, start + len(mount if start else line) + 1)
                hint = f"add `- {{id: {id}, environment: NAME}}` or `- {{id: {id}, file: PATH}}` to build.secrets"
                message = f"the step mounts the secret `{id}`, which the build does not get"
                yield UNNAMED_BUILD_SECRET.at(span, (), message, hint)


def _source(secret: BuildSecret, folder: Path) -> MountedSecret:
    """Where a secret is: a file may be anywhere, since a secret is not committed; ``~`` is the home folder."""
    file = folder / Path(os.path.expanduser(secret.file)) if secret.file else None
    return MountedSecret(secret.id, file, secret.environment)


def _problem_of(secret: BuildSecret, source: MountedSecret) -> str:
    """Why a secret cannot be read; empty if it can. Its value is masked from then on."""
    if source.file is None:
        value = os.environ.get(source.variable or "")
        if not value:
            return f"the variable {source.variable} is {'not set' if value is None else 'empty'}"
    else:
        try:
            value = read_regular(source.file, _LARGEST_SECRET).decode("utf-8", "replace")
        except (OSError, ValueError) as error:
            return f"`{secret.file}` cannot be read: {getattr(error, 'strerror', None) or error}"
    remember(memorable([value, value.strip()]))
    remember_secrets_in(value.splitlines())
    return ""


def _ignored_by_git(context: Path, file: Path) -> tuple[str, ...]:
    """A note about files of the build context that are not part of any commit, because git ignores them."""
    words = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory", "--", ".")
    found = (git("--literal-pathspecs", *words, folder=context) or b"").split(b"\0")
    ignored = DockerIgnore.of(file, context)
    names = [name for name in map(os.fsdecode, found) if name and not ignored.pattern_against(name)]
    if not names:
        return ()
    more = f" and {len(names) - _SHOWN_FILES} more" if len(names) > _SHOWN_FILES else ""
    listed = ", ".join(names[:_SHOWN_FILES]) + more if more else joined(names, "and")
    ignore = ignored.name or str(context / ".dockerignore")
    return (f"git ignores {listed}, which the build can copy all the same: name in {ignore} what the image is to lack",)


# The tag


def _tag(revision: Revision | None, options: BuildOptions) -> str:
    """The tag that is given, or that of the commit; empty if there is neither and none is needed."""
    if options.tag is not None:
        check_tag(options.tag, options.tag_option)
    elif revision is None and not options.allow_dirty:
        sentence = "the image needs a tag: this is not a git repository with a commit"
        raise click.UsageError(f"{sentence}; use {options.tag_option} TAG")
    if revision and revision.changes and not options.allow_dirty:
        files = ", ".join(map(visible, revision.changed[:_SHOWN_FILES]))
        more = f" and {len(revision.changed) - _SHOWN_FILES} more" if len(revision.changed) > _SHOWN_FILES else ""
        differ = "differs" if len(revision.changed) == 1 else "differ"
        raise click.UsageError(
            f"{counted(len(revision.changed), 'file')} of what is built {differ} from the commit: {files}{more};"
            " commit the changes, let git ignore the files, or use --allow-dirty"
        )
    return options.tag or (revision.tag if revision else "")


def check_tag(tag: str, option: str = "--tag") -> None:
    """A usage error unless ECR accepts a tag, which is the value of an ``option``.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html and
    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
    """
    wrong = re.search(r"[^A-Za-z0-9_.-]", tag, re.ASCII)
    if not tag:
        problem = "it is empty"
    elif wrong:
        problem = f"it contains {wrong[0]!r}"
    elif tag[0] in ".-":
        problem = f"it begins with {tag[0]!r}"
    elif len(tag) > _LONGEST_TAG:
        problem = f"it has {len(tag)} characters, and at most {_LONGEST_TAG} are allowed"
    else:
        return
    raise click.UsageError(f"{option} {tag[:_LONGEST_TAG]!r} is not a tag: {problem}; {_TAG_RULE}")


def _revision(compiled: Compiled, context: Path, file: Path, options: BuildOptions) -> Revision | None:
    """The commit of what is built: the context, the Dockerfile with its .dockerignore, and the spec."""
    folder = Path(compiled.name).parent
    try:
        return revision_of((context, file, ignore_file(file), Path(compiled.name)), folder)
    except click.UsageError:
        if options.tag is not None and options.allow_dirty:  # neither the tag nor the state of the files matters
            return None
        raise


def revision_of(paths: Sequence[Path], folder: Path) -> Revision | None:
    """The commit of a folder, and what differs from it at these paths; None outside a repository with a commit.

    A usage error with the message of git if it refuses to read the repository.
    """
    if not (repository_root(Path(os.path.realpath(folder))) / ".git").exists():
        return None
    commit = _words("rev-parse", "--verify", "--quiet", "HEAD^{commit}", folder=folder)
    if not commit:
        return None
    root = Path(_words("rev-parse", "--show-toplevel", folder=folder))
    real = Path(os.path.realpath(root))
    names = {os.path.relpath(os.path.realpath(path), real) for path in paths}
    changed = _changed(root, sorted(name for name in names if not name.startswith(f"..{os.sep}")))
    time = _words("show", "--no-patch", "--no-show-signature", "--format=%ct", commit, folder=folder)
    remote = (git("remote", "get-url", "origin", folder=folder) or b"").decode("utf-8", "replace").strip()
    known = int(time) if re.fullmatch(r"[0-9]{1,12}", time) and int(time) <= _LAST_TIME else None
    return Revision(commit, known, public_address(remote), tuple(changed), _hash(root, changed))


def _words(*words: str, folder: Path) -> str:
    return os.fsdecode(git_or_refuse(*words, folder=folder) or b"").removesuffix("\n")


def _changed(root: Path, names: Sequence[str]) -> list[str]:
    """The files at some paths that differ from the commit, also those that are new."""
    options = ("--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=none")
    status = git_or_refuse("--no-optional-locks", "--literal-pathspecs", "status", *options, "--", *names, folder=root)
    found = {os.fsdecode(entry[3:]) for entry in (status or b"").split(b"\0") if entry}
    return sorted(found.union(_hidden(root, names)))


def _hidden(root: Path, names: Sequence[str]) -> Iterator[str]:
    """The files at some paths that differ although git was told to take them for unchanged.

    Source: assume-unchanged and skip-worktree in https://git-scm.com/docs/git-update-index
    """
    listed = git("--literal-pathspecs", "ls-files", "-v", "-z", "--", *names, folder=root) or b""
    marked = (entry[2:] for entry in listed.split(b"\0") if entry[:1] == b"S" or entry[:1].islower())
    for name in map(os.fsdecode, marked):
        own = _words("rev-parse", f":{name}", folder=root) if os.path.isfile(root / name) else ""
        if own and own != _words("hash-object", "--", name, folder=root):
            yield name


def _hash(root: Path, changed: Sequence[str]) -> str:
    """A hash of the changed files: their names, modes and contents. Empty without changes."""
    import hashlib  # loads OpenSSL, which only changed files need

    whole = hashlib.sha256()
    for name in changed:
        whole.update(os.fsencode(name) + b"\0")
        for piece in _content(root / name, name.endswith("/")):
            whole.update(piece)
    return whole.hexdigest()[:_SHORT] if changed else ""


def _hash_of_all(paths: Sequence[Path]) -> str:
    """A hash of files, and of all that is in folders but for what git keeps for itself."""
    real = [Path(os.path.realpath(path)) for path in paths]
    root = Path(os.path.commonpath(real))
    files = {os.path.relpath(file, root) for path in real for file in (_files(path) if path.is_dir() else [path])}
    return _hash(root, sorted(files))


def _files(path: Path) -> Iterator[str]:
    """The files and links below a folder."""
    for folder, folders, files in os.walk(path):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [name for name in folders if name != ".git"]
        yield from (os.path.join(folder, name) for name in (*files, *links))


def _content(path: Path, is_foreign: bool = False) -> Iterator[bytes]:
    """What is at a path: of a submodule, its commit and what differs from that.

    ``is_foreign``: a repository that the one around it does not know. Git is not asked about it, since it runs the
    programs that the configuration of a repository names.
    """
    if path.is_symlink():
        yield os.fsencode(os.readlink(path))
    elif path.is_dir() and is_foreign:
        yield _hash_of_all([path]).encode()
    elif path.is_dir():
        yield git("rev-parse", "HEAD", folder=path) or b""
        for name in _changed(path, ["."]):
            yield os.fsencode(name) + b"\0"
            yield from _content(path / name, name.endswith("/"))
    elif path.is_file():
        yield b"x" if os.access(path, os.X_OK) else b"-"
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece


# The labels

_PATH = r"([\w.%+~-]+(?:/[\w.%+~-]+)*)/?"
_URL = re.compile(rf"(https?|ssh|git)://(?:[^@/\s]*@)?([\w.-]+)(:\d+)?/{_PATH}", re.ASCII)
_SCP = re.compile(rf"[\w.-]+@([\w.-]+):{_PATH}", re.ASCII)


def public_address(remote: str) -> str:
    """The address of a repository as a URL without a user and a password; empty for any other."""
    if found := _URL.fullmatch(remote):
        web = found[1].startswith("http")
        address = f"{found[1] if web else 'https'}://{found[2]}{found[3] or '' if web else ''}/{found[4]}"
    elif found := _SCP.fullmatch(remote):
        address = f"https://{found[1]}/{found[2]}"
    else:
        return ""
    return "" if contains_secret(address) else address.removesuffix(".git")
