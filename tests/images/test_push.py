"""A push into a real registry, by a builder whose steps are known: it breaks off, is refused or interrupted."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fsdcf.deploy.answers import Answer
from fsdcf.deploy.aws import Aws
from fsdcf.deploy.model import Ask, Event, Exit, NoticeIssued, Question, Target, Terminated
from fsdcf.deploy.run import Run, Stop
from fsdcf.images.build import BuilderProgress
from fsdcf.images.builders import (
    Buildah,
    Builder,
    BuilderError,
    Buildx,
    Command,
    Finch,
    ImageBuild,
    LocalImage,
    Nerdctl,
    Podman,
    RegistryAccess,
    copy_docker_folder,
)
from fsdcf.images.push import PushedImage, signed_in
from fsdcf.images.repository import Destination, Repository, repository_of
from fsdcf.sandbox.faults import parse_fault
from fsdcf.sandbox.state import VirtualClock
from tests.registry import Registry, serving_registry
from tests.sandbox.conftest import Sandbox

TARGET = Target("web", "staging", "fsdcf deploy web.yml --env staging")
DESTINATION = Destination(
    "000000000000.dkr.ecr.us-east-1.amazonaws.com/web",
    (None, None, "web"),
    {"fsdcf:service": "web", "fsdcf:environment": "staging"},
    "fsdcf build web.yml --push",
)
BUILD = ImageBuild("web:one", Path(), Path("Dockerfile"), "linux/amd64")


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def manifest_of(content: str) -> bytes:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(content.encode()), "size": 1}
    return json.dumps({"schemaVersion": 2, "config": config, "layers": []}).encode()


@dataclass
class Steps:
    """The steps of a push, in order. ``at`` is the number of the one at which ``error`` is raised."""

    done: list[str] = field(default_factory=list)
    at: int = -1
    error: BaseException = field(default_factory=KeyboardInterrupt)

    def step(self, name: str) -> None:
        self.done.append(name)
        if len(self.done) - 1 == self.at:
            raise self.error


class HandBuilder(Builder):
    """A builder that is a function of this process: what it pushes is ``content``."""

    program = "hand"

    def __init__(self, steps: Steps, content: str = "mine", access: RegistryAccess | None = None) -> None:
        super().__init__({}, access=access)
        self.steps, self.content = steps, content
        self.passwords: list[str] = []
        self.reported = ""
        self.before_manifest: Callable[[], object] = lambda: None
        self.after_manifest: Callable[[], object] = lambda: None

    def with_access(self, access: RegistryAccess) -> Builder:
        self.steps.step("access")
        self.access = access
        return self

    def log_in(self, user: str, password: str) -> None:
        self.steps.step("login")
        assert (self.access and self.access.folder) and user == "AWS"
        (self.access.folder / "auth.json").write_text(password)
        self.passwords.append(password)

    def log_out(self) -> None:
        self.steps.done.append("logout")

    def push(self, build: ImageBuild, local: LocalImage, name: str, report: Path) -> list[Command]:
        return [Command((name, str(report)), {})]

    def pushed_digest(self, name: str, report: Path) -> str:
        return self.reported if self.reported else report.read_text()

    def has_image(self, name: str) -> bool:
        return True

    def run(self, command: Command) -> tuple[int, list[str]]:
        """Upload the image as a builder does."""
        self.steps.step("push")
        assert self.access and self.access.folder
        host, _, rest = command.words[0].partition("/")
        repository, _, tag = rest.rpartition(":")
        auth = b64encode(f"AWS:{(self.access.folder / 'auth.json').read_text()}".encode()).decode()
        parts = [(f"/v2/{repository}/blobs/uploads/1?digest={digest(b'layer')}", b"layer")]
        parts.append((f"/v2/{repository}/manifests/{tag}", manifest_of(self.content)))
        for path, body in parts:
            if "manifests" in path:
                self.before_manifest()
            connection = http.client.HTTPConnection(host, timeout=5)
            try:
                connection.request("PUT", path, body, {"Authorization": f"Basic {auth}"})
                answer = connection.getresponse()
                text = answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                return 1, ["writing blob", f"connection lost: {error}"]
            finally:
                connection.close()
            if answer.status >= 400:
                return 1, [text]
        Path(command.words[1]).write_text(digest(manifest_of(self.content)))
        self.after_manifest()
        return 0, ["done"]


class CountedAws(Aws):
    """AWS whose calls are steps."""

    steps: Steps

    def call(self, service: str, operation: str, /, **parameters: object) -> Answer:  # type: ignore[override]
        self.steps.step(operation)
        return super().call(service, operation, **parameters)  # type: ignore[arg-type]


class Scene:
    """A sandbox with a registry, and what a run of it told."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.steps = Steps()
        self.sandbox = Sandbox()
        clock = VirtualClock(time.time())
        self.state = self.sandbox.state = replace(
            self.sandbox.state, clock=clock, registry=registry.address, sleep=clock.advance
        )
        self.clock = clock
        self.aws = CountedAws(self.sandbox.client, clock.now, clock.advance, random.Random(1), "us-east-1")
        self.aws.steps = self.steps
        self.events: list[Event] = []
        self.builder = HandBuilder(self.steps)

    def run(self, ask: Ask | None = None) -> Run:
        return Run(self.aws, self.events.append, TARGET, ask)

    def repository(self, create: bool = True, ask: Ask | None = None) -> Repository:
        return repository_of(self.run(ask), DESTINATION, create)

    def push(self, builder: HandBuilder | None = None) -> PushedImage:
        made, run = builder or self.builder, self.run()
        with signed_in(run, made, self.repository()) as pusher:
            return pusher.push(
                BUILD, LocalImage(digest(made.content.encode()), "linux/amd64", "mine"), BuilderProgress()
            )

    @property
    def notices(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, NoticeIssued))


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scene]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with serving_registry() as registry:
        made = Scene(registry)
        monkeypatch.setattr("fsdcf.images.push.run_builder", lambda command, progress: made.builder.run(command))
        yield made
        made.sandbox.close()
    assert not [*tmp_path.iterdir()], "something of a push is left"


