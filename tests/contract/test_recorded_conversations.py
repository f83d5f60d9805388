"""Recorded conversations of identity providers, spoken to a gateway: every answer is the recorded one."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import pytest

from infra.identity_providers.catalogue import DIALECTS
from infra.identity_providers.dialect import read_pages
from infra.identity_providers.transcript import read_transcripts, replay
from infra.identity_providers.views import view_in
from infra.local.places import ROOT
from tests.end_to_end.backlog import settle, undone
from tests.end_to_end.customer import Customer
from tests.end_to_end.customers import console_of, onboard, set_up_desk
from tests.end_to_end.gateway import Gateway, running_gateway
from vestibule_operator_console.standings import count_standings

TRANSCRIPTS = ROOT / "tests" / "transcripts"


@pytest.fixture(scope="module")
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway for all conversations."""
    async with running_gateway("conversations") as gateway:
        await set_up_desk(gateway)
        yield gateway


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_recorded_conversation_is_answered_as_recorded_and_everybody_is_accounted_for(
    gateway: Gateway, dialect: str
) -> None:
    customer = await onboard(gateway, f"customer-{dialect}", dialect)
    transcripts = read_transcripts(TRANSCRIPTS / dialect)
    kept: dict[str, str] = {}
    said = 0
    for transcript in transcripts:
        async for _ in replay(transcript, customer.speaker.endpoint, kept):
            said += 1
    assert said == sum(len(transcript.exchanges) for transcript in transcripts) > 0
    await settle(gateway)
    assert await undone(gateway) == []
    async with console_of(gateway) as console:
        (tenant,) = await count_standings(console, customer.slug)
    assert tenant.holds
    assert sum(connection.persons for connection in tenant.connections) > 0
    assert [connection.of("failed") for connection in tenant.connections] == [0]
    await assert_final(customer, json.loads((TRANSCRIPTS / dialect / "final.json").read_bytes()))


async def assert_final(customer: Customer, recorded: Mapping[str, Any]) -> None:
    """What the gateway shows at the end is what was recorded, and nobody and nothing else is there."""
    users = await customer.speaker.read(read_pages("/Users", "read all users"))
    groups = await customer.speaker.read(read_pages("/Groups", "read all groups"))
    names = {user["id"]: user["userName"] for user in users}
    shown = [told_of(user, names) for user in users]
    assert in_order(shown, "userName") == recorded["users"]
    with_names = [
        {
            "displayName": group["displayName"],
            "members": sorted(names[member["value"]] for member in group.get("members", ())),
        }
        for group in groups
    ]
    assert in_order(with_names, "displayName") == recorded["groups"]


def told_of(user: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A user by the short names of a recording, without what has no value."""
    view = view_in(user)
    view["manager"] = names.get(view["manager"] or "")
    wanted = ("userName", "active", "displayName", "emails.work", "title", "mobile", "department", "manager")
    return {name: view[name] for name in wanted if view[name] is not None}


def in_order(found: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return sorted(found, key=lambda one: str(one[name]))
