"""Why a build failed: the line of the Dockerfile, and what helps against causes that are known."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fsdcf.cloudformation.ecr import HOST
from fsdcf.diagnostics import Diagnostic, Rule, Span
from fsdcf.images.builders import Builder, ImageBuild
from fsdcf.images.ignored import DockerIgnore
from fsdcf.language.dockerfile import Instruction, dockerfile_text, instructions
from fsdcf.links import DOCKERFILE
from fsdcf.wording import cut

FAILED_STEP = Rule(
    "S289",
    "a step of a Dockerfile that fails",
    "The builder stopped at this instruction of the Dockerfile. Its last lines say why. Of an instruction that"
    " continues over several lines, the first one is shown.",
    DOCKERFILE,
)


_READ = 60
"""Lines at the end of a build's output in which a cause is looked for."""


@dataclass(frozen=True)
class Failure:
    """The cause of a failed build and what helps, as far as they are known, and the finding about the Dockerfile."""

    cause: str = ""
    advice: str = ""
    finding: Diagnostic | None = None
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Cause:
    """A known cause. ``instructions`` are those in which the text means it; empty for all. ``{…}`` is filled in."""

    pattern: str
    sentence: str
    advice: str
    instructions: Collection[str] = ()


_PULLS = ("FROM", "COPY", "ADD", "")
_CAUSES = (
    _Cause(
        r"(?i)no space left on device|disk quota exceeded|ENOSPC",
        "no space is left on the disk of {program}",
        "`{program} {shows}` shows what takes the space, and `{program} {frees}` frees it",
    ),
    _Cause(
        r"secret required but no secret with id ['\"]?(?P<name>[\w.-]+)|secret (?P<other>[\w.-]+): not found",
        "the secret `{name}` is not given to the build",
        "add `- {{id: {name}, environment: NAME}}` or `- {{id: {name}, file: PATH}}` to build.secrets",
    ),
    _Cause(
        r"(?i)toomanyrequests|429 Too Many Requests|reached your (?:unauthenticated )?pull rate limit",
        "the registry limits how often this address may pull images",
        "log in (`{program} login`), wait for an hour, or take the base image from another registry, such as"
        " public.ecr.aws/docker/library/",
        _PULLS,
    ),
    _Cause(
        r"(?i)no match for platform|no matching manifest for|no image found in \S+(?: \S+)? for architecture"
        r"|does not (?:match|provide) the (?:specified|expected) platform|no match for platform in manifest",
        "the base image does not exist for {platform}",
        "choose a base image or a tag that has {platform}, or change resources.architecture",
        _PULLS,
    ),
    _Cause(
        r"(?i)exec format error",
        "this computer cannot run programs of {platform}",
        "install the emulator of QEMU (`docker run --privileged --rm tonistiigi/binfmt --install {processor}`, or the"
        " package qemu-user-static), build on a computer with that processor, or change resources.architecture",
    ),
    _Cause(
        r"(?i)cannot connect to the docker daemon|error during connect|transport is closing"
        r"|connection to .{1,200} was lost"
        r"|error reading from server|code = Unavailable|buildkitd? .{0,200}(?:connection refused|no such file)"
        r"|docker\.sock: (?:connect|read|write)",
        "the connection to the daemon of {program} broke off",
        "see whether it still runs (`{program} info`), and build again: finished steps are in the cache",
    ),
    _Cause(
        r"(?i)\b(?:code:?|status:?) 137\b|signal: killed|exited on killed|heap out of memory|cannot allocate memory"
        r"|ResourceExhausted",
        "the step was killed: probably it ran out of memory",
        "give the builder more memory (in Docker Desktop: Settings, Resources), or let the step use less",
    ),
    _Cause(
        r"(?i)certificate signed by unknown authority|unable to get local issuer certificate"
        r"|self.signed certificate|CERTIFICATE_VERIFY_FAILED",
        "a certificate is not trusted in the build",
        "a proxy of your network probably replaces certificates: add its own to the base image or to the builder",
    ),
    _Cause(
        r"(?i)could not resolve|temporary failure (?:in name resolution|resolving)|no such host|EAI_AGAIN|ENOTFOUND"
        r"|server misbehaving|network is unreachable|i/o timeout|connection timed out|TLS handshake timeout|bad address"
        r"|name or service not known",
        "the build cannot reach the network, or a name does not exist",
        "check the spelling of the host, the network, and DNS; behind a proxy, give HTTP_PROXY and HTTPS_PROXY to the"
        " builder",
    ),
    _Cause(
        r"(?i)no basic auth credentials|unauthorized|authentication required|denied: |403 Forbidden|pull access denied",
        "the base image {base} does not exist, or needs a login",
        "check its name, and log in to its registry: `{login}`",
        _PULLS,
    ),
    _Cause(
        r"(?i)manifest unknown|failed to resolve source metadata|name unknown|not found: manifest|short-name"
        r"|unable to find a match|: not found$|does not exist or no pull access|reading manifest",
        "the base image {base} does not exist",
        "check its name and its tag; podman and buildah need the whole name, such as docker.io/library/python:3.13",
        ("FROM", ""),
    ),
    _Cause(
        r"(?i)unknown instruction|parse error|unexpected end of statement"
        r"|^Error: (?:no FROM statement|FROM requires |no contents in )",
        "the Dockerfile is not valid here",
        f"see {DOCKERFILE} for the instructions",
    ),
    _Cause(
        r"(?i)\b(?:code:?|status:?) 127\b|executable file not found|fork/exec \S+ no such file|exec: \"[^\"]+\": stat ",
        "a program of the step is not in the image",
        "install it in an earlier step, or choose a base image that has it",
        ("RUN",),
    ),
)


