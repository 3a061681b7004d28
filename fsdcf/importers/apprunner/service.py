"""A service of App Runner as a spec in the making: what its configuration file and its API share, and the defaults."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import cast

from fsdcf.importers.apprunner.image import DEFAULT_PORT, PLACE, SourceImage, add_step, is_old
from fsdcf.importers.draft import Block, Draft
from fsdcf.importers.keys import Convert, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import literal, put_secret, put_size, put_variable, secret_source
from fsdcf.masking import contains_secret
from fsdcf.wording import counted

_CPU, _MEMORY = 1024, 2048
"""CPU units and MiB of an instance unless it names others.

Source: https://docs.aws.amazon.com/apprunner/latest/api/API_InstanceConfiguration.html
"""
CONCURRENCY, _SMALLEST, _LARGEST = 100, 1, 25
"""The default auto scaling configuration.

Source: https://docs.aws.amazon.com/apprunner/latest/api/API_CreateAutoScalingConfiguration.html
"""
_REQUEST_TIMEOUT = 120
"""Seconds within which a request must be answered.

Source: https://docs.aws.amazon.com/apprunner/latest/dg/develop.html
"""
TCP_CODES = "200-499"
"""The codes that show that a port accepts connections."""
_SHELL = re.compile(r"[|&;<>$`\n]|^(?:[A-Za-z_]\w*=|(?:cd|export|source|set|exec|\.)\s)")
"""What only a shell understands in a command line."""


@dataclass(eq=False, repr=False)
class ServiceDraft(Draft):
    """A spec in the making with what only App Runner needs: its image, and the values that others depend on."""

    image: SourceImage = field(kw_only=True)
    values: dict[str, SourceValue] = field(default_factory=dict)
    by_tcp: bool = True
    scaling: bool = False


def service_of(block: Block) -> ServiceDraft:
    """The draft that a block is in."""
    return cast(ServiceDraft, block.draft)


def put_command(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Put a command line at ``command``: its words, or one line for a shell where it needs one. Raises UnfitError."""
    text = value.text.strip()
    try:
        words = shlex.split(text)
    except ValueError:  # as in a quote that is not closed
        words = ["sh", "-c", text]
    if not words:
        raise UnfitError("must be a command")
    if contains_secret(text):
        return not_carried("it contains a secret: make that a variable of `secrets`, which a shell can put into it")
    is_shell = len(words) == 3 and words[0].rpartition("/")[2] in ("sh", "bash") and words[1] == "-c"
    if not is_shell and _SHELL.search(text):
        words = ["sh", "-c", text]
    block.put("command", [literal(word) for word in words])
    return None


def put_source(value: SourceValue, name: str, source: str, block: Block) -> KeyOutcome:
    """Put a secret variable by the ARN or name of its source. Raises UnfitError."""
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        return not_carried("the name of a variable has letters, digits and _, and does not begin with a digit")
    put_secret(block, name, secret_source(source))
    return carried("secrets")


