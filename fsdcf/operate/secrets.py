"""The secrets of a service: where their values are stored, whether they are, and how they are stored and removed.

A value goes to its store and nowhere else: no event, outcome, exception or cache contains one. What AWS says of a
refused value is not passed on if it quotes the value, nor are the exceptions of botocore, which do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from fsdcf.cloudformation.arns import RANDOM_END
from fsdcf.cloudformation.partitions import domain_of
from fsdcf.cloudformation.secrets import SECRETS_MANAGER, SSM, parameter_names, read_source
from fsdcf.conventions import ENVIRONMENT_TAG, SERVICE_TAG
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.aws import ApiError, Aws, AwsError, Expired
from fsdcf.deploy.ecs.service import cluster_and_name, describe_service
from fsdcf.deploy.ecs.tasks import containers_in
from fsdcf.deploy.model import INTERRUPTS, Advice, Exit, NoticeIssued, Question, Target
from fsdcf.deploy.run import Run, Stop, describe_error, outcome_of, stop
from fsdcf.deploy.secrets import CURRENT, described_secret, listed_parameters
from fsdcf.deploy.state import snapshot
from fsdcf.operate.service import confirm, resource_names
from fsdcf.operate.services import services
from fsdcf.suggested import suggested

STORES: Mapping[str, str] = {SSM: "SSM", SECRETS_MANAGER: "Secrets Manager"}
"""The stores by the names that ARNs and ``--store`` have for them."""

_SECURE = "SecureString"
_TIERS = {"Standard": 4096, "Advanced": 8192}
_LONGEST_SECRET = 65_536
"""The most bytes of a parameter, by its tier, and of a secret.
Source: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html"""

RECOVERY_DAYS = 30
"""Days in which a removed secret can be restored, the longest time that AWS offers.
Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html"""

_PSEUDO = re.compile(r"\$\{(!?)([^{}]*)\}")
_KEPT = "/fsdcf/"
"""How the names of release records begin."""


@dataclass(frozen=True)
class SecretPlace:
    """Where a value is stored: a parameter of SSM or a secret of Secrets Manager, by its ``name``.

    ``account`` is empty for that of the caller. ``arn`` is the ARN of a secret that the spec names by one; its name
    then ends in the random characters, if the ARN does. ``key`` is a key of the secret's JSON, empty for the whole
    value. ``stage`` and ``version`` are those that the spec reads, empty for the current one.
    """

    store: str
    name: str
    region: str
    account: str = ""
    arn: str = ""
    key: str = ""
    stage: str = ""
    version: str = ""

    @property
    def id(self) -> str:
        """What calls identify it by."""
        return self.arn or self.name

    @property
    def whole(self) -> SecretPlace:
        """The whole secret that it is a part of."""
        return replace(self, key="", stage="", version="")

    @property
    def title(self) -> str:
        """``/shop/staging/TOKEN in SSM``, or ``the key `password` of shop/db in Secrets Manager``."""
        name = f"the key `{self.key}` of {self.name}" if self.key else self.name
        return f"{name} in {STORES[self.store]}"

    def is_in(self, other: SecretPlace) -> bool:
        """Whether both are in the same parameter or secret, which one may name with the end of its ARN."""
        same = (self.store, self.region) == (other.store, other.region)
        return same and len({self.account, other.account} - {""}) < 2 and bool(self._names() & other._names())

    def overlaps(self, other: SecretPlace) -> bool:
        """Whether what is at one place is also read from the other: a whole secret has every key."""
        return self.is_in(other) and (not other.key or self.key in ("", other.key))

    @property
    def pinned(self) -> str:
        """The version or stage that is read in place of the current one, in words; empty for the current one."""
        if self.version:
            return f"the version {self.version}"
        return f"the stage {self.stage}" if self.stage not in ("", CURRENT) else ""

    def _names(self) -> set[str]:
        end = RANDOM_END.fullmatch(self.name) if self.arn else None
        return {self.name.removeprefix("/"), *([end[1]] if end else [])}


@dataclass(frozen=True)
class StoredSecret:
    """What a store tells of a parameter or secret. It never contains the value.

    ``exists`` is None if it cannot be read: ``problem`` says why, and ``is_elsewhere`` that it is in another account.
    ``tags`` are None if they are not known. ``kind`` is
    the type of a parameter, ``key_id`` the KMS key that encrypts the value, as far as the store tells it. ``marked``:
    it is marked for deletion. ``manager`` is the AWS service that manages a secret. ``version`` is the number of a
    parameter's version, or the id of a secret's current one; empty if it has no value.
    """

    place: SecretPlace
    exists: bool | None
    name: str = ""
    version: str = ""
    changed: datetime | None = None
    kind: str = ""
    tier: str = "Standard"
    key_id: str = ""
    tags: Mapping[str, str] | None = None
    marked: bool = False
    manager: str = ""
    problem: str = ""
    is_elsewhere: bool = False

    def belongs_to(self, target: Target) -> bool:
        """Whether the tags name the target's service and environment."""
        tags = self.tags or {}
        return (tags.get(SERVICE_TAG), tags.get(ENVIRONMENT_TAG)) == (target.service, target.environment)

    @property
    def owner(self) -> str:
        """Whose it is by its tags, in a clause."""
        if self.tags is None:
            return "its tags cannot be read"
        service, environment = self.tags.get(SERVICE_TAG), self.tags.get(ENVIRONMENT_TAG)
        if service or environment:
            return f"its tags name {service or 'no service'} in {environment or 'no environment'}"
        return "it has no tags of fsdcf"


