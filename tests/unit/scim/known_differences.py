"""Where scim2-models and we are meant to understand a body or a PATCH in two ways, and why."""

from dataclasses import dataclass
from typing import Any

from tests.unit.scim.bodies import Body
from vestibule.scim.schemas import ENTERPRISE_SCHEMA


@dataclass(frozen=True, slots=True)
class Difference:
    """A body of a user, or operations on it, that the oracle and we understand in two ways, and why.

    `theirs` and `ours` are what becomes of the attribute `name`, or the scimType of a refusal.
    """

    reason: str
    body: Body
    name: str
    theirs: Any
    ours: Any
    operations: tuple[Body, ...] = ()


KEPT_AS_SENT = "RFC 7643 §2.2: what is not caseExact is compared without case, but stored as it was sent"
LIBERAL = "identity providers send it; refusing would keep the person out (idp-behaviours, section 0)"
WORK = {"value": "ana@corp.example", "type": "work", "primary": True, "display": "Ana"}
HOME = {"value": "ana@home.example", "type": "home"}

DIFFERENT_BODIES = {
    "an address's domain": Difference(
        KEPT_AS_SENT,
        {"emails": [{"value": "Ana@Corp.EXAMPLE"}]},
        "emails",
        [{"value": "Ana@corp.example"}],
        [{"value": "Ana@Corp.EXAMPLE"}],
    ),
    "a canonical type": Difference(
        KEPT_AS_SENT,
        {"emails": [{"value": "a@corp.example", "type": "Work"}]},
        "emails",
        [{"value": "a@corp.example", "type": "work"}],
        [{"value": "a@corp.example", "type": "Work"}],
    ),
    "active not said": Difference(
        "RFC 7643 §4.1.1 leaves the meaning to us: who is provisioned has access unless it is denied",
        {},
        "active",
        None,
        True,
    ),
    "an address without a domain": Difference(
        LIBERAL,
        {"emails": [{"value": "printer@localhost"}]},
        "emails",
        "invalidValue",
        [{"value": "printer@localhost"}],
    ),
    "two primaries": Difference(
        "RFC 7643 §2.4 allows one: the last one set wins, since PingOne marks two",
        {"emails": [{**HOME, "primary": True}, WORK]},
        "emails",
        "invalidValue",
        [{**HOME, "primary": False}, WORK],
    ),
    "a manager without $ref": Difference(
        LIBERAL,
        {ENTERPRISE_SCHEMA: {"manager": {"value": "u1"}}},
        ENTERPRISE_SCHEMA,
        "invalidValue",
        {"manager": {"value": "u1"}},
    ),
    "roles as texts": Difference(
        LIBERAL, {"roles": ["Admin"]}, "roles", "invalidValue", [{"value": "Admin"}]
    ),
    "an unknown attribute": Difference(LIBERAL, {"colour": "red"}, "colour", "invalidValue", None),
    "an extension that nobody knows": Difference(
        "a customer's own extension is kept and mapped",
        {"urn:corp:2.0:User": {"badge": 7}},
        "urn:corp:2.0:User",
        "invalidValue",
        {"badge": 7},
    ),
    "a control character in a name": Difference(
        "shown on a terminal or in a list it would pass for another name",
        {"userName": "ana\n"},
        "userName",
        "ana\n",
        "invalidValue",
    ),
    "a name that nobody can see": Difference(
        "RFC 7643 §4.1.1 wants a userName that is not empty",
        {"userName": "\xad"},
        "userName",
        "\xad",
        "invalidValue",
    ),
    "NUL": Difference("PostgreSQL cannot store it", {"title": "a\x00"}, "title", "a\x00", "invalidValue"),
    "a text without end": Difference(
        "what is indexed must fit an index row",
        {"displayName": "x" * 513},
        "displayName",
        "x" * 513,
        "invalidValue",
    ),
}

