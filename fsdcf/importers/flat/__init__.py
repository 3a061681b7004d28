"""The flat dialect of FSD: ``name`` and ``platform`` at the top of a document, as older pages on FSD have it.

Its documents have no version and no published schema. Those for ECS become services, and those for AWS Batch jobs; the
other platforms have a sentence each, which ``language.foreign`` has too. Services that call each other by name join an
environment, since a name is one of an environment; any others have a network and a load balancer of their own.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from fsdcf.conventions import DEFAULT_ENVIRONMENT
from fsdcf.importers import Format, ImportResult
from fsdcf.importers.draft import Draft, spec_name, unused_name
from fsdcf.importers.flat.container import size
from fsdcf.importers.flat.dependencies import COMMON, enter
from fsdcf.importers.flat.fitting import change_rows, fit
from fsdcf.importers.flat.reading import OVERRIDES, FlatDraft, get, snake
from fsdcf.importers.flat.service import tables
from fsdcf.importers.keys import SourceKey, note, report_on
from fsdcf.importers.report import ImportReport, changed, not_carried
from fsdcf.importers.source import Beside, Source, SourceValue
from fsdcf.language.foreign import ON_ECS, OTHER_PLATFORM, PLATFORMS, is_flat, platform_of
from fsdcf.language.model import ENVIRONMENT, JOB, SERVICE

SERVICE_TABLE, JOB_TABLE = tables([SourceKey("dependencies[]", "dependencies", table=COMMON, enter=enter)])


def _claims(source: Source) -> bool:
    return source.mentions("platform") and is_flat(source.data)


def _documents(source: Source) -> Iterator[SourceValue]:
    """The documents of a file: itself, or the items of its ``services``."""
    several = source.root.get("services")
    if several is None or not isinstance(several.data, (dict, list)):
        yield source.root
    else:
        yield from (each for each in _children(several) if isinstance(each.data, dict))


def _children(value: SourceValue) -> list[SourceValue]:
    return [each for _, each in value.children()]


def _children_of(value: SourceValue | None) -> list[tuple[str, SourceValue]]:
    return [*value.children()] if value is not None and isinstance(value.data, dict) else []


def _convert(claimed: Sequence[Source], related: Sequence[Source], beside: Beside) -> ImportResult:
    result = ImportResult()
    documents = [each for source in claimed for each in _documents(source) if _is_for_ecs(each, result)]
    names = (_environments(documents) or [DEFAULT_ENVIRONMENT]) if any(map(_calls_others, documents)) else []
    shared = [Draft(ENVIRONMENT, name, result.report) for name in names]
    drafts = [_begin(document, shared, result) for document in documents]
    for document, draft in zip(documents, drafts, strict=True):
        _fill(document, draft)
        _override(document, draft)
    if shared:
        _join(drafts, shared, result)
    return result


def _is_for_ecs(document: SourceValue, result: ImportResult) -> bool:
    platform = platform_of(document.data, document.source.data)
    if platform in ON_ECS:
        return True
    place = get(document, "platform") or get(document.source.root, "platform") or document
    report_on(place, result.report, not_carried(PLATFORMS.get(platform, OTHER_PLATFORM)))
    return False


def _calls_others(document: SourceValue) -> bool:
    """Whether a service is found by its name, or finds others by theirs."""
    dependencies, discovery = (
        get(document, "dependencies"),
        get(get(document, "networking", "network"), "service_discovery"),
    )
    variables = get(document, "environment", "env")
    values = str(getattr(variables, "data", ""))
    kinds = [get(each, "type") for each in (_children(dependencies) if dependencies else ()) if not _is_external(each)]
    return (
        any(kind is not None and kind.data == "service" for kind in kinds)
        or (discovery is not None and discovery.data is not False)
        or "${service:" in values
    )


def _is_external(value: SourceValue) -> bool:
    external = get(value, "external")
    return external is not None and external.data is True


def _environments(documents: Sequence[SourceValue]) -> list[str]:
    """The environments for which documents differ."""
    found = [get(each, *OVERRIDES) for each in documents]
    return sorted({spec_name(name)[:20] for each in found if each for name, _ in each.children() if name != "[]"})


def _begin(document: SourceValue, shared: Sequence[Draft], result: ImportResult) -> FlatDraft:
    """The draft of a document with a name that no other has."""
    named = get(document, "name", "service_name")
    given = named.text if named is not None and not isinstance(named.data, (dict, list)) else document.name
    name = spec_name(given or posixpath.splitext(posixpath.basename(document.source.path))[0])
    free = unused_name(name, {each.name for each in result.drafts})
    kind = JOB if platform_of(document.data, document.source.data) == "batch" else SERVICE
    security = get(document, "security", "iam")
    role = get(security, "task_role", "task_role_arn", "role", "role_arn", "iam_role", "iam_role_arn")
    draft = FlatDraft(kind, free, result.report, shared=tuple(shared), has_role=role is not None and role.is_text())
    if named is not None and free != given:
        why = "another document has this name" if free != name else "names are in lower case, with hyphens"
        note(named, draft.block, changed(f"{free}: {why}", ".metadata.name"))
    result.drafts.append(draft)
    return draft


def _fill(document: SourceValue, draft: FlatDraft) -> None:
    if draft.shared:
        draft.block.put("networking.shared", True)
    draft.balancer = "internal" if _is_internal(document) else "public"
    size(document, draft.block)
    (JOB_TABLE if draft.kind is JOB else SERVICE_TABLE).convert(document, draft.block)
    for name in re.findall(r"\$\{service:([a-z0-9-]{1,40}):", str(draft.block.get("environment") or "")):
        draft.dependency("service", name)
    fit(document, draft)


def _override(document: SourceValue, draft: FlatDraft) -> None:
    """Put what differs in an environment into its part of the spec: the document is converted with it, and compared."""
    for given, part in _children_of(get(document, *OVERRIDES)):
        name = spec_name(given)[:20]
        if not isinstance(part.data, dict):
            continue
        common = {key: value for key, value in document.data.items() if snake(key) not in OVERRIDES}
        text = json.dumps(_merged(common, part.data), default=str)
        shared = tuple(each for each in draft.shared if each.name == name)
        other = FlatDraft(
            draft.kind, draft.name, ImportReport(), shared=shared, has_role=draft.has_role, overrides=True
        )
        _fill(Source(document.source.name, document.source.path, text.encode()).root, other)
        lines = {each.key[len(part.key) + 1 :]: each.line for each in part.descendants()}
        draft.put_environment(name, other, lines, part.key)


def _merged(base: Any, over: Any) -> Any:
    """Maps are merged, by any spelling of their keys; another value replaces."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    spelled = {snake(name): name for name in base}
    merged = dict(base)
    for name, value in over.items():
        before = spelled.get(snake(name), name)
        merged[name] = _merged(merged.pop(before), value) if before in merged else value
    return merged


