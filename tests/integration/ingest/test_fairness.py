"""Fairness inside one process, by counts: how much of another connection comes before a request."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
from opentelemetry.sdk.trace import ReadableSpan

from tests.integration.ingest.bulk_requests import send, statuses, user
from tests.integration.ingest.scim_client import ScimClient
from tests.integration.ingest.serving import Ingest, serving
from tests.stack import Database
from tests.tenants import Customer

AT_ONCE = 8
FLOODING = 60  # requests that the flooding connection always tries to have under way
ASKED = 25
OPERATIONS = 300
BETWEEN = 20  # operations of a Bulk, while another connection's request takes a few round trips

NewCustomer = Callable[[], Awaitable[Customer]]


async def test_a_flood_puts_no_more_in_front_of_others_than_it_may_have_under_way(
    store: Database, customer: Customer, new_customer: NewCustomer, session: aiohttp.ClientSession
) -> None:
    other = await new_customer()
    throttled, over = asyncio.Event(), asyncio.Event()
    async with (
        serving(store.url("vestibule_ingest"), pool_size=1, requests_at_once=AT_ONCE) as ingest,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=FLOODING)) as crowd,
    ):
        flooding = ScimClient(crowd, ingest.base(other.path), other.token)
        light = ScimClient(session, ingest.base(customer.path), customer.token)
        group, person = await flooding.create_group("Known"), await light.create_user("known@corp.example")

        async def flood() -> None:
            while not over.is_set():
                answer = await flooding.get(f"/Groups/{group}")
                assert answer.status in (200, 429)
                if answer.status == 429:
                    throttled.set()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(FLOODING):
                tasks.create_task(flood())
            await throttled.wait()
            ingest.spans.clear()
            for _ in range(ASKED):
                assert (await light.get(f"/Users/{person}")).status == 200
            over.set()
        spans = ingest.spans.get_finished_spans()
    mine = [times(span) for span in spans if span.name.endswith("/Users/{id}")]
    theirs = [times(span) for span in spans if span.name.endswith("/Groups/{id}") and is_answered(span)]
    between = [sum(begun < end <= ended for _, end in theirs) for begun, ended in mine]
    assert len(mine) == ASKED
    assert len(theirs) > ASKED  # there was a flood
    # Who came before is in front, and an answer or two are on their way.
    assert max(between) <= AT_ONCE + 2


async def test_a_bulk_goes_on_between_the_requests_of_others(
    customer: Customer, new_customer: NewCustomer, ingest: Ingest, session: aiohttp.ClientSession
) -> None:
    other = await new_customer()
    heavy, light = (ScimClient(session, ingest.base(one.path), one.token) for one in (other, customer))
    known = await light.create_user("known@corp.example")
    sending = asyncio.create_task(send(heavy, *(user(f"u{number}") for number in range(OPERATIONS))))
    begun = done(ingest)
    between: list[int] = []
    while not sending.done():
        before = done(ingest)
        assert (await light.get(f"/Users/{known}")).status == 200
        between.append(done(ingest) - before)
    assert set(statuses(await sending)) == {"201"}
    assert done(ingest) - begun == OPERATIONS
    assert len(between) >= OPERATIONS // BETWEEN
    assert max(between) <= BETWEEN


def done(ingest: Ingest) -> int:
    """How many operations of Bulks were answered so far."""
    labels = {"method": "POST", "status": "201"}
    return int(ingest.registry.get_sample_value("vestibule_bulk_operations_total", labels) or 0)


def times(span: ReadableSpan) -> tuple[int, int]:
    """When the server began a request, and when it had answered it."""
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time, span.end_time


def is_answered(span: ReadableSpan) -> bool:
    """Whether a request was carried out."""
    return (span.attributes or {})["http.response.status_code"] == 200
