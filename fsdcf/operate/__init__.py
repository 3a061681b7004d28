"""What one does with a service that is deployed: its state, its releases, going back, taking it down."""
