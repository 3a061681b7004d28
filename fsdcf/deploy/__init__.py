"""Deploying a template through a change set: decide well, watch honestly, explain failures."""