def place_of(source: str, aws: Aws) -> SecretPlace:
    """The place of a secret as ``valueFrom`` names it, a fragment. Asks for the caller's account if that is in it."""
    store, *fields = without_pseudo(source, aws).split(":")
    if store not in STORES:
        store, fields = SSM, [store, *fields]
    found = read_source(store, fields)
    arn = ":".join(fields[:7]) if found.in_arn and fields[2] == SECRETS_MANAGER else ""
    return SecretPlace(
        found.store, found.name, found.region or aws.region, found.account, arn, found.key, found.stage, found.version
    )


def without_pseudo(fragment: str, aws: Aws) -> str:
    """A fragment with the values of CloudFormation's pseudo parameters."""
    pseudo = {"AWS::Region": aws.region, "AWS::Partition": aws.partition, "AWS::URLSuffix": domain_of(aws.partition)}
    if "${AWS::AccountId}" in fragment:
        pseudo["AWS::AccountId"] = aws.account()
    return _PSEUDO.sub(lambda match: f"${{{match[2]}}}" if match[1] else pseudo.get(match[2], match[0]), fragment)


# What the stores tell


def describe(run: Run, places: Iterable[SecretPlace]) -> dict[SecretPlace, StoredSecret]:
    """What the stores tell of some places, by place; no value is read.

    What cannot be read because it is in another account, a permission is missing, or for another reason that AWS
    gives, is a ``problem`` there. Raises Unreachable and Expired.
    """
    wanted = list(dict.fromkeys(places))
    account = run.aws.account() if any(place.account for place in wanted) else ""
    here = [place for place in wanted if place.account in ("", account)]
    found = {
        place: StoredSecret(
            place, None, place.name, problem=f"{place.title} is in the account {place.account}", is_elsewhere=True
        )
        for place in wanted
        if place not in here
    }
    for region in dict.fromkeys(place.region for place in here if place.store == SSM):
        found |= _parameters(run.aws, region, [each for each in here if (each.store, each.region) == (SSM, region)])
    secrets: dict[SecretPlace, StoredSecret] = {}
    for place in here:
        if place.store == SECRETS_MANAGER:
            if place.whole not in secrets:
                secrets[place.whole] = _secret(run.aws, place.whole)
            found[place] = replace(secrets[place.whole], place=place)
    return {place: found[place] for place in wanted}


def _parameters(aws: Aws, region: str, places: Sequence[SecretPlace]) -> dict[SecretPlace, StoredSecret]:
    """What SSM tells of parameters of a region. The ARN of ``/name`` is that of ``name``, too."""
    names = sorted({name for place in places for name in _names_of(place)})
    try:
        known = listed_parameters(aws, names, region)
    except ApiError as error:
        return {place: StoredSecret(place, None, problem=describe_error(error)) for place in places}
    named = ((place, next((known[name] for name in _names_of(place) if name in known), None)) for place in places)
    return {place: _parameter(place, answer) for place, answer in named}


