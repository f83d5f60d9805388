"""Which simulated identity provider produces which row of the reference's "be liberal here"."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from infra.identity_providers.catalogue import DIALECTS
from infra.identity_providers.dialect import ENTERPRISE, GROUP, PATCH_OP, USER
from infra.identity_providers.exchanges import Request
from infra.identity_providers.life import Change
from infra.identity_providers.people import Kind, Subject
from tests.unit.identity_providers.answering import Endpoint, speak
from tests.unit.identity_providers.customers import connect, identity_provider, live

REGISTERED = {USER, GROUP, ENTERPRISE, PATCH_OP}
KNOWN_MEMBERS = {"value", "display", "type", "$ref"}
Spoken = Callable[[str], bool]


@cache
def conversation(name: str) -> tuple[Request, ...]:
    """All that one of them says in a life in which everything happens."""
    endpoint = Endpoint()
    idp = identity_provider(name, people=12)
    connect(idp, endpoint)
    live(idp, endpoint)
    assert idp.agenda.refused == {}
    assert idp.beliefs.surprises == []
    return tuple(endpoint.requests)


def operations(name: str) -> Iterator[Mapping[str, Any]]:
    for request in conversation(name):
        if request.method == "PATCH" and request.body is not None:
            yield from request.body["Operations"]


def values(value: object) -> Iterator[tuple[str, object]]:
    """Every name and value inside a body, however deep."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name, inner
            yield from values(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from values(inner)


def said(name: str) -> Iterator[tuple[str, object]]:
    for request in conversation(name):
        yield from values(request.body)


def bodies(name: str, method: str, place: str) -> Iterator[Mapping[str, Any]]:
    for request in conversation(name):
        if request.method == method and request.path.startswith(place) and request.body is not None:
            yield request.body


def paths(name: str) -> set[str]:
    return {str(operation.get("path", "")) for operation in operations(name)}


def capital_operations(name: str) -> bool:
    return {operation["op"] for operation in operations(name)} >= {"Add", "Replace", "Remove"}


def active_as_text(name: str) -> bool:
    return any(one.get("path") == "active" and one["value"] in ("True", "False") for one in operations(name))


def removal_by_value(name: str) -> bool:
    return any(
        one["op"].lower() == "remove" and one["path"] == "members" and one["value"]
        for one in operations(name)
    )


def removal_by_filter(name: str) -> bool:
    removals = {one["path"] for one in operations(name) if one["op"] == "remove"}
    return any(re.fullmatch(r'members\[value eq ".+"\]', path) for path in removals)


def no_path(name: str) -> bool:
    return any("path" not in one for one in operations(name))


def dotted_and_qualified_keys(name: str) -> bool:
    keys = {key for one in operations(name) if "path" not in one for key in one["value"]}
    return "name.familyName" in keys and f"{ENTERPRISE}:department" in keys


def element_that_is_not_there(name: str) -> bool:
    """The first word about a mobile number of somebody who was created without one is a value path."""
    target = 'phoneNumbers[type eq "mobile"].value'
    return target in paths(name) or any(target in one.get("value", ()) for one in operations(name))


def managers(name: str) -> set[tuple[bool, type]]:
    """With its URN or not, and the value's shape."""
    return {
        (str(one["path"]).startswith("urn:"), type(one["value"]))
        for one in operations(name)
        if str(one.get("path", "")).endswith("manager")
    }


def boolean_compared_with_text(name: str) -> bool:
    return 'roles[primary eq "True"].value' in paths(name)


def unknown_attributes(name: str) -> bool:
    created = [dict(values(body.get("roles", []))) for body in bodies(name, "POST", "/Users")]
    return any("displayName" in role for role in created) or any(
        "authentikUid" in body for body in bodies(name, "POST", "/Users")
    )


def nulls(name: str) -> bool:
    return any(value is None and key != "$ref" for key, value in said(name))


def other_schemas(name: str) -> bool:
    stated = {urn for request in conversation(name) for urn in (request.body or {}).get("schemas", ())}
    return not stated <= REGISTERED


def mistyped_extension(name: str) -> bool:
    return any(key.startswith("urn:") and key.lower().endswith("2.0user") for key, _ in said(name))


def other_letter_case(name: str) -> bool:
    asked = any("%20Eq%20" in request.path for request in conversation(name))
    return asked and any(key == "Primary" for key, _ in said(name))


def plain_json(name: str) -> bool:
    headers = DIALECTS[name]().headers
    return headers.get("Content-Type") == "application/json" and "Accept" not in headers


def empty_query(name: str) -> bool:
    return any(request.path.endswith("?") for request in conversation(name))


def trailing_ampersand(name: str) -> bool:
    return any(request.path.endswith("&") for request in conversation(name))


def plus_for_a_space(name: str) -> bool:
    return any("+eq+" in request.path for request in conversation(name))


def read_only_in_put(name: str) -> bool:
    return any("id" in body for body in bodies(name, "PUT", "/Users"))


def password(name: str) -> bool:
    return any("password" in body for body in bodies(name, "POST", "/Users"))


def bare_members(name: str) -> bool:
    added = [
        one["value"]
        for one in operations(name)
        if one["op"].lower() == "add" and one.get("path") == "members"
    ]
    added += [body["members"] for body in bodies(name, "PUT", "/Groups") if body["members"]]
    return any("type" not in member and "$ref" not in member for some in added for member in some)


def null_reference(name: str) -> bool:
    return any(key == "$ref" and value is None for key, value in said(name))


def role_as_json_text(name: str) -> bool:
    added = [one["value"] for one in operations(name) if one.get("path") == "roles" and one["op"] == "Add"]
    return any(isinstance(json.loads(value[0]["value"]), dict) for value in added)


def two_primary_addresses(name: str) -> bool:
    return any(
        sum(one.get("Primary") is True for one in body["emails"]) == 2
        for body in bodies(name, "POST", "/Users")
    )


def full_push_of_an_empty_group(name: str) -> bool:
    return any(one.get("path") == "members" and one["value"] == [] for one in operations(name))


def single_discovery_documents(name: str) -> bool:
    asked = {request.path for request in conversation(name)}
    return {"/ServiceProviderConfig", "/ResourceTypes/User", f"/Schemas/{USER}"} <= asked


def flag_in_the_base_url(name: str) -> bool:
    return bool(DIALECTS[name]().suffix)


ENTRA = {"entra-default", "entra-flagged"}
OKTA = {"okta-wizard", "okta-catalog"}
ROWS: dict[str, tuple[Spoken, set[str]]] = {
    "1 operations in capitals": (capital_operations, {"entra-default"}),
    "2 active as a text": (active_as_text, {"entra-default"}),
    "3 remove by value": (removal_by_value, {"entra-default", "jumpcloud"}),
    "4 remove by filter": (
        removal_by_filter,
        {"okta-catalog", "entra-flagged", "onelogin", "cyberark", "authentik"},
    ),
    "5 no path": (no_path, {"okta-catalog", "entra-flagged", "authentik"}),
    "5 dotted and qualified keys": (dotted_and_qualified_keys, {"entra-flagged"}),
    "6 an element that is not there": (element_that_is_not_there, ENTRA),
    "8 a boolean compared with a text": (boolean_compared_with_text, {"entra-default"}),
    "9 unknown attributes": (unknown_attributes, ENTRA | {"authentik"}),
    "9 nulls": (nulls, ENTRA | {"authentik"}),
    "10 unknown URIs in schemas": (other_schemas, ENTRA | {"google", "onelogin"}),
    "10 a mistyped extension": (mistyped_extension, {"entra-default"}),
    "11 any letter case": (other_letter_case, {"ping"}),
    "12 plain JSON, no Accept": (plain_json, {"google", "onelogin", "cyberark"}),
    "13 an empty query": (empty_query, {"onelogin"}),
    "13 a trailing ampersand": (trailing_ampersand, {"onelogin"}),
    "13 a plus for a space": (plus_for_a_space, ENTRA | {"onelogin"}),
    "14 read-only members in PUT": (read_only_in_put, OKTA),
    "14 a password": (password, OKTA),
    "15 members without type and $ref": (bare_members, set(DIALECTS) - ENTRA - {"google"}),
    "15 $ref is null": (null_reference, ENTRA),
    "a role as JSON in a text": (role_as_json_text, {"entra-default"}),
    "two primary addresses": (two_primary_addresses, {"ping"}),
    "an empty full push": (full_push_of_an_empty_group, {"okta-catalog", "cyberark"}),
    "discovery by single items": (single_discovery_documents, {"cyberark"}),
    "a flag in the base URL": (flag_in_the_base_url, {"entra-flagged"}),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_spoken_by_those_who_speak_so_and_by_nobody_else(row: str) -> None:
    speaks, expected = ROWS[row]
    assert {name for name in DIALECTS if speaks(name)} == expected


def test_row_7_a_manager_comes_in_every_shape_with_and_without_its_urn() -> None:
    assert managers("entra-default") == {(True, str), (False, list)}
    assert managers("entra-flagged") == {(True, dict)}
    assert all(managers(name) == set() for name in set(DIALECTS) - ENTRA)


def test_row_16_after_a_lost_answer_members_are_added_and_removed_again() -> None:
    endpoint = Endpoint()
    idp = identity_provider("entra-default", people=8)
    now = live(idp, endpoint)
    for change in (Change.NEW_TEAM, Change.ENTER_TEAM, Change.ENTER_TEAM, Change.ENTER_TEAM):
        idp.let_happen(change)
    now = speak(idp, endpoint, now + 1.0)
    number = next(team.number for team in idp.directory.teams.values() if team.members)
    idp.beliefs.team_links[number].members = frozenset()  # what it added was never answered
    before = {key: group["members"] for key, group in endpoint.groups.items()}
    idp.touch([Subject(Kind.TEAM, number)])
    speak(idp, endpoint, now + 1.0)
    assert endpoint.requests[-2].purpose == "add members"
    assert {key: group["members"] for key, group in endpoint.groups.items()} == before