def explain(builder: Builder, build: ImageBuild, lines: Sequence[str]) -> Failure:
    """Why a build with these last lines failed."""
    text, file = dockerfile_text(build.dockerfile), str(build.dockerfile)
    steps = [*instructions(text)]
    number = _failing_line(lines, steps)
    step = next((one for one in reversed(steps) if one.line <= number), None)
    output = "\n".join(_ANNOUNCED.sub("", line) for line in lines[-_READ:])
    cause, advice = _missing_source(step, build, output) or _known(step, builder, build, output)
    if step is None:
        return Failure(cause, advice)
    line = text.split("\n")[step.line - 1].rstrip()
    start, end = len(line) - len(line.lstrip()), len(line.rstrip("\\` \t"))
    span = Span(file, step.line, start + 1, step.line, max(start, end) + 1)
    shown = cut(" ".join((step.name, *step.text.split())), 60)
    message = f"`{shown}` fails: {cause or _last_error(lines)}"
    return Failure(cause, advice, FAILED_STEP.at(span, (), message, advice), {file: text})


_ANNOUNCED = re.compile(
    r"^(?:\[[^\]]*\] )*STEP .*|^Step \d+/\d+ : .*|^ > \[.*|^#\d+ \[.*|^ +\d+ \| .*"
    r"|building at STEP \".*\": |process \".*\" did not"
)
"""Where a builder repeats an instruction, whose text is not its output."""
_MARKED = re.compile(r"^\s*(\d{1,9}) \| >>> ")
_HEADED = re.compile(r"[^\s:][^:]*:(\d{1,9})")
_PARSED = re.compile(r"parse error (?:on )?line (\d{1,9})")
_STEP = re.compile(r"(?:\[[\w/.-]+\] )??(?:\[(\d{1,9})/\d+\] )?STEP (\d{1,9})/\d+: (.*)")
_LEGACY_STEP = re.compile(r"Step (\d{1,9})/\d+ : (.*)")


def _failing_line(lines: Sequence[str], steps: Sequence[Instruction]) -> int:
    """The line at which a build failed, counted from 1; 0 if that is unknown.

    BuildKit shows an excerpt of the Dockerfile in which ``>>>`` marks the lines. Docker without it and buildah announce
    each step with its number: docker counts all instructions, buildah those of the stage.
    """
    marked = [int(found[1]) for found in map(_MARKED.match, lines) if found]
    if marked:
        numbers = set(marked)
        return next((number for number in range(marked[-1], 0, -1) if number - 1 not in numbers), 0)
    for at in range(len(lines) - 1, -1, -1):
        line = lines[at]
        if found := _PARSED.search(line):
            return int(found[1])
        if (found := _HEADED.fullmatch(line)) and lines[at + 1 : at + 2] and lines[at + 1].startswith("-----"):
            return int(found[1])
        if found := _STEP.match(line):
            return _line_of_step(_stage(steps, int(found[1] or 1)), int(found[2]), found[3])
        if found := _LEGACY_STEP.match(line):
            return _line_of_step(steps, int(found[1]), found[2])
    return _line_without_base(steps) if any(map(_BASELESS.match, lines)) else 0


_BASELESS = re.compile(r"Error: (?:no FROM statement found|FROM requires )")
"""What buildah says of a Dockerfile before its first step, without a line."""


def _line_without_base(steps: Sequence[Instruction]) -> int:
    """The line of the FROM that is not valid, or of the instruction where the first FROM must be; 0 without any."""
    for step in steps:
        if step.name == "FROM" and len([word for word in step.text.split() if not word.startswith("--")]) not in (1, 3):
            return step.line
    return next((step.line for step in steps if step.name != "ARG"), 0)


