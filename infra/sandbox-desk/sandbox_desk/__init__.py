"""A stateful stand-in for the Jira Service Management API: real behaviour and misbehaviour, on loopback."""
