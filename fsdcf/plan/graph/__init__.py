"""The architecture graph of a template."""
