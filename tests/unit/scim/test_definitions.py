"""Definitions of extension schemas: read whole, or refused with every reason."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tenant_schema import ACME, DEFINITION, extension, schema, tailored
from vestibule.scim.attributes import Mutability, Returned, Type
from vestibule.scim.definitions import (
    MOST_ATTRIBUTES,
    MOST_PROBLEMS,
    MOST_SCHEMAS,
    InvalidDefinition,
    extension_document,
    parse_definition,
    parse_extensions,
    refuse_clashes,
)
from vestibule.scim.discovery import schema as shown
from vestibule.scim.resource_types import CORE
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, USER_SCHEMA


def test_a_definition_becomes_the_attributes_that_it_lists() -> None:
    table = schema().table
    assert table["costcode"].case_exact
    assert table["badge"].mutability is Mutability.IMMUTABLE
    assert table["notes"].returned is Returned.REQUEST
    assert table["desks"].multi_valued
    assert table["desks"].table["floor"].type is Type.INTEGER
    assert table["desks"].table["value"].required


def test_what_is_stored_reads_as_what_was_defined() -> None:
    both = (extension(), extension("User", "Group", required=True, id="urn:corp:x"))
    stored = json.loads(json.dumps([extension_document(one) for one in both]))
    assert parse_extensions(stored) == both


def test_discovery_shows_it_as_it_was_defined() -> None:
    found = shown(ACME.upper(), "https://x.example", tailored())
    assert found is not None
    assert parse_definition(found) == schema()
    assert shown(ACME, "https://x.example", CORE) is None


def attribute(**changes: Any) -> dict[str, Any]:
    return {"attributes": [{"name": "a", **changes}]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "acme"}, "URN"),
        ({"id": "urn:x:a b"}, "URN"),
        ({"id": "urn:x:" + "y" * 300}, "URN"),
        ({"id": None}, "URN"),
        ({"id": USER_SCHEMA}, "registered"),
        ({"id": ENTERPRISE_SCHEMA.upper()}, "registered"),
        ({"id": ENTERPRISE_SCHEMA + ":more"}, "registered"),
        ({"id": "urn:ietf:params:scim:schemas:core:2.0"}, "registered"),
        ({"id": "urn:scim:schemas:extension:enterprise:1.0"}, "registered"),
        ({"id": "urn:ietf:params:scim:api:messages:2.0:Error"}, "reserved"),
        ({"atributes": []}, "'atributes' is not part of a definition"),
        ({"schemas": ["x"]}, "schemas must be"),
        ({"name": "x" * 2000}, "name must be a text"),
        ({"name": "\x00"}, "name must be a text"),
        ({"attributes": None}, "attributes must list 1 to"),
        ({"attributes": []}, "attributes must list 1 to"),
        (
            {"attributes": [{"name": f"a{n}"} for n in range(MOST_ATTRIBUTES + 1)]},
            "attributes must list 1 to",
        ),
        ({"attributes": ["a"]}, "number 1 is no object"),
        ({"attributes": [{"name": "a"}, {"name": "A"}]}, "'A' is there twice"),
        (attribute(name="1a"), "number 1: name must be"),
        (attribute(name="a b"), "number 1: name must be"),
        (attribute(name="$ref"), "number 1: name must be"),
        (attribute(name=["a"]), "number 1: name must be"),
        (attribute(name="ExternalId"), "has 'ExternalId' already"),
        (attribute(multivalued=True), "a: 'multivalued' is not part of a definition"),
        (attribute(type="text"), "a: type must be one of string, boolean"),
        (attribute(type=["string"]), "a: type must be one of"),
        (attribute(required="yes"), "a: required must be true or false"),
        (attribute(mutability="readwrite"), "a: mutability must be one of"),
        (attribute(returned="sometimes"), "a: returned must be one of"),
        (attribute(uniqueness="server"), "a: uniqueness must be 'none'"),
        (attribute(uniqueness="global"), "a: uniqueness must be 'none'"),
        (attribute(returned="never"), "a: returned 'never' and mutability 'writeOnly' go together"),
        (attribute(mutability="writeOnly"), "a: returned 'never' and mutability 'writeOnly' go together"),
        (attribute(mutability="readOnly", required=True), "a: what is 'readOnly' cannot be required"),
        (attribute(canonicalValues=[1]), "a: canonicalValues must list"),
        (attribute(canonicalValues=["x"] * 101), "a: canonicalValues must list"),
        (attribute(referenceTypes="User"), "a: referenceTypes must list"),
        (attribute(type="complex"), "a.subAttributes must list 1 to"),
        (attribute(subAttributes=[{"name": "b"}]), "a: only type 'complex' has subAttributes"),
        (attribute(type="complex", subAttributes=[{"name": "b", "type": "complex"}]), "a.b: a sub-attribute"),
        (
            attribute(type="complex", subAttributes=[{"name": "b", "multiValued": True}]),
            "a.b: a sub-attribute",
        ),
        (
            attribute(type="complex", subAttributes=[{"name": "b", "returned": "request"}]),
            "a.b: the returned",
        ),
        (
            attribute(type="complex", subAttributes=[{"name": "b", "mutability": "immutable"}]),
            "a.b: the mutab",
        ),
        (attribute(type="complex", subAttributes=[{"name": "primary"}]), "a.primary: primary is of type"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_place(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition({**DEFINITION, **changes})
    assert any(words in problem for problem in caught.value.problems), caught.value.problems


def test_every_problem_is_told_at_once_but_not_without_end() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition({"id": "x", "name": 1, "attributes": [{"name": "a", "type": 1, "required": 1}]})
    assert len(caught.value.problems) == 4
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition({**DEFINITION, "attributes": [{} for _ in range(90)]})
    assert len(caught.value.problems) == MOST_PROBLEMS + 1


def test_schemas_of_one_tenant_can_be_told_apart() -> None:
    first = extension(id="urn:corp:2.0")
    for clash in ("urn:corp:2.0:User", "URN:CORP:2.0:x"):
        for new, other in ((extension(id=clash), first), (first, extension(id=clash))):
            with pytest.raises(InvalidDefinition, match="could mean both"):
                refuse_clashes(new, [other])
    refuse_clashes(extension(id="urn:corp:2.0"), [first])  # the same one, defined anew
    refuse_clashes(extension(id="urn:corp:2.01"), [first])
    many = [extension(id=f"urn:corp:n{n}") for n in range(MOST_SCHEMAS)]
    with pytest.raises(InvalidDefinition, match="at most"):
        refuse_clashes(first, many)
    refuse_clashes(many[0], many)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "name", "type", "attributes", "subAttributes", "required", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_no_document_breaks_the_reader(document: object) -> None:
    try:
        parse_definition(document)
    except InvalidDefinition as refused:
        assert refused.problems
