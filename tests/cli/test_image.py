"""The image on the command line: what of it becomes ImageSha, and what is refused."""

from __future__ import annotations

import click
import pytest

from fsdcf.cli.image import Image, ImageShas, chosen, other_repository, registry, shared_shas
from fsdcf.language.model.service import Spec
from tests.conftest import HELLO, Compile

DIGEST = "sha256:" + "a" * 64
OWN = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello"


@pytest.fixture
def spec(compiled: Compile) -> Spec:
    found = compiled(HELLO).spec
    assert found is not None
    return found


@pytest.fixture
def other(compiled: Compile) -> Spec:
    found = compiled(HELLO.replace("  port: 8000", "  image: ghcr.io/team/hello\n  port: 8000")).spec
    assert found is not None
    return found


def test_a_sha_a_digest_or_nothing(spec: Spec) -> None:
    assert chosen(spec, ImageShas(), None) == Image()
    assert chosen(spec, ImageShas.of(["3f2c1ab"]), None) == Image("3f2c1ab")
    assert chosen(spec, ImageShas.of([DIGEST]), None) == Image(DIGEST)


def test_the_image_of_one_service_precedes_the_one_of_all(spec: Spec) -> None:
    shas = ImageShas.of(["one", "hello=two", f"cart={DIGEST}"])
    assert chosen(spec, shas, None) == Image("two")
    assert (shas.image_of("cart"), shas.image_of("shop")) == (DIGEST, "one")
    assert chosen(spec, ImageShas.of(["cart=two"]), None) == Image(), "the deployed image is kept"
    shas.check(["hello", "cart", "shop"])
    with pytest.raises(click.UsageError, match="does not deploy 'cart'; it deploys hello, shop"):
        shas.check(["shop", "hello"])


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (["one", "two"], "every service twice"),
        (["a=one", "b=one", "a=one"], "of a twice"),
        (["a="], "neither a tag"),
        (["=a"], "neither a tag"),
        (["a=b=c"], "does not deploy 'a=b'"),
    ],
)
def test_invalid_images_of_services_are_usage_errors(values: list[str], word: str) -> None:
    with pytest.raises(click.UsageError, match=word):
        ImageShas.of(values).check(["a", "b"])


def test_the_shortest_form_of_the_images_of_several_services() -> None:
    assert shared_shas({"a": "one", "b": "one"}) == "one"
    assert shared_shas({"a": "one", "b": "two"}) == ["a=one", "b=two"]
    assert shared_shas({"a": "one", "b": None}) == ["a=one"], "b keeps its image"
    assert not shared_shas({}) and not shared_shas({"a": None})


def test_a_reference_binds_account_and_region_where_the_spec_leaves_them_open(spec: Spec) -> None:
    assert chosen(spec, ImageShas(), f"{OWN}:3f2c1ab") == Image("3f2c1ab", "123456789012", "eu-west-1")
    assert chosen(spec, ImageShas(), f"{OWN}@{DIGEST}") == Image(DIGEST, "123456789012", "eu-west-1")
    assert chosen(spec, ImageShas(), f"{OWN}:tag@{DIGEST}") == Image(DIGEST, "123456789012", "eu-west-1")
    china = OWN.replace("eu-west-1.amazonaws.com", "cn-north-1.amazonaws.com.cn")
    assert chosen(spec, ImageShas(), f"{china}:one").region == "cn-north-1"


def test_another_registry_binds_nothing(other: Spec) -> None:
    assert chosen(other, ImageShas(), "ghcr.io/team/hello:one") == Image("one")
    assert registry(other) is None


@pytest.mark.parametrize(
    ("sha", "image", "words"),
    [
        ("one", f"{OWN}:one", "cannot be combined"),
        ("no/tag", None, "neither a tag"),
        ("", None, "neither a tag"),
        ("sha256:short", None, "64 hex digits"),
        (None, OWN, "neither tag nor digest"),
        (None, "localhost:5000/hello", "neither tag nor digest"),
        (None, f"{OWN}@sha256:12", "64 hex digits"),
        (
            None,
            "hello:one",
            "'hello' is not the repository of the spec, 'ACCOUNT.dkr.ecr.REGION.amazonaws.com/hello'; write the",
        ),
    ],
)
def test_an_invalid_image_is_a_usage_error(spec: Spec, sha: str | None, image: str | None, words: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        chosen(spec, ImageShas.of(() if sha is None else [sha]), image)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        (OWN, None),
        (OWN.replace("hello", "bye"), OWN.replace("hello", "bye")),
        ("ghcr.io/team/hello", "ghcr.io/team/hello"),
        ("localhost:5000/hello", "localhost:5000/hello"),
        ("docker.io/team/hello", "docker.io/team/hello"),
        ("team/hello", None),
        ("hello", None),
    ],
)
def test_the_other_repository_of_a_reference_names_its_registry(spec: Spec, image: str, repository: str | None) -> None:
    for end in (":one", f"@{DIGEST}", f":one@{DIGEST}"):
        assert other_repository(spec, image + end) == repository


def test_what_preflight_asks_ecr_for(compiled: Compile) -> None:
    def of(image: str) -> object:
        spec = compiled(HELLO.replace("  port: 8000", f"  image: {image}\n  port: 8000")).spec
        assert spec is not None
        return registry(spec)

    assert of(OWN) == ("123456789012", "eu-west-1", "hello")
    assert of("${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/shared/hello") == (None, None, "shared/hello")
    assert of("${AWS::AccountId}.dkr.ecr.eu-west-1.amazonaws.com/hello") == (None, "eu-west-1", "hello")
    own = compiled(HELLO).spec
    assert own is not None and registry(own) == (None, None, "hello")