def stopped(action: Callable[[], object]) -> Stop:
    with pytest.raises(Stop) as caught:
        action()
    return caught.value


def test_a_push_gives_the_digest_of_the_registry(scene: Scene) -> None:
    pushed = scene.push()
    assert pushed == PushedImage(f"{scene.registry.address}/web", "one", digest(manifest_of("mine")))
    assert str(pushed).endswith(f"/web:one@{pushed.digest}")


@pytest.mark.parametrize(("part", "times"), [("blob", 1), ("blob", 2), ("manifest", 1), ("manifest", 2), ("answer", 1)])
def test_a_push_that_breaks_off_is_tried_again(scene: Scene, part: str, times: int) -> None:
    scene.registry.breaks[part] = times
    pushed = scene.push()
    assert pushed.digest == digest(manifest_of("mine"))
    tries = scene.steps.done.count("push")
    if part == "answer":  # the image is there, and no other attempt is needed
        assert (tries, pushed.existed) == (1, True)
    else:
        assert tries == times + 1
        assert f"attempt {times + 1} of 3" in scene.notices and "connection lost" in scene.notices
        assert scene.steps.done.count("login") == tries


@pytest.mark.parametrize("part", ["blob", "manifest"])
def test_after_three_attempts_a_push_has_failed(scene: Scene, part: str) -> None:
    scene.registry.breaks[part] = 9
    outcome = stopped(scene.push).outcome
    assert outcome.exit is Exit.FAILED
    assert scene.steps.done.count("push") == 3
    assert "connection lost" in str(outcome.evidence)
    assert outcome.next == (DESTINATION.again,)
    assert not scene.registry.manifests


def test_a_token_that_expires_in_the_middle_is_renewed(scene: Scene) -> None:
    builder = scene.builder

    def expire() -> None:
        scene.registry.passwords = {"another"}
        builder.before_manifest = lambda: None

    def log_in(user: str, password: str) -> None:
        HandBuilder.log_in(builder, user, password)
        scene.registry.passwords = {password}
        scene.clock.advance(1)  # the next token is another one

    builder.before_manifest = expire
    builder.log_in = log_in  # type: ignore[method-assign]
    assert scene.push().digest == digest(manifest_of("mine"))
    assert len(set(builder.passwords)) == 2


