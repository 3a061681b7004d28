"""What the generated workflow installs: every package at one version, with hashes, and nothing else."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fsdcf.scaffold.render import source_text
from fsdcf.scaffold.workflow import LOCK, PYTHON, UV, requirements, workflow
from tests.conftest import PINNED, ROOT
from tests.scaffold.samples import ALL, RELEASE

ENTRY = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")


def entries(text: str) -> Iterator[tuple[str, str]]:
    """The packages of a file of requirements; the file must contain nothing but them and comments."""
    text = re.sub(r"^#.*\n", "", text, flags=re.M)
    assert ENTRY.sub("", text) == ""
    yield from ((canonicalize_name(found[1]), found[2]) for found in ENTRY.finditer(text))


def test_the_lock_has_every_requirement_of_fsdcf_and_of_its_build() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    build = re.findall(r'"([^"]+)"', re.search(r"requires = \[(.*)\]", (ROOT / "pyproject.toml").read_text())[1])  # type: ignore[index]
    locked = dict(entries(source_text(LOCK)))
    wanted = [Requirement(line) for line in (*settings["options"]["install_requires"].split("\n"), *build) if line]
    assert len(wanted) > 8
    for one in wanted:
        assert one.specifier.contains(locked[canonicalize_name(one.name)]), f"{one}: run `make lock`"


@pytest.mark.parametrize(("requirement", "contains"), [(RELEASE, True), (PINNED, False)])
def test_a_release_is_among_them(requirement: str, contains: bool) -> None:
    names = [name for name, _ in entries(requirements(requirement))]
    assert ("fsdcf" in names) is contains and len(names) == len(set(names)) > 20


@pytest.mark.parametrize("wanted", ALL.values(), ids=list(ALL))
def test_nothing_without_a_hash_is_installed(wanted: object) -> None:
    data = yaml.safe_load(workflow(wanted))  # type: ignore[arg-type]
    steps = [step for job in data["jobs"].values() for step in job["steps"]]
    installs = [step["run"] for step in steps if "install" in step.get("run", "")]
    assert installs
    for run in installs:
        assert "--require-hashes --only-binary :all:" in run and f"--python {PYTHON} " in run
        rest = run.replace("--no-deps --no-build-isolation", "")
        assert ('"$FSDCF"' in run) == (rest != run), "a commit is installed without its dependencies"
    setups = [step["with"]["version"] for step in steps if step.get("uses", "").startswith("astral-sh/setup-uv@")]
    assert setups and set(setups) == {UV}
