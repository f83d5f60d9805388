"""Random users and groups in a database, stored and read by the statements that the service uses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from hypothesis import assume
from hypothesis import strategies as st

from tests.integration.ingest.random_resources import BASE
from vestibule.database.groups import GroupWrite, Named, create_group, find_groups
from vestibule.database.persons import (
    UNIQUE_KEYS,
    Created,
    NewPerson,
    Person,
    PersonSought,
    PersonWrite,
    find_persons,
    read_persons,
    write_persons,
)
from vestibule.database.pool import Connection, json_text
from vestibule.database.searches import Search, Span, search
from vestibule.database.verdicts import Refused
from vestibule.domain.identifiers import uuid7
from vestibule.domain.tokens import Credential
from vestibule.scim.attributes import ResourceType
from vestibule.scim.errors import ScimError
from vestibule.scim.filters import Filter
from vestibule.scim.groups import parse_group
from vestibule.scim.lookups import Lookup
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import GROUP, USER
from vestibule.scim.search_documents import search_document
from vestibule_ingest.finding import group_query, person_query, search_of
from vestibule_ingest.rendering import group_body, user_body

EVERYBODY: Final = Span(100)
FIRST: Final = datetime(2026, 1, 2, 3, 4, 5, 122_999, tzinfo=UTC)
MILLISECONDS: Final = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Population:
    """One customer's resources: how to ask for them, and the ids that were tried."""

    caller: Credential
    ids: Sequence[str]


async def store(
    lane: Connection,
    caller: Credential,
    people: Sequence[dict[str, Any]],
    teams: Sequence[dict[str, Any]],
    data: st.DataObject,
    kind: ResourceType = USER,
) -> Population:
    """Store them, with random times and memberships; who has a key that is taken is left out.

    `kind` is what a user is by the schemas of the caller's tenant.
    """
    ids = [uuid7(MILLISECONDS + n, caller.token_hash[:10]) for n in range(len(people) + len(teams))]
    made: list[str] = []
    inner: list[str] = []
    for identifier, person in zip(ids, people, strict=False):
        new = NewPerson(caller, identifier, _person_write(person, str(len(made)), kind), None)
        [created] = await write_persons(lane, [new], 1.0)
        if isinstance(created, Created):
            made.append(str(created.id))
            await _set_times(lane, identifier, data.draw(st.integers(0, 3)))
    for number, (identifier, team) in enumerate(zip(ids[len(people) :], teams, strict=True)):
        parsed = parse_group({**team, "displayName": f"{number}{team['displayName']}"})
        write = GroupWrite(
            json_text(parsed.document),
            search_document(parsed.document, GROUP),
            parsed.keys.external_id,
            parsed.keys.display_name_ci,
        )
        members = data.draw(st.lists(st.sampled_from(made), unique=True)) if made else []
        if inner:
            members += data.draw(st.lists(st.sampled_from(inner), unique=True))
        try:
            await create_group(lane, caller, identifier, write, Named(members), None, with_members=False)
        except Refused:
            continue
        inner.append(str(identifier))
    return Population(caller, [str(identifier) for identifier in ids])


async def shown(lane: Connection, caller: Credential) -> list[dict[str, Any]]:
    """Every resource as an answer shows it."""
    found = await search(lane, caller, Search("true", "true"), EVERYBODY, with_members=True)
    bodies = [
        user_body(one, BASE, None) if isinstance(one, Person) else group_body(one, BASE, None)
        for one in found.page
    ]
    return [orjson.loads(orjson.dumps(body)) for body in bodies]


async def searched(
    lane: Connection, caller: Credential, kind: ResourceType, condition: Filter
) -> tuple[int, list[str]]:
    """The total and the ids that the translated filter finds."""
    wanted = search_of([kind], condition, None, descending=False, base=BASE)
    found = await search(lane, caller, wanted, EVERYBODY, with_members=False)
    return found.total, [str(one.id) for one in found.page]


async def looked_up(
    lane: Connection, caller: Credential, kind: ResourceType, lookup: Lookup
) -> tuple[int, list[str]]:
    """The total and the ids that the key finds."""
    if kind.name == USER.name:
        query = person_query(lookup)
        if query.key in UNIQUE_KEYS:
            [person] = await read_persons(lane, [PersonSought(caller, query)], 1.0)
            return (0, []) if isinstance(person, Refused) else (1, [str(person.id)])
        total, persons = await find_persons(lane, caller, query, 0, 100)
        return total, [str(person.id) for person in persons]
    asked = group_query(lookup)
    total, groups = await find_groups(lane, caller, asked, 0, 100, with_members=False)
    return total, [str(group.id) for group in groups]


def _person_write(body: dict[str, Any], prefix: str, kind: ResourceType) -> PersonWrite:
    try:
        parsed = parse_user({**body, "userName": prefix + body["userName"]}, None, kind)
    except ScimError:
        assume(False)  # one that the service would not have stored
        raise
    document, keys = parsed.document, parsed.keys
    if "active" not in body:
        document = {name: value for name, value in document.items() if name != "active"}
    return PersonWrite(
        json_text(document),
        search_document(document, kind),
        keys.external_id,
        keys.user_name_ci,
        keys.display_name_ci,
        keys.work_email_ci,
        document.get("active", False),
    )


async def _set_times(lane: Connection, identifier: object, offset: int) -> None:
    created = FIRST + timedelta(microseconds=offset)
    await lane.execute(
        "update ingest.person set created_at = $2, modified_at = $3 where id = $1",
        identifier,
        created,
        created + timedelta(microseconds=900),
    )
