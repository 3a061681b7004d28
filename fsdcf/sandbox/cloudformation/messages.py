"""What CloudFormation says: its refusals and its status reasons, word for word.

Sources: recordings of AWS in the snapshots of localstack's tests (tests/aws/services/cloudformation), error texts in issue trackers, the
API reference. Where nothing was found that quotes AWS, the comment says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from fsdcf.sandbox import ids
from fsdcf.sandbox.state import ServiceError

USER_INITIATED = "User Initiated"
INITIATED = "Resource creation Initiated"
REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."
CREATION_CANCELLED = "Resource creation cancelled"
UPDATE_CANCELLED = "Resource update cancelled"
STACK_UPDATE_CANCELLED = "Stack update cancelled"
IMPORT_STARTED = "Resource import started."
IMPORT_COMPLETED = "Resource import completed."
IMPORT_TAGS = "Apply stack-level tags to imported resource if applicable."
CLEANUP_FAILED = "Update successful. One or more resources could not be deleted."

TIMED_OUT = "Stack creation time exceeded the specified timeout"
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
NO_UPDATES = "No updates are to be performed."
REPLACEMENT_REFUSED = "Replacement type updates not supported on stack with disable-rollback."
EARLY_VALIDATION = (
    "The following hook(s)/validation failed: [{}]. To troubleshoot Early Validation errors, use the DescribeEvents API for "
    "detailed failure information."
)


def invalid(message: str) -> ServiceError:
    """A ValidationError: what CloudFormation answers to most of what it does not take."""
    return ServiceError("ValidationError", message)


def no_stack(name: str) -> ServiceError:
    """The answer of the operations that change a stack."""
    return invalid(f"Stack [{name}] does not exist")


def no_such_id(name: str) -> ServiceError:
    """The answer of the operations that only read."""
    return invalid(f"Stack with id {name} does not exist")


def busy(stack: str, status: str) -> ServiceError:
    """A stack (by ARN) whose status takes no update."""
    return invalid(f"Stack:{stack} is in {status} state and can not be updated.")


def no_change_set(name: str) -> ServiceError:
    """A change set that is not there, by the name or ARN that was asked for."""
    return ServiceError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)


def not_executable(change_set: str, status: str, execution: str) -> ServiceError:
    """A change set that cannot be executed: because it failed, or because of its execution status."""
    if status != "CREATE_COMPLETE":
        what = f"status of [{status}]"
    else:
        what = f"execution status of [{execution}]"
    return ServiceError("InvalidChangeSetStatus", f"ChangeSet [{change_set}] cannot be executed in its current {what}")


def not_deletable(change_set: str, execution: str) -> ServiceError:
    """A change set that is being executed."""
    words = f"ChangeSet [{change_set}] cannot be deleted in its current execution status of [{execution}]"
    return ServiceError("InvalidChangeSetStatus", words)


def pattern(value: str, member: str, expected: str) -> ServiceError:
    """A value that its member's pattern does not match."""
    return invalid(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {expected}"
    )


def too_long(value: str, member: str, most: int) -> ServiceError:
    """A text longer than its member may be."""
    return invalid(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must have length less than or equal to {most}"
    )


def failed(failures: Iterable[tuple[str, str]], then: str = "") -> str:
    """Why an operation fails: what it could not create, update, delete or import, as (verb, logical id).

    ``then`` says what follows: ``Rollback requested by user.`` Without it CloudFormation leaves a space at the end.
    """
    groups: dict[str, list[str]] = {}
    for verb, logical in failures:
        groups.setdefault(verb, []).append(logical)
    parts = [f"The following resource(s) failed to {verb}: [{', '.join(groups[verb])}]. " for verb in sorted(groups)]
    return "".join(parts) + then


def handler(reason: str, code: str, *seed: object) -> str:
    """A resource handler's failure, as events tell it."""
    return f'Resource handler returned message: "{reason}" (RequestToken: {ids.unique("request", *seed)}, HandlerErrorCode: {code})'


def exists_in_stack(identifier: str, stack: str) -> str:
    """A name that another stack's resource bears."""
    return f"{identifier} already exists in stack {stack}"


def exists(type: str, identifier: str) -> str:
    """A name that a resource outside of stacks bears: what early validation and handlers say."""
    return f"Resource of type '{type}' with identifier '{identifier}' already exists."


def custom_named(identifier: str) -> str:
    """A replacement whose name the template does not change."""
    return (
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        f"Rename {identifier} and update the stack again."
    )


def export_taken(name: str, stack: str) -> str:
    """An export whose name another stack (by ARN) exports."""
    return f"Export with name {name} is already exported by stack {stack}."


def export_used(name: str, verb: str, stacks: Iterable[str]) -> str:
    """An export that cannot be ``updated`` or ``deleted``: stacks import it, by name."""
    return f"Export {name} cannot be {verb} as it is in use by {_listed(stacks)}"


def delete_cancelled(name: str, stacks: Iterable[str]) -> str:
    """A stack that is not deleted, because of an export."""
    return f"Delete canceled. Cannot delete export {name} as it is in use by {_listed(stacks)}."


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
