"""The tool for large directories in small: all is found once, and what should not be there is told."""

import io
from collections.abc import AsyncIterator

import asyncpg
import pytest
from rich.console import Console as Terminal

from tests.end_to_end.gateway import running_gateway
from tests.load.large_directory import LargeDirectory, WrongAnswer
from tests.load.measuring import table_of
from tests.load.people import okta_body
from tests.load.surroundings import console_of, make_customers

USERS, GROUPS = 230, 7


@pytest.fixture(scope="module")
async def directories() -> AsyncIterator[list[LargeDirectory]]:
    """Of two customers without people, at a gateway of these tests' own."""
    async with (
        running_gateway("directory", {"VESTIBULE_REQUEST_RATE": "100000"}) as gateway,
        console_of(gateway.stack) as console,
        asyncpg.create_pool(gateway.addresses.database, min_size=1, max_size=1) as admin,
    ):
        yield [
            LargeDirectory(customer, admin, USERS, GROUPS, Terminal(file=io.StringIO()))
            for customer in await make_customers(gateway.stack, console, 2)
        ]


async def test_all_people_and_groups_are_listed_found_and_exported_once(
    directories: list[LargeDirectory],
) -> None:
    lines = await directories[0].run()
    said = io.StringIO()
    Terminal(file=said, width=200).print(table_of([lines], "in small"))
    for work in (f"{USERS} people exported", f"{GROUPS} groups exported", "members[value eq …], p50"):
        assert work in said.getvalue()


async def test_somebody_who_should_not_be_there_is_told(directories: list[LargeDirectory]) -> None:
    customer = directories[1].customer
    async with customer.wire() as wire:
        assert (await wire.call("POST", "/Users", okta_body("stranger", customer.domain))).status == 201
    with pytest.raises(WrongAnswer, match="totalResults of the first page: 231 instead of 230"):
        await directories[1].run()
