"""The connection to AWS: profile, region and endpoint become clients of boto3."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from typing import Any

import boto3
import botocore.exceptions
from botocore.config import Config

from fsdcf.deploy.aws import Aws
from fsdcf.deploy.model import Exit


class ConnectionProblem(Exception):
    """Why there is no connection, in a sentence, what to do about it, and the exit code that says so."""

    def __init__(self, sentence: str, next: str, code: Exit) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next = next
        self.exit = code


def configuration() -> Config:
    """How clients behave: the standard retry mode with one attempt, since Aws.call retries within the run's budget and deadline."""
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=40,  # a migration writes with up to 32 threads
        user_agent_extra="fsdcf",
    )


def connect(profile: str | None, region: str | None, endpoint: str | None) -> Aws:
    """AWS by a profile, a region and an endpoint, each None for what boto3 finds. Makes no call. Raises ConnectionProblem."""
    sessions = _Sessions(profile, region)
    session = sessions.current
    found = session.region_name
    if not found:
        raise ConnectionProblem(
            "no region is set", "name one: --region eu-west-1, or AWS_REGION; or --sandbox to rehearse", Exit.USAGE
        )
    try:
        credentials = session.get_credentials()
    except botocore.exceptions.BotoCoreError as error:
        raise ConnectionProblem(
            f"the credentials cannot be read: {error}", "aws sts get-caller-identity", Exit.DENIED
        ) from None
    if credentials is None:
        raise ConnectionProblem(
            "no AWS credentials are found",
            "aws configure sso, then --profile NAME; or --sandbox to rehearse",
            Exit.DENIED,
        )

    def make(service: str, at: str) -> Any:
        return sessions.current.client(service, region_name=at, endpoint_url=endpoint, config=configuration())

    return Aws(
        make,
        time.monotonic,
        time.sleep,
        random.SystemRandom(),
        found,
        _partition(session, found),
        sessions.renew,
    )


class _Sessions:
    """The session of boto3 that is in use; a new one reads profiles and token files again."""

    def __init__(self, profile: str | None, region: str | None) -> None:
        self._profile = profile
        self._region = region
        self.current = self._new()

    def renew(self) -> None:
        """Reads everything again; what cannot be read any more leaves the session as it is."""
        with suppress(ConnectionProblem):
            self.current = self._new()

    def _new(self) -> boto3.Session:
        try:
            return boto3.Session(profile_name=self._profile, region_name=self._region)
        except botocore.exceptions.ProfileNotFound as error:
            named = self._profile or error.kwargs.get("profile")
            raise ConnectionProblem(
                f"there is no profile {named!r}", "aws configure list-profiles", Exit.USAGE
            ) from None
        except botocore.exceptions.BotoCoreError as error:
            raise ConnectionProblem(
                f"the AWS configuration cannot be read: {error}", "aws configure list", Exit.USAGE
            ) from None


def _partition(session: boto3.Session, region: str) -> str:
    try:
        return str(session.get_partition_for_region(region))
    except botocore.exceptions.BotoCoreError:
        return "aws"
