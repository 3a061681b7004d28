"""Reading a spec: marks of everything, a finding for everything odd, and never an exception."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.diagnostics import Diagnostic, Span, render
from fsdcf.language import source
from fsdcf.language.document import Document
from fsdcf.language.rules import rules_in
from fsdcf.language.source import parse
from tests.conftest import HELLO
from tests.fuzz import examples

QUICK = examples(60)


def place(span: Span) -> str:
    return f"{span.line}:{span.column}-{span.end_line}:{span.end_column}"


def read(text: str) -> Document:
    document, findings = parse(text.encode(), "s.yml")
    assert document is not None and findings == ()
    return document


def found(text: str | bytes) -> tuple[Document | None, list[str]]:
    document, findings = parse(text if isinstance(text, bytes) else text.encode(), "s.yml")
    return document, [f"{one.code} {place(one.span)}" for one in findings]


def only(text: str | bytes) -> Diagnostic:
    _, findings = parse(text if isinstance(text, bytes) else text.encode(), "s.yml")
    assert len(findings) == 1, findings
    return findings[0]


@pytest.fixture(params=["c", "python"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.setattr(source, "_Loader", yaml.SafeLoader)


def test_data_is_plain_and_every_path_has_a_mark(reader: None) -> None:
    document = read(
        'name: "ñ"\n日本: [1, 2.50, true]\nblock:\n  more:\n    - ~\n    - x y\n\n# end\nday: 2024-01-01\nno-value:\n'
    )
    assert document.data == {
        "name": "ñ",
        "日本": [1, 2.5, True],
        "block": {"more": [None, "x y"]},
        "day": "2024-01-01",
        "no-value": None,
    }
    marks = document.marks
    assert {path: place(mark.value) for path, mark in marks.items()} == {
        (): "1:1-10:10",
        ("name",): "1:7-1:10",
        ("日本",): "2:5-2:20",
        ("日本", 0): "2:6-2:7",
        ("日本", 1): "2:9-2:13",
        ("日本", 2): "2:15-2:19",
        ("block",): "4:3-6:10",
        ("block", "more"): "5:5-6:10",
        ("block", "more", 0): "5:7-5:8",
        ("block", "more", 1): "6:7-6:10",
        ("day",): "9:6-9:16",
        ("no-value",): "10:10-10:11",
    }
    assert (marks[("日本", 1)].text, marks[("日本", 1)].plain, marks[("name",)].plain) == ("2.50", True, False)
    assert place(marks[("日本",)].key or marks[()].value) == "2:1-2:3"
    assert marks[()].key is None and marks[()].text is None


def test_a_repeated_value_is_marked_where_it_is_written(reader: None) -> None:
    document = read("a: &x 1\nb:\n  c: *x\nd: 2\n")
    assert document.data == {"a": 1, "b": {"c": 1}, "d": 2}
    assert place(document.span(("b",))) == "3:3-3:8"
    assert place(document.span(("b", "c"))) == "1:4-1:8"
    assert place(document.key_span(("b", "c"))) == "3:3-3:4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: x: y\n", ["S001 1:5-1:6"]),
        ("a: *nope\n", ["S001 1:4-1:5"]),
        ("a: 1\nb: 2\na: 3\n", ["S002 3:1-3:2"]),
        ("a: &x [*x]\n", ["S003 1:4-1:11"]),
        ("a: !Ref B\n", ["S004 1:4-1:10"]),
        ("a: !!python/object:os.system x\n", ["S004 1:4-1:31"]),
        ("a: !!binary aGk=\n", ["S004 1:4-1:17"]),
        ("a: !!bool maybe\n", ["S004 1:4-1:16"]),
        ("!Ref a: 1\n", ["S004 1:1-1:7"]),
        ("- a\n- b\n", ["S005 1:1-2:4"]),
        ("hello\n", ["S005 1:1-1:6"]),
        (b"a: 1\n\xc3\xa9: \xff\n", ["S006 2:4-2:5"]),
        (b"\xef\xbb\xbfa: \xff", ["S006 1:4-1:5"]),
        ("a: \x07\n", ["S006 1:4-1:5"]),
        (b"\x00\x01\x02", ["S006 1:1-1:2"]),
        ("", ["S007 1:1-1:2"]),
        ("# only\n\n# comments\n", ["S007 1:1-1:2"]),
        ("---\n", ["S007 1:1-1:2"]),
        ("a: " + "[" * 60 + "]" * 60, ["S008 1:53-1:54"]),
        ("a: on\n---\nb: 2\n", ["S011 1:4-1:6", "S009 2:1-2:4"]),
        ("a: x\n" * 300_000, ["S010 1:1-1:2"]),
        ("<<: {b: 1}\n", ["S012 1:1-1:3"]),
        ("1: a\ntrue: b\n? [x]\n: c\n", ["S013 1:1-1:2", "S013 2:1-2:5", "S013 3:3-3:6"]),
        ("a: 1 # fsdcf: allow W107\n", ["S014 1:6-1:25"]),
        ("a: 1 # fsdcf: allow S002 because no\n", ["S014 1:6-1:36"]),
    ],
)
def test_every_code_at_its_position(text: str | bytes, expected: list[str], reader: None) -> None:
    assert found(text)[1] == expected


@pytest.mark.parametrize(
    "scalar",
    ["on", "OFF", "yes", "No", "0755", "-0755", "0x1F", "0b1", "1_000", "1_0.5", "22:22", "1:20.5", ".nan", "-.INF"],
)
def test_values_that_yaml_reads_differently(scalar: str, reader: None) -> None:
    document, codes = found(f"a: {scalar}\n")
    assert codes == [f"S011 1:4-1:{4 + len(scalar)}"]
    assert document is not None and document.data == {"a": scalar}
    assert read(f"a: '{scalar}'\n").data == {"a": scalar}


@pytest.mark.parametrize(
    ("scalar", "value"), [("0", 0), ("-7", -7), ("1.10", 1.1), ("True", True), ("1e3", "1e3"), ("y", "y")]
)
def test_values_that_yaml_reads_as_written(scalar: str, value: object) -> None:
    data = read(f"a: {scalar}\n").data
    assert data == {"a": value} and type(data["a"]) is type(value)


def test_a_key_that_yaml_reads_differently() -> None:
    assert (only("on: 1\n").code, only("on: 1\n").hint) == ("S011", 'write "on"')


def test_the_first_of_duplicate_keys_applies_and_all_are_checked() -> None:
    document, codes = found("a: 1\nb: 2\na: {c: on}\n<<: {d: off}\n")
    assert document is not None and document.data == {"a": 1, "b": 2}
    assert codes == ["S002 3:1-3:2", "S011 3:8-3:10", "S012 4:1-4:3", "S011 4:9-4:12"]
    assert ("a", "c") not in document.marks
    assert only("a: 1\nb: 2\na: 3\n").notes == ("it is first set on line 1",)


def test_a_finding_in_a_repeated_value_is_reported_once() -> None:
    assert found("a: &k [on]\nb: *k\nc: *k\n")[1] == ["S011 1:8-1:10"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a:\n\tb: 1\n", "spaces"),
        ("a: {b: ${ENV}}\n", '"${ENV}"'),
        ("a: 1\nname:hello\nb: 2\n", "`:` and a space"),
        ("name:hello\n", "`:` and a space"),
        ("a: 1\n  b:\n", "same column"),
        ("a: 1\n  b: 2\n", "same column"),
        ("a: 1\nb: c: d\n", 'in quotes: b: "c: d"'),
        ("a: 1\nb: c:\n", 'in quotes: b: "c:"'),
    ],
)
def test_hints(text: str, hint: str, reader: None) -> None:
    assert hint in only(text).hint


@pytest.mark.parametrize("filling", [" ", "- ", "[", "{a: ", "a: ", ", ", "${", "'", " #", "\t"])
def test_a_long_line_with_an_error_is_read_quickly(filling: str) -> None:
    for length in (1900, 60_000):
        text = f"a: [1\nb: %{filling * (length // len(filling))}x: y:\nc: 1\n"
        start = time.process_time()
        assert found(text)[1]
        assert time.process_time() - start < 2


@pytest.mark.parametrize("text", ["\n" * 60_000, " \n" * 60_000 + "a: [", "-\n" * 9_000, "{\n" * 40, '"\n' * 60_000])
def test_a_file_that_is_not_a_spec_is_read_quickly(text: str) -> None:
    start = time.process_time()
    assert found(text)[1]
    assert time.process_time() - start < 2


def test_allowances() -> None:
    document = read(
        "a: 1 # fsdcf: allow W107, W108 because shared\n# fsdcf: allow W101 because later\n\n# more\nb: 2\n"
        "c: '# fsdcf: allow x'\nd: |\n  # fsdcf: allow x\ne: 3\n"
    )
    allowed = {at: {code: place(span) for code, span in codes.items()} for at, codes in document.allowed.items()}
    assert allowed == {("s.yml", 1): dict.fromkeys(("W107", "W108"), "1:6-1:46"), ("s.yml", 5): {"W101": "2:1-2:34"}}


def test_lines_are_counted_as_in_yaml() -> None:
    text = "a: '\u2028'\r\nb: 1\x85c: on\n"
    finding = only(text)
    assert place(finding.span) == "4:4-4:6"
    assert "4 | c: on" in render(finding, {"s.yml": text})
    document, _ = parse(b"\xef\xbb\xbfa: 1\n", "s.yml")
    assert (
        document is not None and document.sources == {"s.yml": "a: 1\n"} and place(document.span(("a",))) == "1:4-1:5"
    )


BOMB = "a0: &a0 [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
MANY_TAGS = "".join(f"%TAG !t{number}! tag:example.org,{number}:\n" for number in range(25_000))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (BOMB, "S003"),
        ("[" * 100_000, "S008"),
        ("- " * 100_000, "S008"),
        ("{a: " * 100_000, "S008"),
        ("a: [" + "on," * 300_000 + "]", "S010"),
        ("a: [" + "on," * 15_000 + "]", "S011"),
        (MANY_TAGS + "---\na: 1\n", "S004"),
        ("a: 1\n...\n" + MANY_TAGS.replace("\n", "\r\n") + "---\na: 1\n", "S004"),
    ],
    ids=["bomb", "flow", "block", "maps", "wide", "many-findings", "directives", "later-directives"],
)
def test_hostile_texts_take_bounded_time(text: str, code: str) -> None:
    began = time.process_time()
    _, findings = parse(text.encode(), "s.yml")
    assert {one.code for one in findings} == {code}
    assert len(findings) <= 200
    assert time.process_time() - began < 5


def test_two_directives_are_allowed(reader: None) -> None:
    text = "%YAML 1.1\n%TAG !a! tag:a.example:\n%TAG !b! tag:b.example:\n---\na: 1\n"
    assert read(text).data == {"a": 1}
    assert found("%TAG !c! tag:c.example:\n" + text)[1] == ["S004 4:1-4:5"]


def test_many_values_without_aliases_are_allowed() -> None:
    assert len(read("a: [" + "x," * 15_000 + "]").data["a"]) == 15_000


def test_very_long_numbers_stay_text() -> None:
    assert read("a: " + "9" * 5_000).data == {"a": "9" * 5_000}


def test_every_rule_is_explained() -> None:
    rules = list(rules_in(source.__name__))
    assert sorted(rule.code for rule in rules) == [f"S{number:03}" for number in range(1, 16)]
    assert all(rule.explanation for rule in rules)


def check(raw: bytes) -> None:
    document, findings = parse(raw, "s.yml")
    assert document is not None or findings
    sources = {"s.yml": raw.decode("utf-8", "replace")}
    assert all(render(one, sources) for one in findings[:5])
    for mark in document.marks.values() if document else ():
        assert (mark.value.line, mark.value.column) < (mark.value.end_line, mark.value.end_column)


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    check(raw)


@QUICK
@given(st.text("ab01:-[]{},&*!|>'\"#%?~<.\n\t $", max_size=60))
def test_any_yaml_like_text(text: str) -> None:
    check(text.encode())


@QUICK
@given(st.integers(0, len(HELLO)), st.integers(0, 8), st.text("a:-[]{}&*!|>'\"#\n\t é", max_size=6))
def test_mutated_specs(at: int, cut: int, insert: str) -> None:
    check((HELLO[:at] + insert + HELLO[at + cut :]).encode())


def test_quotes_that_are_not_closed_are_reported_where_they_begin() -> None:
    document, (finding,) = parse(b'a:\n  b: "c\n  d: e\nf: g\n', "spec.yml")
    assert document is None and (finding.span.line, finding.span.column) == (2, 6)
    assert "not closed" in finding.message and '"c"' in finding.hint


def test_keys_without_a_space_in_several_lines() -> None:
    _, (finding,) = parse(b"apiVersion:fsd/v1\nkind:Service\nmetadata:\n  name:web\n", "spec.yml")
    assert finding.hint == "write `:` and a space after a key"


def test_a_text_with_quotes_in_it_is_no_surprise() -> None:
    _, findings = parse("a: “b” and “c”\n".encode(), "spec.yml")
    assert not findings
