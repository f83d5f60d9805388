"""Groups as an operator sees them: above all, whom they name that nobody is yet."""

from collections.abc import Mapping

import pytest

from tests.integration.operator_console.conftest import CommandLine
from tests.integration.standing_people import People
from tests.stack import Database
from tests.tenants import make_customer, make_desk
from vestibule.database.pool import Connection
from vestibule_operator_console.console import Console
from vestibule_operator_console.doctor import examine
from vestibule_operator_console.findings import Finding, Verdict
from vestibule_operator_console.groups import list_groups

NAME = (
    "update ingest.\"group\" set document = jsonb_build_object('displayName', $2::text)::text where id = $1"
)
PARK = """
insert into ingest.parked_member (tenant_id, connection_id, group_id, value, parked_at)
select tenant_id, connection_id, id, $2, now() - $3::integer * interval '1 minute'
  from ingest."group" where id = $1
"""


async def customer(admin: Connection, slug: str, minutes: int) -> None:
    """One with a group that is well and one that waits for two members, since so many minutes."""
    made = await make_customer(admin, await make_desk(admin))
    await admin.execute("update console.tenant set slug = $2 where id = $1", made.tenant, slug)
    people = People(admin, made)
    well, waiting = await people.group([await people.person()]), await people.group()
    await admin.execute(NAME, well, "Well")
    await admin.execute(NAME, waiting, f"Waiting of {slug}")
    for value in ("00u2", "00u1"):
        await admin.execute(PARK, waiting, value, minutes)


@pytest.fixture
async def arranged(database: Database) -> None:
    async with database.administrator() as admin:
        await customer(admin, "acme", 1)
        await customer(admin, "birch", 60)


@pytest.mark.usefixtures("arranged")
async def test_a_customer_s_groups_are_listed_and_no_other_s(console: Console) -> None:
    waiting, well = await list_groups(console, "acme", False)
    assert (well.name, well.users, well.groups, well.unknown, well.oldest) == ("Well", 1, 0, 0, None)
    assert (waiting.name, waiting.users, waiting.unknown) == ("Waiting of acme", 0, 2)
    assert waiting.first == ("00u1", "00u2")
    assert await list_groups(console, "acme", True) == [waiting]


@pytest.mark.usefixtures("arranged")
async def test_the_doctor_tells_who_waits_for_members_too_long(environment: Mapping[str, str]) -> None:
    found = [one for one in await examine(environment) if one.name == "members"]
    assert sorted(map(_short, found)) == [
        (Verdict.OK, "acme: 2 in 1 groups are nobody yet"),
        (Verdict.PROBLEM, "birch: 2 in 1 groups are nobody yet"),
    ]


@pytest.mark.usefixtures("arranged")
def test_the_command_line_says_what_to_do(vestibule: CommandLine) -> None:
    text = " ".join(vestibule("group", "list", "acme", "--unknown", COLUMNS="220").out.split())
    assert "2 members, 2 of them nobody yet: have the customer assign the application to the group" in text
    assert "(00u1, 00u2)" in text
    waiting, well = vestibule.json("group", "list", "acme")["groups"]
    assert (waiting["unknown"], waiting["first_unknown"]) == (2, ["00u1", "00u2"])
    assert (well["text"], well["unknown_since"]) == ("", None)


def _short(finding: Finding) -> tuple[Verdict, str]:
    return finding.verdict, finding.told.partition(",")[0]
