"""Whether anything is wrong or lost: identity providers' own views beside gateway, desk and invariant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.identity_providers.dialect import read_pages
from infra.identity_providers.exchanges import Refused, Unheard
from infra.identity_providers.provider import IdentityProvider
from infra.identity_providers.speaking import Speaker
from infra.identity_providers.views import differences
from infra.local.stack import Stack
from tests.end_to_end.judging import OWN_FAULTS
from vestibule_operator_console.standings import TenantStandings

MOST_TOLD: Final = 10
HELD_FOR_ADDRESS: Final = "held(rename)"  # design, rule 6: the desk cannot give somebody another address
WITHOUT_ACCESS: Final = ("applied(stripped)", "applied(absent)")


@dataclass(frozen=True, slots=True)
class AtDesk:
    """A customer at the sandbox desk."""

    name: str
    active: bool
    organizations: frozenset[int]
    email: str


class DeskView:
    """The sandbox desk as its admin sees it, by lower-case address."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.by_address: dict[str, list[AtDesk]] = {}
        for one in state["customers"]:
            email = str(one["email"]).lower()
            found = AtDesk(one["displayName"], one["active"], frozenset(one["organizations"]), email)
            self.by_address.setdefault(email, []).append(found)

    def of_domain(self, domain: str) -> list[AtDesk]:
        """Everybody with an address there."""
        return [
            one for email, some in self.by_address.items() if email.endswith(f"@{domain}") for one in some
        ]


async def compare_with_gateway(speaker: Speaker) -> list[str]:
    """What the gateway shows otherwise than this identity provider believes."""
    try:
        users = await speaker.read(read_pages("/Users", "read all users"))
        groups = await speaker.read(read_pages("/Groups", "read all groups"))
    except (Refused, Unheard) as problem:
        return [f"the gateway's view cannot be read: {type(problem).__name__} {problem}"]
    return list(differences(speaker.idp, users, groups))


def own_problems(speaker: Speaker) -> Iterator[str]:
    """What the identity provider itself saw to be wrong."""
    yield from speaker.idp.beliefs.surprises
    yield from (f"answered {count} times: {kind}" for kind, count in speaker.idp.agenda.refused.items())
    yield from (f"{count} requests got no answer: {kind}" for kind, count in speaker.tally.silence.items())
    for status, count in speaker.tally.answers.items():
        if status >= 500 and status != 503:
            yield f"answered {status} {count} times"
    if not speaker.idp.agenda.settled:
        yield f"{speaker.idp.agenda.open} changes were not told by the end"


def compare_with_desk(
    idp: IdentityProvider, organizations: Mapping[str, int], desk: DeskView
) -> Iterator[str]:
    """What the desk has otherwise than the identity provider believes; people by their ids."""
    inside = _organizations_of(idp, organizations)
    for number, link in idp.beliefs.links.items():
        addresses = sorted(idp.beliefs.addresses.get(number, ()))
        found = [one for address in addresses for one in desk.by_address.get(address.lower(), ())]
        access = link.told is not None and link.told.active and not link.gone
        if len(found) > 1:
            yield f"user {link.id} is at the desk {len(found)} times"
        elif not found:
            if access:
                yield f"user {link.id} is not at the desk"
        else:
            wanted = (
                inside.get(link.id, frozenset()) | {organizations.get("home", 0)} if access else frozenset()
            )
            there = found[0].organizations
            if there != wanted:
                yield f"user {link.id} is in {sorted(there)} at the desk, not {sorted(wanted)}"
            if link.told is not None and found[0].name != link.told.display_name:
                yield f"user {link.id} bears another name at the desk"
    known = {address.lower() for some in idp.beliefs.addresses.values() for address in some}
    strangers = [one for one in desk.of_domain(idp.directory.domain) if one.email not in known]
    if strangers:
        yield f"{len(strangers)} are at the desk whom nobody sent"


def compare_with_standings(idp: IdentityProvider, tenant: TenantStandings, desk: DeskView) -> Iterator[str]:
    """The invariant, and everybody where the identity provider's view says that he must be."""
    counted: dict[str, int] = {}
    for connection in tenant.connections:
        yield from (f"the invariant is broken: {problem}" for problem in connection.problems)
        for one in connection.standings:
            counted[one.words] = counted.get(one.words, 0) + one.persons
    told = [link.told for link in idp.beliefs.links.values() if not link.gone and link.told is not None]
    active = [profile for profile in told if profile.active]
    moved = [profile for profile in active if profile.email.lower() not in desk.by_address]
    found = (counted.get("applied(access)", 0), counted.get(HELD_FOR_ADDRESS, 0))
    if found != (len(active) - len(moved), len(moved)):
        yield f"{len(active)} should have access, {len(moved)} of them held for a new address: found {found}"
    fine = ("applied(access)", HELD_FOR_ADDRESS, *WITHOUT_ACCESS)
    yield from (f"{count} are {words}" for words, count in sorted(counted.items()) if words not in fine)


def confessed(stack: Stack) -> list[str]:
    """Faults of their own that services have logged."""
    return [
        f"{path.stem} logged: {line[:240]}"
        for path in stack.logs()
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if any(f'"event":"{event}"' in line for event in OWN_FAULTS)
    ]


def shortened(problems: Sequence[str]) -> list[str]:
    """The first of them, and how many more there are."""
    more = len(problems) - MOST_TOLD
    return [*problems[:MOST_TOLD], *([f"and {more} more"] if more > 0 else [])]


def _organizations_of(idp: IdentityProvider, organizations: Mapping[str, int]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for team in idp.beliefs.team_links.values():
        for member in team.members or ():
            found.setdefault(member, set()).add(organizations.get(team.id, 0))
    return {member: frozenset(numbers) for member, numbers in found.items()}