def _names_of(place: SecretPlace) -> tuple[str, ...]:
    """The names that a parameter may have, if the spec has its ARN."""
    return parameter_names(place.name) if place.account else (place.name,)


def _parameter(place: SecretPlace, answer: Answer | None) -> StoredSecret:
    if answer is None:
        return StoredSecret(place, False, place.name)
    kind, tier, key = (text(answer, name) for name in ("Type", "Tier", "KeyId"))
    version = str(answer.get("Version") or "")
    return StoredSecret(
        place, True, text(answer, "Name"), version, answer.get("LastModifiedDate"), kind, tier or "Standard", key
    )


def _secret(aws: Aws, place: SecretPlace) -> StoredSecret:
    try:
        answer = described_secret(aws, place.id, place.region)
    except ApiError as error:
        return StoredSecret(place, None, place.name, problem=describe_error(error))
    if not answer:
        return StoredSecret(place, False, place.name)
    stages = answer.get("VersionIdsToStages") or {}
    return StoredSecret(
        place,
        True,
        text(answer, "Name") or place.name,
        next((version for version, names in stages.items() if CURRENT in names), ""),
        answer.get("LastChangedDate"),
        key_id=text(answer, "KmsKeyId"),
        tags=_tags(answer.get("Tags")),
        marked=answer.get("DeletedDate") is not None,
        manager=text(answer, "OwningService"),
    )


def _tags(listed: Iterable[Answer] | None) -> dict[str, str]:
    return {text(tag, "Key"): text(tag, "Value") for tag in listed or ()}


def look_up(run: Run, place: SecretPlace) -> StoredSecret:
    """What a store tells of a place, with its tags. Raises Stop (exit 3) for one of another account or of fsdcf."""
    if place.store == SSM and place.name.startswith(_KEPT):
        sentence = f"{place.title} is not a secret: fsdcf keeps the releases of services below {_KEPT}"
        raise stop(Exit.REFUSED, sentence, _list_command(run.target), advice=Advice("use another path"))
    found = describe(run, [place])[place]
    if found.is_elsewhere:
        advice = Advice("the credentials are of another account: use a profile of that one, with --profile")
        raise stop(Exit.REFUSED, found.problem, "aws sts get-caller-identity", advice=advice)
    return _with_tags(run.aws, found)


def _with_tags(aws: Aws, found: StoredSecret) -> StoredSecret:
    """The parameter with its tags, which are None if they cannot be read."""
    if found.place.store != SSM or found.exists is False:
        return found
    id = found.name or found.place.name
    try:
        answer = aws.call(SSM, "ListTagsForResource", at=found.place.region, ResourceType="Parameter", ResourceId=id)
    except ApiError:
        return found
    return replace(found, tags=_tags(answer.get("TagList")))


# Storing


@dataclass(frozen=True)
class StoredVersion:
    """What was stored: the version, and whether there was no value before."""

    secret: StoredSecret
    version: str
    created: bool


def store(run: Run, place: SecretPlace, read: Callable[[], str], yes: bool, key_id: str = "") -> StoredVersion:
    """Store a value, which ``read`` returns once it is clear that it may be stored: a person may have to enter it.

    A new parameter or secret gets the tags of the target and is encrypted with the KMS key ``key_id``, the one that AWS
    manages if that is empty; an existing one keeps both. One that the tags do not name as the target's is overwritten
    with a person's consent, or with ``yes``. A secret that is marked for deletion is restored first. The other keys of
    a secret's JSON stay.

    Raises Stop: exit 2 for a value that the store does not take, 3 without consent, and the exit code of AWS's error.
    """
    found = look_up(run, place)
    _check_writable(run, found)
    if found.exists and not found.belongs_to(run.target):
        _ask_for_another_s(run, found, yes, "overwritten", "Overwrite it?")
    begun = False
    try:
        value = read()
        check_value(place, value, found.tier)
        begun = True
        with _explaining(run, place, "stored", value):
            put = _put_parameter if place.store == SSM else _put_secret
            return put(run, found, value, key_id, yes)
    except INTERRUPTS:
        sentence = f"interrupted: {f'{place.title} may have been stored' if begun else 'nothing was stored'}"
        raise stop(Exit.INTERRUPTED, sentence, *([_list_command(run.target)] if begun else [])) from None


