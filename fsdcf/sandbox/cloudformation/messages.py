"""The messages of CloudFormation: its errors and status reasons, verbatim.

Sources: recordings of AWS in the snapshots of localstack's tests (tests/aws/services/cloudformation), error messages
in issue trackers, the API reference. Comments mark messages for which no quotation of AWS was found.
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

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
NO_UPDATES = "No updates are to be performed."
REPLACEMENT_REFUSED = "Replacement type updates not supported on stack with disable-rollback."
EARLY_VALIDATION = (
    "The following hook(s)/validation failed: [{}]. To troubleshoot Early Validation errors, use the DescribeEvents "
    "API for detailed failure information."
)


def invalid(message: str) -> ServiceError:
    """Return a ValidationError, CloudFormation's answer to most invalid requests."""
    return ServiceError("ValidationError", message)


def no_stack(name: str) -> ServiceError:
    """Return the error of operations that change a stack which does not exist."""
    return invalid(f"Stack [{name}] does not exist")


def no_stack_with_id(name: str) -> ServiceError:
    """Return the error of operations that read a stack which does not exist."""
    return invalid(f"Stack with id {name} does not exist")


def busy(stack: str, status: str) -> ServiceError:
    """Return the error for a stack (by ARN) that cannot be updated in its status."""
    return invalid(f"Stack:{stack} is in {status} state and can not be updated.")


def no_change_set(name: str) -> ServiceError:
    """Return the error for a change set, by name or ARN, that does not exist."""
    return ServiceError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)


def change_set_status(change_set: str, verb: str, status: str) -> ServiceError:
    """Return the error for a change set that cannot be ``executed`` or ``deleted`` in its current status."""
    message = f"ChangeSet [{change_set}] cannot be {verb} in its current {status}"
    return ServiceError("InvalidChangeSetStatus", message)


def constraint(value: str, member: str, rule: str) -> ServiceError:
    """Return the error for a value that violates a constraint of its member."""
    return invalid(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"
    )


def failed(failures: Iterable[tuple[str, str]]) -> str:
    """Return the reason for a failed operation. ``failures`` are pairs of a verb and a logical id.

    Like CloudFormation's, the reason ends with a space.
    """
    groups: dict[str, list[str]] = {}
    for verb, logical in failures:
        groups.setdefault(verb, []).append(logical)
    return "".join(
        f"The following resource(s) failed to {verb}: [{', '.join(groups[verb])}]. " for verb in sorted(groups)
    )


def handler(reason: str, code: str, *seed: object) -> str:
    """Return the reason for a resource whose handler failed. The request token depends on ``seed``."""
    token = ids.unique("request", *seed)
    return f'Resource handler returned message: "{reason}" (RequestToken: {token}, HandlerErrorCode: {code})'


def exists_in_stack(identifier: str, stack: str) -> str:
    """Return the reason for a name that a resource of another stack has."""
    return f"{identifier} already exists in stack {stack}"


def exists(type: str, identifier: str) -> str:
    """Return the reason, in early validation and of handlers, for a name that a resource without a stack has."""
    return f"Resource of type '{type}' with identifier '{identifier}' already exists."


def custom_named(identifier: str) -> str:
    """Return the reason for a replacement whose name does not change."""
    return (
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        f"Rename {identifier} and update the stack again."
    )


def export_taken(name: str, stack: str) -> str:
    """Return the reason for an export that another stack (by ARN) already has."""
    return f"Export with name {name} is already exported by stack {stack}."


def export_used(name: str, verb: str, stacks: Iterable[str]) -> str:
    """Return the reason for an export that cannot be ``updated`` or ``deleted``, since stacks (by name) import it."""
    return f"Export {name} cannot be {verb} as it is in use by {_listed(stacks)}"


def delete_cancelled(name: str, stacks: Iterable[str]) -> str:
    """Return the reason for a stack that cannot be deleted, since stacks (by name) import its export."""
    return f"Delete canceled. Cannot delete export {name} as it is in use by {_listed(stacks)}."


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
