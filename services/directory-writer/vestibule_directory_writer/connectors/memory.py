"""A desk in memory that behaves as the protocol says; what it can do and how it fails are arguments."""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TypeVar

from vestibule.domain.desks import Capabilities, DeskKind, capabilities_of
from vestibule_directory_writer.connectors.failures import (
    AlreadyExists,
    DeskFailure,
    DeskUnreachable,
    NotFound,
    OutcomeUnknown,
    PartlyApplied,
    Refused,
    Throttled,
)
from vestibule_directory_writer.connectors.pacing import Pacing, Unpaced
from vestibule_directory_writer.connectors.service_desk import (
    DeskCustomer,
    DeskOrganization,
    Kind,
    OrganizationMark,
)

Answer = TypeVar("Answer")

EVERYTHING = capabilities_of(DeskKind.MEMORY, {})


@dataclass(slots=True)
class MemoryState:
    """All that is at the desk, open to tests; `effects` tells in order what changed it."""

    customers: dict[str, DeskCustomer] = field(default_factory=dict)
    organizations: dict[str, DeskOrganization] = field(default_factory=dict)
    marks: dict[str, OrganizationMark] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    at_desk: set[str] = field(default_factory=set)
    linked: set[str] = field(default_factory=set)
    effects: list[tuple[str, str]] = field(default_factory=list)
    last_id: int = 0
    calls: int = 0

    def next_id(self, prefix: str) -> str:
        """An id that this desk has never given before."""
        self.last_id += 1
        return f"{prefix}{self.last_id}"


@dataclass(frozen=True, slots=True)
class Fault:
    """The next call of `operation` fails, before its effect or after it."""

    operation: str
    failure: DeskFailure
    after_effect: bool = False


