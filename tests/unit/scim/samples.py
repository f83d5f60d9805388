"""Bodies as identity providers send them, at reserved domains; used by several tests."""

from typing import Any

from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, USER_SCHEMA

OKTA_USER: dict[str, Any] = {
    "schemas": [USER_SCHEMA],
    "userName": "ana@corp.example",
    "name": {"givenName": "Ana", "familyName": "Li"},
    "emails": [{"primary": True, "value": "ana@corp.example", "type": "work"}],
    "displayName": "Ana Li",
    "locale": "en-US",
    "externalId": "00u1abcdef",
    "groups": [],
    "password": "Random-1!",
    "active": True,
}

ENTRA_USER: dict[str, Any] = {
    "schemas": [USER_SCHEMA, ENTERPRISE_SCHEMA],
    "externalId": "0a21f0f2",
    "userName": "bo@corp.example",
    "active": True,
    "addresses": None,
    "displayName": None,
    "emails": [{"primary": True, "type": "work", "value": "bo@corp.example"}],
    "meta": {"resourceType": "User"},
    "name": {"formatted": "Bo Ek", "familyName": "Ek", "givenName": "Bo"},
    "phoneNumbers": None,
    "roles": [],
    "title": None,
    ENTERPRISE_SCHEMA: {"department": "Sales", "manager": None},
}


def user(**changes: Any) -> dict[str, Any]:
    """The normalised document of the Okta user with changes to its body."""
    return parse_user({**OKTA_USER, **changes}).document


def patch_body(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}
