"""The local stack: a private PostgreSQL, RabbitMQ and every service under `.local/`, on loopback only.

Reading order: `__main__` (the commands behind `make`), `stack` (up, down, status), `services` (the table of
processes), then the two servers and the rooms they stand on.
"""
