"""The commands for pipelines: what writes the workflow, and what the workflow calls."""
