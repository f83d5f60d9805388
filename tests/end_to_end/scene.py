"""What a fault is given: the gateway, the customers, and ways to see how far a newcomer has come."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.end_to_end.backlog import administrator
from tests.end_to_end.customer import Customer, Person
from tests.end_to_end.desk_view import look_at_desk
from tests.end_to_end.gateway import Far, Gateway
from tests.end_to_end.load import NEWCOMERS
from tests.end_to_end.tcp_proxy import TcpProxy
from tests.waiting import until

SECONDS = 30.0
DECIDED = "select exists (select from router.decision where person_id = $1::uuid and account_id is not null)"
CLAIMED = """
select exists (select from router.decision d join chain.sync s on s.kind = 'account' and s.id = d.account_id
                where d.person_id = $1::uuid and s.claim_until > clock_timestamp())
"""
RECORDED = """
select exists (select from router.decision d join chain.sync s on s.kind = 'account' and s.id = d.account_id
                where d.person_id = $1::uuid and s.done_version = s.version)
"""


@dataclass(slots=True)
class Scene:
    """The gateway with its customers; newcomers are persons whom no load touches."""

    gateway: Gateway
    idps: Sequence[Customer]

    def link(self, service: str, far: Far) -> TcpProxy:
        """The proxy that a service reaches something through."""
        return self.gateway.link(service, far)

    async def newcomer(self) -> Person:
        """Somebody new at the first customer; accepted when this returns."""
        idp = self.idps[0]
        highest = max((number for number in idp.persons if number >= NEWCOMERS), default=NEWCOMERS)
        return await idp.create(highest + 1)

    async def decided(self, person: Person) -> None:
        """Return when the router has written his account."""
        await self._until(DECIDED, person, "decided")

    async def claimed(self, person: Person) -> None:
        """Return when a writer works on his account."""
        await self._until(CLAIMED, person, "claimed")

    async def recorded(self, person: Person) -> None:
        """Return when a writer has recorded that his account is done."""
        await self._until(RECORDED, person, "recorded")

    async def at_the_desk(self, person: Person) -> None:
        """Return when the desk knows his address."""

        async def there() -> bool:
            return bool((await look_at_desk(self.gateway.sandbox)).bearing(person.email))

        await until(there, SECONDS, f"{person.id} at the desk")

    async def _until(self, statement: str, person: Person, what: str) -> None:
        async with administrator(self.gateway) as database:

            async def so() -> bool:
                return bool(await database.fetchval(statement, person.id))

            await until(so, SECONDS, f"{person.id} {what}")
