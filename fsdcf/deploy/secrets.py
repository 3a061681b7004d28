"""The look before a deploy at the secrets that its template names: whether they exist and have a value.

Only their metadata is read, never a value. So whether a JSON key exists is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

from fsdcf.cloudformation.secrets import SECRETS_MANAGER, SSM, NamedSecret, parameter_names
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.aws import ApiError, Aws, Unreachable
from fsdcf.deploy.model import Evidence, Exit, NoticeIssued, Outcome
from fsdcf.deploy.run import Run, Stop, describe_error, is_denied
from fsdcf.suggested import Value, quoted, suggested
from fsdcf.wording import counted

_NAMES = 50
"""The most names of a request. Source:
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html"""

_SETTLED = 3.0
"""Seconds after which what was not found is looked up once more: a secret that was stored a moment ago may not be
listed yet. Source: https://github.com/aws/aws-sdk-js/issues/4349"""

CURRENT = "AWSCURRENT"
"""The stage of the version that is read unless a source selects another one."""

_MISSING, _EMPTY, _DELETED = "does not exist", "has no value", "is scheduled for deletion"

_Lacking = dict[NamedSecret, str]
"""Why secrets cannot be read, in the order of the template."""

_Result = TypeVar("_Result")


def check_secrets(run: Run, named: Sequence[NamedSecret], account: str, lenient: str = "") -> None:
    """Stop the run (exit 2) if one of the secrets does not exist or has no value.

    It is a warning if ``lenient`` says why this deploy does without them. So it is in the sandbox and at the endpoint
    of an emulator, whose secrets are not those of AWS. What the caller may not look up does not concern the deploy: ECS
    reads it with another role.
    """
    look = _Look(run)
    known = (one.within(run.aws.region, account, run.aws.partition) for one in named)
    lacking = look.up([one for one in known if one.id])
    rehearses = run.aws.rehearses or run.aws.is_foreign(SSM)
    if lacking and not rehearses:
        run.rest(_SETTLED)
        lacking = look.up(tuple(lacking))
    if not lacking:
        return
    outcome = _refusal(run, lacking)
    if not rehearses and not lenient:
        raise Stop(outcome)
    reasons = "; ".join(f"{one.source}: {one.text}" for one in outcome.evidence)
    own = run.target.spec
    which: dict[str, Value] = {"env": run.target.environment, "sandbox": run.aws.rehearses}
    remedy = f"see `{suggested('secret list', own, **which)}`"
    if len(lacking) == 1 and outcome.next[0].startswith(suggested("secret set", own)):
        remedy = f"store it with `{suggested('secret set', own, next(iter(lacking)).reader, **which)}`"
    run.warn(f"{reasons}: {'a deploy to AWS stops here' if rehearses else lenient}; {remedy}")


