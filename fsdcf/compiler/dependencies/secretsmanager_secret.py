"""A secret in Secrets Manager with a generated value, which the container gets as a variable."""

import json
import string
from collections.abc import Mapping
from typing import ClassVar

from troposphere import Ref, secretsmanager

from fsdcf.cloudformation.arns import RANDOM_END
from fsdcf.compiler.access import actions, check_permissions, is_managed, reads_itself
from fsdcf.compiler.encryption import customer_key, encryption_of, permit_key
from fsdcf.compiler.parts.roles import allow
from fsdcf.compiler.parts.secrets import secret_at
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import EncryptedDependency, Violation, Violations
from fsdcf.language.model.common import KMS, NamedByArn, StoredValue, encryption_key
from fsdcf.language.placeholders import STORED_NAMES, String, sample
from fsdcf.language.shape import SnakeCaseRecord, spec_key, spec_record
from fsdcf.links import NAMES_LIKE_ARNS

SECRET = Rule(
    "S581",
    "a secret that Secrets Manager does not create",
    "The name of a new secret consists of letters, digits and `/_+=.@-`, and does not end in a hyphen and six "
    "characters, because Secrets Manager would take those for the random end of an ARN. A generated value contains a "
    "character of each kind, so that not all of one kind can be excluded. Further fields need the key of the generated "
    "one.",
    NAMES_LIKE_ARNS,
)
LEVELS = {
    "read": ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"),
    "write": ("secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue"),
}
_ARN = rf"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{{12}}:secret:{STORED_NAMES['secrets']}"
_KINDS = {
    "lower-case letters": string.ascii_lowercase,
    "upper-case letters": string.ascii_uppercase,
    "digits": string.digits,
    "punctuation": string.punctuation,
}
"""The kinds of characters in a generated value.
Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html"""


@spec_record
class GeneratedValue(SnakeCaseRecord):
    """The value that Secrets Manager generates when the secret is created; a change generates another one."""

    length: int = spec_key("Number of characters.", default=32, also=("passwordLength",), minimum=8, maximum=4096)
    exclude_characters: str = spec_key(
        "Characters that it does not contain, such as those that a connection string must escape.",
        default="",
        longest=4096,
    )
    exclude_punctuation: bool = spec_key("Only letters and digits.", default=False)
    fields: Mapping[str, String] = spec_key(
        "Further fields of the JSON, with plain values, such as a user name.", default_factory=dict, as_text=True
    )


@spec_record
class SharedSecret(NamedByArn):
    """A secret that exists."""

    arn: String | None = spec_key(
        "ARN of the secret, with its random end, where the name does not suffice: in another account, for example.",
        default=None,
        pattern=_ARN,
        expects="the ARN of a secret",
    )


@spec_record
class SecretsManagerSecret(StoredValue, EncryptedDependency):
    """A secret in Secrets Manager."""

    name: String = spec_key(
        "Physical name of the secret.",
        also=("secret_name", "secretName"),
        pattern=STORED_NAMES["secrets"],
        expects="letters, digits and /_+=.@-",
    )
    json_key: String | None = spec_key(
        "Key of the JSON whose value is generated, and which the variable gets. Without it, the value is plain text.",
        default=None,
        pattern="[^:\\s]{1,128}",
        expects="a key without spaces and colons",
    )
    generate: GeneratedValue = spec_key("How the value is generated.", default=GeneratedValue())
    encryption: String | None = encryption_key("aws/secretsmanager", KMS)
    unmanaged: SharedSecret | None = spec_key("Use an existing secret, and create nothing.", default=None)
    suffix: ClassVar[str] = "SECRET"

    @property
    def existing_source(self) -> str:
        arn = self.unmanaged and self.unmanaged.arn
        source = fragment(arn) if arn else f"secretsmanager:{fragment(self.name)}"
        return source + self.selection

    @property
    def selection(self) -> str:
        """The end of a source that selects the JSON key; empty for the whole value."""
        return f":{fragment(self.json_key)}" if self.json_key else ""