def put_runtime(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Report the Dockerfile that takes the place of a runtime."""
    image = service_of(block).image
    if image.existing:
        return changed(f"`{image.existing}` is there, and builds the image", PLACE)
    if image.platform is None:
        return not_carried("fsdcf knows no image for it: write a Dockerfile, and name it in `build.dockerfile`")
    base = f"{image.platform.title} {image.version}"
    old = (
        ", which gets no security updates any more: use a newer version"
        if is_old(image.platform, image.version)
        else ""
    )
    return changed(f"the new `{image.path}` does what it does, with {base}{old}", PLACE)


def step_of(steps: str) -> Convert:
    """A conversion that adds a command to a step of the Dockerfile."""
    return lambda value, block: add_step(service_of(block).image, getattr(service_of(block).image, steps), value)


def units(value: SourceValue) -> int:
    """CPU units or MiB of ``1024``, ``1 vCPU`` or ``2 GB``. Raises UnfitError."""
    text = value.data if isinstance(value.data, str) else value.text
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,4})?)\s*(vcpu|gb)?", text.strip().lower())
    if not found:
        raise UnfitError("must be a number, or one with a unit, such as 1 vCPU or 2 GB")
    number = float(found[1])
    return int(number * 1024) if found[2] or number < 256 else int(number)


def requests_in_a_minute(concurrency: int) -> str:
    """A number of simultaneous requests as a rate, in a sentence."""
    requests = f"{concurrency * 60:,} requests a minute"
    faster = f"with 200 ms it is {concurrency * 300:,}"
    return f"{counted(concurrency, 'request')} at a time are {requests} if a response takes 1 s on average; {faster}"


def put_concurrency(block: Block, concurrency: int) -> None:
    """Scale by requests so that a task has this many at a time, on an assumption of the response time; and by CPU,
    since App Runner scales a service with slow responses, too.

    Requests at a time are requests in a second times seconds of a response: https://en.wikipedia.org/wiki/Little's_law
    """
    requests = min(concurrency * 60, 10_000_000)
    text = f"App Runner: {requests_in_a_minute(concurrency)}.\nMeasure yours, and change this."
    block.put("autoScaling.targetRequestsPerTask", requests, text)
    block.put("autoScaling.targetCPU", 70, "Adds tasks if responses are slower than the next key assumes.")


def finish(draft: ServiceDraft) -> None:
    """Put what App Runner does by default, and what depends on several values."""
    block = draft.block
    draft.image.name(draft)
    if block.get("port") is None:
        block.put("port", DEFAULT_PORT, "The default of App Runner.")
    port = str(block.get("port"))
    if (value := draft.values.get("port")) is not None:
        taken = _has(block, value.text)
        own = changed("a variable of the file has this name, and wins", "environment")
        note(value, block, own if taken else put_variable(block, value.text, port))
    if not _has(block, "PORT"):
        block.put_at("environment", "PORT", port, "App Runner always sets it.")
    _put_size(draft)
    _put_check(draft)
    _put_scaling(block)
    text = f"App Runner gives a request {_REQUEST_TIMEOUT} seconds; the default of a load balancer is 60."
    block.put("networking.loadBalancer.idleTimeout", _REQUEST_TIMEOUT, text)


def _put_check(draft: ServiceDraft) -> None:
    block = draft.block
    if draft.by_tcp:
        block.put(
            "healthCheck.path",
            "/",
            "App Runner only checks that the port accepts connections. Here, any response up to code 499 is healthy.",
        )
        block.put("healthCheck.successCodes", TCP_CODES)
    elif block.get("healthCheck.path") is None:
        block.put("healthCheck.path", "/")
    interval, timeout = block.get("healthCheck.interval") or 30, block.get("healthCheck.timeout") or 5
    if timeout >= interval:
        block.put("healthCheck.interval", timeout + 1)
        if (value := draft.values.get("interval")) is not None:
            note(value, block, changed(f"it must be longer than the timeout: {timeout + 1}", "healthCheck.interval"))


def _put_scaling(block: Block) -> None:
    if block.get("autoScaling.targetRequestsPerTask") is None:
        put_concurrency(block, CONCURRENCY)
    low, high = block.get("autoScaling.minCount") or _SMALLEST, block.get("autoScaling.maxCount") or _LARGEST
    block.put("autoScaling.minCount", low)
    block.put("autoScaling.maxCount", max(low, high))


def _has(block: Block, name: str) -> bool:
    stored = (entry["name"] for entry in block.get("secrets") or ())
    return name in (block.get("environment") or {}) or name in stored


def _put_size(draft: ServiceDraft) -> None:
    cpu, memory = draft.values.get("Cpu"), draft.values.get("Memory")
    text = put_size(draft.block, units(cpu) if cpu else _CPU, units(memory) if memory else _MEMORY)
    for value, to in ((cpu, "resources.cpu"), (memory, "resources.memory")):
        if value is not None and text:
            note(value, draft.block, changed(text, to))
    if cpu is None and memory is None:
        draft.comments[("service", "resources", "cpu")] = "The default size of App Runner."
