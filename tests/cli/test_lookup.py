"""Spec lines of logical ids, also of those that the spec no longer makes."""

from __future__ import annotations

from fsdcf.cli.lookup import SpecLines, paths_of
from tests.conftest import HELLO, Compile

QUEUES = (
    HELLO
    + "dependencies:\n  - type: aws_sqs_queue\n    name: ${ENV}-orders\n"
    + "  - type: aws_sqs_queue\n    name: ${ENV}-mails\n"
)


def test_a_resource_has_the_line_that_asks_for_it(compiled: Compile) -> None:
    places = SpecLines(compiled(QUEUES))
    service, queue = places("Service"), places("MailsQueue")
    assert service is not None and (service.file, service.line, service.text) == ("spec.yml", 6, "service:")
    assert queue is not None and (queue.line, queue.text.strip()) == (14, "- type: aws_sqs_queue")
    assert places("Nothing") is None


def test_a_removed_resource_has_the_line_of_its_nearest_ancestor(compiled: Compile) -> None:
    before = compiled(QUEUES).template
    assert before is not None
    asked: list[int] = []

    def deployed() -> dict[str, object]:
        asked.append(1)
        return dict(before.data)

    places = SpecLines(compiled(QUEUES[: QUEUES.index("  - type: aws_sqs_queue\n    name: ${ENV}-mails")]))
    places.deployed = deployed
    assert places("OrdersQueue") is not None and not asked, "what is there needs no look at what is deployed"
    gone = places("MailsQueue")
    assert gone is not None and gone.text == "dependencies:"
    assert places("Nothing") is None and asked == [1]


def test_without_an_ancestor_it_has_the_line_of_the_document(compiled: Compile) -> None:
    before = compiled(QUEUES).template
    assert before is not None
    places = SpecLines(compiled(HELLO))
    places.deployed = lambda: before.data
    place = places("MailsQueue")
    assert place is not None and place.line == 1


def test_a_spec_that_does_not_compile_has_no_lines(compiled: Compile) -> None:
    assert SpecLines(compiled("a: [")).__call__("Service") is None


def test_malformed_metadata_has_no_path() -> None:
    resources = {
        "A": {"Metadata": {"fsdcf": {"Spec": "service"}}},
        "B": {"Metadata": {"fsdcf": 1}},
        "C": {"Metadata": 1},
        "D": 1,
        "E": {},
    }
    assert paths_of({"Resources": resources}) == {"A": "service"}
    assert paths_of({}) == {}
