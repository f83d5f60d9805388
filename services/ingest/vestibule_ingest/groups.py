"""/Groups: parse, call, render."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from vestibule.database.groups import GroupQuery
from vestibule.scim.filters import parse_filter
from vestibule.scim.listing import Page, list_body, parse_page
from vestibule.scim.lookups import Field, as_lookup
from vestibule.scim.projection import Projection, parse_projection, wants
from vestibule.scim.schemas import GROUP
from vestibule_ingest.bodies import GROUP_BYTES
from vestibule_ingest.exchange import Call, Handler
from vestibule_ingest.memberships import Memberships
from vestibule_ingest.preconditions import parse_tags
from vestibule_ingest.rendering import ScimResponse, group_body, tagged
from vestibule_ingest.users import NOBODY, key_value

_COLUMNS: Mapping[Field, str] = {
    Field.ID: "id",
    Field.DISPLAY_NAME: "display_name_ci",
    Field.EXTERNAL_ID: "external_id",
    Field.MEMBER: "member",
}


@dataclass(frozen=True, slots=True)
class Groups:
    """The handlers of groups."""

    memberships: Memberships

    @property
    def collection(self) -> Mapping[str, Handler]:
        """The methods of /Groups."""
        return {"GET": self.find, "POST": self.create}

    @property
    def item(self) -> Mapping[str, Handler]:
        """The methods of /Groups/{id}."""
        return {"GET": self.read, "PUT": self.replace, "PATCH": self.patch, "DELETE": self.remove}

    async def create(self, call: Call) -> Response:
        """POST /Groups (RFC 7644 §3.3)."""
        body = await call.json(GROUP_BYTES)
        projection = _projection(call.query())
        group = await self.memberships.create_group(call.caller, body, call.trace)
        shown = group_body(group, call.base, projection)
        return ScimResponse(shown, 201, tagged(group.version, f"{call.base}/Groups/{group.id}"))

    async def read(self, call: Call) -> Response:
        """GET /Groups/{id} (RFC 7644 §3.4.1); members are loaded only where they are wanted."""
        projection = _projection(call.query())
        target = await call.resource_id()
        unless = parse_tags(call.headers, b"if-none-match")
        group = await self.memberships.read_group(
            call.caller, target, with_members=wants(projection, "members")
        )
        if unless is not None and unless.include(group.version):
            return ScimResponse(None, 304, tagged(group.version))
        return ScimResponse(group_body(group, call.base, projection), 200, tagged(group.version))

    async def find(self, call: Call) -> Response:
        """GET /Groups (RFC 7644 §3.4.2); an empty result is a success."""
        query = call.query()
        page = parse_page(query.get("startindex"), query.get("count"))
        projection = _projection(query)
        asked = group_query(query.get("filter"))
        if not wants(projection, "members"):
            return await self._page(call, asked, page, projection, with_members=False)
        async with call.admitted.turn():  # megabytes each
            return await self._page(call, asked, page, projection, with_members=True)

    async def _page(
        self, call: Call, asked: GroupQuery, page: Page, projection: Projection | None, *, with_members: bool
    ) -> Response:
        total, found = await self.memberships.list_groups(call.caller, asked, page, with_members=with_members)
        resources = [group_body(group, call.base, projection) for group in found]
        return ScimResponse(list_body(resources, total, page.start_index))

    async def replace(self, call: Call) -> Response:
        """PUT /Groups/{id} (RFC 7644 §3.5.1)."""
        projection = _projection(call.query())
        target = await call.resource_id()
        body = await call.json(GROUP_BYTES)
        match = parse_tags(call.headers, b"if-match")
        with_members = wants(projection, "members")
        group = await self.memberships.replace_group(
            call.caller, target, body, match, call.trace, with_members=with_members
        )
        return ScimResponse(group_body(group, call.base, projection), 200, tagged(group.version))

    async def patch(self, call: Call) -> Response:
        """PATCH /Groups/{id} (RFC 7644 §3.5.2), answered without the list: Entra asks for 204."""
        target = await call.resource_id()
        body = await call.json(GROUP_BYTES)
        match = parse_tags(call.headers, b"if-match")
        version = await self.memberships.patch_group(call.caller, target, body, match, call.trace)
        return ScimResponse(None, 204, tagged(version))

    async def remove(self, call: Call) -> Response:
        """DELETE /Groups/{id} (RFC 7644 §3.6)."""
        target = await call.resource_id()
        match = parse_tags(call.headers, b"if-match")
        await self.memberships.remove_group(call.caller, target, match, call.trace)
        return ScimResponse(None, 204)


def group_query(text: str | None) -> GroupQuery:
    """The look-up that a filter asks for; InvalidFilter for what keys cannot answer."""
    if text is None or not text.strip():
        return GroupQuery()
    asked: dict[str, Any] = {}
    for term in as_lookup(parse_filter(text), GROUP).terms:
        column, value = _COLUMNS[term.field], key_value(term)
        if asked.setdefault(column, value) != value:
            return GroupQuery(id=NOBODY)  # one value cannot be two things at once
    return GroupQuery(**asked)


def _projection(query: Mapping[str, str]) -> Projection | None:
    if not query:
        return None
    return parse_projection(query.get("attributes"), query.get("excludedattributes"), GROUP)
