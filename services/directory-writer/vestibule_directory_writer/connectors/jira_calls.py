"""Carries one call at a time to a Jira site and back: permit, bounded wait, judged answer, nothing else."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
import orjson
from yarl import URL

from vestibule_directory_writer.connectors.failures import DeskFailure, DeskUnreachable, Throttled
from vestibule_directory_writer.connectors.jira_answers import Call, judge, load, unanswered
from vestibule_directory_writer.connectors.pacing import Pacing

# The claim's lease must be longer than the longest desk call, or two writers work on one account.
CALL_SECONDS = 10.0
CONNECT_SECONDS = 3.0
LONGEST_BODY_BYTES = 8 * 1024 * 1024

JSON = "application/json"
IDENTITY = "identity"  # a body that is packed may be a thousand times longer than it looks: none is unpacked

Headers = Callable[[], Mapping[str, str]]
Observed = Callable[[str, str, int, float], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer; `value` is the JSON of its body, None where that is empty or no JSON."""

    status: int
    value: object


def no_headers() -> Mapping[str, str]:
    """Nothing to propagate."""
    return {}


def unobserved(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Nobody counts."""


class Calls:
    """One desk's connections. Follows no redirect, keeps no cookie, uses no proxy: nothing goes elsewhere.

    `headers` are asked for on every call (a trace's). `observed` is told the endpoint, the method, the status
    (0: no answer) and the seconds of every call.
    """

    def __init__(
        self,
        email: str,
        api_token: str,
        headers: Headers = no_headers,
        observed: Observed = unobserved,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        secret = aiohttp.encode_basic_auth(email, api_token)
        self._fixed = {
            "Authorization": secret,
            "Accept": JSON,
            "Accept-Encoding": IDENTITY,
            "User-Agent": "vestibule",
        }
        self._headers = headers
        self._observed = observed
        self.call_seconds = call_seconds
        self._timeout = aiohttp.ClientTimeout(total=call_seconds, sock_connect=CONNECT_SECONDS)
        self._open: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        session, self._open = self._open, None
        if session is not None:
            await session.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._open is None:
            # Unlimited here: the pacing bounds the calls, and waiting for a connection would eat their time.
            self._open = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                auto_decompress=False,
                trust_env=False,
            )
            # aiohttp repeats a PUT or GET by itself when a kept connection breaks: a call without a permit.
            # It has no public switch; `test_a_call_cut_off_is_not_repeated_without_a_permit` keeps watch.
            self._open._retry_connection = False
        return self._open

    async def send(self, pacing: Pacing, call: Call, url: str, body: object = None) -> Answer:
        """Make the call once its permit is there; raises the `DeskFailure` that its answer means."""
        await pacing.permit(call.endpoint, call.method)
        started = time.monotonic()
        outcome, status = await self._exchange(call, url, body)
        self._observed(call.endpoint, call.method, status, time.monotonic() - started)
        if isinstance(outcome, Throttled):
            await pacing.throttled(call.endpoint, call.method, outcome.retry_after_seconds, outcome.scope)
        await pacing.answered(0 < status < 500 and not isinstance(outcome, DeskUnreachable))
        if isinstance(outcome, DeskFailure):
            raise outcome
        return outcome

    async def _exchange(self, call: Call, url: str, body: object) -> tuple[Answer | DeskFailure, int]:
        """The answer or what its lack means. Causes are dropped: their texts name addresses in URLs."""
        headers = {**self._fixed, **self._headers()}
        if call.experimental:
            headers["X-ExperimentalApi"] = "opt-in"
        data = None
        if body is not None:
            headers["Content-Type"] = JSON
            data = orjson.dumps(body)
        request = self._session().request(
            call.method, URL(url, encoded=True), data=data, headers=headers, allow_redirects=False
        )
        try:
            async with request as response:
                content = await _bounded_body(response)
                failure = judge(call, response.status, response.headers, datetime.now(UTC))
                return failure or Answer(response.status, load(content)), response.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            return DeskUnreachable("connect_failed"), 0  # nothing was sent, whatever the call
        except TimeoutError:
            return unanswered(call, "timed_out"), 0
        except aiohttp.ClientError:
            return unanswered(call, "disconnected"), 0


async def _bounded_body(response: aiohttp.ClientResponse) -> bytes:
    """The body; of one that is packed, or longer than anything the desk has to say, nothing."""
    parts: list[bytes] = []
    size = 0
    if response.headers.get("Content-Encoding", IDENTITY).strip().lower() != IDENTITY:
        response.close()
        return b""
    async for part in response.content.iter_any():
        size += len(part)
        if size > LONGEST_BODY_BYTES:
            response.close()
            return b""
        parts.append(part)
    return b"".join(parts)
