"""What a list is asked for: the parameters of a URL and the body of a `/.search` say the same."""

import pytest

from vestibule.scim.errors import InvalidCount, InvalidSyntax, InvalidValue
from vestibule.scim.listing import ListQuery, Page, list_body, parse_list_query, parse_search_request


def test_url_and_body_say_the_same() -> None:
    asked = ListQuery(Page(3, 5), 'userName sw "a"', "name.familyName", True, None, "userName,emails", None)
    assert (
        parse_list_query(
            {
                "filter": ' userName sw "a" ',
                "sortby": "name.familyName",
                "sortorder": "Descending",
                "startindex": "3",
                "count": "5",
                "attributes": "userName,emails",
                "unknown": "x",
            }
        )
        == asked
    )
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": 'userName sw "a"',
        "SortBy": "name.familyName",
        "sortOrder": "descending",
        "startIndex": 3,
        "count": "5",
        "attributes": ["userName", "emails"],
        "excludedAttributes": None,
        "unknown": {"x": 1},
    }
    assert parse_search_request(body) == asked
    assert parse_search_request({}) == parse_list_query({}) == ListQuery(Page(1, 100))


def test_a_cursor_leaves_the_index_aside() -> None:
    asked = parse_list_query({"cursor": "", "startindex": "7", "count": "1000"})
    assert asked == ListQuery(Page(1, 200), cursor="")
    with pytest.raises(InvalidCount):
        parse_list_query({"cursor": "", "count": "many"})
    with pytest.raises(InvalidValue):
        parse_list_query({"count": "many"})


@pytest.mark.parametrize(
    "body",
    [
        [],
        "filter",
        {"filter": 7},
        {"count": 1.5},
        {"count": True},
        {"attributes": [1]},
        {"attributes": {"userName": True}},
        {"filter": "a", "FILTER": "b"},
    ],
)
def test_a_search_request_of_another_shape_is_refused(body: object) -> None:
    with pytest.raises(InvalidSyntax):
        parse_search_request(body)


def test_an_order_is_one_of_two() -> None:
    with pytest.raises(InvalidValue, match="'sortOrder' must be"):
        parse_list_query({"sortby": "userName", "sortorder": "random"})
    assert parse_list_query({"sortorder": "random"}) == ListQuery(Page(1, 100))


def test_a_page_by_cursor_has_cursors_and_no_index() -> None:
    body = list_body([{}], 7, next_cursor="n", previous_cursor="p")
    assert body.pop("schemas")
    assert body == {
        "totalResults": 7,
        "previousCursor": "p",
        "nextCursor": "n",
        "itemsPerPage": 1,
        "Resources": [{}],
    }
