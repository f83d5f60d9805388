"""One module for each identity provider: what it sends, and when, as its vendor describes it."""
