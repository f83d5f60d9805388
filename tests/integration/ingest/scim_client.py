"""An identity provider's side of the wire: one connection's base URL and token."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import aiohttp
import orjson
from yarl import URL

SECONDS = 30.0
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
CORE_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `body` is parsed where there is one, `raw` is it as it came."""

    status: int
    headers: Mapping[str, str]
    body: Any
    raw: bytes

    @property
    def id(self) -> str:
        """The id of the resource in the body."""
        identifier: str = self.body["id"]
        return identifier


@dataclass(frozen=True, slots=True)
class ScimClient:
    """Sends requests below one base URL and reads SCIM answers."""

    session: aiohttp.ClientSession
    base: str
    token: str

    def with_token(self, token: str) -> "ScimClient":
        """The same connection, asked with another token."""
        return replace(self, token=token)

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
    ) -> Answer:
        """Send a JSON body, or `data` just as it is; of the path only spaces and quotes are encoded."""
        every = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            data = BytesIO(orjson.dumps(body))
            every["Content-Type"] = "application/scim+json"
        url = URL(self.base + path.replace(" ", "%20").replace('"', "%22"), encoded=True)
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        async with self.session.request(
            method,
            url,
            data=data,
            headers={**every, **(headers or {})},
            timeout=timeout,
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
        ) as response:
            raw = await response.read()
            kind = response.headers.get("Content-Type", "")
            parsed = orjson.loads(raw) if raw and kind.endswith("json") else None
            return Answer(response.status, response.headers, parsed, raw)

    async def get(self, path: str, **options: Any) -> Answer:
        """GET."""
        return await self.send("GET", path, **options)

    async def post(self, path: str, body: object = None, **options: Any) -> Answer:
        """POST."""
        return await self.send("POST", path, body, **options)

    async def put(self, path: str, body: object = None, **options: Any) -> Answer:
        """PUT."""
        return await self.send("PUT", path, body, **options)

    async def delete(self, path: str, **options: Any) -> Answer:
        """DELETE."""
        return await self.send("DELETE", path, **options)

    async def patch(self, path: str, *operations: object, **options: Any) -> Answer:
        """PATCH with these operations."""
        body = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": list(operations),
        }
        return await self.send("PATCH", path, body, **options)

    async def create_user(self, name: str, **attributes: object) -> str:
        """Create a user who must not be there yet; returns its id."""
        answer = await self.post("/Users", {"schemas": [CORE_USER], "userName": name, **attributes})
        assert answer.status == 201, answer
        return answer.id

    async def create_group(self, name: str, members: list[str] | None = None) -> str:
        """Create a group that must not be there yet; returns its id."""
        listed = [{"value": member} for member in members or ()]
        answer = await self.post("/Groups", {"displayName": name, "members": listed})
        assert answer.status == 201, answer
        return answer.id

    async def user(self, identifier: str) -> Any:
        """The user as it is now."""
        answer = await self.get(f"/Users/{identifier}")
        assert answer.status == 200, answer
        return answer.body

    async def members(self, identifier: str) -> list[str]:
        """The ids of a group's members now, sorted."""
        answer = await self.get(f"/Groups/{identifier}")
        assert answer.status == 200, answer
        return sorted(member["value"] for member in answer.body.get("members", []))

    async def found(self, path: str) -> list[str]:
        """The ids that a search finds."""
        answer = await self.get(path)
        assert answer.status == 200, answer
        return [resource["id"] for resource in answer.body["Resources"]]


def assert_error(answer: Answer, status: int, scim_type: str | None = None) -> None:
    """The answer is a SCIM error of this status, with something for the customer's admin to read."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.body["schemas"] == [ERROR]
    assert answer.body["status"] == str(status)
    assert answer.body.get("scimType") == scim_type
    assert len(answer.body["detail"]) > 20
