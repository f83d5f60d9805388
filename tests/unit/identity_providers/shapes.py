"""Shapes of what identity providers say, in the order of the reference's section 0, "be liberal here"."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from infra.identity_providers.catalogue import DIALECTS
from infra.identity_providers.dialect import ENTERPRISE, GROUP, PATCH_OP, USER
from infra.identity_providers.exchanges import Request

REGISTERED = {USER, GROUP, ENTERPRISE, PATCH_OP}


@dataclass(frozen=True, slots=True)
class Said:
    """Everything that one identity provider has said, and how it was wrapped."""

    requests: tuple[Request, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


Spoken: TypeAlias = Callable[[Said], bool]


def operations(said: Said) -> Iterator[Mapping[str, Any]]:
    """Of every PATCH."""
    for request in said.requests:
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


def names(said: Said) -> Iterator[tuple[str, object]]:
    """Every name and value in any body."""
    for request in said.requests:
        yield from values(request.body)


def bodies(said: Said, method: str, place: str) -> Iterator[Mapping[str, Any]]:
    """Of requests of this method below this path."""
    for request in said.requests:
        if request.method == method and request.path.startswith(place) and request.body is not None:
            yield request.body


def paths(said: Said) -> set[str]:
    """Of every operation."""
    return {str(operation.get("path", "")) for operation in operations(said)}


def capital_operations(said: Said) -> bool:
    return {operation["op"] for operation in operations(said)} >= {"Add", "Replace", "Remove"}


def active_as_text(said: Said) -> bool:
    return any(one.get("path") == "active" and one["value"] in ("True", "False") for one in operations(said))


def removal_by_value(said: Said) -> bool:
    return any(
        one["op"].lower() == "remove" and one["path"] == "members" and one["value"]
        for one in operations(said)
    )


def removal_by_filter(said: Said) -> bool:
    removals = {one["path"] for one in operations(said) if one["op"] == "remove"}
    return any(re.fullmatch(r'members\[value eq ".+"\]', path) for path in removals)


def no_path(said: Said) -> bool:
    return any("path" not in one for one in operations(said))


def dotted_and_qualified_keys(said: Said) -> bool:
    keys = {key for one in operations(said) if "path" not in one for key in one["value"]}
    return "name.familyName" in keys and f"{ENTERPRISE}:department" in keys


def element_that_is_not_there(said: Said) -> bool:
    """The first word about a mobile number of somebody who was created without one is a value path."""
    return 'phoneNumbers[type eq "mobile"].value' in paths(said)


def managers(said: Said) -> set[tuple[bool, type]]:
    """With its URN or not, and the value's shape."""
    return {
        (str(one["path"]).startswith("urn:"), type(one["value"]))
        for one in operations(said)
        if str(one.get("path", "")).endswith("manager")
    }


def boolean_compared_with_text(said: Said) -> bool:
    return 'roles[primary eq "True"].value' in paths(said)


def unknown_attributes(said: Said) -> bool:
    created = [dict(values(body.get("roles", []))) for body in bodies(said, "POST", "/Users")]
    return any("displayName" in role for role in created) or any(
        "authentikUid" in body for body in bodies(said, "POST", "/Users")
    )


def nulls(said: Said) -> bool:
    return any(value is None and key != "$ref" for key, value in names(said))


def other_schemas(said: Said) -> bool:
    stated = {urn for request in said.requests for urn in (request.body or {}).get("schemas", ())}
    return not stated <= REGISTERED


def mistyped_extension(said: Said) -> bool:
    return any(key.startswith("urn:") and key.lower().endswith("2.0user") for key, _ in names(said))


def other_letter_case(said: Said) -> bool:
    asked = any("%20Eq%20" in request.path for request in said.requests)
    return asked and any(key == "Primary" for key, _ in names(said))


def plain_json(said: Said) -> bool:
    headers = said.headers
    return headers.get("Content-Type") == "application/json" and "Accept" not in headers


def empty_query(said: Said) -> bool:
    return any(request.path.endswith("?") for request in said.requests)


def trailing_ampersand(said: Said) -> bool:
    return any(request.path.endswith("&") for request in said.requests)


def plus_for_a_space(said: Said) -> bool:
    return any("+eq+" in request.path for request in said.requests)


def read_only_in_put(said: Said) -> bool:
    return any("id" in body for body in bodies(said, "PUT", "/Users"))


def password(said: Said) -> bool:
    return any("password" in body for body in bodies(said, "POST", "/Users"))


def bare_members(said: Said) -> bool:
    added = [
        one["value"]
        for one in operations(said)
        if one["op"].lower() == "add" and one.get("path") == "members"
    ]
    added += [body["members"] for body in bodies(said, "PUT", "/Groups") if body["members"]]
    return any("type" not in member and "$ref" not in member for some in added for member in some)


def null_reference(said: Said) -> bool:
    return any(key == "$ref" and value is None for key, value in names(said))


def role_as_json_text(said: Said) -> bool:
    added = [one["value"] for one in operations(said) if one.get("path") == "roles" and one["op"] == "Add"]
    return any(isinstance(json.loads(value[0]["value"]), dict) for value in added)


def two_primary_addresses(said: Said) -> bool:
    return any(
        sum(one.get("Primary") is True for one in body["emails"]) == 2
        for body in bodies(said, "POST", "/Users")
    )


def full_push_of_an_empty_group(said: Said) -> bool:
    return any(one.get("path") == "members" and one["value"] == [] for one in operations(said))


def single_discovery_documents(said: Said) -> bool:
    asked = {request.path for request in said.requests}
    return {"/ServiceProviderConfig", "/ResourceTypes/User", f"/Schemas/{USER}"} <= asked


def flag_in_the_base_url(said: Said) -> bool:
    return bool(said.suffix)


EVERYBODY = set(DIALECTS)
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
    "15 members without type and $ref": (bare_members, EVERYBODY - ENTRA - {"google"}),
    "15 $ref is null": (null_reference, ENTRA),
    "a role as JSON in a text": (role_as_json_text, {"entra-default"}),
    "two primary addresses": (two_primary_addresses, {"ping"}),
    "an empty full push": (full_push_of_an_empty_group, {"okta-catalog", "cyberark"}),
    "discovery by single items": (single_discovery_documents, {"cyberark"}),
    "a flag in the base URL": (flag_in_the_base_url, {"entra-flagged"}),
}
