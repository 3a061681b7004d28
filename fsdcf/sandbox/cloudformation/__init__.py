"""CloudFormation, played: change sets, stacks, events and resources over the store, in the order of the agenda."""

from __future__ import annotations

from collections.abc import Mapping

from fsdcf.sandbox.cloudformation import changesets, described, history, life, reads, stacks, templates
from fsdcf.sandbox.services import Action, Handler

__all__ = ["ACTIONS", "OPERATIONS"]

OPERATIONS: Mapping[str, Handler] = {
    "CancelUpdateStack": stacks.cancel_update_stack,
    "ContinueUpdateRollback": stacks.continue_update_rollback,
    "CreateChangeSet": changesets.create_change_set,
    "CreateStack": stacks.create_stack,
    "DeleteChangeSet": changesets.delete_change_set,
    "DeleteStack": stacks.delete_stack,
    "DescribeChangeSet": described.describe_change_set,
    "DescribeEvents": history.describe_events,
    "DescribeStackEvents": history.describe_stack_events,
    "DescribeStackResource": reads.describe_stack_resource,
    "DescribeStackResources": reads.describe_stack_resources,
    "DescribeStacks": reads.describe_stacks,
    "ExecuteChangeSet": changesets.execute_change_set,
    "GetTemplate": templates.get_template,
    "GetTemplateSummary": templates.get_template_summary,
    "ListChangeSets": described.list_change_sets,
    "ListExports": reads.list_exports,
    "ListImports": reads.list_imports,
    "ListStackResources": reads.list_stack_resources,
    "ListStacks": reads.list_stacks,
    "RollbackStack": stacks.rollback_stack,
    "UpdateStack": stacks.update_stack,
    "UpdateTerminationProtection": stacks.update_termination_protection,
    "ValidateTemplate": templates.validate_template,
}
"""The operations that the sandbox offers of CloudFormation."""

ACTIONS: Mapping[str, Action] = {**life.ACTIONS, **changesets.ACTIONS}
"""What the agenda plays of it."""
