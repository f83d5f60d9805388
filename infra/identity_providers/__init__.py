"""Identity providers as a gateway meets them: simulated, each by its directory and dialect, and recorded."""
