"""A gateway of its own for a measurement: fresh servers, real processes, twenty customers."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.identity_providers.wire import Wire
from infra.local.places import LOCAL
from infra.local.stack import Stack
from vestibule.domain.desks import DeskKind
from vestibule.settings.loading import load
from vestibule.settings.services import ConsoleSettings
from vestibule.settings.values import Secret
from vestibule_operator_console.connections import Idp, Wish, create_connection
from vestibule_operator_console.console import Console, open_console
from vestibule_operator_console.desks import DeskCredentials, create_desk
from vestibule_operator_console.tenants import create_tenant

SERVICES = ("ingest", "relay", "router", "writer", "desk")
# A desk that is not the limit: what is measured is the gateway.
DESK_RATE: Mapping[str, object] = {"default": {"rate": 5000, "burst": 1000}}
DESK = "bench"
# No connection is throttled: how much it could get is what is measured.
UNTHROTTLED: Mapping[str, str] = {"VESTIBULE_REQUEST_RATE": "100000"}


@dataclass(frozen=True, slots=True)
class Measured:
    """One customer under load."""

    slug: str
    domain: str
    base_url: str
    token: str

    def wire(self) -> Wire:
        """A connection to its endpoint."""
        return Wire(self.base_url, self.token)


@contextmanager
def gateway(name: str, settings: Mapping[str, str] = UNTHROTTLED) -> Iterator[Stack]:
    """An empty gateway, all of it running; everything is stopped and deleted at the end."""
    stack = Stack(LOCAL / name, {**os.environ, "VESTIBULE_LOG_LEVEL": "warning", **settings})
    stack.remove(lambda _line: None)
    try:
        stack.up(lambda _line: None)
        yield stack
    finally:
        stack.remove(lambda _line: None)


@asynccontextmanager
async def console_of(stack: Stack) -> AsyncIterator[Console]:
    """The operators' functions on that gateway."""
    async with open_console(load(ConsoleSettings, stack.console_environ()), "bench") as console:
        yield console


async def make_desk(stack: Stack, console: Console) -> None:
    """The sandbox desk, with all that it can do allowed."""
    environ = stack.console_environ()
    url = environ["SANDBOX_DESK_URL"]
    settings: dict[str, object] = {
        "base_url": url,
        "service_desk_id": "1",
        "csm_url": f"{url}/jsm/csm/cloudid/bench/api/v1",
        "permits": DESK_RATE,
    }
    credentials = {"email": environ["SANDBOX_DESK_USER"], "api_token": environ["SANDBOX_DESK_TOKEN"]}
    await create_desk(console, DESK, DeskKind.JIRA, settings, DeskCredentials(Secret(credentials)))


async def make_customer(console: Console, number: int, idp: Idp) -> Measured:
    """A customer at that desk, with one connection."""
    slug = f"customer-{number}"
    await create_tenant(console, slug, name_of(number), DESK, None)
    made = await create_connection(console, slug, Wish(idp.value, idp))
    return Measured(slug, f"{slug}.example", made.base_url, made.token.text.reveal())


async def make_customers(stack: Stack, console: Console, count: int) -> list[Measured]:
    """A desk and so many customers at it."""
    await make_desk(stack, console)
    return [await make_customer(console, number, Idp.OKTA) for number in range(count)]


def name_of(number: int) -> str:
    """A customer's name, which its organizations' names begin with."""
    return f"Customer {number}"


def resident_mebibytes(stack: Stack) -> dict[str, float]:
    """The resident memory of each service now."""
    found = {}
    for name in SERVICES:
        identity = stack.process(name).identity()
        if identity is not None:
            status = Path(f"/proc/{identity.pid}/status").read_text(encoding="ascii")
            kibibytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
            found[name] = int(kibibytes) / 1024
    return found
