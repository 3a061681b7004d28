"""AWS CloudFormation: change sets, stacks, events and resources."""

from __future__ import annotations

from fsdcf.sandbox.cloudformation import changesets, drift, operations, stacks

OPERATIONS = {
    "CancelUpdateStack": stacks.cancel_update_stack,
    "ContinueUpdateRollback": stacks.continue_update_rollback,
    "CreateChangeSet": changesets.create_change_set,
    "CreateStack": stacks.create_stack,
    "DeleteChangeSet": changesets.delete_change_set,
    "DeleteStack": stacks.delete_stack,
    "DescribeChangeSet": changesets.describe_change_set,
    "DescribeEvents": stacks.describe_events,
    "DescribeStackEvents": stacks.describe_stack_events,
    "DescribeStackResource": stacks.describe_stack_resource,
    "DescribeStackResources": stacks.describe_stack_resources,
    "DescribeStacks": stacks.describe_stacks,
    "ExecuteChangeSet": changesets.execute_change_set,
    "GetTemplate": stacks.get_template,
    "GetTemplateSummary": stacks.get_template_summary,
    "ListChangeSets": changesets.list_change_sets,
    "ListExports": stacks.list_exports,
    "ListImports": stacks.list_imports,
    "ListStackResources": stacks.list_stack_resources,
    "ListStacks": stacks.list_stacks,
    "RollbackStack": stacks.rollback_stack,
    "UpdateStack": stacks.update_stack,
    "UpdateTerminationProtection": stacks.update_termination_protection,
    **drift.OPERATIONS,
}
ACTIONS = {**operations.ACTIONS, **changesets.ACTIONS}
