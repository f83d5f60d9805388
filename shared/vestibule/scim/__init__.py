"""SCIM 2.0 (RFC 7643, 7644) as values: bodies in, documents, changes and errors out. No I/O."""