def _is_internal(document: SourceValue) -> bool:
    network = get(document, "networking", "network")
    for each in (get(network, "load_balancer", "alb"), get(document, "load_balancer", "alb"), network):
        found = get(each, "internal", "private")
        scheme, public = get(each, "scheme", "visibility"), get(each, "public")
        if (found is not None and found.data is True) or (public is not None and public.data is False):
            return True
        if scheme is not None and scheme.data in ("internal", "private"):
            return True
    return False


def _join(drafts: Sequence[FlatDraft], shared: Sequence[Draft], result: ImportResult) -> None:
    """Let the services share load balancers, and be called by those that name them."""
    called = {
        entry["name"] for draft in drafts for entry in draft.data.get("dependencies", ()) if entry["type"] == "service"
    }
    behind = [
        each for each in drafts if each.block.get("port") and each.block.get("networking.loadBalancer") is not False
    ]
    behind = [each for each in behind if each.kind is SERVICE]
    numbers = Counter(each.balancer for each in behind)
    for draft in drafts:
        _share_network(draft, shared)
    for draft in behind:
        for environment in shared:
            path = f"loadBalancers.{draft.balancer}"
            values = environment.block.get(path) or {}
            environment.block.put(path, values | ({"internal": True} if draft.balancer == "internal" else {}))
        if len(numbers) > 1:
            draft.block.put("networking.loadBalancer.name", draft.balancer)
        own = draft.block.get("networking.loadBalancer")
        if not isinstance(own, dict) or not own.keys() & {"hosts", "paths"}:
            _route(draft, alone=numbers[draft.balancer] == 1)
    for draft in drafts:
        if draft.name in called and draft.block.get("port"):
            draft.block.put("networking.serviceConnect", True)
    elsewhere = sorted(called - {each.name for each in drafts})
    if elsewhere:
        result.next.append(f"let {', '.join(elsewhere)} join the environment, with networking.serviceConnect: true")
    result.drafts.extend(shared)


def _share_network(draft: FlatDraft, shared: Sequence[Draft]) -> None:
    """Move the network of a service to the environments that it joins."""
    own = draft.block.get("networking.vpc")
    if own is None:
        return
    draft.block.get("networking").pop("vpc")
    for environment in shared:
        if environment.block.get("network") is None:
            environment.block.put("network", own)
    reason = f"services share the network: {shared[0].path} has it"
    change_rows(draft, changed(reason, draft.block.key("networking")))


def _route(draft: FlatDraft, *, alone: bool) -> None:
    if alone:
        draft.block.put(
            "networking.loadBalancer.paths", ["/*"], "Every request: the load balancer has no other service."
        )
    else:
        host = f"{draft.name}.*"
        draft.block.put(
            "networking.loadBalancer.hosts", [host], "Or a host name of yours: services share the load balancer."
        )


FORMAT = Format("flat", "the flat dialect of FSD", _claims, lambda source: False, _convert)
