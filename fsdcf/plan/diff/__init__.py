"""Two templates side by side: what CloudFormation will do, why, what stands in its way, and what no rollback undoes together."""
