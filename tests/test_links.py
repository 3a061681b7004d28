"""Each link has one place in the code, and those to the project lead to one repository."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from fsdcf import links
from tests.conftest import ROOT

UNPRINTED = ("known.py",)
"""Tables whose rows have sources, which several rows may share and nothing prints."""

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def literals(file: Path) -> Iterator[str]:
    """The texts in a module, without its docstrings and the texts that document attributes."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    documented = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in documented:
            yield one.value


def test_each_link_has_one_place() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for file in (file for file in sorted((ROOT / "fsdcf").rglob("*.py")) if file.name not in UNPRINTED):
        for text in literals(file):
            for link in re.findall(r"https://[a-z0-9-]+(?:\.[a-z0-9-]+)+/[^\s`\"']+", text):
                places[link].append(file.name)
    assert len(places) > 50
    assert {link: files for link, files in places.items() if len(files) > 1} == {}
    own = {link for link in places if re.search(r"github(usercontent)?\.com/fsdcf/", link)}
    assert own == {links.REPOSITORY, links.SCHEMA}


def test_pages_lead_to_the_project() -> None:
    found = {
        link for page in PAGES for link in re.findall(r"https://github\.com/[\w-]*fsdcf[\w-]*/[\w-]+", page.read_text())
    }
    assert found == {links.REPOSITORY}
