"""The least that a deploy must be allowed: computed from what the engine calls and from what a template makes."""
