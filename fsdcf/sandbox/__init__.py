"""A CloudFormation and ECS control plane on loopback: for rehearsal without an account, and for the tests."""
