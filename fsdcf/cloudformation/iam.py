"""IAM's patterns."""

from __future__ import annotations

import re


def matches(pattern: str, text: str) -> bool:
    """Whether an IAM pattern, with ``*`` and ``?`` as wildcards, matches a text. Actions ignore case: pass them in lower case.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    wild = {"*": ".*", "?": "."}
    return re.fullmatch("".join(wild.get(letter, re.escape(letter)) for letter in pattern), text, re.DOTALL) is not None
