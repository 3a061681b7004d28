"""What takes the place of databases, caches, queues and buckets, and of the names by which services call each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.importers.compose.images import ComposeRole, KnownImage, engine_version
from fsdcf.importers.compose.plan import ComposePlan, ComposeService, ComposeVariable, listed
from fsdcf.importers.draft import Block, Draft, spec_name
from fsdcf.importers.report import KeyOutcome, UnfitError, changed, not_carried
from fsdcf.importers.values import literal, put_variable, store
from fsdcf.language.model.common import VARIABLE
from fsdcf.masking import contains_secret, is_secret_name, mask_value

_USERS = ("POSTGRES_USER", "POSTGRESQL_USERNAME", "MYSQL_USER", "MARIADB_USER")
_DATABASES = ("POSTGRES_DB", "POSTGRESQL_DATABASE", "MYSQL_DATABASE", "MARIADB_DATABASE")
_RESERVED = frozenset(
    [
        "admin",
        "user",
        "root",
        "public",
        "database",
        "databases",
        "mysql",
        "sys",
        "order",
        "group",
        "table",
        "rdsadmin",
        "default",
    ]
)
"""Names of users and databases that RDS refuses, of those that people choose."""
_LOCAL_KEYS = re.compile(r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)")
_LOCAL_TYPES = frozenset({"aws_s3_bucket", "aws_sqs_queue", "aws_dynamodb_table", "aws"})
"""The types whose local stand-ins need an address and credentials, which the SDK has on AWS."""
_NAMED = (
    (re.compile(r"(?:^|_)BUCKET(?:_NAME)?$"), "aws_s3_bucket"),
    (re.compile(r"(?:^|_)QUEUE(?:_NAME|_URL)?$"), "aws_sqs_queue"),
    (re.compile(r"(?:^|_)TABLE(?:_NAME)?$"), "aws_dynamodb_table"),
    (re.compile(r"(?:^|_)TOPIC(?:_NAME|_ARN)?$"), "aws_sns_topic"),
)
_ATTRIBUTES = {"aws_s3_bucket": "s3 name", "aws_sqs_queue": "sqs url", "aws_sns_topic": "sns arn"}


@dataclass(eq=False, repr=False)
class ComposeDraft(Draft):
    """The spec of a service of a Compose file."""

    plan: ComposePlan = field(default_factory=lambda: ComposePlan({}))
    part: ComposeService | None = None
    project_name: str = ""
    owners: dict[str, str] = field(default_factory=dict)
    """The spec that has each dependency, by the service of the Compose file that it replaces."""
    notes: list[str] = field(default_factory=list)
    """What to do before its first deploy."""
    unset: list[str] = field(default_factory=list)
    """The variables of Compose that the spec needs, and that are not set."""


def part_of(block: Block) -> tuple[ComposeDraft, ComposeService]:
    """The draft of a block, and the service that it is made of."""
    draft = block.draft
    if not isinstance(draft, ComposeDraft) or draft.part is None:
        raise TypeError("a spec of another format")
    return draft, draft.part


# Databases, caches and search


def credentials(part: ComposeService) -> tuple[str, str, set[str]]:
    """The user and the database of a container with a database, and the values of its passwords."""
    user, database = (_identity(part, names) for names in (_USERS, _DATABASES))
    passwords = {identity_of(each) for name, each in part.variables.items() if is_secret_name(name)}
    return user, database, passwords - {""}


def identity_of(variable: ComposeVariable) -> str:
    """The value of a variable, or ``$NAME`` if another variable that is not set has it."""
    return variable.text or "".join(f"${name}" for name in variable.unset)


def _identity(part: ComposeService, names: tuple[str, ...]) -> str:
    found = next((part.variables[name] for name in names if name in part.variables), None)
    return identity_of(found) if found is not None and not found.secret else ""


def fitting(name: str, longest: int) -> bool:
    """Whether RDS accepts the name of a user or a database."""
    return len(name) <= longest and bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)) and name.lower() not in _RESERVED


def attach(draft: ComposeDraft, other: ComposeService) -> None:
    """Add the dependency that takes the place of a container to a spec: the first spec has it, others use it."""
    known = other.known
    if known is None:
        return
    owner = draft.owners.setdefault(other.name, draft.name)
    if known.type in ("aws_rds_instance", "aws_elasticache", "aws_opensearch"):
        block = draft.dependency(known.type, dependency_name(other))
        if known.engine not in ("postgres", "valkey", ""):
            block.put("engine", known.engine)
        if owner == draft.name:
            _managed(block, known, other)
        else:
            _shared(block, draft, other, owner)
    else:
        _stores(draft, other)


def _managed(block: Block, known: KnownImage, other: ComposeService) -> None:
    if known.type != "aws_rds_instance":
        return
    try:
        version = engine_version(known, other.image)
    except UnfitError:
        version = ""
    if version:
        block.put("version", version)
    user, database, _ = credentials(other)
    user = user or ("postgres" if known.engine == "postgres" else "")
    if fitting(user, 16):
        block.put("user", user)
    if fitting(database, 63):
        block.put("database", database)


def _shared(block: Block, draft: ComposeDraft, other: ComposeService, owner: str) -> None:
    """Use what the stack of another service has, by parameters that the user stores after its first deploy."""
    known = other.known
    place = f"/{draft.project_name}/${{ENV}}/{dependency_name(other).removeprefix('${ENV}-')}"
    comment = f"The stack of {owner} makes it: store the outputs of that stack in these parameters."
    if known and known.type == "aws_rds_instance":
        keys = {"endpoint": "endpoint", "secret": "secret", "securityGroupId": "security-group"}
        _, database, _ = credentials(other)
        if fitting(database, 63):
            block.put("database", database)
    else:
        keys = {"endpoint": "endpoint", "securityGroupId": "security-group"}
    if known and known.type == "aws_opensearch":
        block.put("unmanaged.permissions", "readWrite")
    for key, end in keys.items():
        block.put(f"unmanaged.{key}", f"${{ssm:{place}/{end}}}")
    block.draft.comments[block.below("unmanaged").at] = comment
    stored = ", ".join(f"{place}/{end}".replace("${ENV}", "staging") for end in keys.values())
    outputs = f"the outputs of its stack for {other.name} in the Parameter Store, as {stored}"
    draft.notes.append(f"deploy {owner} first, and store {outputs}")
    if known and known.type == "aws_elasticache" and known.engine == "valkey":
        prefix = _prefix(other)
        draft.block.put_at("environment", f"{prefix}_USER", dependency_name(other))
        store(draft.block, f"{prefix}_PASSWORD")


def dependency_name(other: ComposeService) -> str:
    """The name of the dependency that takes the place of a container."""
    name = spec_name(other.name)[:20].strip("-")
    if other.known and other.known.type == "aws_rds_instance":
        return name
    return f"${{ENV}}-{name if len(name) > 1 else 'store'}"


def _prefix(other: ComposeService) -> str:
    return spec_name(other.name)[:20].strip("-").replace("-", "_").upper()


def given(other: ComposeService, is_only: bool) -> Mapping[str, str]:
    """The variables that the dependency in the place of a container gives, each with what it contains."""
    known, prefix = other.known, _prefix(other)
    parts = {"HOST": "host", "PORT": "port", "NAME": "name", "USER": "user", "PASSWORD": "password"}
    if known and known.type == "aws_rds_instance":
        found = {f"{prefix}_DATABASE_{part}": what for part, what in parts.items()}
        if is_only:
            found |= {f"DATABASE_{part}": what for part, what in parts.items()}
        if is_only and known.engine == "postgres":
            names = {"HOST": "HOST", "PORT": "PORT", "NAME": "DATABASE", "USER": "USER", "PASSWORD": "PASSWORD"}
            found |= {f"PG{names[part]}": what for part, what in parts.items()}
        return found
    if known and known.type == "aws_elasticache":
        valkey = {"USER": "user", "PASSWORD": "password"} if known.engine == "valkey" else {}
        return {f"{prefix}_{part}": what for part, what in {"HOST": "host", "PORT": "port", **valkey}.items()}
    return {}


# Queues, buckets and tables


def _stores(draft: ComposeDraft, other: ComposeService) -> None:
    """Add what the variables of a service name in a local AWS: buckets, queues, tables and topics."""
    found = [*_named_stores(draft.part, other)] if draft.part else []
    kind = other.known.type if other.known else ""
    if not found and kind == "aws_s3_bucket":
        found = [("", f"{draft.name}-{spec_name(other.name)}", kind)]
    for _, name, type_name in found:
        physical = f"${{ENV}}-{spec_name(name)}"
        owner = draft.owners.setdefault(f"{type_name} {physical}", draft.name)
        block = draft.dependency(type_name, physical)
        if owner != draft.name or type_name == "aws_dynamodb_table":
            block.put("unmanaged.permissions", "readWrite")
        if type_name == "aws_dynamodb_table":
            about = "It must exist; or write `keySchema` and `attributes` in place of `unmanaged`."
            block.draft.comments[block.below("unmanaged").at] = about


def _named_stores(part: ComposeService, other: ComposeService) -> Iterator[tuple[str, str, str]]:
    """The variables that name a bucket, a queue, a table or a topic: with the name, and the type."""
    kind = other.known.type if other.known else ""
    for variable in part.variables.values():
        type_name = store_type(variable.name)
        if type_name and variable.text and kind in ("aws", type_name):
            name = re.split(r"[/:]", variable.text.rstrip("/"))[-1].removesuffix(".fifo")
            if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{1,40}", name):
                yield variable.name, name, type_name


def store_type(variable: str) -> str:
    """The type of the dependency that a variable names, by the name of the variable; empty for any other."""
    return next((type_name for pattern, type_name in _NAMED if pattern.search(variable.upper())), "")


# Variables


def put_connected(block: Block, variable: ComposeVariable) -> KeyOutcome:
    """Put a variable of a container into a spec, with what takes the place of the containers that it names."""
    draft, part = part_of(block)
    if not re.fullmatch(VARIABLE, variable.name):
        return not_carried(f"a variable must match {VARIABLE}")
    used = [other for name in part.uses if (other := draft.plan.services[name]).role is ComposeRole.DEPENDENCY]
    if variable.text is None:
        if outcome := _of_login(block, variable, used):
            return outcome
        if is_secret_name(variable.name):
            return changed(
                "nothing here gives it a value: store it with `fsdcf secret set`", store(block, variable.name)
            )
        return not_carried("Compose takes it from the shell, and it is not set here: write its value into the spec")
    for way in (_of_file, _of_dependency, _of_store, _of_login, _of_secret):
        outcome = way(block, variable, used)
        if outcome is not None:
            return outcome
    return _of_text(block, variable)


def _of_dependency(block: Block, variable: ComposeVariable, used: list[ComposeService]) -> KeyOutcome | None:
    """What becomes of a variable that a dependency gives, or makes needless."""
    is_only = _has_one_database(used)
    for other in used:
        what = given(other, is_only).get(variable.name)
        if what and (what != "name" or identity_of(variable) == credentials(other)[1]):
            return changed(f"the dependency `{spec_name(other.name)}` gives this variable", ".dependencies")
        if _is_local(other) and _LOCAL_KEYS.fullmatch(variable.name):
            return changed("left out: the task role has the permissions", ".dependencies")
    return None


def _of_file(block: Block, variable: ComposeVariable, used: list[ComposeService]) -> KeyOutcome | None:
    """What becomes of a variable with the path of a secret, which is a variable here and not a file."""
    _, part = part_of(block)
    secrets = [each.data for each in listed(part.value.get("secrets"))]
    targets = [each.get("target") for each in secrets if isinstance(each, dict)]
    text = variable.text or ""
    if text.startswith("/run/secrets/") or (text.startswith("/") and text in targets):
        return changed("left out: ECS gives a secret as a variable, and not as a file", "secrets")
    return None


def _has_one_database(used: list[ComposeService]) -> bool:
    return sum(1 for other in used if _is_database(other)) == 1


def _is_local(other: ComposeService) -> bool:
    return other.known is not None and other.known.type in _LOCAL_TYPES


def _of_secret(block: Block, variable: ComposeVariable, used: list[ComposeService]) -> KeyOutcome | None:
    """What becomes of a variable whose value comes from a secret variable."""
    if not variable.secret or not variable.text:
        return None
    draft, part = part_of(block)
    named = [other for other, *_ in draft.plan.named_in(variable.text, variable.name, part.name)]
    reason = "its value comes from a secret variable: store it with `fsdcf secret set`"
    return _lost(block, variable.name, named) or changed(reason, store(block, variable.name))


def _of_text(block: Block, variable: ComposeVariable) -> KeyOutcome:
    """Put a variable with placeholders for the containers that it names."""
    draft, part = part_of(block)
    name = variable.name
    text, notes, lost = _replaced(draft, part, name, variable.text or "")
    if lost is not None:
        return _lost(block, name, [lost]) or changed("left out", ".dependencies")
    databases = [draft.plan.services[each] for each in part.uses if _is_database(draft.plan.services[each])]
    if variable.unset and databases and re.search(r"(DATABASE|DB|POSTGRES|PG|MYSQL)\w*_(URL|URI|DSN)$", name.upper()):
        return _lost(block, name, databases[:1]) or changed("left out", ".dependencies")
    if variable.unset and not notes:
        missing = ", ".join(variable.unset)
        if is_secret_name(name):
            return changed(f"{missing} is not set here: store the value with `fsdcf secret set`", store(block, name))
        outcome = put_variable(block, name, text)
        draft.unset += variable.unset
        reason = f"{missing} is not set here, so Compose would leave it empty: write the value"
        return changed(reason, outcome.to) if outcome.to else outcome
    outcome = put_variable(block, name, text)
    return changed("; ".join(dict.fromkeys(notes)), outcome.to) if notes and outcome.to else outcome


def _of_store(block: Block, variable: ComposeVariable, used: list[ComposeService]) -> KeyOutcome | None:
    """What becomes of a variable that names a bucket, a queue, a table or a topic of a local AWS."""
    _, part = part_of(block)
    for other in filter(_is_local, used):
        for name, store_name, type_name in _named_stores(part, other):
            if name == variable.name:
                physical = spec_name(store_name)
                attribute = _ATTRIBUTES.get(type_name, "")
                if not attribute or (attribute == "sqs url" and "URL" not in name.upper()):
                    value = f"${{ENV}}-{physical}"
                else:
                    kind, last = attribute.split()
                    value = f"${{{kind}:{physical}:{last}}}"
                block.put_at("environment", name, value)
                return changed(f"the one of the dependency `{physical}`", f"environment.{name} .dependencies")
    return None


def _of_login(block: Block, variable: ComposeVariable, used: list[ComposeService]) -> KeyOutcome | None:
    """What becomes of a variable with the user, the database or the password of a container that a dependency
    replaces."""
    name, own = variable.name, identity_of(variable)
    for other in used if own or is_secret_name(name) else ():
        user, database, passwords = credentials(other)
        is_its_own = _is_database(other) and _has_one_database(used) and _names_database(name)
        is_same = own in passwords and not (own == user and _ADMINISTRATOR.search(name.upper()))
        if is_secret_name(name) and (is_same or is_its_own):
            if _is_local(other):
                return changed("left out: the task role has the permissions", ".dependencies")
            if outcome := _of_password(block, name, other):
                return outcome
        if _is_database(other) and own == user and not fitting(user, 16) and "USER" in name.upper():
            block.put_at("environment", name, "app")
            return changed("RDS does not accept the name, and the dependency has the default", f"environment.{name}")
        if (
            _is_database(other)
            and own == database
            and not fitting(database, 63)
            and re.search("NAME|DB|DATABASE", name)
        ):
            block.put_at("environment", name, f"${{rds:{dependency_name(other)}:name}}")
            return changed("RDS does not accept the name, and the dependency has the default", f"environment.{name}")
    return None


_ADMINISTRATOR = re.compile(r"(?:^|_)(?:WWW|WEB|ADMIN|SUPERUSER)_")
"""Names of passwords of people, which may have the same simple value as that of a database."""


def _names_database(name: str) -> bool:
    """Whether the variable of a password is that of a database, by its name."""
    return re.search(r"(^|_)(DB|DATABASE|PG|POSTGRES|POSTGRESQL|MYSQL|MARIADB|SQL)_?PASS", name.upper()) is not None


def _of_password(block: Block, name: str, other: ComposeService) -> KeyOutcome | None:
    """Give a variable the password that AWS makes for the dependency in the place of a container, if there is one."""
    if "password" not in given(other, is_only=False).values():
        return None
    draft, _ = part_of(block)
    owner = draft.owners.get(other.name, draft.name)
    if not _is_database(other) and owner != draft.name:
        reason = f"the one that AWS makes, which the stack of {owner} has: store it with `fsdcf secret set`"
        return changed(reason, store(block, name))
    kind = "rds" if _is_database(other) else "elasticache"
    block.put_at("environment", name, f"${{{kind}:{dependency_name(other).removeprefix('${ENV}-')}:password}}")
    return changed("the password that AWS generates", f"environment.{name}")


def _lost(block: Block, name: str, named: list[ComposeService]) -> KeyOutcome | None:
    """What becomes of a variable with the address of a container that nothing replaces as it is."""
    draft, part = part_of(block)
    for other in named:
        known = other.known
        if other.role is ComposeRole.OTHER and known:
            return changed(f"{known.advice}: `fsdcf secret set` stores it", store(block, name))
        if other.role is ComposeRole.DEPENDENCY and known:
            if known.type in _LOCAL_TYPES:
                return changed("left out: the SDK uses the services of AWS", ".dependencies")
            names = [*given(other, _has_one_database([draft.plan.services[each] for each in part.uses]))]
            most = names[-5:] if known.type == "aws_rds_instance" else names
            return not_carried(
                "a URL with a password must not be in a spec, and AWS generates a new password: let the program"
                f" build the URL from {', '.join(most)}, which the container gets"
            )
        if other.role is ComposeRole.TOOL and known:
            return not_carried(f"`{other.name}` is {known.what}: {known.advice}")
        if other.role is ComposeRole.OFF:
            return not_carried(f"`{other.name}` has a profile, and does not start by default")
    return None


def _is_database(other: ComposeService) -> bool:
    return other.known is not None and other.known.type == "aws_rds_instance"


def _replaced(
    draft: ComposeDraft, part: ComposeService, name: str, text: str
) -> tuple[str, list[str], ComposeService | None]:
    """A text with placeholders for the names of other containers, what is different, and the first container that
    nothing replaces."""
    parts: list[str] = []
    notes: list[str] = []
    at = 0
    for other, start, end, port in draft.plan.named_in(text, name, part.name):
        known = other.known
        scheme = re.search(r"[a-z][a-z0-9+.-]*://$", text[at:start])
        begin = start - len(scheme[0]) if scheme else start
        own = text[begin:start]
        if other.role in (ComposeRole.SERVICE, ComposeRole.STEP, ComposeRole.JOB):
            new, note = _to_service(other, own, port)
        elif other.role is ComposeRole.DEPENDENCY and known and known.type not in _LOCAL_TYPES:
            if ("@" in text[at:start] and "://" in text[at:start]) or (
                contains_secret(text, name) and _is_database(other)
            ):
                return text, notes, other
            new, note = _to_dependency(other, known, own, port)
        else:
            return text, notes, other
        parts += [literal(text[at:begin]), new]
        notes += [note] if note else []
        at = end
    parts.append(literal(text[at:]))
    return "".join(parts), notes, None


def _to_service(other: ComposeService, scheme: str, port: int | None) -> tuple[str, str]:
    kind, own = f"service:{other.spec}", other.main_port
    if own is None or other.role is not ComposeRole.SERVICE:
        return scheme + other.name + (f":{port}" if port else ""), f"`{other.name}` has no port that can be called"
    if scheme == "http://" and (port or 80) == own:
        return f"${{{kind}:url}}", f"the address of `{other.spec}` in Service Connect"
    if port is not None and port != own:
        note = f"Service Connect leads to port {own} of `{other.spec}` alone, and not to {port}"
        return f"{scheme}${{{kind}:host}}:{port}", note
    tail = f":${{{kind}:port}}" if port else ""
    return f"{scheme}${{{kind}:host}}{tail}", f"the name of `{other.spec}` in Service Connect"


def _to_dependency(other: ComposeService, known: KnownImage, scheme: str, port: int | None) -> tuple[str, str]:
    name = spec_name(other.name)[:20].strip("-")
    if known.type == "aws_opensearch":
        name = name if len(name) > 1 else "store"
        if scheme:
            return f"${{opensearch:{name}:url}}", "over TLS, and clients sign their requests with the task role"
        return f"${{opensearch:{name}:endpoint}}" + (":443" if port else ""), "at port 443, over TLS"
    if known.type == "aws_rds_instance":
        return f"{scheme}${{rds:{name}:endpoint}}" + (f":${{rds:{name}:port}}" if port else ""), (
            "the address of the database, to which connections need TLS"
        )
    name = name if len(name) > 1 else "store"
    host = f"${{elasticache:{name}:host}}" + (f":${{elasticache:{name}:port}}" if port or scheme else "")
    if known.engine == "memcached":
        return f"{scheme}{host}", "over TLS"
    note = f"over TLS, with the user and the password in {_prefix(other)}_USER and {_prefix(other)}_PASSWORD"
    return (scheme.replace("redis://", "rediss://") if scheme else "") + host, note


def check_no_secret(words: list[str]) -> None:
    """Raise UnfitError if a command contains a secret."""
    if mask_value(words) != words or contains_secret(" ".join(words)):
        raise UnfitError("contains a secret: let the program read it from a variable of `secrets`")


def put_words(block: Block, key: str, words: list[str]) -> str:
    """Put a command into a spec, with placeholders for the names of other containers. Returns what is different."""
    draft, part = part_of(block)
    check_no_secret(words)
    out, notes = [], []
    for word in words:
        text, different, lost = _replaced(draft, part, "", word)
        if lost is not None:
            different = [f"`{lost.name}` in it does not exist in AWS"]
            text = literal(word)
        out.append(text)
        notes += different
    block.put(key, out)
    return "; ".join(dict.fromkeys(notes))


def endpoint(part: ComposeService) -> dict[str, Any]:
    """The address in Service Connect at which others reach a service as they do in Compose."""
    found: dict[str, Any] = {}
    alias = part.name.lower()
    if alias != part.spec:
        found["alias"] = alias
    if part.main_port != 80:
        found["port"] = part.main_port
    return found
