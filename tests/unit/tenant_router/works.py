"""Work as it would have been read, and a store without a database."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vestibule.database.decisions import (
    Decided,
    GroupWork,
    Judgement,
    PersonWork,
    Postponed,
    Result,
    Row,
    StoredAccount,
    Surroundings,
    Work,
)
from vestibule.domain.accounts import WantedAccount, wanted_hash
from vestibule.domain.identifiers import AccountId, ConnectionId, DeskId, Kind, TenantId
from vestibule.domain.tenants import Mode, TenantState
from vestibule.messages.envelope import Key

TENANT = TenantId(uuid.UUID(int=1))
SURROUNDINGS = Surroundings(
    desk=DeskId(uuid.UUID(int=2)),
    capabilities={"rename_email": False, "rename_person": True},
    tenant_state=TenantState.ACTIVE,
    connection=ConnectionId(uuid.UUID(int=3)),
    mode=Mode.LIVE,
    mapping_version=1,
)


def person(number: int = 10, **changes: Any) -> PersonWork:
    """A person who was just created."""
    row = Row(Key(Kind.PERSON, uuid.UUID(int=number), TENANT, 1), 0, 1, 0.0)
    document = {
        "userName": f"p{number}",
        "displayName": f"P {number}",
        "emails": [{"value": f"p{number}@customer.example"}],
    }
    return replace(PersonWork(row, SURROUNDINGS, document, True, (), None), **changes)


def group(name: str = "IT", **changes: Any) -> GroupWork:
    """A group that was just pushed."""
    row = Row(Key(Kind.GROUP, uuid.UUID(int=20), TENANT, 1), 0, 1, 0.0)
    return replace(GroupWork(row, SURROUNDINGS, {"displayName": name}, False), **changes)


def account(email: str = "p10@customer.example", access: bool = True) -> StoredAccount:
    """An account as decided before."""
    wanted = WantedAccount(email, "p10", "P 10", access)
    return StoredAccount(AccountId(uuid.UUID(int=30)), wanted, wanted_hash(wanted), at_desk=True)


@dataclass
class FakeStore:
    """Gives work, refuses what it is told to, and remembers what it was asked."""

    work: Sequence[Work] = ()
    poison: frozenset[int] = frozenset()
    poison_error: Exception = field(default_factory=ValueError)
    faults: list[Exception] = field(default_factory=list)
    again: int = 0  # how many times the first judgement is to be made anew
    batches: list[int] = field(default_factory=list)
    late: list[Postponed] = field(default_factory=list)

    async def read_work(self, keys: Sequence[Key]) -> list[Work]:
        """The work behind the keys."""
        asked = {key.id for key in keys}
        return [work for work in self.work if work.row.key.id in asked]

    async def decide(self, judgements: Sequence[Judgement]) -> list[Decided]:
        """All or none."""
        self.batches.append(len(judgements))
        if self.faults:
            raise self.faults.pop(0)
        if any(judgement.key.id.int in self.poison for judgement in judgements):
            raise self.poison_error
        decided = [
            Decided(one.key.kind, one.key.id, Result.CHANGED, one.verdict, one.reason) for one in judgements
        ]
        if self.again:
            self.again -= 1
            decided[0] = replace(decided[0], result=Result.AGAIN, verdict=None)
        return decided

    async def postpone(self, late: Sequence[Postponed]) -> None:
        """Remember what waits."""
        self.late += late
