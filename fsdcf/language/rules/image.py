"""Rules about the image that a Dockerfile builds, which a spec names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fsdcf.diagnostics import Diagnostic, Rule, joined
from fsdcf.language.document import Document
from fsdcf.language.model.service import Spec

if TYPE_CHECKING:
    from fsdcf.language.dockerfile import Dockerfile

PATH = ("service", "build", "dockerfile")
"""The key that names a Dockerfile."""

MOVING_BASE = Rule(
    "W139",
    "a base image without a version",
    "A stage of the Dockerfile begins with an image whose tag is `latest`, or with one without a tag, which means the "
    "same. Each build may get another version, so that two builds of one commit differ, and a new major version arrives"
    " without a commit. A tag with a version gets its patches; a digest (`@sha256:…`) never moves.",
    "https://docs.docker.com/build/building/best-practices/#pin-base-image-versions",
)

EXPOSED = Rule(
    "W144",
    "a port that the Dockerfile exposes and the spec does not name",
    "EXPOSE says which port the program listens on. The load balancer sends requests to `service.port` alone, and "
    "nothing reaches another port of the container. Either the spec names the wrong port, or the port is for something "
    "else, such as a debugger: then allow this with a reason.",
    "https://docs.docker.com/reference/dockerfile/#expose",
)


def image_findings(spec: Spec, document: Document, image: Dockerfile) -> Iterator[Diagnostic]:
    """Yield the warnings about the Dockerfile that a service names, at the key that names it."""
    file, span = spec.service.build.dockerfile, document.span(PATH)
    for base in image.bases:
        if base.is_moving:
            message = f"`{base.image}` in {file}:{base.line} is the latest version at the time of the build"
            hint = "write a tag with a version, or the digest of the image"
            yield MOVING_BASE.at(span, PATH, message, hint)
    service = spec.service
    metrics = service.observability.metrics
    named = {service.port, service.entry_port, service.health_check.port, metrics.port if metrics else None}
    unnamed = {port: line for port, line in image.ports.items() if port not in named}
    if unnamed:
        places = joined([f"{port} ({file}:{line})" for port, line in unnamed.items()], "and")
        them = "it" if len(unnamed) == 1 else "them"
        message = f"the Dockerfile exposes {places}, and the spec does not name {them}"
        port = f"write `port: {min(unnamed)}` under service if the program listens there, correct EXPOSE"
        hint = f"remove {them} from EXPOSE" if service.port in image.ports else port
        yield EXPOSED.at(span, PATH, message, f"{hint}, or allow this with a reason")
