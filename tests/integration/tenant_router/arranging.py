"""Customers, people and groups as rows, and a router that works on what is dirty."""

import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from vestibule.broker.lanes import Delivery
from vestibule.database.pool import Connection
from vestibule.domain.identifiers import ConnectionId, Kind, TenantId
from vestibule.mapping.rules import default_mapping
from vestibule.messages.envelope import Key
from vestibule.telemetry.metrics import WorkMetrics
from vestibule_tenant_router.deciding import Deciding, Store
from vestibule_tenant_router.mappings import Mappings

EMAIL_KEY = bytes(range(32))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True, slots=True)
class Customer:
    """One tenant with one connection."""

    tenant: uuid.UUID
    connection: uuid.UUID
    desk: uuid.UUID


@dataclass(slots=True)
class Arranger:
    """Writes what ingest and the console would have written, as the administrator."""

    connection: Connection
    desk: uuid.UUID = field(default_factory=uuid.uuid4)
    _desks: set[uuid.UUID] = field(default_factory=set)

    async def customer(self, *, mode: str = "live", desk: uuid.UUID | None = None) -> Customer:
        """A tenant with a connection and the default mapping."""
        made = Customer(uuid.uuid4(), uuid.uuid4(), self.desk if desk is None else desk)
        await self._have_desk(made.desk)
        slug = secrets.token_hex(8)
        await self.connection.execute(
            "insert into console.tenant (id, slug, name, desk_id, organization_prefix) "
            "values ($1, $2::text, $2, $3, $2)",
            made.tenant,
            slug,
            made.desk,
        )
        await self.connection.execute(
            "insert into console.connection (tenant_id, id, path, name, idp, mode) "
            "values ($1, $2, $3, 'idp', 'okta', $4)",
            made.tenant,
            made.connection,
            secrets.token_hex(16),
            mode,
        )
        await self.mapping(made, 1, default_mapping().as_document())
        return made

    async def mapping(self, customer: Customer, version: int, document: object) -> None:
        """Store a version of the mapping and make it the connection's."""
        await self.connection.execute(
            "insert into console.mapping_version (tenant_id, connection_id, version, document) "
            "values ($1, $2, $3, $4::jsonb)",
            customer.tenant,
            customer.connection,
            version,
            json.dumps(document),
        )
        await self.connection.execute(
            "update console.connection set mapping_version = $2 where id = $1", customer.connection, version
        )

    async def set_mode(self, customer: Customer, mode: str) -> None:
        """Switch the connection, without the fan-out that the console writes with it."""
        await self.connection.execute(
            "update console.connection set mode = $2 where id = $1", customer.connection, mode
        )

    async def set_capability(self, name: str, value: bool, desk: uuid.UUID | None = None) -> None:
        """What the desk says that it can do."""
        await self.connection.execute(
            "update console.desk set capabilities = capabilities || $2::jsonb where id = $1",
            self.desk if desk is None else desk,
            json.dumps({name: value}),
        )

    async def person(self, customer: Customer, name: str, **changes: Any) -> Key:
        """A new person called `name`, marked as ingest would."""
        person = uuid.uuid4()
        document = person_document(name, **changes)
        await self.connection.execute(
            "insert into ingest.person (tenant_id, connection_id, id, user_name_ci, active, document) "
            "values ($1, $2, $3, $4, $5, $6)",
            customer.tenant,
            customer.connection,
            person,
            name,
            document["active"],
            json.dumps(document),
        )
        return await self.mark(customer, Kind.PERSON, person)

    async def change(self, customer: Customer, person: Key, name: str, **changes: Any) -> Key:
        """Another state of a person, marked."""
        document = person_document(name, **changes)
        await self.connection.execute(
            "update ingest.person set active = $2, document = $3 where id = $1",
            person.id,
            document["active"],
            json.dumps(document),
        )
        return await self.mark(customer, Kind.PERSON, person.id, prio=1 if document["active"] else 0)

    async def remove(self, customer: Customer, key: Key) -> Key:
        """A deleted person or group, marked."""
        table = 'ingest."group"' if key.kind is Kind.GROUP else "ingest.person"
        await self.connection.execute(f"update {table} set removed_at = now() where id = $1", key.id)  # noqa: S608  one of two names
        return await self.mark(customer, key.kind, key.id, prio=0)

    async def group(self, customer: Customer, name: str, members: Sequence[Key] = ()) -> Key:
        """A pushed group, marked; its members are not."""
        group = uuid.uuid4()
        await self.connection.execute(
            'insert into ingest."group" (tenant_id, connection_id, id, display_name_ci, document) '
            "values ($1, $2, $3, $4, $5)",
            customer.tenant,
            customer.connection,
            group,
            name.lower(),
            json.dumps({"displayName": name}),
        )
        for member in members:
            await self.join(customer, group, member)
        return await self.mark(customer, Kind.GROUP, group)

    async def rename_group(self, customer: Customer, group: Key, name: str) -> Key:
        """A group's new name, marked."""
        await self.connection.execute(
            'update ingest."group" set display_name_ci = $2, document = $3 where id = $1',
            group.id,
            name.lower(),
            json.dumps({"displayName": name}),
        )
        return await self.mark(customer, Kind.GROUP, group.id)

    async def join(self, customer: Customer, group: uuid.UUID, person: Key) -> None:
        """One more member; nobody is marked."""
        await self.connection.execute(
            "insert into ingest.group_member (tenant_id, connection_id, group_id, person_id) "
            "values ($1, $2, $3, $4)",
            customer.tenant,
            customer.connection,
            group,
            person.id,
        )

    async def nest(self, customer: Customer, inner: uuid.UUID, *outer: uuid.UUID) -> None:
        """A group in others, each in the next; nobody is marked."""
        for group in outer:
            await self.connection.execute(
                "insert into ingest.enclosure (tenant_id, connection_id, inner_id, outer_id) "
                "values ($1, $2, $3, $4)",
                customer.tenant,
                customer.connection,
                inner,
                group,
            )

    async def leave(self, customer: Customer, group: uuid.UUID, person: Key) -> Key:
        """One member less; the person is marked."""
        await self.connection.execute(
            "delete from ingest.group_member where group_id = $1 and person_id = $2", group, person.id
        )
        return await self.mark(customer, Kind.PERSON, person.id)

    async def mark(self, customer: Customer, kind: Kind, subject: uuid.UUID, *, prio: int = 1) -> Key:
        """Make a key dirty; returns it with its new version."""
        async with self.connection.transaction():
            await self.connection.execute("select chain.enter_tenant($1)", customer.tenant)
            await self.connection.execute(
                "select chain.mark($1, $2, $3, array[$4::uuid], $5::smallint, $6)",
                kind.value,
                customer.tenant,
                customer.desk,
                subject,
                prio,
                TRACE,
            )
        version: int = await self.connection.fetchval(
            "select version from chain.sync where kind = $1 and id = $2", kind.value, subject
        )
        return Key(kind, subject, TenantId(customer.tenant), version)

    async def row(self, statement: str, *arguments: object) -> dict[str, Any] | None:
        """The one row that a question about the result has."""
        found = await self.connection.fetchrow(statement, *arguments)
        return None if found is None else dict(found)

    async def decision(self, person: Key) -> tuple[str, str | None] | None:
        """Verdict and reason."""
        found = await self.row("select verdict, reason from router.decision where person_id = $1", person.id)
        return None if found is None else (found["verdict"], found["reason"])

    async def account(self, person: Key) -> dict[str, Any] | None:
        """The account that the person feeds."""
        return await self.row(
            "select a.* from router.decision d join router.account a on a.id = d.account_id "
            "where d.person_id = $1",
            person.id,
        )

    async def at_desk(self, person: Key, state: str = "present") -> None:
        """The writer has made the person's account, or (`intent`, `unknown`, `idle`) has begun to."""
        account = await self.account(person)
        assert account is not None
        await self.connection.execute(
            "insert into writer.desk_identity "
            "(tenant_id, id, desk_id, account_id, desk_account_id, state, email) "
            "values ($1, $2, $3, $4, $5, $6, $7)",
            account["tenant_id"],
            uuid.uuid4(),
            account["desk_id"],
            account["id"],
            account["id"].hex if state == "present" else None,
            state,
            account["email"],
        )

    async def organizations(self, person: Key) -> set[uuid.UUID]:
        """Where the person's account is wanted."""
        rows = await self.connection.fetch(
            "select m.organization_id from router.membership m "
            "join router.decision d on d.account_id = m.account_id where d.person_id = $1 and m.wanted",
            person.id,
        )
        return {row["organization_id"] for row in rows}

    async def sync(self, kind: str, subject: uuid.UUID) -> dict[str, Any]:
        """A row of the backlog."""
        found = await self.row("select * from chain.sync where kind = $1 and id = $2", kind, subject)
        assert found is not None
        return found

    async def open_cases(self, kind: str) -> list[uuid.UUID]:
        """The subjects of the open cases of a kind."""
        rows = await self.connection.fetch(
            'select subject_id from router."case" where kind = $1 and closed_at is null', kind
        )
        return [row["subject_id"] for row in rows]

    async def _have_desk(self, desk: uuid.UUID) -> None:
        if desk in self._desks:
            return
        self._desks.add(desk)
        await self.connection.execute(
            "insert into console.desk (id, name, kind, sealed_credentials, sealing_key_id, capabilities) "
            "values ($1, $2, 'memory', '', 'none', $3::jsonb)",
            desk,
            str(desk),
            json.dumps({"rename_email": False, "rename_person": True}),
        )


def person_document(name: str, **changes: Any) -> dict[str, Any]:
    """What ingest stores of a person; `email` None leaves the address away."""
    email = changes.pop("email", f"{name}@customer.example")
    document: dict[str, Any] = {"userName": name, "displayName": name.title(), "active": True, **changes}
    if email is not None:
        document["emails"] = [{"value": email, "type": "work", "primary": True}]
    return document


def deliveries(*keys: Key) -> list[Delivery]:
    """Keys as a consumer hands them over."""
    return [Delivery(key, "router.in", tag, traceparent=TRACE) for tag, key in enumerate(keys, 1)]


class Readable(Store, Protocol):
    """A store that knows mappings too."""

    async def read_mapping(
        self, tenant: TenantId, connection: ConnectionId, version: int
    ) -> object | None: ...


def deciding_over(database: Readable) -> Deciding:
    """A router's work over a database, with counters of its own."""
    return Deciding(
        database, Mappings(database.read_mapping), EMAIL_KEY, WorkMetrics(CollectorRegistry()), lambda: 1.0
    )
