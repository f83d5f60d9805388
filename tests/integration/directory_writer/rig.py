"""A writer on a real database with a desk in memory: what the router and the relay do is arranged by hand."""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
from prometheus_client import CollectorRegistry

from tests.stack import Database
from tests.tenants import Customer, make_customer, make_desk
from vestibule.database.pool import Connection, Pool, json_text, open_pool
from vestibule.domain.accounts import WantedAccount, wanted_hash
from vestibule.domain.desks import Capabilities, credentials_context
from vestibule.domain.identifiers import DeskId, Kind, TenantId
from vestibule.messages.envelope import Key
from vestibule.sealing import KeyPair, new_key_pair, seal
from vestibule.settings.values import named_keys
from vestibule.telemetry.metrics import DeskMetrics, WorkMetrics
from vestibule_directory_writer.connectors.memory import EVERYTHING, MemoryDesk
from vestibule_directory_writer.connectors.service_desk import ServiceDesk
from vestibule_directory_writer.desks import Build, Desks
from vestibule_directory_writer.reconciling import Reconciler
from vestibule_directory_writer.timing import Timing
from vestibule_directory_writer.work import Means, Work

MOST_ROUNDS = 50
FAST = {"default": {"rate": 10_000, "burst": 10_000}}


@dataclass(frozen=True, slots=True)
class Person:
    """An account that the router wants, in test's words."""

    tenant: UUID
    id: UUID
    wanted: WantedAccount


