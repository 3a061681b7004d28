"""The pipeline's own stack, one for each account: what a repository on GitHub needs to build, push and deploy."""
