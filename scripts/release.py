"""Print the text of a release: its section of CHANGELOG.md, and the line that installs it by its hash.

``python scripts/release.py v0.1.0 dist/*.whl`` fails unless the tag, the version of the package and a dated section of
the changelog agree.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

from fsdcf import __version__

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def notes(tag: str, wheels: list[Path], changelog: str) -> str:
    """The text in Markdown. Raises ValueError if the release cannot be made, with the reason."""
    if tag != f"v{__version__}":
        raise ValueError(f"the tag {tag} is not v{__version__}, the version in fsdcf/__init__.py")
    section = re.search(rf"^## {re.escape(__version__)} \(([^)\n]+)\)\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    if section is None:
        raise ValueError(f"CHANGELOG.md has no section `## {__version__} (DATE)`")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", section[1]):
        raise ValueError(f"CHANGELOG.md says `{section[1]}` in place of the date of {__version__}")
    hashes = "".join(f" --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}" for wheel in wheels)
    install = f"fsdcf ci github --fsdcf 'fsdcf=={__version__}{hashes}'"
    return f"{section[2].strip()}\n\n### In a workflow\n\n```sh\n{install}\n```\n"


def main(tag: str, *wheels: str) -> None:
    """Print the notes, or exit with the reason."""
    try:
        print(notes(tag, [Path(wheel) for wheel in wheels], CHANGELOG.read_text(encoding="utf-8")), end="")
    except ValueError as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main(*sys.argv[1:])
