"""What a running service tells about itself: log lines, spans, numbers; never personal data."""
