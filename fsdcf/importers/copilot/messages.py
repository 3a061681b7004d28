"""Topics that a workload of Copilot publishes to, and the queues of a worker.

Sources: https://aws.github.io/copilot-cli/docs/developing/publish-subscribe/ and
https://aws.github.io/copilot-cli/docs/manifest/worker-service/#subscribe
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fsdcf.importers.copilot.workload import TITLE, WorkloadDraft, json_text, note_below, workload
from fsdcf.importers.copilot.workspace import WORKER, Workspace, type_of
from fsdcf.importers.draft import Block, spec_name
from fsdcf.importers.keys import SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, changed, not_carried
from fsdcf.importers.source import Source, SourceValue
from fsdcf.importers.values import put_flag, put_number, put_seconds

_FIFO = ".fifo"
_LONGEST = 80 - len(_FIFO)


def topic_name(service: str, topic: str, published: Sequence[Mapping[str, Any]] = (), fifo: bool = False) -> str:
    """The name of a topic in a spec: another one than Copilot's, so that both can exist.

    ``published`` are the topics of this name. A FIFO topic beside a standard one has a name of its own.
    """
    twins = {_is_fifo(each) for each in published}
    return f"${{ENV}}-{spec_name(service)}-{_part(topic)}" + ("-fifo" if fifo and len(twins) > 1 else "")


def queue_name(worker: str, service: str = "", topic: str = "") -> str:
    """The name of a worker's queue in a spec: of all its topics, or of one."""
    name = f"${{ENV}}-{spec_name(worker)}" + (f"-{spec_name(service)}-{_part(topic)}" if topic else "")
    return name[:_LONGEST].rstrip("-_")


