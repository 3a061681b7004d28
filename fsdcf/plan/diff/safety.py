"""What rollback safety speaks of: the ways back, a change that is unsafe on them, and the rules that find such changes.

Three ways lead back, and each brings back something else:

- while it rolls out, tasks of the old release still serve, in surroundings that CloudFormation has changed in place already;
- CloudFormation's rollback brings back the old template and the old image, though not what time or the new tasks did meanwhile;
- ``fsdcf rollback`` sends the new template with the old image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.risk import Risk
from fsdcf.plan.diff.tasks import Place, Run
from fsdcf.plan.view import Resource, View

When = Literal["rollout", "CloudFormation rollback", "fsdcf rollback"]
ROLLOUT: When = "rollout"
CLOUDFORMATION: When = "CloudFormation rollback"
FSDCF: When = "fsdcf rollback"


@dataclass(frozen=True)
class Unsafe:
    """A change that is not undone together with the image: on which ways back, why, and the two steps that avoid it.

    ``what`` and ``why`` are clauses without a full stop. ``place`` leads to the property, in the old template where it is gone.
    """

    rule: str
    logical_id: str
    what: str
    when: tuple[When, ...]
    why: str
    way_out: str
    place: Place


@dataclass(frozen=True)
class Found:
    """What a rule finds: the resource, what happens to it and why that is unsafe, and where it is written.

    ``when`` holds the ways back where they are fewer than the rule's; ``it`` is what the rule's way out speaks of, and ``way_out``
    stands in its place.
    """

    logical_id: str
    what: str
    why: str
    place: Place
    when: tuple[When, ...] = ()
    it: str = "it"
    way_out: str = ""


@dataclass(frozen=True)
class Context:
    """What the rules look at."""

    old: View
    new: View
    changes: Mapping[str, Change]
    risks: Sequence[Risk]
    runs: tuple[Run, ...]

    def in_place(self, logical_id: str) -> bool:
        """Whether a resource changes where it stands, so that the old tasks meet the change as it happens."""
        change = self.changes.get(logical_id)
        return change is not None and change.action == "Modify" and change.replacement == "False"

    def both(self, type: str) -> Iterator[tuple[Resource, Resource]]:
        """The resources of a type that both sides have."""
        for one in self.old.of(type):
            now = self.new.resources.get(one.name)
            if now is not None and now.type == type:
                yield one, now


@dataclass(frozen=True)
class Rule:
    """A rule of rollback safety: its id, what it says, on which ways back, the two steps out, and what finds the changes.

    ``way_out`` is a clause without a full stop, in which ``{it}`` stands for what is lost.
    """

    id: str
    explanation: str
    when: tuple[When, ...]
    way_out: str
    find: Callable[[Context], Iterator[Found]]

    def steps(self, it: str = "it") -> str:
        """The two steps out."""
        return self.way_out.replace("{it}", it)

    def unsafe(self, context: Context) -> Iterator[Unsafe]:
        """The changes that break the rule."""
        for one in self.find(context):
            steps = one.way_out or self.steps(one.it)
            yield Unsafe(self.id, one.logical_id, one.what, one.when or self.when, one.why, steps, one.place)