def check(secret: SecretsManagerSecret) -> Violations:
    yield from check_permissions(secret)
    if not is_managed(secret):
        return
    name, wanted = sample(secret.name), secret.generate
    if "!" in name:
        message = f"`{name}` contains `!`, which is for the secrets that AWS services make"
        yield Violation(SECRET, "name", message, "use letters, digits and /_+=.@-")
    if RANDOM_END.fullmatch(name):
        message = f"Secrets Manager takes `-{name[-6:]}` at the end of the name for the random end of an ARN"
        yield Violation(SECRET, "name", message, f"use a name with another end, such as `{secret.name}-value`")
    kinds = {
        kind: letters for kind, letters in _KINDS.items() if kind != "punctuation" or not wanted.exclude_punctuation
    }
    for kind, letters in kinds.items():
        if set(letters) <= set(wanted.exclude_characters):
            hint = "exclude fewer of them"
            if kind == "punctuation":
                hint = "write `excludePunctuation: true` in place of these characters"
            yield Violation(SECRET, ("generate", "excludeCharacters"), f"all {kind} are excluded", hint)
    if wanted.fields and secret.json_key is None:
        message, hint = "`fields` are those of a JSON, and the value is none", "add `jsonKey`, such as password"
        yield Violation(SECRET, ("generate", "fields"), message, hint, key=True)
    elif secret.json_key is not None and sample(secret.json_key) in wanted.fields:
        message = f"`{secret.json_key}` is the key of the generated value"
        yield Violation(SECRET, ("generate", "fields", str(secret.json_key)), message, "leave it out", key=True)


def compile(secret: SecretsManagerSecret, names: Names, context: Context) -> Grant:
    """A managed secret; and its value in a variable of the container, or access by the service itself."""
    grant = Grant()
    encryption = encryption_of(secret, context)
    name, source = fragment(secret.name), secret.existing_source.removesuffix(secret.selection)
    if is_managed(secret):
        title = names.id("Secret")
        made = secretsmanager.Secret(
            title,
            Name=intrinsic(name),
            GenerateSecretString=_generated(secret),
            **present(KmsKeyId=customer_key(encryption)),
        )
        grant.keep(made, names.origin, {"Name": names.origin})
        grant.output(names.id("SecretArn"), f"Secret {names.local}", Ref(title))
        source = f"${{{title}}}"
    found = secret_at("", source, names.origin)
    grant.values = {"arn": found.value_from, "name": name}
    if reads_itself(secret):
        grant.environment[names.variable("SECRET_ARN")] = found.value_from
        grant.statements = [allow(actions(secret, LEVELS), [intrinsic(found.resource)])]
        permit_key(grant, encryption, "secretsmanager", names)
    else:
        key = encryption if customer_key(encryption) is not None else None
        variable = secret.variable or names.variable(secret.suffix)
        grant.secrets = [secret_at(variable, source + secret.selection, names.origin, key)]
    return grant


def _generated(secret: SecretsManagerSecret) -> secretsmanager.GenerateSecretString:
    wanted = secret.generate
    options = present(
        ExcludeCharacters=wanted.exclude_characters,
        ExcludePunctuation=wanted.exclude_punctuation,
        GenerateStringKey=secret.json_key and intrinsic(fragment(secret.json_key)),
    )
    if secret.json_key is not None:
        fields = {key: fragment(wanted.fields[key]) for key in sorted(wanted.fields)}
        options["SecretStringTemplate"] = intrinsic(json.dumps(fields))
    return secretsmanager.GenerateSecretString(PasswordLength=wanted.length, **options)


TYPE = CompiledType(
    name="aws_secretsmanager_secret",
    category="secretsmanager",
    doc="A secret with a generated value, encrypted; the container gets the value as a variable, unless `permissions` "
    "let the service read it itself.",
    model=SecretsManagerSecret,
    attributes=lambda secret: ("arn", "name"),
    compile=compile,
    check=check,
    managed_keys=("generate",),
    endpoint="secretsmanager",
)
