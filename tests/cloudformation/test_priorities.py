from itertools import pairwise

import pytest

from fsdcf.cloudformation.priorities import (
    _BANDS,
    LAST_PRIORITY,
    WRITTEN,
    Band,
    band_around,
    band_of,
    default_priority,
    is_kept,
    next_free,
)


def test_bands_are_apart_and_within_the_priorities_of_a_listener() -> None:
    ordered = sorted(_BANDS)
    assert all(one.last < other.first for one, other in pairwise(ordered))
    assert ordered[0].first == 1 and ordered[-1].last <= LAST_PRIORITY


MORE_TO_LESS = [
    (["a.b"], ["/1/2/3/4/*"], False),
    (["a.b"], ["/1/2/3/*"], False),
    (["a.b"], ["/1/2/*"], False),
    (["a.b"], ["/1/*"], False),
    (["a.b"], [], False),
    (["*.b"], [], False),
    ([], ["/1/2/3/4"], False),
    ([], ["/1/2/3/*"], False),
    ([], ["/1/2/*"], False),
    ([], ["/1/*"], False),
    ([], ["/*"], False),
]


def test_what_matches_less_comes_first() -> None:
    bands = [band_of(*rule) for rule in MORE_TO_LESS]
    assert bands == sorted(set(bands))


@pytest.mark.parametrize(
    ("paths", "like"),
    [
        (["/*"], []),
        (["*"], []),
        (["/"], ["/1"]),
        (["/*.png"], ["/1"]),
        (["/a*"], ["/1"]),
        (["/api", "/api/*"], ["/1"]),
        (["/api/v1/*", "/api/*"], ["/1"]),
        (["/api/*/x"], ["/1/2"]),
    ],
)
def test_depth_of_paths(paths: list[str], like: list[str]) -> None:
    assert band_of(["a.b"], paths) == band_of(["a.b"], like)


@pytest.mark.parametrize(("hosts", "paths"), [(["a.b"], []), (["a.b"], ["/1/*"]), ([], ["/1/*"]), ([], ["/*"])])
def test_a_rule_with_a_header_comes_before_one_without(hosts: list[str], paths: list[str]) -> None:
    assert band_of(hosts, paths, has_others=True) < band_of(hosts, paths)


def test_default_is_in_the_band_and_depends_on_service_and_rule() -> None:
    band = band_of(["a.b"], [])
    numbers = {default_priority(service, rule, band) for service in ("a", "b") for rule in ("R", "R2")}
    assert len(numbers) == 4
    assert all(band_around(number) == band for number in numbers)
    assert default_priority("a", "R", band) == default_priority("a", "R", band)
    assert default_priority("a", "R", band, [default_priority("a", "R", band)]) != default_priority("a", "R", band)


def test_next_free_goes_on_at_the_beginning_of_the_band() -> None:
    band = band_of(["a.b"], ["/1/2/3/4"])
    assert next_free(band.first, []) == band.first
    assert next_free(band.first, [band.first, band.first + 1]) == band.first + 2
    assert next_free(band.last, [band.last]) == band.first
    assert next_free(band.first, range(band.first, band.last + 1)) is None


def test_a_written_priority_is_that_number_or_none() -> None:
    assert next_free(7, [8]) == 7
    assert next_free(7, [7]) is None
    assert band_around(7) == WRITTEN


def test_a_rule_keeps_its_number_within_its_band() -> None:
    band = band_of(["a.b"], [])
    assert is_kept(band.first, band.last)
    assert not is_kept(band.first, band_of(["a.b"], ["/1"]).first)
    assert band_around(LAST_PRIORITY) == Band(LAST_PRIORITY, LAST_PRIORITY)


def test_a_hundred_services_with_collisions_all_find_a_number() -> None:
    band, taken = band_of(["a.b"], []), set[int]()
    for _ in range(100):
        number = next_free(band.first + 3, taken)
        assert number is not None
        taken.add(number)
    assert len(taken) == 100
    assert all(band.first <= number <= band.last for number in taken)
