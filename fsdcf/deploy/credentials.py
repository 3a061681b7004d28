"""Credentials: how botocore finds them, why they cannot be used, and what helps in the place where fsdcf runs.

Every error of a credential provider, at once or at a later renewal, becomes a CredentialsError that says what was tried
in which profile. It contains names and never values: what a credential_process prints is read by botocore alone.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import botocore.exceptions
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleProvider,
    CanonicalNameCredentialSourcer,
    EnvProvider,
    ProcessProvider,
    ProfileProviderBuilder,
)
from botocore.parsers import ResponseParserError

from fsdcf.aws_errors import (
    CredentialsError,
    CredentialsProblem,
    categorize,
    credentials_problem,
    is_network_failure,
)
from fsdcf.suggested import suggested

PATIENCE = 30.0
PATIENCE_WITH_PERSON = 180.0
"""Seconds for which a credential_process may take; a person may have to log in with it."""

_SILENCE = 3.0
"""Seconds without an answer after which a notice says what fsdcf waits for."""


@dataclass(frozen=True)
class Surroundings:
    """Where fsdcf runs, which decides what helps.

    ``ask`` asks a person for the code of an MFA device, with a prompt; None without a terminal. ``notice`` reports
    what fsdcf waits for. ``repository`` is that of a job on GitHub, such as ``acme/shop``.
    """

    place: Literal["terminal", "github", "ci"] = "terminal"
    ask: Callable[[str], str] | None = None
    notice: Callable[[str], None] = lambda text: None
    repository: str = ""


PROVIDERS_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=5, read_timeout=20)
"""The configuration of the clients that obtain credentials: a role with an MFA code can be assumed only once."""

ALONE = Surroundings()
"""A machine of a person who cannot be asked."""

_JOB = (
    "a job has no person to log in: give it a role, by OIDC (AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE), or that of"
    " its runner"
)
_GITHUB = (
    "give the job `permissions: id-token: write` and a step aws-actions/configure-aws-credentials with role-to-assume;"
    " the role's trust policy must allow sts:AssumeRoleWithWebIdentity to token.actions.githubusercontent.com for this"
    " repository"
)
_HOUR = "credentials from configure-aws-credentials last an hour unless role-duration-seconds says otherwise"
"""What a job needs.
Source: https://docs.github.com/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws"""

_SUBJECTS: Mapping[str, str] = {
    "custom-process": "the credential_process of the profile {profile}",
    "assume-role": "the role {role} of the profile {profile}",
    "assume-role-with-web-identity": "the web identity token of {origin}",
    "sso": "the SSO session of the profile {profile}",
    "login": "the login session of the profile {profile}",
    "env": "the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "shared-credentials-file": "the access key of the profile {profile}",
    "config-file": "the access key of the profile {profile}",
    "container-role": "the credentials endpoint of the container (AWS_CONTAINER_CREDENTIALS_…)",
    "iam-role": "the role of the instance (IMDS)",
}
"""What a provider reads, by botocore's name of it."""

_SOURCES: Mapping[str, str] = {
    "Environment": "env",
    "Ec2InstanceMetadata": "iam-role",
    "EcsContainer": "container-role",
}
"""The provider that a value of ``credential_source`` means."""

_OF_A_PERSON = ("sso", "login")
_OF_A_JOB = ("env", "assume-role-with-web-identity")
"""Providers that need a person, and those that a job on GitHub usually has."""


