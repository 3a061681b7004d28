"""A plan in the forms that other programs read: Markdown, annotations of GitHub Actions, and JSON as DescribeChangeSet has it."""
