"""Durations and days as they are typed."""

import re
from datetime import UTC, datetime, timedelta

from vestibule_operator_console.problems import Unusable

_DURATION = re.compile(r"(?P<count>\d{1,6})(?P<unit>[smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def read_duration(option: str, text: str) -> timedelta:
    """`90d`, `24h`, `30m`, `0s`."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Unusable(f"{option} {text!r} is no duration.", "Write for example 30m, 24h, 90d or 52w.")
    return timedelta(seconds=int(found["count"]) * _SECONDS[found["unit"]])


def read_day(option: str, text: str) -> datetime:
    """`2027-03-31`: the end of that day's beginning, midnight UTC."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Unusable(f"{option} {text!r} is no day.", "Write for example 2027-03-31.") from None
