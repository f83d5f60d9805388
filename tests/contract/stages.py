"""Stages for the connector suite: a desk of some kind, and what a test must arrange behind its back."""

from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol

from tests.contract.sandbox_process import TOKEN, USER, SandboxProcess
from vestibule_directory_writer.connectors.failures import (
    DeskFailure,
    DeskRefusesCredentials,
    DeskUnreachable,
    OutcomeUnknown,
    Scope,
    Throttled,
)
from vestibule_directory_writer.connectors.kinds import Surroundings, build
from vestibule_directory_writer.connectors.memory import EVERYTHING, Fault, MemoryDesk
from vestibule_directory_writer.connectors.service_desk import DeskCustomer, Kind, ServiceDesk

OPEN_DESK, CLOSED_DESK = "1", "2"


class Trouble(Enum):
    """How the next call of an operation goes wrong."""

    LOST_ANSWER = auto()  # it took effect, and nobody is told
    THROTTLED = auto()
    DESK_THROTTLED = auto()
    UNAVAILABLE = auto()
    UNAUTHORIZED = auto()


@dataclass(slots=True)
class RecordingPacing:
    """Remembers what it was asked and told; `refusal` is raised in place of a permit."""

    permits: list[tuple[str, str]] = field(default_factory=list)
    throttles: list[tuple[str, str, float, Scope]] = field(default_factory=list)
    answers: list[bool] = field(default_factory=list)
    refusal: DeskFailure | None = None

    async def permit(self, endpoint: str, method: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.permits.append((endpoint, method))

    async def throttled(self, endpoint: str, method: str, retry_after_seconds: float, scope: Scope) -> None:
        self.throttles.append((endpoint, method, retry_after_seconds, scope))

    async def answered(self, ok: bool) -> None:
        self.answers.append(ok)


class Stage(Protocol):
    """What the suite needs beside the desk under test."""

    desk: ServiceDesk

    async def seed(self, email: str, name: str, kind: Kind, hidden: bool = False, active: bool = True) -> str:
        """An account that was there before us; its id."""
        ...

    async def seed_managed_organization(self, name: str) -> str:
        """An organization that the desk's own SCIM drives; its id."""
        ...

    async def trouble(self, operation: str, trouble: Trouble) -> None:
        """Let the next call of an operation go wrong."""
        ...

    async def calls(self) -> int:
        """How many calls the desk has had."""
        ...

    def limited(self) -> ServiceDesk:
        """The same desk, declaring that it renames nothing and is open."""
        ...


class MemoryStage:
    """The connector in memory."""

    def __init__(self) -> None:
        self._desk = MemoryDesk()
        self.desk: ServiceDesk = self._desk

    async def seed(self, email: str, name: str, kind: Kind, hidden: bool = False, active: bool = True) -> str:
        state = self._desk.state
        seeded = DeskCustomer(state.next_id("qm:"), None if hidden else email, name, active, kind)
        state.customers[seeded.id] = seeded
        return seeded.id

    async def seed_managed_organization(self, name: str) -> str:
        made = await self._desk.create_organization(name)
        self._desk.state.organizations[made.id] = replace(made, scim_managed=True)
        return made.id

    async def trouble(self, operation: str, trouble: Trouble) -> None:
        create = operation.startswith("create_")
        away = OutcomeUnknown if create else DeskUnreachable
        failures: dict[Trouble, DeskFailure] = {
            Trouble.LOST_ANSWER: away("disconnected"),
            Trouble.THROTTLED: Throttled("throttled_burst", 3.0, Scope.ENDPOINT),
            Trouble.DESK_THROTTLED: Throttled("throttled_quota_tenant", 3.0, Scope.DESK),
            Trouble.UNAVAILABLE: away("desk_500"),
            Trouble.UNAUTHORIZED: DeskRefusesCredentials("unauthorized"),
        }
        fault = Fault(operation, failures[trouble], after_effect=trouble is Trouble.LOST_ANSWER)
        self._desk.faults.append(fault)

    async def calls(self) -> int:
        return self._desk.state.calls

    def limited(self) -> ServiceDesk:
        nothing = replace(EVERYTHING, rename_person=False, rename_organization=False, closed_desk=False)
        return MemoryDesk(nothing, state=self._desk.state, faults=deque())


ENDPOINTS = {
    "create_customer": ("customer", "POST"),
    "read_customer": ("user", "GET"),
    "create_organization": ("organization", "POST"),
    "add_members": ("organization/{id}/user", "POST"),
    "probe": ("servicedesk/{id}", "GET"),
}


class SandboxStage:
    """The Jira connector against a sandbox desk; `url` may lead through a proxy."""

    def __init__(
        self, sandbox: SandboxProcess, url: str | None = None, surroundings: Surroundings | None = None
    ) -> None:
        self.sandbox = sandbox
        self._url = url if url is not None else sandbox.base_url
        csm_url = f"{self._url}/jsm/csm/cloudid/11111111-2222-3333-4444-555555555555/api/v1"
        closed = {"service_desk_id": CLOSED_DESK, "closed_desk": True, "csm_url": csm_url}
        self._credentials = {"email": USER, "api_token": TOKEN}
        self.desk = self.build(closed, surroundings)

    def build(self, settings: dict[str, object], surroundings: Surroundings | None = None) -> ServiceDesk:
        return build("jira", {"base_url": self._url, **settings}, self._credentials, surroundings)

    async def seed(self, email: str, name: str, kind: Kind, hidden: bool = False, active: bool = True) -> str:
        account_type = "customer" if kind is Kind.PORTAL_ONLY else "atlassian"
        record = {"email": email, "displayName": name, "accountType": account_type}
        made = await self.sandbox.admin("POST", "customers", {**record, "hidden": hidden, "active": active})
        return str(made["accountId"])

    async def seed_managed_organization(self, name: str) -> str:
        made = await self.sandbox.admin("POST", "organizations", {"name": name, "scimManaged": True})
        return str(made["id"])

    async def trouble(self, operation: str, trouble: Trouble) -> None:
        endpoint, method = ENDPOINTS[operation]
        faults: dict[Trouble, dict[str, object]] = {
            Trouble.LOST_ANSWER: {"kind": "cut", "after_effect": True},
            Trouble.THROTTLED: {"kind": "throttle", "reason": "jira-burst-based", "retry_after": 3},
            Trouble.DESK_THROTTLED: {
                "kind": "throttle",
                "reason": "jira-quota-tenant-based",
                "retry_after": 3,
            },
            Trouble.UNAVAILABLE: {"kind": "answer", "status": 500},
            Trouble.UNAUTHORIZED: {"kind": "answer", "status": 401},
        }
        await self.sandbox.misbehave({**faults[trouble], "endpoint": endpoint, "method": method, "count": 1})

    async def calls(self) -> int:
        return sum((await self.sandbox.calls()).values())

    def limited(self) -> ServiceDesk:
        return self.build({"service_desk_id": OPEN_DESK})