@dataclass(frozen=True)
class CredentialSource:
    """One provider of credentials in a profile: ``method`` is botocore's name of it."""

    method: str
    profile: str
    settings: Mapping[str, Any] = field(repr=False)
    around: Surroundings = field(repr=False)

    @property
    def subject(self) -> str:
        """What the provider reads, in words."""
        role = self.settings.get("role_arn", "of the environment")
        if source := self.settings.get("credential_source"):
            role = f"{role} with credential_source = {source}"
        variables = "the variables AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE"
        origin = f"the profile {self.profile}" if "web_identity_token_file" in self.settings else variables
        return _SUBJECTS.get(self.method, self.method).format(profile=self.profile, role=role, origin=origin)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise a CredentialsError for any failure of the provider that no retry solves."""
        try:
            yield
        except CredentialsError as error:
            if error.profile == self.profile:
                raise
            sentence = f"{error} (a source of the profile {self.profile})"
            raise CredentialsError(sentence, error.advice, error.next, self.profile) from error
        except Exception as error:
            if _may_pass(error):
                vars(error).setdefault(_OBTAINED, self.subject)
                raise
            problem = credentials_problem(error)
            if self.method == "assume-role-with-web-identity" and "WebIdentityToken" in problem.text:
                problem = CredentialsProblem("is empty or too short")
            subject = f"the profile {self.profile}" if problem.kind == "settings" else self.subject
            sentence = f"no usable credentials: {subject} {problem.text}"
            raise CredentialsError(sentence, *self.way_out(problem.kind), self.profile) from error

    def way_out(self, kind: str) -> tuple[str, tuple[str, ...]]:
        """What helps in this place against a problem of this kind, and the commands to run."""
        advice, commands = self._own_way_out(kind)
        place = self.around.place
        if place == "terminal":
            return advice, commands
        more, job = for_a_job(self.around)
        if kind == "code" or (self.method in _OF_A_PERSON and kind != "settings") or not advice:
            return more, job
        if place == "github" and kind == "" and self.method in _OF_A_JOB:
            return more, job
        if place == "github" or self.method == "custom-process":
            return f"{advice}; otherwise, {more}", (*commands, *job)
        return advice, commands

    def _own_way_out(self, kind: str) -> tuple[str, tuple[str, ...]]:
        """What helps this provider, in any place."""
        flag = shlex.join(("--profile", self.profile)) if self.profile != "default" else ""
        if kind == "settings":
            return f"correct the profile {self.profile} in the AWS configuration", ("aws configure list-profiles",)
        source = _SOURCES.get(self.settings.get("credential_source", ""), "")
        advice, *own = next(filter(None, map(_WAYS_OUT.get, (kind, self.method, source))), ("",))
        if kind == "rejected" and self.method == "env" and self.around.place == "github":
            advice, own = _HOUR, []
        role = str(self.settings.get("role_arn", "")).rpartition("/")[2] or "ROLE"
        asked = (*own, "aws sts get-caller-identity {flag}") if not own or kind == "rejected" else own
        return advice, tuple(dict.fromkeys(one.format(flag=flag, role=shlex.quote(role)).strip() for one in asked))


_OBTAINED = "fsdcf_obtained"


def obtained_by(error: Exception) -> str:
    """What was being obtained when the network or AWS failed in this way, in words; empty for the call itself."""
    return str(vars(error).get(_OBTAINED, ""))


_WAYS_OUT: Mapping[str, tuple[str, ...]] = {
    "code": ("run the command in a terminal, which asks for the code, or use credentials that need none",),
    "role": (
        "the role must exist, its trust policy must allow the caller to assume it, and so must a policy of the caller",
        "aws iam get-role --role-name {role} --query Role.AssumeRolePolicyDocument",
    ),
    "package": ("install it for the Python that runs fsdcf", "pip install 'botocore[crt]'"),
    "wrong code": ("enter the current code of the device: a code is valid once, for half a minute",),
    "assignment": (
        "sso_account_id and sso_role_name of the profile must name a permission set that is assigned to you",
        "aws configure get sso_role_name {flag}",
        "aws sso login {flag}",
    ),
    "sso": ("", "aws sso login {flag}"),
    "login": ("", "aws login {flag}"),
    "custom-process": (
        "run the program to see why, since fsdcf does not show what it prints",
        "aws configure get credential_process {flag}",
        "aws sts get-caller-identity {flag}",
    ),
    "assume-role-with-web-identity": ("the platform that runs the job must write a new token into the file",),
    "env": (
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, with AWS_SESSION_TOKEN if they are temporary",
        "aws configure list",
    ),
    "shared-credentials-file": ("both parts of the key must be there and valid", "aws configure {flag}"),
    "config-file": ("both parts of the key must be there and valid", "aws configure {flag}"),
    "container-role": ("the task or pod needs a role, and its endpoint must answer",),
    "iam-role": ("the instance needs an instance profile, and IMDS must answer",),
}
"""Advice and commands, by the kind of the problem, else by the provider."""


def for_a_job(around: Surroundings) -> tuple[str, tuple[str, ...]]:
    """What a job of a pipeline needs instead of a person's credentials."""
    if around.place != "github":
        return _JOB, ("aws configure list",)
    bootstrap = suggested("bootstrap", github=around.repository or "ORG/REPO")
    return f"{_GITHUB} (`{bootstrap}` writes such roles)", ()


