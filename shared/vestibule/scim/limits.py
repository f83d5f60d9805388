"""How much one request may ask for: plain values, which the service that owns them makes of its settings."""

from dataclasses import dataclass
from typing import Final

KIB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of single requests; what SCIM has a word for is announced by ServiceProviderConfig."""

    user_bytes: int = 1024 * KIB  # of the body, as the next ones
    group_bytes: int = 8192 * KIB  # fifty thousand members with their names
    search_bytes: int = 64 * KIB
    bulk_bytes: int = 1024 * KIB
    json_depth: int = 20
    json_parts: int = 150_000  # lists and objects: each costs memory far beyond its two bytes
    url_length: int = 8192  # path and query, in characters
    filter_length: int = 4096
    filter_terms: int = 100
    user_operations: int = 200  # of a PATCH
    group_operations: int = 1000
    bulk_operations: int = 1000
    bulk_seconds: float = 10.0  # after these no operation of a Bulk is begun
    page_size: int = 100  # where a request does not say how many
    most_page_size: int = 200
    cursor_seconds: int = 3600


DEFAULTS: Final = Limits()
