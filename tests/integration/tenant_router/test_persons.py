"""One person at a time, from what the identity provider sent to what the desk should have."""

import hmac
from dataclasses import replace

import pytest

from tests.integration.tenant_router.arranging import EMAIL_KEY, TRACE, Arranger, deliveries
from vestibule.domain.accounts import WantedAccount, wanted_hash
from vestibule.domain.identifiers import TenantId
from vestibule_tenant_router.deciding import Deciding


async def test_a_new_person_gets_an_account_in_the_home_organization(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    await deciding.handle(deliveries(ada))

    assert await world.decision(ada) == ("want", None)
    account = await world.account(ada)
    assert account is not None
    assert (account["email"], account["login"], account["access"]) == ("ada@customer.example", "ada", True)
    assert account["email_hmac"] == hmac.digest(EMAIL_KEY, b"ada@customer.example", "sha256")
    assert account["wanted_hash"] == wanted_hash(WantedAccount("ada@customer.example", "ada", "Ada", True))
    assert await world.organizations(ada) == {customer.tenant}
    person, work = await world.sync("person", ada.id), await world.sync("account", account["id"])
    assert (person["done_version"], person["inflight_version"]) == (1, None)
    assert (work["version"], work["done_version"], work["prio"], work["trace"]) == (1, 0, 1, TRACE)
    assert (await world.sync("organization", customer.tenant))["version"] == 1


async def test_a_repeated_message_changes_and_marks_nothing(world: Arranger, deciding: Deciding) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    await deciding.handle(deliveries(ada, ada))
    await deciding.handle(deliveries(ada))
    again = await world.mark(customer, ada.kind, ada.id)  # the same state once more
    await deciding.handle(deliveries(again))

    account = await world.account(ada)
    assert account is not None
    assert (await world.sync("account", account["id"]))["version"] == 1
    assert (await world.sync("organization", customer.tenant))["version"] == 1
    assert (await world.sync("person", ada.id))["done_version"] == 2
    told = await world.row("select count(*) as n from chain.timeline where subject_id = $1", ada.id)
    assert told == {"n": 1}


async def test_a_leaver_loses_access_and_memberships_in_the_fastest_lane_and_keeps_the_address(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    await deciding.handle(deliveries(ada))
    await deciding.handle(deliveries(await world.change(customer, ada, "ada", active=False)))

    account = await world.account(ada)
    assert account is not None
    assert account["access"] is False
    assert await world.organizations(ada) == set()
    assert (await world.sync("account", account["id"]))["prio"] == 0
    assert (await world.sync("organization", customer.tenant))["prio"] == 0
    assert await world.decision(ada) == ("want", None)
    assert await world.row("select account_id from router.email_claim") == {"account_id": account["id"]}


async def test_a_removed_person_is_a_leaver_and_a_return_restores(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    await deciding.handle(deliveries(ada))
    before = await world.account(ada)
    await deciding.handle(deliveries(await world.remove(customer, ada)))
    gone = await world.account(ada)
    await world.connection.execute("update ingest.person set removed_at = null where id = $1", ada.id)
    await deciding.handle(deliveries(await world.mark(customer, ada.kind, ada.id)))
    back = await world.account(ada)

    assert before is not None
    assert gone is not None
    assert back is not None
    assert (before["access"], gone["access"], back["access"]) == (True, False, True)
    assert before["id"] == gone["id"] == back["id"]
    assert before["wanted_hash"] == back["wanted_hash"]
    assert await world.organizations(ada) == {customer.tenant}


async def test_an_inactive_newcomer_gets_no_account_and_claims_nothing(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada", active=False)
    await deciding.handle(deliveries(ada))

    assert await world.decision(ada) == ("want", None)
    assert await world.account(ada) is None
    assert await world.row("select * from router.email_claim") is None
    found = await world.row(
        "select (s.standing, s.detail)::text as at from router.standing s where person_id = $1", ada.id
    )
    assert found == {"at": "(applied,absent)"}


async def test_a_person_without_an_address_is_held_and_one_who_loses_it_keeps_the_account(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    ada, bob = await world.person(customer, "ada", email=None), await world.person(customer, "bob")
    await deciding.handle(deliveries(ada, bob))
    assert await world.decision(ada) == ("hold", "no_email")
    assert await world.account(ada) is None

    await deciding.handle(
        deliveries(await world.change(customer, bob, "bob", email=None, displayName="Robert"))
    )
    account = await world.account(bob)
    assert account is not None
    assert await world.decision(bob) == ("hold", "no_email")
    assert (account["email"], account["display_name"]) == ("bob@customer.example", "Robert")


async def test_email_change_at_a_desk_that_cannot_rename_is_held_and_the_rest_applied(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    await deciding.handle(deliveries(ada))
    await world.at_desk(ada)
    changed = await world.change(
        customer, ada, "ada", email="ada.lovelace@customer.example", displayName="Ada L"
    )
    await deciding.handle(deliveries(changed))

    account = await world.account(ada)
    assert account is not None
    assert await world.decision(ada) == ("hold", "rename")
    assert (account["email"], account["display_name"]) == ("ada@customer.example", "Ada L")
    assert await world.row("select count(*) as n from router.email_claim") == {"n": 1}

    await deciding.handle(deliveries(await world.change(customer, ada, "ada")))
    assert await world.decision(ada) == ("want", None)


@pytest.mark.parametrize("state", [None, "idle"])
async def test_an_address_corrected_before_the_desk_has_an_account_is_the_one_to_be_made(
    world: Arranger, deciding: Deciding, state: str | None
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada", email="typo@customer.example")
    await deciding.handle(deliveries(ada))
    if state is not None:
        await world.at_desk(ada, state)
    await deciding.handle(deliveries(await world.change(customer, ada, "ada", email="ada@customer.example")))
    account = await world.account(ada)
    assert account is not None
    assert await world.decision(ada) == ("want", None)
    assert account["email"] == "ada@customer.example"


@pytest.mark.parametrize("state", ["intent", "unknown"])
async def test_an_address_corrected_while_the_account_is_being_made_waits(
    world: Arranger, deciding: Deciding, state: str
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada", email="typo@customer.example")
    await deciding.handle(deliveries(ada))
    await world.at_desk(ada, state)
    await deciding.handle(deliveries(await world.change(customer, ada, "ada", email="ada@customer.example")))
    assert await world.decision(ada) == ("hold", "rename")


async def test_email_change_at_a_desk_that_can_rename_keeps_the_account_and_both_claims(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    await world.set_capability("rename_email", True)
    ada = await world.person(customer, "ada")
    await deciding.handle(deliveries(ada))
    before = await world.account(ada)
    await deciding.handle(
        deliveries(await world.change(customer, ada, "ada", email="countess@customer.example"))
    )

    after = await world.account(ada)
    assert before is not None
    assert after is not None
    assert await world.decision(ada) == ("want", None)
    assert (after["id"], after["email"]) == (before["id"], "countess@customer.example")
    assert await world.row("select count(*) as n from router.email_claim") == {"n": 2}


@pytest.mark.parametrize(
    ("mode", "state", "expected"),
    [
        ("shadow", "active", ("shadow", None)),
        ("paused", "active", ("hold", "paused")),
        ("live", "suspended", ("hold", "tenant_suspended")),
    ],
)
async def test_nothing_reaches_the_account_and_no_address_is_claimed_unless_live(
    world: Arranger, deciding: Deciding, mode: str, state: str, expected: tuple[str, str | None]
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    await deciding.handle(deliveries(ada))
    await world.set_mode(customer, mode)
    await world.connection.execute("update console.tenant set state = $1", state)
    changed = await world.change(customer, ada, "ada", active=False)
    bob = await world.person(customer, "bob")
    await deciding.handle(deliveries(changed, bob))

    account = await world.account(ada)
    assert account is not None
    assert account["access"] is True
    assert (await world.sync("account", account["id"]))["version"] == 1
    assert await world.decision(ada) == await world.decision(bob) == expected
    assert await world.account(bob) is None
    assert await world.row("select count(*) as n from router.email_claim") == {"n": 1}
    assert (await world.sync("person", ada.id))["done_version"] == 2


async def test_an_older_state_never_overwrites_a_newer_decision(world: Arranger, deciding: Deciding) -> None:
    """The message is old; what is read is the present state, and it is done once."""
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    newer = await world.change(customer, ada, "ada", displayName="Ada L")
    await deciding.handle(deliveries(newer))
    await deciding.handle(deliveries(ada))

    account = await world.account(ada)
    assert account is not None
    assert account["display_name"] == "Ada L"
    assert (await world.sync("account", account["id"]))["version"] == 1
    assert (await world.sync("person", ada.id))["done_version"] == 2


async def test_keys_of_another_tenant_or_of_nobody_are_nothing(world: Arranger, deciding: Deciding) -> None:
    customer, other = await world.customer(), await world.customer()
    ada = await world.person(customer, "ada")
    foreign = replace(ada, tenant=TenantId(other.tenant))
    await deciding.handle(deliveries(foreign))
    assert await world.decision(ada) is None
    assert (await world.sync("person", ada.id))["done_version"] == 0
