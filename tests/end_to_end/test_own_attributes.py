"""A customer's own attributes, from their definition to the desk."""

import json

from tests.end_to_end.backlog import administrator, settle
from tests.end_to_end.customers import CONNECTION, console_of, onboard
from tests.end_to_end.desk_view import AtDesk, look_at_desk
from tests.end_to_end.gateway import Gateway
from tests.tenant_schema import ACME, extension
from vestibule.mapping.rules import default_mapping
from vestibule_operator_console.fitting import Fitting, fit_stored
from vestibule_operator_console.mappings import set_mapping
from vestibule_operator_console.schemas import put_in_force, read_defined, with_schema

# Sent in a way that no schema would have it, as long as none is defined.
LOOSE = {"SHORTNAME": "Ana of Acme", "LEVEL": "7"}
RULES = {
    **default_mapping().as_document(),
    "display_name": [f"{ACME}:shortName", "displayName", "userName"],
    "login": [f"{ACME}:level", "userName"],
}


def user(name: str, body: object) -> dict[str, object]:
    email = f"{name}@tango.example"
    emails = [{"value": email, "type": "work", "primary": True}]
    return {"userName": email, "displayName": name, "emails": emails, ACME: body}


def ignore(_state: Fitting) -> None:
    """Nobody looks on."""


async def test_a_mapped_attribute_reaches_the_desk_and_every_change_follows(gateway: Gateway) -> None:
    idp = await onboard(gateway, "tango")
    ana = (await idp.scim.post("/Users", user("ana", LOOSE))).id
    await settle(gateway)
    assert (await at_desk(gateway, "ana")).name == "ana"

    async with console_of(gateway) as console:
        wanted = with_schema(await read_defined(console, idp.slug), extension(), replacing=False)
        defined = await put_in_force(console, wanted, "schema.add", ACME)
        assert (await fit_stored(console, defined, ignore)).changed == 1
        await set_mapping(console, idp.slug, CONNECTION, json.dumps(RULES))
    await settle(gateway)
    assert (await at_desk(gateway, "ana")).name == "Ana of Acme"

    bo = await idp.scim.post("/Users", user("bo", {"shortName": "Bo of Acme", "level": 8}))
    assert bo.body[ACME] == {"shortName": "Bo of Acme", "level": 8}
    renamed = {"op": "replace", "path": f"{ACME}:shortName", "value": "Ana Maria"}
    assert (await idp.scim.patch(f"/Users/{ana}", renamed)).status == 200
    await settle(gateway)
    assert (await at_desk(gateway, "ana")).name == "Ana Maria"
    assert (await at_desk(gateway, "bo")).name == "Bo of Acme"
    async with administrator(gateway) as database:
        logins = await database.fetch(
            "select email, login from router.account where email like '%@tango.example' order by email"
        )
    assert [row["login"] for row in logins] == ["7", "8"]

    gone = {"op": "remove", "path": f"{ACME}:shortName"}
    assert (await idp.scim.patch(f"/Users/{ana}", gone)).status == 200
    await settle(gateway)
    assert (await at_desk(gateway, "ana")).name == "ana"


async def at_desk(gateway: Gateway, name: str) -> AtDesk:
    (found,) = (await look_at_desk(gateway.sandbox)).bearing(f"{name}@tango.example")
    return found
