"""Names that follow from a dependency's name: its local name, logical ids and variables. None ever changes."""

from __future__ import annotations

import re

from fsdcf.language.placeholders import Known, Pseudo, String, parts_of

_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")
_REGULAR = re.compile(r"[a-z][a-z0-9]*([-_.][a-z0-9]+)*")
_SEPARATORS = {"-": "_", "_": "__", ".": "___"}


def local_name(name: String) -> str:
    """The name without ``${ENV}`` and pseudo parameters and without the separators that joined them."""
    words: list[str] = []
    for part in parts_of(name):
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, (Known, Pseudo)):
            words.append("\0")
    text = re.sub(r"[-_.]?(\0[-_.]?)+", lambda gap: _joint(gap.group()), "".join(words))
    return text.strip("-_.")


def _joint(gap: str) -> str:
    """What is left of a placeholder between two words: the separator on its left, or the one on its right."""
    marks = gap.replace("\0", "")
    return marks[0] if marks else "-"


def logical_id(local: str, suffix: str) -> str:
    """``orders-api``, ``Table`` -> ``OrdersApiTable``. Other forms than kebab-case bear a hash after the suffix.

    Injective: a kebab-case name can be read back from its id; other names differ by their hash, and end in it.
    """
    words = [word for word in re.split(r"[^A-Za-z0-9]+", local) if word]
    head = "".join(word[0].upper() + word[1:] for word in words)
    if _KEBAB.fullmatch(local):
        return head + suffix
    return f"{head}{suffix}{_hash(local)}"


def variable(local: str, suffix: str) -> str:
    """``orders-api``, ``TABLE_NAME`` -> ``ORDERS_API_TABLE_NAME``; ``_`` doubles and ``.`` triples, so that names stay apart."""
    if _REGULAR.fullmatch(local):
        head = "".join(_SEPARATORS.get(character, character.upper()) for character in local)
    else:
        words = re.sub(r"[^A-Za-z0-9]+", "_", local).strip("_").upper()
        head = f"_{words}_{_hash(local).upper()}"
    return f"{head}_{suffix}"


def _hash(local: str) -> str:
    import hashlib  # loads OpenSSL, for names that are rare

    return hashlib.sha256(local.encode()).hexdigest()[:10]


def dependency_path(kind: str, local: str) -> str:
    """The path of a dependency by names, as the template's Metadata holds it: ``dependencies.aws_sqs_queue.orders``."""
    return f"dependencies.{kind}.{local}"
