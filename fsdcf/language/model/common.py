"""The records that specs of every kind share: the metadata, the statements of a role, and dependencies."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any

from fsdcf.language.placeholders import String
from fsdcf.language.shape import Key, TypedRecord, spec_record

LATER_KINDS = ("Job", "Environment")
"""The kinds of spec that belong to the language and are not implemented yet."""

VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
"""The name of an environment variable."""

NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
"""The name of a service."""

DESCRIPTION_BYTES = 850
"""The longest description in bytes: CloudFormation allows 1,024, and the name and the environment come first."""


@spec_record
class Metadata:
    """The name of the service, its owners and its tags."""

    name: Annotated[
        str,
        Key(
            "Name of the service; part of the stack's and the task family's name.",
            pattern=NAME,
            longest=40,
            expects="lower-case letters, digits and single hyphens, beginning with a letter",
        ),
    ]
    pack: Annotated[str, Key("Organizational unit that owns the service; becomes a tag.", longest=256)] = ""
    owners: Annotated[
        str | tuple[str, ...], Key("Owners of the service; become a tag, joined by spaces.", also=("owner",))
    ] = ()
    description: Annotated[
        str, Key("Purpose of the service; becomes the template's description.", longest=DESCRIPTION_BYTES)
    ] = ""
    tags: Annotated[Mapping[str, str], Key("Additional tags for every resource that supports tags.", as_text=True)] = (
        field(default_factory=dict)
    )


@spec_record
class Statement:
    """An IAM statement of a role."""

    actions: Annotated[
        tuple[str, ...],
        Key(
            "IAM actions.",
            fewest=1,
            pattern=r"\*|[a-z0-9-]+:[A-Za-z0-9*?]+",
            expects="an IAM action such as s3:GetObject",
        ),
    ]
    resources: Annotated[tuple[String, ...], Key("ARNs that the actions apply to.", fewest=1)]
    sid: Annotated[
        str | None, Key("Identifier of the statement.", pattern=r"[A-Za-z0-9]+", expects="letters and digits")
    ] = None
    effect: Annotated[str, Key("Allow or Deny.", allowed=("Allow", "Deny"))] = "Allow"
    conditions: Annotated[Mapping[str, Any], Key("IAM condition block.")] = field(default_factory=dict)


@spec_record
class Role:
    """The permissions of a role in addition to those that the compiler gives it."""

    statements: Annotated[
        tuple[Statement, ...], Key("IAM statements in addition to those that the service and its dependencies need.")
    ] = ()


@spec_record
class Unmanaged:
    """Access to an existing resource, which another stack may own."""

    permissions: Annotated[
        str | tuple[str, ...],
        Key(
            "Access to the existing resource: read, write, read_write (also readWrite), or a list of IAM actions.",
            fewest=1,
        ),
    ]


@spec_record
class Dependency(TypedRecord):
    """The keys of every dependency; each type adds its own."""

    type: Annotated[str, Key("Type of the dependency.")]
    name: Annotated[String, Key("Physical name, as written; ${ENV} makes it unique for each environment.")]
    permissions: Annotated[
        str | tuple[str, ...] | None,
        Key(
            "Access of the service: read, write, readWrite (also read_write), or a list of IAM actions.",
            fewest=1,
            default="readWrite",
        ),
    ] = None
    unmanaged: Annotated[Unmanaged | None, Key("Use an existing resource: give access to it, and create nothing.")] = (
        None
    )
