"""The permissions of a deploy: what the engine calls, and what CloudFormation needs for the resources of a template."""
