"""Lists of users, of groups and of both: by GET and by POST to `/.search`, filtered, sorted and paged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import asyncpg
from starlette.responses import Response

from vestibule.database.groups import Group, GroupKey, GroupQuery, find_groups
from vestibule.database.persons import (
    UNIQUE_KEYS,
    Person,
    PersonKey,
    PersonQuery,
    PersonSought,
    find_persons,
)
from vestibule.database.searches import Found, Search, Span, search
from vestibule.database.sources import GROUPS, PERSONS
from vestibule.database.verdicts import Refused, Verdict
from vestibule.domain.tokens import Credential
from vestibule.scim.attributes import ResourceType
from vestibule.scim.conditions import as_conditions
from vestibule.scim.cursors import Cursor, read_cursor, write_cursor
from vestibule.scim.errors import TooMany
from vestibule.scim.filters import Filter, parse_filter
from vestibule.scim.limits import Limits
from vestibule.scim.listing import ListQuery, Page, list_body, parse_list_query, parse_search_request
from vestibule.scim.lookups import REFERENCES, Field, Lookup, as_lookup
from vestibule.scim.ordering import as_sort_keys
from vestibule.scim.projection import Projection, parse_projection, wants
from vestibule.scim.schemas import GROUP, USER
from vestibule.scim.sources import Parameters, Source
from vestibule_ingest.exchange import Call, Handler
from vestibule_ingest.lanes import Lanes, in_a_lane
from vestibule_ingest.rendering import ScimResponse, group_body, user_body
from vestibule_ingest.sharing import Sharing

ARGUMENTS: Final = "$3"  # where the statement of migration 0004 has the conditions' values

_SOURCES: Final[Mapping[str, Source]] = {USER.name: PERSONS, GROUP.name: GROUPS}
_PERSON_KEYS: Final[Mapping[Field, PersonKey]] = {
    Field.ID: PersonKey.ID,
    Field.USER_NAME: PersonKey.USER_NAME,
    Field.EXTERNAL_ID: PersonKey.EXTERNAL_ID,
    Field.WORK_EMAIL: PersonKey.WORK_EMAIL,
    Field.DISPLAY_NAME: PersonKey.DISPLAY_NAME,
    Field.GROUP: PersonKey.GROUP,
}
_GROUP_KEYS: Final[Mapping[Field, GroupKey]] = {
    Field.ID: GroupKey.ID,
    Field.DISPLAY_NAME: GroupKey.DISPLAY_NAME,
    Field.EXTERNAL_ID: GroupKey.EXTERNAL_ID,
    Field.MEMBER: GroupKey.MEMBER,
}


@dataclass(frozen=True, slots=True)
class Request:
    """One list: of which types, what of them, and what the answer shows of each type."""

    types: Sequence[ResourceType]
    query: ListQuery
    condition: Filter | None
    projections: Mapping[str, Projection | None]

    @property
    def with_members(self) -> bool:
        """Whether groups are shown with their members."""
        return GROUP.name in self.projections and wants(self.projections[GROUP.name], "members")

    @property
    def lookup(self) -> Lookup | None:
        """The one key that answers it, where nothing is sorted and pages go by index."""
        if self.condition is None or len(self.types) > 1:
            return None
        if self.query.sort_by is not None or self.query.cursor is not None:
            return None
        return as_lookup(self.condition, self.types[0])

    def identity(self, path: str) -> str:
        """What makes two lists the same: a cursor is good for one only."""
        query = self.query
        parts = [path, *(kind.name for kind in self.types), query.filter, query.sort_by, query.descending]
        return "\n".join(str(part) for part in parts)


@dataclass(frozen=True, slots=True)
class Finding:
    """The handlers of lists; `clock` tells Unix seconds, for the age of cursors."""

    lanes: Lanes
    reading: Sharing[PersonSought, Person]
    clock: Callable[[], float]
    limits: Limits

    def lists(self, *types: ResourceType) -> Handler:
        """GET of a type's endpoint, or of the base for both (RFC 7644 §3.4.2); nothing found is a success."""

        async def find(call: Call) -> Response:
            own = [call.types.named(kind.name) for kind in types]
            request = _request(parse_list_query(call.query(), self.limits), own, self.limits)
            return await self._answer(call, request)

        return find

    def searches(self, *types: ResourceType) -> Handler:
        """POST to `/.search` below a type's endpoint, or below the base for both (RFC 7644 §3.4.3)."""

        async def find(call: Call) -> Response:
            own = [call.types.named(kind.name) for kind in types]
            body = await call.json(self.limits.search_bytes)
            request = _request(parse_search_request(body, self.limits), own, self.limits)
            return await self._answer(call, request)

        return find

    async def _answer(self, call: Call, request: Request) -> Response:
        lookup = request.lookup
        if lookup is not None and lookup.field not in REFERENCES and not request.with_members:
            return await self._look_up(call, request, lookup)
        if lookup is None and not request.with_members and _is_plain(request):
            return await self._search(call, request)
        async with call.admitted.turn():  # it reads everybody, or shows megabytes
            if lookup is not None:
                return await self._look_up(call, request, lookup)
            return await self._search(call, request)

    async def _look_up(self, call: Call, request: Request, lookup: Lookup) -> Response:
        page = request.query.page
        found: list[Person] | list[Group]
        if request.types[0].name == USER.name:
            total, found = await self._look_up_users(call.caller, person_query(lookup), page)
        else:
            asked = group_query(lookup)
            total, found = await in_a_lane(
                self.lanes,
                lambda lane: find_groups(
                    lane, call.caller, asked, page.offset, page.count, with_members=request.with_members
                ),
            )
        bodies = [_body(one, call, request) for one in found]
        return ScimResponse(list_body(bodies, total, page.start_index))

    async def _look_up_users(
        self, caller: Credential, wanted: PersonQuery, page: Page
    ) -> tuple[int, list[Person]]:
        if wanted.key not in UNIQUE_KEYS:
            return await in_a_lane(
                self.lanes, lambda lane: find_persons(lane, caller, wanted, page.offset, page.count)
            )
        try:
            person = await self.reading.carry_out(PersonSought(caller, wanted))
        except Refused as refused:
            if refused.verdict is Verdict.MISSING:
                return 0, []
            raise
        return 1, [person] if page.offset == 0 and page.count > 0 else []

    async def _search(self, call: Call, request: Request) -> Response:
        identity = request.identity(call.caller.path)
        cursor = None
        if request.query.cursor:
            cursor = read_cursor(
                request.query.cursor, identity, int(self.clock()), self.limits.cursor_seconds
            )
        query = request.query
        wanted = search_of(
            request.types, request.condition, query.sort_by, descending=query.descending, base=call.base
        )
        span = _span(query, cursor)
        try:
            found = await in_a_lane(
                self.lanes,
                lambda lane: search(lane, call.caller, wanted, span, with_members=request.with_members),
            )
        except (
            asyncpg.QueryCanceledError
        ):  # the session's statement_timeout: it would be so the next time too
            raise TooMany("The list takes too long to find: ask for less, with a simpler filter.") from None
        bodies = [_body(one, call, request) for one in found.page]
        if request.query.cursor is None:
            return ScimResponse(list_body(bodies, found.total, request.query.page.start_index))
        before, behind = self._cursors(found, cursor, identity)
        return ScimResponse(list_body(bodies, found.total, next_cursor=behind, previous_cursor=before))

    def _cursors(self, found: Found, cursor: Cursor | None, identity: str) -> tuple[str | None, str | None]:
        """The cursors of the pages before and behind this one, where there are any."""
        if not found.page:
            return None, None
        backwards = cursor is not None and cursor.backwards
        is_first = not found.more if backwards else cursor is None
        is_last = False if backwards else not found.more
        now = int(self.clock())
        return (
            None if is_first else write_cursor(_edge(found, 0, backwards=True), identity, now),
            None if is_last else write_cursor(_edge(found, -1, backwards=False), identity, now),
        )


