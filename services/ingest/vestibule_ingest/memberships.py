"""Groups: what a request makes of attributes and members; the cost follows the request, not the group."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from vestibule.database import groups
from vestibule.database.groups import Group, GroupStamp, GroupWrite, MembersWrite
from vestibule.database.pool import Connection
from vestibule.database.verdicts import MembersUnknown
from vestibule.domain.tokens import Credential
from vestibule.scim.attributes import ResourceType
from vestibule.scim.fitting import fit
from vestibule.scim.group_patch import patch_group
from vestibule.scim.groups import GroupKeys, MemberRef, parse_group
from vestibule.scim.limits import Limits
from vestibule.scim.resources import keep_immutable
from vestibule.scim.search_documents import search_document
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.fingerprints import Fingerprints
from vestibule_ingest.lanes import Lanes, in_a_lane
from vestibule_ingest.preconditions import Tags, require
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
        self, caller: Credential, body: object, trace: str | None, kind: ResourceType
    ) -> Group:
        """Store a new group with its members."""
        parsed = parse_group(body, kind)
        members = _known_form(parsed.members or ())
        write = _write(parsed.document, parsed.keys, kind)
        identifier = new_id()
        made = await in_a_lane(
            self.lanes, lambda lane: groups.create_group(lane, caller, identifier, write, members, trace)
        )
        self.fingerprints.repaired(caller, parsed.repairs)
        shown = _as_json(members)
        return Group(identifier, parsed.document, shown, made.version, made.created_at, made.modified_at)

    async def read_group(self, caller: Credential, target: UUID, *, with_members: bool) -> Group:
        """Read one group, with its members only where they are wanted."""
        return await in_a_lane(
            self.lanes, lambda lane: groups.read_group(lane, caller, target, with_members=with_members)
        )

    async def replace_group(
        self,
        caller: Credential,
        target: UUID,
        body: object,
        match: Tags | None,
        trace: str | None,
        kind: ResourceType,
        *,
        with_members: bool,
    ) -> Group:
        """Carry out a PUT; a body that says nothing about members leaves them as they are.

        Returns the group as this very write left it; only where it left its members, they are read anew.
        """
        parsed = parse_group(body, kind)
        write = _write(parsed.document, parsed.keys, kind)
        if parsed.members is None:
            members = MembersWrite()
        else:
            members = MembersWrite(everything=True, added=_known_form(parsed.members))

        async def work(lane: Connection) -> GroupStamp | None:
            expected = None
            if match is not None or kind.holds_values:
                group = await groups.read_group(lane, caller, target, with_members=False)
                if match is not None:
                    require(match, group.version)
                keep_immutable(kind, fit(kind, group.document).document, parsed.document)
                expected = group.version
            return await groups.change_group(lane, caller, target, expected, write, members, trace)

        stamp = await until_not_overtaken(self.lanes, self.metrics, work)
        self.fingerprints.repaired(caller, parsed.repairs)
        if with_members and not members.everything:
            return await self.read_group(caller, target, with_members=True)
        shown = _as_json(sorted(members.added)) if with_members else None
        return Group(target, parsed.document, shown, stamp.version, stamp.created_at, stamp.modified_at)

    async def patch_group(
        self,
        caller: Credential,
        target: UUID,
        body: object,
        match: Tags | None,
        trace: str | None,
        kind: ResourceType,
    ) -> int:
        """Carry out a PATCH as a difference; the member list is neither read nor written whole.

        Returns the version that it made, or that it left as it was.
        """

        async def work(lane: Connection) -> int | None:
            group = await groups.read_group(lane, caller, target, with_members=False)
            require(match, group.version)
            change = patch_group(group.document, body, kind, self.limits.group_operations)
            self.fingerprints.repaired(caller, change.repairs)
            if not change.changed and change.members.is_empty:
                return group.version
            stamp = await groups.change_group(
                lane,
                caller,
                target,
                group.version if change.changed or match is not None else None,
                _write(change.document, change.keys, kind) if change.changed else None,
                MembersWrite(
                    change.members.replaced,
                    _known_form(change.members.added),
                    _known_strangers(change.members.removed),
                ),
                trace,
            )
            return None if stamp is None else stamp.version

        return await until_not_overtaken(self.lanes, self.metrics, work)

    async def remove_group(
        self, caller: Credential, target: UUID, match: Tags | None, trace: str | None
    ) -> None:
        """Carry out a DELETE; the members stay who they are."""

        async def work(lane: Connection) -> bool | None:
            expected = None
            if match is not None:
                group = await groups.read_group(lane, caller, target, with_members=False)
                require(match, group.version)
                expected = group.version
            return await groups.remove_group(lane, caller, target, expected, trace) or None

        await until_not_overtaken(self.lanes, self.metrics, work)


def _known_form(members: Iterable[MemberRef]) -> Sequence[str]:
    """The members' ids; MembersUnknown for what cannot be an id of ours."""
    values = [member.value for member in members]
    strangers = sum(1 for value in values if not _ID.fullmatch(value))
    if strangers:
        raise MembersUnknown(strangers)
    return values


def _known_strangers(values: Iterable[str]) -> Sequence[str]:
    """The ids to remove, strangers' included; MembersUnknown for an id of ours in capitals.

    Ids are caseExact (RFC 7643 §3.1): such a removal would take away nobody and still be answered as done.
    """
    values = tuple(values)
    misspelt = sum(1 for value in values if not _ID.fullmatch(value) and _ID.fullmatch(value.lower()))
    if misspelt:
        raise MembersUnknown(misspelt)
    return [value for value in values if _ID.fullmatch(value)]


def _as_json(members: Sequence[str]) -> str:
    listed = (f'{{"value":"{value}","$ref":"/Users/{value}","type":"User"}}' for value in members)
    return "[" + ",".join(listed) + "]"


def _write(document: dict[str, object], keys: GroupKeys, kind: ResourceType) -> GroupWrite:
    return GroupWrite(document, search_document(document, kind), keys.external_id, keys.display_name_ci)
