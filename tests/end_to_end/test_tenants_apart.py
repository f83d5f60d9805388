"""Customers at one desk: nothing that one sends reaches, or tells anything of, another."""

from typing import Any

from tests.end_to_end.backlog import settle
from tests.end_to_end.customer import Customer
from tests.end_to_end.customers import console_of, onboard
from tests.end_to_end.desk_view import look_at_desk, read_journal
from tests.end_to_end.gateway import Gateway
from tests.end_to_end.judging import judge, look_at, shared_members
from tests.integration.ingest.scim_client import Answer
from vestibule_operator_console.cases import list_cases

PER_REQUEST = {"date", "location", "content-location", "etag"}


async def test_two_customers_push_it_and_get_two_organizations_without_a_shared_member(
    gateway: Gateway,
) -> None:
    one, other = await onboard(gateway, "kilo"), await onboard(gateway, "lima", "okta-wizard")
    for idp in (one, other):
        await idp.push_group("IT", [await idp.create(1), await idp.create(2)])
    await judge(gateway, [one, other])
    desk = await look_at_desk(gateway.sandbox)
    journal = await read_journal(gateway.sandbox)
    first = (await look_at(gateway, one, desk, journal)).organizations
    second = (await look_at(gateway, other, desk, journal)).organizations
    assert first[one.groups["IT"].id] != second[other.groups["IT"].id]
    assert set(first.values()) & set(second.values()) == set()
    assert shared_members(desk, first.values(), second.values()) == set()
    assert all(len(customer.organizations) == 2 for customer in desk.of_domain(one.domain))


async def test_one_address_at_two_customers_is_applied_once_and_held_once_and_neither_is_told(
    gateway: Gateway,
) -> None:
    first, second, control = [await onboard(gateway, slug) for slug in ("mike", "november", "oscar")]
    shared, lonely = "shared@same.example", "lonely@same.example"  # of one length, as all bodies
    answers = {}
    for idp, email in ((first, shared), (second, shared), (control, lonely)):
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "somebody",
            "displayName": "Somebody",
            "emails": [{"value": email, "type": "work", "primary": True}],
            "active": True,
        }
        answers[idp.slug] = await idp.scim.post("/Users", body)
        await settle(gateway)  # the first is applied before the second comes
    for idp in (first, second, control):
        answer = answers[idp.slug]
        reads = await idp.scim.get(f"/Users/{answer.id}")
        assert _alike(answer, answers[control.slug])
        assert _alike(reads, await control.scim.get(f"/Users/{answers[control.slug].id}"))
        assert str(reads.body["meta"]["location"]).startswith(idp.scim.base)

    desk, journal = await look_at_desk(gateway.sandbox), await read_journal(gateway.sandbox)
    assert (await look_at(gateway, first, desk, journal)).standings == {"applied(access)": 1}
    assert (await look_at(gateway, second, desk, journal)).standings == {"held(collision)": 1}
    assert await open_cases(gateway, first) == []
    assert await open_cases(gateway, second) == [("collision", answers[second.slug].id)]
    (customer,) = desk.bearing(shared)
    homes = (await look_at(gateway, second, desk, journal)).organizations.values()
    assert customer.organizations & set(homes) == set()

    # What the held one does afterwards reaches nobody either, and is answered alike.
    for idp in (second, control):
        change = {"op": "replace", "value": {"displayName": "Somebody Else"}}
        target = f"/Users/{answers[idp.slug].id}"
        answers[f"{idp.slug} patched"] = await idp.scim.patch(target, change)
    assert _alike(answers["november patched"], answers["oscar patched"])
    await settle(gateway)
    (still,) = (await look_at_desk(gateway.sandbox)).bearing(shared)
    assert still == customer


async def open_cases(gateway: Gateway, idp: Customer) -> list[tuple[str, str]]:
    """Kinds and subjects of what waits for a decision at one customer."""
    async with console_of(gateway) as console:
        return [
            (found.case.kind, str(found.case.subject_id))
            for found in await list_cases(console, idp.slug, False)
        ]


def _alike(one: Answer, other: Answer) -> bool:
    """Whether two answers tell the same but for each one's own address, id and times."""

    def told(answer: Answer) -> tuple[int, dict[str, Any], dict[str, str]]:
        body = {name: value for name, value in answer.body.items() if name not in ("id", "meta", "emails")}
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in PER_REQUEST}
        return answer.status, body, headers

    return told(one) == told(other)
