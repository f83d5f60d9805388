"""A database of the test's own, an arranger for it, and a router over the router's own role."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.tenant_router.arranging import Arranger, deciding_over
from tests.stack import Database as MigratedDatabase
from vestibule.database.pool import Pool, open_pool
from vestibule_tenant_router.deciding import Deciding
from vestibule_tenant_router.worker import Database


@pytest.fixture
async def world(database: MigratedDatabase) -> AsyncIterator[Arranger]:
    """What ingest and the console would have written."""
    async with database.administrator() as connection:
        yield Arranger(connection)


@pytest.fixture
async def pool(database: MigratedDatabase) -> AsyncIterator[Pool]:
    """The router's pool, in its own role."""
    opened = await open_pool(database.url("vestibule_router"), 8, "tenant-router-test")
    yield opened
    await opened.close()


@pytest.fixture
def deciding(pool: Pool) -> Deciding:
    """A router's work."""
    return deciding_over(Database(pool))
