"""What needs what: resources by the order in which they can be made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.intrinsics import references


def needs(resources: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """What each resource waits for: those that it references or names in DependsOn, among the given ones."""
    out = {}
    for name, one in resources.items():
        explicit = one.get("DependsOn", ())
        explicit = (explicit,) if isinstance(explicit, str) else explicit
        found = {
            reference.target
            for reference in references({key: child for key, child in one.items() if key != "DependsOn"})
        }
        out[name] = frozenset(target for target in (*explicit, *found) if target in resources)
    return out


def cycle(needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Resources that wait for each other, sorted; empty where there are none."""
    left = dict(needs)
    while True:
        ready = [name for name, wanted in left.items() if not any(one in left for one in wanted)]
        if not ready:
            break
        for name in ready:
            del left[name]
    if not left:
        return ()
    trail: list[str] = []
    name = min(left)
    while name not in trail:
        trail.append(name)
        name = min(one for one in left[name] if one in left)
    return tuple(sorted(trail[trail.index(name) :]))


def waves(needs: Mapping[str, frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """The resources in waves: each needs only earlier ones, and stands in the first wave that allows it. Raises ValueError."""
    done: set[str] = set()
    left = {name: {one for one in wanted if one in needs} for name, wanted in needs.items()}
    out = []
    while left:
        ready = tuple(sorted(name for name, wanted in left.items() if wanted <= done))
        if not ready:
            raise ValueError(f"Circular dependency between resources: [{', '.join(cycle(needs))}]")
        out.append(ready)
        done.update(ready)
        left = {name: wanted for name, wanted in left.items() if name not in done}
    return tuple(out)


def order(needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The resources one after the other, each after what it needs. Raises ValueError where there is a cycle."""
    return tuple(name for wave in waves(needs) for name in wave)
