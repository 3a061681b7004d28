"""The sinks: what takes the engine's events and shows them, to people or to programs."""
