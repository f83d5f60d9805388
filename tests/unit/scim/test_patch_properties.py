"""Whatever a PATCH asks for, its input is untouched and its result is a document that reads back."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.scim.samples import OKTA_USER, patch_body
from vestibule.scim.errors import ScimError
from vestibule.scim.patch import patch_user
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA

PATHS = st.sampled_from(
    [
        *(
            "userName",
            "active",
            "displayName",
            "name",
            "name.givenName",
            "emails",
            "emails.value",
            "roles",
            "manager",
        ),
        *('emails[type eq "work"]', 'emails[type eq "work"].value', 'emails[primary eq "True"].type'),
        *(
            'phoneNumbers[type eq "mobile"].value',
            'addresses[type eq "work"].country',
            'emails[value co "x"]',
        ),
        *(
            ENTERPRISE_SCHEMA,
            f"{ENTERPRISE_SCHEMA}:manager",
            f"{ENTERPRISE_SCHEMA}:department",
            "urn:a:b:C:d",
        ),
        *("urn:a:b:C", "id", "groups", "password", "nothing", "EMAILS", "emails[", "x509Certificates"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.text(max_size=6)
    | st.integers()
    | st.sampled_from(["True", "a@x.example", ""])
)
PARTS = st.dictionaries(
    st.sampled_from(["value", "type", "primary", "Value", "display", "givenName", "country", "colour"]),
    SCALARS,
    max_size=3,
)
VALUES = SCALARS | PARTS | st.lists(PARTS | SCALARS, max_size=3)
OPERATIONS = st.one_of(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "Replace", "remove"]), "path": PATHS, "value": VALUES}
    ),
    st.fixed_dictionaries({"op": st.just("remove"), "path": PATHS}),
    st.fixed_dictionaries(
        {"op": st.sampled_from(["Add", "replace"]), "value": st.dictionaries(PATHS, VALUES, max_size=3)}
    ),
)
BODY = {
    **OKTA_USER,
    "phoneNumbers": [{"value": "1", "type": "work"}, {"value": "2", "type": "fax"}],
    ENTERPRISE_SCHEMA: {"department": "Sales", "manager": {"value": "u9"}},
    "urn:a:b:C": {"d": 1},
}


@given(st.lists(OPERATIONS, min_size=1, max_size=4))
def test_a_patch_never_touches_its_input_and_leaves_a_document_that_reads_back(
    operations: list[dict[str, Any]],
) -> None:
    document = parse_user(BODY).document
    body = patch_body(*operations)
    before, body_before = copy.deepcopy(document), copy.deepcopy(body)
    try:
        patched = patch_user(document, body)
    except ScimError as error:
        assert error.detail.endswith(".")
    else:
        assert patched.changed == (patched.document is not document)
        assert patched.changed == (patched.document != before)
        again = parse_user(patched.document, previous=patched.document)
        assert again.document == patched.document
        assert again.keys == patched.keys
        for value in patched.document.values():
            if isinstance(value, list):
                assert sum(element.get("primary") is True for element in value) <= 1
    assert document == before
    assert body == body_before


WHOLE = st.sampled_from(
    [
        *(
            "userName",
            "active",
            "displayName",
            "name",
            "name.givenName",
            "emails",
            "roles",
            "manager",
            "EMAILS",
        ),
        *(
            ENTERPRISE_SCHEMA,
            f"{ENTERPRISE_SCHEMA}:manager",
            f"{ENTERPRISE_SCHEMA}:department",
            "urn:a:b:C:d",
        ),
    ]
)


@given(st.lists(st.tuples(WHOLE, VALUES), min_size=1, max_size=3))
def test_replacing_whole_attributes_twice_is_replacing_them_once(values: list[tuple[str, Any]]) -> None:
    body = patch_body(*({"op": "replace", "path": path, "value": value} for path, value in values))
    try:
        once = patch_user(parse_user(BODY).document, body)
    except ScimError:
        return
    assert patch_user(once.document, body).document is once.document
