"""What the user wrote: reading, the language, its rules."""
