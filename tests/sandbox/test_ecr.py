"""The sandbox's ECR: repositories by API and by stack, images that are noted, and those of a registry on loopback."""

from __future__ import annotations

import json
import socket
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fsdcf.cloudformation.ecr import lifecycle_policy
from fsdcf.cloudformation.types.ecr import REPOSITORY
from fsdcf.sandbox import ecr
from fsdcf.sandbox.ecr import digest_of, known_digest
from tests.registry import Registry, serving_registry
from tests.sandbox.conftest import Sandbox

MANIFEST = json.dumps({"schemaVersion": 2, "config": {"digest": f"sha256:{'a' * 64}", "size": 7}, "layers": []})


@pytest.fixture
def registry(sandbox: Sandbox) -> Iterator[Registry]:
    with serving_registry() as made:
        sandbox.state = replace(sandbox.state, registry=made.address)
        yield made


def made(sandbox: Sandbox, mutability: str = "MUTABLE") -> Any:
    client = sandbox.client("ecr")
    client.create_repository(repositoryName="web", imageTagMutability=mutability, tags=[{"Key": "a", "Value": "b"}])
    return client


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=code)


def test_repositories_are_those_that_were_created(sandbox: Sandbox) -> None:
    client = made(sandbox)
    (found,) = client.describe_repositories()["repositories"]
    assert found["repositoryUri"] == "000000000000.dkr.ecr.us-east-1.amazonaws.com/web"
    assert client.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"] == [{"Key": "a", "Value": "b"}]
    with refused("RepositoryAlreadyExistsException"):
        client.create_repository(repositoryName="web")
    with refused("RepositoryNotFoundException"):
        client.describe_repositories(repositoryNames=["web"], registryId="123456789012")
    with refused("RepositoryNotFoundException"):
        sandbox.client("ecr", "eu-west-1").describe_repositories(repositoryNames=["web"])
    with refused("LifecyclePolicyNotFoundException"):
        client.get_lifecycle_policy(repositoryName="web")


def test_without_a_registry_an_image_is_noted(sandbox: Sandbox) -> None:
    client = made(sandbox, "IMMUTABLE")
    noted = client.put_image(repositoryName="web", imageManifest=MANIFEST, imageTag="one")["image"]["imageId"]
    answer = client.batch_get_image(repositoryName="web", imageIds=[{"imageTag": "one"}, {"imageTag": "two"}])
    assert [one["imageId"] for one in answer["images"]] == [noted]
    assert [one["failureCode"] for one in answer["failures"]] == ["ImageNotFound"]
    (detail,) = client.describe_images(repositoryName="web")["imageDetails"]
    assert (detail["imageDigest"], detail["imageTags"], detail["imageSizeInBytes"]) == (
        noted["imageDigest"],
        ["one"],
        7,
    )
    assert known_digest(sandbox.state, "web", "one") == noted["imageDigest"]
    with refused("ImageNotFoundException"):
        client.describe_images(repositoryName="web", imageIds=[{"imageTag": "two"}])
    with refused("ImageTagAlreadyExistsException"):
        client.put_image(repositoryName="web", imageManifest="{}", imageTag="one")


def test_with_a_registry_its_images_are_those_of_the_repository(sandbox: Sandbox, registry: Registry) -> None:
    client = made(sandbox)
    assert client.describe_repositories()["repositories"][0]["repositoryUri"] == f"{registry.address}/web"
    missing = client.batch_get_image(repositoryName="web", imageIds=[{"imageTag": "one"}])
    assert missing["failures"]
    digest = registry.put("web", "one", MANIFEST.encode(), "application/vnd.oci.image.manifest.v1+json")
    (image,) = client.batch_get_image(repositoryName="web", imageIds=[{"imageTag": "one"}])["images"]
    assert (image["imageId"]["imageDigest"], image["imageManifest"]) == (digest, MANIFEST)
    by_digest = client.describe_images(repositoryName="web", imageIds=[{"imageDigest": digest}])
    assert by_digest["imageDetails"][0]["imageDigest"] == digest
    assert known_digest(sandbox.state, "web", "one") == digest
    with refused("push them there"):
        client.put_image(repositoryName="web", imageManifest=MANIFEST, imageTag="two")


