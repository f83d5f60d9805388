"""The answers of a desk that has a fault: what a throttled, broken or lying desk sends."""

from datetime import UTC, datetime, timedelta

from sandbox_desk.exchange import HTML_TYPE, JSON_TYPE, Answer, HeaderPair
from sandbox_desk.faults import Fault

HTML = b"<!doctype html><title>Something went wrong</title><h1>We are working on it</h1>"
UNLUCKY = b'{"errorMessage":"Something went wrong"}'


def throttled(fault: Fault) -> Answer:
    """429 with the vendor's headers; the reset leaves its seconds out, as the vendor's does."""
    reset = datetime.now(UTC) + timedelta(seconds=fault.retry_after)
    headers: list[HeaderPair] = [
        HTML_TYPE,
        (b"x-ratelimit-limit", b"100"),
        (b"x-ratelimit-remaining", b"0"),
        (b"x-ratelimit-reset", reset.strftime("%Y-%m-%dT%H:%MZ").encode()),
        (b"ratelimit-reason", fault.reason.encode()),
    ]
    if fault.retry_after:
        headers.append((b"retry-after", str(fault.retry_after).encode()))
    return Answer(429, HTML, tuple(headers))


def unavailable(fault: Fault) -> Answer:
    """503, with a Retry-After if it has one."""
    after = ((b"retry-after", str(fault.retry_after).encode()),) if fault.retry_after else ()
    return Answer(503, HTML, (HTML_TYPE, *after))


def wrong(fault: Fault) -> Answer:
    """The status that was asked for, with a body of that kind."""
    match fault.body:
        case "json":
            return Answer(fault.status, UNLUCKY, (JSON_TYPE,))
        case "html":
            return Answer(fault.status, HTML, (HTML_TYPE,))
        case _:
            return Answer(fault.status)
