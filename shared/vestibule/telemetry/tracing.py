"""Spans by hand: one trace from the identity provider's request through both queues to the desk call."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import getrandbits
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util._decorator import _agnosticcontextmanager

HEADER: Final = "traceparent"
EXPORT_TIMEOUT_SECONDS: Final = 5
FLUSH_MILLISECONDS: Final = 5_000

Attributes = Mapping[str, str | int | float | bool]

_propagator = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class Tracing:
    """The tracer of a process, and the way to hand over its last spans before it ends."""

    tracer: Tracer
    provider: TracerProvider

    def close(self) -> None:
        """Export what is left, within a bound, and stop; blocks, so call it last."""
        self.provider.force_flush(FLUSH_MILLISECONDS)
        self.provider.shutdown()


def open_tracing(
    service: str, instance: str, *, endpoint: str | None = None, exporter: SpanExporter | None = None
) -> Tracing:
    """Export to an OTLP/HTTP endpoint, or to the exporter given (tests), or nowhere.

    Sampling follows the standard OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. Without an export nothing
    is recorded, but ids are still made and carried on: log lines of all services stay linked.
    """
    resource = Resource.create(
        {
            "service.name": f"vestibule-{service}",
            "service.instance.id": instance,
            "service.namespace": "vestibule",
        }
    )
    if exporter is not None:
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    elif endpoint is not None:
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        sender = OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces", timeout=EXPORT_TIMEOUT_SECONDS)
        provider.add_span_processor(BatchSpanProcessor(sender))
    else:
        silent = TracerProvider(resource=resource, sampler=ALWAYS_OFF, shutdown_on_exit=False)
        return Tracing(_IdsOnly(), silent)
    return Tracing(provider.get_tracer("vestibule"), provider)


class _IdsOnly(Tracer):
    """Spans that nobody receives: new ids to carry on, at a fifth of what the SDK takes to make them."""

    def start_span(
        self,
        name: str,  # noqa: ARG002  as OpenTelemetry names it
        context: Context | None = None,
        *_settings: Any,
        **_more: Any,
    ) -> Span:
        above = trace.get_current_span(context).get_span_context()
        trace_id = above.trace_id if above.is_valid else getrandbits(128) or 1
        return trace.NonRecordingSpan(trace.SpanContext(trace_id, getrandbits(64) or 1, is_remote=False))

    @_agnosticcontextmanager
    def start_as_current_span(
        self, name: str, context: Context | None = None, *_settings: Any, **_more: Any
    ) -> Iterator[Span]:
        started = self.start_span(name, context)
        token = otel_context.attach(trace.set_span_in_context(started))
        try:
            yield started
        finally:
            otel_context.detach(token)


def traceparent(context: Context | None = None) -> str | None:
    """Render the current span (or that of a context) as a W3C `traceparent`; None outside of any trace."""
    return header_of(trace.get_current_span(context))


def context_from(header: str | None) -> Context:
    """Read a `traceparent`; a missing or malformed one gives an empty context, which begins a new trace."""
    return Context() if header is None else _propagator.extract({HEADER: header}, Context())


@contextmanager
def span(
    tracer: Tracer,
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: Context | None = None,
    attributes: Attributes | None = None,
) -> Iterator[Span]:
    """Make a span current; an exception marks it by its type only, since its text may quote a customer."""
    with tracer.start_as_current_span(
        name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as started:
        try:
            yield started
        except Exception as error:
            fail(started, type(error).__name__)
            raise


def start_consumer_span(tracer: Tracer, queue: str, header: str | None, attributes: Attributes) -> Span:
    """Start the span of one delivery, a child of the publisher's; the caller ends it."""
    context = context_from(header)
    return tracer.start_span(
        f"{queue} process",
        context,
        SpanKind.CONSUMER,
        {"messaging.system": "rabbitmq", "messaging.destination.name": queue, **attributes},
        record_exception=False,
        set_status_on_exception=False,
    )


def start_producer_span(tracer: Tracer, queue: str, header: str | None, attributes: Attributes) -> Span:
    """Start the span of one publish, a child of what made the row dirty; the caller ends it."""
    return tracer.start_span(
        f"{queue} publish",
        context_from(header),
        SpanKind.PRODUCER,
        {"messaging.system": "rabbitmq", "messaging.destination.name": queue, **attributes},
        record_exception=False,
        set_status_on_exception=False,
    )


def header_of(started: Span) -> str | None:
    """Render the `traceparent` of a span that need not be the current one."""
    ids = started.get_span_context()
    return f"00-{ids.trace_id:032x}-{ids.span_id:016x}-{ids.trace_flags:02x}" if ids.is_valid else None


@contextmanager
def use_header(header: str | None) -> Iterator[None]:
    """Make the span behind a `traceparent` current, so that spans and log lines inside belong to it."""
    token = otel_context.attach(context_from(header))
    try:
        yield
    finally:
        otel_context.detach(token)


def fail(started: Span, code: str) -> None:
    """Mark a span as failed with a code, never with a text."""
    started.set_status(Status(StatusCode.ERROR, code))
    started.set_attribute("error.type", code)