def test_a_registry_that_does_not_answer_is_named(sandbox: Sandbox) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    sandbox.state = replace(sandbox.state, registry=address)
    client = made(sandbox)
    with refused(f"the registry {address}, which FSDCF_SANDBOX_REGISTRY names, does not answer: Connection refused"):
        client.batch_get_image(repositoryName="web", imageIds=[{"imageTag": "one"}])


@pytest.mark.parametrize(
    ("length", "pause", "manifest", "words"),
    [
        (10_000, 0.0, "{}", "not answer whole"),
        (None, 0.05, "x" * 100, "does not answer"),
        (None, 0.0, " " * ((1 << 22) + 1), "not answer whole"),
    ],
    ids=["breaks off", "drips", "is huge"],
)
def test_an_answer_that_is_not_whole_is_no_image(
    sandbox: Sandbox,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    length: int | None,
    pause: float,
    manifest: str,
    words: str,
) -> None:
    monkeypatch.setattr(ecr, "_TIMEOUT", 0.2)
    client = made(sandbox)
    registry.put("web", "one", manifest.encode())
    registry.length, registry.pause = length, pause
    with refused(words):
        client.batch_get_image(repositoryName="web", imageIds=[{"imageTag": "one"}])


def test_another_image_than_that_of_the_digest_is_none(sandbox: Sandbox, registry: Registry) -> None:
    client = made(sandbox)
    registry.manifests["web", f"sha256:{'b' * 64}"] = "application/json", MANIFEST.encode()
    with refused("another image than sha256:bbb"):
        client.batch_get_image(repositoryName="web", imageIds=[{"imageDigest": f"sha256:{'b' * 64}"}])


ODD = ["[" * 100_000, "[1]", "5", '{"config": [1], "layers": 5}', '{"manifests": ["a", null, 1]}', '{"manifests": 5}']


@pytest.mark.parametrize("manifest", ODD)
def test_a_manifest_of_another_form_has_no_size(sandbox: Sandbox, registry: Registry, manifest: str) -> None:
    client = made(sandbox)
    registry.put("web", "one", manifest.encode())
    (detail,) = client.describe_images(repositoryName="web", imageIds=[{"imageTag": "one"}])["imageDetails"]
    assert detail["imageSizeInBytes"] == 0


def test_a_token_expires(sandbox: Sandbox) -> None:
    client = sandbox.client("ecr")
    first = client.get_authorization_token()["authorizationData"][0]
    assert b64decode(first["authorizationToken"]).startswith(b"AWS:")
    assert round(first["expiresAt"].timestamp() - sandbox.clock.now()) == 12 * 3600
    sandbox.clock.advance(60)
    assert client.get_authorization_token()["authorizationData"][0]["authorizationToken"] != first["authorizationToken"]


def test_a_stack_makes_a_repository_and_takes_it_away(sandbox: Sandbox) -> None:
    filters = [{f"{FILTER}Type": "WILDCARD", f"{FILTER}Value": "buildcache"}]
    properties = {
        "RepositoryName": "web",
        "ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        f"{FILTER}s": filters,
        "LifecyclePolicy": {"LifecyclePolicyText": lifecycle_policy(False)},
    }
    template = json.dumps({"Resources": {"Images": {"Type": REPOSITORY, "Properties": properties}}})
    stacks, client = sandbox.client("cloudformation"), sandbox.client("ecr")
    stacks.create_stack(StackName="images", TemplateBody=template)
    sandbox.pass_time(120)
    (found,) = client.describe_repositories()["repositories"]
    assert found["imageTagMutabilityExclusionFilters"] == [{"filterType": "WILDCARD", "filter": "buildcache"}]
    assert client.get_lifecycle_policy(repositoryName="web")["lifecyclePolicyText"] == lifecycle_policy(False)
    client.put_image(repositoryName="web", imageManifest=MANIFEST, imageTag="one")
    stacks.delete_stack(StackName="images")
    sandbox.pass_time(120)
    assert client.describe_repositories()["repositories"] == []
    assert known_digest(sandbox.state, "web", "one") == digest_of("web", "one")


FILTER = "ImageTagMutabilityExclusionFilter"
