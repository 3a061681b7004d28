"""The reference names every bound of every key."""

from __future__ import annotations

import pytest

from fsdcf.compiler.dependencies import types
from fsdcf.language.model.service import Spec
from fsdcf.language.reference import limits
from fsdcf.language.shape import Field, walk

KEYS: dict[str, Field] = {
    **dict(walk(Spec)),
    **{f"{name}.{path}": each for name, kind in types().items() for path, each in walk(kind.model)},
}


@pytest.mark.parametrize("path", KEYS)
def test_every_bound_is_in_the_reference(path: str) -> None:
    key, text = KEYS[path].key, limits(KEYS[path])
    bounds = [key.longest, key.fewest, *(() if key.allowed else (key.minimum, key.maximum))]
    assert all(f"{bound:.0f}" in text for bound in bounds if bound is not None), text
    assert all(str(value) in text for value in key.allowed)
    assert not key.pattern or key.expects or key.allowed, "describe the pattern in words"
    assert key.expects in text and key.key_expects in text
    assert not key.key_pattern or key.key_expects, "describe the names in words"


def test_the_length_of_a_name() -> None:
    assert limits(KEYS["metadata.name"]).endswith("beginning with a letter; at most 40 characters")
