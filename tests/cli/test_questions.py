"""Questions: asked on a terminal alone, answered with no unless somebody says yes."""

from __future__ import annotations

import io
import sys

import pytest

from fsdcf.cli.runtime import person
from fsdcf.deploy.model import Question

DATA = Question("data", "Lose these data?", ("OrdersTable would be deleted",))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def seated(monkeypatch: pytest.MonkeyPatch, typed: str) -> Terminal:
    """Somebody who types at a terminal; what they see."""
    errors = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", errors)
    return errors


@pytest.mark.parametrize(
    ("typed", "answer"), [("y\n", True), ("yes\n", True), ("n\n", False), ("\n", False), ("what\nY\n", True)]
)
def test_the_answer_to_a_question(monkeypatch: pytest.MonkeyPatch, typed: str, answer: bool) -> None:
    errors = seated(monkeypatch, typed)
    paused: list[int] = []
    ask = person(lambda: paused.append(1))
    assert ask is not None and ask(DATA) is answer and paused == [1]
    assert "  ! OrdersTable would be deleted\n" in errors.getvalue() and "Lose these data? [y/N]" in errors.getvalue()


def test_ctrl_c_at_a_question_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    seated(monkeypatch, "")
    ask = person(lambda: None)
    assert ask is not None
    with pytest.raises(KeyboardInterrupt):
        ask(DATA)


def test_questions_need_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    seated(monkeypatch, "")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert person(lambda: None) is None
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert person(lambda: None) is None
