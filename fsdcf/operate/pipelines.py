"""The pipelines of an account: the stack of each repository, and what one of them would take from another.

Policies and image repositories have names because specs contain them, and an account has one OIDC provider for GitHub.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fsdcf.conventions import REPOSITORY_ID_TAG, REPOSITORY_TAG, is_pipeline
from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.model import Advice, Evidence, Exit, Outcome
from fsdcf.deploy.run import Stop, stop
from fsdcf.deploy.state import Snapshot, physical_ids, required_ids, snapshot, snapshots
from fsdcf.suggested import words_of

_ABSENT = "NoSuchEntity"


@dataclass(frozen=True)
class NewPipeline:
    """What the stack of a pipeline creates: ``boundaries`` are names of policies, ``images`` those of ECR repositories.

    ``repository`` is ``owner/name`` on GitHub, ``ids`` are those of both, ``1234/5678``; empty if they are unknown.
    ``provider`` is the host of the OIDC provider. ``another_boundary`` is a name for the boundaries that no other
    repository is likely to use. ``redeploy_command`` deploys the stack.
    """

    stack: str
    repository: str
    ids: str
    boundaries: tuple[str, ...]
    images: tuple[str, ...]
    provider: str
    another_boundary: str
    redeploy_command: str


@dataclass(frozen=True)
class Surrounding:
    """The stack of a pipeline, and what the account has outside of it.

    ``ids`` are those in the tags of the stack; empty if it has none, or does not exist. ``outputs`` are the outputs of
    the stack. ``provider`` is the ARN of the OIDC provider of GitHub; None if there is none, or if it is of the stack.
    """

    stack: str
    ids: str
    outputs: Mapping[str, str]
    provider: str | None


def look_around(aws: Aws, wanted: NewPipeline) -> Surrounding:
    """What an account has of what a pipeline needs.

    Raises Stop (exit 3) if the stack, a policy or an image repository belongs to something else, and the errors of AWS.
    """
    pipelines = [one for one in snapshots(aws) if is_pipeline(one.tags)]
    own = _own_stack(aws, wanted, pipelines)
    name = own.name if own is not None else wanted.stack
    ids = set(required_ids(aws, own.arn).values()) if own is not None else set()
    account = f"arn:{aws.partition}:iam::{aws.account()}"
    others = [one for one in pipelines if one.name != name]
    _check_names(aws, wanted, account, ids, others)
    provider = f"{account}:oidc-provider/{wanted.provider}"
    exists = provider not in ids and _exists(aws, "GetOpenIDConnectProvider", OpenIDConnectProviderArn=provider)
    known = own.tags.get(REPOSITORY_ID_TAG, "") if own is not None else ""
    return Surrounding(name, known, own.outputs if own is not None else {}, provider if exists else None)


def _own_stack(aws: Aws, wanted: NewPipeline, pipelines: Iterable[Snapshot]) -> Snapshot | None:
    """The stack of the repository, if it exists: by its name, or by the id of a repository that has been renamed.

    Raises Stop if a stack of this name is not the repository's.
    """
    id = _repository_id(wanted.ids)
    same = (one for one in pipelines if id and _repository_id(one.tags.get(REPOSITORY_ID_TAG, "")) == id)
    stack = next(same, None) or snapshot(aws, wanted.stack)
    if stack is None or stack.status == "DELETE_COMPLETE" or (stack.in_review and not stack.tags):
        return None
    owner, known = stack.tags.get(REPOSITORY_TAG, ""), _repository_id(stack.tags.get(REPOSITORY_ID_TAG, ""))
    by_id, by_name = bool(id) and known == id, owner.lower() == wanted.repository.lower()
    if is_pipeline(stack.tags) and (by_id or (by_name and not (id and known))):
        return stack
    whose = (
        f"the pipeline of {owner}{f' (id {known})' if known else ''}" if is_pipeline(stack.tags) else "something else"
    )
    sentence = f"the stack {stack.name} belongs to {whose}, not to {wanted.repository}{f' (id {id})' if id else ''}"
    next_step = f"aws cloudformation describe-stacks --stack-name {stack.name} --query Stacks[0].Tags"
    raise stop(Exit.REFUSED, f"{sentence}: nothing was changed", next_step)


def _repository_id(ids: str) -> str:
    return ids.partition("/")[2]


def _check_names(aws: Aws, wanted: NewPipeline, account: str, own: set[str], others: Iterable[Snapshot]) -> None:
    """Raise Stop if a policy or an image repository with a name of the stack belongs to another pipeline, or if such a
    policy exists anywhere. Another image repository is imported into the stack, as its plan says."""
    policies = {f"{account}:policy/{name}": name for name in wanted.boundaries}
    taken: dict[str, str] = {}
    for stack in others:
        ids = set((physical_ids(aws, stack.arn) or {}).values())
        whose = f"the pipeline of {stack.tags.get(REPOSITORY_TAG) or 'another repository'}, stack {stack.name}"
        taken |= dict.fromkeys(sorted(ids & {*policies, *wanted.images}), whose)
    for policy in policies:
        if policy not in own and policy not in taken and _exists(aws, "GetPolicy", PolicyArn=policy):
            taken[policy] = f"something outside of the pipelines in {aws.region}"
    if not taken:
        return
    bounds = [policies[one] for one in taken if one in policies]
    images = [one for one in taken if one not in policies]
    evidence = tuple(Evidence(f"{policies.get(one, one)}", f"belongs to {whose}") for one, whose in taken.items())
    kinds = [
        *([f"the permissions boundary {', '.join(bounds)}"] if bounds else []),
        *([f"the image repository {', '.join(images)}"] if images else []),
    ]
    verb = "exist in this account, and are" if len(taken) > 1 else "exists in this account, and is"
    sentence = f"{' and '.join(kinds)} {verb} not of {wanted.repository}"
    option = " ".join((wanted.redeploy_command, *words_of(permissions_boundary=wanted.another_boundary)))
    raise Stop(
        Outcome(
            Exit.REFUSED,
            f"{sentence}: nothing was changed",
            evidence,
            (option,) if bounds else (wanted.redeploy_command,),
            advice=Advice("; ".join(_remedies(wanted, bounds, images))),
        )
    )


def _remedies(wanted: NewPipeline, bounds: list[str], images: list[str]) -> Iterator[str]:
    if bounds:
        line = f"permissionsBoundary: {wanted.another_boundary}"
        yield f"give the boundaries of {wanted.repository} a name of their own, and write it in its specs: `{line}`"
    if images:
        name = f"{wanted.repository.partition('/')[2].lower()}/{images[0]}"
        image = f"${{AWS_ACCOUNT}}.dkr.ecr.${{AWS_REGION}}.amazonaws.com/{name}"
        yield f"name another image repository in the spec, under service: `image: {image}`"


def has_policy(aws: Aws, name: str) -> bool:
    """Whether the account of a connection has a managed policy. Raises the errors of AWS."""
    return _exists(aws, "GetPolicy", PolicyArn=f"arn:{aws.partition}:iam::{aws.account()}:policy/{name}")


def _exists(aws: Aws, operation: str, **arguments: str) -> bool:
    """Whether IAM finds what an operation reads. Raises its other errors."""
    try:
        aws.call("iam", operation, **arguments)
    except ApiError as error:
        if error.code in (_ABSENT, f"{_ABSENT}Exception"):
            return False
        raise
    return True
