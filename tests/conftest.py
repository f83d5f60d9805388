"""Fixtures that every test may ask for by name; nothing is set up for a test that did not ask."""

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from infra.local.servers import Addresses
from tests.stack import Database, copy_of, drop, make_template, running_servers

pytest_plugins = ["tests.closing_lines", "tests.no_skips"]

# `--hypothesis-profile=long`: minutes instead of seconds
settings.register_profile(
    "long", max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


# structlog's own default draws the locals of every frame into a traceback, tokens too: seconds for each,
# on a busy machine longer than what the tests wait for.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(scope="session")
def servers() -> Iterator[Addresses]:
    """PostgreSQL and RabbitMQ of this run, as administrators' URLs."""
    with running_servers() as addresses:
        yield addresses


@pytest.fixture(scope="session")
async def template(servers: Addresses) -> AsyncIterator[Database]:
    """A migrated, empty database; never written to."""
    made = await make_template(servers.database)
    yield made
    await drop(made)


@pytest.fixture
async def database(template: Database) -> AsyncIterator[Database]:
    """A migrated, empty database of this test's own."""
    copy = await copy_of(template)
    yield copy
    await drop(copy)
