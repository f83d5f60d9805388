import itertools

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from vestibule.telemetry.tracing import (
    context_from,
    header_of,
    open_tracing,
    span,
    start_consumer_span,
    start_producer_span,
    traceparent,
    use_header,
)

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_trace_goes_on_from_request_to_queue_to_worker() -> None:
    exporter = InMemorySpanExporter()
    tracer = open_tracing("test", "one", exporter=exporter).tracer
    with span(tracer, "request", kind=SpanKind.SERVER):
        stored = traceparent()
    publishing = start_producer_span(tracer, "router.in", stored, {"tenant": "t"})
    carried = header_of(publishing)
    publishing.end()
    consuming = start_consumer_span(tracer, "router.in", carried, {"tenant": "t"})
    with use_header(header_of(consuming)), span(tracer, "decide"):
        pass
    consuming.end()
    spans = {finished.name: finished for finished in exporter.get_finished_spans()}
    assert len({finished.context.trace_id for finished in spans.values()}) == 1
    chain = ["request", "router.in publish", "router.in process", "decide"]
    for parent, child in itertools.pairwise(chain):
        link = spans[child].parent
        assert link is not None
        assert link.span_id == spans[parent].context.span_id
    assert spans["router.in process"].kind is SpanKind.CONSUMER


def test_a_header_survives_the_journey() -> None:
    assert traceparent(context_from(HEADER)) == HEADER


@pytest.mark.parametrize(
    "header", [None, "", "nonsense", "00-0-0-00", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"]
)
def test_a_missing_or_malformed_header_begins_a_new_trace(header: str | None) -> None:
    assert not get_current_span(context_from(header)).get_span_context().is_valid
    tracer = open_tracing("test", "one", exporter=InMemorySpanExporter()).tracer
    started = start_consumer_span(tracer, "router.in", header, {})
    assert started.get_span_context().is_valid
    started.end()


def test_outside_of_a_trace_there_is_no_header() -> None:
    assert traceparent() is None


def test_an_error_marks_the_span_by_its_type_only() -> None:
    exporter = InMemorySpanExporter()
    tracer = open_tracing("test", "one", exporter=exporter).tracer
    with pytest.raises(ValueError, match="kim"), span(tracer, "work"):
        raise ValueError("kim.lee@customer.example")
    (finished,) = exporter.get_finished_spans()
    assert finished.status.status_code is StatusCode.ERROR
    assert finished.status.description == "ValueError"
    assert finished.events == ()


def test_without_an_export_ids_are_still_made_and_carried_on() -> None:
    tracer = open_tracing("test", "one").tracer
    with span(tracer, "request") as started:
        header = traceparent()
    assert header is not None
    assert not started.is_recording()
    consuming = start_consumer_span(tracer, "router.in", header, {})
    assert consuming.get_span_context().trace_id == started.get_span_context().trace_id
    consuming.end()
