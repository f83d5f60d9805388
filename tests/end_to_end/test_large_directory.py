"""The tool for large directories in small: all is found once, and what should not be there is told."""

import io
from collections.abc import AsyncIterator

import pytest
from rich.console import Console as Terminal

from tests.end_to_end.gateway import running_gateway
from tests.load.large_directory import LargeDirectory, WrongAnswer
from tests.load.measuring import table_of
from tests.load.people import okta_body
from tests.load.surroundings import Measured, console_of, make_customers

USERS, GROUPS = 230, 7


@pytest.fixture(scope="module")
async def customers() -> AsyncIterator[list[Measured]]:
    """Two customers without people at a gateway of these tests' own."""
    async with (
        running_gateway("directory", {"VESTIBULE_REQUEST_RATE": "100000"}) as gateway,
        console_of(gateway.stack) as console,
    ):
        yield await make_customers(gateway.stack, console, 2)


def directory_of(customer: Measured) -> LargeDirectory:
    return LargeDirectory(customer, USERS, GROUPS, Terminal(file=io.StringIO()))


async def test_all_people_and_groups_are_listed_found_and_exported_once(customers: list[Measured]) -> None:
    lines = await directory_of(customers[0]).run()
    said = io.StringIO()
    Terminal(file=said, width=200).print(table_of([lines], "in small"))
    for work in (f"{USERS} people exported", f"{GROUPS} groups exported", "members[value eq …], p50"):
        assert work in said.getvalue()


async def test_somebody_who_should_not_be_there_is_told(customers: list[Measured]) -> None:
    customer = customers[1]
    async with customer.wire() as wire:
        assert (await wire.call("POST", "/Users", okta_body("stranger", customer.domain))).status == 201
    with pytest.raises(WrongAnswer, match="totalResults of the first page: 231 instead of 230"):
        await directory_of(customer).run()
