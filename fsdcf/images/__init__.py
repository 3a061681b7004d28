"""The images of services: built by a program of this machine, and pushed to a registry."""
