from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from vestibule.telemetry.metrics import RequestMetrics
from vestibule.telemetry.requests import ObservedRequests
from vestibule.telemetry.tracing import open_tracing

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def show(_request: Request) -> Response:
    return PlainTextResponse("shown", 201)


async def crash(_request: Request) -> Response:
    raise RuntimeError("kim.lee@customer.example")


ROUTES = [
    Mount(
        "/scim/v2/{connection}",
        routes=[Route("/Users/{id}", show, methods=["GET"]), Route("/crash", crash, methods=["GET"])],
    ),
    Route("/healthz", show),
]


class Observed:
    def __init__(self, *, trusted: bool = False) -> None:
        self.exporter = InMemorySpanExporter()
        self.registry = CollectorRegistry()
        ticks: Iterator[float] = (number / 100 for number in count())
        self.app = ObservedRequests(
            Starlette(routes=ROUTES),
            tracer=open_tracing("test", "one", exporter=self.exporter).tracer,
            metrics=RequestMetrics(self.registry),
            clock=lambda: next(ticks),
            trusted=trusted,
        )

    async def request(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> int:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
            "scheme": "http",
            "server": ("ingest.example", 80),
            "http_version": "1.1",
        }
        await self.app(scope, receive, send)
        status: int = sent[0]["status"]
        return status

    def span(self) -> ReadableSpan:
        (finished,) = self.exporter.get_finished_spans()
        return finished

    def numbers(self) -> str:
        return generate_latest(self.registry).decode()


async def test_a_request_is_named_by_its_route_not_by_its_ids() -> None:
    observed = Observed()
    assert await observed.request("/scim/v2/abc123/Users/77") == 201
    assert observed.span().name == "GET /scim/v2/{connection}/Users/{id}"
    attributes = observed.span().attributes
    assert attributes is not None
    assert attributes["http.response.status_code"] == 201
    numbers = observed.numbers()
    assert 'requests_total{method="GET",route="/scim/v2/{connection}/Users/{id}",status="2xx"} 1.0' in numbers
    assert "vestibule_requests_in_hand 0.0" in numbers
    assert "abc123" not in numbers


@pytest.mark.parametrize("path", ["/wp-admin", "/scim/v2/abc/kim.lee@customer.example"])
async def test_an_unknown_path_does_not_become_a_label(path: str) -> None:
    observed = Observed()
    assert await observed.request(path) == 404
    assert "wp-admin" not in observed.numbers()
    assert "kim" not in observed.numbers()


async def test_a_made_up_method_does_not_become_a_label() -> None:
    observed = Observed()
    await observed.request("/scim/v2/abc123/Users/77", method="KIM")
    assert 'method="OTHER"' in observed.numbers()


async def test_a_crash_is_a_500_and_its_text_is_not_recorded() -> None:
    observed = Observed()
    with pytest.raises(RuntimeError):
        await observed.request("/scim/v2/abc123/crash")
    assert 'status="5xx"} 1.0' in observed.numbers()
    assert "kim" not in observed.span().to_json()


async def test_probes_are_not_observed() -> None:
    observed = Observed()
    assert await observed.request("/healthz") == 201
    assert observed.exporter.get_finished_spans() == ()
    assert "healthz" not in observed.numbers()


async def test_a_strangers_trace_is_linked_and_not_continued() -> None:
    observed = Observed()
    await observed.request("/scim/v2/abc123/Users/77", headers={"traceparent": HEADER})
    span = observed.span()
    assert span.parent is None
    assert [format(link.context.trace_id, "032x") for link in span.links] == [HEADER[3:35]]


async def test_a_trusted_callers_trace_is_continued() -> None:
    observed = Observed(trusted=True)
    await observed.request("/scim/v2/abc123/Users/77", headers={"traceparent": HEADER})
    context = observed.span().get_span_context()
    assert context is not None
    assert format(context.trace_id, "032x") == HEADER[3:35]