class MemoryDesk:
    """A `ServiceDesk` without a network."""

    def __init__(
        self,
        capabilities: Capabilities = EVERYTHING,
        pacing: Pacing | None = None,
        state: MemoryState | None = None,
        faults: deque[Fault] | None = None,
    ) -> None:
        self.capabilities = capabilities
        self.state = state if state is not None else MemoryState()
        self.faults: deque[Fault] = faults if faults is not None else deque()
        self._pacing: Pacing = pacing if pacing is not None else Unpaced()

    def paced_by(self, pacing: Pacing) -> "MemoryDesk":
        return MemoryDesk(self.capabilities, pacing, self.state, self.faults)

    async def probe(self) -> None:
        await self._call("probe", "GET", lambda: None)

    async def close(self) -> None:
        """Nothing is open."""

    async def create_customer(self, email: str, display_name: str) -> DeskCustomer:
        def effect() -> DeskCustomer:
            if any(_same(customer.email, email) for customer in self.state.customers.values()):
                raise AlreadyExists("customer_exists")
            customer = DeskCustomer(self.state.next_id("qm:"), email, display_name, True, Kind.PORTAL_ONLY)
            self.state.customers[customer.id] = customer
            self._note("customer_created", customer.id)
            return customer

        return await self._call("create_customer", "POST", effect)

    async def find_customers(self, email: str) -> tuple[DeskCustomer, ...]:
        def effect() -> tuple[DeskCustomer, ...]:
            visible = (customer for customer in self.state.customers.values() if customer.active)
            return tuple(customer for customer in visible if _same(customer.email, email))

        return await self._call("find_customers", "GET", effect)

    async def read_customer(self, customer_id: str) -> DeskCustomer:
        return await self._call("read_customer", "GET", lambda: self._customer(customer_id))

    async def rename_customer(self, customer_id: str, display_name: str) -> None:
        def effect() -> None:
            renamed = replace(self._customer(customer_id), display_name=display_name)
            self.state.customers[customer_id] = renamed
            self._note("customer_renamed", customer_id)

        self._need(self.capabilities.rename_person)
        await self._call("rename_customer", "PUT", effect)

    async def organizations_of(self, customer_id: str) -> tuple[DeskOrganization, ...]:
        def effect() -> tuple[DeskOrganization, ...]:
            self._customer(customer_id)
            holding = (key for key, members in self.state.members.items() if customer_id in members)
            return tuple(self.state.organizations[key] for key in holding)

        return await self._call("organizations_of", "GET", effect)

    async def desk_customers(self) -> frozenset[str]:
        return await self._call("desk_customers", "GET", lambda: frozenset(self.state.at_desk))

    async def add_to_desk(self, customer_ids: Collection[str]) -> None:
        def effect() -> None:
            self._take(customer_ids, self.state.at_desk.add, "desk")

        self._need(self.capabilities.closed_desk)
        if self._batch(customer_ids):
            await self._call("add_to_desk", "POST", effect)

    async def remove_from_desk(self, customer_ids: Collection[str]) -> None:
        def effect() -> None:
            self._take(customer_ids, self.state.at_desk.discard, "desk")

        self._need(self.capabilities.closed_desk)
        if self._batch(customer_ids):
            await self._call("remove_from_desk", "DELETE", effect)

    async def create_organization(self, name: str) -> DeskOrganization:
        def effect() -> DeskOrganization:
            for existing in self.state.organizations.values():
                if existing.name == name:
                    return existing
            organization = DeskOrganization(self.state.next_id(""), name, False)
            self.state.organizations[organization.id] = organization
            self.state.members[organization.id] = set()
            self._note("organization_created", organization.id)
            return organization

        return await self._call("create_organization", "POST", effect)

    async def read_organization(self, organization_id: str) -> DeskOrganization:
        return await self._call("read_organization", "GET", lambda: self._organization(organization_id))

    async def rename_organization(self, organization_id: str, name: str) -> None:
        def effect() -> None:
            organization = self._organization(organization_id)
            others = (other for other in self.state.organizations.values() if other.id != organization_id)
            if any(other.name == name for other in others):
                raise Refused("organization_name_taken")
            self.state.organizations[organization_id] = replace(organization, name=name)
            self._note("organization_renamed", organization_id)

        self._need(self.capabilities.rename_organization)
        await self._call("rename_organization", "PUT", effect)

    async def mark_organization(self, organization_id: str, mark: OrganizationMark) -> None:
        def effect() -> None:
            self.state.marks[self._organization(organization_id).id] = mark

        await self._call("mark_organization", "PUT", effect)

    async def read_mark(self, organization_id: str) -> OrganizationMark | None:
        def effect() -> OrganizationMark | None:
            return self.state.marks.get(self._organization(organization_id).id)

        return await self._call("read_mark", "GET", effect)

    async def link_organization(self, organization_id: str) -> None:
        def effect() -> None:
            self.state.linked.add(self._organization(organization_id).id)

        await self._call("link_organization", "POST", effect)

    async def members(self, organization_id: str) -> frozenset[str]:
        def effect() -> frozenset[str]:
            return frozenset(self.state.members[self._organization(organization_id).id])

        return await self._call("members", "GET", effect)

    async def add_members(self, organization_id: str, customer_ids: Collection[str]) -> None:
        def effect() -> None:
            members = self.state.members[self._organization(organization_id).id]
            self._take(customer_ids, members.add, f"member_added:{organization_id}")

        if self._batch(customer_ids):
            await self._call("add_members", "POST", effect)

    async def remove_members(self, organization_id: str, customer_ids: Collection[str]) -> None:
        def effect() -> None:
            members = self.state.members[self._organization(organization_id).id]
            self._take(customer_ids, members.discard, f"member_removed:{organization_id}")

        if self._batch(customer_ids):
            await self._call("remove_members", "DELETE", effect)

    async def _call(self, operation: str, method: str, effect: Callable[[], Answer]) -> Answer:
        """One call as at a real desk: a permit, perhaps a fault before or after the effect, an answer."""
        await self._pacing.permit(operation, method)
        self.state.calls += 1
        fault = self._fault(operation)
        if fault is not None and not fault.after_effect:
            await self._report(operation, method, fault.failure)
            raise fault.failure
        answer = effect()
        if fault is not None:
            await self._report(operation, method, fault.failure)
            raise fault.failure
        await self._pacing.answered(True)
        return answer

    async def _report(self, operation: str, method: str, failure: DeskFailure) -> None:
        if isinstance(failure, Throttled):
            await self._pacing.throttled(operation, method, failure.retry_after_seconds, failure.scope)
        await self._pacing.answered(not isinstance(failure, DeskUnreachable | OutcomeUnknown))

    def _fault(self, operation: str) -> Fault | None:
        for fault in self.faults:
            if fault.operation == operation:
                self.faults.remove(fault)
                return fault
        return None

    def _batch(self, ids: Collection[str]) -> bool:
        """Whether there is anything to send; more than a batch is the caller's bug."""
        if len(ids) > self.capabilities.member_batch:
            raise ValueError(f"{len(ids)} ids in one call, {self.capabilities.member_batch} allowed")
        return bool(ids)

    def _take(self, ids: Collection[str], change: Callable[[str], None], effect: str) -> None:
        """Change the known ones, then complain about the unknown, as Jira does (400 after a partial add)."""
        known = [customer_id for customer_id in ids if customer_id in self.state.customers]
        for customer_id in known:
            change(customer_id)
            self._note(effect, customer_id)
        if len(known) < len(ids):
            raise Refused("member_unknown") if len(ids) == 1 else PartlyApplied("members_unknown")

    def _customer(self, customer_id: str) -> DeskCustomer:
        if customer_id not in self.state.customers:
            raise NotFound("customer_unknown")
        return self.state.customers[customer_id]

    def _organization(self, organization_id: str) -> DeskOrganization:
        if organization_id not in self.state.organizations:
            raise NotFound("organization_unknown")
        return self.state.organizations[organization_id]

    def _need(self, capability: bool) -> None:
        if not capability:
            raise Refused("unsupported")

    def _note(self, effect: str, subject: str) -> None:
        self.state.effects.append((effect, subject))


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.lower() == other.lower()
