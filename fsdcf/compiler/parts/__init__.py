"""The parts of every service's stack, one module each."""
