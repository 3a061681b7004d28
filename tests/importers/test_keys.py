"""The walk through a source: every key is put somewhere or reported."""

from __future__ import annotations

import pytest
import yaml

from fsdcf.importers.draft import Block, Draft, spec_name, unused_name
from fsdcf.importers.keys import SourceKey, Table
from fsdcf.importers.report import ImportReport, Treatment, UnfitError, changed
from fsdcf.importers.source import Source, SourceValue
from fsdcf.language.model import SERVICE
from fsdcf.language.source import parse


def _half(value: SourceValue, block: Block) -> None:
    if value.number % 2:
        raise UnfitError("must be even")
    block.put("resources.cpu", value.number // 2)


INNER = Table("a test", SourceKey("port", "port"))
TABLE = Table(
    "a test",
    SourceKey("cpu", "resources.cpu", convert=_half),
    SourceKey("count", "resources.desiredCount"),
    SourceKey("count.spot", "resources.spot", convert=lambda value, block: changed("as a share")),
    SourceKey("variables.*", "environment", convert=lambda value, block: block.put_at("environment", value.name, "x")),
    SourceKey("sidecars.*", table=INNER, enter=lambda value, block: block.add("sidecars", {"name": value.name})),
    SourceKey("ports[]", note="there is one"),
)


def _converted(text: str) -> tuple[Draft, dict[str, tuple[str, str, str]]]:
    report = ImportReport()
    draft = Draft(SERVICE, "web", report)
    TABLE.convert(Source("a.yml", "a.yml", text.encode()).root, draft.block)
    rows = report.rows.values()
    return draft, {row.key: (row.outcome.treatment.value, row.outcome.to, row.outcome.note) for row in rows}


def test_every_key_is_reported_with_what_became_of_it() -> None:
    draft, rows = _converted(
        "cpu: 512\ncount: 2\nvariables: {A.B: 1}\nsidecars: {proxy: {port: 80, odd: 1}}\nports: [1]\nother: {a: 1}\n"
    )
    assert draft.data["service"] == {
        "resources": {"cpu": 256, "desiredCount": 2},
        "environment": {"A.B": "x"},
        "sidecars": [{"name": "proxy", "port": 80}],
    }
    assert rows["cpu"] == ("carried", "service.resources.cpu", "")
    assert rows["sidecars.proxy.port"] == ("carried", "service.sidecars[0].port", "")
    assert rows["ports[0]"] == ("not carried", "", "there is one")
    assert {key for key, row in rows.items() if "is not a key of a test" in row[2]} == {"sidecars.proxy.odd", "other"}


def test_a_value_that_does_not_fit_is_reported() -> None:
    draft, rows = _converted("cpu: 3\ncount: [1]\nvariables: text\nsidecars: {a: 3}\nports: {a: 1}\n")
    assert (rows["cpu"][2], rows["sidecars.a"][2]) == ("it must be even", "it must be a map or a list")
    assert draft.data["service"] == {}
    assert all(row[0] == "not carried" for row in rows.values()) and len(rows) >= 5


def test_a_key_with_two_forms_is_a_value_or_a_map() -> None:
    assert _converted("count: {spot: 3}\n")[1] == {"count.spot": ("changed", "service.resources.spot", "as a share")}
    assert _converted("count:\n")[1] == {}


def test_the_rows_of_a_table_are_its_documentation() -> None:
    rows = dict(TABLE.rows())
    assert list(rows)[-2:] == ["sidecars.*.port", "ports[]"]
    assert [rows[path].treatment for path in ("cpu", "ports[]")] == [Treatment.CARRIED, Treatment.NOT_CARRIED]


def test_a_draft_is_written_in_the_order_of_the_language() -> None:
    draft = Draft(SERVICE, "web", ImportReport(), about=["From a file."])
    draft.block.put("healthCheck.path", "/up", "its own path")
    draft.block.put("port", 80)
    draft.root.put("environments.prod.service.resources", {"memory": 1024, "cpu": 512})
    draft.dependency("aws_sqs_queue", "${ENV}-orders").put("fifo", True)
    lines = draft.text().splitlines()[1:]
    assert lines == [
        "# From a file.",
        "apiVersion: fsd/v1",
        "kind: Service",
        "metadata:",
        "  name: web",
        "service:",
        "  port: 80",
        "  healthCheck:",
        "    # its own path",
        "    path: /up",
        "dependencies:",
        "  - type: aws_sqs_queue",
        "    name: ${ENV}-orders",
        "    fifo: true",
        "environments:",
        "  prod:",
        "    service:",
        "      resources:",
        "        cpu: 512",
        "        memory: 1024",
    ]


def test_names_become_valid_names_of_services() -> None:
    names = {
        "Front End": "front-end",
        "9lives": "lives",
        "api_v2": "api-v2",
        "OrdersApi": "orders-api",
        "--": "service",
    }
    assert {text: spec_name(text) for text in names} == names
    assert [unused_name("Web", taken) for taken in ((), {"web"}, {"web", "web-2"})] == ["web", "web-2", "web-3"]
    assert len(unused_name("a" * 60, {"a" * 40})) <= 40


TEXTS = {
    "${ENV}-cache": True,
    "${rds:db:endpoint}": True,
    "/copilot/${ENV}/KEY": True,
    "http://api:8080/${PATH}": True,
    "10.0.0.0/16": True,
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web": True,
    "arn:aws:iam::123456789012:role/web": True,
    "arn:aws:ssm:eu-west-1:123456789012:parameter/key": True,
    "secret:url::": False,
    "1000:1000": False,
    "12:30": False,
    "2026-01-02": False,
    "$${LITERAL}": False,
    "a: b": False,
    "a #b": False,
    "yes": False,
    "": False,
    '{"a": 1}': False,
    'it\'s "x"': False,
    "200,301": False,
    "*": False,
    "/*": False,
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_quotes_only_if_it_needs_them(text: str) -> None:
    draft = Draft(SERVICE, "web", ImportReport())
    for key in ("block", "list", "map"):
        draft.block.put(f"environment.{key}", {"block": text, "list": [text], "map": [{"a": text}]}[key])
    line = next(line for line in draft.text().splitlines() if "block:" in line)
    assert (line.split(": ", 1)[1] == text) == TEXTS[text]
    read, findings = parse(draft.text().encode(), "web.yml")
    assert not findings and read is not None
    assert yaml.safe_load(draft.text()) == draft.data
