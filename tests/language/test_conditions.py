"""Hosts and paths in the rules of a listener."""

from __future__ import annotations

import pytest

from fsdcf.language.conditions import MOST_IN_CONDITION, matches, wildcards
from fsdcf.language.model.traffic import MOST_VALUES

HOSTS = [f"h{number}.example.com" for number in range(8)]
PATHS = [f"/p{number}/*" for number in range(8)]


@pytest.mark.parametrize("by_band", [False, True])
@pytest.mark.parametrize("fixed", [[], ["v1"], ["v1", "v2", "v*"]])
@pytest.mark.parametrize("many", [HOSTS, ["*.example.com", *HOSTS], ["*.*.example.com", "?.example.com", "*.a.b"]])
def test_every_pair_is_in_one_rule_within_the_limits(many: list[str], fixed: list[str], by_band: bool) -> None:
    for hosts in range(len(many) + 1):
        for paths in range(len(PATHS) + 1):
            rules = matches(many[:hosts], PATHS[:paths], fixed, by_band)
            wildest = max((wildcards([one]) for one in many[:hosts]), default=0) + bool(paths) + wildcards(fixed)
            assert bool(rules) == (wildest <= MOST_VALUES)
            pairs = [(host, path) for some, few in rules for host in some or [""] for path in few or [""]]
            wanted = [(host, path) for host in many[:hosts] or [""] for path in PATHS[:paths] or [""]]
            assert not rules or sorted(pairs) == sorted(wanted)
            for some, few in rules:
                assert len(some) + len(few) + len(fixed) <= MOST_VALUES
                assert max(len(some), len(few)) <= MOST_IN_CONDITION
                assert wildcards([*some, *few, *fixed]) <= MOST_VALUES


@pytest.mark.parametrize("paths", [[], PATHS[:1], PATHS])
@pytest.mark.parametrize("by_band", [False, True])
def test_one_more_host_at_the_end_moves_no_other(paths: list[str], by_band: bool) -> None:
    hosts = ["*.example.com", *HOSTS]
    for count in range(1, len(hosts)):
        before, after = matches(hosts[:count], paths, (), by_band), matches(hosts[: count + 1], paths, (), by_band)
        assert len(after) >= len(before)
        for (some, few), (more, same) in zip(before, after, strict=False):
            assert same == few
            assert more[: len(some)] == some and set(more) - set(some) <= {hosts[count]}


def test_what_has_other_priorities_is_in_other_rules() -> None:
    assert matches(["a.b", "*.b"], ["/x/*", "/x/y/*", "/*"], (), True) == (
        (("a.b",), ("/x/*",)),
        (("a.b",), ("/x/y/*",)),
        (("a.b",), ("/*",)),
        (("*.b",), ("/x/*",)),
        (("*.b",), ("/x/y/*",)),
        (("*.b",), ("/*",)),
    )


@pytest.mark.parametrize(
    ("hosts", "paths", "fixed"),
    [
        (["a.b"], ["/*/*/*/*/*/*"], []),
        (["*.*.b"], ["/*/*/*/*"], []),
        (["a.b"], ["/a"], ["1", "2", "3", "4"]),
        ([], ["/a"], ["1", "2", "3", "4", "5"]),
    ],
)
def test_none_where_one_host_and_one_path_do_not_fit(hosts: list[str], paths: list[str], fixed: list[str]) -> None:
    assert matches(hosts, paths, fixed) == ()
