"""The formats together: what a finding sends to ``fsdcf import``, a format recognizes."""

from __future__ import annotations

import pytest

from fsdcf.importers import NAMES, formats, recognized
from fsdcf.importers.source import Source
from fsdcf.language import foreign
from tests.importers.conftest import Imports
from tests.language.test_foreign import FOREIGN, VARIANTS


@pytest.mark.parametrize("name", [*FOREIGN, *VARIANTS])
def test_what_a_finding_sends_to_import_has_one_format(name: str) -> None:
    text = (FOREIGN | VARIANTS)[name]
    source = Source("a.yml", "a.yml", text.encode(), True, "shop")
    file = foreign.recognized(source.document.data if source.document else None, text)
    claims = recognized([source])
    if file is not None and file.imported and source.document is not None:
        assert len(claims) == 1
    elif file is not None and file.imported:
        assert {(each.code, each.span.line) for each in source.findings} == {("S001", text.rstrip().count("\n") + 1)}


def test_a_format_has_a_title_of_its_own() -> None:
    assert len({each.title for each in formats().values()}) == len(NAMES)


def test_the_owners_of_the_repository_are_those_of_a_service_without_any(imports: Imports) -> None:
    owners = {"CODEOWNERS": "* @nobody\n*  @shop/web me@example.com # all\n/docs @shop/writers\n"}
    flat = "name: web\nplatform: ecs\n"
    (draft,) = imports({"web.yml": flat, **owners}).drafts
    assert draft.data["metadata"]["owners"] == ["shop/web", "me@example.com"]
    (draft,) = imports({"web.yml": f"{flat}team: mine\n", **owners}).drafts
    assert "shop/web" not in draft.data["metadata"]["owners"]
    assert "owners" not in imports({"web.yml": flat, "CODEOWNERS": "/docs @x\n"}).drafts[0].data["metadata"]
