"""References by bulkId: each place where one may stand, and what only looks like one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim.references import data_with_ids, path_with_ids, references_in

IDS = {"ana": "1", "bo": "2", "a/b": "3", "x y": "4"}

PLACES: dict[str, tuple[object, object]] = {
    "a member": ({"members": [{"value": "bulkId:ana"}]}, {"members": [{"value": "1"}]}),
    "a bare member": ({"members": ["bulkId:ana", "9"]}, {"members": ["1", "9"]}),
    "a manager": ({"urn:x": {"manager": {"value": "bulkId:bo"}}}, {"urn:x": {"manager": {"value": "2"}}}),
    "a bare manager": ({"manager": "bulkId:bo"}, {"manager": "2"}),
    "a $ref": ({"$ref": "../Users/bulkId:ana"}, {"$ref": "../Users/1"}),
    "a whole $ref": ({"$Ref": "https://a.example/Users/bulkId:ana"}, {"$Ref": "https://a.example/Users/1"}),
    "a $ref alone": ({"$ref": "bulkId:ana"}, {"$ref": "1"}),
    "a PATCH": (
        {"Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:ana"}]}]},
        {"Operations": [{"op": "add", "path": "members", "value": [{"value": "1"}]}]},
    ),
    "a PATCH path": (
        {"Operations": [{"op": "remove", "path": 'members[value eq "bulkId:ana" or value eq "bulkId:bo"]'}]},
        {"Operations": [{"op": "remove", "path": 'members[value eq "1" or value eq "2"]'}]},
    ),
    "another case": ({"value": "BULKID:ana"}, {"value": "1"}),
    "a slash inside": ({"value": "bulkId:a/b"}, {"value": "3"}),
    "a space inside": ({"value": "bulkId:x y"}, {"value": "4"}),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_a_reference_becomes_an_id(name: str) -> None:
    data, wanted = PLACES[name]
    assert data_with_ids(data, IDS.__getitem__) == wanted
    assert references_in("/Groups", data) <= IDS.keys()
    assert references_in("/Groups", data)


@pytest.mark.parametrize(
    "data",
    [
        {"title": "bulkId"},
        {"title": "my bulkId:ana"},
        {"value": "bulkId:"},
        {"displayName": "/Users/bulkId:ana"},
        {"bulkId:ana": 1},
        {"path": "bulkId:ana"},
        {"active": True, "n": 1, "none": None, "texts": ["a:b"]},
    ],
    ids=repr,
)
def test_what_only_looks_like_one_stays(data: object) -> None:
    assert references_in("/Users", data) == frozenset()
    assert data_with_ids(data, IDS.__getitem__) == data


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("/Users/bulkId:ana", "/Users/1"), ("/Groups/bulkId:a/b", "/Groups/3"), ("/Users/7", "/Users/7"),
     ("/Users", "/Users"), ("/bulkId:ana", "/bulkId:ana"), ("/Groups/x/bulkId:ana", "/Groups/x/bulkId:ana")],
)  # fmt: skip
def test_a_path_may_name_one_too(path: str, wanted: str) -> None:
    assert path_with_ids(path, IDS.__getitem__) == wanted


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["bulkId:ana", "bulkid:bo"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "$ref", "path", "members", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
def test_after_the_ids_are_there_nothing_refers_any_more(data: Any) -> None:
    named = references_in("/Users", data)
    resolved = data_with_ids(data, lambda bulk_id: f"id-of-{len(bulk_id)}")
    assert references_in("/Users", resolved) == frozenset()
    assert (resolved == data) is (not named)
