"""Bare calls to the sandbox desk, so that nothing of a connector's care comes between."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from tests.contract.sandbox_process import TOKEN, USER, SandboxProcess

API = "/rest/servicedeskapi"
CSM = "/jsm/csm/cloudid/11111111-2222-3333-4444-555555555555/api/v1"


class Client:
    """Calls with these credentials; answers as (status, JSON or text)."""

    def __init__(self, sandbox: SandboxProcess, token: str = TOKEN) -> None:
        self._sandbox = sandbox
        self._authorization = {"Authorization": aiohttp.encode_basic_auth(USER, token)}

    async def __call__(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        sent = {**self._authorization, **(headers or {})}
        url = self._sandbox.base_url + path
        async with self._sandbox.session.request(method, url, json=body, headers=sent) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else await answer.text()

    async def customer(self, name: str) -> str:
        status, made = await self("POST", f"{API}/customer", {"email": f"{name}@acme.example"})
        assert status == 201
        return str(made["accountId"])

    async def organization(self, name: str) -> int:
        status, made = await self("POST", f"{API}/organization", {"name": name})
        assert status == 201
        return int(made["id"])
