"""Files that fsdcf writes for a project, from templates."""