def check_value(place: SecretPlace, value: str, tier: str = "Standard") -> None:
    """Raise Stop (exit 2) for a value that the store does not take, or that no variable can have."""
    size, most = len(value.encode()), _TIERS.get(tier, _TIERS["Standard"]) if place.store == SSM else _LONGEST_SECRET
    problem = hint = ""
    if not value.strip():
        problem = "is empty" if not value else "is blank"
        hint = f"to remove what is stored, use `{suggested('secret remove')}`"
    elif "\0" in value:
        problem, hint = "contains a NUL, which no environment variable can have", "encode it, for example in base64"
    elif size > most:
        problem = f"has {size:,} bytes, and {STORES[place.store]} takes {most:,}"
        hint = f"store it in Secrets Manager, which takes {_LONGEST_SECRET:,}, with --store secretsmanager"
        hint = hint if place.store == SSM and size <= _LONGEST_SECRET else "let the service read it from a bucket"
    elif place.store == SSM and any("}}" in line.partition("{{")[2] for line in value.splitlines()):
        problem = "contains `{{…}}`, which SSM refuses: there it is the name of another parameter"
        hint = "store it in Secrets Manager, with --store secretsmanager"
    if problem:
        raise stop(Exit.USAGE, f"nothing was stored: the value {problem}", advice=Advice(hint))


def _check_writable(run: Run, found: StoredSecret) -> None:
    """Raise Stop (exit 3) for what cannot be overwritten."""
    place, problem, advice = found.place, "", ""
    if place.pinned:
        problem = f"the spec reads {place.pinned}, and a new value is the current one, which it would not read"
        advice = "leave stage and version out of the spec, or change the value with the AWS CLI"
    elif found.manager:
        problem, advice = f"the AWS service {found.manager} manages it", f"change it with {found.manager}"
    elif found.exists and place.store == SSM and found.kind not in (_SECURE, ""):
        problem = f"it is a {found.kind}, which is not encrypted, and its type cannot be changed"
        advice = "remove it and store it again, or name another one with --path and in the spec"
    elif not found.exists and place.arn and RANDOM_END.fullmatch(place.name):
        problem = "it does not exist, and AWS chooses the end of an ARN" if found.exists is False else ""
        advice = "name the secret in the spec without ARN, as secretsmanager:NAME"
    if problem:
        raise stop(Exit.REFUSED, f"{place.title}: {problem}", _list_command(run.target), advice=Advice(advice))


def _ask_for_another_s(run: Run, found: StoredSecret, yes: bool, done: str, text: str, *details: str) -> None:
    """Ask before what the tags do not name as the target's is changed."""
    sentence = f"{found.place.title} does not belong to {run.target.service} in {run.target.environment}: {found.owner}"
    question = Question("adopt", text, (sentence, *details))
    refusal = "; ".join(
        (sentence, *details, f"nothing was {done} without confirmation: pass --yes if it may be {done}")
    )
    confirm(run, yes, question, _list_command(run.target), sentence=refusal)


def _list_command(target: Target) -> str:
    return suggested("secret list", "SPEC", env=target.environment)


