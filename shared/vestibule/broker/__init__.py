"""RabbitMQ at the edge: keys go out confirmed and come in by batches; the database keeps the backlog."""
