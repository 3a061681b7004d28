"""Names that are derived from a dependency's name: its local name, logical ids and variables. None of them ever
changes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fsdcf.language.placeholders import ImportedValue, Known, Part, Pseudo, String, is_parameter, parts_of, sample

HASH_DIGITS = 10
_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")
_REGULAR = re.compile(r"[a-z][a-z0-9]*([-_.][a-z0-9]+)*")
_SEPARATORS = {"-": "_", "_": "__", ".": "___"}

LONGEST_ID = 255
"""The longest logical id, and the longest name of an output.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""


def local_name(name: String) -> str:
    """Return the name without ``${ENV}`` and pseudo parameters, and without the separators next to them. The slashes of
    a path become hyphens. A value from elsewhere has the name of its export or parameter."""
    text = "".join(map(_local, parts_of(name)))
    # Between two words the separator on the left of a placeholder remains, or the one on its right.
    text = re.sub(r"[-_.]?(\0[-_.]?)+", lambda gap: gap.group().replace("\0", "")[:1] or "-", text)
    return text.strip("-_.")


def _local(part: Part) -> str:
    """A part of a name: the null character in place of what is not in a local name."""
    if isinstance(part, ImportedValue) or is_parameter(part):
        return re.sub("[^A-Za-z0-9_.-]+", "-", part.name).strip("-")
    return part.replace("/", "-") if isinstance(part, str) else "\0" if isinstance(part, (Known, Pseudo)) else ""


def local_names(names: Iterable[String]) -> dict[str, str]:
    """Return the local names of dependencies by what may name them elsewhere: the local names themselves, and the names
    as they are declared."""
    own = {local_name(name): sample(name) for name in names}
    return {**{name: local for local, name in reversed(own.items())}, **{local: local for local in own}}


def logical_id(local: str, suffix: str) -> str:
    """Return ``OrdersApiTable`` for ``orders-api`` and ``Table``. Names that are not kebab-case get a hash after the
    suffix.

    Injective: a kebab-case name can be read back from its id; other names, and ids that are cut, differ by their hash.
    """
    words = [word for word in re.split(r"[^A-Za-z0-9]+", local) if word]
    head = "".join(word[0].upper() + word[1:] for word in words)
    return within(LONGEST_ID, head + suffix + ("" if _KEBAB.fullmatch(local) else _hash(local)))


def endpoint_words(service: str) -> str:
    """Return ``EcrApi`` for ``ecr.api``."""
    return "".join(word.capitalize() for word in service.replace("-", ".").split("."))


def endpoint_id(service: str) -> str:
    """Return the logical id of the interface endpoint of a service such as ``ecr.api``."""
    return f"{endpoint_words(service)}InterfaceEndpoint"


def parameter_id(path: str) -> str:
    """Return the name of the template's parameter for a parameter of the Parameter Store."""
    return logical_id(path, "StoredValue")


def within(most: int, name: str) -> str:
    """Return a name itself, or its first characters and a hash of the whole if it has more than ``most``."""
    return name if len(name) <= most else name[: most - HASH_DIGITS] + _hash(name)


def variable(local: str, suffix: str) -> str:
    """Return ``ORDERS_API_TABLE_NAME`` for ``orders-api`` and ``TABLE_NAME``.

    ``_`` is doubled and ``.`` is tripled, so that different names give different variables.
    """
    if _REGULAR.fullmatch(local):
        head = "".join(_SEPARATORS.get(character, character.upper()) for character in local)
    else:
        words = re.sub(r"[^A-Za-z0-9]+", "_", local).strip("_").upper()
        head = f"_{words}_{_hash(local).upper()}"
    return f"{head}_{suffix}"


def _hash(local: str) -> str:
    import hashlib  # loads OpenSSL, which few names need

    return hashlib.sha256(local.encode()).hexdigest()[:HASH_DIGITS]


def dependency_path(type_name: str, local: str) -> str:
    """Return a dependency's path by names, as in the template's Metadata: ``dependencies.aws_sqs_queue.orders``."""
    return f"dependencies.{type_name}.{local}"
