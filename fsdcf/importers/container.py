"""What the formats share about a container: its image, command, capabilities and limits."""

from __future__ import annotations

import re
import shlex

from fsdcf.cloudformation.registries import PUBLIC_ECR, parts_of_image, registry_host
from fsdcf.importers.draft import Block
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import PLACEHOLDER, literal

_VERSION = re.compile(r"\w[\w.-]{0,127}|sha256:[0-9a-f]{64}", re.ASCII)
"""A tag or digest."""
_MOST = 2**31 - 1
"""The highest limit of a resource."""


def _image_parts(text: str) -> tuple[str, str]:
    """The repository of an image, and its tag or digest, in which placeholders of a spec may be. Raises UnfitError."""
    placeholders = PLACEHOLDER.findall(text)
    sample = text
    for index, each in enumerate(placeholders):
        sample = sample.replace(each, f"0q{index}q0", 1)
    repository, tag, digest = parts_of_image(sample)
    if not repository or re.search(r"[\s{}<>$]", repository):
        raise UnfitError("must be an image: REPOSITORY:TAG")

    def restored(part: str) -> str:
        return re.sub(r"0q(\d+)q0", lambda match: placeholders[int(match[1])], part)

    return restored(repository), restored(digest or tag or "")


def without_tag(version: str) -> KeyOutcome:
    """The repository of an image is in the spec, and its tag or digest, if it has one, is an option of a deploy."""
    if not version:
        return carried("image")
    if PLACEHOLDER.search(version):
        return changed("without the tag: `--image-sha` of a deploy selects the version", "image")
    if not _VERSION.fullmatch(version):
        return changed("without its tag, which is not one: `--image-sha` of a deploy selects the version", "image")
    return changed(f"without the tag: `fsdcf deploy --image-sha {version}` deploys this one", "image")


def put_image(text: str, block: Block) -> KeyOutcome:
    """Put the repository of an image, a text of a spec, at ``image``. Raises UnfitError."""
    repository, version = _image_parts(text.strip())
    block.put("image", repository)
    return without_tag(version)


def put_version(text: str, block: Block, to: str = "image") -> KeyOutcome:
    """Put an image, a text of a spec, with its tag or digest; one without a tag gets ``latest``. Raises UnfitError."""
    repository, version = _image_parts(text.strip())
    if not _VERSION.fullmatch(PLACEHOLDER.sub("x", version) or "latest"):
        raise UnfitError("must be an image: REPOSITORY:TAG")
    separator = "@" if version.startswith("sha256:") else ":"
    block.put(to, f"{repository}{separator}{version or 'latest'}")
    return (
        carried(to)
        if version
        else changed("with the tag `latest`, which registries assume: write a version instead", to)
    )


def put_credentials(image: str, source: str, block: Block) -> KeyOutcome:
    """Put where the credentials of an image's registry are stored at ``imageCredentials``: ECR needs none."""
    if not image or ".dkr.ecr." in image or registry_host(image) == PUBLIC_ECR:
        return changed("left out: the execution role may pull from ECR", "image")
    block.put("imageCredentials", source if source.startswith(("arn:", "${")) else f"secretsmanager:{source}")
    return carried("imageCredentials")


def split_words(value: SourceValue) -> list[str]:
    """The words of a command line, as a shell splits it. Raises UnfitError."""
    try:
        return shlex.split(value.text)
    except ValueError:
        raise UnfitError("must have a closing quote for each opening one") from None


def put_capability(key: str, text: str, block: Block) -> KeyOutcome:
    """Put a capability, such as ``NET_RAW`` or ``CAP_NET_RAW``, at ``capabilities``. Raises UnfitError.

    ``key`` is ``add`` or ``drop``. Source:
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html
    """
    name = text.strip().upper().removeprefix("CAP_")
    if key == "add" and name != "SYS_PTRACE":
        return not_carried(
            "SYS_PTRACE is the only capability that Fargate can add: let the program do without this one"
        )
    if name not in (*(block.get("capabilities.add") or ()), *(block.get("capabilities.drop") or ())):
        block.check(f"capabilities.{key}", [name])
        block.add(f"capabilities.{key}", name)
    return carried(f"capabilities.{key}")


def put_limit(name: str, soft: int, hard: int, block: Block) -> KeyOutcome:
    """Put the limits of a resource at ``ulimits``; -1 is no limit. Raises UnfitError."""
    entry = block.below("ulimits", 0)
    entry.check("name", name)
    low, high = min(soft, _MOST), min(hard, _MOST)
    if any(each["name"] == name for each in block.get("ulimits") or ()):
        raise UnfitError("must not be there twice")
    low = high if high != -1 and (low > high or low == -1) else low
    entry.check("softLimit", low)
    entry.check("hardLimit", high)
    block.add("ulimits", {"name": name, "softLimit": low, "hardLimit": high})
    same = (low, high) == (soft, hard)
    return carried("ulimits") if same else changed("the nearest limits that are possible", "ulimits")


def put_source_image(value: SourceValue, block: Block) -> KeyOutcome:
    """Put the repository of an image of a source, which has no placeholders, at ``image``. Raises UnfitError."""
    return put_image(literal(value.text), block)
