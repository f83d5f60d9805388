"""/Users: parse, call, render."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from vestibule.database.persons import Person
from vestibule.scim.projection import Projection, parse_projection
from vestibule_ingest.changes import read_change
from vestibule_ingest.exchange import Call, Handler
from vestibule_ingest.preconditions import read_conditions
from vestibule_ingest.provisioning import Provisioning
from vestibule_ingest.rendering import ScimResponse, tagged, user_body


@dataclass(frozen=True, slots=True)
class Users:
    """The handlers of users."""

    provisioning: Provisioning

    @property
    def collection(self) -> Mapping[str, Handler]:
        """The methods of /Users that are no lists."""
        return {"POST": self.create}

    @property
    def item(self) -> Mapping[str, Handler]:
        """The methods of /Users/{id}."""
        return {"GET": self.read, "PUT": self.replace, "PATCH": self.patch, "DELETE": self.remove}

    async def create(self, call: Call) -> Response:
        """POST /Users (RFC 7644 §3.3)."""
        body = await call.json(call.limits.user_bytes)
        projection = _projection(call)
        person = await self.provisioning.create_user(call.caller, body, call.trace, call.types.user)
        shown = user_body(person, call.base, projection)
        return ScimResponse(shown, 201, tagged(person.version, f"{call.base}/Users/{person.id}"))

    async def read(self, call: Call) -> Response:
        """GET /Users/{id} (RFC 7644 §3.4.1)."""
        projection = _projection(call)
        target = await call.resource_id()
        conditions = read_conditions(call.headers)
        person = await self.provisioning.read_user(call.caller, target)
        if conditions.spare(person.version):
            return ScimResponse(None, 304, tagged(person.version))
        return _shown(person, call, projection)

    async def replace(self, call: Call) -> Response:
        """PUT /Users/{id} (RFC 7644 §3.5.1)."""
        projection = _projection(call)
        change = await read_change(call, call.limits.user_bytes, call.types.user)
        return _shown(await self.provisioning.replace_user(change), call, projection)

    async def patch(self, call: Call) -> Response:
        """PATCH /Users/{id} (RFC 7644 §3.5.2)."""
        projection = _projection(call)
        change = await read_change(call, call.limits.user_bytes, call.types.user)
        return _shown(await self.provisioning.patch_user(change), call, projection)

    async def remove(self, call: Call) -> Response:
        """DELETE /Users/{id} (RFC 7644 §3.6)."""
        target = await call.resource_id()
        conditions = read_conditions(call.headers)
        await self.provisioning.remove_user(call.caller, target, conditions, call.trace)
        return ScimResponse(None, 204)


def _projection(call: Call) -> Projection | None:
    query, kind = call.query(), call.types.user
    if not query and not kind.withholds:
        return None
    return parse_projection(query.get("attributes"), query.get("excludedattributes"), kind)


def _shown(person: Person, call: Call, projection: Projection | None) -> Response:
    return ScimResponse(user_body(person, call.base, projection), 200, tagged(person.version))
