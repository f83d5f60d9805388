"""An operator takes the desk out of service: everybody is served, nothing is sent, and later all of it is."""

from collections import Counter
from collections.abc import AsyncIterator

import orjson
import pytest

from tests.end_to_end.gateway import Gateway, running_gateway
from tests.load.people import GROUP, active_patch, okta_body
from tests.load.surroundings import DESK, Measured, console_of, make_customers
from tests.waiting import until
from vestibule_operator_console.console import Console
from vestibule_operator_console.desks import disable_desk, enable_desk
from vestibule_operator_console.problems import Conflict
from vestibule_operator_console.standings import count_standings

SECONDS = 40.0


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway of this test's own."""
    async with running_gateway("disabled", {}) as running:
        yield running


async def standings(console: Console) -> Counter[str]:
    """Everybody of all customers by standing and reason; fails where the invariant does not hold."""
    found: Counter[str] = Counter()
    for tenant in await count_standings(console, None):
        assert tenant.holds
        for connection in tenant.connections:
            found.update({one.words: one.persons for one in connection.standings if one.persons})
    return found


async def created(customer: Measured, name: str) -> str:
    async with customer.wire() as wire:
        answer = await wire.call("POST", "/Users", okta_body(name, customer.domain))
    assert answer.status == 201
    return str(answer.json()["id"])


async def test_a_disabled_desk_gets_nothing_and_afterwards_everything(gateway: Gateway) -> None:
    async with console_of(gateway.stack) as console:
        first, second = await make_customers(gateway.stack, console, 2)
        leaver = await created(first, "leaver")

        async def come_to(wanted: dict[str, int]) -> None:
            async def reached() -> bool:
                return await standings(console) == Counter(wanted)

            await until(reached, SECONDS, f"{wanted}")

        await come_to({"applied(access)": 1})
        await disable_desk(console, DESK)
        with pytest.raises(Conflict, match="out of service already"):
            await disable_desk(console, DESK)
        calls = await gateway.sandbox.calls()
        joiners = [await created(first, "joiner"), await created(second, "other")]
        async with first.wire() as wire:
            body = {"schemas": [GROUP], "displayName": "Team", "members": [{"value": joiners[0]}]}
            assert (await wire.call("POST", "/Groups", orjson.dumps(body))).status == 201
            gone = await wire.call("PATCH", f"/Users/{leaver}", active_patch(active=False))
            assert gone.status == 200
        await come_to({"held(desk_disabled)": 3})
        assert await gateway.sandbox.calls() == calls

        await enable_desk(console, DESK)
        await come_to({"applied(access)": 2, "applied(stripped)": 1})
        made = sum(
            count for (_, method, _), count in (await gateway.sandbox.calls()).items() if method == "POST"
        )
        await enable_desk(console, DESK)  # whoever repeats it, because he heard no answer, does no harm
        await come_to({"applied(access)": 2, "applied(stripped)": 1})
        now = await gateway.sandbox.calls()
        assert sum(count for (_, method, _), count in now.items() if method == "POST") == made