class _Look:
    """A look at secrets in their stores. A store that fails is not asked again."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._failed: set[tuple[str, str]] = set()

    def up(self, named: Sequence[NamedSecret]) -> _Lacking:
        """The secrets that cannot be read, as far as the stores tell. Parameters of another account do not."""
        parameters = [one for one in named if one.store == SSM and not one.account]
        lacking: _Lacking = {}
        for region in dict.fromkeys(one.region for one in parameters):
            here = [one for one in parameters if one.region == region]
            names_of = {one: parameter_names(one.name) for one in here}
            names = sorted({*chain.from_iterable(names_of.values())})
            known = self._told(SSM, region, partial(listed_parameters, self._run.aws, names, region, look=True))
            lacking |= {
                one: _MISSING
                for one in here
                if known is not None and known.keys().isdisjoint(parameter_names(one.name))
            }
        described: dict[tuple[str, ...], Answer | None] = {}
        for one in (one for one in named if one.store == SECRETS_MANAGER):
            if one.place not in described:
                ask = partial(described_secret, self._run.aws, one.id, one.region, look=True)
                described[one.place] = self._told(SECRETS_MANAGER, one.region, ask)
            if reason := _reason(one, described[one.place]):
                lacking[one] = reason
        return {one: lacking[one] for one in named if one in lacking}

    def _told(self, store: str, region: str, read: Callable[[], _Result]) -> _Result | None:
        """What a store answers; None if it fails, which is a notice, or if the caller may not ask it."""
        if (store, region) in self._failed:
            return None
        try:
            return read()
        except (ApiError, Unreachable) as error:
            if is_denied(error):
                return None
            self._failed.add((store, region))
            if not isinstance(error, ApiError) or not error.unimplemented:
                text = f"whether the secrets exist is not known: {describe_error(error)}"
                self._run.tell(NoticeIssued("secrets", text))
            return None


def listed_parameters(aws: Aws, names: Sequence[str], region: str, look: bool = False) -> dict[str, Answer]:
    """The metadata of the parameters of these names that exist in a region, the run's own if it is empty.

    Source: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html
    """
    found: dict[str, Answer] = {}
    call = partial(aws.call, at=region or None, look=look)
    for start in range(0, len(names), _NAMES):
        wanted = [{"Key": "Name", "Option": "Equals", "Values": list(names[start : start + _NAMES])}]
        for page in aws.pages(SSM, "DescribeParameters", call=call, ParameterFilters=wanted, MaxResults=_NAMES):
            found |= {text(one, "Name"): one for one in page.get("Parameters") or ()}
    return found


def described_secret(aws: Aws, id: str, region: str, look: bool = False) -> Answer:
    """The metadata of a secret, by its name or ARN; empty if it does not exist."""
    try:
        return aws.call(SECRETS_MANAGER, "DescribeSecret", at=region or None, look=look, SecretId=id)
    except ApiError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return {}


def _reason(secret: NamedSecret, described: Answer | None) -> str:
    """Why a secret cannot be read; empty if it can, as far as is known.

    A version without a stage is not in the metadata, though it may be read.
    Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """
    if described is None:
        return ""
    if not described:
        return _MISSING
    if described.get("DeletedDate"):
        return _DELETED
    versions = described.get("VersionIdsToStages") or {}
    stage = secret.stage or ("" if secret.version else CURRENT)
    having = [id for id, stages in versions.items() if stage in stages]
    if not stage or (having and secret.version in ("", *having)):
        return ""
    if not having:
        return _EMPTY if stage == CURRENT else f"has no version with the stage {stage}"
    return f"has the stage {stage} at another version than {secret.version}"


def _title(secret: NamedSecret) -> str:
    """``the parameter /shop/key``, with the region and the account if they are not those of the stack."""
    kind = "parameter" if secret.store == SSM else "secret"
    where = f" in {secret.region}" if secret.region else ""
    return f"the {kind} {secret.name}{where}{f' of the account {secret.account}' if secret.account else ''}"


def _refusal(run: Run, lacking: _Lacking) -> Outcome:
    """The outcome that names all secrets that cannot be read, each with its line in the spec and what helps."""
    grouped: dict[str, list[NamedSecret]] = {}
    for secret, reason in lacking.items():
        grouped.setdefault(f"{_title(secret)} {reason}", []).append(secret)
    evidence = tuple(
        Evidence(
            ", ".join(dict.fromkeys(one.reader or one.logical_id for one in secrets)),
            sentence,
            run.place(secrets[0].logical_id, "/".join(map(str, secrets[0].path))),
        )
        for sentence, secrets in grouped.items()
    )
    parts = {(*one.place, one.key): one for one in reversed(lacking)}  # each key of a secret's JSON is stored alone
    commands = dict.fromkeys(_remedy(run, one, lacking[one]) for one in reversed(parts.values()))
    (first, *others) = grouped
    sentence = f"{counted(len(grouped), 'secret')} of the spec cannot be read" if others else first
    return Outcome(Exit.USAGE, sentence, evidence, tuple(commands))


def _remedy(run: Run, secret: NamedSecret, reason: str) -> str:
    """The command that stores a secret, restores it, or shows what is there. AWS alone chooses the end of an ARN."""
    target, region = run.target, f"--region {secret.region or run.aws.region}"
    is_named = reason == _EMPTY or (reason == _MISSING and secret.id == secret.name)
    if is_named and secret.reader and not secret.account:
        return suggested("secret set", target.spec, secret.reader, env=target.environment)
    if reason == _MISSING and not secret.account:
        return f"aws secretsmanager list-secrets {region}"
    verb = "restore-secret" if reason == _DELETED else "describe-secret"
    return f"aws secretsmanager {verb} --secret-id {quoted(secret.id)} {region}"
