"""Waiting for a condition, always with a bound."""

import asyncio
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.05


async def until(holds: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
    """Return as soon as the condition holds; fails, naming what was waited for."""
    try:
        async with asyncio.timeout(seconds):
            while not await holds():  # noqa: ASYNC110 - what is waited for happens in other processes
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None
