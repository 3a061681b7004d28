"""The golden workflows: read their difference before you accept it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fsdcf.scaffold.workflow import workflow
from tests.scaffold.samples import ALL

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", sorted(ALL))
def test_golden(name: str) -> None:
    text = workflow(ALL[name])
    file = GOLDEN / f"{name}.yml"
    if os.environ.get("FSDCF_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text, (
        "differs from the golden file: make golden, and read the difference"
    )
