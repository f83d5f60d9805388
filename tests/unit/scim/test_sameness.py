"""What is the same JSON, and what only Python holds for equal."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.scim.samples import patch_body, user
from vestibule.scim.group_patch import patch_group
from vestibule.scim.patch import patch_user
from vestibule.scim.sameness import not_among, same

CORP = "urn:corp:2.0:User"
VALUES = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 2, 0.0, 1.0, "1", "true"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_the_same_is_what_is_written_alike(one: Any, other: Any) -> None:
    alike = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert same(one, other) is alike
    assert not_among([one], [other]) == ([] if alike else [one])
    assert same(one, json.loads(json.dumps(one)))


@pytest.mark.parametrize(("before", "after"), [(1, True), (True, 1), (0, False), ([1], [True]), (1, 1.0)])
def test_a_value_of_another_kind_is_a_change(before: object, after: object) -> None:
    message = patch_body({"op": "replace", "path": f"{CORP}:badge", "value": after})
    patched = patch_user(user(**{CORP: {"badge": before}}), message)
    assert patched.changed
    assert same(patched.document[CORP], {"badge": after})
    changed = patch_group({"displayName": "IT", CORP: {"badge": before}}, message)
    assert changed.changed
    assert same(changed.document[CORP], {"badge": after})


def test_true_is_added_to_a_list_that_has_1() -> None:
    message = patch_body({"op": "add", "path": f"{CORP}:badges", "value": [True, 1, {"a": 1}]})
    patched = patch_user(user(**{CORP: {"badges": [1, {"a": True}]}}), message)
    assert same(patched.document[CORP]["badges"], [1, {"a": True}, True, {"a": 1}])
