"""`vestibule connection fingerprint`: what the customer's admin can read about his identity provider."""

import asyncio

from tests.integration.operator_console.conftest import CommandLine
from tests.integration.operator_console.test_command_line import onboard
from tests.stack import Database
from vestibule.database.fingerprints import Seen, add_fingerprints
from vestibule.database.pool import open_pool
from vestibule.domain.tokens import Credential, digest

SEEN = [
    Seen("client", "entra", 7, 1_700_000_000.0, 1_700_000_900.0),
    Seen("operation", "users.patch", 4, 1_700_000_000.0, 1_700_000_900.0),
    Seen("operation", "users.create", 3, 1_700_000_000.0, 1_700_000_300.0),
    Seen("repair", "operation_case", 4, 1_700_000_000.0, 1_700_000_900.0),
    Seen("repair", "rule_of_tomorrow", 1, 1_700_000_000.0, 1_700_000_900.0),
    Seen("error", "invalid_value", 2, 1_700_000_100.0, 1_700_000_200.0),
]


async def count(database: Database, made: dict[str, str], *seen: Seen) -> None:
    """Add as a replica of ingest does."""
    caller = Credential(made["base_url"].rpartition("/")[2], digest(made["token"]))
    pool = await open_pool(database.url("vestibule_ingest"), 1, "test")
    try:
        async with pool.acquire() as connection:
            await add_fingerprints(connection, [(caller, seen)])
    finally:
        await pool.close()


def test_what_replicas_counted_is_shown_with_a_sentence_for_each_repair(
    vestibule: CommandLine, database: Database
) -> None:
    made = onboard(vestibule)
    asyncio.run(count(database, made, *SEEN))
    asyncio.run(count(database, made, Seen("repair", "operation_case", 5, 1_600_000_000.0, 1_700_000_100.0)))
    told = vestibule.json("connection", "fingerprint", "acme")
    assert told["dialect"] == "Entra ID, default behaviour"
    assert (told["first_at"], told["last_at"]) == ("2020-09-13T12:26:40Z", "2023-11-14T22:28:20Z")
    [often, unknown] = told["repairs"]
    assert (often["code"], often["requests"], often["last_at"]) == (
        "operation_case",
        9,
        "2023-11-14T22:28:20Z",
    )
    assert "Add, Replace, Remove" in often["text"] and "Microsoft" in often["text"]
    assert unknown["text"] == "A rule that this version does not have."
    assert [(one["code"], one["requests"]) for one in told["operations"]] == [
        ("users.patch", 4),
        ("users.create", 3),
    ]
    assert [(one["code"], one["requests"]) for one in told["errors"]] == [("invalid_value", 2)]
    shown = vestibule("connection", "fingerprint", "acme", COLUMNS="200").out
    assert "Dialect  Entra ID, default behaviour" in shown and "declared: okta" in shown
    assert "2020-09-13 12:26:40" in shown and "invalid value" in shown and "users.patch" in shown
    assert made["token"] not in shown


def test_a_repair_that_is_not_needed_is_said_too(vestibule: CommandLine, database: Database) -> None:
    made = onboard(vestibule)
    assert "Nothing was seen" in vestibule("connection", "fingerprint", "acme").out
    assert vestibule.json("connection", "fingerprint", "acme")["dialect"] is None
    asyncio.run(count(database, made, Seen("client", "okta", 1, 1_700_000_000.0, 1_700_000_000.0)))
    assert "No repair was needed" in vestibule("connection", "fingerprint", "acme").out


def test_one_customer_sees_nothing_of_another(vestibule: CommandLine, database: Database) -> None:
    made = onboard(vestibule)
    vestibule.json("tenant", "create", "borealis", "--name", "Borealis", "--desk", "main")
    vestibule.json("connection", "create", "borealis", "--idp", "entra")
    asyncio.run(count(database, made, *SEEN))
    assert vestibule.json("connection", "fingerprint", "borealis")["operations"] == []
