import io
import logging
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import structlog

from vestibule.telemetry.logging import configure_logging, log_context, logger
from vestibule.telemetry.tracing import open_tracing, span

ADDRESS = "kim.lee@customer.example"


@pytest.fixture
def written() -> Iterator[io.BytesIO]:
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    stream = io.BytesIO()
    configure_logging("ingest", "host-1", "info", to=stream)
    yield stream
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(stream: io.BytesIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_its_origin(written: io.BytesIO) -> None:
    logger("vestibule.here").info("person_stored", tenant="t", version=3)
    (line,) = lines(written)
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "person_stored",
        "level": "info",
        "module": "vestibule.here",
        "service": "ingest",
        "instance": "host-1",
        "tenant": "t",
        "version": 3,
    }


def test_personal_data_does_not_reach_the_line(written: io.BytesIO) -> None:
    logger("x").info(f"created {ADDRESS}", email=ADDRESS, reason=f"taken by {ADDRESS}", row={"name": ADDRESS})
    assert b"kim" not in written.getvalue()
    assert lines(written)[0]["undeclared"] == ["email"]


def test_an_exception_is_told_without_its_text(written: io.BytesIO) -> None:
    try:
        raise ValueError(ADDRESS)
    except ValueError:
        logger("x").exception("round_failed", attempt=2)
    (line,) = lines(written)
    assert line["error"]["type"] == "ValueError"
    assert b"kim" not in written.getvalue()


def test_lines_below_the_level_are_not_written(written: io.BytesIO) -> None:
    logger("x").debug("picked")
    assert written.getvalue() == b""


def test_a_message_starts_with_a_clean_context_and_leaves_none(written: io.BytesIO) -> None:
    log = logger("x")
    with log_context(loop="outer"):
        with log_context(tenant="t"):
            log.info("inner")
        log.info("after")
    log.info("outside")
    inner, after, outside = lines(written)
    assert (inner.get("tenant"), inner.get("loop")) == ("t", None)
    assert (after.get("tenant"), after.get("loop")) == (None, "outer")
    assert "loop" not in outside


def test_a_line_carries_the_ids_of_its_trace(written: io.BytesIO) -> None:
    with span(open_tracing("ingest", "host-1").tracer, "work") as started:
        logger("x").info("person_stored")
    context = started.get_span_context()
    (line,) = lines(written)
    assert line["trace"] == format(context.trace_id, "032x")
    assert line["span"] == format(context.span_id, "016x")


def test_libraries_are_heard_without_their_arguments(written: io.BytesIO) -> None:
    library = logging.getLogger("some.library")
    library.warning("cannot reach %s", ADDRESS)
    library.error(f"failed\n{ADDRESS} secret")
    library.info("chatter")
    first, second = lines(written)
    assert (first["library"], first["template"], first["level"]) == (
        "some.library",
        "cannot reach %s",
        "warning",
    )
    assert (second["template"], second["level"]) == ("failed", "error")
    assert b"kim" not in written.getvalue()
