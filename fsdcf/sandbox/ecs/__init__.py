"""Amazon ECS: task definitions, clusters, services and the tasks of their deployments."""
