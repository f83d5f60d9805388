"""Probes over a real socket, in the loop of the test."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from vestibule.probes import Check, Readiness, Refresh, failing_checks, serve_probes
from vestibule.process.serving import ServerFailedError, bind, serve
from vestibule.settings.values import Listen
from vestibule.telemetry.metrics import RelayMetrics, open_registry

ANYWHERE = Listen("127.0.0.1", 0)


@asynccontextmanager
async def probes(checks: Mapping[str, Check], refresh: Refresh | None = None) -> AsyncIterator[str]:
    stopping = asyncio.Event()
    bound: asyncio.Future[Listen] = asyncio.get_running_loop().create_future()
    registry = open_registry()
    RelayMetrics(registry)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(
            serve_probes(
                ANYWHERE,
                stopping,
                checks=checks,
                registry=registry,
                refresh=refresh,
                on_bound=bound.set_result,
            )
        )
        yield f"http://127.0.0.1:{(await bound).port}"
        stopping.set()


async def get(url: str) -> tuple[int, str, Mapping[str, str]]:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def test_a_ready_service_says_so_and_does_not_name_its_server() -> None:
    async with probes({"database": lambda: True}) as base:
        status, body, headers = await get(f"{base}/readyz")
        assert (status, body) == (200, '{"ready":true,"failing":[]}')
        assert "server" not in {name.lower() for name in headers}
        assert (await get(f"{base}/healthz"))[0] == 200


async def test_readiness_names_what_fails_and_health_stays() -> None:
    async def down() -> bool:
        raise OSError("no database")

    async with probes({"database": down, "consumer": lambda: False, "relay": lambda: True}) as base:
        assert (await get(f"{base}/readyz"))[:2] == (503, '{"ready":false,"failing":["database","consumer"]}')
        assert (await get(f"{base}/healthz"))[0] == 200


async def test_readiness_is_asked_once_a_second_however_many_ask() -> None:
    asked: list[float] = []
    now = 100.0

    async def check() -> bool:
        asked.append(now)
        await asyncio.sleep(0)
        return now < 101

    readiness = Readiness({"database": check}, lambda: now)
    assert await asyncio.gather(*(readiness.failing() for _ in range(50))) == [[]] * 50
    now = 100.9
    assert await readiness.failing() == []
    assert asked == [100.0]
    now = 101.0
    assert await asyncio.gather(*(readiness.failing() for _ in range(50))) == [["database"]] * 50
    assert asked == [100.0, 101.0]


async def test_metrics_are_refreshed_before_they_are_shown_and_shown_even_if_that_fails() -> None:
    asked: list[int] = []

    async def refresh() -> None:
        asked.append(1)
        raise OSError("no database")

    async with probes({}, refresh) as base:
        status, body, headers = await get(f"{base}/metrics")
    assert (status, asked) == (200, [1])
    assert "vestibule_relay_swept_total 0.0" in body
    assert headers["Content-Type"].startswith("text/plain")


async def test_a_check_that_hangs_fails_within_its_bound() -> None:
    async def hang() -> bool:
        await asyncio.Event().wait()
        return True

    async with asyncio.timeout(10):
        assert await failing_checks({"hanging": hang}) == ["hanging"]


async def test_a_request_in_hand_is_finished_before_the_server_ends() -> None:
    stopping, begun = asyncio.Event(), asyncio.Event()
    bound: asyncio.Future[Listen] = asyncio.get_running_loop().create_future()

    async def slow(_request: Request) -> Response:
        begun.set()
        await stopping.wait()
        return PlainTextResponse("finished")

    app = Starlette(routes=[Route("/", slow)])
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(serve(app, ANYWHERE, stopping, drain_seconds=5, on_bound=bound.set_result))
        asked = group.create_task(get(f"http://127.0.0.1:{(await bound).port}/"))
        await begun.wait()
        stopping.set()
    assert asked.result()[:2] == (200, "finished")


async def test_a_taken_address_is_an_error_at_once() -> None:
    with bind(ANYWHERE) as taken:
        listen = Listen("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await serve_probes(listen, asyncio.Event(), checks={}, registry=CollectorRegistry())


async def test_an_application_that_does_not_start_is_an_error() -> None:
    @asynccontextmanager
    async def refuse(_app: Starlette) -> AsyncIterator[None]:
        if bound:
            raise OSError("no database")
        yield

    bound: list[Listen] = []
    async with asyncio.timeout(20):
        with pytest.raises(ServerFailedError):
            await serve(
                Starlette(lifespan=refuse),
                ANYWHERE,
                asyncio.Event(),
                drain_seconds=1,
                on_bound=bound.append,
            )
