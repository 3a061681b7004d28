"""From a spec to a template. Pure: no clock, no environment variables, no network, no files."""