def _target_tags(target: Target) -> list[dict[str, str]]:
    tags = {SERVICE_TAG: target.service, ENVIRONMENT_TAG: target.environment}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _put_parameter(run: Run, found: StoredSecret, value: str, key_id: str, yes: bool) -> StoredVersion:
    """Create a parameter, or write its next version.

    A call that creates is repeated without harm: what exists then has the target's tags, and is overwritten. It may
    also have existed if it could not be looked up. SSM encrypts with its own key what names no key, so that the key of
    an existing one is named again.
    """
    place = found.place
    name = found.name or place.name
    put = partial(run.aws.call, SSM, "PutParameter", at=place.region, Name=name, Value=value, Type=_SECURE)
    if not found.exists:
        key = {"KeyId": key_id} if key_id else {}
        try:
            return _written(found, put(Overwrite=False, Tier="Standard", Tags=_target_tags(run.target), **key), True)
        except ApiError as error:
            if error.code != "ParameterAlreadyExists":
                raise
            repeated = error.repeated
        found = _with_tags(run.aws, replace(found, exists=True, name=name))
        if not found.belongs_to(run.target):
            _ask_for_another_s(run, found, yes, "overwritten", "Overwrite it?")
        known = describe(run, [place])[place]
        found = replace(found, key_id=known.key_id or key_id, tier=known.tier, exists=not repeated)
    key = {"KeyId": found.key_id} if found.key_id else {}
    return _written(found, put(Overwrite=True, Tier=found.tier, **key), not found.exists)


def _written(found: StoredSecret, answer: Answer, created: bool) -> StoredVersion:
    return StoredVersion(found, str(answer.get("Version") or answer.get("VersionId") or ""), created)


def _put_secret(run: Run, found: StoredSecret, value: str, key_id: str, yes: bool) -> StoredVersion:
    """Create a secret, or give it a new version, once for each token however often the call is repeated."""
    place = found.place
    call = partial(run.aws.call, SECRETS_MANAGER, at=place.region)
    token = _token(run.aws)
    if found.marked:
        call("RestoreSecret", SecretId=place.id)
        run.step("restore", f"{found.name} was marked for deletion")
    if not found.exists:
        whole = json.dumps({place.key: value}, ensure_ascii=False) if place.key else value
        key = {"KmsKeyId": key_id} if key_id else {}
        tags, name = _target_tags(run.target), place.name
        try:
            more = {"ClientRequestToken": token, "SecretString": whole}
            return _written(found, call("CreateSecret", Name=name, Tags=tags, **more, **key), True)
        except ApiError as error:
            if error.code != "ResourceExistsException":
                raise
        found = _secret(run.aws, place)
        if not found.belongs_to(run.target):
            _ask_for_another_s(run, found, yes, "overwritten", "Overwrite it?")
    if place.key:
        known = {**_read_object(run, found), place.key: value}
        check_value(place, _as_json(known))
        with _explaining(run, place, "stored", *_texts(known)):
            return _written(found, _put_version(run, place, _as_json(known), token), False)
    return _written(found, _put_version(run, place, value, token), False)


def _token(aws: Aws) -> str:
    """A new token of a version, which is its id, too."""
    return str(UUID(int=aws.random.getrandbits(128), version=4))


def _put_version(run: Run, place: SecretPlace, value: str, token: str) -> Answer:
    more = {"ClientRequestToken": token, "SecretString": value}
    return run.aws.call(SECRETS_MANAGER, "PutSecretValue", at=place.region, SecretId=place.id, **more)


class _Number(str):
    """A number of a JSON text, as it is written."""


def _object(text: str) -> dict[str, Any]:
    """The object in a JSON text, whose numbers keep their digits. Raises ValueError for any other text, and for one
    that has a key twice."""
    data = json.loads(
        text, parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_with_unique_keys
    )
    if not isinstance(data, dict):
        raise ValueError
    return data


def _with_unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


def _as_json(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_as_json(key)}: {_as_json(one)}" for key, one in value.items()) + "}"
    return f"[{', '.join(map(_as_json, value))}]" if isinstance(value, list) else json.dumps(value, ensure_ascii=False)


