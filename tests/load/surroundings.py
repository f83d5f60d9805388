"""A gateway of its own for a measurement: fresh servers, real processes, twenty customers."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local.places import LOCAL
from infra.local.stack import Stack
from tests.load.wire import Wire
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
def gateway(name: str) -> Iterator[Stack]:
    """An empty gateway, all of it running; everything is stopped and deleted at the end."""
    # No connection is throttled here: how much it could get is what is measured.
    quiet = {"VESTIBULE_LOG_LEVEL": "warning", "VESTIBULE_REQUEST_RATE": "100000"}
    stack = Stack(LOCAL / name, {**os.environ, **quiet})
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


async def make_customers(stack: Stack, console: Console, count: int) -> list[Measured]:
    """A desk and so many customers at it, one connection each."""
    environ = stack.console_environ()
    settings: dict[str, object] = {
        "base_url": environ["SANDBOX_DESK_URL"],
        "service_desk_id": "1",
        "permits": DESK_RATE,
    }
    credentials = {"email": environ["SANDBOX_DESK_USER"], "api_token": environ["SANDBOX_DESK_TOKEN"]}
    await create_desk(console, "bench", DeskKind.JIRA, settings, DeskCredentials(Secret(credentials)))
    customers = []
    for number in range(count):
        slug = f"customer-{number}"
        await create_tenant(console, slug, f"Customer {number}", "bench", None)
        made = await create_connection(console, slug, Wish("okta", Idp.OKTA))
        customers.append(Measured(slug, f"{slug}.example", made.base_url, made.token.text.reveal()))
    return customers


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
