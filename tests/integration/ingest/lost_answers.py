"""Requests whose answer nobody reads: the connection breaks before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from yarl import URL

from tests.integration.ingest.scim_client import ScimClient


@asynccontextmanager
async def sent(scim: ScimClient, method: str, path: str, body: object = None) -> AsyncIterator[None]:
    """Send a request; at the block's end the connection is closed and its answer lost."""
    url = URL(scim.base)
    data = b"" if body is None else orjson.dumps(body)
    head = (
        f"{method} {url.path}{path} HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: {len(data)}\r\n"
        f"Authorization: Bearer {scim.token}\r\nContent-Type: application/scim+json\r\n\r\n"
    )
    _, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(head.encode() + data)
        await writer.drain()
        yield
    finally:
        writer.close()
        await writer.wait_closed()
