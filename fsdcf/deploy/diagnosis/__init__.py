"""Why an operation failed: causes, known reasons, and their explanations."""
