"""A build: the builder runs, its progress is shown, and the image that it made fits the spec."""

from __future__ import annotations

import codecs
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from fsdcf.deploy.model import INTERRUPTS, Advice, Evidence, Exit, ImageBuilt, NoticeIssued, StepStarted, Tell
from fsdcf.deploy.run import stop
from fsdcf.diagnostics import Diagnostic
from fsdcf.images.builders import Builder, BuilderError, Command, ImageBuild, LocalImage, text_of
from fsdcf.images.failure import explain
from fsdcf.wording import cut

LAST_LINES = 20
"""Lines of a failed build that the outcome shows."""

_KEPT_LINES = 400
"""Lines of a build that are kept, to find the cause of a failure."""

_LONGEST_LINE = 2000
_MOST = 1 << 20
"""Bytes of a line that wait for its end."""
_POSIX = os.name == "posix"
_ENDING = 5.0
"""Seconds that a builder has to end after a signal."""
_AFTERMATH = 1.0
"""Seconds after the end of a builder in which its last output is read."""
_PAUSE = 0.1
"""Seconds without output after which the beginning of a line is shown."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
"""What moves the cursor of a terminal, or colours its text."""


class BuilderProgress:
    """Shows what builders print. This one shows nothing: the output is only kept for the account of a failure."""

    terminal: int | None = None
    """The terminal on which the builder's own display is shown, as a file descriptor; None for lines."""

    def begin(self, title: str) -> None:
        """A builder starts."""

    def write(self, text: str) -> None:
        """What a builder prints: whole lines, or what it has for a terminal."""

    def end(self) -> None:
        """The builder has ended."""

    def report(self, finding: Diagnostic, sources: Mapping[str, str]) -> None:
        """A finding about the Dockerfile, and the texts of the files that it is about."""


def build_image(builder: Builder, build: ImageBuild, tell: Tell, progress: BuilderProgress) -> LocalImage:
    """Build an image into the builder's store. Raises Stop if the build fails, or is for another platform."""
    if refusal := builder.refusal(build):
        raise stop(Exit.USAGE, refusal)
    for note in build.notes:
        tell(NoticeIssued("note", note))
    chosen = f" ({builder.passed_over})" if builder.passed_over else ""
    what = f"{builder.title} builds {build.image} from {build.dockerfile} for {build.platform}"
    tell(StepStarted("build", what + chosen))
    begun = time.monotonic()
    progress.begin(what + chosen)
    try:
        code, lines, image = _built(builder, build, tell, progress)
    except BuilderError as error:
        raise stop(Exit.FAILED, f"the image {build.image} cannot be inspected: {error}") from None
    finally:
        progress.end()
    if image is None:
        _fail(builder, build, code, lines, progress)
    if image.platform != build.platform:
        sentence = f"the image is for {image.platform}, and the tasks of the spec run on {build.platform}"
        advice = Advice(
            "look at --platform in the Dockerfile's FROM, change resources.architecture, or build with --no-cache if"
            " the builder took the steps of an earlier build"
        )
        raise stop(Exit.FAILED, sentence, advice=advice)
    seconds = round(time.monotonic() - begun, 1)
    text = f"{build.image} for {image.platform} in {seconds} s: {image.id[:19]}"
    tell(ImageBuilt("built", text, build.name, build.tag, image.id, image.platform, builder.title, seconds))
    return image


def _built(
    builder: Builder, build: ImageBuild, tell: Tell, progress: BuilderProgress
) -> tuple[int, list[str], LocalImage | None]:
    """The exit code of a build, its last lines, and its image. Raises BuilderError if the image cannot be inspected.

    The image is found by its id where the builder tells that: another build may move the tag.
    """
    before = builder.containers()
    with tempfile.TemporaryDirectory(prefix="fsdcf-") as folder:
        id_file = Path(folder) / "id"
        try:
            code, lines = run_builder(builder.build(build, id_file), progress)
        except INTERRUPTS:
            _clean_up(builder, before, tell)
            raise
        if code:
            if code < 0:  # a signal ended it
                _clean_up(builder, before, tell)
            return code, lines, None
        reported = text_of(id_file)
    return code, lines, builder.built_image(build, reported)


def _clean_up(builder: Builder, before: frozenset[str], tell: Tell) -> None:
    if left := builder.clean_up(before):
        ids = ", ".join(id[:12] for id in sorted(left))
        text = f"another build runs, so that these containers stay, which may be its own: {ids}"
        tell(NoticeIssued("note", text))


def _fail(builder: Builder, build: ImageBuild, code: int, lines: list[str], progress: BuilderProgress) -> NoReturn:
    """Report the step of the Dockerfile that failed, and raise Stop with the last lines and what helps."""
    failure = explain(builder, build, lines)
    if failure.finding:
        progress.report(failure.finding, failure.sources)
    shown = lines[-LAST_LINES:]
    if progress.terminal is not None:  # where they are still to be seen
        shown = [] if failure.finding else lines[-1:]
    evidence = (Evidence(builder.title, "\n".join(shown)),) if shown else ()
    advice = Advice(failure.advice) if failure.advice and not failure.finding else None
    died = f"was ended: {signal.strsignal(-code) or -code}" if code < 0 else f"exited with {code}"
    sentence = f"the build of {build.image} failed: {failure.cause or f'{builder.title} {died}'}"
    raise stop(Exit.FAILED, sentence, evidence=evidence, advice=advice)


