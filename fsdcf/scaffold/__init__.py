"""The files that fsdcf writes for a project from jinja2 templates."""
