"""A workload of Copilot on its way to a spec."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.importers.copilot.workspace import Workspace
from fsdcf.importers.draft import Block, Draft
from fsdcf.importers.keys import SourceKey, note
from fsdcf.importers.report import KeyOutcome, UnfitError
from fsdcf.importers.source import Beside, SourceValue
from fsdcf.language.model.service import MOST_GROUPS
from fsdcf.masking import secrets_in, secrets_in_words

TITLE = "a Copilot manifest"
TOO_MANY_GROUPS = (
    f"a task has at most {MOST_GROUPS} groups, with its own and the environment's: move the rules of this one to "
    "another of the list"
)


def _unreadable(path: str) -> bytes:
    raise FileNotFoundError(path)


@dataclass(eq=False, repr=False)
class WorkloadDraft(Draft):
    """The spec of a workload: its type, its workspace, and the files beside it. ``main`` is Copilot's name of it."""

    type: str = ""
    main: str = ""
    workspace: Workspace = field(default_factory=Workspace)
    read: Beside = _unreadable

    def override(self, resource: str, path: str, value: Any) -> None:
        """Change a property of a resource of the template."""
        self.data.setdefault("overrides", {}).setdefault(resource, {})[path] = value


def workload(block: Block) -> WorkloadDraft:
    """The workload that a block is part of."""
    if not isinstance(block.draft, WorkloadDraft):
        raise TypeError("not a workload")
    return block.draft


def form(value: SourceValue, block: Block) -> None:
    """The key is only the form of the manifest."""


def note_below(value: SourceValue, block: Block, outcome: KeyOutcome) -> None:
    """Report the same of everything below a value, and of the value itself if nothing is."""
    children = [child for _, child in value.children() if child.data is not None]
    for child in children:
        note_below(child, block, outcome)
    if not children:
        note(value, block, outcome)


def without_secret(value: SourceValue) -> SourceValue:
    """The value, if nothing in it looks like a secret, which a spec must not contain. Raises UnfitError."""
    words = value.data if isinstance(value.data, list) else [value.data]
    texts = [each for each in words if isinstance(each, str)]
    if any(secrets_in(value.data, value.name)) or any(secrets_in_words(texts)):
        raise UnfitError("contains what looks like a secret: store it, and give it to the container by `secrets`")
    return value


def absent(paths: str, why: str) -> list[SourceKey]:
    """Keys that are not carried for the same reason. ``paths`` are separated by spaces."""
    return [SourceKey(path, note=why) for path in paths.split()]


def json_text(data: Mapping[str, str]) -> str:
    """A map as compact JSON, as Copilot writes it into variables."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)
