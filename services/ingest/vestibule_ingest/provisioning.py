"""Users: what a request makes of the stored document, written together with its mark, in one transaction."""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson

from vestibule.database import persons
from vestibule.database.persons import (
    ChangedPerson,
    Created,
    NewPerson,
    Overtaken,
    Person,
    PersonChange,
    PersonKey,
    PersonQuery,
    PersonSought,
    PersonWrite,
    Replaced,
    Written,
)
from vestibule.database.pool import Connection, json_text
from vestibule.domain.identifiers import uuid7
from vestibule.domain.tokens import Credential
from vestibule.scim.attributes import ResourceType
from vestibule.scim.errors import Unavailable
from vestibule.scim.limits import Limits
from vestibule.scim.patch import patch_user
from vestibule.scim.resources import UserKeys, parse_user
from vestibule.scim.sameness import same
from vestibule.scim.search_documents import search_document
from vestibule_ingest.changes import Change
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.fingerprints import Fingerprints
from vestibule_ingest.lanes import Lanes, in_a_lane
from vestibule_ingest.preconditions import Conditions
from vestibule_ingest.sharing import Sharing

MOST_ATTEMPTS: Final = 40  # each time one writer wins: enough for everybody who can be in hand at one user

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Edit:
    """A user's document after a change."""

    document: dict[str, Any]
    keys: UserKeys
    changed: bool


@dataclass(frozen=True, slots=True)
class Provisioning:
    """Carries out what users' endpoints have understood."""

    lanes: Lanes
    metrics: IngestMetrics
    reading: Sharing[PersonSought, Person]
    writing: Sharing[PersonChange, Written]
    limits: Limits
    fingerprints: Fingerprints

    async def create_user(
        self, caller: Credential, body: object, trace: str | None, kind: ResourceType
    ) -> Person:
        """Store a new user, or bring a removed one back under its old id."""
        parsed = parse_user(body, None, kind)
        write = _write(parsed.document, parsed.keys, kind)
        made = await self.writing.carry_out(NewPerson(caller, new_id(), write, trace))
        assert isinstance(made, Created)
        self.fingerprints.repaired(caller, parsed.repairs)
        return Person(made.id, write.document, None, made.version, made.created_at, made.modified_at)

    async def read_user(self, caller: Credential, target: UUID) -> Person:
        """Read one user."""
        return await self.reading.carry_out(PersonSought(caller, PersonQuery(PersonKey.ID, str(target))))

    async def replace_user(self, change: Change) -> Person:
        """Carry out a PUT."""

        def edit(document: dict[str, Any]) -> Edit:
            parsed = parse_user(change.body, document, change.kind)
            self.fingerprints.repaired(change.caller, parsed.repairs)
            return Edit(parsed.document, parsed.keys, not same(parsed.document, document))

        return await self._edit(change, "replace", edit)

    async def patch_user(self, change: Change) -> Person:
        """Carry out a PATCH: all of it or nothing."""

        def edit(document: dict[str, Any]) -> Edit:
            patched = patch_user(document, change.body, change.kind, self.limits.user_operations)
            self.fingerprints.repaired(change.caller, patched.repairs)
            return Edit(patched.document, patched.keys, patched.changed)

        return await self._edit(change, "patch", edit)

    async def remove_user(
        self, caller: Credential, target: UUID, conditions: Conditions, trace: str | None
    ) -> None:
        """Carry out a DELETE; the row stays for the retention time."""

        expected: int | None = None

        async def work(lane: Connection) -> bool | None:
            return await persons.remove_person(lane, caller, target, expected, trace) or None

        for _ in range(MOST_ATTEMPTS):
            if conditions.are_there:
                person = await self.read_user(caller, target)
                conditions.require(person.version)
                expected = person.version
            if await in_a_lane(self.lanes, work):
                return
            self.metrics.overtaken.inc()
        raise overtaken_too_often()

    async def _edit(self, change: Change, operation: str, edit: Callable[[dict[str, Any]], Edit]) -> Person:
        """Read, change, write; whoever was overtaken changes what the other left. No change, no write."""

        person = await self.read_user(change.caller, change.target)
        for _ in range(MOST_ATTEMPTS):
            change.conditions.require(person.version)
            edited = edit(orjson.loads(person.document))
            if not edited.changed:
                return person
            write = _write(edited.document, edited.keys, change.kind)
            result = await self.writing.carry_out(
                ChangedPerson(change.caller, change.target, person.version, write, operation, change.trace)
            )
            person = person._replace(version=result.version, modified_at=result.modified_at)
            match result:
                case Replaced():
                    return person._replace(document=write.document)
                case Overtaken(document):
                    person = person._replace(document=document)
                    self.metrics.overtaken.inc()
                case Created():
                    raise AssertionError("a change makes nobody")
        raise overtaken_too_often()


async def until_not_overtaken(
    lanes: Lanes, metrics: IngestMetrics, work: Callable[[Connection], Awaitable[T | None]]
) -> T:
    """Repeat work that looks and then writes until no other write came between: then it returns something."""
    for _ in range(MOST_ATTEMPTS):
        done = await in_a_lane(lanes, work)
        if done is not None:
            return done
        metrics.overtaken.inc()
    raise overtaken_too_often()


def overtaken_too_often() -> Unavailable:
    """The answer when others are always faster."""
    return Unavailable("Others are changing this resource at this moment: repeat the request.")


def new_id() -> UUID:
    """An id that sorts by time of creation."""
    return uuid7(time.time_ns() // 1_000_000, secrets.token_bytes(10))


def _write(document: dict[str, Any], keys: UserKeys, kind: ResourceType) -> PersonWrite:
    return PersonWrite(
        json_text(document),
        search_document(document, kind),
        keys.external_id,
        keys.user_name_ci,
        keys.display_name_ci,
        keys.work_email_ci,
        keys.active,
    )
