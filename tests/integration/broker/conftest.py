"""A private broker, never a given one: these tests empty and delete its queues."""

from collections.abc import AsyncIterator, Iterator

import pytest

from infra.local.rabbitmq import RabbitServer
from tests.integration.broker.bench import Bench, empty_queues


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    """A RabbitMQ of these tests' own."""
    server = RabbitServer(tmp_path_factory.mktemp("rabbit"))
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
async def bench(server: RabbitServer) -> AsyncIterator[Bench]:
    """A running broker with empty queues; everything that a test started is stopped afterwards."""
    await empty_queues(server.url)
    async with Bench(server) as bench:
        yield bench