def run_builder(command: Command, progress: BuilderProgress) -> tuple[int, list[str]]:
    """Run a builder, and return its exit code and its last lines. Raises Stop if it cannot start.

    On a terminal the builder gets one of its own, which is copied, so that its display works and the last lines are
    known. An interrupt ends the builder and the processes that it started; a second one kills them.
    """
    with _temporary_files(command) as own:
        return _run(own, progress)


@contextmanager
def _temporary_files(command: Command) -> Iterator[Command]:
    """The command with a folder of its own for temporary files, which is removed at the end.

    If something is still mounted below the folder, it stays.
    """
    folder = ""
    if command.temporary:
        with suppress(OSError):
            folder = tempfile.mkdtemp(prefix="fsdcf-", dir=command.temporary)
    if not folder:
        yield command
        return
    try:
        yield replace(command, environment={**command.environment, "TMPDIR": folder})
    finally:
        with suppress(OSError):
            if Path(folder).name not in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace"):
                shutil.rmtree(folder, ignore_errors=True)


def _run(command: Command, progress: BuilderProgress) -> tuple[int, list[str]]:
    last = _LastLines()
    try:
        process, output = _start(command, progress.terminal)
    except (OSError, ValueError) as error:
        raise stop(Exit.FAILED, f"{command.words[0]} cannot run: {error}") from None
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        for text in map(decoder.decode, _chunks(output, process, progress.terminal)):
            last.add(text)
            progress.write(text)
        return process.wait(), last.lines
    except BaseException:
        _end(process, output, progress)
        raise
    finally:
        os.close(output)


def _start(command: Command, terminal: int | None) -> tuple[subprocess.Popen[bytes], int]:
    """A builder that runs in a session of its own, and where its output can be read."""
    reading, writing = os.pipe() if terminal is None else _terminal_like(terminal)
    try:
        process = subprocess.Popen(  # noqa: S603
            command.words,
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            env=command.environment,
            start_new_session=True,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return process, reading


def _terminal_like(terminal: int) -> tuple[int, int]:
    """A new terminal of the same size: the sides of its reader and of a program; a pipe where there is none to have."""
    try:
        import pty

        reading, writing = pty.openpty()
    except (ImportError, OSError):
        return os.pipe()
    _resize(terminal, reading)
    return reading, writing


def _resize(terminal: int, other: int) -> None:
    """Give a terminal the size of another one."""
    with suppress(ImportError, OSError):  # on Windows, and for a pipe
        import fcntl
        import termios

        fcntl.ioctl(other, termios.TIOCSWINSZ, fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8)))


def _chunks(
    output: int, process: subprocess.Popen[bytes], terminal: int | None, until: float = float("inf")
) -> Iterator[bytes]:
    """What a builder prints, as whole lines; for a terminal, the beginning of a line after a pause, too.

    It ends soon after the builder, even if a process that it left behind keeps the output open.
    """
    waiting = b""
    while time.monotonic() < until:
        if process.poll() is not None:
            until = min(until, time.monotonic() + _AFTERMATH)
        if terminal is not None:
            _resize(terminal, output)
        if not _is_ready(output):
            if waiting and terminal is not None:
                yield waiting
                waiting = b""
            continue
        data = _read(output)
        if not data:
            break
        waiting += data
        end = max(waiting.rfind(b"\n"), waiting.rfind(b"\r")) + 1 or (len(waiting) if len(waiting) > _MOST else 0)
        if end:
            yield waiting[:end]
            waiting = waiting[end:]
    if waiting:
        yield waiting


def _is_ready(output: int) -> bool:
    return not _POSIX or bool(select.select([output], [], [], _PAUSE)[0])


def _read(output: int) -> bytes:
    try:
        return os.read(output, 1 << 16)
    except OSError:  # the end of a terminal
        return b""


def _end(process: subprocess.Popen[bytes], output: int, progress: BuilderProgress) -> None:
    """End a builder and all that it started: it is asked twice, and then killed. What it still prints is shown."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            _signal(process, number)
            for chunk in _chunks(output, process, progress.terminal, time.monotonic() + _ENDING):
                progress.write(chunk.decode("utf-8", "replace"))
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PAUSE)
                break
    finally:
        _signal(process, None)  # also what a builder that has ended left behind
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int | None) -> None:
    """Send a signal to a builder and to what it started; None kills them."""
    with suppress(ProcessLookupError, PermissionError):
        if _POSIX:
            os.killpg(process.pid, number or signal.SIGKILL)
        else:
            process.kill()


class _LastLines:
    """The last lines of a text, as a reader would see them."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._begun = ""

    def add(self, text: str) -> None:
        """Add what was printed."""
        whole, _, begun = (self._begun + text).rpartition("\n")
        self._lines.extend(seen_lines(whole))
        self._begun = begun[-_LONGEST_LINE:]

    @property
    def lines(self) -> list[str]:
        """The lines, without empty ones."""
        return [*self._lines, *seen_lines(self._begun)]


def seen_lines(text: str) -> list[str]:
    """The lines of a text as a reader would see them: without colours, what was written over, and empty ones."""
    lines = (line.rstrip().rpartition("\r")[2] for line in _ESCAPES.sub("", text).split("\n"))
    return [cut(line, _LONGEST_LINE) for line in lines if line]
