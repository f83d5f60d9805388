"""The message of a Bulk: what is read, what is refused whole, and how results are shown (RFC 7644 §3.7)."""

from typing import Any

import pytest

from vestibule.scim.bulk import BulkResult, Method, bulk_body, parse_bulk
from vestibule.scim.errors import InvalidSyntax, InvalidValue, ScimError, TooLarge
from vestibule.scim.limits import DEFAULTS

POST = {"method": "POST", "path": "/Users", "bulkId": "ana", "data": {"userName": "ana@corp.example"}}
DELETE = {"method": "DELETE", "path": "/Users/1"}


def bulk(*operations: object, **more: object) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [*operations],
        **more,
    }


def test_an_operation_is_read_whole() -> None:
    put = {"method": "PUT", "path": "/Users/7", "version": 'W/"3"', "bulkId": "x", "data": {"userName": "a"}}
    request = parse_bulk(bulk(POST, put, DELETE, failOnErrors=2))
    assert request.fail_on_errors == 2
    first, second, third = request.operations
    assert (first.position, first.method, first.path, first.bulk_id) == (0, Method.POST, "/Users", "ana")
    assert first.data == {"userName": "ana@corp.example"}
    assert (second.method, second.version, second.bulk_id) == (Method.PUT, 'W/"3"', "x")
    assert (third.position, third.data, third.version) == (2, None, None)


@pytest.mark.parametrize("path", ["Users/7", "/Users/7/", "/Users/7?attributes=userName", "/Users/7"])
def test_a_path_is_read_with_or_without_its_slash_and_its_query(path: str) -> None:
    [operation] = parse_bulk(bulk({"method": "DELETE", "path": path})).operations
    assert operation.path == "/Users/7"


def test_names_and_methods_have_no_case() -> None:
    request = parse_bulk({"OPERATIONS": [{"Method": "post", "Path": "/Users", "BULKID": "b", "Data": {}}]})
    assert request.operations[0].method is Method.POST
    assert request.operations[0].bulk_id == "b"
    assert request.fail_on_errors is None


def test_the_bare_list_of_the_rfcs_example_is_a_patch() -> None:
    listed = [{"op": "remove", "path": "nickName"}]
    [operation] = parse_bulk(bulk({"method": "PATCH", "path": "/Users/7", "data": listed})).operations
    assert operation.data == {"Operations": listed}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "x",
        {},
        bulk(),
        {"Operations": POST},
        bulk("x"),
        bulk(None),
        bulk({**POST, "method": "GET"}),
        bulk({**POST, "method": None}),
        bulk({**POST, "method": ["POST"]}),
        bulk({**POST, "path": ""}),
        bulk({**POST, "path": None}),
        bulk({**POST, "path": 7}),
        bulk({**POST, "bulkId": None}),
        bulk({**POST, "bulkId": ""}),
        bulk({**POST, "bulkId": 1}),
        bulk({**POST, "data": None}),
        bulk({**DELETE, "data": {}}),
        bulk({**DELETE, "version": 3}),
        bulk({"method": "PATCH", "path": "/Users/1"}),
        bulk(POST, POST),
        bulk(POST, {**DELETE, "bulkId": "ana"}),
        bulk({**POST, "METHOD": "PUT"}),
    ],
    ids=lambda body: repr(body)[:60],
)
def test_a_message_that_is_wrong_in_any_part_is_refused_whole(body: object) -> None:
    with pytest.raises(InvalidSyntax) as refused:
        parse_bulk(body)
    assert len(refused.value.detail) > 20
    assert "corp.example" not in refused.value.detail


def test_the_detail_says_which_operation_is_wrong() -> None:
    with pytest.raises(InvalidSyntax, match=r"^Operation 3 of the Bulk"):
        parse_bulk(bulk(POST, DELETE, {"method": "MOVE", "path": "/Users"}))


@pytest.mark.parametrize("most", [0, -1, True, 1.0, "1", []])
def test_only_a_whole_number_of_errors_can_be_accepted(most: object) -> None:
    with pytest.raises(InvalidValue):
        parse_bulk(bulk(POST, failOnErrors=most))


def test_too_many_operations_are_413_with_the_limit() -> None:
    assert len(parse_bulk(bulk(*[DELETE] * DEFAULTS.bulk_operations)).operations) == DEFAULTS.bulk_operations
    with pytest.raises(TooLarge, match=rf"maxOperations \({DEFAULTS.bulk_operations}\)"):
        parse_bulk(bulk(*[DELETE] * (DEFAULTS.bulk_operations + 1)))


def test_results_come_in_the_order_of_the_request_and_without_what_they_have_not() -> None:
    first, second = parse_bulk(bulk(POST, DELETE)).operations
    error = ScimError("No.").as_body()
    made = BulkResult(first, 201, "https://x.example/Users/1", 'W/"1"', None)
    assert bulk_body([BulkResult(second, 404, "https://x.example/Users/1", None, error), made]) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
        "Operations": [
            {
                "method": "POST",
                "bulkId": "ana",
                "version": 'W/"1"',
                "location": "https://x.example/Users/1",
                "status": "201",
            },
            {
                "method": "DELETE",
                "location": "https://x.example/Users/1",
                "status": "404",
                "response": error,
            },
        ],
    }