def test_a_token_that_is_about_to_expire_is_renewed_before_the_push(scene: Scene) -> None:
    scene.state.faults.add(parse_fault("api:GetAuthorizationToken:brief"))
    scene.push()
    assert scene.steps.done.count("GetAuthorizationToken") == 2
    assert scene.steps.done.index("push") > max(index for index, name in enumerate(scene.steps.done) if name == "login")


def test_an_immutable_tag_with_another_image_is_an_error(scene: Scene) -> None:
    other = scene.registry.put("web", "one", manifest_of("other"))
    outcome = stopped(scene.push).outcome
    assert outcome.exit is Exit.FAILED
    assert other in outcome.sentence and "immutable" in outcome.sentence
    assert outcome.next == ("fsdcf deploy web.yml --env staging --image-sha one",)
    assert outcome.advice and "commit" in outcome.advice.text
    assert "push" not in scene.steps.done


def test_a_mutable_tag_is_moved_with_a_notice(scene: Scene) -> None:
    scene.aws.call("ecr", "CreateRepository", repositoryName="web")
    scene.registry.put("web", "one", manifest_of("other"))
    assert scene.push().digest == digest(manifest_of("mine"))
    assert "the tag is moved" in scene.notices


ATTESTATION = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
UNKNOWN = {"os": "unknown", "architecture": "unknown"}


@pytest.mark.parametrize("more", [{}, ATTESTATION, {"platform": UNKNOWN}, {**ATTESTATION, "platform": {"os": "linux"}}])
def test_an_index_that_lists_another_image_as_well_is_another_image(scene: Scene, more: dict[str, object]) -> None:
    mine, other = (scene.registry.put("web", each, manifest_of(each)) for each in ("mine", "other"))
    listed = [{"digest": other, **more}, {"digest": mine}]
    scene.registry.put("web", "one", json.dumps({"schemaVersion": 2, "manifests": listed}).encode())
    assert "is another image" in stopped(scene.push).outcome.sentence


def test_an_index_that_is_a_manifest_as_well_is_another_image(scene: Scene) -> None:
    other = scene.registry.put("web", "other", manifest_of("other"))
    both = {**json.loads(manifest_of("mine")), "manifests": [{"digest": other}]}
    scene.registry.put("web", "one", json.dumps(both).encode())
    assert "is another image" in stopped(scene.push).outcome.sentence


def test_the_same_image_is_left_also_in_an_index(scene: Scene) -> None:
    child = scene.registry.put("web", "child", manifest_of("mine"))
    proof = scene.registry.put("web", "proof", manifest_of("proof"))
    listed = [{"digest": child}, {"digest": proof, **ATTESTATION, "platform": UNKNOWN}]
    index = scene.registry.put("web", "one", json.dumps({"schemaVersion": 2, "manifests": listed}).encode())
    pushed = scene.push()
    assert (pushed.digest, pushed.existed) == (index, True)
    attested = HandBuilder(scene.steps, "proof")
    assert "immutable" in stopped(lambda: scene.push(attested)).outcome.sentence


def test_two_builds_push_the_same_tag_at_once(scene: Scene) -> None:
    scene.registry.immutable = True
    scene.builder.before_manifest = lambda: scene.registry.put("web", "one", manifest_of("other"))
    outcome = stopped(scene.push).outcome
    assert "immutable" in outcome.sentence
    assert scene.steps.done.count("push") == 1


def test_two_builds_of_the_same_image_at_once_both_succeed(scene: Scene) -> None:
    scene.registry.immutable = True
    scene.builder.before_manifest = lambda: scene.registry.put("web", "one", manifest_of("mine"))
    assert scene.push().digest == digest(manifest_of("mine"))


def test_a_tag_that_another_build_takes_at_the_end_is_not_reported_as_pushed(scene: Scene) -> None:
    scene.aws.call("ecr", "CreateRepository", repositoryName="web")
    scene.builder.after_manifest = lambda: scene.registry.put("web", "one", manifest_of("other"))
    outcome = stopped(scene.push).outcome
    assert outcome.exit is Exit.FAILED
    assert digest(manifest_of("other")) in outcome.sentence and digest(manifest_of("mine")) in outcome.sentence


def test_a_builder_that_pushed_nothing_is_not_believed(scene: Scene) -> None:
    scene.builder.after_manifest = scene.registry.manifests.clear
    outcome = stopped(scene.push).outcome
    assert outcome.exit is Exit.FAILED and "does not have it" in outcome.sentence


