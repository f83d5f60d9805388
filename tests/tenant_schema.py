"""A schema as a tenant may define it, with an attribute of every kind: what tests of such schemas share."""

from typing import Any, Final

from vestibule.scim.attributes import Schema
from vestibule.scim.definitions import parse_definition
from vestibule.scim.resource_types import Extension, ResourceTypes, extended

ACME: Final = "urn:example:params:scim:schemas:extension:acme:2.0:User"

DEFINITION: Final[dict[str, Any]] = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
    "id": ACME,
    "name": "AcmeUser",
    "description": "What Acme knows of a person.",
    "attributes": [
        {"name": "badge", "type": "string", "description": "The badge.", "mutability": "immutable"},
        {"name": "shortName", "type": "string"},
        {"name": "costCode", "type": "string", "caseExact": True, "canonicalValues": ["A1", "B2"]},
        {"name": "level", "type": "integer"},
        {"name": "ratio", "type": "decimal"},
        {"name": "remote", "type": "boolean"},
        {"name": "hiredAt", "type": "dateTime"},
        {"name": "profile", "type": "reference", "referenceTypes": ["external"]},
        {"name": "tags", "type": "string", "multiValued": True},
        {"name": "reviewedBy", "type": "string", "mutability": "readOnly"},
        {"name": "pin", "type": "string", "mutability": "writeOnly", "returned": "never"},
        {"name": "notes", "type": "string", "returned": "request"},
        {"name": "region", "type": "string", "returned": "always"},
        {
            "name": "desks",
            "type": "complex",
            "multiValued": True,
            "subAttributes": [
                {"name": "value", "type": "string", "required": True},
                {"name": "floor", "type": "integer"},
                {"name": "since", "type": "dateTime"},
                {"name": "type", "type": "string"},
                {"name": "primary", "type": "boolean"},
            ],
        },
    ],
}


def schema(**changes: Any) -> Schema:
    """The sample with some of its parts changed."""
    return parse_definition({**DEFINITION, **changes})


def extension(*types: str, required: bool = False, **changes: Any) -> Extension:
    """The sample as an extension, of users unless other types are named."""
    return Extension(schema(**changes), frozenset(types or ("User",)), required)


def tailored(*extensions: Extension) -> ResourceTypes:
    """The resource types of a tenant with these extensions, or with the sample."""
    return extended(1, extensions or (extension(),))
