"""One trace leads from an identity provider's request through both queues to the call at the desk."""

from collections.abc import Callable
from functools import partial

from tests.end_to_end.customer import Person
from tests.end_to_end.customers import onboard
from tests.end_to_end.gateway import Gateway
from tests.end_to_end.judging import judge
from tests.end_to_end.span_collector import SpanCollector
from tests.waiting import until

SERVICES = {"vestibule-ingest", "vestibule-relay", "vestibule-tenant-router", "vestibule-directory-writer"}


async def test_one_trace_leads_from_the_request_through_both_queues_to_the_desk(
    gateway: Gateway, collector: SpanCollector
) -> None:
    idp = await onboard(gateway, "golf", "entra-flagged")
    person = await idp.create(1)
    await judge(gateway, [idp])

    async def whole() -> bool:
        """Every service's spans have arrived, and no parent is missing: they are exported apart."""
        spans = collector.of_trace(trace_of(collector, person))
        parents, ids = {span.parent for span in spans}, {span.id for span in spans}
        return {span.service for span in spans} == SERVICES and parents - ids == {""}

    await until(whole, 10, "one whole trace")
    spans = collector.of_trace(trace_of(collector, person))
    for service, name in (
        ("vestibule-ingest", "POST /scim/v2/{connection}/Users"),
        ("vestibule-relay", "router.in publish"),
        ("vestibule-tenant-router", "router.in process"),
        ("vestibule-relay", "writer.in publish"),
        ("vestibule-directory-writer", "writer.in process"),
    ):
        assert any((span.service, span.name) == (service, name) for span in spans), (service, name)
    calls = [
        span for span in spans if span.service == "vestibule-directory-writer" and "customer" in span.name
    ]
    assert calls, [span.name for span in spans]


def trace_of(collector: SpanCollector, person: Person) -> str:
    """The trace that the person's own message belongs to."""
    return next(
        (
            span.trace
            for span in collector.spans
            if span.attributes.get("vestibule.id", "").find(person.id) >= 0
        ),
        "",
    )


async def test_every_later_change_has_one_trace_to_its_own_call_at_the_desk(
    gateway: Gateway, collector: SpanCollector
) -> None:
    idp = await onboard(gateway, "sierra", "entra-flagged")
    person = await idp.create(1)
    await judge(gateway, [idp])
    users, groups = "/scim/v2/{connection}/Users/{id}", "/scim/v2/{connection}/Groups/{id}"
    members = "organization/{id}/user"
    for change, request, call in (
        (lambda: idp.rename(person), f"PATCH {users}", "PUT csm/customer/account/{id}"),
        (lambda: idp.set_active(person, False), f"PATCH {users}", f"DELETE {members}"),
        (lambda: idp.set_active(person, True), f"PATCH {users}", f"POST {members}"),
        (lambda: idp.push_group("IT"), f"POST {groups.removesuffix('/{id}')}", "POST organization"),
        (lambda: idp.join(person, "IT"), f"PATCH {groups}", f"POST {members}"),
        (lambda: idp.part(person, "IT"), f"PATCH {groups}", f"DELETE {members}"),
        (lambda: idp.delete(person), f"DELETE {users}", f"DELETE {members}"),
    ):
        known = {span.trace for span in collector.spans}
        await change()
        await judge(gateway, [idp])
        fresh = partial(traces_since, collector, known, request, call)

        async def found(fresh: Callable[[], list[str]] = fresh) -> bool:
            return len(fresh()) == 1

        await until(found, 10, f"one trace from {request} to {call}")


def traces_since(collector: SpanCollector, known: set[str], request: str, call: str) -> list[str]:
    """New traces that begin with the request, pass every service and hold the call at the desk."""
    passed: dict[str, set[str]] = {}
    for span in collector.spans:
        if span.trace not in known:
            passed.setdefault(span.trace, set()).update((span.service, f"{span.service} {span.name}"))
    wanted = SERVICES | {f"vestibule-ingest {request}", f"vestibule-directory-writer {call}"}
    return [trace for trace, names in passed.items() if wanted <= names]
