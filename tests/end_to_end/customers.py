"""Customers are set up by the operators' own functions, as `vestibule tenant create` does it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.identity_providers.catalogue import DIALECTS
from infra.identity_providers.directory import Directory
from infra.identity_providers.provider import IdentityProvider
from infra.identity_providers.speaking import Speaker
from infra.identity_providers.wire import Endpoint
from tests.end_to_end.customer import Customer
from tests.end_to_end.gateway import Gateway
from tests.integration.ingest.scim_client import ScimClient
from vestibule.domain.desks import DeskKind
from vestibule.settings.loading import load
from vestibule.settings.services import ConsoleSettings
from vestibule.settings.values import Secret
from vestibule_operator_console.connections import Idp, Wish, create_connection
from vestibule_operator_console.console import Console, open_console
from vestibule_operator_console.desks import DeskCredentials, create_desk
from vestibule_operator_console.tenants import create_tenant

DESK = "desk"
CLOSED_DESK = "2"  # customers see it only once they were added: one more call that a crash can hit
CONNECTION = "main"
PATIENCE = 1000.0  # times as fast as in life: five minutes without an answer's word are a third of a second
# Those who delete people, in three ways of speaking: values to remove, replaced groups, filtered removals.
SHAKEN = {"acme": "entra-default", "birch": "ping", "cedar": "onelogin"}
CLOUD = "/jsm/csm/cloudid/11111111-2222-3333-4444-555555555555/api/v1"


@asynccontextmanager
async def console_of(gateway: Gateway) -> AsyncIterator[Console]:
    """The operators' functions on a gateway."""
    settings = load(ConsoleSettings, gateway.stack.console_environ())
    async with open_console(settings, "end-to-end") as console:
        yield console


async def set_up_desk(gateway: Gateway) -> None:
    """The sandbox desk as a closed service desk where everything that Jira can do is allowed."""
    url = await gateway.desk_url()
    settings = {
        "base_url": url,
        "service_desk_id": CLOSED_DESK,
        "closed_desk": True,
        "csm_url": f"{url}{CLOUD}",
        "permits": {"default": {"rate": 200, "burst": 100}},
    }
    credentials = {"email": gateway.credentials.desk_user, "api_token": gateway.credentials.desk_token}
    async with console_of(gateway) as console:
        await create_desk(console, DESK, DeskKind.JIRA, settings, DeskCredentials(Secret(credentials)))


async def onboard(gateway: Gateway, slug: str, dialect: str = "entra-default") -> Customer:
    """A new customer with one connection; its identity provider, of this dialect, has sent nothing yet."""
    prefix = f"Customer {slug}"
    speaks = DIALECTS[dialect]()
    async with console_of(gateway) as console:
        await create_tenant(console, slug, prefix, DESK, None)
        made = await create_connection(console, slug, Wish(CONNECTION, Idp(speaks.vendor)))
    token = made.token.text.reveal()
    idp = IdentityProvider(speaks, Directory(f"{slug}.example"), PATIENCE)
    speaker = Speaker(idp, Endpoint(made.base_url, token))
    return Customer(speaker, ScimClient(gateway.http, made.base_url, token), slug, prefix)
