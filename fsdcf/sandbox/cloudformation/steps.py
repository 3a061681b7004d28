"""The steps of a phase as plain data: what waits for what, what can begin, and whether all is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fsdcf.sandbox.cloudformation.records import Record

Steps = Mapping[str, Record]


def step(act: str, needs: Iterable[str] = (), **details: Any) -> Record:
    """A step that waits for others, by key. ``act`` says what it does."""
    return {"act": act, "needs": sorted(needs), "state": "waiting", **details}


def ready(steps: Steps) -> list[str]:
    """The steps that can begin: what they need is done."""
    return [
        key
        for key, one in sorted(steps.items())
        if one["state"] == "waiting" and all(steps[need]["state"] == "done" for need in one["needs"])
    ]


def running(steps: Steps) -> list[str]:
    """The steps that have begun and are not over."""
    return sorted(key for key, one in steps.items() if one["state"] == "running")


def all_done(steps: Steps) -> bool:
    """Whether every step has reached its end."""
    return all(one["state"] == "done" for one in steps.values())


def forward(wanted: Mapping[str, frozenset[str]]) -> dict[str, Record]:
    """Steps that bring each resource of a template to what it says, after those that it needs."""
    return {logical: step("apply", needs) for logical, needs in wanted.items()}


def reverts(rows: Mapping[str, Record]) -> dict[str, Record]:
    """Steps that bring resources back to what they were (rows by logical id), in the order in which they need each other."""
    return {logical: step("revert", set(one["needs"]) & rows.keys()) for logical, one in rows.items()}


def removals(rows: Mapping[str, Record], phase: str, kept: Iterable[str] = ()) -> dict[str, Record]:
    """Steps that delete resources, each after those that need it. ``kept`` live on. ``phase`` is that of faults."""
    keep = set(kept)
    dependents: dict[str, set[str]] = {key: set() for key in rows}
    by_logical: dict[str, list[str]] = {}
    for key, one in rows.items():
        by_logical.setdefault(one["logical"], []).append(key)
    for key, one in rows.items():
        for need in one["needs"]:
            for target in by_logical.get(need, ()):
                dependents[target].add(key)
    return {key: step("delete", _acyclic(key, dependents), phase=phase, keep=key in keep, attempts=0) for key in rows}


def _acyclic(key: str, dependents: Mapping[str, set[str]]) -> set[str]:
    """The dependents, without those that in turn wait for this one: rows of two templates may need each other."""
    return {one for one in dependents[key] if one != key and not _reaches(key, one, dependents)}


def _reaches(start: str, goal: str, dependents: Mapping[str, set[str]]) -> bool:
    """Whether ``start`` is, over any number of steps, among the dependents of ``goal``."""
    seen: set[str] = set()
    left = [goal]
    while left:
        one = left.pop()
        if one == start:
            return True
        if one not in seen:
            seen.add(one)
            left += dependents[one]
    return False
