"""PostgreSQL at the edge: pools, named statements, and repositories that take (connection, tenant, ...)."""
