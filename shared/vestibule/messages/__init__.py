"""What travels over the broker: keys only, never personal data and never an instruction. Pure."""
