"""An identity provider's HTTP: requests that are repeated until somebody answers them."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

REQUEST_SECONDS = 10.0
INSIST_SECONDS = 60.0
PAUSE_SECONDS = 0.2
LATER = (429, 503)  # the answers that mean: nothing was done, come again


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and how many requests before it were not answered or put off."""

    status: int
    body: Any
    headers: Mapping[str, str]
    repeated: int = 0

    @property
    def resource_id(self) -> str:
        """The id of the resource in it."""
        return str(self.body["id"])


@dataclass(slots=True)
class ScimClient:
    """One connection's base URL and token; `surprises` are answers that no identity provider should see."""

    http: aiohttp.ClientSession
    base_url: str
    token: str
    headers: Mapping[str, str] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)

    async def send(self, method: str, path: str, body: object = None) -> Answer:
        """One request; raises what aiohttp raises when no answer comes."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/scim+json", **self.headers}
        if body is not None:
            headers["Content-Type"] = "application/scim+json"
        async with self.http.request(
            method,
            f"{self.base_url}{path}",
            data=None if body is None else orjson.dumps(body),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
        ) as answer:
            text = await answer.read()
            return Answer(answer.status, orjson.loads(text) if text else None, dict(answer.headers))

    async def insist(self, method: str, path: str, body: object = None) -> Answer:
        """Repeat the request until it is answered for good; within a bound."""
        deadline = time.monotonic() + INSIST_SECONDS
        repeated = 0
        while True:
            try:
                answer = await self.send(method, path, body)
            except (aiohttp.ClientError, TimeoutError) as error:
                assert time.monotonic() < deadline, f"{method} was never answered: {type(error).__name__}"
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                if answer.status not in LATER:
                    if answer.status >= 500:
                        self.surprises.append(f"{method} {path.split('?')[0]}: {answer.status}")
                    return Answer(answer.status, answer.body, answer.headers, repeated)
                assert time.monotonic() < deadline, f"{method} was always put off: {answer.status}"
                await asyncio.sleep(max(PAUSE_SECONDS, float(answer.headers.get("Retry-After", "0"))))
            repeated += 1

    async def everything(self, endpoint: str) -> list[dict[str, Any]]:
        """Every resource of /Users or /Groups, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            answer = await self.insist("GET", f"{endpoint}?startIndex={len(found) + 1}&count=100")
            assert answer.status == 200, answer
            found += answer.body.get("Resources", [])
            if len(found) >= answer.body["totalResults"] or not answer.body.get("Resources"):
                return found
