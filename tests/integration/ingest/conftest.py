"""One service and one database for all tests of ingest; each test has a customer of its own."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import aiohttp
import pytest

from tests.integration.ingest.processes import running
from tests.integration.ingest.scim_client import ScimClient
from tests.integration.ingest.serving import PUBLIC_URL, Ingest, serving
from tests.integration.ingest.trials import Record, Trial
from tests.stack import Database, copy_of, drop
from tests.tenants import Customer, make_customer, make_desk
from vestibule.database.pool import Connection
from vestibule.domain.tokens import mint

NewClient = Callable[[Customer], ScimClient]
NewCustomer = Callable[[], Awaitable[Customer]]


@pytest.fixture(scope="session")
async def store(template: Database) -> AsyncIterator[Database]:
    """The database of all these tests."""
    made = await copy_of(template)
    yield made
    await drop(made)


@pytest.fixture(scope="session")
async def ingest(store: Database) -> AsyncIterator[Ingest]:
    """The service, too generous to throttle anybody."""
    async with serving(store.url("vestibule_ingest")) as running:
        yield running


@pytest.fixture(scope="session")
async def processes(store: Database) -> AsyncIterator[tuple[str, str]]:
    """Two processes of the service beside each other, at the same database: the URLs that they listen at."""
    url = store.url("vestibule_ingest")
    async with running(url, PUBLIC_URL) as one, running(url, PUBLIC_URL) as other:
        yield one, other


@pytest.fixture
def replicas(
    processes: tuple[str, str], session: aiohttp.ClientSession, customer: Customer
) -> tuple[ScimClient, ScimClient]:
    """A customer's identity provider as it reaches either process."""
    one, other = (ScimClient(session, f"{url}/scim/v2/{customer.path}", customer.token) for url in processes)
    return one, other


@pytest.fixture
async def admin(store: Database) -> AsyncIterator[Connection]:
    """A connection that sees every tenant: for arranging and judging."""
    async with store.administrator() as connection:
        yield connection


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client without cookies and proxies."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


@pytest.fixture
def new_customer(admin: Connection) -> NewCustomer:
    """Makes a tenant with one live connection at a desk of its own."""

    async def make() -> Customer:
        desk = await make_desk(admin)
        return await make_customer(admin, desk, token=mint(os.urandom(32)))

    return make


@pytest.fixture
def client_of(ingest: Ingest, session: aiohttp.ClientSession) -> NewClient:
    """Makes the client of a customer's identity provider."""

    def make(customer: Customer) -> ScimClient:
        return ScimClient(session, ingest.base(customer.path), customer.token)

    return make


@pytest.fixture
async def customer(new_customer: NewCustomer) -> Customer:
    """A customer nobody else knows."""
    return await new_customer()


@pytest.fixture
def scim(client_of: NewClient, customer: Customer) -> ScimClient:
    """The client of that customer's identity provider."""
    return client_of(customer)


@pytest.fixture(scope="session")
def record(say_at_the_end: Callable[[str], None]) -> Iterator[Record]:
    """Counts the hostile input of the whole run."""
    kept = Record()
    yield kept
    say_at_the_end(
        f"hostile input: {kept.inputs} requests, no answer with 5xx, the slowest after {kept.slowest:.2f} s"
    )


@pytest.fixture
def trial(scim: ScimClient, admin: Connection, customer: Customer, record: Record) -> Trial:
    """A customer of whom every row is watched."""
    return Trial(scim, admin, customer, record)
