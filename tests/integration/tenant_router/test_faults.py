"""What is wrong with one key stays with that key: it waits or is parked with a code, and the others go on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.integration.tenant_router.arranging import Arranger, deciding_over, deliveries
from tests.stack import Database as MigratedDatabase
from vestibule.database.pool import open_pool
from vestibule.domain.identifiers import Kind
from vestibule.mapping.rules import default_mapping
from vestibule.messages.redelivery import LADDER
from vestibule_tenant_router.deciding import Deciding
from vestibule_tenant_router.worker import Database


@pytest.mark.parametrize("document", [{}, [], "text", {"format": 99}, None])
async def test_an_unusable_mapping_fails_its_people_and_nobody_elses(
    world: Arranger, deciding: Deciding, document: object
) -> None:
    broken, sound = await world.customer(), await world.customer()
    await world.mapping(broken, 2, document)
    ada, bob = await world.person(broken, "ada"), await world.person(sound, "bob")
    await deciding.handle(deliveries(ada, bob))

    parked = await world.sync("person", ada.id)
    assert (parked["code"], parked["parked_at"] is not None, parked["inflight_version"]) == (
        "mapping",
        True,
        None,
    )
    found = await world.row("select standing, detail from router.standing where person_id = $1", ada.id)
    assert found == {"standing": "failed", "detail": "mapping"}
    assert await world.decision(bob) == ("want", None)

    await world.mapping(broken, 3, default_mapping().as_document())
    await deciding.handle(deliveries(await world.mark(broken, Kind.PERSON, ada.id)))
    assert await world.decision(ada) == ("want", None)
    assert (await world.sync("person", ada.id))["parked_at"] is None


async def test_a_missing_mapping_version_is_told_and_found_once_it_is_there(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    await world.connection.execute("update console.connection set mapping_version = 2")
    ada = await world.person(customer, "ada")
    await deciding.handle(deliveries(ada))
    assert (await world.sync("person", ada.id))["code"] == "mapping"
    await world.mapping(customer, 2, default_mapping().as_document())
    await deciding.handle(deliveries(ada))
    assert await world.decision(ada) == ("want", None)


async def test_an_item_that_the_database_refuses_waits_alone(world: Arranger, deciding: Deciding) -> None:
    customer = await world.customer()
    people = [await world.person(customer, f"p{number}") for number in range(9)]
    batch = deliveries(*people)
    batch[4] = replace(batch[4], traceparent="x" * 65)  # longer than a column takes
    await deciding.handle(batch)

    waiting = await world.sync("person", people[4].id)
    assert (waiting["code"], waiting["attempts"], waiting["parked_at"]) == ("bug", 1, None)
    assert waiting["not_before"] > datetime.now(UTC) + timedelta(seconds=LADDER[0] / 2)
    assert waiting["inflight_version"] is None
    for person in people[:4] + people[5:]:
        assert await world.decision(person) == ("want", None)


async def test_a_key_that_never_works_climbs_the_ladder_and_is_parked(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    (bad,) = deliveries(ada)
    bad = replace(bad, traceparent="x" * 65)
    for attempt in range(len(LADDER)):
        await deciding.handle([bad])
        assert (await world.sync("person", ada.id))["attempts"] == attempt + 1
    assert (await world.sync("person", ada.id))["parked_at"] is None
    await deciding.handle([bad])
    assert (await world.sync("person", ada.id))["parked_at"] is not None


async def test_a_row_without_a_resource_is_not_repeated_for_ever(world: Arranger, deciding: Deciding) -> None:
    customer = await world.customer()
    nobody = await world.mark(customer, Kind.PERSON, type(customer.tenant)(int=5))
    await deciding.handle(deliveries(nobody))
    waiting = await world.sync("person", nobody.id)
    assert (waiting["code"], waiting["attempts"]) == ("bug", 1)


async def test_a_capability_that_makes_no_sense_fails_the_person_and_not_the_batch(
    world: Arranger, deciding: Deciding
) -> None:
    elsewhere = type(world.desk)(int=7)
    odd, sound = await world.customer(desk=elsewhere), await world.customer()
    await world.connection.execute("update console.desk set capabilities = '[]' where id = $1", elsewhere)
    ada, bob = await world.person(odd, "ada"), await world.person(sound, "bob")
    await deciding.handle(deliveries(ada, bob))
    assert (await world.sync("person", ada.id))["code"] == "bug"
    assert await world.decision(bob) == ("want", None)


async def test_a_lost_database_raises_so_that_the_messages_come_back(
    world: Arranger, database: MigratedDatabase
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    pool = await open_pool(database.url("vestibule_router"), 1, "tenant-router-test")
    router = deciding_over(Database(pool))
    await pool.close()
    with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresError)):
        await router.handle(deliveries(ada))
    assert (await world.sync("person", ada.id))["attempts"] == 0
