"""The variables behind the limits of requests: each has a default, a least and a most."""

from collections.abc import Mapping
from typing import Final

from vestibule.scim.limits import DEFAULTS, KIB
from vestibule.settings import values
from vestibule.settings.loading import Variable

MIB: Final = 1024 * KIB

VARIABLES: Final[Mapping[str, Variable]] = {
    "user_bytes": Variable(
        "VESTIBULE_USER_BYTES", values.whole(16 * KIB, 16 * MIB), default=lambda: DEFAULTS.user_bytes
    ),
    "group_bytes": Variable(
        "VESTIBULE_GROUP_BYTES", values.whole(64 * KIB, 64 * MIB), default=lambda: DEFAULTS.group_bytes
    ),
    "search_bytes": Variable(
        "VESTIBULE_SEARCH_BYTES", values.whole(KIB, MIB), default=lambda: DEFAULTS.search_bytes
    ),
    "bulk_bytes": Variable(
        "VESTIBULE_BULK_BYTES", values.whole(16 * KIB, 16 * MIB), default=lambda: DEFAULTS.bulk_bytes
    ),
    # An Entra app role inside an extension is six deep; Python's own recursion ends far beyond.
    "json_depth": Variable("VESTIBULE_JSON_DEPTH", values.whole(8, 100), default=lambda: DEFAULTS.json_depth),
    "json_parts": Variable(
        "VESTIBULE_JSON_PARTS", values.whole(1_000, 1_000_000), default=lambda: DEFAULTS.json_parts
    ),
    # Up to what the server takes as a head at all.
    "url_length": Variable(
        "VESTIBULE_URL_LENGTH", values.whole(1_024, 24_576), default=lambda: DEFAULTS.url_length
    ),
    "filter_length": Variable(
        "VESTIBULE_FILTER_LENGTH", values.whole(512, 65_536), default=lambda: DEFAULTS.filter_length
    ),
    "filter_terms": Variable(
        "VESTIBULE_FILTER_TERMS", values.whole(10, 1_000), default=lambda: DEFAULTS.filter_terms
    ),
    "user_operations": Variable(
        "VESTIBULE_USER_PATCH_OPERATIONS", values.whole(20, 1_000), default=lambda: DEFAULTS.user_operations
    ),
    "group_operations": Variable(
        "VESTIBULE_GROUP_PATCH_OPERATIONS",
        values.whole(20, 10_000),
        default=lambda: DEFAULTS.group_operations,
    ),
    "bulk_operations": Variable(
        "VESTIBULE_BULK_OPERATIONS", values.whole(1, 10_000), default=lambda: DEFAULTS.bulk_operations
    ),
    "bulk_seconds": Variable(
        "VESTIBULE_BULK_SECONDS", values.seconds(1, 50), default=lambda: DEFAULTS.bulk_seconds
    ),
    "page_size": Variable("VESTIBULE_PAGE_SIZE", values.whole(1, 1_000), default=lambda: DEFAULTS.page_size),
    "most_page_size": Variable(
        "VESTIBULE_MOST_PAGE_SIZE", values.whole(1, 1_000), default=lambda: DEFAULTS.most_page_size
    ),
    "cursor_seconds": Variable(
        "VESTIBULE_CURSOR_SECONDS", values.whole(60, 86_400), default=lambda: DEFAULTS.cursor_seconds
    ),
}
