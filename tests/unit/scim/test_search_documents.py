"""What is kept for searching: nothing, as a rule."""

from dataclasses import replace
from typing import Any

from vestibule.scim.attributes import Attribute, Schema, Type
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, USER
from vestibule.scim.search_documents import search_document

FREE = "urn:corp:2.0:User"
TIMED = replace(
    USER,
    extensions=(Schema("urn:x:y:Z", "Z", "", (Attribute("since", type=Type.DATE_TIME), Attribute("note"))),),
)


def kept(**attributes: Any) -> dict[str, Any] | None:
    return search_document(parse_user({"userName": "ana", **attributes}).document, USER)


def test_ascii_and_letters_without_case_keep_nothing() -> None:
    assert kept() is None
    assert (
        kept(displayName="ANA Li", name={"givenName": "Süd"}, title="名前", emails=[{"value": "A@x.example"}])
        is None
    )
    assert kept(profileUrl="https://É.example", externalId="É") is None  # caseExact: nothing is folded


def test_what_ascii_does_not_fold_is_kept_folded_with_its_whole_attribute() -> None:
    name = {"givenName": "Élise", "familyName": "Strauß", "formatted": "X"}
    assert kept(name=name, title="x") == {
        "name": {"givenName": "élise", "familyName": "strauss", "formatted": "X"}
    }
    assert kept(roles=[{"value": "A"}, {"value": "Ä"}]) == {"roles": [{"value": "A"}, {"value": "ä"}]}
    body = {"department": "ÖPNV", "manager": {"value": "É"}}
    assert kept(**{ENTERPRISE_SCHEMA: body}) == {ENTERPRISE_SCHEMA: {**body, "department": "öpnv"}}
    assert kept(**{FREE: {"Tags": ["X", {"k": "Ä"}], "n": 1}}) == {FREE: {"Tags": ["X", {"k": "ä"}], "n": 1}}


def test_several_work_addresses_are_kept_for_the_look_up() -> None:
    two = [{"value": "a@x.example", "type": "work"}, {"value": "b@x.example", "type": "Work"}]
    assert kept(emails=two) == {"emails": two}
    assert kept(emails=[two[0], {"value": "b@x.example", "type": "home"}]) is None


def test_times_are_kept_as_microseconds() -> None:
    document = {"userName": "ana", "urn:x:y:Z": {"since": "1970-01-01T02:00:01+02:00", "note": "A"}}
    assert search_document(document, TIMED) == {"urn:x:y:Z": {"since": 1_000_000, "note": "A"}}
    unreadable = {"userName": "ana", "urn:x:y:Z": {"since": "long ago"}}
    assert search_document(unreadable, TIMED) is None
