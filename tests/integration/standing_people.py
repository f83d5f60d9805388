"""A customer whose people are put, row by row, where a test wants them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from tests.tenants import Customer
from vestibule.database.pool import Connection


@dataclass(frozen=True, slots=True)
class Key:
    """A row of the backlog: done unless told otherwise; `missing`: there is none."""

    dirty: bool = False
    parked: bool = False
    code: str | None = None
    missing: bool = False


NOBODY = UUID(int=0)  # sorts before every id
DONE, DIRTY = Key(), Key(dirty=True)


class People:
    """Writes as the administrator: what the services would have left behind."""

    def __init__(self, admin: Connection, customer: Customer) -> None:
        self.admin = admin
        self.customer = customer

    async def mark(self, kind: str, subject: UUID, key: Key) -> None:
        """The subject's row in the backlog."""
        if key.missing:
            return
        dirty = key.dirty or key.parked
        await self.admin.execute(
            "insert into chain.sync "
            "(kind, id, tenant_id, desk_id, prio, version, done_version, done_at, parked_at, code) "
            "values ($1, $2, $3, $4, 1, 2, $5, now(), case when $6 then now() end, $7)",
            kind,
            subject,
            self.customer.tenant,
            self.customer.desk,
            1 if dirty else 2,
            key.parked,
            key.code,
        )

    async def person(self, key: Key = DONE, *, removed: bool = False, user_name: str = "") -> UUID:
        """A person as ingest stores it."""
        person = uuid4()
        await self.admin.execute(
            "insert into ingest.person "
            "(tenant_id, connection_id, id, user_name_ci, active, document, removed_at) "
            "values ($1, $2, $3, $4, true, '{}', case when $5 then now() end)",
            self.customer.tenant,
            self.customer.connection,
            person,
            user_name or f"p-{person.hex[:12]}",
            removed,
        )
        await self.mark("person", person, key)
        return person

    async def decision(
        self, person: UUID, verdict: str, reason: str | None = None, account: UUID | None = None
    ) -> None:
        """What the router decided."""
        await self.admin.execute(
            "insert into router.decision "
            "(tenant_id, person_id, connection_id, account_id, verdict, reason, "
            " mapping_version, seen_version) "
            "values ($1, $2, $3, $4, $5, $6, 1, 2)",
            self.customer.tenant,
            person,
            self.customer.connection,
            account,
            verdict,
            reason,
        )

    async def account(self, key: Key = DONE, *, access: bool = True) -> UUID:
        """An account as the router wants it."""
        account = uuid4()
        await self.admin.execute(
            "insert into router.account "
            "(tenant_id, id, desk_id, connection_id, email, email_hmac, display_name, access, wanted_hash) "
            "values ($1, $2, $3, $4, $5, $6, 'Somebody', $7, 'h')",
            self.customer.tenant,
            account,
            self.customer.desk,
            self.customer.connection,
            f"{account.hex[:12]}@acme.example",
            hashlib.sha256(account.bytes).digest(),
            access,
        )
        await self.mark("account", account, key)
        return account

    async def outcome(
        self,
        account: UUID,
        *,
        form: str | None = "access",
        applied: str | None = "h",
        held: str | None = None,
    ) -> None:
        """What the writer recorded."""
        await self.admin.execute(
            "insert into writer.outcome "
            "(tenant_id, account_id, applied_hash, applied_version, form, held, confirmed_at) "
            "values ($1, $2, $3, 2, $4, $5, case when $3::text is not null then now() end)",
            self.customer.tenant,
            account,
            applied,
            form,
            held,
        )

    async def applied(
        self,
        *,
        key: Key = DONE,
        access: bool = True,
        form: str = "access",
        removed: bool = False,
        user_name: str = "",
    ) -> tuple[UUID, UUID]:
        """A person whose account the desk has confirmed; `key` is the account's."""
        person = await self.person(removed=removed, user_name=user_name)
        account = await self.account(key, access=access)
        await self.decision(person, "want", account=account)
        await self.outcome(account, form=form)
        return person, account

    async def organization(
        self, key: Key = DONE, *, group: UUID | None = None, name: str | None = "Acme"
    ) -> UUID:
        """An organization, the tenant's own unless a group is given."""
        organization = uuid4()
        await self.admin.execute(
            "insert into router.organization "
            "(tenant_id, id, desk_id, source, connection_id, group_id, wanted_name) "
            "values ($1, $2, $3, $4, $5, $6, $7)",
            self.customer.tenant,
            organization,
            self.customer.desk,
            "home" if group is None else "group",
            None if group is None else self.customer.connection,
            group,
            name,
        )
        await self.mark("organization", organization, key)
        return organization

    async def member(
        self,
        organization: UUID,
        account: UUID,
        *,
        wanted: bool = True,
        applied: bool = True,
        code: str | None = None,
    ) -> None:
        """A membership, wanted and applied."""
        await self.admin.execute(
            "insert into router.membership "
            "(tenant_id, organization_id, account_id, wanted, applied, code) "
            "values ($1, $2, $3, $4, $5, $6)",
            self.customer.tenant,
            organization,
            account,
            wanted,
            applied,
            code,
        )

    async def group(self, members: Sequence[UUID] = ()) -> UUID:
        """A group as ingest stores it."""
        group = uuid4()
        await self.admin.execute(
            'insert into ingest."group" (tenant_id, connection_id, id, display_name_ci, document) '
            "values ($1, $2, $3, $4, '{}')",
            self.customer.tenant,
            self.customer.connection,
            group,
            group.hex,
        )
        for member in members:
            await self.admin.execute(
                "insert into ingest.group_member (tenant_id, connection_id, group_id, person_id) "
                "values ($1, $2, $3, $4)",
                self.customer.tenant,
                self.customer.connection,
                group,
                member,
            )
        return group

    async def fanout(
        self,
        scope: str,
        target: UUID,
        *,
        phase: str = "persons",
        cursor: UUID = NOBODY,
        over: bool = False,
        further: Sequence[UUID] = (),
    ) -> None:
        """A wide change, expanded up to the cursor of its phase."""
        await self.admin.execute(
            "insert into chain.fanout "
            "(tenant_id, desk_id, connection_id, scope, target_id, prio, phase, cursor, finished_at, "
            "further) values ($1, $2, $3, $4, $5, 2, $6, $7, case when $8 then now() end, $9)",
            self.customer.tenant,
            self.customer.desk,
            self.customer.connection,
            scope,
            target,
            phase,
            cursor,
            over,
            further,
        )

    async def set(self, table: str, column: str, value: Any) -> None:
        """One column of the customer's tenant, connection or desk."""
        subject = {
            "tenant": self.customer.tenant,
            "connection": self.customer.connection,
            "desk": self.customer.desk,
        }[table]
        await self.admin.execute(
            f"update console.{table} set {column} = $2 where id = $1",  # noqa: S608 - the test's own names
            subject,
            value,
        )