def _texts(value: Any) -> Iterator[str]:
    """The texts and numbers in a value of JSON, at any depth."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value


def _read_object(run: Run, found: StoredSecret) -> dict[str, Any]:
    """The JSON object in a secret; an empty one if it has no value. Raises Stop (exit 3) if its value is anything else.

    Its value is in no exception.
    """
    place = found.place
    try:
        answer = run.aws.call(SECRETS_MANAGER, "GetSecretValue", at=place.region, SecretId=place.id)
    except ApiError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return {}  # it has no value yet
    known: dict[str, Any] | None = None
    with suppress(ValueError, RecursionError):
        known = _object(answer.get("SecretString") or "")
    if known is None:
        sentence = (
            f"nothing was changed: the value of {found.name} is not a JSON object, so it has no key `{place.key}`"
        )
        advice = "name the whole secret in the spec, without a key; or another secret for this key"
        raise stop(Exit.REFUSED, sentence, _list_command(run.target), advice=Advice(advice))
    return known


# Removing


@dataclass(frozen=True)
class Removed:
    """What was removed, and until when it can be restored; None for what cannot be."""

    secret: StoredSecret
    until: datetime | None = None
    key_only: bool = False


def remove(run: Run, place: SecretPlace, uses: Sequence[str], yes: bool) -> Removed:
    """Remove a stored value. ``uses`` say what in the spec still reads it.

    A secret can be restored for 30 days. A parameter cannot, so that a person is asked, or ``yes`` agrees; so it is
    for what is still read, and for what the tags do not name as the target's. Of a secret whose JSON has other keys,
    the key alone is removed. Raises Stop: exit 2 if there is nothing, 3 without consent, and the exit code of AWS's
    error.
    """
    found = look_up(run, place)
    if found.exists is False or found.marked:
        state = "is marked for deletion already" if found.marked else "does not exist"
        raise stop(Exit.USAGE, f"{place.title} {state}: nothing was removed", _list_command(run.target))
    if found.manager:
        sentence = f"{place.title} is managed by the AWS service {found.manager}: nothing was removed"
        raise stop(Exit.REFUSED, sentence, _list_command(run.target))
    reading = (
        f"the running service {stack} reads it: new tasks do not start without it" for stack in _readers(run, place)
    )
    details = [*uses, *reading]
    if not found.belongs_to(run.target):
        _ask_for_another_s(run, found, yes, "removed", f"Remove {place.title}?", *details)
    elif place.store == SSM or details:
        forever = ["SSM cannot restore it"] if place.store == SSM else []
        question = Question("data", f"Remove {place.title}?", (*details, *forever))
        sentence = "; ".join((f"{place.title} is removed only after a confirmation", *details, *forever))
        confirm(run, yes, question, _list_command(run.target), sentence=f"{sentence}: pass --yes to agree")
    with _explaining(run, place, "removed"):
        return _removed(run, found)


def _removed(run: Run, found: StoredSecret) -> Removed:
    place = found.place
    if place.store == SSM:
        try:
            run.aws.call(SSM, "DeleteParameter", at=place.region, Name=found.name or place.name)
        except ApiError as error:
            if error.code != "ParameterNotFound" or not error.repeated:
                raise
        return Removed(found)
    if place.key:
        known = _read_object(run, found)
        if place.key not in known:
            raise stop(Exit.USAGE, f"{place.title} does not exist: nothing was removed", _list_command(run.target))
        del known[place.key]
        if known:
            with _explaining(run, place, "removed", *_texts(known)):
                _put_version(run, place, _as_json(known), _token(run.aws))
            return Removed(found, key_only=True)
    call = partial(run.aws.call, SECRETS_MANAGER, at=place.region, SecretId=place.id)
    try:
        answer = call("DeleteSecret", RecoveryWindowInDays=RECOVERY_DAYS)
    except ApiError as error:
        if not (error.repeated and error.code == "InvalidRequestException" and _secret(run.aws, place).marked):
            raise
        answer = {}
    return Removed(found, answer.get("DeletionDate"))


# Tasks that read a secret


def _readers(run: Run, place: SecretPlace) -> Iterator[str]:
    """The stacks of the environment whose tasks read a secret now; what cannot be read is a warning or a notice."""
    try:
        stack = snapshot(run.aws, run.target.stack)
        names = resource_names(stack, run.aws) if stack else {}
        cluster, name = names.get("Cluster", ""), cluster_and_name(names.get("Service", ""))[1]
        service = describe_service(run.aws, cluster, name) if cluster and name else None
    except ApiError as error:
        run.lack("whether the running service reads it is unknown", error)
        service = None
    if service is not None and service.running:
        definition = definition_of(run, service.task_definition)
        if any(each.overlaps(place) for each in sources_in(run, definition, "secrets")):
            yield run.target.stack
    yield from (target.stack for target in other_readers(run, place))


def definition_of(run: Run, name: str) -> Answer:
    """The answer of DescribeTaskDefinition; empty, with a warning, if it cannot be read."""
    without = "what the tasks read is not known"
    return run.optional(without, "ecs", "DescribeTaskDefinition", taskDefinition=name)


def sources_in(run: Run, definition: Answer, kind: str) -> Iterator[SecretPlace]:
    """The secrets of a task definition: those that containers and log drivers read, or a registry's credentials."""
    for container in containers_in(definition):
        if kind == "credentials":
            named = [text(container.get("repositoryCredentials") or {}, "credentialsParameter")]
        else:
            options = (container.get("logConfiguration") or {}).get("secretOptions") or []
            named = [text(one, "valueFrom") for one in (*(container.get("secrets") or []), *options)]
        yield from (place_of(source, run.aws) for source in named if source)


