"""One organization in hand: steps that are safe to repeat, with progress saved between them."""

from collections.abc import Awaitable, Callable
from typing import Final

from vestibule.database.organizations import (
    Claim,
    ClaimedOrganization,
    MembershipWork,
    Progress,
    Renewed,
    adopt_memberships,
    renew,
    save,
)
from vestibule_directory_writer.claims import Clock, SafeStop
from vestibule_directory_writer.connectors.failures import Refused
from vestibule_directory_writer.connectors.service_desk import OrganizationMark, ServiceDesk
from vestibule_directory_writer.naming import WantedName, candidates, names_to_own

NAME_TAKEN: Final = "organization_name_taken"
NO_SOURCE: Final = ""  # its name at the desk was made of an older wish


class NameTaken(Exception):
    """Every name made of `source` belongs to an organization that is not ours to use.

    Not `tried`: so it was a while ago, and nothing tells that the desk should be asked again.
    """

    def __init__(self, source: str, tried: bool) -> None:
        super().__init__("every name is taken")  # a group's name is no text for a log
        self.source = source
        self.tried = tried


class OrganizationClaim:
    """The claim on one organization with its end on our own clock; each save renews it."""

    def __init__(self, claim: Claim, clock: Clock, since: float) -> None:
        self.claim = claim
        self._clock = clock
        self._until = since + claim.lease

    async def ensure(self, seconds: float) -> None:
        """Return with at least so much of the claim left. Raises SafeStop."""
        if self._until - self._clock() < seconds:
            await self.confirm()

    async def confirm(self) -> None:
        """Between two steps: still ours and nothing paused. Raises SafeStop."""
        await self.renewed(renew)

    async def reading(
        self, read: Callable[[Claim], Awaitable[tuple[MembershipWork, ...] | Renewed]]
    ) -> tuple[MembershipWork, ...]:
        """Run a read that renews. Raises SafeStop where the work must not go on."""
        since = self._clock()
        rows = await read(self.claim)
        if isinstance(rows, Renewed):
            raise SafeStop
        self._until = since + self.claim.lease
        return rows

    async def renewed(self, by: Callable[[Claim], Awaitable[Renewed]]) -> Renewed:
        """Run a statement that renews. Raises SafeStop where the work must not go on."""
        since = self._clock()
        answer = await by(self.claim)
        if answer in (Renewed.LOST, Renewed.STOPPED):
            raise SafeStop
        self._until = since + self.claim.lease
        return answer


class OrganizationInHand:
    """Mutable on purpose: what the desk has confirmed so far decides what is still to be done."""

    def __init__(self, organization: ClaimedOrganization, claim: OrganizationClaim) -> None:
        self.organization = organization
        self.event: str | None = None
        self._claim = claim
        self._id = organization.desk_organization_id
        self._desk_name = organization.desk_name
        self._applied_name = organization.applied_name
        # A rename was begun and nobody heard the answer: the desk may show another name than we noted.
        self._renaming = organization.intent_name not in (None, organization.desk_name)
        self._marked = organization.marked
        self._linked = organization.linked

    @property
    def joinable(self) -> bool:
        """Whether members may come and go: who was there before us has been noted."""
        return self._id is not None and self._marked

    async def establish(self, desk: ServiceDesk, wanted: WantedName) -> str:
        """Have the organization at the desk, marked as ours and shown in the service desk; returns its id."""
        if self._id is None:
            await self._own(desk, wanted)
        assert self._id is not None
        if not self._marked:
            await self._adopt_members(desk, self._id)
            await desk.mark_organization(self._id, self._mark())
            await self._save(Progress(marked=True))
            self._marked = True
        if not self._linked:
            await desk.link_organization(self._id)
            await self._save(Progress(linked=True))
            self._linked = True
        return self._id

    async def rename(self, desk: ServiceDesk, wanted: WantedName) -> bool:
        """Give it the wanted name; false where this desk cannot. It keeps its id, members and requests."""
        assert self._id is not None
        if self._applied_name == wanted.source and not self._renaming:
            return True
        if not desk.capabilities.rename_organization:
            return False
        self._ensure_untried(wanted)
        for name in candidates(self.organization, wanted):
            if await self._save(Progress(intent_name=name)) is Renewed.TAKEN:
                continue
            try:
                await desk.rename_organization(self._id, name)
            except Refused as refused:
                if refused.code != NAME_TAKEN:
                    raise
                continue
            await self._save(Progress(desk_name=name, applied_name=wanted.source))
            self._applied_name = wanted.source
            self.event = "renamed"
            return True
        raise NameTaken(wanted.source, tried=True)

    async def _own(self, desk: ServiceDesk, wanted: WantedName) -> None:
        """Create it under a name of ours. The desk answers with an EXISTING one of that name, if there is.

        Whose that is decides: bearing our mark, it is ours (a crash, a lost database). Another organization's
        by our own tables, bearing another mark, driven by the desk's own SCIM, or with members that nobody of
        ours put there: not ours, and the next name is tried. Unmarked and without members it is what a create
        of ours has just left, or one that nobody uses, which is the same to everybody.
        """
        self._ensure_untried(wanted)
        for name in names_to_own(self.organization, wanted):
            if await self._save(Progress(intent_name=name)) is Renewed.TAKEN:
                continue
            found = await desk.create_organization(name)
            if found.scim_managed or not await self._is_ours(desk, found.id):
                continue
            made_from = wanted.source if name in candidates(self.organization, wanted) else NO_SOURCE
            progress = Progress(desk_organization_id=found.id, desk_name=found.name, applied_name=made_from)
            if await self._save(progress) is Renewed.TAKEN:
                continue
            self._id, self._desk_name, self._applied_name = found.id, found.name, made_from
            self._renaming = False  # the desk has just told its name
            self.event = "created"
            return
        raise NameTaken(wanted.source, tried=True)

    def _ensure_untried(self, wanted: WantedName) -> None:
        """Each new member marks the organization: that is no reason to ask for the same names again."""
        if self.organization.names_taken == wanted.source:
            raise NameTaken(wanted.source, tried=False)

    async def _is_ours(self, desk: ServiceDesk, organization_id: str) -> bool:
        try:
            mark = await desk.read_mark(organization_id)
        except Refused:
            return False  # somebody wrote something else under our key
        if mark is not None:
            return mark == self._mark()
        return not await desk.members(organization_id)

    async def _adopt_members(self, desk: ServiceDesk, organization_id: str) -> None:
        """Until it is marked, who is a member was one before us: theirs, never removed by us (rule 8).

        Read once, at the first contact. Later additions by hand are not looked for: whom we want as a member
        becomes ours to remove, whoever added him first.
        """
        members = await desk.members(organization_id)
        if members:
            await self._claim.renewed(lambda claim: adopt_memberships(claim, sorted(members)))

    async def _save(self, progress: Progress) -> Renewed:
        return await self._claim.renewed(lambda claim: save(claim, progress))

    def _mark(self) -> OrganizationMark:
        return OrganizationMark(str(self.organization.tenant), str(self.organization.id))
