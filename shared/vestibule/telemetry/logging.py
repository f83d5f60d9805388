"""JSON log lines on standard output: past tense, ids and codes, the trace they belong to."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, BinaryIO, Final, TypeAlias

import orjson
import structlog
from opentelemetry import trace

from vestibule.telemetry.redaction import describe, keep_declared, scrub

Logger: TypeAlias = structlog.typing.FilteringBoundLogger
EventDict: TypeAlias = MutableMapping[str, Any]

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logging(service: str, instance: str, level: str = "info", to: BinaryIO | None = None) -> None:
    """Send every log line of this process, libraries' too, through the redacting chain; once, at start."""

    def add_origin(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        event["instance"] = instance
        return event

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            describe_error,
            redact,
            # our own words need no looking through, which was half of what a line cost
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            add_origin,
            add_trace,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(to if to is not None else sys.stdout.buffer),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [LibraryHandler()]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


def logger(name: str) -> Logger:
    """Return a logger that carries the name of its module; usable before `configure_logging`."""
    bound: Logger = structlog.get_logger(module=name)
    return bound


class log_context:  # noqa: N801  it reads as a verb; a generator costs twice as much, for each request
    """Begin a request or message with nothing but these ids on its log lines, and restore what was there."""

    __slots__ = ("_before", "_declared")

    def __init__(self, **declared: object) -> None:
        self._declared = declared
        self._before: dict[str, Any] = {}

    def __enter__(self) -> None:
        self._before = structlog.contextvars.get_contextvars()
        _put_in_place(self._before, self._declared)

    def __exit__(self, *_error: object) -> None:
        _put_in_place(structlog.contextvars.get_contextvars(), self._before)


def _put_in_place(there: dict[str, Any], wanted: dict[str, Any]) -> None:
    """On the path of every request, and nearly always both are empty."""
    if there:
        structlog.contextvars.clear_contextvars()
    if wanted:
        structlog.contextvars.bind_contextvars(**wanted)


def add_trace(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Add the ids of the current trace and span."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace"] = format(context.trace_id, "032x")
        event["span"] = format(context.span_id, "016x")
    return event


def describe_error(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Turn `exc_info` into type, code and frames."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    elif isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        event["error"] = _Described(describe(given))
    return event


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Let declared keys pass only, with scrubbed values."""
    error = event.pop("error", None)
    kept: EventDict = dict(keep_declared(event))
    if isinstance(error, _Described):
        kept["error"] = error.content
    elif error is not None:
        kept.update(keep_declared({"error": error}))
    return kept


def render(_logger: object, _method: str, event: EventDict) -> bytes:
    """Write the line, the event first."""
    return orjson.dumps({"event": event.pop("event", ""), **event})


class _Described:
    """An error that `describe` has already reduced to type, code and frames."""

    def __init__(self, content: object) -> None:
        self.content = content


class LibraryHandler(logging.Handler):
    """Libraries log by the standard module: their text passes without its arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        """Report the template of the message and the error's type."""
        lines = str(record.msg).splitlines() or [""]
        log = logger("library")
        report = log.error if record.levelno >= logging.ERROR else log.warning
        report(
            "library_reported",
            library=record.name,
            template=scrub(lines[0][:120]),
            exc_info=record.exc_info or None,
        )
