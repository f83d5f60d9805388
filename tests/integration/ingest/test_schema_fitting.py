"""What was stored before a schema was defined: it gets the schema's form, while requests go on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

import asyncpg
import orjson
import pytest

from tests.integration.ingest.conftest import NewClient, NewCustomer
from tests.integration.ingest.scim_client import ScimClient, assert_error
from tests.integration.ingest.serving import PUBLIC_URL
from tests.stack import Database
from tests.tenant_schema import ACME, extension
from tests.tenants import Customer
from tests.waiting import until
from vestibule.database.persons import NewPerson, PersonWrite, write_persons
from vestibule.database.pool import Connection, json_text
from vestibule.domain.tokens import Credential, digest
from vestibule.scim.fitting import fit
from vestibule.scim.resource_types import Extension
from vestibule.scim.search_documents import search_document
from vestibule.sealing import new_key_pair
from vestibule.settings.loading import load
from vestibule.settings.services import ConsoleSettings
from vestibule_ingest.lanes import SESSION
from vestibule_operator_console.console import Console, open_console
from vestibule_operator_console.fitting import Fitting, find_misfits, fit_stored, refuse_misfits
from vestibule_operator_console.problems import Conflict
from vestibule_operator_console.schemas import (
    Defined,
    put_in_force,
    read_defined,
    with_schema,
    without_schema,
)


@pytest.fixture
async def console(store: Database) -> AsyncIterator[Console]:
    """An operator at the database of the service."""
    environment = {
        "VESTIBULE_DATABASE_URL": store.url("vestibule_console"),
        "VESTIBULE_SEALING_KEY": new_key_pair("k1").public,
        "VESTIBULE_PUBLIC_URL": PUBLIC_URL,
    }
    async with open_console(load(ConsoleSettings, environment), "olga") as opened:
        yield opened


def slug_of(customer: Customer) -> str:
    return f"t-{customer.tenant.hex[:12]}"


def ignore(_state: Fitting) -> None:
    """Nobody looks on."""


async def define(console: Console, customer: Customer, new: Extension) -> Defined:
    """A schema in force, and nothing stored before touched."""
    wanted = with_schema(await read_defined(console, slug_of(customer)), new, replacing=True)
    return await put_in_force(console, wanted, "schema.add", new.schema.id)


async def found(scim: ScimClient, text: str) -> list[str]:
    answer = await scim.get(f"/Users?filter={quote(text)}")
    return [one["userName"] for one in answer.body["Resources"]]


async def assert_all_fit(admin: Connection, customer: Customer, defined: Defined) -> None:
    """Every row is as the service would have written it by these schemas."""
    for table, kind in (("person", defined.types.user), ("group", defined.types.group)):
        rows = await admin.fetch(
            f'select document, search from ingest."{table}" where tenant_id = $1',  # noqa: S608  two names of ours
            customer.tenant,
        )
        for row in rows:
            document = orjson.loads(row["document"])
            fitted = fit(kind, document)
            assert fitted.document is document
            assert fitted.left_out == ()
            stored = None if row["search"] is None else orjson.loads(row["search"])
            assert stored == search_document(document, kind)


async def test_what_was_stored_freely_is_found_by_the_types_of_the_schema(
    console: Console, admin: Connection, customer: Customer, scim: ScimClient
) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "ana": {ACME: {"level": "12", "hiredAt": "2024-05-01T12:00:00+02:00"}},
        "bo": {ACME.upper(): {"LEVEL": 3, "costCode": "ÄB", "remote": "True"}},
        "cy": {ACME: {"level": 5}, "urn:corp:other": {"LEVEL": "5"}},
        "dee": {},
    }
    made = {name: await scim.post("/Users", {"userName": name, **body}) for name, body in bodies.items()}
    team = await scim.post("/Groups", {"displayName": "IT", ACME.lower(): {"LEVEL": "7"}})
    assert await found(scim, f"{ACME}:level gt 4") == ["cy"]  # "12" is a text so far
    assert_error(await scim.get(f"/Users?filter={quote(f'{ACME}:level eq')}"), 400, "invalidFilter")

    defined = await define(console, customer, extension("User", "Group"))
    assert not defined.is_fitted
    fitted = await fit_stored(console, defined, ignore)
    assert (fitted.total, fitted.seen, fitted.changed, dict(fitted.left_out)) == (5, 5, 3, {})

    await assert_all_fit(admin, customer, defined)
    assert (await read_defined(console, slug_of(customer))).is_fitted
    assert await found(scim, f"{ACME}:level gt 4") == ["ana", "cy"]
    assert await found(scim, f'{ACME}:hiredAt eq "2024-05-01T10:00:00Z"') == ["ana"]
    assert await found(scim, f'{ACME}:costCode eq "ÄB"') == ["bo"]
    assert await found(scim, f'{ACME}:costCode eq "äb"') == []
    shown = await scim.user(made["bo"].id)
    assert shown[ACME] == {"level": 3, "costCode": "ÄB", "remote": True}
    assert ACME.upper() not in shown
    assert (await scim.get(f"/Groups/{team.id}")).body[ACME] == {"level": 7}
    # whoever changed has another version, nobody else has
    versions = {name: (await scim.user(one.id))["meta"]["version"] for name, one in made.items()}
    assert versions == {"ana": 'W/"2"', "bo": 'W/"2"', "cy": 'W/"1"', "dee": 'W/"1"'}
    assert (await scim.user(made["cy"].id))["urn:corp:other"] == {"LEVEL": "5"}


async def test_another_tenant_with_the_same_urn_is_left_alone(
    console: Console, customer: Customer, new_customer: NewCustomer, client_of: NewClient
) -> None:
    other = client_of(await new_customer())
    theirs = await other.post("/Users", {"userName": "ana", ACME: {"LEVEL": "high"}})
    await fit_stored(console, await define(console, customer, extension()), ignore)
    assert await other.user(theirs.id) == theirs.body
    free = await other.post("/Users", {"userName": "bo", ACME: {"level": "high"}})
    assert free.body[ACME] == {"level": "high"}


async def test_misfits_are_told_before_anything_is_stored(
    console: Console, customer: Customer, scim: ScimClient
) -> None:
    for name, body in (("ana", {"level": "high"}), ("bo", {"level": 1.5, "x": 1}), ("cy", {"level": "2"})):
        await scim.post("/Users", {"userName": name, ACME: body})
    wanted = with_schema(await read_defined(console, slug_of(customer)), extension(), replacing=False)
    misfits = await find_misfits(console, wanted)
    assert misfits == {f"{ACME}:level": 2, f"{ACME}:x": 1}
    with pytest.raises(Conflict, match=f"{ACME}:level: of 2"):
        refuse_misfits(misfits)
    assert (await scim.get(f"/Schemas/{ACME}")).status == 404
    defined = await put_in_force(console, wanted, "schema.add", ACME)
    fitted = await fit_stored(console, defined, ignore)
    assert fitted.left_out == misfits
    assert await found(scim, f"{ACME}:level pr") == ["cy"]
    assert (await scim.get("/Users")).body["Resources"][0].get(ACME) is None


async def test_fitting_goes_on_where_it_was_broken_off(
    console: Console, admin: Connection, customer: Customer, scim: ScimClient
) -> None:
    for number in range(7):
        await scim.post("/Users", {"userName": f"u{number}", ACME: {"level": str(number)}})
    await scim.post("/Groups", {"displayName": "IT", ACME: {"level": "1"}})
    defined = await define(console, customer, extension("User", "Group"))

    def stop(state: Fitting) -> None:
        if state.seen >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await fit_stored(console, defined, stop, size=2)
    assert not (await read_defined(console, slug_of(customer))).is_fitted
    # who is not fitted yet is when he is changed
    last = (await scim.get('/Users?filter=userName eq "u6"')).body["Resources"][0]["id"]
    patched = await scim.patch(f"/Users/{last}", {"op": "add", "path": f"{ACME}:tags", "value": ["x"]})
    assert patched.body[ACME] == {"level": 6, "tags": ["x"]}

    seen: list[int] = []
    fitted = await fit_stored(console, defined, lambda state: seen.append(state.seen), size=2)
    assert seen == [6, 7, 8]
    assert (fitted.seen, fitted.changed) == (8, 7)  # one was changed by the PATCH
    await assert_all_fit(admin, customer, defined)


async def test_a_removed_schema_leaves_its_values_free(
    console: Console, admin: Connection, customer: Customer, scim: ScimClient
) -> None:
    await fit_stored(console, await define(console, customer, extension()), ignore)
    body = {"level": 3, "costCode": "ÄB", "hiredAt": "2024-05-01T10:00:00Z", "notes": "n"}
    made = await scim.post("/Users", {"userName": "ana", ACME: body})
    wanted = without_schema(await read_defined(console, slug_of(customer)), ACME.upper())
    defined = await put_in_force(console, wanted, "schema.remove", ACME)
    fitted = await fit_stored(console, defined, ignore)
    assert (fitted.seen, fitted.changed) == (1, 0)
    await assert_all_fit(admin, customer, defined)
    assert (await scim.user(made.id))[ACME] == body
    assert await found(scim, f'{ACME}:costCode eq "äb"') == ["ana"]
    assert await found(scim, f'{ACME}:hiredAt co "2024-05"') == ["ana"]

    rows = await admin.fetch(
        "select action, actor, detail from console.audit where tenant_id = $1 order by id", customer.tenant
    )
    assert [row["action"] for row in rows] == ["schema.add", "schema.fit", "schema.remove", "schema.fit"]
    assert {row["actor"] for row in rows} == {"olga"}
    assert orjson.loads(rows[0]["detail"]) == {"schema": ACME, "version": 1}


async def test_what_is_not_fitted_by_one_version_is_by_the_next(
    console: Console, admin: Connection, customer: Customer, scim: ScimClient
) -> None:
    await define(console, customer, extension())
    await scim.post("/Users", {"userName": "ana", ACME: {"costCode": "ÄB"}})
    await put_in_force(
        console, without_schema(await read_defined(console, slug_of(customer)), ACME), "schema.remove", ACME
    )
    defined = await define(console, customer, extension(id="urn:corp:another"))
    await fit_stored(console, defined, ignore)
    await assert_all_fit(admin, customer, defined)


async def test_two_operators_do_not_undo_each_other(console: Console, customer: Customer) -> None:
    before = await read_defined(console, slug_of(customer))
    one = with_schema(before, extension(), replacing=False)
    other = with_schema(before, extension(id="urn:corp:another"), replacing=False)
    first = await put_in_force(console, one, "schema.add", ACME)
    with pytest.raises(Conflict, match="at this moment"):
        await put_in_force(console, other, "schema.add", "urn:corp:another")
    second = await define(console, customer, extension(id="urn:corp:another"))
    assert [one.schema.id for one in second.extensions] == [ACME, "urn:corp:another"]
    with pytest.raises(Conflict, match="changed meanwhile"):
        await fit_stored(console, first, ignore)


async def test_a_request_that_began_before_is_fitted_too(
    console: Console, store: Database, admin: Connection, customer: Customer, scim: ScimClient
) -> None:
    lane = await asyncpg.connect(
        store.url("vestibule_ingest"), server_settings={"search_path": "pg_catalog", "jit": "off"}
    )
    try:
        await lane.execute(SESSION)
        transaction = lane.transaction()
        await transaction.start()
        caller = Credential(customer.path, digest(customer.token))
        document = {"userName": "late", ACME.upper(): {"LEVEL": "9"}}
        write = PersonWrite(json_text(document), None, None, "late", None, None, active=True)
        await write_persons(lane, [NewPerson(caller, UUID(int=7), write, None)], 1.0)
        defined = await define(console, customer, extension())
        fitting = asyncio.create_task(fit_stored(console, defined, ignore))
        assert (await scim.post("/Users", {"userName": "ana", ACME: {"level": "1"}})).status == 201
        await asyncio.wait([fitting], timeout=0.2)
        assert not fitting.done()
        await transaction.commit()
        assert (await fitting).changed == 1
    finally:
        await lane.close()
    await assert_all_fit(admin, customer, defined)
    assert await found(scim, f"{ACME}:level eq 9") == ["late"]


async def test_requests_of_two_processes_go_on_meanwhile(
    console: Console,
    admin: Connection,
    customer: Customer,
    replicas: Sequence[ScimClient],
) -> None:
    stopping = asyncio.Event()

    async def write(client: ScimClient, name: str) -> int:
        made = 0
        while not stopping.is_set():
            answer = await client.post("/Users", {"userName": f"{name}{made}", ACME: {"LEVEL": str(made)}})
            assert answer.status == 201, answer
            operation = {"op": "add", "path": f"{ACME}:tags", "value": [f"t{made}"]}
            assert (await client.patch(f"/Users/{answer.id}", operation)).status == 200
            made += 1
        return made

    writers = [asyncio.create_task(write(client, f"w{n}-")) for n, client in enumerate([*replicas] * 2)]
    try:
        await until(lambda: count(admin, customer, 20), 20, "twenty users")
        defined = await define(console, customer, extension())
        fitted = await fit_stored(console, defined, ignore, size=5)
        assert fitted.changed > 0
    finally:
        stopping.set()
        made = sum(await asyncio.gather(*writers))
    assert await count(admin, customer, made)
    await assert_all_fit(admin, customer, defined)


async def count(admin: Connection, customer: Customer, least: int) -> bool:
    """Whether there are so many users by now."""
    there = await admin.fetchval("select count(*) from ingest.person where tenant_id = $1", customer.tenant)
    return bool(there >= least)
