"""Two processes that change which groups lie in which at the same moment, and people who come meanwhile."""

import asyncio

from tests.integration.ingest.nesting import adding, groups_of, versions
from tests.integration.ingest.scim_client import ScimClient
from vestibule.database.pool import Connection


async def test_two_processes_that_would_close_a_circle_do_not(
    replicas: tuple[ScimClient, ScimClient],
) -> None:
    one, other = replicas
    for number in range(8):
        first, second = [await one.create_group(f"R {number} {side}") for side in "ab"]
        answers = await asyncio.gather(
            one.patch(f"/Groups/{first}", adding(second)), other.patch(f"/Groups/{second}", adding(first))
        )
        assert sorted(answer.status for answer in answers) == [204, 400], answers
        inside = [await one.members(first), await one.members(second)]
        assert sorted(map(len, inside)) == [0, 1]


async def test_a_group_that_is_deleted_while_it_is_put_into_another_is_nowhere(
    replicas: tuple[ScimClient, ScimClient], admin: Connection
) -> None:
    one, other = replicas
    for number in range(8):
        inner, outer = [await one.create_group(f"D {number} {side}") for side in "ab"]
        _, deleted = await asyncio.gather(
            one.patch(f"/Groups/{outer}", adding(inner)), other.delete(f"/Groups/{inner}")
        )
        assert deleted.status == 204
        assert await one.members(outer) == []
        assert await admin.fetchval("select count(*) from ingest.subgroup where group_id = $1", outer) == 0
        assert await admin.fetchval("select count(*) from ingest.enclosure where outer_id = $1", outer) == 0


async def test_who_joins_while_the_group_is_put_into_another_is_marked_after_both(
    replicas: tuple[ScimClient, ScimClient], admin: Connection
) -> None:
    one, other = replicas
    person = await one.create_user("joins@corp.example")
    for number in range(8):
        inner, outer = [await one.create_group(f"J {number} {side}") for side in "ab"]
        before = await versions(admin, [person])
        await asyncio.gather(
            one.patch(f"/Groups/{outer}", adding(inner)), other.patch(f"/Groups/{inner}", adding(person))
        )
        marked = (await versions(admin, [person]))[0] - before[0]
        # by the one that joins; and by the other, unless it was done before
        assert marked in (1, 2)
        assert (await groups_of(one, person))[outer] == "indirect"
