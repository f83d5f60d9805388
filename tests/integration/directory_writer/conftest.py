"""The rig as a fixture."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.directory_writer.rig import Rig, open_rig
from tests.stack import Database


@pytest.fixture
async def rig(database: Database) -> AsyncIterator[Rig]:
    """A writer's surroundings with a desk in memory that can do everything."""
    async with open_rig(database) as opened:
        yield opened