def without_credentials(profile: str, around: Surroundings) -> tuple[str, str, tuple[str, ...]]:
    """The report that no provider has credentials: a sentence, advice and commands."""
    of = "" if profile == "default" else f" in the profile {profile}"
    sentence = f"no AWS credentials were found{of}"
    if around.place == "terminal":
        return sentence, "", ("aws configure sso, then --profile NAME; or --sandbox to rehearse",)
    return sentence, *for_a_job(around)


def unreadable_file(session: Any) -> str:
    """A clause on a file of the AWS configuration that exists and cannot be read: botocore passes over it."""
    for setting in ("config_file", "credentials_file"):
        path = os.path.expanduser(os.path.expandvars(str(session.get_config_variable(setting))))
        try:
            with open(path, "rb") as file:
                file.read(1)
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}"
    return ""


def line_in(error: Exception) -> str:
    """The line that a file of the AWS configuration cannot be parsed at, as a clause; empty if it is not known.

    The parser's own message quotes the line, which may contain a key.
    """
    cause = getattr(error, "kwargs", {}).get("error")
    if isinstance(cause, UnicodeDecodeError):
        return ": it is not valid UTF-8"
    line = getattr(cause, "lineno", None) or next((number for number, _ in getattr(cause, "errors", ())), None)
    return f", line {line}" if line else ""


def _may_pass(error: Exception) -> bool:
    """Whether a retry may solve it, or the network is at fault, which has words of its own."""
    if isinstance(error, botocore.exceptions.ClientError):
        details = error.response.get("Error", {})
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
        return categorize(str(details.get("Code", "")), status) in ("throttled", "transient")
    return is_network_failure(error) or isinstance(error, ResponseParserError)


def explain_credentials(session: Any, around: Surroundings) -> None:
    """Replace the providers of a session of botocore by ones whose errors say what was tried.

    They ask for the code of an MFA device only where a person can be asked, and a credential_process cannot hang.
    """
    session.set_default_client_config(PROVIDERS_CONFIG)
    resolver = session.get_component("credential_provider")
    profile = str(session.get_config_variable("profile") or "default")
    providers = _Providers(session, around)
    by_name = {provider.METHOD: provider for provider in resolver.providers}
    sources = [EnvProvider(), *(by_name[name] for name in ("container-role", "iam-role") if name in by_name)]

    def own(provider: Any) -> Any:
        if not isinstance(provider, AssumeRoleProvider):
            return provider
        return AssumeRoleProvider(
            load_config=lambda: session.full_config,
            client_creator=session.create_client,
            cache={},
            profile_name=profile,
            prompter=around.ask or _nobody,
            credential_sourcer=CanonicalNameCredentialSourcer(sources),
            profile_provider_builder=providers,
        )

    resolver.providers = [providers.explained(own(provider), profile) for provider in resolver.providers]


class _Providers:
    """The providers of a profile, for botocore's chain of roles: it asks for them by ``providers``."""

    def __init__(self, session: Any, around: Surroundings) -> None:
        self._session = session
        self._around = around
        self._builder = ProfileProviderBuilder(session, cache={})

    def providers(self, profile_name: str, disable_env_vars: bool = False) -> list[Any]:
        made = self._builder.providers(profile_name, disable_env_vars)
        return [self.explained(provider, profile_name) for provider in made]

    def explained(self, provider: Any, profile: str) -> Any:
        """A provider whose errors say what was tried."""
        if isinstance(provider, ProcessProvider):
            provider = ProcessProvider(profile, lambda: self._session.full_config, partial(self._start, profile))
        settings = self._session.full_config.get("profiles", {}).get(profile, {})
        return _ExplainedProvider(provider, CredentialSource(provider.METHOD, profile, settings, self._around))

    def _start(self, profile: str, words: list[str], **streams: Any) -> _BoundedProcess:
        return _BoundedProcess(profile, words, self._around, **streams)


