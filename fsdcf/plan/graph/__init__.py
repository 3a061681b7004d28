"""The architecture of a template as a drawing: what there is, where it stands, and who speaks to whom."""
