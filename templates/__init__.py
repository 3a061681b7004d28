"""The jinja2 files; installed as fsdcf.templates."""
