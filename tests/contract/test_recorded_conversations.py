"""Recorded conversations of identity providers, spoken to a gateway: every answer is the recorded one."""

from collections.abc import AsyncIterator

import pytest

from infra.identity_providers.transcript import Endpoint, read_transcripts, replay
from infra.local.places import ROOT
from tests.end_to_end.backlog import settle, undone
from tests.end_to_end.customers import console_of, onboard, set_up_desk
from tests.end_to_end.gateway import Gateway, running_gateway
from vestibule_operator_console.connections import Idp
from vestibule_operator_console.standings import count_standings

TRANSCRIPTS = ROOT / "tests" / "transcripts"
PROVIDERS = sorted(folder.name for folder in TRANSCRIPTS.iterdir() if folder.is_dir())


@pytest.fixture(scope="module")
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway for all conversations."""
    async with running_gateway("conversations") as gateway:
        await set_up_desk(gateway)
        yield gateway


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_recorded_conversation_is_answered_as_recorded_and_everybody_is_accounted_for(
    gateway: Gateway, provider: str
) -> None:
    slug = f"customer-{provider}"
    idp = await onboard(gateway, slug, Idp(provider))
    endpoint = Endpoint(idp.client.base_url, idp.client.token)
    transcripts = read_transcripts(TRANSCRIPTS / provider)
    kept: dict[str, str] = {}
    said = 0
    for transcript in transcripts:
        async for _ in replay(transcript, endpoint, gateway.http, kept):
            said += 1
    assert said == sum(len(transcript.exchanges) for transcript in transcripts) > 0
    await settle(gateway)
    assert await undone(gateway) == []
    async with console_of(gateway) as console:
        (tenant,) = await count_standings(console, slug)
    assert tenant.holds
    assert sum(connection.persons for connection in tenant.connections) > 0
    assert [connection.of("failed") for connection in tenant.connections] == [0]