def _part(topic: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", topic).strip("-")[:100] or "topic"


def _is_fifo(queue: object) -> bool:
    fifo = queue.get("fifo") if isinstance(queue, dict) else None
    return fifo is True or isinstance(fifo, dict)


def _entries(source: Source, path: tuple[str, str]) -> Iterator[dict[str, Any]]:
    """The maps in a list of a manifest."""
    outer = source.data.get(path[0])
    items = outer.get(path[1]) if isinstance(outer, dict) else None
    yield from (each for each in (items if isinstance(items, list) else ()) if isinstance(each, dict))


def _published(source: Source | None, topic: str) -> list[dict[str, Any]]:
    """The topics of a name that a workload publishes."""
    entries = _entries(source, ("publish", "topics")) if source else ()
    return [each for each in entries if each.get("name") == topic]


def _subscriptions(workspace: Workspace, service: str, topic: str, twin: bool | None) -> Iterator[dict[str, Any]]:
    """The subscriptions of a topic by the workers of the workspace. Beside a twin, only those of its own order."""
    for worker, source in workspace.workloads.items():
        if type_of(source) != WORKER:
            continue
        for each in _entries(source, ("subscribe", "topics")):
            if each.get("name") != topic or each.get("service") != service:
                continue
            subscribe, own = source.data["subscribe"], each.get("queue")
            separate = own is True or isinstance(own, dict)
            name = queue_name(worker, service, topic) if separate else queue_name(worker)
            fifo = _is_fifo(own if separate else subscribe.get("queue"))
            if twin is not None and fifo != twin:
                continue
            entry = {"existingQueue": name + (_FIFO if fifo else "")}
            if isinstance(each.get("filter_policy"), dict):
                entry["filterPolicy"] = each["filter_policy"]
            yield entry


def _topic(value: SourceValue, block: Block) -> Block | None:
    value.entries()
    if (name := value.get("name")) is None or not name.text.strip():
        raise UnfitError("must have a `name`")
    draft, fifo = workload(block), _is_fifo(value.data)
    published = _published(value.source, name.text)
    entry = draft.dependency("aws_sns_topic", topic_name(draft.name, name.text, published, fifo))
    entry.put("permissions", "write")
    twin = fifo if len({_is_fifo(each) for each in published}) > 1 else None
    if subscriptions := [*_subscriptions(draft.workspace, draft.main, name.text, twin)]:
        entry.put("subscriptions", subscriptions)
        for index, each in enumerate(subscriptions):
            why = f"fsdcf: allow W191 because the spec of the queue {each['existingQueue']} names the topic"
            draft.comments[entry.below("subscriptions", index).at] = why
    return entry


def _put_fifo(value: SourceValue, block: Block) -> None:
    if value.flag:
        block.put("fifo", True)


def _fifo_map(value: SourceValue, block: Block) -> None:
    block.put("fifo", True)
    put_flag("contentBasedDeduplication")(value, block)


def _workers(value: SourceValue, block: Block) -> KeyOutcome:
    return changed("the queue of each worker of the workspace that subscribes is in `subscriptions`", "subscriptions")


_TOPIC = Table(
    TITLE,
    SourceKey(
        "name",
        "name",
        "with a name of its own, so that Copilot's topic can exist beside it",
        convert=lambda value, block: None,
    ),
    SourceKey("allowed_workers[]", "subscriptions", "workers of the workspace that subscribe are there", _workers),
    SourceKey("fifo", "fifo", convert=_put_fifo),
    SourceKey("fifo.content_based_deduplication", "contentBasedDeduplication", convert=_fifo_map),
)


# Queues


def _queue(block: Block, name: str) -> Block:
    """The dependency of a queue. Copilot makes no dead-letter queue unless the manifest has one."""
    entry = block.draft.dependency("aws_sqs_queue", name)
    if "permissions" not in entry.data:
        entry.put("permissions", "read")
        entry.put("deadLetters", False)
    return entry


def _default_queue(value: SourceValue, block: Block) -> Block:
    value.entries()
    return _queue(block, queue_name(block.draft.name))


def _subscribed(value: SourceValue, block: Block) -> Block | None:
    value.entries()
    name, service = value.get("name"), value.get("service")
    if name is None or service is None:
        raise UnfitError("must have a `name` and a `service`")
    draft = workload(block)
    own = value.get("queue")
    separate = own is not None and own.data is not False
    entry = _queue(block, queue_name(draft.name, service.text, name.text) if separate else queue_name(draft.name))
    published = _published(draft.workspace.workloads.get(spec_name(service.text)), name.text)
    ordered = _is_fifo(own.data if own is not None and separate else value.source.data["subscribe"].get("queue"))
    fifo = ordered
    if published and all(_is_fifo(each) != fifo for each in published):
        fifo = not fifo
    topic = topic_name(service.text, name.text, published, fifo) + (_FIFO if fifo else "")
    if {"topic": topic} not in (entry.get("receivesFrom") or ()):
        entry.add("receivesFrom", {"topic": topic})
    if published:
        outcome = changed(f"services/{spec_name(service.text)}.yml subscribes the queue to its topic", entry_key(entry))
    else:
        queue = entry.data["name"] + (_FIFO if ordered else "")
        why = (
            f"the spec of {service.text} must subscribe it: `subscriptions: [{{existingQueue: {queue}}}]` at its topic"
        )
        outcome = changed(why, entry_key(entry))
    for key, child in value.children():
        if key == "queue" and isinstance(child.data, dict):
            QUEUE.convert(child, entry)
        else:
            known = key in ("name", "service", "filter_policy", "queue")
            if known:
                note(child, block, outcome) if key != "filter_policy" else note_below(child, block, outcome)
            elif child.data is not None:
                note(child, block, not_carried(f"it is not a key of {TITLE}"))
    return None


def entry_key(entry: Block) -> str:
    """The key of a dependency, from the root of the spec."""
    return f".{entry.key('')}"


def _tries(value: SourceValue, block: Block) -> None:
    put_number("maxReceiveCount", 1, 1000)(value, block)
    block.data.pop("deadLetters", None)


def _high(value: SourceValue, block: Block) -> None:
    block.put("fifo", True)
    if value.flag:
        block.put("deduplicationScope", "messageGroup")
        block.put("fifoThroughputLimit", "perMessageGroupId")


def _choice(to: str, *words: str) -> SourceKey:
    def convert(value: SourceValue, block: Block) -> None:
        if value.text not in words:
            raise UnfitError(f"must be {' or '.join(words)}")
        block.put("fifo", True)
        block.put(to, value.text)

    path = {"deduplicationScope": "fifo.deduplication_scope", "fifoThroughputLimit": "fifo.throughput_limit"}[to]
    return SourceKey(path, to, convert=convert)


QUEUE = Table(
    TITLE,
    SourceKey("retention", "messageRetention", convert=put_seconds("messageRetention", 60, 1209600)),
    SourceKey("delay", "deliveryDelay", convert=put_seconds("deliveryDelay", 0, 900)),
    SourceKey("timeout", "visibilityTimeout", convert=put_seconds("visibilityTimeout", 0, 43200)),
    SourceKey("dead_letter.tries", "maxReceiveCount", convert=_tries),
    SourceKey("fifo", "fifo", convert=_put_fifo),
    SourceKey("fifo.content_based_deduplication", "contentBasedDeduplication", convert=_fifo_map),
    SourceKey("fifo.high_throughput", "deduplicationScope fifoThroughputLimit", convert=_high),
    _choice("deduplicationScope", "queue", "messageGroup"),
    _choice("fifoThroughputLimit", "perQueue", "perMessageGroupId"),
)

_SUBSCRIBED = "the service that publishes subscribes the queue to its topic"
_SUBSCRIPTION = Table(
    TITLE,
    SourceKey("name", "receivesFrom", _SUBSCRIBED),
    SourceKey("service", "receivesFrom", _SUBSCRIBED),
    SourceKey("filter_policy.*", "receivesFrom", _SUBSCRIBED),
    SourceKey("queue", "name", table=QUEUE),
)

PUBLISH = (SourceKey("publish.topics[]", "dependencies", table=_TOPIC, enter=_topic),)
SUBSCRIBE = (
    SourceKey("subscribe.topics[]", "dependencies", table=_SUBSCRIPTION, enter=_subscribed),
    SourceKey("subscribe.queue", "dependencies", table=QUEUE, enter=_default_queue),
)


def default_queue(draft: WorkloadDraft) -> None:
    """Add the queue that every worker has."""
    _queue(draft.block, queue_name(draft.name))


def scaling_queue(draft: WorkloadDraft) -> str:
    """The queue to scale by, by its name without the environment: the first that receives something."""
    queues = [each for each in draft.data.get("dependencies", ()) if each["type"] == "aws_sqs_queue"]
    return _local(next((each["name"] for each in queues if "receivesFrom" in each), queue_name(draft.name)))


# Variables


def variables(draft: WorkloadDraft, source: Source) -> dict[str, str]:
    """Copilot's variables with the topics and queues of a workload."""
    found: dict[str, str] = {}
    written = {(each["type"], each["name"]) for each in draft.data.get("dependencies", ())}
    arns = {}
    for each in _entries(source, ("publish", "topics")):
        name = each.get("name")
        fifo = _is_fifo(each)
        physical = topic_name(draft.name, str(name), _published(source, str(name)), fifo)
        if ("aws_sns_topic", physical) in written:
            arns[f"{name}{_FIFO if fifo else ''}"] = f"${{sns:{_local(physical)}:arn}}"
    if arns:
        found["COPILOT_SNS_TOPIC_ARNS"] = json_text(arns)
    queue = queue_name(draft.name)
    if ("aws_sqs_queue", queue) in written:
        found["COPILOT_QUEUE_URI"] = f"${{sqs:{_local(queue)}:url}}"
    own = {}
    for each in _entries(source, ("subscribe", "topics")):
        service, topic = each.get("service"), each.get("name")
        if isinstance(service, str) and isinstance(topic, str):
            physical = queue_name(draft.name, service, topic)
            if ("aws_sqs_queue", physical) in written:
                word = _words(topic) + ("fifo" if _is_fifo(each.get("queue")) else "")
                own[f"{_words(service)}{word[:1].upper()}{word[1:]}EventsQueue"] = f"${{sqs:{_local(physical)}:url}}"
    if own:
        found["COPILOT_TOPIC_QUEUE_URIS"] = json_text(own)
    return found


def _local(name: str) -> str:
    return name.removeprefix("${ENV}-")


def _words(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)
