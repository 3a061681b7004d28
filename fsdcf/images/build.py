"""A build: the builder runs, and the image that it made fits the spec."""

from __future__ import annotations

import signal
import subprocess
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from fsdcf.deploy.model import Evidence, Exit, StepStarted, Tell
from fsdcf.deploy.run import stop
from fsdcf.images.builders import Builder, BuilderError, Command, ImageBuild, LocalImage

LAST_LINES = 20
"""Lines of a failed build that the outcome shows."""

_ENDING = 10.0
"""Seconds after which a builder that was interrupted is killed."""

Show = Callable[[str], None]
"""Shows a line of what a builder prints."""


def build_image(builder: Builder, build: ImageBuild, tell: Tell, show: Show) -> LocalImage:
    """Build an image into the builder's store. Raises Stop if the build fails, or is for another platform."""
    tell(StepStarted("build", f"{builder.title} builds {build.image} from {build.dockerfile} for {build.platform}"))
    code, lines = run_builder(builder.build(build), show)
    if code:
        evidence = tuple(Evidence(builder.title, line) for line in lines)
        raise stop(
            Exit.FAILED, f"the build of {build.image} failed: {builder.title} exited with {code}", evidence=evidence
        )
    try:
        image = builder.local_image(build.image)
    except BuilderError as error:
        raise stop(Exit.FAILED, f"the image {build.image} cannot be inspected: {error}") from None
    if image.platform != build.platform:
        sentence = f"the image is for {image.platform}, and the tasks of the spec run on {build.platform}"
        raise stop(Exit.FAILED, sentence)
    return image


def run_builder(command: Command, show: Show) -> tuple[int, list[str]]:
    """Run a builder, and return its exit code and its last lines. Every line is shown.

    An interrupt ends the builder, too. Raises Stop if it cannot start.
    """
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        process = subprocess.Popen(  # noqa: S603
            command.words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=command.environment,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, ValueError) as error:
        raise stop(Exit.FAILED, f"{command.words[0]} cannot run: {error}") from None
    with process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            for line in process.stdout:
                last.append(line.rstrip())
                show(line.rstrip())
            return process.wait(), list(last)
        except BaseException:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING)
            process.kill()
            raise
