"""What the tests of importers share: an import of texts, without files."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fsdcf.importers import ImportResult, convert, recognized
from fsdcf.importers.report import KeyOutcome
from fsdcf.importers.source import Source

Imports = Callable[..., ImportResult]


@pytest.fixture(scope="session")
def imports() -> Imports:
    """Import texts by path. Every claimed file must be of one format; ``beside`` are further files by path."""

    def run(files: dict[str, str], name: str | None = None) -> ImportResult:
        sources = [Source(path, path, text.encode(), False, "shop") for path, text in files.items()]
        claims = recognized(sources)
        chosen = name or next(iter(claims))
        assert name or len(claims) == 1, claims

        def beside(path: str) -> bytes:
            if path not in files:
                raise FileNotFoundError(path)
            return files[path].encode()

        return convert(chosen, claims.get(chosen, sources), sources, beside)

    return run


def outcomes(result: ImportResult) -> dict[str, KeyOutcome]:
    """What became of each key, by its path."""
    return {row.key: row.outcome for row in result.report.rows.values()}
