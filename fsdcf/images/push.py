"""A push: log in, push the image, and read its digest back. What is not confirmed is not reported as pushed."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from fsdcf.aws_errors import denial_in
from fsdcf.cloudformation.registries import is_loopback
from fsdcf.deploy.answers import Answer
from fsdcf.deploy.aws import ApiError, AwsError
from fsdcf.deploy.model import INTERRUPTS, Advice, Evidence, Exit, ImagePushed, NoticeIssued
from fsdcf.deploy.run import Run, Stop, denied, stop
from fsdcf.images.build import LAST_LINES, BuilderProgress, build_image, run_builder
from fsdcf.images.builders import Builder, BuilderError, ImageBuild, LocalImage, RegistryAccess
from fsdcf.images.repository import CACHE_TAG, RegistryImage, Repository, image_behind
from fsdcf.masking import mask_text, memorable, remember
from fsdcf.wording import cut

ATTEMPTS = 3
"""Attempts of a push, and of a login."""

_PAUSE = 3.0
"""Seconds before the second attempt; each later pause is twice as long."""

_READS, _READ_PAUSE = 3, 1.0
"""Attempts to read an image that was just pushed, and the seconds between them."""

_SPARE = timedelta(minutes=5)
"""A token that expires within this time is renewed before it is used."""


@dataclass(frozen=True)
class PushedImage:
    """An image in a registry: its repository, tag and digest.

    ``existed``: it was there, and was not pushed.
    """

    repository: str
    tag: str
    digest: str
    existed: bool = False

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}@{self.digest}"


@contextmanager
def signed_in(run: Run, builder: Builder, repository: Repository) -> Iterator[Pusher]:
    """A builder with access to a repository's registry while the block lasts: to ECR with a token of its own.

    The token goes to the builder through standard input, and is then in a private folder that is removed at the end,
    and in no file of the user's. Another registry gets the logins that the user has. Raises Stop, and AwsError.
    """
    plain = is_loopback(repository.host)
    try:
        holder = tempfile.TemporaryDirectory(prefix="fsdcf-")
    except OSError as error:
        raise stop(Exit.FAILED, f"there is no private folder for the login: {error.strerror}") from None
    with holder as place:
        folder = Path(place)
        report = folder / "report"
        if not repository.is_ecr or not repository.has_registry(run.aws):
            yield Pusher(run, builder.with_access(RegistryAccess(repository.host, None, plain)), repository, report)
            return
        login = folder / "login"
        login.mkdir(mode=0o700)
        cache = f"{repository.address}:{CACHE_TAG}" if repository.moves(CACHE_TAG) else ""
        try:
            own = builder.with_access(RegistryAccess(repository.host, login, plain, cache))
        except BuilderError as error:
            raise stop(Exit.FAILED, str(error)) from None
        pusher = Pusher(run, own, repository, report)
        try:
            pusher.log_in()
            yield pusher
        finally:
            own.log_out()


def build_and_push(
    run: Run, builder: Builder, build: ImageBuild, repository: Repository, progress: BuilderProgress
) -> PushedImage:
    """Build an image and push it. The login comes first, since the build reads the cache in the registry.

    Raises Stop, and AwsError.
    """
    with signed_in(run, builder, repository) as pusher:
        local = build_image(pusher.builder, build, run.tell, progress)
        return pusher.push(build, local, progress)


class Pusher:
    """Pushes images of a builder to a repository; see ``signed_in``."""

    def __init__(self, run: Run, builder: Builder, repository: Repository, report: Path) -> None:
        self.builder = builder
        self._run = run
        self._repository = repository
        self._report = report
        self._expires: datetime | None = None

    def log_in(self) -> None:
        """Log in with a new token. An attempt that fails is repeated. Raises Stop, and AwsError."""
        run, host = self._run, self._repository.host
        run.step("login", f"{self.builder.title} logs in at {host}")
        for attempt in range(1, ATTEMPTS + 1):
            user, password = self._token()
            try:
                return self.builder.log_in(user, password)
            except BuilderError as error:
                why = mask_text(str(error))
                if attempt == ATTEMPTS:
                    sentence = f"{self.builder.title} cannot log in at {host}: {why}"
                    raise stop(Exit.FAILED, sentence, self._repository.again) from None
                self._wait(f"the login at {host} failed ({why})", attempt)

    def _token(self) -> tuple[str, str]:
        """A user and a new password for the registry, which are masked from now on."""
        run = self._run
        try:
            answer = run.aws.call("ecr", "GetAuthorizationToken", at=self._repository.region)
        except ApiError as error:
            if error.denied:
                sentence = f"there is no token for {self._repository.host}"
                raise Stop(denied(error, run.aws, run.target, sentence, "*", build=True)) from None
            raise
        data: Answer = next(iter(answer.get("authorizationData") or ()), {})
        token = str(data.get("authorizationToken") or "")
        try:
            user, colon, password = base64.b64decode(token).decode().partition(":")
        except ValueError:
            colon = ""
        if not colon:
            raise stop(Exit.FAILED, f"the endpoint of ECR gives no token for {self._repository.host}")
        remember(memorable([token, password]))
        self._expires = data.get("expiresAt")
        return user, password

    def push(self, build: ImageBuild, local: LocalImage, progress: BuilderProgress) -> PushedImage:
        """Push an image of the builder's store with the tag that it has there, and return it with its digest.

        An image that is there is left. An attempt that breaks off is repeated. Raises Stop, and AwsError.
        """
        run, repository = self._run, self._repository
        tag = build.image.rpartition(":")[2]
        name = f"{repository.address}:{tag}"
        before = image_behind(run, repository, tag) if repository.is_ecr else None
        if before is not None:
            there = self._settled(name, before, local)
            if there is not None:
                return there
            run.tell(NoticeIssued("image", f"{name} is another image ({before.digest}): the tag is moved"))
        if not repository.is_ecr:
            if run.aws.rehearses and not is_loopback(repository.host):
                return self._keep(name, local, f"the sandbox does not push to {repository.host}")
            text = f"{repository.host} is not ECR: whether it has {name} is not looked up"
            run.tell(NoticeIssued("image", text))
        elif not repository.has_registry(run.aws):
            return self._note(name, local)
        run.step("push", f"{self.builder.title} pushes {name}")
        had_name = self.builder.has_image(name)
        try:
            return self._push(build, local, name, before, progress)
        except INTERRUPTS:
            text = f"the push of {name} was interrupted: whether the registry has the image is not known"
            run.tell(NoticeIssued("image", text))
            raise
        finally:
            if not had_name:
                self.builder.forget(name)

    def _push(
        self, build: ImageBuild, local: LocalImage, name: str, before: RegistryImage | None, progress: BuilderProgress
    ) -> PushedImage:
        for attempt in range(1, ATTEMPTS + 1):
            self._renew(attempt)
            self._report.unlink(missing_ok=True)
            code, lines = self._attempt(build, local, name, progress)
            if not code:
                return self._confirmed(name, local)
            found = self._after_failure(name, local, before)
            if found is not None:
                return found
            self._check_denial(name, lines)
            problem = f"the push of {name} failed: {self.builder.title} exited with {code}"
            if attempt == ATTEMPTS or self._run.late():
                raise self._failed(f"{problem}, in {attempt} attempts", lines)
            why = f" ({cut(mask_text(lines[-1]))})" if lines else ""
            self._wait(f"{problem}{why}", attempt)
        raise AssertionError("the last attempt returns or raises")

    def _failed(self, sentence: str, lines: list[str]) -> Stop:
        """The failure of a push, with the last lines of the builder; another registry may need a login."""
        evidence = (Evidence(self.builder.title, mask_text("\n".join(lines[-LAST_LINES:]))),) if lines else ()
        login = () if self._repository.is_ecr else (f"{self.builder.program} login {self._repository.host}",)
        return stop(Exit.FAILED, sentence, *login, self._repository.again, evidence=evidence)

    def _attempt(
        self, build: ImageBuild, local: LocalImage, name: str, progress: BuilderProgress
    ) -> tuple[int, list[str]]:
        """The exit code of a push and its last lines."""
        code, lines = 0, list[str]()
        progress.begin(f"{self.builder.title} pushes {name}")
        try:
            for command in self.builder.push(build, local, name, self._report):
                code, lines = run_builder(command, progress)
                if code:
                    break
        finally:
            progress.end()
        return code, lines

    def _renew(self, attempt: int) -> None:
        """Log in again, if the token may be what an attempt failed for, or is about to expire."""
        if self._expires is not None and (attempt > 1 or self._expires - _SPARE < datetime.now(timezone.utc)):
            self.log_in()

    def _wait(self, problem: str, attempt: int) -> None:
        seconds = self._run.jitter(_PAUSE * 2 ** (attempt - 1))
        text = f"{problem}: attempt {attempt + 1} of {ATTEMPTS} follows in {seconds:.0f} s"
        self._run.tell(NoticeIssued("waiting", text))
        self._run.rest(seconds)

    def _settled(self, name: str, found: RegistryImage, local: LocalImage) -> PushedImage | None:
        """The image that is there, if it is the one to push; None if its tag can be moved. Raises Stop otherwise."""
        repository, tag = name.rpartition(":")[::2]
        if found.is_image(local):
            text = f"{name} exists already ({found.digest}), and is not pushed again"
            self._run.tell(ImagePushed("image", text, repository, tag, found.digest, existed=True))
            return PushedImage(repository, tag, found.digest, existed=True)
        if self._repository.moves(tag):
            return None
        sentence = f"{name} is another image ({found.digest}), and tags of this repository are immutable"
        advice = "commit the change, so that the image gets a tag of its own, or choose another tag"
        deploy = self._run.target.redeploy(image_sha=tag)
        raise stop(Exit.FAILED, sentence, deploy, advice=Advice(f"{advice}; or deploy the image that is there"))

    def _confirmed(self, name: str, local: LocalImage) -> PushedImage:
        """The image that was pushed, with the digest that the registry has. Raises Stop if it is another one."""
        reported = self.builder.pushed_digest(name, self._report)
        if not self._repository.is_ecr:
            if not reported:
                sentence = f"{self.builder.title} pushed {name} and does not report its digest"
                raise stop(Exit.UNKNOWN, sentence, self._repository.again)
            return self._pushed(name, reported)
        found = self._read(name.rpartition(":")[2])
        if found is None:
            sentence = f"{self.builder.title} reports that {name} is pushed, but ECR does not have it"
            raise stop(Exit.FAILED, sentence, self._repository.again)
        if found.digest != reported if reported else not found.is_image(local):
            sentence = f"{name} is not the image that was pushed: ECR has {found.digest}"
            pushed = f", and {self.builder.title} pushed {reported}" if reported else ""
            advice = Advice("another build has pushed the same tag at the same time: look which of them is meant")
            raise stop(Exit.FAILED, f"{sentence}{pushed}", self._repository.again, advice=advice)
        return self._pushed(name, found.digest)

    def _pushed(self, name: str, digest: str) -> PushedImage:
        """Report an image that is in the registry."""
        repository, tag = name.rpartition(":")[::2]
        self._run.tell(ImagePushed("pushed", f"{name}@{digest}", repository, tag, digest))
        return PushedImage(repository, tag, digest)

    def _read(self, tag: str) -> RegistryImage | None:
        for left in range(_READS, 0, -1):
            found = image_behind(self._run, self._repository, tag)
            if found is not None or left == 1:
                return found
            self._run.rest(_READ_PAUSE)
        return None

    def _after_failure(self, name: str, local: LocalImage, before: RegistryImage | None) -> PushedImage | None:
        """The image, if it is there in spite of a failure. Raises Stop if another build has taken the tag."""
        if not self._repository.is_ecr:
            return None
        try:
            found = image_behind(self._run, self._repository, name.rpartition(":")[2])
        except AwsError:
            return None  # the next attempt, or the report of the failure, is as good without it
        return self._settled(name, found, local) if found is not None and found != before else None

    def _check_denial(self, name: str, lines: list[str]) -> None:
        """Raise Stop if a missing permission ended the push, which another attempt does not change."""
        message = " ".join(lines)
        denial = denial_in(message)
        if denial is None:
            return
        service, _, operation = denial.action.partition(":")
        error = ApiError(service, operation, "AccessDeniedException", message)
        run = self._run
        sentence = f"the push of {name} is refused"
        raise Stop(denied(error, run.aws, run.target, sentence, self._repository.arn, build=True))

    def _note(self, name: str, local: LocalImage) -> PushedImage:
        """Let an emulator without a registry note the image, which stays in the builder's store."""
        run, repository = self._run, self._repository
        address, tag = name.rpartition(":")[::2]
        config = {"mediaType": _CONFIG_TYPE, "digest": local.id, "size": 0}
        manifest = {"schemaVersion": 2, "mediaType": _NOTED_TYPE, "config": config, "layers": []}
        run.step("push", f"recording {name}")
        parameters = {"imageTag": tag, "imageManifest": json.dumps(manifest), "imageManifestMediaType": _NOTED_TYPE}
        try:
            run.aws.call("ecr", "PutImage", at=repository.region, **repository.parameters(**parameters))
        except ApiError as error:
            raise stop(Exit.FAILED, f"{name} cannot be recorded: {error.message}", repository.again) from None
        found = image_behind(run, repository, tag)
        if found is None:
            raise stop(Exit.FAILED, f"{name} was recorded, but the endpoint does not have it", repository.again)
        text = f"{name} is recorded and not pushed: the image stays in the store of {self.builder.title}, because"
        why = _NO_REGISTRY if run.aws.rehearses else "this endpoint has no registry"
        run.tell(ImagePushed("image", f"{text} {why}", address, tag, found.digest, noted=True))
        return PushedImage(address, tag, found.digest)

    def _keep(self, name: str, local: LocalImage, why: str) -> PushedImage:
        """Leave an image in the builder's store. Its id is the digest."""
        address, tag = name.rpartition(":")[::2]
        text = f"{name} is not pushed: the image stays in the store of {self.builder.title}, because {why}"
        self._run.tell(ImagePushed("image", text, address, tag, local.id, noted=True))
        return PushedImage(address, tag, local.id)


_NOTED_TYPE = "application/vnd.oci.image.manifest.v1+json"
_NO_REGISTRY = "the sandbox has no registry (FSDCF_SANDBOX_REGISTRY=localhost:5000 names one)"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
