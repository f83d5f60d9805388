"""Identity providers as a gateway meets them: recorded conversations and their replay."""
