"""The rules of RFC 7643 §2 and RFC 7644 §3.5 by their sections: what each says, and a PATCH that shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vestibule.scim.attributes import Attribute, Mutability, ResourceType, Returned, Schema, Type
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, ENTERPRISE_USER, USER, USER_SCHEMA

CORP = "urn:corp:params:scim:2.0:User"
# A schema of a customer's own, with every characteristic that the registered ones do not use.
STAFF = ResourceType(
    "User",
    "/Users",
    "A person.",
    USER.schema,
    (
        ENTERPRISE_USER,
        Schema(
            CORP,
            "Staff",
            "Staff.",
            (
                Attribute("badge", mutability=Mutability.IMMUTABLE),
                Attribute("clearance", mutability=Mutability.READ_ONLY),
                Attribute("pin", mutability=Mutability.WRITE_ONLY, returned=Returned.NEVER),
                Attribute("note", returned=Returned.REQUEST),
                Attribute("floor", type=Type.INTEGER),
                Attribute("share", type=Type.DECIMAL),
                Attribute("doors", multi_valued=True),
                Attribute("desk", required=True),
            ),
        ),
    ),
)
WORK = {"value": "ana@corp.example", "type": "work", "primary": True}
HOME = {"value": "ana@home.example", "type": "home", "display": "Home"}
ANA: dict[str, Any] = {
    "userName": "ana@corp.example",
    "title": "Dr",
    "active": True,
    "name": {"givenName": "Ana", "familyName": "Li"},
    "emails": [WORK, HOME],
    ENTERPRISE_SCHEMA: {"department": "IT", "manager": {"value": "u9", "$ref": "https://x.example/Users/u9"}},
    CORP: {"badge": "B-7", "desk": "4", "floor": 3},
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A sentence of the RFC and a PATCH of Ana that shows it: the changed attributes, or the scimType.

    None means that the attribute is gone.
    """

    says: str
    operations: tuple[Mapping[str, Any], ...]
    becomes: Mapping[str, Any] | str


def add(path: str | None, value: Any) -> Mapping[str, Any]:
    return {"op": "add", "value": value} if path is None else {"op": "add", "path": path, "value": value}


def replace(path: str | None, value: Any) -> Mapping[str, Any]:
    return {**add(path, value), "op": "replace"}


def remove(path: str) -> Mapping[str, Any]:
    return {"op": "remove", "path": path}


def corp(**changes: Any) -> Mapping[str, Any]:
    body = {**ANA[CORP], **changes}
    return {CORP: {name: value for name, value in body.items() if value is not None}}


NEW = {"value": "ana@new.example", "type": "other"}

