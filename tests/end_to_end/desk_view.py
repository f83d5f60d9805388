"""Who and what is at the sandbox desk, and what was ever done to it, as the desk itself tells."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from tests.contract.sandbox_process import SandboxProcess

PAGE = 10_000


@dataclass(frozen=True, slots=True)
class AtDesk:
    """A customer at the desk; `desks` are the service desks he was added to, organizations are ids."""

    id: str
    email: str
    name: str
    active: bool
    desks: frozenset[str]
    organizations: frozenset[int]


@dataclass(frozen=True, slots=True)
class DeskView:
    """The whole desk at one moment."""

    customers: tuple[AtDesk, ...]
    organizations: dict[int, str]  # id -> name
    duplicate_creates: int
    mails: int
    effects: int

    def bearing(self, email: str) -> list[AtDesk]:
        """Who has this address."""
        return [one for one in self.customers if one.email.lower() == email.lower()]

    def of_domain(self, domain: str) -> list[AtDesk]:
        """Everybody with an address of this domain."""
        return [one for one in self.customers if one.email.lower().endswith(f"@{domain}")]


@dataclass(frozen=True, slots=True)
class Journal:
    """What happened to customers, in order: names they were given, and organizations they were put into."""

    names: dict[str, list[str]]
    creates: dict[str, int]  # by address
    entries: dict[tuple[int, str], int]  # how often a customer was put into an organization


async def look_at_desk(sandbox: SandboxProcess) -> DeskView:
    """The desk now."""
    state = await sandbox.admin("GET", "state")
    counters = await sandbox.admin("GET", "counters")
    customers = tuple(
        AtDesk(
            one["accountId"],
            one["email"],
            one["displayName"],
            one["active"],
            frozenset(one["serviceDesks"]),
            frozenset(one["organizations"]),
        )
        for one in state["customers"]
    )
    organizations = {one["id"]: one["name"] for one in state["organizations"]}
    return DeskView(
        customers, organizations, counters["duplicate_creates"], counters["mails"], counters["effects"]
    )


async def read_effects(sandbox: SandboxProcess, after: int = 0) -> list[dict[str, Any]]:
    """Everything that changed the desk since an effect's number, in order."""
    found: list[dict[str, Any]] = []
    while True:
        page = await sandbox.admin("GET", f"effects?after={after}&limit={PAGE}")
        if not page["effects"]:
            return found
        found += page["effects"]
        after = page["next"]


async def read_journal(sandbox: SandboxProcess) -> Journal:
    """The desk's history, folded by customer."""
    names: dict[str, list[str]] = defaultdict(list)
    creates: dict[str, int] = defaultdict(int)
    entries: dict[tuple[int, str], int] = defaultdict(int)
    for effect in await read_effects(sandbox):
        match effect["do"]:
            case "customer_created":
                names[effect["id"]].append(effect["name"])
                creates[effect["email"].lower()] += 1
            case "customer_renamed":
                names[effect["id"]].append(effect["name"])
            case "members_added":
                for customer in effect["ids"]:
                    entries[effect["organization"], customer] += 1
            case _:
                pass
    return Journal(dict(names), dict(creates), dict(entries))
