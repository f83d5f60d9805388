"""One gateway for the stories and one for the crashes: starting it costs more than most tests."""

from collections.abc import AsyncIterator

import pytest

from tests.end_to_end.customer import Customer
from tests.end_to_end.customers import SHAKEN, onboard, set_up_desk
from tests.end_to_end.gateway import Gateway, running_gateway
from tests.end_to_end.load import push_groups
from tests.end_to_end.scene import Scene
from tests.end_to_end.span_collector import SpanCollector, collecting_spans


@pytest.fixture(scope="session")
async def collector() -> AsyncIterator[SpanCollector]:
    """What the stories' gateway exports."""
    async with collecting_spans() as collector:
        yield collector


@pytest.fixture(scope="session")
async def gateway(collector: SpanCollector) -> AsyncIterator[Gateway]:
    """The stories' gateway: nothing of it is ever killed."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "VESTIBULE_LOG_LEVEL": "debug"}
    async with running_gateway("stories", environ) as gateway:
        await set_up_desk(gateway)
        yield gateway


@pytest.fixture(scope="session")
async def shaken() -> AsyncIterator[Gateway]:
    """The crash suite's gateway: every test leaves it whole."""
    async with running_gateway("crashes") as gateway:
        await set_up_desk(gateway)
        yield gateway


@pytest.fixture(scope="session")
async def customers(shaken: Gateway) -> list[Customer]:
    """Three customers with groups of the same names, who stay for the whole crash suite."""
    idps = [await onboard(shaken, slug, dialect) for slug, dialect in SHAKEN.items()]
    await push_groups(idps)
    return idps


@pytest.fixture
async def scene(shaken: Gateway, customers: list[Customer]) -> Scene:
    """The crash suite's gateway, whole, with its customers."""
    await shaken.mend()
    return Scene(shaken, customers)
