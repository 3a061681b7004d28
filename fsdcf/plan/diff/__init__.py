"""The plan of an update: what CloudFormation will do and why, the obstacles, and what no rollback undoes."""
