"""Requests that are no good HTTP: each ends in time, and makes one user at most."""

from collections.abc import AsyncIterator, Mapping
from typing import Final

import pytest

from tests.integration.ingest.scim_client import ScimClient
from tests.integration.ingest.sockets import Dial, dialling
from tests.integration.ingest.trials import SECONDS, Trial

BODY: Final = b'{"userName": "raw@corp.example"}'
FRAMES: Mapping[str, bytes] = {
    "more announced than sent": b"Content-Length: 500\r\n\r\n" + BODY,
    "less announced than sent": b"Content-Length: 5\r\n\r\n" + BODY,
    "two lengths": b"Content-Length: 5\r\nContent-Length: 32\r\n\r\n" + BODY,
    "a list of lengths": b"Content-Length: 32, 32\r\n\r\n" + BODY,
    "a signed length": b"Content-Length: +32\r\n\r\n" + BODY,
    "a negative length": b"Content-Length: -1\r\n\r\n" + BODY,
    "a hexadecimal length": b"Content-Length: 0x20\r\n\r\n" + BODY,
    "an endless length": b"Content-Length: " + b"9" * 40 + b"\r\n\r\n" + BODY,
    "no length": b"\r\n" + BODY,
    "length and chunks": b"Content-Length: 32\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n"
    + BODY
    + b"\r\n0\r\n\r\n",
    "an unknown encoding": b"Transfer-Encoding: xchunked\r\n\r\n20\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunks twice": b"Transfer-Encoding: chunked, chunked\r\n\r\n20\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk of no size": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk of a negative size": b"Transfer-Encoding: chunked\r\n\r\n-20\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk of an endless size": b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n" + BODY,
    "chunks without an end": b"Transfer-Encoding: chunked\r\n\r\n20\r\n" + BODY + b"\r\n",
    "a NUL in a header": b"X: a\x00b\r\nContent-Length: 32\r\n\r\n" + BODY,
    "a folded header": b"X: a\r\n b\r\nContent-Length: 32\r\n\r\n" + BODY,
    "a header without a name": b": a\r\nContent-Length: 32\r\n\r\n" + BODY,
    "a space before the colon": b"Content-Length : 32\r\n\r\n" + BODY,
    "three hundred headers": b"X: a\r\n" * 300 + b"Content-Length: 32\r\n\r\n" + BODY,
}
FIRST_LINES: Mapping[str, bytes] = {
    "HTTP/0.9": b"GET /\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: a.example\r\n\r\n",
    "TLS": bytes.fromhex("16030100a5010000a10303") + b"\x00" * 64,
    "an absolute target": b"GET http://other.example/scim/v2/x/Users HTTP/1.1\r\nHost: a.example\r\n\r\n",
    "a NUL in the target": b"GET /scim/v2/\x00/Users HTTP/1.1\r\nHost: a.example\r\n\r\n",
    "no host": b"GET /scim/v2/x/Users HTTP/1.1\r\n\r\n",
    "line feeds only": b"GET /scim/v2/x/Users HTTP/1.1\nHost: a.example\n\n",
    "CONNECT": b"CONNECT other.example:443 HTTP/1.1\r\nHost: other.example\r\n\r\n",
    "an upgrade": b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "nothing": b"",
    "noise": bytes(range(256)) * 16,
}


@pytest.fixture
async def dial(scim: ScimClient) -> AsyncIterator[Dial]:
    """Opens raw connections and writes something into them."""
    async with dialling(scim.base) as opened:
        yield opened


@pytest.mark.parametrize("name", [*FRAMES, *FIRST_LINES])
async def test_odd_frames_end_in_time_and_make_one_user_at_most(trial: Trial, dial: Dial, name: str) -> None:
    head = (
        f"POST /scim/v2/{trial.customer.path}/Users HTTP/1.1\r\nHost: a.example\r\n"
        f"Authorization: Bearer {trial.scim.token}\r\nContent-Type: application/json\r\n"
        "Connection: close\r\n"
    ).encode()
    sent = head + FRAMES[name] if name in FRAMES else FIRST_LINES[name]
    answered = await (await dial(sent)).everything(SECONDS)
    trial.record.inputs += 1
    statuses = [int(line.split()[1]) for line in answered.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert all(status < 500 for status in statuses), answered
    made = await trial.admin.fetchval(
        "select count(*) from ingest.person where tenant_id = $1", trial.customer.tenant
    )
    assert made == statuses.count(201) <= 1, answered
    assert (await trial.scim.get("/Users?count=0")).status == 200
