"""Deploy a template through a change set: decide, execute, watch, verify, and explain failures."""
