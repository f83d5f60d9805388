"""Times (RFC 7643 §2.3.5) as numbers that compare as the moments do."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def moment(text: str) -> int | None:
    """Microseconds since 1970 of an ISO 8601 time, UTC where it does not say; None for any other text."""
    try:
        found = datetime.fromisoformat(text)
        aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
