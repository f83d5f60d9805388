"""The protocol between the writer and a service desk: typed values in, typed values or a `DeskFailure` out.

Rules that hold for every connector:
- Ids are the desk's own, as strings. A name or an address never identifies anything.
- Every call to the desk is preceded by `Pacing.permit`; one operation may be several calls (paging),
  so a caller that holds a claim renews it there.
- No call lasts longer than `Capabilities.call_seconds`; a claim's lease must be longer than that.
- An operation that the capabilities exclude raises `Refused("unsupported")`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from vestibule.domain.desks import Capabilities
from vestibule_directory_writer.connectors.pacing import Pacing


class Kind(Enum):
    """Whose account a desk customer is: only portal-only ones may ever be ours to rename, revoke or adopt."""

    PORTAL_ONLY = "portal_only"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class DeskCustomer:
    """A customer as the desk shows it; `email` is None where the desk hides it."""

    id: str
    email: str | None
    display_name: str
    active: bool
    kind: Kind


@dataclass(frozen=True, slots=True)
class DeskOrganization:
    """An organization as the desk shows it; nobody but the desk's own SCIM writes to a managed one."""

    id: str
    name: str
    scim_managed: bool


@dataclass(frozen=True, slots=True)
class OrganizationMark:
    """Our invisible sign on an organization: proof of whose it is even after our database was lost."""

    tenant: str
    organization: str


class ServiceDesk(Protocol):
    """One desk. Raises `DeskFailure` and nothing else for whatever the desk or the network does."""

    @property
    def capabilities(self) -> Capabilities: ...

    def paced_by(self, pacing: Pacing) -> "ServiceDesk":
        """The same desk over the same connections, asking `pacing` before each call (a leaver's, say)."""
        ...

    async def probe(self) -> None:
        """Prove with one cheap call that the desk is there, knows us and has the configured service desk."""
        ...

    async def close(self) -> None:
        """Give the connections back. Views made by `paced_by` end with it."""
        ...

    # customers

    async def create_customer(self, email: str, display_name: str) -> DeskCustomer:
        """Create a portal-only customer, uninvited. Not repeatable: AlreadyExists, OutcomeUnknown."""
        ...

    async def find_customers(self, email: str) -> tuple[DeskCustomer, ...]:
        """Every visible customer, of both kinds, whose address equals `email` but for case.

        Look-ups are late and hide the inactive: an empty answer proves nothing. A customer whose
        address is hidden cannot be compared and is not returned.
        """
        ...

    async def read_customer(self, customer_id: str) -> DeskCustomer:
        """The customer by id, active or not; NotFound."""
        ...

    async def rename_customer(self, customer_id: str, display_name: str) -> None:
        """Set the display name. Needs `rename_person`; NotFound."""
        ...

    async def organizations_of(self, customer_id: str) -> tuple[DeskOrganization, ...]:
        """The organizations that the customer is in; NotFound."""
        ...

    # the service desk itself, where it is closed

    async def desk_customers(self) -> frozenset[str]:
        """Ids of all customers of the service desk. Late: confirm an absence before acting on it."""
        ...

    async def add_to_desk(self, customer_ids: Collection[str]) -> None:
        """Let customers (at most `member_batch`) see the desk; repeatable. PartlyApplied."""
        ...

    async def remove_from_desk(self, customer_ids: Collection[str]) -> None:
        """Take customers (at most `member_batch`) off a closed desk; repeatable."""
        ...

    # organizations

    async def create_organization(self, name: str) -> DeskOrganization:
        """Create an organization, or return the EXISTING one of that name: the caller compares ids.

        Owned by another tenant, or by nobody we know, it is not ours to use. OutcomeUnknown; a repeat
        is safe.
        """
        ...

    async def read_organization(self, organization_id: str) -> DeskOrganization:
        """The organization by id; NotFound."""
        ...

    async def rename_organization(self, organization_id: str, name: str) -> None:
        """Set the name. Needs `rename_organization`; NotFound, Refused where the name is taken."""
        ...

    async def mark_organization(self, organization_id: str, mark: OrganizationMark) -> None:
        """Write our mark over any other; repeatable. NotFound."""
        ...

    async def read_mark(self, organization_id: str) -> OrganizationMark | None:
        """Our mark, or None where the organization bears none; NotFound where there is no organization."""
        ...

    async def link_organization(self, organization_id: str) -> None:
        """Show the organization in the service desk; repeatable. NotFound."""
        ...

    async def members(self, organization_id: str) -> frozenset[str]:
        """Ids of the members. Pages may skip while others write: confirm an absence before acting on it."""
        ...

    async def add_members(self, organization_id: str, customer_ids: Collection[str]) -> None:
        """Add at most `member_batch` members; repeatable. NotFound, PartlyApplied; one id: Refused."""
        ...

    async def remove_members(self, organization_id: str, customer_ids: Collection[str]) -> None:
        """Remove at most `member_batch` members; repeatable. NotFound, PartlyApplied; one id: Refused."""
        ...
