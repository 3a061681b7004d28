"""ECS as a deploy and an operation read it: rollouts, tasks and what runs in the end."""
