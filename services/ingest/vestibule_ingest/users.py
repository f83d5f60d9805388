"""/Users: parse, call, render."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.responses import Response

from vestibule.database.persons import Person, PersonQuery
from vestibule.domain.identifiers import parse_id
from vestibule.scim.errors import InvalidFilter
from vestibule.scim.filters import parse_filter
from vestibule.scim.listing import list_body, parse_page
from vestibule.scim.lookups import Field, Term, as_lookup
from vestibule.scim.projection import Projection, parse_projection
from vestibule.scim.schemas import USER
from vestibule.scim.values import is_storable
from vestibule_ingest.bodies import USER_BYTES
from vestibule_ingest.exchange import Call, Handler
from vestibule_ingest.preconditions import parse_tags
from vestibule_ingest.provisioning import Provisioning
from vestibule_ingest.rendering import ScimResponse, tagged, user_body

_COLUMNS: Mapping[Field, str] = {
    Field.ID: "id",
    Field.USER_NAME: "user_name_ci",
    Field.EXTERNAL_ID: "external_id",
    Field.WORK_EMAIL: "work_email_ci",
    Field.DISPLAY_NAME: "display_name_ci",
    Field.EMAIL: "any_email_ci",
    Field.ACTIVE: "active",
}
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Users:
    """The handlers of users."""

    provisioning: Provisioning

    @property
    def collection(self) -> Mapping[str, Handler]:
        """The methods of /Users."""
        return {"GET": self.find, "POST": self.create}

    @property
    def item(self) -> Mapping[str, Handler]:
        """The methods of /Users/{id}."""
        return {"GET": self.read, "PUT": self.replace, "PATCH": self.patch, "DELETE": self.remove}

    async def create(self, call: Call) -> Response:
        """POST /Users (RFC 7644 §3.3)."""
        body = await call.json(USER_BYTES)
        projection = _projection(call.query())
        person = await self.provisioning.create_user(call.caller, body, call.trace)
        shown = user_body(person, call.base, projection)
        return ScimResponse(shown, 201, tagged(person.version, f"{call.base}/Users/{person.id}"))

    async def read(self, call: Call) -> Response:
        """GET /Users/{id} (RFC 7644 §3.4.1)."""
        projection = _projection(call.query())
        target = await call.resource_id()
        unless = parse_tags(call.headers, b"if-none-match")
        person = await self.provisioning.read_user(call.caller, target)
        if unless is not None and unless.include(person.version):
            return ScimResponse(None, 304, tagged(person.version))
        return _shown(person, call, projection)

    async def find(self, call: Call) -> Response:
        """GET /Users (RFC 7644 §3.4.2); an empty result is a success."""
        query = call.query()
        page = parse_page(query.get("startindex"), query.get("count"))
        projection = _projection(query)
        asked = person_query(query.get("filter"))
        total, found = await self.provisioning.list_users(call.caller, asked, page)
        resources = [user_body(person, call.base, projection) for person in found]
        return ScimResponse(list_body(resources, total, page.start_index))

    async def replace(self, call: Call) -> Response:
        """PUT /Users/{id} (RFC 7644 §3.5.1)."""
        projection = _projection(call.query())
        target = await call.resource_id()
        body = await call.json(USER_BYTES)
        match = parse_tags(call.headers, b"if-match")
        person = await self.provisioning.replace_user(call.caller, target, body, match, call.trace)
        return _shown(person, call, projection)

    async def patch(self, call: Call) -> Response:
        """PATCH /Users/{id} (RFC 7644 §3.5.2)."""
        projection = _projection(call.query())
        target = await call.resource_id()
        body = await call.json(USER_BYTES)
        match = parse_tags(call.headers, b"if-match")
        person = await self.provisioning.patch_user(call.caller, target, body, match, call.trace)
        return _shown(person, call, projection)

    async def remove(self, call: Call) -> Response:
        """DELETE /Users/{id} (RFC 7644 §3.6)."""
        target = await call.resource_id()
        match = parse_tags(call.headers, b"if-match")
        await self.provisioning.remove_user(call.caller, target, match, call.trace)
        return ScimResponse(None, 204)


def person_query(text: str | None) -> PersonQuery:
    """The look-up that a filter asks for; InvalidFilter for what keys cannot answer."""
    if text is None or not text.strip():
        return PersonQuery()
    asked: dict[str, Any] = {}
    for term in as_lookup(parse_filter(text), USER).terms:
        column, value = _COLUMNS[term.field], key_value(term)
        if asked.setdefault(column, value) != value:
            return PersonQuery(id=NOBODY)  # one value cannot be two things at once
    return PersonQuery(**asked)


def key_value(term: Term) -> Any:
    """A term's value as its column has it; an id that cannot be one is nobody's."""
    if isinstance(term.value, str) and not is_storable(term.value):
        raise InvalidFilter("The filter has a character that is no text: remove it.")
    if term.field in (Field.ID, Field.MEMBER):
        return parse_id(str(term.value)) or NOBODY
    return term.value


def _projection(query: Mapping[str, str]) -> Projection | None:
    if not query:
        return None
    return parse_projection(query.get("attributes"), query.get("excludedattributes"), USER)


def _shown(person: Person, call: Call, projection: Projection | None) -> Response:
    return ScimResponse(user_body(person, call.base, projection), 200, tagged(person.version))
