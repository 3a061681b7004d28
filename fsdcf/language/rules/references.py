"""Rules about placeholders that the compiler keeps: secrets and attributes of dependencies, and where each is
allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fsdcf.cloudformation.arns import RANDOM_END
from fsdcf.cloudformation.partitions import PARTITIONS, domain_of, partition_of
from fsdcf.diagnostics import SpecPath, joined
from fsdcf.language.model.common import NamedByArn
from fsdcf.language.names import local_name
from fsdcf.language.partitions import NamedPartition, named_partitions
from fsdcf.language.placeholders import (
    Attribute,
    SecretRef,
    String,
    Text,
    is_parameter,
    is_whole,
    reads_elsewhere,
    sample,
)
from fsdcf.language.rules.case import ALL, Case, Problem, Problems, rule
from fsdcf.language.rules.container import named_by_parameter
from fsdcf.links import NAMES_LIKE_ARNS

_SECRET = re.compile(r"(arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:|^secretsmanager:)([A-Za-z0-9/_+=.@!*?-]+)")
_WORD = re.compile(r"[a-z]+[0-9]*|[A-Z]+[0-9]*|[A-Z][a-z]+[0-9]*|[0-9]+")
"""Six characters that are hardly ever random. Random ones are letters of both cases and digits: one ARN in fifty ends
like this."""


def _attributes(case: Case) -> Iterator[tuple[SpecPath, Attribute]]:
    for path, text in case.texts:
        yield from ((path, part) for part in text.parts if isinstance(part, Attribute))


def _secrets(case: Case) -> Iterator[tuple[SpecPath, Text, SecretRef]]:
    for path, text in case.texts:
        yield from ((path, text, part) for part in text.parts if isinstance(part, SecretRef))


def _is_variable(path: SpecPath) -> bool:
    return within_container(path)[:2] == ("service", "environment")


def _names_secret(path: SpecPath) -> bool:
    """Whether the text at a path is the name or the ARN of a secret."""
    of_dependency = path[0] == "dependencies" and path[-1] == "secret"
    return of_dependency or path[-1] == "valueFrom" or within_container(path) == ("service", "imageCredentials")


def within_container(path: SpecPath) -> SpecPath:
    """A path with that of the service in place of that of a sidecar: both have the keys of a container."""
    return ("service", *path[3:]) if path[:2] == ("service", "sidecars") and len(path) > 3 else path


def _is_key(path: SpecPath) -> bool:
    """Whether the text at a path is a KMS key."""
    return path[-1] == "encryption" or path[:2] == ("service", "secretKeys")


def _takes_attribute(path: SpecPath, attribute: Attribute) -> bool:
    if _is_key(path):
        return (attribute.kind, attribute.attribute) == ("kms", "arn")
    if path[0] == "overrides" or within_container(path)[:2] in (
        ("service", "environment"),
        ("service", "command"),
        ("service", "entryPoint"),
    ):
        return True
    role = path[:2] in (("service", "taskRole"), ("service", "executionRole"))
    return role and ("resources" in path or "conditions" in path)


@rule("S208", "a placeholder where it is not allowed", kinds=ALL)
def misplaced(case: Case) -> Problems:
    """Attributes of dependencies are allowed in environment values, commands and the resources of IAM statements, and
    the ARN of a KMS key in `encryption`. A secret must be the whole value of an environment variable, of `valueFrom` or
    of `imageCredentials`. The file of an environment has them in `defaults` alone. Elsewhere `${ssm:/path}` is the
    plain value of a parameter, which CloudFormation reads at each deploy; it cannot be one of type SecureString. Only
    CloudFormation knows that value, the one of an export (`${import:NAME}`) and those of pseudo parameters, so names
    and numbers cannot contain them."""
    owner = "environment.defaults." if case.kind == "Environment" else ""
    for path, text, part in _secrets(case):
        if is_parameter(part) and not _is_variable(path) and not _names_secret(path):
            continue  # it is a parameter of the template
        if not _is_variable(path) and not _names_secret(path):
            message, hint = "a secret can only be the value of an environment variable", "service.environment"
            if path[1:4] == ("observability", "logs", "options"):
                hint = f"service.observability.logs.secretOptions: {{name: {path[-1]}, valueFrom: {part.source}}}"
            yield Problem(path, message, f"move it to {owner}{hint}")
        elif len(text.parts) > 1:
            hint = "give the secret its own variable, and combine the values in the service"
            yield Problem(path, "a secret cannot be part of a longer value", hint)
    for path, attribute in _attributes(case):
        if attribute.is_secret and not _is_password(case, path):
            hint = f"make `{attribute}` the whole value of a variable of a container"
            yield Problem(path, "a password can only be the value of an environment variable", hint)
        elif not _takes_attribute(path, attribute):
            hint = "attributes are allowed in environment values, commands and the resources of IAM statements"
            if _is_key(path):
                hint = "write `${kms:NAME:arn}`, with the name of an aws_kms_key"
            hint += " of a service" if owner else ""
            yield Problem(path, f"`{attribute}` is not allowed here", hint)
    yield from _longer_keys(case)


def _is_password(case: Case, path: SpecPath) -> bool:
    """Whether a text is the whole value of a variable of a container."""
    return _is_variable(path) and all(len(text.parts) == 1 for at, text in case.texts if at == path)


def _longer_keys(case: Case) -> Problems:
    for path, text in case.texts:
        whole = next((str(part) for part in text.parts if isinstance(part, Attribute)), "")
        if whole and _is_key(path) and len(text.parts) > 1:
            yield Problem(path, f"`{whole}` is the whole ARN of a key, and stands alone", f"write `{whole}`")


_FILES = ("service", "environmentFiles")
_ROUTER_FILES = ("service", "observability", "logs", "router", "configuration")


@rule("S580", "a value from elsewhere that must be known when compiling")
def unknown_name(case: Case) -> Problems:
    """`${import:NAME}` and `${ssm:/path}` have a value at the deploy. fsdcf builds and pushes to the repository of the
    image, and derives permissions from it. The name of what the stack makes is in plans, permissions and policies. An
    existing resource may have a name from elsewhere. Of a queue, topic, bucket or stream in another account or region,
    the ARN without its name must be known."""
    for path, container in case.service.containers:
        if container.image is not None and reads_elsewhere(container.image):
            hint = "write the repository, or a variable such as ${REPOSITORY}, and pass it with --var REPOSITORY=…"
            yield Problem((*path, "image"), "the repository of the image must be known when compiling", hint)
    for path, text in case.texts:
        if is_whole(text) and (within_container(path)[:2] == _FILES or path[:5] == _ROUTER_FILES):
            hint = f"write the ARN with the bucket as a value from elsewhere: arn:aws:s3:::{text}/…"
            yield Problem(path, "the bucket in the ARN must be known, since ECS looks it up", hint)
    for path, dependency, kind in case.dependencies():
        if reads_elsewhere(dependency.name) and kind.managed(dependency):
            message = f"`{dependency.name}` is not known when compiling, and the name of what the stack makes must be"
            yield Problem((*path, "name"), message, "write the name, or `unmanaged` for a resource that exists")
        given: String | None = getattr(dependency.unmanaged, "arn", None)
        if given is not None and is_whole(given) and not isinstance(dependency.unmanaged, NamedByArn):
            hint = f"leave it out, and write `name: {given}` with the name in place of the ARN"
            message = "the region and the account of the ARN must be known when compiling"
            yield Problem((*path, "unmanaged", "arn"), message, f"{hint}, or an ARN that ends in such a name")


@rule("S207", "an unknown attribute of a dependency")
def unknown_attribute(case: Case) -> Problems:
    """`${kind:name:attribute}` names a dependency by its kind and its name without `${ENV}`, and one of the
    attributes of its type."""
    known = [
        (f"{kind.category}:{local_name(dependency.name)}", kind.attributes(dependency))
        for _, dependency, kind in case.dependencies()
    ]
    for path, part in _attributes(case):
        if not _takes_attribute(path, part):
            continue
        named = f"{part.kind}:{part.name}"
        attributes = next((attributes for name, attributes in known if name == named), None)
        if attributes is None:
            names = ", ".join(dict.fromkeys(name for name, _ in known))
            hint = f"known dependencies: {names}" if names else "the spec has no dependencies"
            yield Problem(path, f"unknown dependency `{named}`", hint)
        elif part.attribute not in attributes:
            yield Problem(
                path, f"`{named}` has no attribute `{part.attribute}`", f"known attributes: {', '.join(attributes)}"
            )


@rule(
    "S240",
    "a secret whose name ends like an ARN",
    NAMES_LIKE_ARNS,
)
def name_like_an_arn(case: Case) -> Problems:
    """The ARN of a secret is its name, a hyphen and six random characters. `secretsmanager:name` and
    `${secrets:name}` become an ARN without them, and an ARN may be written without them. If the name itself ends in a
    hyphen and six characters, Secrets Manager takes those for the random ones, and returns another secret or none.
    An end such as `-secret` in an ARN is taken for a part of the name, because a word is hardly ever random. IAM
    compares whole ARNs, so those in statements of a role need the random characters, or `-??????` in their place."""
    for path, _, part in _secrets(case):
        if not _names_secret(path) and part.store == "secrets" and RANDOM_END.fullmatch(part.name):
            message, hint = _misread(part.name)
            yield Problem(path, message, f"{hint}, as valueFrom in service.secrets")
    for path, name, is_arn in _secret_names(case):
        is_whole, word = RANDOM_END.fullmatch(name), _word_at_end(name)
        if _is_permission(path):
            if not name.endswith(("*", "-??????")) and (word or not is_whole):
                hint = f"write `{name}-??????`"
                hint += f", or `{word[1]}-??????` if `{word[2]}` is random" if word else ""
                yield Problem(path, f"IAM compares the whole ARN: `{name}` lacks the six random characters", hint)
        elif is_whole and not is_arn:
            yield Problem(path, *_misread(name))
        elif word and not RANDOM_END.fullmatch(word[1]):
            message, hint = _misread(name)
            yield Problem(path, message, f"{hint}; if `{word[2]}` is random, leave out `-{word[2]}`")


@rule(
    "W129",
    "an ARN that may lack its random characters",
    NAMES_LIKE_ARNS,
)
def end_like_a_word(case: Case) -> Problems:
    """The ARN of a secret ends in two groups of six characters, and the last one looks like a word, as in
    `prod/db-master-secret`. Secrets Manager takes the last group for the random characters. If it belongs to the
    name, the ARN must end in six more."""
    for path, name, is_arn in _secret_names(case):
        word = _word_at_end(name)
        if is_arn and not _is_permission(path) and word and RANDOM_END.fullmatch(word[1]):
            message, hint = _misread(name)
            yield Problem(path, message, f"{hint}; if `{word[2]}` is random, silence this warning")


@rule(
    "S267",
    "a parameter that refers to a secret",
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html",
)
def secret_by_parameter(case: Case) -> Problems:
    """A parameter below `/aws/reference/secretsmanager/` is a secret of Secrets Manager. Reading it takes permissions
    in both stores; the secret itself takes one."""
    for path, _, part in _secrets(case):
        if not _names_secret(path) and part.store == "ssm" and (named := named_by_parameter(part.name)):
            yield Problem(path, f"`{part}` is a secret of Secrets Manager", f"write `${{secrets:{named}}}`")
    for path, text in case.strings:
        if path[-1] == "valueFrom" and (named := named_by_parameter(sample(text))):
            message = f"`{sample(text)}` is a secret of Secrets Manager"
            yield Problem(path, message, f"write `secretsmanager:{named}`")


def _word_at_end(name: str) -> re.Match[str] | None:
    """The parts of a name in an ARN whose last six characters are hardly random."""
    match = RANDOM_END.fullmatch(name)
    return match if match and _WORD.fullmatch(match[2]) else None


def _misread(name: str) -> tuple[str, str]:
    """What Secrets Manager makes of a name that ends like an ARN, and what to write."""
    return (
        f"Secrets Manager takes the last six characters of `{name}` for the random end of an ARN",
        f"write the full ARN, which ends in `{name}-` and six random characters",
    )


def _is_permission(path: SpecPath) -> bool:
    return path[:2] in (("service", "taskRole"), ("service", "executionRole"))


def _secret_names(case: Case) -> Iterator[tuple[SpecPath, str, bool]]:
    """The name of each secret that the spec names, and whether it does so by an ARN, anywhere in a text, or by
    ``secretsmanager:name`` in ``valueFrom``."""
    for path, text in case.strings:
        for start, name in () if reads_elsewhere(text) else _SECRET.findall(sample(text)):
            if start.startswith("arn:") or _names_secret(path):
                yield path, name, start.startswith("arn:")


@rule(
    "S255",
    "a name in another partition",
    "https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html",
    "A stack is in one partition of AWS and can use nothing in another. ARNs begin with `arn:aws`, `arn:aws-cn` in "
    "China, `arn:aws-us-gov` in GovCloud, `arn:aws-eusc` in the European Sovereign Cloud. A region and the domain of a "
    "repository belong to a partition too, such as amazonaws.com.cn to China.",
)
def partitions(case: Case) -> Problems:
    """Require one partition for all that the spec names, and for the region of its environment's file."""
    region = case.file.spec.environment.region if case.file else None
    home = NamedPartition(("environment.region",), region, partition_of(region), "") if region else None
    for named in named_partitions(case.document.data):
        hint = f"use names of {home.partition}, or `${{AWS::Partition}}`" if home else "use the names of one partition"
        if named.partition not in PARTITIONS:
            hint = f"the partitions are {joined(sorted(PARTITIONS), 'and')}"
            yield Problem(named.path, f"`{named.text}`: AWS has no partition `{named.partition}`", hint)
        elif named.of_region not in ("", named.partition):
            message = f"`{named.text}` names the partition {named.partition}, and its region is in {named.of_region}"
            hint = f"in {named.of_region} ARNs begin with `arn:{named.of_region}`, and domains end in "
            yield Problem(named.path, message, hint + domain_of(named.of_region))
        elif home is not None and named.partition != home.partition:
            first = ".".join(map(str, home.path))
            message = f"`{named.text}` names the partition {named.partition}, and {first} names {home.partition}"
            yield Problem(named.path, message, hint)
        home = home or named
