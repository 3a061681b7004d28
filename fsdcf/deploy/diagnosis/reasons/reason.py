"""A known reason of a failure: a row of the table, and the words and commands that many rows share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from fsdcf.deploy.diagnosis.context import DiagnosisContext
from fsdcf.deploy.diagnosis.refinements import Refine, Refinement
from fsdcf.suggested import suggested

LOGS, STATUS, DIAGNOSE = (suggested(name, "{service}", env="{environment}") for name in ("logs", "status", "diagnose"))
ACCESS, GRAPH, PERMISSIONS = (
    suggested(name, "{spec}", env="{environment}") for name in ("access", "graph", "permissions")
)
BUILD = suggested("deploy", "{spec}", env="{environment}", build=True)
HEALTH_CHECK = suggested("healthcheck", "{spec}", env="{environment}", url="http://127.0.0.1:{port}")
SHELL = "docker run --rm -it --entrypoint sh {image}"
MANIFEST = "docker manifest inspect {image}"


def no_refinement(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """Adds nothing."""
    return Refinement()


_GAP = 500
"""Maximum number of characters between two words of a message."""


@dataclass(frozen=True)
class Reason:
    """A row of the table. ``symptom`` is a short form of AWS's words; ``pattern`` finds them in what AWS reports.

    A space of the pattern matches any white space, since a copied text may be wrapped. ``cause`` is a clause in which
    ``…`` is replaced by the pattern's group. ``advice`` says what to do, ``key`` is the path of the spec's key to
    change, ``command`` is the next command, with the placeholders service, environment, spec, port and image (other
    braces are doubled); both may be empty. ``refine`` adds what the template says. ``passing``: it may pass without a
    change, so that ``--fail-fast`` does not cancel for it. ``conclusive``: the words have the cause of a failure;
    otherwise they only follow from one, do not name it, or report no failure.
    """

    name: str
    symptom: str
    pattern: str
    cause: str
    advice: str
    key: str
    command: str
    refine: Refine = no_refinement
    passing: bool = False
    conclusive: bool = True

    @cached_property
    def words(self) -> re.Pattern[str]:
        """The compiled pattern. All its gaps (``.*``) but the first one are bounded: with several of them, a text that
        repeats the words would take forever."""
        first, gap, rest = self.pattern.replace(" ", r"\s+").partition(".*")
        bounded = rest.replace(".*", f".{{0,{_GAP}}}")
        return re.compile(first + gap + bounded, re.DOTALL | re.IGNORECASE | re.MULTILINE)

    def named(self, name: str) -> str:
        """The cause with the name that AWS's words contain; without its place if they contain none."""
        return self.cause.replace("…", name) if name else re.sub(r" \(…\)| …", "", self.cause)


DENIED = (
    r"(?:AccessDenied|not authorized|missing permissions|403 Forb|Status Code: 403|40[13](?: Unauth\w*| Forb\w*)"
    r"|no basic auth|pull access denied|authorization failed|authentication required|failed to authorize"
    r"|anonymous token|: denied:|: unauthorized|has the (?:additional )?permissions|insufficient_scope"
    r"|incorrect username or password)"
)
"""The words of a registry, or of IAM, that refuses."""

CUT_OFF = (
    r"(?:i/o time|timed?\s*out|request cancell?ed|RequestCancell?ed|Client\.Timeout|deadline exceeded|connection issue"
    r"|no such host|connection refused|connection reset|no route to host|network is unreachable|signal: killed"
    r"|request send failed|network configuration|send request failed|TLS handshake)"
)
"""The words of a request without an answer."""

ROUTE_ADVICE = "give the tasks an egress route: NAT, a public address, or"

EXIT = r"(?:^|;|in task exited\.?|memory usage)\s*exit code "
"""What precedes an exit code that ECS reports; a line of a log may mention one elsewhere."""

ENDED = r"(?=\s*(?:$|;))"
"""What follows an exit code that ECS reports."""

CODED = r"(?:Service: \w+|Error Code: \w+|HandlerErrorCode: \w+|Resource handler returned message)"
"""What the reason of a stack event contains beside the words of the service."""