def test_a_refused_push_names_the_permission_and_is_not_repeated(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:ecr:us-east-1:000000000000:repository/web"
    who = "User: arn:aws:sts::000000000000:assumed-role/ci"
    line = f"denied: {who} is not authorized to perform: ecr:InitiateLayerUpload on resource: {arn}"
    monkeypatch.setattr("fsdcf.images.push.run_builder", lambda command, progress: (1, ["copying", line]))
    outcome = stopped(scene.push).outcome
    assert outcome.exit is Exit.DENIED
    assert "ecr:InitiateLayerUpload" in outcome.sentence and arn in outcome.sentence


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("DescribeRepositories", "ecr:DescribeRepositories"),
        ("CreateRepository", "ecr:CreateRepository"),
        ("GetAuthorizationToken", "ecr:GetAuthorizationToken"),
        ("BatchGetImage", "ecr:BatchGetImage"),
    ],
)
def test_a_missing_permission_is_named(scene: Scene, operation: str, action: str) -> None:
    scene.state.faults.add(parse_fault(f"api:{operation}:error=AccessDeniedException"))
    outcome = stopped(scene.push).outcome
    assert outcome.exit is Exit.DENIED
    assert action in outcome.sentence
    assert "fsdcf permissions web.yml --env staging" in outcome.next[0]
    assert "push" not in scene.steps.done


def test_a_missing_lifecycle_policy_is_a_warning(scene: Scene) -> None:
    scene.state.faults.add(parse_fault("api:PutLifecyclePolicy:error=AccessDeniedException"))
    assert scene.push().digest
    assert any("lifecycle policy" in getattr(event, "text", "") for event in scene.events)


ERRORS = [KeyboardInterrupt(), Terminated()]