class _ExplainedProvider:
    """A provider of botocore whose errors say what was tried."""

    def __init__(self, provider: Any, source: CredentialSource) -> None:
        self.METHOD = provider.METHOD
        self.CANONICAL_NAME = provider.CANONICAL_NAME
        self._provider = provider
        self._source = source

    def load(self) -> Any:
        """The provider's credentials; None if it has none."""
        with self._source.explained():
            found = self._provider.load()
        return None if found is None else _ExplainedCredentials(found, self._source)


class _ExplainedCredentials:
    """Credentials of botocore whose errors say what was tried. They may be obtained or renewed at any use."""

    def __init__(self, credentials: Any, source: CredentialSource) -> None:
        self._credentials = credentials
        self._passing: Exception | None = None
        self.source = source

    def __getattr__(self, name: str) -> Any:
        with self.source.explained():
            value = getattr(self._credentials, name)
        return self._explained(value) if callable(value) else value

    def _explained(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            with self.source.explained(), self._remembered():
                value = function(*arguments, **named)
            return self._explained(value) if callable(value) else value  # a deferred property

        return call

    @contextmanager
    def _remembered(self) -> Iterator[None]:
        """Raise a network failure again where botocore would ask for a second code of the MFA device."""
        try:
            yield
        except botocore.exceptions.RefreshWithMFAUnsupportedError:
            if self._passing is None:
                raise
            raise self._passing from None
        except Exception as error:
            self._passing = error if _may_pass(error) else None
            raise
        self._passing = None


def _nobody(prompt: str) -> str:
    raise CodeNeeded


class CodeNeeded(Exception):
    """A role needs the code of an MFA device, and fsdcf has no terminal to ask for it."""


class ProcessFailed(Exception):
    """A credential_process did not return credentials. The text says why, without what the program printed."""


class _BoundedProcess:
    """A credential_process as botocore's ProcessProvider runs it: it has a time limit, and its answer is checked here.

    The answer and the errors of the program may contain secrets: no message contains them.
    """

    returncode = 0

    def __init__(self, profile: str, words: list[str], around: Surroundings, **streams: Any) -> None:
        self._profile = profile
        self._around = around
        self._limit = PATIENCE if around.ask is None else PATIENCE_WITH_PERSON
        if not words:
            raise ProcessFailed("is empty")
        try:
            self._process = subprocess.Popen(words, **streams)  # noqa: S603
        except OSError as error:
            raise ProcessFailed(f"cannot be started: {words[0]}: {error.strerror or 'no such program'}") from None

    def communicate(self) -> tuple[bytes, bytes]:
        """What the program printed, once it has ended well; standard error is kept from botocore."""
        try:
            answer, _ = self._wait()
        except subprocess.TimeoutExpired:
            raise ProcessFailed(f"did not end within {self._limit:.0f} seconds") from None
        finally:
            self._end()
        if self._process.returncode:
            raise ProcessFailed(f"failed with exit code {self._process.returncode}")
        _check(answer)
        return answer, b""

    def _end(self) -> None:
        """End the program, and stop reading from it: its own programs may keep the pipes open."""
        self._process.kill()
        self._process.wait()
        for pipe in filter(None, (self._process.stdout, self._process.stderr)):
            pipe.close()

    def _wait(self) -> tuple[bytes, bytes]:
        try:
            return self._process.communicate(timeout=min(_SILENCE, self._limit))
        except subprocess.TimeoutExpired:
            program = f"the credential_process of the profile {self._profile}"
            self._around.notice(f"waiting for {program} for up to {self._limit:.0f} seconds")
            return self._process.communicate(timeout=max(0.0, self._limit - _SILENCE))


def _check(answer: bytes) -> None:
    """Raise ProcessFailed if an answer is not what a credential_process must print.

    Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
    """
    try:
        found = json.loads(answer)
    except ValueError:
        raise ProcessFailed("printed no JSON") from None
    if not isinstance(found, dict):
        raise ProcessFailed("printed no JSON object")
    names = ("AccessKeyId", "SecretAccessKey")
    lacking = [name for name in names if not (isinstance(found.get(name), str) and found[name])]
    if found.get("Version") != 1:
        lacking.insert(0, "Version: 1")
    if lacking:
        raise ProcessFailed(f"printed JSON without {', '.join(lacking)}")
