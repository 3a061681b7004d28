"""An ECS service as deploy and operate read it: its deployments, its tasks, its rollout and its running version."""
