"""The services affected by changed files, and the test command of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsdcf.scaffold.sources import WORKFLOW, touched
from fsdcf.scaffold.sources import tests_of as told_by
from tests.scaffold.samples import source

CART = source("cart", "services/cart/").data()
SHOP = source("shop", paths=("shop/", "specs/shop.yml", "docker/Dockerfile.shop")).data()
ROOT = source("root").data()


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ([], []),
        (["services/cart/main.py"], ["cart"]),
        (["services/cart.yml"], []),
        (["services/carts/main.py"], []),
        (["specs/shop.yml"], ["shop"]),
        (["docker/Dockerfile.shop", "services/cart/x"], ["cart", "shop"]),
        (["docker/Dockerfile"], []),
        ([WORKFLOW], ["cart", "shop"]),
        (None, ["cart", "shop"]),
    ],
)
def test_services_by_their_files(files: list[str] | None, names: list[str]) -> None:
    assert [one["name"] for one in touched([CART, SHOP], files)] == names


def test_every_file_touches_a_service_of_the_whole_repository() -> None:
    assert touched([ROOT], ["anything"]) == [ROOT] and touched([ROOT], []) == []


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({}, None),
        ({"Makefile": "all:\n\ttrue\n"}, None),
        ({"Makefile": "tests = 1\ntest := x\n"}, None),
        ({"Makefile": "test: build\n\tgo test\n", "go.mod": "module x"}, "make test"),
        ({"package.json": '{"scripts": {"test": "vitest"}}'}, "npm ci && npm test"),
        ({"package.json": '{"scripts": {"build": "x"}}'}, None),
        ({"package.json": "{"}, None),
        ({"package.json": "[]"}, None),
        ({"package.json": '{"scripts": ["test"]}'}, None),
        ({"uv.lock": "version = 1"}, "uv run --locked pytest"),
        ({"go.mod": "module x"}, "go test ./..."),
        ({"Cargo.toml": "[package]"}, "cargo test --locked"),
    ],
)
def test_tests_by_the_files_of_a_folder(tmp_path: Path, files: dict[str, str], command: str | None) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert told_by(tmp_path) == command