def _stage(steps: Sequence[Instruction], number: int) -> list[Instruction]:
    """The instructions of a stage, whose FROM is the first."""
    starts = [at for at, step in enumerate(steps) if step.name == "FROM"]
    if not 0 < number <= len(starts):
        return []
    return [*steps[starts[number - 1] : starts[number] if number < len(starts) else None]]


def _line_of_step(steps: Sequence[Instruction], number: int, text: str) -> int:
    """The line of a step, if it is the instruction that the builder names: it adds steps of its own, such as LABEL."""
    name = text.partition(" ")[0].upper()
    step = steps[number - 1] if 0 < number <= len(steps) else None
    return step.line if step and step.name == name else 0


def _known(step: Instruction | None, builder: Builder, build: ImageBuild, output: str) -> tuple[str, str]:
    """The cause and the advice of the first known cause; empty if there is none."""
    name = step.name if step else ""
    for cause in _CAUSES:
        found = re.search(cause.pattern, output, re.M) if not cause.instructions or name in cause.instructions else None
        if found:
            values = {
                "program": builder.program,
                "shows": builder.free_space[0],
                "frees": builder.free_space[1],
                "platform": build.platform,
                "processor": build.platform.rpartition("/")[2],
                "base": _image_in(step),
                "login": _login(builder.program, _image_in(step)),
                "name": next(filter(None, found.groups()), ""),
            }
            return cause.sentence.format(**values), cause.advice.format(**values)
    return "", ""


def _image_in(step: Instruction | None) -> str:
    """The image that an instruction names, in quotation marks; empty if it names none."""
    words = step.text.split() if step else []
    source = next((word.partition("=")[2] for word in words if word.startswith("--from=")), "")
    if step and step.name == "FROM":
        source = next((word for word in words if not word.startswith("--")), "")
    return f"`{source}`" if source else "of the step"


def _login(program: str, image: str) -> str:
    """The command that logs in to the registry of an image."""
    host = image.strip("`").partition("/")[0]
    if ecr := re.match(HOST, host):
        words = f"aws ecr get-login-password --region {ecr['region']}"
        return f"{words} | {program} login --username AWS --password-stdin {host}"
    return f"{program} login"


_MISSING = re.compile(
    r"(?i)not found|no such file or directory|does not exist|no items matching|excluded by \.dockerignore"
)


def _missing_source(step: Instruction | None, build: ImageBuild, output: str) -> tuple[str, str] | None:
    """The cause and the advice for a file that COPY or ADD takes from the build context, and that is not there."""
    if step is None or step.name not in ("COPY", "ADD") or not _MISSING.search(output):
        return None
    ignored = DockerIgnore.of(build.dockerfile, build.context)
    for source in sorted((each for each in step.sources if "$" not in each), key=_is_pattern):
        path = posixpath.normpath(source.lstrip("/"))
        if path.startswith("../") or path == "..":
            advice = "a build reads only below build.context: set that to a folder that contains the file"
            return f"`{source}` is outside the build context {str(build.context)!r}", advice
        if _is_pattern(path):
            if _has_match(build.context, path):
                continue
            advice = "check the pattern: paths are relative to build.context"
            return f"`{source}` matches no file in the build context {str(build.context)!r}", advice
        if pattern := ignored.pattern_against(path):
            advice = f"remove the pattern, or add `!{path}` below it"
            return f"`{source}` is excluded by the pattern `{pattern}` of {ignored.name}", advice
        if not (build.context / path).exists():
            beside = build.dockerfile.parent / path
            advice = (
                f"paths are relative to build.context, and the file is {str(beside)!r}"
                if beside.exists()
                else "check the name: paths are relative to build.context"
            )
            return f"`{source}` does not exist in the build context {str(build.context)!r}", advice
    return None


def _is_pattern(path: str) -> bool:
    """Whether a source may match several files; a builder tolerates one without a match beside others."""
    return re.search(r"[*?\[]", path) is not None


def _has_match(folder: Path, pattern: str) -> bool:
    """Whether a pattern matches something in a folder; True if that is not known."""
    try:
        return any(folder.glob(pattern))
    except (ValueError, NotImplementedError, OSError):
        return True


_PREFIX = re.compile(r"(?i)(?:(?:error|fata)(?:\[\d+\])?:? *|failed to solve: |building at STEP \".*\": )+")


def _last_error(lines: Sequence[str]) -> str:
    """What the builder says last, without what is the same for every error."""
    errors = [line for line in lines[-_READ:] if re.match(r"(?i)(?:error|fata|the command)\b", line)]
    last = next(reversed(errors or lines or [""]), "")
    return _PREFIX.sub("", last) or "the builder says nothing"
