"""The verdict after a story or a storm: is the desk what the identity providers were told it would be?"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infra.identity_providers.dialect import read_pages
from infra.identity_providers.views import differences
from tests.end_to_end.backlog import administrator, queued, settle, undone
from tests.end_to_end.customer import Customer, Person
from tests.end_to_end.customers import CLOSED_DESK, console_of
from tests.end_to_end.desk_view import AtDesk, DeskView, Journal, look_at_desk, read_journal
from tests.end_to_end.gateway import Gateway
from vestibule_operator_console.standings import count_standings

ORGANIZATIONS = """
select coalesce(o.group_id::text, 'home') as source, o.desk_organization_id::integer as id
  from router.organization o join console.tenant n on n.id = o.tenant_id
 where n.slug = $1 and o.desk_organization_id is not null
"""
OWN_FAULTS = (
    "account_failed",
    "organization_failed",
    "records_refused",
    "record_refused",
    "desk_unusable",
    "resource_missing",
    "judging_failed",
    "decision_refused",
    "process_crashed",
    "process_would_not_end",
    "task_failed",
    "task_ended_early",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a customer is judged by."""

    idp: Customer
    users: list[dict[str, Any]]  # as stored
    groups: list[dict[str, Any]]
    organizations: dict[str, int]  # group id or HOME -> id at the desk
    desk: DeskView
    journal: Journal
    standings: Counter[str]
    broken: tuple[str, ...]  # of the invariant


async def judge(gateway: Gateway, idps: Sequence[Customer]) -> DeskView:
    """Wait until all work is done, then fail with everything that is not as it has to be."""
    await settle(gateway)
    problems = [f"undone: {row}" for row in await undone(gateway)]
    problems += [f"queue {name} holds {count}" for name, count in (await queued(gateway)).items() if count]
    desk, journal = await look_at_desk(gateway.sandbox), await read_journal(gateway.sandbox)
    for idp in idps:
        seen = await look_at(gateway, idp, desk, journal)
        problems += [f"{idp.slug}: {problem}" for problem in problems_of(seen)]
        problems += [f"{idp.slug}: answered {surprise}" for surprise in idp.surprises()]
    problems += confessed(gateway)
    assert not problems, "\n".join(problems[:40])
    return desk


def confessed(gateway: Gateway) -> Iterator[str]:
    """Faults of their own that services have logged; a server or a desk that fails is none of theirs."""
    for path in gateway.stack.logs():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if any(f'"event":"{event}"' in line for event in OWN_FAULTS):
                yield f"{path.name}: {line[:300]}"


async def look_at(gateway: Gateway, idp: Customer, desk: DeskView, journal: Journal) -> Seen:
    """Gather what is known of one customer."""
    users = await idp.speaker.read(read_pages("/Users", "read all users"))
    groups = await idp.speaker.read(read_pages("/Groups", "read all groups"))
    async with administrator(gateway) as database:
        rows = await database.fetch(ORGANIZATIONS, idp.slug)
    async with console_of(gateway) as console:
        (tenant,) = await count_standings(console, idp.slug)
    standings: Counter[str] = Counter()
    for connection in tenant.connections:
        for counted in connection.standings:
            standings[counted.words] += counted.persons
    broken = tuple(problem for connection in tenant.connections for problem in connection.problems)
    organizations = {row["source"]: row["id"] for row in rows}
    return Seen(idp, users, groups, organizations, desk, journal, standings, broken)


def problems_of(seen: Seen) -> Iterator[str]:
    """Everything that is wrong with one customer, in words."""
    yield from (f"the invariant is broken: {problem}" for problem in seen.broken)
    yield from differences(seen.idp.speaker.idp, seen.users, seen.groups)
    yield from _standing(seen)
    yield from _organizations(seen)
    for person in seen.idp.persons.values():
        yield from _at_desk(seen, person)
    known = {person.email for person in seen.idp.persons.values()}
    for stranger in seen.desk.of_domain(seen.idp.domain):
        if stranger.email not in known:
            yield f"somebody is at the desk whom nobody sent: {stranger.id}"


def _standing(seen: Seen) -> Iterator[str]:
    """Everybody is applied, and as many with access as there should be."""
    everybody = len(seen.idp.persons)
    with_access = sum(person.has_access for person in seen.idp.persons.values())
    without = seen.standings["applied(stripped)"] + seen.standings["applied(absent)"]
    if (seen.standings["applied(access)"], without) != (with_access, everybody - with_access):
        yield f"{everybody} persons, {with_access} of them with access, stand as {dict(seen.standings)}"


def _organizations(seen: Seen) -> Iterator[str]:
    """Each is at the desk once, under the customer's prefix."""
    # Those of ended groups stay: deleting one is a decision.
    names = [*(group.name for group in seen.idp.groups.values()), *seen.idp.ended_groups]
    expected = Counter([seen.idp.prefix, *(f"{seen.idp.prefix} / {name}" for name in names)])
    found = Counter(
        name
        for name in seen.desk.organizations.values()
        if name == seen.idp.prefix or name.startswith(f"{seen.idp.prefix} / ")
    )
    if found != expected:
        yield f"organizations at the desk are {dict(found)}, expected {dict(expected)}"
    for group in seen.idp.groups.values():
        number = seen.organizations.get(group.id)
        if seen.desk.organizations.get(number or 0) != f"{seen.idp.prefix} / {group.name}":
            yield f"group {group.name} is organization {number}, which is not its own"


def _at_desk(seen: Seen, person: Person) -> Iterator[str]:
    """desk = mapping(stored), and its history has nothing that went back."""
    found = seen.desk.bearing(person.email)
    if seen.journal.creates.get(person.email.lower(), 0) > 1 or len(found) > 1:
        yield f"{person.id} was created {seen.journal.creates.get(person.email.lower(), 0)} times"
    if not found:
        if person.has_access:
            yield f"{person.id} is not at the desk"
        return
    customer = found[0]
    if customer.name != person.history.names[-1]:
        yield f"{person.id} is called {customer.name} at the desk, accepted was {person.history.names[-1]}"
    listed = CLOSED_DESK in customer.desks
    if listed != person.has_access or not customer.active:
        yield f"{person.id} may see the desk: {listed}, active: {customer.active}"
    wanted = {seen.organizations.get(source) for source in person.history.inside}
    if customer.organizations != wanted:
        yield f"{person.id} is in {set(customer.organizations)}, accepted was {wanted}"
    yield from _history(seen, person, customer)


def _history(seen: Seen, person: Person, customer: AtDesk) -> Iterator[str]:
    names = seen.journal.names.get(customer.id, [])
    if not in_this_order(names, person.history.names):
        yield f"{person.id} was called, in this order, {names}; accepted were {person.history.names}"
    for source, number in seen.organizations.items():
        entries = seen.journal.entries.get((number, customer.id), 0)
        accepted = person.history.entries[source]
        if entries > accepted:
            yield f"{person.id} entered {source} {entries} times, accepted were {accepted}"


def in_this_order(written: Sequence[str], accepted: Sequence[str]) -> bool:
    """Whether it was written as accepted: some may be left out or repeated, nothing came before its time."""
    ahead = iter(accepted)
    current = None
    return all(
        name == current or (current := next((one for one in ahead if one == name), None)) for name in written
    )


def shared_members(one: DeskView, first: Iterable[int], second: Iterable[int]) -> set[str]:
    """Who is in an organization of both lists."""
    chosen, other = set(first), set(second)
    return {
        customer.id
        for customer in one.customers
        if customer.organizations & chosen and customer.organizations & other
    }
