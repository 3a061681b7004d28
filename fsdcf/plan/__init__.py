"""What a template means before it is deployed: what it costs, how it is built, and who may do what."""
