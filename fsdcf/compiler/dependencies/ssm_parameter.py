"""A parameter of the Parameter Store, which the container gets as a variable: made by the stack with a plain value, or
an existing one, which may be a SecureString."""

import re

from troposphere import Ref, ssm

from fsdcf.cloudformation.parameters import is_regular, matches_pattern
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
from fsdcf.language.shape import spec_key, spec_record
from fsdcf.masking import secrets_in

PARAMETER = Rule(
    "S582",
    "a parameter that the Parameter Store rejects",
    "The name of a parameter does not begin with `aws` or `ssm`, with or without a slash before it, and one with "
    "several levels begins with a slash. A value has at most 4 KB, in the advanced tier 8 KB, contains no `{{`, and "
    "matches the allowed pattern; an item of a list contains no comma. The stack makes plain values only: "
    "CloudFormation creates no SecureString.",
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-parameter-name-constraints.html",
)
PLAIN_SECRET = Rule(
    "S583",
    "a secret as the value of a plain parameter",
    "The value of a parameter that the stack makes is in the spec, the template and the console, in plain text. A "
    "secret belongs in a SecureString, which `fsdcf secret set` stores, or in Secrets Manager, which generates one for "
    "aws_secretsmanager_secret.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html",
    conceal=True,
)
LEVELS = {"read": ("ssm:GetParameter", "ssm:GetParameters"), "write": ("ssm:PutParameter",)}
_ARN = r"arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9/_.-]+"
_BYTES = {"Standard": 4096, "Advanced": 8192}
"""The longest value of a tier.
Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""


@spec_record
class SharedParameter(NamedByArn):
    """A parameter that exists."""

    arn: String | None = spec_key(
        "ARN of the parameter, where the name does not suffice: in another account, for example.",
        default=None,
        pattern=_ARN,
        expects="the ARN of a parameter",
    )


@spec_record
class SsmParameter(StoredValue, EncryptedDependency):
    """A parameter of the Parameter Store."""

    name: String = spec_key(
        "Physical name of the parameter.",
        also=("parameter_name", "parameterName"),
        pattern=STORED_NAMES["ssm"],
        expects="a name such as /shop/theme, of letters, digits and _ . - /, with at most 15 levels",
    )
    value: String | None = spec_key("Value of a new parameter, in plain text.", default=None, as_text=True)
    values: tuple[String, ...] = spec_key("Values of a new StringList, in plain text.", default=(), as_text=True)
    tier: str = spec_key(
        "Tier of a new parameter: the advanced one has longer values, and costs.",
        default="Standard",
        allowed=("Standard", "Advanced", "Intelligent-Tiering"),
    )
    allowed_pattern: str | None = spec_key(
        "Regular expression that every new value must match.", default=None, longest=1024
    )
    encryption: String | None = encryption_key("aws/ssm", KMS, ". It is that of an existing SecureString")
    unmanaged: SharedParameter | None = spec_key(
        "Use an existing parameter, which may be a SecureString, and create nothing.", default=None
    )

    @property
    def existing_source(self) -> str:
        arn = self.unmanaged and self.unmanaged.arn
        return fragment(arn) if arn else f"ssm:{fragment(self.name)}"


def check(parameter: SsmParameter) -> Violations:
    yield from check_permissions(parameter)
    name = sample(parameter.name)
    if "/" in name.lstrip("/") and not name.startswith("/"):
        yield Violation(PARAMETER, "name", f"`{name}` has several levels", f"write `/{name}`")
    if not is_managed(parameter):
        return
    if re.match(r"/?(aws|ssm)", name, re.IGNORECASE):
        message = "names that begin with aws or ssm are those of AWS"
        yield Violation(PARAMETER, "name", message, "use a name such as /${ENV}/theme")
    if parameter.encryption is not None:
        message = "a parameter that the stack makes is not encrypted"
        hint = "leave it out, and use aws_secretsmanager_secret for a secret"
        yield Violation(PARAMETER, "encryption", message, hint, key=True)
    yield from _check_value(parameter, name)


def _check_value(parameter: SsmParameter, name: str) -> Violations:
    """Check the value of a parameter that the stack makes."""
    if (parameter.value is None) == (not parameter.values):
        hint = "add `value` or `values`, or `unmanaged: {}` for a parameter that exists"
        message = "a new parameter needs a value" if parameter.value is None else "a parameter has a value or a list"
        yield Violation(PARAMETER, (), message, hint if parameter.value is None else "keep one of them", key=True)
        return
    at = "value" if parameter.value is not None else "values"
    texts = [sample(each) for each in _items(parameter)]
    whole, most = ",".join(texts), _BYTES.get(parameter.tier, _BYTES["Advanced"])
    if any(True for _ in secrets_in(whole, name)):
        hint = "store it with `fsdcf secret set`, and write `unmanaged: {}` in place of `value`"
        yield Violation(PLAIN_SECRET, at, "the value looks like a secret, and would be in plain text", hint, key=True)
    if not whole or len(whole.encode()) > most:
        message = f"the value has {len(whole.encode())} bytes" if whole else "the value is empty"
        hint = f"write 1 to {most} bytes" + ("; `tier: Advanced` allows 8,192" if most < _BYTES["Advanced"] else "")
        yield Violation(PARAMETER, at, message, hint)
    if "{{" in whole:
        yield Violation(PARAMETER, at, "the value contains `{{`", "write it without two braces")
    for index, text in enumerate(texts if parameter.values else ()):
        if "," in text or not text:
            message = f"`{text}` contains a comma, which separates the items" if text else "an item is empty"
            yield Violation(PARAMETER, ("values", index), message, "write each item by itself")
    if parameter.allowed_pattern is not None:
        yield from _check_pattern(parameter.allowed_pattern, whole)


def _check_pattern(pattern: str, value: str) -> Violations:
    if not is_regular(pattern):
        message = f"`{pattern}` is not a regular expression"
        yield Violation(PARAMETER, "allowedPattern", message, "write one such as ^[a-z]+$")
    elif not matches_pattern(pattern, value):
        yield Violation(PARAMETER, "allowedPattern", f"the value does not match `{pattern}`", "change one of them")


def compile(parameter: SsmParameter, names: Names, context: Context) -> Grant:
    """A managed parameter; and its value in a variable of the container, or access by the service itself."""
    grant = Grant()
    encryption = encryption_of(parameter, context)
    name, source = fragment(parameter.name), parameter.existing_source
    if is_managed(parameter):
        encryption = KMS
        title = names.id("Parameter")
        grant.add(_made(title, parameter), names.origin, {"Name": names.origin})
        grant.output(names.id("ParameterName"), f"SSM parameter {names.local}", Ref(title))
        slash = "" if name.startswith("/") else "/"  # Ref gives the name, which may begin with the slash of the ARN
        source = f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter{slash}${{{title}}}"
        name = f"${{{title}}}"
    found = secret_at("", source, names.origin)
    grant.values = {"arn": found.value_from, "name": name}
    if reads_itself(parameter):
        grant.environment[names.variable("PARAMETER_NAME")] = (
            found.value_from if source.startswith("arn") and not is_managed(parameter) else name
        )
        grant.statements = [allow(actions(parameter, LEVELS), [intrinsic(found.resource)])]
        permit_key(grant, encryption, "ssm", names)
    else:
        key = encryption if customer_key(encryption) is not None else None
        variable = parameter.variable or names.variable(parameter.suffix)
        grant.secrets = [secret_at(variable, source, names.origin, key)]
    return grant


def _items(parameter: SsmParameter) -> tuple[String, ...]:
    return parameter.values or (parameter.value or "",)


def _made(title: str, parameter: SsmParameter) -> ssm.Parameter:
    return ssm.Parameter(
        title,
        Name=intrinsic(fragment(parameter.name)),
        Type="StringList" if parameter.values else "String",
        Value=intrinsic(",".join(map(fragment, _items(parameter)))),
        Tier=parameter.tier,
        **present(AllowedPattern=parameter.allowed_pattern),
    )


TYPE = CompiledType(
    name="aws_ssm_parameter",
    category="parameter",
    doc="A parameter with a plain value, or an existing one, also a SecureString; the container gets the value as a "
    "variable, unless `permissions` let the service read it itself.",
    model=SsmParameter,
    attributes=lambda parameter: ("arn", "name"),
    compile=compile,
    check=check,
    managed_keys=("value", "values", "tier", "allowedPattern"),
    endpoint="ssm",
)
