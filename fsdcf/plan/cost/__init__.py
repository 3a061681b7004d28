"""The monthly cost of a template: quantities from its resources and stated assumptions, at dated list prices."""