def _request(query: ListQuery, types: Sequence[ResourceType], limits: Limits) -> Request:
    projections = {
        kind.name: parse_projection(query.attributes, query.excluded_attributes, kind) for kind in types
    }
    condition = None
    if query.filter is not None:
        condition = parse_filter(query.filter, limits.filter_length, limits.filter_terms)
    return Request(types, query, condition, projections)


def _is_plain(request: Request) -> bool:
    """Whether a page costs the same however many there are."""
    return request.condition is None and request.query.sort_by is None and len(request.types) == 1


def person_query(lookup: Lookup) -> PersonQuery:
    """A look-up as the statement on users takes it."""
    return PersonQuery(_PERSON_KEYS[lookup.field], lookup.value, lookup.active)


def group_query(lookup: Lookup) -> GroupQuery:
    """A look-up as the statement on groups takes it."""
    key = _GROUP_KEYS[lookup.field]
    if key is GroupKey.MEMBER:
        return GroupQuery(key, member=UUID(lookup.value))
    return GroupQuery(key, lookup.value, None if lookup.member is None else UUID(lookup.member))


def search_of(
    types: Sequence[ResourceType],
    condition: Filter | None,
    sort_by: str | None,
    *,
    descending: bool,
    base: str,
) -> Search:
    """A list as the statement takes it; InvalidFilter, InvalidValue, TooMany."""
    names = [kind.name for kind in types]
    sources = [_source(kind) for kind in types]
    parameters = Parameters(ARGUMENTS, base)
    conditions = dict.fromkeys(names, "true")
    keys: dict[str, str] = {}
    if condition is not None:
        conditions = dict(zip(names, as_conditions(condition, sources, parameters), strict=True))
    if sort_by is not None:
        keys = dict(zip(names, as_sort_keys(sort_by, sources, parameters), strict=True))
    return Search(
        conditions.get(USER.name),
        conditions.get(GROUP.name),
        parameters.values,
        keys.get(USER.name),
        keys.get(GROUP.name),
        descending,
    )


def _source(kind: ResourceType) -> Source:
    source = _SOURCES[kind.name]
    return replace(source, resource_type=kind) if kind.defined else source


def _span(query: ListQuery, cursor: Cursor | None) -> Span:
    if cursor is not None:
        return Span(query.page.count, backwards=cursor.backwards, last_key=cursor.sort_key, last_id=cursor.id)
    return Span(query.page.count, skipped=0 if query.cursor is not None else query.page.offset)


def _edge(found: Found, place: int, *, backwards: bool) -> Cursor:
    return Cursor(backwards, found.sort_keys[place], found.page[place].id)


def _body(resource: Person | Group, call: Call, request: Request) -> Any:
    if isinstance(resource, Person):
        return user_body(resource, call.base, request.projections[USER.name])
    return group_body(resource, call.base, request.projections[GROUP.name])
