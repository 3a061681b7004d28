"""CloudFormation, played: change sets, stacks, events and resources over the store, in the order of the agenda."""

from __future__ import annotations

from collections.abc import Mapping

from fsdcf.sandbox.cloudformation import changesets, life, reads, stacks
from fsdcf.sandbox.schedule import Action, Handler

__all__ = ["ACTIONS", "OPERATIONS"]

OPERATIONS: Mapping[str, Handler] = {
    "CancelUpdateStack": stacks.cancel_update_stack,
    "ContinueUpdateRollback": stacks.continue_update_rollback,
    "CreateChangeSet": changesets.create_change_set,
    "CreateStack": stacks.create_stack,
    "DeleteChangeSet": changesets.delete_change_set,
    "DeleteStack": stacks.delete_stack,
    "DescribeChangeSet": changesets.describe_change_set,
    "DescribeEvents": reads.describe_events,
    "DescribeStackEvents": reads.describe_stack_events,
    "DescribeStackResource": reads.describe_stack_resource,
    "DescribeStackResources": reads.describe_stack_resources,
    "DescribeStacks": reads.describe_stacks,
    "ExecuteChangeSet": changesets.execute_change_set,
    "GetTemplate": reads.get_template,
    "GetTemplateSummary": reads.get_template_summary,
    "ListChangeSets": changesets.list_change_sets,
    "ListExports": reads.list_exports,
    "ListImports": reads.list_imports,
    "ListStackResources": reads.list_stack_resources,
    "ListStacks": reads.list_stacks,
    "RollbackStack": stacks.rollback_stack,
    "UpdateStack": stacks.update_stack,
    "UpdateTerminationProtection": stacks.update_termination_protection,
    "ValidateTemplate": reads.validate_template,
}
"""The operations that the sandbox offers of CloudFormation."""

ACTIONS: Mapping[str, Action] = {**life.ACTIONS, **changesets.ACTIONS}
"""What the agenda plays of it."""
