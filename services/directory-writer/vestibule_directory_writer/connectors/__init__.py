"""What the writer talks to: one protocol, a connector per kind of desk, and the pace they keep."""
