"""The comment: within GitHub's limit, with complete blocks, and the plan first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.scaffold.comment import LIMIT, MARK, Section, comment, cut

COST = "### Cost of a.yml\n\n**+5.11 USD a month** (us-east-1)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
GRAPH = "```mermaid\nflowchart LR\n  a --> b\n```\n"
SECTION = Section("`shop.yml`", "1 replaced", COST, GRAPH)


def balanced(text: str) -> bool:
    """Whether every code block and every details is closed."""
    fences = [line for line in text.splitlines() if line.lstrip().startswith("```")]
    opened, closed = text.count("<details"), text.count("</details>")
    return len(fences) % 2 == 0 and opened == closed


def test_all_parts_in_their_order() -> None:
    text = comment([SECTION], "prod")
    parts = [
        MARK,
        "on prod",
        "### `shop.yml`",
        "1 replaced",
        "<summary>Cost: +5.11 USD a month (us-east-1)</summary>",
        "| 1 | 2 |",
        "```mermaid",
    ]
    assert [text.index(one) for one in parts] == sorted(text.index(one) for one in parts)
    assert text.startswith(f"{MARK}\n") and balanced(text) and "Cost of a.yml" not in text


def test_missing_parts_are_explained() -> None:
    assert "No service has changed." in comment([], "prod")
    assert "earlier step failed" in comment(None, "prod")
    assert "could not be created" in comment([Section("`a.yml`", "", "", "")], "prod")
    assert "<details>" not in comment([Section("`a.yml`", "plan", "", "")], "prod")


def test_drawings_are_omitted_first_and_then_costs() -> None:
    many = [Section(f"`{number}.yml`", "plan", COST, GRAPH * 40) for number in range(40)]
    text = comment(many, "prod")
    assert len(text.encode()) <= LIMIT and "drawings in the summary" in text
    assert "mermaid" not in text and "5.11 USD" in text and text.count("plan\n") == 40
    dear = [Section(f"`{number}.yml`", "plan", COST * 60, GRAPH) for number in range(40)]
    text = comment(dear, "prod")
    assert "costs and drawings in the summary" in text and "5.11 USD" not in text and text.count("plan\n") == 40


def test_plans_are_truncated_last() -> None:
    text = comment([Section("`a.yml`", "```\n" + "resource äöü\n" * 20_000 + "```", COST, GRAPH)], "prod")
    assert len(text.encode()) <= LIMIT and balanced(text) and "summary of the run" in text
    assert len(text.encode()) > LIMIT - 1000, "and no more than needed"
    assert "Truncated" not in comment([Section("`a.yml`", "resource\n" * 20_000, COST, GRAPH)], "prod", 1_000_000)


@given(
    st.lists(
        st.sampled_from(
            ["```", "```yaml", "~~~", "<details><summary>x</summary>", "</details>", "text", "äöü" * 30, ""]
        ),
        max_size=60,
    ),
    st.integers(1000, 3000),
)
def test_a_truncated_text_is_short_enough_and_closes_its_blocks(lines: list[str], limit: int) -> None:
    text = cut("\n".join(lines), limit, "\nend\n")
    assert len(text.encode()) <= limit and text.endswith("\nend\n")
    fence = ""
    for line in text.splitlines():
        mark = line[:3] if line[:3] in ("```", "~~~") else ""
        if mark and not fence:
            fence = mark
        elif mark and mark == fence and line.strip() == mark:
            fence = ""
    assert not fence


@pytest.mark.parametrize("limit", [1000, 5000, 65_000])
def test_every_limit_is_respected(limit: int) -> None:
    sections = [Section(f"`{number}.yml`", "x" * 300, COST, GRAPH) for number in range(300)]
    assert len(comment(sections, "prod", limit).encode()) <= limit
