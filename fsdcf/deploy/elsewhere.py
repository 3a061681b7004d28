"""The look before a deploy at the values that its template takes from elsewhere: the exports of other stacks, and the
parameters of the Parameter Store that CloudFormation reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fsdcf.cloudformation.parameters import stored_name
from fsdcf.cloudformation.planned import planned
from fsdcf.cloudformation.references import references, section_of
from fsdcf.conventions import exporting_stack
from fsdcf.deploy.answers import text
from fsdcf.deploy.aws import ApiError, Unreachable
from fsdcf.deploy.model import Evidence, Exit, Outcome
from fsdcf.deploy.run import Run, Stop
from fsdcf.deploy.secrets import listed_parameters
from fsdcf.suggested import quoted

_SECURE = "SecureString"


class NamedValue(NamedTuple):
    """A value that a template takes from elsewhere: the ``name`` of an export, or that of a parameter (``is_stored``).
    ``path`` leads to the property of the resource ``logical_id`` that has it."""

    name: str
    is_stored: bool
    logical_id: str
    path: str

    @property
    def title(self) -> str:
        return f"the parameter {self.name}" if self.is_stored else f"the export {self.name}"


def named_values(template: Mapping[str, Any]) -> tuple[NamedValue, ...]:
    """The exports that a template imports, except those of an environment, and the parameters that CloudFormation reads
    for it; each once, with the first property that has it."""
    found: dict[tuple[str, bool], NamedValue] = {}
    for one in (*_stored(template), *_imported(template)):
        found.setdefault((one.name, one.is_stored), one)
    return tuple(found.values())


def _imported(template: Mapping[str, Any]) -> Iterator[NamedValue]:
    for one in planned(template).imports:
        if exporting_stack(one.name) == one.name:
            yield NamedValue(one.name, False, one.holder, "/".join(map(str, one.path[1:])))


def _stored(template: Mapping[str, Any]) -> Iterator[NamedValue]:
    stored = {key: stored_name(declared) for key, declared in section_of(template, "Parameters").items()}
    if not any(stored.values()):
        return
    for logical_id, resource in section_of(template, "Resources").items():
        for one in references(resource.get("Properties")):
            if name := stored.get(one.target):
                yield NamedValue(name, True, logical_id, "/".join(map(str, one.path)))


def check_values(run: Run, named: tuple[NamedValue, ...]) -> None:
    """Stop the run (exit 2) if one of the values does not exist, or if CloudFormation does not read it.

    In the sandbox and at the endpoint of an emulator it is a warning, since their exports and parameters are not those
    of AWS. What the caller may not look up is left to CloudFormation.
    """
    lacking = {**_without_export(run, named), **_without_parameter(run, named)}
    if not lacking:
        return
    evidence = tuple(
        Evidence(one.title, reason, run.place(one.logical_id, one.path)) for one, reason in lacking.items()
    )
    first, *others = evidence
    sentence = f"{first.source} {first.text}"
    if others:
        sentence = f"{len(evidence)} values cannot be read: {', '.join(one.source for one in evidence)}"
    if run.aws.rehearses:
        run.warn(f"{sentence}; the sandbox makes {'them' if others else 'one'} up, and a deploy to AWS stops here")
        return
    region = f"--region {run.aws.region}"
    commands = [_remedy(one, reason, region) for one, reason in lacking.items()]
    raise Stop(Outcome(Exit.USAGE, sentence, evidence, (*dict.fromkeys(commands), run.target.redeploy())))


def _without_export(run: Run, named: tuple[NamedValue, ...]) -> dict[NamedValue, str]:
    wanted = [one for one in named if not one.is_stored]
    if not wanted:
        return {}
    try:
        pages = run.aws.pages("cloudformation", "ListExports", look=True)
        known = {text(one, "Name") for page in pages for one in page.get("Exports") or ()}
    except (ApiError, Unreachable):
        return {}  # CloudFormation looks again
    return {one: "does not exist in this account and region" for one in wanted if one.name not in known}


def _without_parameter(run: Run, named: tuple[NamedValue, ...]) -> dict[NamedValue, str]:
    wanted = [one for one in named if one.is_stored and not one.name.startswith("/aws/")]  # AWS's own are not listed
    if not wanted:
        return {}
    try:
        known = listed_parameters(run.aws, sorted({one.name for one in wanted}), "", look=True)
    except (ApiError, Unreachable):
        return {}
    missing = {one: "does not exist" for one in wanted if one.name not in known}
    secure = [one for one in wanted if text(known.get(one.name, {}), "Type") == _SECURE]
    return missing | dict.fromkeys(secure, "is a SecureString, whose value CloudFormation does not put into a template")


def _remedy(value: NamedValue, reason: str, region: str) -> str:
    if not value.is_stored:
        return f"aws cloudformation list-exports {region}"
    verb = "put-parameter --type String --value VALUE" if reason == "does not exist" else "get-parameter"
    return f"aws ssm {verb} --name {quoted(value.name)} {region}"