def other_readers(run: Run, place: SecretPlace) -> Iterator[Target]:
    """The other services of the environment whose tasks read the secret; none for one below the service's own path.

    What cannot be read is a notice: the permissions to operate one service do not show the others.
    """
    target = run.target
    if place.name.startswith(f"/{target.service}/{target.environment}/"):
        return
    try:
        known = services(run, target.environment)
    except Expired:
        raise
    except AwsError as error:
        run.tell(NoticeIssued("others", f"whether other services read it is not known: {describe_error(error)}"))
        return
    for one in known:
        if one.stack.name == target.stack or one.ecs is None or not one.ecs.desired:
            continue
        definition = definition_of(run, one.ecs.task_definition)
        if any(each.overlaps(place) and not each.pinned for each in sources_in(run, definition, "secrets")):
            yield Target(one.service, one.environment)


# Errors


@contextmanager
def _explaining(run: Run, place: SecretPlace, done: str, *values: str) -> Iterator[None]:
    """Raise Stop for an error of AWS, with what helps.

    AWS's message is left out if it quotes a value, and the exceptions that hold it are not passed on.
    """
    try:
        yield
        return
    except AwsError as error:
        failed = error
    if any(value and value in failed.message for value in values):
        failed.message = "AWS's message quotes the value, so it is not shown"
    failed.args, failed.__cause__, failed.__context__ = (failed.message,), None, None
    outcome = outcome_of(failed, run.aws, run.target)
    what = f"{place.title} may have been {done}" if failed.repeated else f"{place.title} was not {done}"
    code = failed.code if isinstance(failed, ApiError) else ""
    advice = Advice(_ADVICE[code]) if code in _ADVICE else outcome.advice
    next = tuple(dict.fromkeys((*outcome.next, _list_command(run.target))))
    raise Stop(replace(outcome, sentence=f"{what}: {outcome.sentence}", next=next, advice=advice))


_KEY = "the KMS key must exist in the Region and be enabled, and you need permission to encrypt and decrypt with it"
_ADVICE: Mapping[str, str] = {
    **dict.fromkeys(("InvalidKeyId", "EncryptionFailure", "DecryptionFailure", "KMSAccessDenied"), _KEY),
    "TooManyUpdates": "another update of it is in progress: wait a moment, and run the command again",
    "ParameterLimitExceeded": "remove parameters that nothing reads, or store it with --store secretsmanager",
    "LimitExceededException": "wait, or remove secrets that nothing reads: an account has a limit",
    "ParameterMaxVersionLimitExceeded": (
        "the oldest of its 100 versions has a label: move the label with `aws ssm label-parameter-version`"
    ),
    "HierarchyTypeMismatchException": "remove it and store it again: the type of a parameter cannot be changed",
    "ParameterPatternMismatchException": "the parameter was made with a pattern that its values must match",
    "InvalidAllowedPatternException": "the parameter was made with a pattern that its values must match",
    "HierarchyLevelLimitExceededException": "use a path with at most 15 levels",
    "InvalidRequestException": "the state of the secret forbids it: it may be marked for deletion, or be a replica",
    "MalformedPolicyDocumentException": "correct the resource policy of the secret",
    "PreconditionNotMetException": "the resource policy of the secret would lock you out",
}
"""What helps against errors of the stores.
Sources: PutParameter, CreateSecret and PutSecretValue in the API references"""
