"""What a hostile but well-formed body may cost: one customer's request must not stop the others for long."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.scim.samples import patch_body
from vestibule.scim.arranging import arrange
from vestibule.scim.bulk import parse_bulk
from vestibule.scim.errors import ScimError, TooMany
from vestibule.scim.group_patch import patch_group
from vestibule.scim.patch import patch_user
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, USER
from vestibule.scim.search_documents import search_document
from vestibule.scim.values import MOST_ELEMENTS

SECONDS = 5.0  # on a busy machine; alone each takes well under one
MANY = [{"value": f"{n}@x.example", "type": "work"} for n in range(MOST_ELEMENTS)]
CROWDED = parse_user({"userName": "ana", "emails": MANY}).document
ALL_PRIMARY = [{**email, "primary": True} for email in MANY]
FILTER = " or ".join(['value eq "z"'] * 10)
MARKS = "\u0301\u0323" * 150_000  # out of order
LISTED = parse_user({"userName": "ana", "urn:a:b": {"l": [*range(100, 1090)]}}).document


def written(body: object) -> object:
    """All that is made of a new user before it is stored."""
    return search_document(parse_user(body).document, USER)


def user_patch(*operations: dict[str, Any]) -> Callable[[], object]:
    return lambda: patch_user(CROWDED, patch_body(*operations))


def circle(operations: int, references: int) -> object:
    """A Bulk whose operations all wait for so many others."""
    return arrange(
        parse_bulk(
            {
                "Operations": [
                    {
                        "method": "POST",
                        "path": "/Groups",
                        "bulkId": str(n),
                        "data": {"members": [f"bulkId:{(n + k) % operations}" for k in range(references)]},
                    }
                    for n in range(operations)
                ]
            }
        ).operations
    )


def bulk_of(data: object) -> object:
    return parse_bulk({"Operations": [{"method": "PUT", "path": "/Users/1", "data": data}]})


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(lambda: circle(1000, 150), id="bulk-circle"),
        pytest.param(lambda: bulk_of({"x": ["a:b"] * 300_000}), id="bulk-texts"),
        pytest.param(lambda: bulk_of({"$ref": "bulkId:" * 280_000 + "/"}), id="bulk-reference"),
        pytest.param(lambda: bulk_of({"path": '"bulkId:' * 200_000}), id="bulk-path"),
        pytest.param(lambda: parse_user({"userName": "ana", "emails": ALL_PRIMARY}), id="all-primary"),
        pytest.param(user_patch(*[{"op": "add", "path": "emails", "value": MANY[:50]}] * 200), id="merges"),
        pytest.param(
            user_patch(*[{"op": "remove", "path": "emails", "value": MANY[:50]}] * 200), id="removals"
        ),
        pytest.param(
            user_patch(*[{"op": "add", "path": f"emails[{FILTER}].display", "value": "x"}] * 40), id="filters"
        ),
        pytest.param(
            user_patch(*[{"op": "replace", "path": "emails[value pr].primary", "value": True}] * 200),
            id="primaries",
        ),
        pytest.param(
            user_patch({"op": "add", "value": {f"urn:a:b:c:d{n}": n for n in range(900)}}),
            id="free-attributes",
        ),
        pytest.param(lambda: written({"userName": "ana", "title": MARKS}), id="marks"),
        pytest.param(lambda: written({"userName": "ana", "name": {"formatted": MARKS}}), id="marks-in-part"),
        pytest.param(
            lambda: written({"userName": "ana", ENTERPRISE_SCHEMA: {"division": MARKS}}), id="marks-beside"
        ),
        pytest.param(lambda: written({"userName": "ana", "urn:a:b": {"l": [MARKS]}}), id="free-marks"),
        pytest.param(
            lambda: written({"userName": "ana", "phoneNumbers": [{"value": MARKS[:200]}] * 500}),
            id="some-marks",
        ),
        pytest.param(
            lambda: patch_user(
                LISTED, patch_body({"op": "add", "path": "urn:a:b:l", "value": [7] * 1_000_000})
            ),
            id="free-list",
        ),
        pytest.param(
            lambda: patch_group(
                {"displayName": "IT"},
                patch_body(*[{"op": "remove", "path": f'members[value eq "{n}"]'} for n in range(1000)]),
            ),
            id="group-filters",
        ),
        pytest.param(
            lambda: patch_group(
                {"displayName": "IT"},
                patch_body(
                    {"op": "replace", "path": "members", "value": [{"value": str(n)} for n in range(50_000)]}
                ),
            ),
            id="group-replace",
        ),
    ],
)
def test_the_dearest_requests_end_in_time(request_: Callable[[], object]) -> None:
    begin = time.process_time()
    try:
        request_()
    except ScimError as error:
        assert error.status == 400
    assert time.process_time() - begin < SECONDS


def test_many_unknown_attributes_are_refused() -> None:
    with pytest.raises(TooMany, match="more than 200 attributes that no schema has"):
        parse_user({"userName": "ana", **{f"x{n}": 1 for n in range(201)}})
