"""Groups: what a request makes of attributes and members; the cost follows the request, not the group."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import orjson

from vestibule.database import groups
from vestibule.database.groups import Group, GroupStamp, GroupWrite, MembersWrite, Named
from vestibule.database.pool import Connection, json_text
from vestibule.database.verdicts import MembersUnknown, Verdict
from vestibule.domain.tokens import Credential
from vestibule.scim.attributes import ResourceType
from vestibule.scim.fitting import fit
from vestibule.scim.group_patch import patch_group
from vestibule.scim.groups import GroupKeys, MemberRef, parse_group
from vestibule.scim.limits import Limits
from vestibule.scim.resources import keep_immutable
from vestibule.scim.search_documents import search_document
from vestibule_ingest.changes import Change
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.fingerprints import Fingerprints
from vestibule_ingest.lanes import Lanes, in_a_lane
from vestibule_ingest.preconditions import Conditions
from vestibule_ingest.provisioning import new_id, until_not_overtaken

# As `parse_id` has it, but for fifty thousand at once.
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Memberships:
    """Carries out what groups' endpoints have understood."""

    lanes: Lanes
    metrics: IngestMetrics
    limits: Limits
    fingerprints: Fingerprints

    async def create_group(
        self,
        caller: Credential,
        body: object,
        trace: str | None,
        kind: ResourceType,
        *,
        with_members: bool,
    ) -> Group:
        """Store a new group with its members."""
        parsed = parse_group(body, kind)
        members = _named(parsed.members or ())
        write = _write(parsed.document, parsed.keys, kind)
        identifier = new_id()
        made = await in_a_lane(
            self.lanes,
            lambda lane: groups.create_group(
                lane, caller, identifier, write, members, trace, with_members=with_members
            ),
        )
        self.fingerprints.repaired(caller, parsed.repairs)
        return self._stamped(identifier, write.document, made)

    async def read_group(self, caller: Credential, target: UUID, *, with_members: bool) -> Group:
        """Read one group, with its members only where they are wanted."""
        return await in_a_lane(
            self.lanes, lambda lane: groups.read_group(lane, caller, target, with_members=with_members)
        )

    async def replace_group(self, change: Change, *, with_members: bool) -> Group:
        """Carry out a PUT; a body that says nothing about members leaves them as they are.

        Returns the group as this very write left it.
        """
        caller, target, kind = change.caller, change.target, change.kind
        parsed = parse_group(change.body, kind)
        write = _write(parsed.document, parsed.keys, kind)
        if parsed.members is None:
            members = MembersWrite()
        else:
            members = MembersWrite(everything=True, added=_named(parsed.members))

        async def work(lane: Connection) -> GroupStamp | None:
            expected = None
            if change.conditions.are_there or kind.holds_values:
                group = await groups.read_group(lane, caller, target, with_members=False)
                change.conditions.require(group.version)
                keep_immutable(kind, fit(kind, orjson.loads(group.document)).document, parsed.document)
                expected = group.version
            return await groups.change_group(
                lane, caller, target, expected, write, members, change.trace, with_members=with_members
            )

        stamp = await until_not_overtaken(self.lanes, self.metrics, work)
        self.fingerprints.repaired(caller, parsed.repairs)
        return self._stamped(target, write.document, stamp)

    async def patch_group(self, change: Change) -> Group:
        """Carry out a PATCH as a difference; the member list is neither read nor written whole.

        Returns the group, without its members, as it made it or left it.
        """
        caller, target, kind = change.caller, change.target, change.kind

        async def work(lane: Connection) -> Group | None:
            group = await groups.read_group(lane, caller, target, with_members=False)
            change.conditions.require(group.version)
            patched = patch_group(
                orjson.loads(group.document), change.body, kind, self.limits.group_operations
            )
            self.fingerprints.repaired(caller, patched.repairs)
            if not patched.changed and patched.members.is_empty:
                return group
            write = _write(patched.document, patched.keys, kind) if patched.changed else None
            members = MembersWrite(
                patched.members.replaced,
                _named(patched.members.added),
                _named(MemberRef(value) for value in patched.members.removed),
            )
            expected = group.version if patched.changed or change.conditions.are_there else None
            stamp = await groups.change_group(
                lane, caller, target, expected, write, members, change.trace, with_members=False
            )
            if stamp is None:
                return None
            return self._stamped(target, group.document if write is None else write.document, stamp)

        return await until_not_overtaken(self.lanes, self.metrics, work)

    async def remove_group(
        self, caller: Credential, target: UUID, conditions: Conditions, trace: str | None
    ) -> None:
        """Carry out a DELETE; the members stay who they are."""

        async def work(lane: Connection) -> bool | None:
            expected = None
            if conditions.are_there:
                group = await groups.read_group(lane, caller, target, with_members=False)
                conditions.require(group.version)
                expected = group.version
            return await groups.remove_group(lane, caller, target, expected, trace) or None

        await until_not_overtaken(self.lanes, self.metrics, work)

    def _stamped(self, identifier: UUID, document: str, stamp: GroupStamp) -> Group:
        self.metrics.members_parked.inc(len(stamp.unknown))
        return Group(
            identifier,
            document,
            stamp.members,
            stamp.version,
            stamp.created_at,
            stamp.modified_at,
            stamp.unknown,
        )


def _named(members: Iterable[MemberRef]) -> Named:
    """The members by their ids or other values; MembersUnknown for an id of ours in capitals.

    Ids are caseExact (RFC 7643 §3.1): it would name nobody, and a removal be answered as done all the same.
    """
    ids, names, said_groups, misspelt = [], [], [], 0
    for member in members:
        value = member.value
        if _ID.fullmatch(value):
            ids.append(value)
        elif _ID.fullmatch(value.lower()):
            misspelt += 1
        else:
            names.append(value)
        if member.type == "Group":
            said_groups.append(value)
    if misspelt:
        raise MembersUnknown(Verdict.UNKNOWN_MEMBERS, misspelt)
    return Named(ids, names, said_groups)


def _write(document: dict[str, object], keys: GroupKeys, kind: ResourceType) -> GroupWrite:
    text = json_text(document)
    return GroupWrite(text, search_document(document, kind), keys.external_id, keys.display_name_ci)
