"""/Groups: parse, call, render."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from vestibule.scim.projection import Projection, parse_projection, wants
from vestibule_ingest.changes import read_change
from vestibule_ingest.exchange import Call, Handler
from vestibule_ingest.memberships import Memberships
from vestibule_ingest.preconditions import read_conditions
from vestibule_ingest.rendering import ScimResponse, group_body, tagged, told_unknown


@dataclass(frozen=True, slots=True)
class Groups:
    """The handlers of groups."""

    memberships: Memberships

    @property
    def collection(self) -> Mapping[str, Handler]:
        """The methods of /Groups that are no lists."""
        return {"POST": self.create}

    @property
    def item(self) -> Mapping[str, Handler]:
        """The methods of /Groups/{id}."""
        return {"GET": self.read, "PUT": self.replace, "PATCH": self.patch, "DELETE": self.remove}

    async def create(self, call: Call) -> Response:
        """POST /Groups (RFC 7644 §3.3)."""
        body = await call.json(call.limits.group_bytes)
        projection = _projection(call)
        group = await self.memberships.create_group(
            call.caller, body, call.trace, call.types.group, with_members=wants(projection, "members")
        )
        shown = group_body(group, call.base, projection)
        headers = tagged(group.version, f"{call.base}/Groups/{group.id}") | told_unknown(group.unknown)
        return ScimResponse(shown, 201, headers)

    async def read(self, call: Call) -> Response:
        """GET /Groups/{id} (RFC 7644 §3.4.1); members are loaded only where they are wanted."""
        projection = _projection(call)
        target = await call.resource_id()
        conditions = read_conditions(call.headers)
        group = await self.memberships.read_group(
            call.caller, target, with_members=wants(projection, "members")
        )
        if conditions.spare(group.version):
            return ScimResponse(None, 304, tagged(group.version))
        return ScimResponse(group_body(group, call.base, projection), 200, tagged(group.version))

    async def replace(self, call: Call) -> Response:
        """PUT /Groups/{id} (RFC 7644 §3.5.1)."""
        projection = _projection(call)
        change = await read_change(call, call.limits.group_bytes, call.types.group)
        group = await self.memberships.replace_group(change, with_members=wants(projection, "members"))
        headers = tagged(group.version) | told_unknown(group.unknown)
        return ScimResponse(group_body(group, call.base, projection), 200, headers)

    async def patch(self, call: Call) -> Response:
        """PATCH /Groups/{id} (RFC 7644 §3.5.2): 204, as Entra asks, or what `attributes` name."""
        projection = _projection(call)
        change = await read_change(call, call.limits.group_bytes, call.types.group)
        group = await self.memberships.patch_group(change)
        headers = tagged(group.version) | told_unknown(group.unknown)
        if projection is None or projection.included is None:
            return ScimResponse(None, 204, headers)
        group = await self.memberships.read_group(
            call.caller, change.target, with_members=wants(projection, "members")
        )
        return ScimResponse(group_body(group, call.base, projection), 200, headers | tagged(group.version))

    async def remove(self, call: Call) -> Response:
        """DELETE /Groups/{id} (RFC 7644 §3.6)."""
        target = await call.resource_id()
        conditions = read_conditions(call.headers)
        await self.memberships.remove_group(call.caller, target, conditions, call.trace)
        return ScimResponse(None, 204)


def _projection(call: Call) -> Projection | None:
    query, kind = call.query(), call.types.group
    if not query and not kind.withholds:
        return None
    return parse_projection(query.get("attributes"), query.get("excludedattributes"), kind)
