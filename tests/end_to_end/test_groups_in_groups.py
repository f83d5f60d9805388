"""Groups in groups on their whole way: who is in one inside another is in both organizations at the desk."""

from collections.abc import Iterable

from tests.end_to_end.backlog import settle
from tests.end_to_end.customer import Customer
from tests.end_to_end.customers import console_of, onboard
from tests.end_to_end.desk_view import look_at_desk
from tests.end_to_end.gateway import Gateway
from vestibule_operator_console.groups import list_groups
from vestibule_operator_console.standings import count_standings


def listed(members: Iterable[str]) -> list[dict[str, str]]:
    """Members as a body has them."""
    return [{"value": member} for member in members]


async def person(idp: Customer, name: str, **attributes: object) -> str:
    """A new user; returns the id."""
    email = f"{name}@{idp.domain}"
    emails = [{"value": email, "type": "work", "primary": True}]
    return await idp.scim.create_user(email, displayName=name.title(), emails=emails, **attributes)


async def organizations(gateway: Gateway, idp: Customer) -> dict[str, set[str]]:
    """Who is in which organization at the desk once all is done; the home organization is left out."""
    await settle(gateway)
    desk = await look_at_desk(gateway.sandbox)
    async with console_of(gateway) as console:
        (tenant,) = await count_standings(console, idp.slug)
    assert tenant.holds
    assert all(line.of("applied") == line.persons for line in tenant.connections)
    prefix = f"{idp.prefix} / "
    return {
        one.email.partition("@")[0]: {
            desk.organizations[number].removeprefix(prefix)
            for number in one.organizations
            if desk.organizations[number].startswith(prefix)
        }
        for one in desk.of_domain(idp.domain)
    }


async def test_who_is_in_a_group_in_a_group_is_in_both_organizations_as_long_as_that_is_so(
    gateway: Gateway,
) -> None:
    idp = await onboard(gateway, "nested")
    scim = idp.scim
    ana, ben = await person(idp, "ana"), await person(idp, "ben")
    cid = await person(idp, "cid", active=False)
    inner = await scim.create_group("Support", [ana, cid])
    outer = await scim.create_group("Company", [ben, inner])
    assert await organizations(gateway, idp) == {"ana": {"Support", "Company"}, "ben": {"Company"}}

    add = {"op": "add", "path": "members", "value": listed([ben])}
    assert (await scim.patch(f"/Groups/{inner}", add)).status == 204
    activate = {"op": "replace", "path": "active", "value": True}
    assert (await scim.patch(f"/Users/{cid}", activate)).status == 200
    both = {"Support", "Company"}
    assert await organizations(gateway, idp) == {"ana": both, "ben": both, "cid": both}

    put = await scim.put(f"/Groups/{outer}", {"displayName": "Company", "members": listed([ben])})
    assert put.status == 200
    assert (await scim.delete(f"/Users/{cid}")).status == 204
    assert await organizations(gateway, idp) == {"ana": {"Support"}, "ben": both, "cid": set()}

    nest = {"op": "add", "path": "members", "value": listed([inner])}
    assert (await scim.patch(f"/Groups/{outer}", nest)).status == 204
    assert (await organizations(gateway, idp))["ana"] == both
    assert (await scim.delete(f"/Groups/{inner}")).status == 204
    assert await organizations(gateway, idp) == {"ana": set(), "ben": {"Company"}, "cid": set()}


async def test_whom_a_group_named_before_he_was_there_is_in_its_organization_when_he_arrives(
    gateway: Gateway,
) -> None:
    idp = await onboard(gateway, "awaited")
    made = await idp.scim.post("/Groups", {"displayName": "IT", "members": listed(["ext-1", "ext-2"])})
    assert made.headers["Vestibule-Unknown-Members"] == '2;values="ext-1 ext-2"'
    await person(idp, "one", externalId="ext-1")
    assert await organizations(gateway, idp) == {"one": {"IT"}}
    async with console_of(gateway) as console:
        [waiting] = await list_groups(console, idp.slug, True)
    assert (waiting.name, waiting.users, waiting.unknown, waiting.first) == ("IT", 1, 1, ("ext-2",))