RULES: Mapping[str, Rule] = {
    # RFC 7644 §3.5.2
    "7644-3.5.2 in their order": Rule(
        "operations are applied one after the other",
        (replace("title", "a"), remove("title"), add("title", "b")),
        {"title": "b"},
    ),
    "7644-3.5.2 all or nothing": Rule(
        "if one operation fails, the resource is as it was",
        (replace("title", "a"), replace("active", 7)),
        "invalidValue",
    ),
    "7644-3.5.2 a path": Rule("path: attrPath", (replace("title", "Prof"),), {"title": "Prof"}),
    "7644-3.5.2 a path with a part": Rule(
        "path: attrPath.subAttr",
        (replace("name.familyName", "Ek"),),
        {"name": {"givenName": "Ana", "familyName": "Ek"}},
    ),
    "7644-3.5.2 a value path": Rule(
        "path: valuePath", (remove('emails[type eq "home"]'),), {"emails": [WORK]}
    ),
    "7644-3.5.2 a value path with a part": Rule(
        "path: valuePath.subAttr",
        (replace('emails[type eq "home"].value', "a@new.example"),),
        {"emails": [WORK, {**HOME, "value": "a@new.example"}]},
    ),
    "7644-3.5.2 a qualified path": Rule(
        "an extension's attributes are named with its URN",
        (replace(f"{ENTERPRISE_SCHEMA}:department", "HR"),),
        {ENTERPRISE_SCHEMA: {**ANA[ENTERPRISE_SCHEMA], "department": "HR"}},
    ),
    "7644-3.5.2 a qualified path of the core": Rule(
        "so may the core's be", (replace(f"{USER_SCHEMA}:title", "Prof"),), {"title": "Prof"}
    ),
    "7644-3.5.2 a malformed path": Rule("invalidPath", (replace("na me", "x"),), "invalidPath"),
    "7644-3.5.2 a part of what has none": Rule("invalidPath", (replace("title.x", "x"),), "invalidPath"),
    "7644-3.5.2 a filter on one value": Rule("invalidPath", (remove('name[a eq "b"]'),), "invalidPath"),
    "7644-3.5.2 a malformed filter": Rule("invalidFilter", (remove("emails[type zz]"),), "invalidFilter"),
    "7644-3.5.2 a value of another type": Rule("invalidValue", (replace("title", 7),), "invalidValue"),
    "7644-3.5.2 an unknown op": Rule("invalidSyntax", ({"op": "move", "path": "title"},), "invalidSyntax"),
    "7644-3.5.2 no operations": Rule("one or more operations", (), "invalidSyntax"),
    "7644-3.5.2 readOnly": Rule("mutability", (replace("id", "x"),), "mutability"),
    "7644-3.5.2 readOnly of an extension": Rule(
        "mutability", (replace(f"{CORP}:clearance", "x"),), "mutability"
    ),
    "7644-3.5.2 groups": Rule("mutability", (add("groups", [{"value": "g"}]),), "mutability"),
    "7644-3.5.2 immutable": Rule("mutability", (replace(f"{CORP}:badge", "B-8"),), "mutability"),
    "7644-3.5.2 immutable without a path": Rule(
        "mutability", (add(None, {CORP: {"badge": "X"}}),), "mutability"
    ),
    "7644-3.5.2 immutable and the same": Rule("no change is none", (add(f"{CORP}:badge", "B-7"),), {}),
    "7644-3.5.2 a new primary": Rule(
        "a new primary takes it from the others",
        (add("emails", [{**NEW, "primary": True}]),),
        {"emails": [{**WORK, "primary": False}, HOME, {**NEW, "primary": True}]},
    ),
    "7644-3.5.2 primary by its path": Rule(
        "the same through a filter",
        (replace('emails[type eq "home"].primary', True),),
        {"emails": [{**WORK, "primary": False}, {**HOME, "primary": True}]},
    ),
    # RFC 7644 §3.5.2.1
    "7644-3.5.2.1 no path": Rule(
        "the value has the attributes to add",
        (add(None, {"nickName": "An", "title": "x"}),),
        {"nickName": "An", "title": "x"},
    ),
    "7644-3.5.2.1 not there": Rule("it is added", (add("nickName", "An"),), {"nickName": "An"}),
    "7644-3.5.2.1 a complex attribute": Rule(
        "its parts are added",
        (add("name", {"middleName": "M"}),),
        {"name": {**ANA["name"], "middleName": "M"}},
    ),
    "7644-3.5.2.1 a complex attribute that is not there": Rule(
        "it is created with the part",
        (remove("name"), add("name.middleName", "M")),
        {"name": {"middleName": "M"}},
    ),
    "7644-3.5.2.1 many values": Rule(
        "a value is added", (add("emails", [NEW]),), {"emails": [WORK, HOME, NEW]}
    ),
    "7644-3.5.2.1 one value": Rule("it is replaced", (add("title", "x"),), {"title": "x"}),
    "7644-3.5.2.1 there already": Rule("no change", (add("emails", [WORK]), add("title", "Dr")), {}),
    "7644-3.5.2.1 no value": Rule("invalidValue", ({"op": "add", "path": "title"},), "invalidValue"),
    "7644-3.5.2.1 immutable without a value": Rule(
        "a value may be added where there was none",
        ({"op": "add", "path": f"{CORP}:doors", "value": ["A"]},),
        corp(doors=["A"]),
    ),
    # RFC 7644 §3.5.2.2
    "7644-3.5.2.2 no path": Rule("noTarget", ({"op": "remove"},), "noTarget"),
    "7644-3.5.2.2 one value": Rule("it is unassigned", (remove("title"),), {"title": None}),
    "7644-3.5.2.2 active": Rule("it is unassigned", (remove("active"),), {"active": None}),
    "7644-3.5.2.2 many values": Rule("all go", (remove("emails"),), {"emails": None}),
    "7644-3.5.2.2 selected values": Rule("they go", (remove('emails[value co "corp"]'),), {"emails": [HOME]}),
    "7644-3.5.2.2 the last value": Rule("unassigned", (remove("emails[value pr]"),), {"emails": None}),
    "7644-3.5.2.2 a part of selected values": Rule(
        "only the part goes",
        (remove('emails[type eq "home"].display'),),
        {"emails": [WORK, {"value": HOME["value"], "type": "home"}]},
    ),
    "7644-3.5.2.2 a part": Rule("it goes", (remove("name.givenName"),), {"name": {"familyName": "Li"}}),
    "7644-3.5.2.2 all parts": Rule(
        "unassigned", (remove("name.givenName"), remove("name.familyName")), {"name": None}
    ),
    "7644-3.5.2.2 what is not there": Rule("no change", (remove("nickName"), remove('ims[type eq "x"]')), {}),
    "7644-3.5.2.2 required": Rule("mutability", (remove("userName"),), "mutability"),
    "7644-3.5.2.2 required of an extension": Rule("mutability", (remove(f"{CORP}:desk"),), "mutability"),
    "7644-3.5.2.2 readOnly": Rule("mutability", (remove("meta"),), "mutability"),
    "7644-3.5.2.2 immutable": Rule("mutability", (remove(f"{CORP}:badge"),), "mutability"),
    # RFC 7644 §3.5.2.3
    "7644-3.5.2.3 no path": Rule(
        "the attributes are replaced", (replace(None, {"title": "x"}),), {"title": "x"}
    ),
    "7644-3.5.2.3 one value": Rule("it is replaced", (replace("title", "x"),), {"title": "x"}),
    "7644-3.5.2.3 many values": Rule("all are replaced", (replace("emails", [NEW]),), {"emails": [NEW]}),
    "7644-3.5.2.3 not there": Rule("treated as add", (replace("nickName", "An"),), {"nickName": "An"}),
    "7644-3.5.2.3 a complex attribute": Rule(
        "parts that are not said stay",
        (replace("name", {"familyName": "Ek"}),),
        {"name": {"givenName": "Ana", "familyName": "Ek"}},
    ),
    "7644-3.5.2.3 another manager": Rule(
        "one with an id is another as a whole: no old name stays with a new id",
        (replace(f"{ENTERPRISE_SCHEMA}:manager", {"value": "u1"}),),
        {ENTERPRISE_SCHEMA: {"department": "IT", "manager": {"value": "u1"}}},
    ),
    "7644-3.5.2.3 selected values": Rule(
        "the matching record is replaced",
        (replace('emails[type eq "home"]', {"value": "a@new.example"}),),
        {"emails": [WORK, {"type": "home", "value": "a@new.example"}]},
    ),
    "7644-3.5.2.3 a part of selected values": Rule(
        "the part of all that match",
        (replace("emails[value pr].display", "x"),),
        {"emails": [{**WORK, "display": "x"}, {**HOME, "display": "x"}]},
    ),
    "7644-3.5.2.3 nothing selected, describable": Rule(
        "Entra names what is not there yet: it is created",
        (replace('emails[type eq "other"].value', NEW["value"]),),
        {"emails": [WORK, HOME, NEW]},
    ),
    "7644-3.5.2.3 nothing selected": Rule(
        "noTarget", (replace('emails[value co "nobody"].display', "x"),), "noTarget"
    ),
    "7644-3.5.2.3 required": Rule("mutability", (replace("userName", None),), "mutability"),
    # RFC 7643 §2
    "7643-2.1 names": Rule(
        "have no case",
        (replace("TITLE", "x"), add("Name.GIVENNAME", "A")),
        {"title": "x", "name": {"familyName": "Li", "givenName": "A"}},
    ),
    "7643-2.1 URNs": Rule("have none either", (replace(f"{CORP.upper()}:Floor", 4),), corp(floor=4)),
    "7643-2.2 readOnly without a path": Rule(
        "is ignored", (add(None, {"id": "x", "meta": {}, CORP: {"clearance": "x"}}),), {}
    ),
    "7643-2.2 writeOnly": Rule("is taken and not kept", (add("password", "x"), add(f"{CORP}:pin", "1")), {}),
    "7643-2.3.2 boolean": Rule("true or false", (replace("active", "perhaps"),), "invalidValue"),
    "7643-2.3.3 decimal": Rule("a number", (add(f"{CORP}:share", 0.5),), corp(share=0.5)),
    "7643-2.3.4 integer": Rule("without a fraction", (add(f"{CORP}:floor", 1.5),), "invalidValue"),
    "7643-2.4 simple values": Rule(
        "a list of them", (add(f"{CORP}:doors", ["A", "B"]),), corp(doors=["A", "B"])
    ),
    "7643-2.4 more simple values": Rule(
        "each is there once",
        (
            add(f"{CORP}:doors", ["A", "B"]),
            add(f"{CORP}:doors", ["B", "C"]),
            {"op": "remove", "path": f"{CORP}:doors", "value": ["A"]},
        ),
        corp(doors=["B", "C"]),
    ),
    "7643-2.4 simple values by a filter": Rule(
        "each is its own value",
        (add(f"{CORP}:doors", ["A", "B"]), remove(f'{CORP}:doors[value eq "A"]')),
        corp(doors=["B"]),
    ),
    "7643-2.4 two primaries": Rule(
        "at most one: the last one set",
        (replace("emails", [{**HOME, "primary": True}, WORK]),),
        {"emails": [{**HOME, "primary": False}, WORK]},
    ),
    "7643-2.5 null": Rule("unassigned", (replace("title", None),), {"title": None}),
    "7643-2.5 an empty list": Rule("unassigned", (replace("emails", []),), {"emails": None}),
    "7643-3.3 a whole extension": Rule(
        "its URN is its name", (remove(ENTERPRISE_SCHEMA),), {ENTERPRISE_SCHEMA: None}
    ),
}
