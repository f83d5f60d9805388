"""Who somebody is stands in the tables and at the desk, and in nothing that the services say."""

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from tests.end_to_end.customer import Customer, Person
from tests.end_to_end.customers import CONNECTION, console_of, onboard
from tests.end_to_end.gateway import Gateway
from tests.end_to_end.judging import judge
from tests.end_to_end.span_collector import SpanCollector
from tests.integration.ingest.scim_client import CORE_USER
from tests.waiting import until
from vestibule.messages.topology import EXCHANGE, WORK_QUEUES
from vestibule_operator_console.connections import pause, resume

SERVICES = ("ingest", "relay", "router", "writer")
GROUP = "Geheimabteilung Quarz"


@asynccontextmanager
async def overheard_messages(gateway: Gateway) -> AsyncIterator[list[bytes]]:
    """A copy of everything that is published meanwhile: headers, properties and bodies."""
    heard: list[bytes] = []

    async def listen(message: AbstractIncomingMessage) -> None:
        heard.append(repr((message.headers, message.info(), message.body)).encode())
        await message.ack()

    connection = await aio_pika.connect(gateway.addresses.amqp, timeout=10)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        for routing_key in WORK_QUEUES:
            await queue.bind(EXCHANGE, routing_key)
        await queue.consume(listen)
        yield heard


async def live_through_everything(gateway: Gateway, idp: Customer) -> Person:
    """Good days and bad days of a person, each of which makes the services say something."""
    person = await idp.create(77)
    await idp.push_group(GROUP, [person])
    await idp.rename(person)
    await judge(gateway, [idp])
    await gateway.sandbox.misbehave(
        {"kind": "answer", "status": 500, "count": 2}, {"kind": "cut", "after_effect": True, "count": 2}
    )
    await idp.create(78)
    await idp.rename(person)
    await judge(gateway, [idp])
    await gateway.sandbox.admin("DELETE", "faults")
    async with console_of(gateway) as console:
        await pause(console, idp.slug, CONNECTION)
        await idp.rename(person)
        await resume(console, idp.slug, CONNECTION)
    await idp.set_active(person, False)
    await idp.delete(idp.persons[78])
    await judge(gateway, [idp])
    return person


async def be_refused(idp: Customer, person: Person) -> None:
    """Requests that are refused, with everything in them that a careless log line would quote."""
    scim, profile = idp.scim, person.profile
    asked = quote(f'userName eq "{profile.login}"')
    body = {"schemas": [CORE_USER], "userName": profile.login, "displayName": profile.display_name}
    assert (await scim.post("/Users", body)).status == 409
    bad = body | {"active": f"maybe {person.email}", "emails": person.display_name}
    assert (await scim.post("/Users", bad)).status == 400
    unknown = await scim.get(f"/Users?filter={quote(f'userName zz {person.email}')}")
    assert unknown.status == 400
    assert (await scim.get(f"/Users/{quote(person.email)}")).status == 404
    assert (await scim.get(f"/{quote(person.display_name)}?filter={asked}")).status == 404
    wrong = scim.with_token(scim.token[:-1] + ("A" if scim.token[-1] != "A" else "B"))
    assert (await wrong.get(f"/Users?filter={asked}")).status == 401


def secrets_of(gateway: Gateway, idp: Customer) -> Iterator[tuple[str, bytes]]:
    """Everything that must stay unsaid, with a name for it that may be said."""
    for number, person in idp.persons.items():
        yield f"user name {number}", person.profile.login.encode()
        yield f"given name {number}", person.profile.given.encode()
        yield f"family name {number}", person.profile.family.encode()
        yield f"address {number}", person.email.encode()
        yield f"address {number}, encoded", quote(person.email).encode()
        yield f"display name {number}", f"Person{number} of".encode()
        yield f"external id {number}", f"ext-{number}-".encode()
    yield "domain", idp.domain.encode()
    yield "group", GROUP.encode()
    yield "group's second word", b"Quarz"
    token = idp.scim.token.encode()
    yield "token", token
    yield "part of the token", token[-20:]
    digest = hashlib.sha256(token).digest()
    yield "token's hash", digest.hex().encode()
    yield "token's hash in base64", base64.b64encode(digest)
    yield "desk's token", gateway.credentials.desk_token.encode()
    yield "e-mail key", gateway.credentials.email_key.encode()
    yield "unsealing key", gateway.credentials.unsealing_keys.partition(":")[2].encode()
    for role, password in gateway.credentials.roles.items():
        yield f"password of {role}", password.encode()


async def test_no_log_message_metric_or_span_tells_who_anybody_is(
    gateway: Gateway, collector: SpanCollector
) -> None:
    idp = await onboard(gateway, "papa")
    async with overheard_messages(gateway) as messages:
        person = await live_through_everything(gateway, idp)
        await idp.set_active(person, True)
        await be_refused(idp, person)
        await judge(gateway, [idp])
        said = {"messages": b"\n".join(messages)}
    for service in SERVICES:
        async with gateway.http.get(f"{gateway.services[service].url}/metrics") as answer:
            said[f"metrics of {service}"] = await answer.read()
    spans = len(collector.spans)

    async def flushed() -> bool:
        return len(collector.spans) >= spans

    await until(flushed, 5, "spans exported")
    said["spans"] = b"\n".join(collector.exports)
    for path in gateway.stack.logs():
        if path.stem != "desk":  # the stand-in of a foreign product
            said[f"log {path.name}"] = path.read_bytes()
    empty = [place for place, text in said.items() if not text and place in ("messages", "spans")]
    assert empty == []
    for service in SERVICES:
        assert said[f"log {service}.log"].count(b"\n") > 1
        assert b"vestibule_" in said[f"metrics of {service}"]
    found = [
        f"{name} stands in the {place}"
        for place, text in said.items()
        for name, secret in secrets_of(gateway, idp)
        if secret in text
    ]
    assert found == []