@pytest.mark.parametrize("error", ERRORS, ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("at", range(9))
def test_nothing_is_left_of_a_push_that_is_interrupted(scene: Scene, at: int, error: BaseException) -> None:
    scene.steps.at, scene.steps.error = at, error
    with pytest.raises(type(error)):
        scene.push()
    done = scene.steps.done
    assert len([name for name in done if name != "logout"]) == at + 1
    assert ("login" in done) == ("logout" in done) or done[at] == "GetAuthorizationToken"
    if done[at] == "push":
        assert "was interrupted" in scene.notices
    scene.steps.at = -1
    assert scene.push().digest == digest(manifest_of("mine"))


def test_the_interruptions_are_at_every_step(scene: Scene) -> None:
    scene.push()
    assert [name for name in scene.steps.done if name != "logout"] == [
        *("DescribeRepositories", "CreateRepository", "PutLifecyclePolicy", "access", "GetAuthorizationToken", "login"),
        *("BatchGetImage", "push", "BatchGetImage"),
    ]


def test_a_repository_is_made_as_the_question_says(scene: Scene) -> None:
    asked: list[Question] = []

    def ask(question: Question) -> bool:
        asked.append(question)
        return True

    repository = scene.repository(create=False, ask=ask)
    (question,) = asked
    assert question.kind == "repository" and "web" in question.text
    for word in ("immutable", "scanned", "AES-256", "expire", "fsdcf:environment=staging"):
        assert word in " ".join(question.details), word
    assert repository.moves("buildcache") and not repository.moves("one")
    described = scene.aws.call("ecr", "DescribeRepositories", repositoryNames=["web"])["repositories"][0]
    assert described["imageScanningConfiguration"] == {"scanOnPush": True}
    arn = described["repositoryArn"]
    tags = scene.aws.call("ecr", "ListTagsForResource", resourceArn=arn)["tags"]
    assert {one["Key"]: one["Value"] for one in tags} == DESTINATION.tags
    policy = json.loads(scene.aws.call("ecr", "GetLifecyclePolicy", repositoryName="web")["lifecyclePolicyText"])
    assert [rule["selection"]["tagStatus"] for rule in policy["rules"]] == ["untagged"]


def test_a_repository_that_nobody_wants_is_not_made(scene: Scene) -> None:
    alone = stopped(lambda: scene.repository(create=False)).outcome
    assert alone.exit is Exit.USAGE
    assert alone.next[0] == "fsdcf build web.yml --push --create-repository"
    refused = stopped(lambda: scene.repository(create=False, ask=lambda question: False)).outcome
    assert refused.exit is Exit.REFUSED
    assert "CreateRepository" not in scene.steps.done


def test_a_repository_that_another_run_makes_meanwhile_is_taken(scene: Scene) -> None:
    call = scene.aws.call

    def racing(service: str, operation: str, /, **parameters: object) -> Answer:
        if operation == "CreateRepository":
            call(service, operation, repositoryName="web", imageTagMutability="IMMUTABLE")
        return call(service, operation, **parameters)

    scene.aws.call = racing  # type: ignore[method-assign, assignment]
    assert scene.repository().mutability == "IMMUTABLE"


def test_a_repository_of_another_account_is_not_made(scene: Scene) -> None:
    elsewhere = Destination("", ("123456789012", "eu-west-1", "base/web"), {}, "fsdcf build web.yml --push")
    outcome = stopped(lambda: repository_of(scene.run(), elsewhere, True)).outcome
    assert outcome.exit is Exit.USAGE
    assert "123456789012" in outcome.sentence
    assert outcome.next == (
        "aws ecr create-repository --repository-name base/web --region eu-west-1 --registry-id 123456789012",
    )
    assert "CreateRepository" not in scene.steps.done
    scene.aws.rehearses = True  # the sandbox has every account
    assert repository_of(scene.run(), elsewhere, True).registry == "123456789012"
    assert repository_of(scene.run(), elsewhere).arn == "arn:aws:ecr:eu-west-1:123456789012:repository/base/web"


@pytest.mark.parametrize(
    ("mutability", "filters", "tag", "moves"),
    [
        ("MUTABLE", (), "one", True),
        ("IMMUTABLE", (), "buildcache", False),
        ("IMMUTABLE_WITH_EXCLUSION", ("buildcache",), "buildcache", True),
        ("IMMUTABLE_WITH_EXCLUSION", ("buildcache",), "buildcache2", False),
        ("IMMUTABLE_WITH_EXCLUSION", ("dev-*", "x.y"), "dev-1", True),
        ("IMMUTABLE_WITH_EXCLUSION", ("dev-*", "x.y"), "xay", False),
        ("MUTABLE_WITH_EXCLUSION", ("v*",), "v1", False),
        ("MUTABLE_WITH_EXCLUSION", ("v*",), "one", True),
    ],
)
def test_which_tags_move(mutability: str, filters: tuple[str, ...], tag: str, moves: bool) -> None:
    assert Repository("host/web", name="web", mutability=mutability, filters=filters).moves(tag) is moves


def test_a_login_that_fails_is_tried_again_and_says_nothing_of_the_token(scene: Scene) -> None:
    builder = scene.builder

    def log_in(user: str, password: str) -> None:
        builder.passwords.append(password)
        raise BuilderError("no route to host")

    builder.log_in = log_in  # type: ignore[method-assign]
    outcome = stopped(scene.push).outcome
    assert outcome.exit is Exit.FAILED and "no route to host" in outcome.sentence
    assert len(builder.passwords) == 3
    assert not any(password in str(scene.events) + str(outcome) for password in builder.passwords)


def test_another_registry_gets_the_logins_of_the_user(scene: Scene) -> None:
    digest_ = digest(manifest_of("mine"))
    repository = repository_of(scene.run(), Destination(f"{scene.registry.address}/web", None))
    builder = scene.builder
    builder.run = lambda command: (0, [])  # type: ignore[method-assign]
    builder.reported = digest_
    with signed_in(scene.run(), builder, repository) as pusher:
        assert builder.access == RegistryAccess(scene.registry.address, None, True)
        pushed = pusher.push(BUILD, LocalImage("sha256:1", "linux/amd64", "mine"), BuilderProgress())
    assert pushed.digest == digest_
    assert "not ECR" in scene.notices
    assert not {"login", "GetAuthorizationToken", "BatchGetImage"} & set(scene.steps.done)


@pytest.mark.parametrize(
    ("address", "endpoint", "has"),
    [
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/web", "", True),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/web", "http://localhost:5000", False),
        ("000000000000.dkr.ecr.us-east-1.amazonaws.com/web", "", False),
        ("000000000000.dkr.ecr.us-east-1.localhost.localstack.cloud:4566/web", "http://localhost:4566", True),
        ("localhost:5000/web", "", True),
    ],
)
def test_an_emulator_without_a_registry_is_known_by_its_addresses(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, address: str, endpoint: str, has: bool
) -> None:
    monkeypatch.setattr(scene.aws, "is_foreign", lambda service: bool(endpoint))
    assert Repository(address, name="web").has_registry(scene.aws) is has


