"""A store for a workload: the verdict at every limit, contradictions, the load of a bill, and parts that compile."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest
import yaml

from fsdcf.storage.advice import (
    DSQL,
    DYNAMODB,
    RDS,
    SQLITE,
    TITLES,
    ContradictionError,
    Workload,
    advise,
    format_number,
    format_size,
    join_words,
    load,
    validate,
)
from fsdcf.storage.snippets import Database, FileSystem, InUse, SpecTable, snippet
from tests.conftest import HELLO, Compile

NUMBERS = ("requests", "writes", "size", "latency")
STORES = re.compile("|".join(TITLES.values()))
BOTH = frozenset({SQLITE, DYNAMODB})


def workload(**what: object) -> Workload:
    """A workload; numbers are written as texts."""
    return Workload(**{key: Decimal(str(value)) if key in NUMBERS else value for key, value in what.items()})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "store"),
    [
        ({}, SQLITE),
        ({"requests": "999.9"}, SQLITE),
        ({"requests": "1000"}, DYNAMODB),
        ({"requests": "1000.1"}, DYNAMODB),
        ({"writes": "100"}, SQLITE),
        ({"writes": "100.1"}, DYNAMODB),
        ({"size": "99.999"}, SQLITE),
        ({"size": "100"}, DYNAMODB),
        ({"writers": 1}, SQLITE),
        ({"writers": 2}, DYNAMODB),
        ({"latency": "10"}, SQLITE),
        ({"latency": "9.9"}, DYNAMODB),
        ({"sql": True}, SQLITE),
        ({"sql": True, "requests": "999", "writes": "100", "size": "99", "writers": 1}, SQLITE),
        ({"sql": True, "writers": 2}, DSQL),
        ({"sql": True, "size": "100"}, DSQL),
        ({"sql": True, "requests": "1000"}, RDS),
        ({"sql": True, "writes": "101"}, RDS),
        ({"sql": True, "latency": "5"}, DSQL),
        ({"sql": True, "writers": 2, "requests": "30"}, DSQL),
        ({"sql": True, "writers": 2, "requests": "30.1"}, RDS),
        ({"sql": True, "size": "9999"}, DSQL),
        ({"sql": True, "size": "10000"}, RDS),
        ({"server": True}, RDS),
        ({"server": True, "writers": 2}, RDS),
        ({"prototype": True}, SQLITE),
        ({"prototype": True, "latency": "1", "sql": True}, SQLITE),
        ({"prototype": True, "requests": "5000"}, DYNAMODB),
        ({"prototype": True, "writes": "500", "sql": True}, RDS),
    ],
)
def test_the_first_store_that_the_verdict_names_is_the_recommended_one(what: dict[str, object], store: str) -> None:
    advice = advise(validate(workload(**what)))
    assert advice.store == store
    named = STORES.search(advice.verdict)
    assert named and named[0] == TITLES[store] and advice.fits(store)
    assert (store in (DSQL, RDS)) == (not advice.fits(SQLITE) and not advice.fits(DYNAMODB))


def test_the_verdict_names_the_reasons_and_the_factors_explain_them() -> None:
    advice = advise(workload(requests="2000", writes="150", size="250", writers=3, latency="5"))
    assert advice.verdict.endswith(
        "2,000 requests/s are at or above 1,000, 150 writes/s are above 100, 250 GB are at or above 100 GB,"
        " 3 tasks write and responses are required within 5 ms"
    )
    assert {one.name for one in advice.factors if SQLITE in one.against} == {
        "requests",
        "writes",
        "size",
        "writers",
        "latency",
    }
    factors = {one.name: one for one in advise(workload(requests="5")).factors}
    assert factors["requests"].yours == "5 requests/s" and factors["requests"].given
    assert factors["size"].yours == "not given" and not factors["size"].given
    assert "offline" in factors["local work"].offers[SQLITE] and "file system" in factors["cost"].offers[SQLITE]
    assert factors["size"].offers[DYNAMODB] == "unlimited"
    assert all(set(one.offers) == set(TITLES) for one in factors.values())
    neither = advise(workload(sql=True, writers=4)).verdict
    assert neither.endswith("SQLite is not sufficient: 4 tasks write; and DynamoDB does not support full SQL")
    assert advise(workload(sql=True, writers=4, requests="50")).verdict.endswith("costs less than DSQL")


@pytest.mark.parametrize(
    ("what", "now"),
    [
        ({"size": "50"}, []),
        ({"size": "50.1"}, ["the file is larger than 50 GB"]),
        ({"writers": 2}, ["more than one task must write"]),
        ({"latency": "3"}, ["queries take longer than allowed"]),
        ({"latency": "3", "prototype": True}, []),
    ],
)
def test_signs_that_it_is_time_to_move(what: dict[str, object], now: list[str]) -> None:
    advice = advise(workload(**what))
    assert len(advice.signs) == 4 and any("database is locked" in one.text for one in advice.signs)
    assert [one.text for one in advice.signs if one.now] == now
    if advice.store == SQLITE and now:
        assert advice.verdict == "SQLite, but plan the move to another store: 50.1 GB exceed 50 GB"


def test_an_existing_store_is_kept_unless_it_is_ruled_out() -> None:
    alone = frozenset({DYNAMODB})
    assert advise(workload(requests="5"), alone).store == DYNAMODB
    assert "already uses" in advise(Workload(), alone).verdict
    for what in ({"sql": True}, {"prototype": True}):
        assert advise(workload(**what), alone).store == SQLITE
    assert advise(Workload(), BOTH).store == SQLITE
    assert advise(workload(writers=2), BOTH).store == DYNAMODB
    for store in (DSQL, RDS):
        assert advise(Workload(), frozenset({store})).store == store
        assert advise(workload(writers=2), frozenset({store})).store == store
    assert advise(workload(server=True), frozenset({DSQL})).store == RDS


def test_cautions() -> None:
    (caution,) = advise(workload(prototype=True, requests="5000")).cautions
    assert "prototype" in caution and "SQLite" in caution
    (caution,) = advise(workload(latency="0.5")).cautions
    assert caution.startswith("0.5 ms are less than") and "cache" in caution
    assert advise(workload(latency="1")).cautions == advise(workload(latency="50")).cautions == ()
    (close,) = advise(workload(latency="10")).cautions
    assert (
        close.startswith("A write takes 10 ms or more on EFS")
        and not advise(workload(latency="10", prototype=True)).cautions
    )


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ({"requests": "1", "writes": "2"}, "2 writes/s are more than 1 request/s"),
        ({"prototype": True, "writers": 2}, "a prototype keeps its data in one task, but 2 tasks write: remove"),
        ({"prototype": True, "writers": 2, "writers_from": "the spec"}, "2 tasks write (the spec)"),
        ({"writers": 2, "writes": "0"}, "2 tasks write, but with 0 writes/s"),
    ],
)
def test_contradictions(what: dict[str, object], text: str) -> None:
    with pytest.raises(ContradictionError, match=re.escape(text)):
        validate(workload(**what))


def test_workloads_without_a_contradiction() -> None:
    for what in (
        {"requests": "2", "writes": "2"},
        {"writes": "0"},
        {"prototype": True, "writers": 1},
        {"writers": 2, "writers_from": "x", "writes": "0"},
    ):
        assert validate(workload(**what)) == workload(**what)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1000", "1,000"),
        ("1E+3", "1,000"),
        ("0.50", "0.5"),
        ("99.99999", "99.999"),
        ("100.0001", "100.0001"),
        ("0.0004", "0.0004"),
        ("0", "0"),
        ("123456789.5", "123,456,789.5"),
    ],
)
def test_numbers_are_cut_and_not_rounded(value: str, text: str) -> None:
    assert format_number(Decimal(value)) == text


def test_formatted_sizes_and_lists() -> None:
    sizes = {"0": "0 GB", "0.0000005": "0.5 KB", "0.5": "500 MB", "5": "5 GB", "999": "999 GB", "1200": "1.2 TB"}
    assert {size: format_size(Decimal(size)) for size in sizes} == sizes
    assert [join_words(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_the_load_of_a_bill() -> None:
    nothing = load(Workload())
    assert (nothing.requests, nothing.writes, nothing.size, len(nothing.assumed)) == (10, 1, 5, 8)
    some = load(workload(writes="20"))
    assert (some.requests, some.writes, some.reads) == (200, 20, 180)
    assert "200 requests/s, on average over the month" in some.assumed
    whole = load(workload(requests="50", writes="0", size="1"))
    assert (whole.requests, whole.writes, whole.size, len(whole.assumed)) == (50, 0, 1, 5)
    assert (some.written, some.read) == (320, 72) and some.dpus == Decimal("13.6")
    assert load(workload(writes="0")).requests == 10


def test_the_baseline_of_bursting_throughput() -> None:
    """1 MiB/s up to about 20 GiB, then 50 KiB/s for each: 65 writes of 16 KB are a little less than a MiB."""
    assert load(workload(requests="65", writes="65", size="1")).within_baseline
    assert not load(workload(requests="66", writes="66", size="1")).within_baseline
    assert load(workload(requests="100", writes="100", size="40")).within_baseline
    assert not load(workload(requests="100", writes="100", size="20")).within_baseline


NOTES, CACHE = Database("notes", "notes", "/mnt/efs/notes.db"), Database("cache", "cache", "/tmp/cache.db", True)
ORDERS = SpecTable("${AWS::AccountId}-${ENV}-orders", "orders", (("123", "HASH", "S"), ("a, b}: c", "RANGE", "N")))
USES = {
    "nothing": InUse(),
    "scaling": InUse(scales=True),
    "two tasks": InUse(tasks=2),
    "sqlite": InUse("orders", (NOTES,), file_systems=(FileSystem("${ENV}-notes"),)),
    "sqlite of a name that YAML reads as a number": InUse(
        "orders", (Database("1e3", "1e3"),), file_systems=(FileSystem("true", "/on #1"),)
    ),
    "sqlite on a volume": InUse("orders", (replace(NOTES, path="/data/app.db"),), mounts=("/data",)),
    "cache": InUse("orders", (CACHE,)),
    "cache and a file system": InUse(
        "orders", (CACHE,), file_systems=(FileSystem("fs-0123456789abcdef0", "/data", False),)
    ),
    "two file systems": InUse("orders", file_systems=(FileSystem("a", "/a"), FileSystem("b", "/b"))),
    "a volume": InUse("orders", mounts=("/data",)),
    "a table": InUse("orders", tables=(ORDERS,)),
    "a server": InUse("orders", servers=((RDS, "main"),)),
    "both": InUse("orders", (NOTES,), (ORDERS,), (FileSystem("${ENV}-notes"),)),
}


@pytest.mark.parametrize("used", USES.values(), ids=USES)
def test_every_part_of_a_spec_compiles(used: InUse, compiled: Compile) -> None:
    for store, what in (
        (SQLITE, Workload()),
        (SQLITE, workload(prototype=True, size="500")),
        (DYNAMODB, Workload()),
        (DSQL, Workload()),
        (RDS, workload(size="500")),
    ):
        part = yaml.safe_load(snippet(store, what, used).text)
        spec = yaml.safe_load(HELLO)
        spec["service"].update(part.get("service", {}))
        spec["dependencies"] = part.get("dependencies", [])
        result = compiled(yaml.safe_dump(spec))
        assert result.template is not None, (part, result.diagnostics)


def test_a_new_store_is_named_after_existing_ones() -> None:
    assert "name: ${ENV}-my-service\n" in snippet(DYNAMODB, Workload(), InUse()).text
    assert "name: ${ENV}-notes\n" in snippet(DYNAMODB, Workload(), USES["sqlite"]).text
    assert "name: notes\n" in snippet(DSQL, Workload(), USES["sqlite"]).text
    assert "storage: 1000\n" in snippet(RDS, workload(size="500"), InUse()).text
    assert snippet(RDS, Workload(), USES["a server"]).present
    part = snippet(DYNAMODB, Workload(), USES["a table"])
    assert part.present and "name: ${AWS::AccountId}-${ENV}-orders\n" in part.text and not part.also


def test_ephemeral_databases_are_replaced_and_persistent_ones_kept() -> None:
    part = snippet(SQLITE, Workload(), USES["cache"])
    assert not part.present and "name: cache\n" in part.text and "ephemeral" not in part.text
    assert part.also == ("this replaces cache, which is lost with its task",)
    assert snippet(SQLITE, Workload(), USES["sqlite"]).present
    assert "path: /a/app.db" in snippet(SQLITE, Workload(), USES["two file systems"]).text


def test_a_prototype_has_one_task_and_enough_disk() -> None:
    small = snippet(SQLITE, workload(prototype=True, size="10"), USES["scaling"])
    assert "desiredCount: 1" in small.text and "ephemeralStorage" not in small.text and "autoScaling" in small.also[0]
    assert "ephemeralStorage: 21\n" in snippet(SQLITE, workload(prototype=True, size="10.5"), InUse()).text
    there = snippet(SQLITE, workload(prototype=True), USES["cache"])
    assert there.present and "ephemeral: true" in there.text and "desiredCount to 1" in there.also[0]
    assert (
        snippet(SQLITE, workload(prototype=True), USES["sqlite"]).text
        == snippet(SQLITE, Workload(), USES["sqlite"]).text
    )


def test_keys_to_remove_for_sqlite() -> None:
    assert snippet(SQLITE, Workload(), USES["scaling"]).also == ("remove service.autoScaling: one file has one writer",)
    assert "desiredCount" in snippet(SQLITE, Workload(), USES["two tasks"]).also[0]
