"""Where a build of docker reads its cache, and where a push writes it: no environment reads what another one wrote."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fsdcf.images.builders import Buildx, ImageBuild, LocalImage, RegistryAccess

REGISTRY = "registry.example/shop:buildcache"
GITHUB = {"GITHUB_ACTIONS": "true", "ACTIONS_RUNTIME_TOKEN": "runtime-token"}
GHA = "type=gha,scope=fsdcf/prod/shop"


def caches(
    folder: Path,
    environment: Mapping[str, str],
    access: RegistryAccess | None = None,
    driver: str = "docker-container",
    **more: bool,
) -> tuple[str, str]:
    """The values of ``--cache-from`` in a build and of ``--cache-to`` in its push, in a builder with this driver."""
    docker = folder / "docker"
    docker.write_text(f'#!/bin/sh\n[ "$2" != inspect ] || echo "Driver:        {driver}"\n', encoding="utf-8")
    docker.chmod(0o755)
    build = ImageBuild("shop:1", folder, folder / "Dockerfile", "linux/amd64", cache_scope="fsdcf/prod/shop")
    builder = Buildx(
        {"PATH": f"{folder}:{os.defpath}", **environment}, access=access or RegistryAccess("registry.example")
    )
    built = builder.build(replace(build, **more))
    (pushed,) = builder.push(
        replace(build, **more),
        LocalImage("sha256:1", "linux/amd64", "shop:1"),
        "registry.example/shop:1",
        folder / "report",
    )
    assert not [word for word in (*built.words, *pushed.words) if "runtime-token" in word]
    read = _value(built.words, "--cache-from")
    assert _value(pushed.words, "--cache-from") == read and "--cache-to" not in built.words
    return read, _value(pushed.words, "--cache-to")


def _value(words: Sequence[str], option: str) -> str:
    return words[words.index(option) + 1] if option in words else ""


def test_on_github_it_is_the_cache_of_github_for_this_environment_and_service(tmp_path: Path) -> None:
    assert caches(tmp_path, GITHUB) == (GHA, f"{GHA},mode=max,ignore-error=true")


@pytest.mark.parametrize("token", [{}, {"ACTIONS_RUNTIME_TOKEN": ""}], ids=["unset", "empty"])
def test_on_github_a_cache_in_the_registry_is_never_used(tmp_path: Path, token: dict[str, str]) -> None:
    """Several environments push to one repository, and each of them could write it."""
    shared = RegistryAccess("registry.example", cache=REGISTRY)
    assert caches(tmp_path, {"GITHUB_ACTIONS": "true", **token}, shared) == ("", "")
    assert caches(tmp_path, GITHUB, shared)[0] == GHA


def test_elsewhere_it_is_in_the_registry(tmp_path: Path) -> None:
    read, written = caches(tmp_path, {"ACTIONS_RUNTIME_TOKEN": "t"}, RegistryAccess("registry.example", cache=REGISTRY))
    assert read == f"type=registry,ref={REGISTRY}" and written.startswith(f"{read},mode=max,image-manifest=true,")
    assert caches(tmp_path, {}) == ("", "")


def test_production_reads_no_cache_that_the_role_of_another_environment_may_write(tmp_path: Path) -> None:
    shared = RegistryAccess("registry.example", cache=REGISTRY)
    assert caches(tmp_path, {}, shared, shares_cache=False) == ("", "")
    assert caches(tmp_path, GITHUB, shared, shares_cache=False)[0] == GHA, "the workflow decides"


@pytest.mark.parametrize(("driver", "use_cache"), [("docker", True), ("docker-container", False)])
def test_no_cache(tmp_path: Path, driver: str, use_cache: bool) -> None:
    assert caches(tmp_path, GITHUB, driver=driver, use_cache=use_cache) == ("", "")
