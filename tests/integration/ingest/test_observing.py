"""What ingest tells about itself: one trace from the request to the mark, one log line, no personal data."""

import io

import orjson
import structlog

from tests.integration.ingest.conftest import NewClient
from tests.integration.ingest.scim_client import ScimClient
from tests.integration.ingest.serving import Ingest
from tests.tenants import Customer
from vestibule.database.pool import Connection
from vestibule.telemetry.logging import configure_logging


async def test_the_requests_trace_goes_on_in_the_backlog_and_the_timeline(
    scim: ScimClient, ingest: Ingest, admin: Connection
) -> None:
    ingest.spans.clear()
    identifier = await scim.create_user("traced@corp.example")
    (span,) = [span for span in ingest.spans.get_finished_spans() if span.name.startswith("POST")]
    assert span.name == "POST /scim/v2/{connection}/Users"
    context = span.get_span_context()
    assert context is not None
    expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    assert await admin.fetchval("select trace from chain.sync where id = $1", identifier) == expected
    entry = "select trace from chain.timeline where subject_id = $1"
    assert await admin.fetchval(entry, identifier) == expected


async def test_a_callers_own_trace_is_linked_and_not_continued(scim: ScimClient, ingest: Ingest) -> None:
    ingest.spans.clear()
    theirs = f"00-{'a' * 32}-{'b' * 16}-01"
    await scim.get("/Users", headers={"traceparent": theirs})
    (span,) = ingest.spans.get_finished_spans()
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" != "a" * 32
    assert [f"{link.context.trace_id:032x}" for link in span.links] == ["a" * 32]


async def test_each_request_is_one_log_line_without_personal_data(
    scim: ScimClient, customer: Customer
) -> None:
    before = structlog.get_config()
    written = io.BytesIO()
    configure_logging("ingest", "test", to=written)
    try:
        await scim.create_user("Ana.Li@corp.example", displayName="Ana Li")
        await scim.post("/Users", {"userName": "ana.li@corp.example"})
        await scim.get('/Users?filter=userName eq "ana.li@corp.example"')
    finally:
        structlog.configure(**before)
    lines = [orjson.loads(line) for line in written.getvalue().splitlines()]
    requests = [line for line in lines if line["event"] == "request_answered"]
    assert [(line["method"], line["status"], line["code"]) for line in requests] == [
        ("POST", 201, None),
        ("POST", 409, "uniqueness"),
        ("GET", 200, None),
    ]
    assert all(len(line["trace"]) == 32 and line["duration"] >= 0 for line in requests)
    for secret in (b"corp.example", b"Ana", b"ana.li", customer.token.encode(), customer.path.encode()):
        assert secret not in written.getvalue()


async def test_numbers_have_routes_and_rules_but_no_customer(
    customer: Customer, client_of: NewClient, ingest: Ingest
) -> None:
    scim = client_of(customer)
    identifier = await scim.create_user("numbered@corp.example", active="True")
    await scim.get(f"/Users/{identifier}")
    await scim.get("/Nowhere/at/all")
    shown = (await ScimClient(scim.session, ingest.url, "none").get("/metrics")).raw.decode()
    assert 'route="/scim/v2/{connection}/Users/{id}",status="2xx"' in shown
    assert 'vestibule_scim_repairs_total{rule="boolean_as_text"}' in shown
    assert 'route="unmatched"' in shown
    for secret in (customer.path, identifier, "Nowhere", "numbered"):
        assert secret not in shown
