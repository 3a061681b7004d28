"""The main container is found by the service's name, whatever its position."""

from __future__ import annotations

from fsdcf.cloudformation.types.ecs import main_container

SIDECAR = {"Name": "proxy", "Essential": True}
MAIN = {"Name": "shop", "Essential": True}


def test_the_main_container_has_the_name_of_the_service() -> None:
    assert main_container([SIDECAR, MAIN], "shop") is MAIN
    lower = [{"name": "proxy"}, {"name": "shop", "essential": True}]
    assert main_container(lower, "shop") is lower[1]


def test_otherwise_it_is_the_first_essential_container() -> None:
    optional = {"Name": "init", "Essential": False}
    assert main_container([optional, SIDECAR, MAIN], "cart") is SIDECAR
    assert main_container([optional, MAIN]) is MAIN
    assert main_container([], "shop") is None