def test_an_image_is_noted_where_there_is_no_registry(scene: Scene) -> None:
    scene.state = scene.sandbox.state = replace(scene.state, registry="")
    scene.sandbox._clients.clear()
    first = scene.push()
    assert "no registry" in scene.notices
    assert not {"login", "push"} & set(scene.steps.done)
    assert scene.push() == replace(first, existed=True)
    scene.builder.content = "other"
    assert "immutable" in stopped(scene.push).outcome.sentence


def test_an_endpoint_without_a_token_is_named(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = scene.repository()
    for answer in ({}, {"authorizationData": []}, {"authorizationData": [{"authorizationToken": "%"}]}):
        monkeypatch.setattr(scene.aws, "call", lambda *words, answer=answer, **parameters: answer)

        def push() -> None:
            with signed_in(scene.run(), scene.builder, repository):
                pytest.fail("there is no login")

        assert "gives no token" in stopped(push).outcome.sentence


def test_docker_keeps_its_settings_and_gets_a_login_of_its_own(tmp_path: Path) -> None:
    own, folder = tmp_path / "own", tmp_path / "folder"
    (own / "contexts").mkdir(parents=True)
    folder.mkdir()
    given = {"credsStore": "desktop", "credHelpers": {"ghcr.io": "gh"}, "currentContext": "far"}
    (own / "config.json").write_text(json.dumps(given))
    copy_docker_folder(own, folder, "host")
    copied = json.loads((folder / "config.json").read_text())
    assert copied == {**given, "credHelpers": {"ghcr.io": "gh", "host": ""}}
    assert (folder / "contexts").resolve() == own / "contexts"
    for path in folder.iterdir():
        path.unlink()
    for broken in ("[", "[]", '{"credHelpers": 1}'):
        (own / "config.json").write_text(broken)
        with pytest.raises(BuilderError, match="not valid JSON"):
            copy_docker_folder(own, folder, "host")
        for path in folder.iterdir():
            path.unlink()
    for path in tmp_path.rglob("*.json"):
        path.unlink()
    for path in (own / "contexts", own, folder):
        path.rmdir()


def test_without_a_folder_for_the_login_there_is_no_push(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *words: (_ for _ in ()).throw(OSError(28, "No space left")))
    assert "No space left" in stopped(scene.push).outcome.sentence


@pytest.mark.parametrize("kind", [Podman, Buildah])
def test_podman_and_buildah_get_a_file_with_the_login(kind: type[Builder]) -> None:
    builder = kind({}).with_access(RegistryAccess("localhost:5000", Path("private"), True))
    (command,) = builder.push(BUILD, LocalImage("sha256:1", "linux/amd64", "ref"), "localhost:5000/web:one", Path("r"))
    name = kind.program
    assert [*command.words] == [
        *(name, "push", "--authfile", "private/auth.json", "--tls-verify=false", "--digestfile", "r"),
        *("ref", "docker://localhost:5000/web:one"),
    ]
    elsewhere = kind({}).with_access(RegistryAccess("ghcr.io"))
    (command,) = elsewhere.push(BUILD, LocalImage("sha256:1", "linux/amd64", "ref"), "ghcr.io/web:one", Path("r"))
    assert not {"--authfile", "--tls-verify=false"} & {*command.words}


def test_nerdctl_pushes_the_platform_that_was_built() -> None:
    builder = Nerdctl({}, access=RegistryAccess("localhost:5000", None, True))
    _, push = builder.push(BUILD, LocalImage("sha256:1", "linux/amd64", "ref"), "localhost:5000/web:one", Path("r"))
    assert [*push.words] == [
        *("nerdctl", "--insecure-registry", "push", "--platform", "linux/amd64", "localhost:5000/web:one"),
    ]


def test_finch_is_logged_out(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[list[str]] = []
    monkeypatch.setattr(Finch, "_ask", lambda self, words, given="": said.append([*words]))
    Finch({}).with_access(RegistryAccess("host", Path("private"))).log_out()
    assert said == [["finch", "logout", "host"]]


@pytest.mark.parametrize(
    ("driver", "store", "attests"),
    [("docker-container", "", True), ("docker", "overlay2", False), ("docker", "io.containerd.snapshotter.v1", True)],
)
def test_an_attestation_and_a_cache_need_more_than_the_plain_daemon(
    monkeypatch: pytest.MonkeyPatch, driver: str, store: str, attests: bool
) -> None:
    def ask(self: Builder, words: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, 0, f"Driver: {driver}\n" if "buildx" in words else f"[[{store}]]", "")

    monkeypatch.setattr(Buildx, "_ask", ask)
    builder = Buildx({}, access=RegistryAccess("host", None, False, "host/web:buildcache"))
    (command,) = builder.push(BUILD, LocalImage("sha256:1", "linux/amd64", "ref"), "host/web:one", Path("r"))
    words = " ".join(command.words)
    assert "--output=type=image,push=true " in words and "--tag host/web:one" in words
    for part in ("--provenance=mode=min", "--cache-from type=registry,ref=host/web:buildcache", "image-manifest=true"):
        assert (part in words) is attests, part
    fresh = replace(BUILD, use_cache=False)
    (command,) = builder.push(fresh, LocalImage("sha256:1", "linux/amd64", "ref"), "host/web:one", Path("r"))
    assert "buildcache" not in " ".join(command.words)


def test_buildx_tells_the_configuration_of_an_image(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    """With the store of containerd, the id of an image is that of another manifest than the one that is pushed."""
    described = LocalImage("sha256:manifest", "linux/amd64", "web:one")
    monkeypatch.setattr(Buildx, "local_image", lambda self, image, platform="": described)
    monkeypatch.setattr(Buildx, "_ask", lambda self, words, given="": subprocess.CompletedProcess(words, 0, "", ""))
    builder = Buildx({})
    assert "--metadata-file" in builder.build(BUILD, Path("id")).words
    config = digest(b"mine")
    image = builder.built_image(BUILD, json.dumps({"containerimage.config.digest": config}))
    assert image == replace(described, config=config)
    assert builder.built_image(BUILD, "") == described
    there = scene.push()
    with signed_in(scene.run(), scene.builder, scene.repository()) as pusher:
        assert pusher.push(BUILD, image, BuilderProgress()) == replace(there, existed=True)


ODD = ("[" * 100_000, "[1]", '{"config": [1]}', '{"manifests": ["a", null, {"annotations": 5}]}', '{"manifests": 5}')


@pytest.mark.parametrize("manifest", ODD)
def test_a_manifest_of_another_form_is_another_image(scene: Scene, manifest: str) -> None:
    scene.registry.put("web", "one", manifest.encode())
    assert "is another image" in stopped(scene.push).outcome.sentence


@pytest.mark.parametrize(
    "address", ["--config=/tmp/x/web", "host/web,ref=other", "host/web two", "host/\0", "host", ""]
)
def test_an_address_that_would_be_more_than_a_word_is_refused(scene: Scene, address: str) -> None:
    call = scene.aws.call

    def answering(service: str, operation: str, /, **parameters: object) -> Answer:
        answer = call(service, operation, **parameters)
        return {"repositories": [{"repositoryUri": address}]} if operation == "DescribeRepositories" else answer

    scene.repository()
    scene.aws.call = answering  # type: ignore[method-assign, assignment]
    if address:
        assert "the address of web" in stopped(scene.push).outcome.sentence
        assert "login" not in scene.steps.done
    else:
        assert scene.repository().address == DESTINATION.address


@pytest.mark.parametrize("config", ["[" * 100_000, "[]", "{", '{"credHelpers": 5}', "\udcff", None])
def test_a_configuration_of_docker_that_cannot_be_read_is_named(tmp_path: Path, config: str | None) -> None:
    own, folder = tmp_path / "own", tmp_path / "new"
    own.mkdir()
    folder.mkdir()
    if config is None:
        os.mkfifo(own / "config.json")
    else:
        (own / "config.json").write_text(config, "utf-8", "surrogateescape")
    with pytest.raises(BuilderError, match="config"):
        copy_docker_folder(own, folder, "host")
