"""Who may do what to which resource, read from every policy of a template."""
