"""Rules about a spec's metadata: tags, owner and description."""

from __future__ import annotations

import re
from collections import Counter

from fsdcf.conventions import TAG_PREFIX
from fsdcf.language.model.common import DESCRIPTION_BYTES, owners_tag
from fsdcf.language.rules.case import ALL, WITH_TASKS, Case, Problem, Problems, rule

_TAG_TEXT = re.compile(r"[\w .:/=+@-]*")
_CHARACTERS = "letters, digits, spaces and _ . : / = + - @"


@rule(
    "S220",
    "a tag that AWS rejects",
    "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html",
    kinds=ALL,
)
def tags(case: Case) -> Problems:
    """A tag's key has 1 to 128 and its value 1 to 256 characters: letters, digits, spaces and _ . : / = + - @. A
    resource has at most 50 tags. The prefix `aws:` is reserved by AWS and `fsdcf:` by fsdcf, which marks its stacks
    with it. IAM does not distinguish upper and lower case in keys."""
    own = case.spec.metadata
    if case.kind == "Environment":
        at, tags = "environment.tags", case.environment_spec.environment.tags
    else:
        at, tags = "metadata.tags", own.tags
    spellings = Counter(key.lower() for key in tags)
    for key, text in tags.items():
        path = (*at.split("."), key)
        if key.lower().startswith(("aws:", TAG_PREFIX)):
            yield Problem(path, f"`{key}` begins with a reserved prefix", "choose another key", key=True)
        elif not 1 <= len(key) <= 128 or not _TAG_TEXT.fullmatch(key):
            yield Problem(path, f"`{key}` is not a valid tag key", f"use 1 to 128 {_CHARACTERS}", key=True)
        elif spellings[key.lower()] > 1:
            message = f"two tags are named `{key.lower()}`, and IAM ignores upper and lower case"
            yield Problem(path, message, "keep one of them", key=True)
        if not 1 <= len(text) <= 256 or not _TAG_TEXT.fullmatch(text):
            yield Problem(path, f"`{text}` is not a valid tag value", f"use 1 to 256 {_CHARACTERS}")
    if len(tags) > 43:
        message = f"{len(tags)} tags and the seven that fsdcf adds are more than 50"
        yield Problem(at, message, "keep at most 43", key=True)
    texts = {"pack": own.pack} if case.kind in WITH_TASKS else {}
    texts["owners"] = owners_tag(own.owners)
    for name, text in texts.items():
        if len(text) > 256 or not _TAG_TEXT.fullmatch(text):
            yield Problem(f"metadata.{name}", f"`{name}` is not a valid tag value", f"use at most 256 {_CHARACTERS}")


@rule(
    "S233",
    "a description that is too long",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html",
    "CloudFormation allows 1,024 bytes of description, and fsdcf puts the name and the environment in front of yours. "
    f"That leaves {DESCRIPTION_BYTES} bytes in UTF-8, where a character outside ASCII takes two or more.",
    kinds=ALL,
)
def description(case: Case) -> Problems:
    """Limit the description to the bytes that the template has room for."""
    size = len(case.spec.metadata.description.encode(errors="replace"))
    if size > DESCRIPTION_BYTES:
        yield Problem("metadata.description", f"the description has {size} bytes", f"use at most {DESCRIPTION_BYTES}")


@rule("W104", "no owner")
def owner(case: Case) -> Problems:
    """The owners become a tag, so that anyone who sees the bill or an alarm knows whom to ask."""
    if not case.spec.metadata.owners:
        yield Problem("metadata.owners", "the service has no owner", "add `owners: team-name`", key=True)