@dataclass(slots=True)
class Clock:
    """A clock that moves when a test says so."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Rig:
    """One database, one desk, and as many writers as a test opens."""

    database: Database
    admin: Connection
    pool: Pool
    desk_id: UUID
    keys: KeyPair
    memory: MemoryDesk
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    built: list[Mapping[str, object]] = field(default_factory=list)
    opened: list[Desks] = field(default_factory=list)

    # the console's part

    async def another_desk(self) -> UUID:
        """One more desk, in the memory of whatever process writes to it."""
        return await memory_desk(self.admin, self.keys)

    async def customer(self, prefix: str = "") -> Customer:
        """A tenant at the desk with its home organization."""
        made = await make_customer(self.admin, self.desk_id)
        if prefix:
            await self.admin.execute(
                "update console.tenant set organization_prefix = $2 where id = $1", made.tenant, prefix
            )
        await self.organization(made, home=True, organization=made.tenant)
        return made

    async def settings(self, **settings: object) -> None:
        """Change the desk's settings."""
        await self.admin.execute(
            "update console.desk set settings = $2 where id = $1",
            self.desk_id,
            json_text({"permits": FAST, **settings}),
        )

    async def mode(self, customer: Customer, mode: str) -> None:
        """Switch a connection, as the console does; sleeping keys are woken by `live`."""
        await self.admin.execute(
            "update console.connection set mode = $2 where tenant_id = $1", customer.tenant, mode
        )
        if mode == "live":
            await self.wake()

    # the router's part

    async def want(
        self,
        customer: Customer,
        email: str = "",
        *,
        name: str = "Ann Example",
        access: bool = True,
        organizations: tuple[UUID, ...] = (),
        person: Person | None = None,
    ) -> Person:
        """Want an account so, with membership of the home organization and of those given."""
        account = person.id if person else uuid4()
        email = email or (person.wanted.email if person else f"{account.hex[:12]}@acme.example")
        wanted = WantedAccount(email=email, login=email, display_name=name, access=access)
        async with self.admin.transaction():
            await self.admin.execute("select chain.enter_tenant($1)", customer.tenant)
            await self.admin.execute(
                "insert into router.account (tenant_id, id, desk_id, connection_id, email, email_hmac, "
                "login, display_name, access, wanted_hash) values ($1, $2, $3, $4, $5, $6, $5, $7, $8, $9) "
                "on conflict (tenant_id, id) do update set email = excluded.email, "
                "display_name = excluded.display_name, access = excluded.access, "
                "wanted_hash = excluded.wanted_hash",
                customer.tenant,
                account,
                self.desk_id,
                customer.connection,
                email,
                hashlib.sha256(email.encode()).digest(),
                name,
                access,
                wanted_hash(wanted),
            )
            await self._mark("account", customer.tenant, [account], 1 if access else 0)
            joined = [customer.tenant, *organizations] if access else []  # a leaver is wanted in none
            for organization in joined:
                await self.admin.execute(
                    "insert into router.membership (tenant_id, organization_id, account_id, wanted) "
                    "values ($1, $2, $3, true) on conflict (tenant_id, organization_id, account_id) "
                    "do update set wanted = true, wanted_at = now()",
                    customer.tenant,
                    organization,
                    account,
                )
            left = await self.admin.fetch(
                "update router.membership set wanted = false, wanted_at = now() where tenant_id = $1 "
                "and account_id = $2 and wanted and not (organization_id = any ($3)) "
                "returning organization_id",
                customer.tenant,
                account,
                joined,
            )
            touched = [*joined, *(row["organization_id"] for row in left)]
            await self._mark("organization", customer.tenant, touched, 1 if access else 0)
        return Person(customer.tenant, account, wanted)

    async def organization(
        self,
        customer: Customer,
        name: str | None = None,
        *,
        home: bool = False,
        organization: UUID | None = None,
        removed: bool = False,
    ) -> UUID:
        """Want an organization of a pushed group (or the home one), or change it."""
        key = organization or uuid4()
        async with self.admin.transaction():
            await self.admin.execute("select chain.enter_tenant($1)", customer.tenant)
            await self.admin.execute(
                "insert into router.organization (tenant_id, id, desk_id, source, connection_id, group_id, "
                "wanted_name) values ($1, $2, $3, $4, $5, $6, $7) on conflict (tenant_id, id) do update set "
                "wanted_name = excluded.wanted_name",
                customer.tenant,
                key,
                self.desk_id,
                "home" if home else "group",
                None if home else customer.connection,
                None if home else key,
                name,
            )
            await self.admin.execute(
                "update router.organization set source_removed_at = $3 where tenant_id = $1 and id = $2 "
                "and source = 'group'",
                customer.tenant,
                key,
                None if not removed else await self.admin.fetchval("select now()"),
            )
            await self._mark("organization", customer.tenant, [key], 1)
        return key

    async def _mark(self, kind: str, tenant: UUID, ids: list[UUID], prio: int) -> None:
        await self.admin.execute(
            "select chain.mark($1, $2, $3, $4, $5::smallint, null)", kind, tenant, self.desk_id, ids, prio
        )

    # the relay's part

    async def pick(self, *, kind: str | None = None) -> list[Work]:
        """What the relay would publish now."""
        rows = await self.admin.fetch(
            "select kind, id, tenant_id, version from chain.pick('writer', 1000, 1000, 100)"
        )
        picked = [
            Work(Key(Kind(row["kind"]), row["id"], TenantId(row["tenant_id"]), row["version"]), None)
            for row in rows
        ]
        return [work for work in picked if kind is None or work.key.kind == kind]

    @staticmethod
    def work(kind: str, row: asyncpg.Record) -> Work:
        """A message about a row of the backlog."""
        return Work(Key(Kind(kind), row["id"], TenantId(row["tenant_id"]), row["version"]), None)

    async def wake(self) -> None:
        """Let time pass: deferred rows are due, leases of queue and claims over, blocks of the desk too."""
        await self.admin.execute(
            "update chain.sync set not_before = null, inflight_version = null, inflight_at = null, "
            "claim_until = case when claim_until > now() then now() else claim_until end "
            "where parked_at is null"
        )
        await self.admin.execute("update chain.desk_flow set blocked_until = null")
        await self.admin.execute("update writer.permit set blocked_until = now()")

    async def replay(self, tenant: UUID) -> None:
        """The operator's replay of what is parked."""
        await self.admin.execute("select chain.replay($1, null, null)", tenant)

    # the writer

    def writer(self, *, means: Callable[[Means], Means] = lambda same: same) -> Reconciler:
        """A writer of its own, as another process would be."""
        timing = Timing(call_seconds=2.0, claim_seconds=10.0)
        plain = Means(self.pool, WorkMetrics(self.registry), timing)
        ready = means(plain)
        desks = Desks(
            self.pool,
            named_keys(self.keys.private.reveal()),
            self.build(),
            DeskMetrics(CollectorRegistry()),
            ready.timing,
            ready.clock,
        )
        self.opened.append(desks)
        self.registry = CollectorRegistry()
        return Reconciler(ready, desks)

    def build(self) -> Build:
        """The desk in memory whatever the record says; what it was opened with is noted."""

        def build(
            _kind: str, settings: Mapping[str, object], credentials: Mapping[str, object]
        ) -> ServiceDesk:
            self.built.append({"settings": settings, "credentials": credentials})
            return self.memory

        return build

    async def settle(self, writer: Reconciler | None = None) -> None:
        """Relay and writer until nothing may be picked any more."""
        writer = writer or self.writer()
        for _ in range(MOST_ROUNDS):
            work = await self.pick()
            if not work:
                return
            await writer.reconcile(work)
        raise AssertionError("the chain does not come to rest")

    # judging

    async def outcome(self, person: Person) -> asyncpg.Record:
        """The outcome row with its key's row."""
        row = await self.admin.fetchrow(
            "select o.*, s.done_version, s.version, s.attempts, s.parked_at, s.not_before, s.code as waits, "
            "s.claim_worker, s.claim_until > clock_timestamp() as claimed, "
            "case when isfinite(s.not_before) "
            "then extract(epoch from s.not_before - clock_timestamp()) end as wait "
            "from chain.sync s left join writer.outcome o on o.account_id = s.id "
            "where s.kind = 'account' and s.id = $1",
            person.id,
        )
        assert row is not None
        return row

    async def identity(self, person: Person) -> asyncpg.Record | None:
        """The live identity row."""
        return await self.admin.fetchrow(
            "select * from writer.desk_identity where account_id = $1 and role = 'live'", person.id
        )

    async def cases(self, person: Person) -> list[asyncpg.Record]:
        """Open cases about an account."""
        return await self.admin.fetch(
            'select * from router."case" where subject_id = $1 and closed_at is null', person.id
        )

    async def organization_row(self, organization: UUID) -> asyncpg.Record:
        """The organization with its key's row."""
        row = await self.admin.fetchrow(
            "select o.*, s.done_version, s.version, s.attempts, s.parked_at, s.code as waits "
            "from router.organization o join chain.sync s on s.kind = 'organization' and s.id = o.id "
            "where o.id = $1",
            organization,
        )
        assert row is not None
        return row

    async def membership(self, organization: UUID, person: Person) -> asyncpg.Record:
        """One membership row."""
        row = await self.admin.fetchrow(
            "select * from router.membership where organization_id = $1 and account_id = $2",
            organization,
            person.id,
        )
        assert row is not None
        return row

    async def desk_account(self, person: Person) -> str:
        """The desk's id of an account that must have one."""
        row = await self.identity(person)
        assert row is not None
        assert row["desk_account_id"] is not None
        return str(row["desk_account_id"])

    async def flow(self) -> asyncpg.Record:
        """The desk's window."""
        row = await self.admin.fetchrow("select * from chain.desk_flow where desk_id = $1", self.desk_id)
        assert row is not None
        return row


async def memory_desk(admin: Connection, keys: KeyPair) -> DeskId:
    """A desk in memory whose credentials open with these keys."""
    desk = DeskId(await make_desk(admin))
    sealed = seal(keys.public, b"{}", credentials_context(desk, "memory", {}))
    await admin.execute(
        "update console.desk set sealed_credentials = $2, sealing_key_id = $3, settings = $4 where id = $1",
        desk,
        sealed.box,
        sealed.key_id,
        json_text({"permits": FAST}),
    )
    return desk


@asynccontextmanager
async def open_rig(database: Database, capabilities: Capabilities = EVERYTHING) -> AsyncIterator[Rig]:
    """A rig with one desk; closed with all its writers."""
    keys = new_key_pair("k1")
    pool = await open_pool(database.url("vestibule_writer"), 10, "test-writer")
    async with database.administrator() as admin:
        desk = await memory_desk(admin, keys)
        rig = Rig(database, admin, pool, desk, keys, MemoryDesk(capabilities))
        try:
            yield rig
        finally:
            for desks in rig.opened:
                await desks.close()
            await pool.close()
