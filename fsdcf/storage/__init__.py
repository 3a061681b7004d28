"""Where a service keeps its data: advice, and the way from SQLite to DynamoDB."""