DIFFERENT_PATCHES = {
    "a part of all values": Difference(
        "RFC 7644 §3.5.2 does not say which value is meant: never all addresses at once, but the primary one",
        {"emails": [WORK, HOME]},
        "emails",
        [{**WORK, "display": "x"}, {**HOME, "display": "x"}],
        [{**WORK, "display": "x"}, HOME],
        ({"op": "replace", "path": "emails.display", "value": "x"},),
    ),
    "a part of no value": Difference(
        "RFC 7644 §3.5.2.3: an attribute that is not there yet is added",
        {},
        "emails",
        None,
        [{"value": "ana@corp.example"}],
        ({"op": "replace", "path": "emails.value", "value": "ana@corp.example"},),
    ),
    "the value of a value": Difference(
        "an address without its value is none",
        {"emails": [WORK, HOME]},
        "emails",
        [WORK, {"type": "home"}],
        [WORK],
        ({"op": "remove", "path": 'emails[type eq "home"].value'},),
    ),
    "the id of a manager": Difference(
        "RFC 7643 §4.3 recommends value and does not require it; without it nobody is meant",
        {ENTERPRISE_SCHEMA: {"manager": {"value": "u1", "$ref": "https://x.example/Users/u1"}}},
        ENTERPRISE_SCHEMA,
        "mutability",
        None,
        ({"op": "remove", "path": f"{ENTERPRISE_SCHEMA}:manager.value"},),
    ),
    "the same twice in one request": Difference(
        "RFC 7644 §3.5.2.1: what is there already is not added; a repeat inside one request counts too",
        {},
        "emails",
        [HOME, HOME],
        [HOME],
        ({"op": "add", "path": "emails", "value": [HOME, HOME]},),
    ),
    "the same with another display": Difference(
        "one address of one type is one value: it is brought up to date, not doubled",
        {"emails": [HOME]},
        "emails",
        [HOME, {**HOME, "display": "x"}],
        [{**HOME, "display": "x"}],
        ({"op": "add", "path": "emails", "value": [{**HOME, "display": "x"}]},),
    ),
    "a selected value": Difference(
        "RFC 7644 §3.5.2.3: the matching record is replaced, not merged",
        {"emails": [WORK]},
        "emails",
        [{**WORK, "value": "n@corp.example"}],
        [{"type": "work", "value": "n@corp.example"}],
        ({"op": "replace", "path": 'emails[type eq "work"]', "value": {"value": "n@corp.example"}},),
    ),
    "values that became one": Difference(
        "RFC 7643 §2.4: one (type, value) is there once",
        {"emails": [WORK, HOME]},
        "emails",
        [{**HOME, "primary": True, "display": "Ana"}, HOME],
        [{**HOME, "primary": True, "display": "Ana"}],
        ({"op": "add", "path": "emails[value pr]", "value": HOME},),
    ),
    "a value against its filter": Difference(
        LIBERAL,
        {},
        "emails",
        "invalidValue",
        [{**HOME, "type": "other"}],
        ({"op": "add", "path": 'emails[type eq "work"]', "value": {**HOME, "type": "other"}},),
    ),
    "a filter as a key": Difference(
        LIBERAL,
        {},
        "emails",
        "invalidValue",
        [{"type": "work", "value": "ana@corp.example"}],
        ({"op": "replace", "value": {'emails[type eq "work"].value': "ana@corp.example"}},),
    ),
    "nothing added to a list": Difference(
        "adding nothing takes nothing away",
        {"emails": [HOME]},
        "emails",
        None,
        [HOME],
        ({"op": "add", "value": {"emails": None}},),
    ),
    "no value for active": Difference(
        "Entra sends null for what is not mapped: it neither gives access nor takes it",
        {"active": False},
        "active",
        None,
        False,
        ({"op": "replace", "path": "active", "value": None},),
    ),
    "a number for a boolean": Difference(
        "RFC 7643 §2.3.2 has true and false; what gives or takes access is not guessed from a number",
        {},
        "active",
        False,
        "invalidValue",
        ({"op": "replace", "path": "active", "value": 0},),
    ),
    "an empty userName": Difference(
        "RFC 7643 §4.1.1 wants a userName that is not empty",
        {},
        "userName",
        "",
        "invalidValue",
        ({"op": "replace", "path": "userName", "value": ""},),
    ),
}
