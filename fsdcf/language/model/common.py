"""What specs of every kind share: the metadata, the statements of a role, and dependencies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from fsdcf.language.placeholders import String
from fsdcf.language.shape import Key

LATER_KINDS = ("Job", "Environment")
"""The kinds of spec that belong to the language and are not implemented yet."""

VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
"""The name of an environment variable."""

NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
"""The name of a service."""

DESCRIPTION_BYTES = 850
"""The longest description in bytes: CloudFormation allows 1,024, and the name and the environment come first."""


@dataclass(frozen=True, eq=False, repr=False)
class Metadata:
    """What the service is called, whose it is, and its tags."""

    name: Annotated[
        str,
        Key(
            "Name of the service; part of the stack's and the task family's name.",
            pattern=NAME,
            longest=40,
            expects="lower-case letters, digits and single hyphens, beginning with a letter",
        ),
    ]
    pack: Annotated[str, Key("Organisational unit that owns the service; becomes a tag.", longest=256)] = ""
    owners: Annotated[
        str | tuple[str, ...], Key("Who answers for the service; becomes a tag, joined by a space.", also=("owner",))
    ] = ()
    description: Annotated[
        str, Key("What the service does; becomes the template's description.", longest=DESCRIPTION_BYTES)
    ] = ""
    tags: Annotated[Mapping[str, str], Key("Extra tags on every resource that takes tags.", as_text=True)] = field(
        default_factory=dict
    )


@dataclass(frozen=True, eq=False, repr=False)
class Statement:
    """One IAM statement of a role."""

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


@dataclass(frozen=True, eq=False, repr=False)
class Role:
    """What a role may do beside what the compiler gives it."""

    statements: Annotated[
        tuple[Statement, ...], Key("IAM statements added to what the service and its dependencies need.")
    ] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Unmanaged:
    """Access to what another stack owns."""

    permissions: Annotated[
        str | tuple[str, ...],
        Key(
            "Access to what exists already: read, write, read_write (also readWrite), or a list of IAM actions.",
            fewest=1,
        ),
    ]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Dependency:
    """What every type of dependency has; each type adds its own keys."""

    IS_DEPENDENCY: ClassVar[bool] = True
    type: Annotated[str, Key("Type of the dependency.")]
    name: Annotated[String, Key("Physical name, as written; ${ENV} keeps environments apart.")]
    permissions: Annotated[
        str | tuple[str, ...] | None,
        Key(
            "Access of the service: read, write, readWrite (also read_write), or a list of IAM actions.",
            fewest=1,
            default="readWrite",
        ),
    ] = None
    unmanaged: Annotated[Unmanaged | None, Key("It exists already: give access, make nothing.")] = None
