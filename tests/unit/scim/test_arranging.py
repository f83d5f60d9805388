"""The order of a Bulk: references are honoured, circles are opened, all else stays as it came."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim.arranging import arrange, resolve
from vestibule.scim.bulk import BulkOperation, Method
from vestibule.scim.errors import InvalidValue, ReferenceUnfulfilled
from vestibule.scim.references import references_in


def operations(*specifications: str) -> list[BulkOperation]:
    """`POST a: b c` makes bulkId a and refers to b and c; `PUT /Users/1: b` changes a resource."""
    made = []
    for position, text in enumerate(specifications):
        head, _, rest = text.partition(":")
        word, name = head.split()
        method = Method(word)
        bulk_id, path = (name, "/Groups") if method is Method.POST else (None, name.replace("@", "bulkId:"))
        data = {"members": [{"value": f"bulkId:{other}"} for other in rest.split()]}
        made.append(BulkOperation(position, method, path, bulk_id, None, data, references_in(path, data)))
    return made


@pytest.mark.parametrize(
    ("given_operations", "order"),
    [
        (["POST a", "POST b", "POST c"], [0, 1, 2]),
        (["POST g: a", "POST a"], [1, 0]),
        (["POST g: a", "POST a: b", "POST b"], [2, 1, 0]),
        (["POST g: c", "POST a", "POST c", "POST d"], [1, 2, 0, 3]),
        (["POST g: nobody"], [0]),
        (["POST a: a"], [0, 0]),
        (["POST a: b", "POST b: a", "POST c"], [0, 1, 0, 2]),
        (["POST a: b", "POST b: c", "POST c: a"], [0, 1, 0, 2, 1]),
        (["POST g: a", "POST a: b", "POST b: a", "POST d"], [1, 0, 2, 1, 3]),
        (["PATCH /Groups/1: a", "POST a"], [1, 0]),
        (["PATCH /Groups/@g", "POST g: a", "POST a"], [2, 1, 0]),
        (["PATCH /Groups/@a", "POST a: b", "POST b: a"], [1, 0, 2, 1]),
        (["POST a: b", "POST b: a", "PATCH /Groups/@a"], [0, 1, 0, 2]),
        (["PUT /Users/1: a", "DELETE /Users/1", "POST a"], [2, 0, 1]),
        (["PUT /Users/1: a", "DELETE /Users/2", "POST a"], [1, 2, 0]),
        (["PUT /Users/1: a", "DELETE /Users/1", "POST a: a"], [2, 0, 1, 2]),
    ],
)
def test_whoever_refers_waits(given_operations: list[str], order: list[int]) -> None:
    arranged = arrange(operations(*given_operations))
    assert [operation.position for operation in arranged.order] == order


def test_a_circle_is_opened_by_a_patch_that_follows() -> None:
    listed = operations("POST a: b", "POST b: a")
    first = replace(listed[0], version='W/"1"', data={"displayName": "A", **listed[0].data})
    made, second, rest = arrange([first, listed[1]]).order
    assert (made.method, made.data, made.references) == (Method.POST, {"displayName": "A"}, frozenset())
    assert second is listed[1]
    assert (rest.method, rest.path, rest.bulk_id) == (Method.PATCH, "/Groups/bulkId:a", "a")
    assert rest.data == {"Operations": [{"op": "replace", "value": listed[0].data}]}
    assert rest.references == {"a", "b"}
    assert rest.version is None


def test_who_cannot_be_made_is_in_no_circle() -> None:
    listed = operations("POST a: a", "POST b: b")
    for wrong in (
        replace(listed[0], data=["bulkId:a"]),
        replace(listed[0], path="/Groups/bulkId:a", data={}),
    ):
        refused, *others = arrange([wrong, listed[1]]).order
        assert (refused.position, refused.references) == (0, frozenset())
        assert [other.position for other in others] == [1, 1]


def test_a_resolved_operation_has_ids_in_path_and_body() -> None:
    listed = operations("POST a", "PATCH /Groups/@a: a")
    resolved = resolve(listed[1], arrange(listed), {"a": "1"})
    assert (resolved.path, resolved.data) == ("/Groups/1", {"members": [{"value": "1"}]})
    assert resolve(listed[0], arrange(listed), {}) is listed[0]


@pytest.mark.parametrize(
    ("given_operations", "position", "error"),
    [
        (["POST a: nobody"], 0, InvalidValue),
        (["PUT /Users/@nobody"], 0, InvalidValue),
        (["POST a", "PUT /Users/@a"], 1, ReferenceUnfulfilled),
    ],
)
def test_a_reference_that_leads_nowhere_is_an_error(
    given_operations: list[str], position: int, error: type[Exception]
) -> None:
    listed = operations(*given_operations)
    with pytest.raises(error):
        resolve(listed[position], arrange(listed), {})


GRAPHS = st.integers(1, 9).flatmap(
    lambda size: st.lists(
        st.tuples(st.booleans(), st.frozensets(st.integers(0, size), max_size=3)),
        min_size=size,
        max_size=size,
    )
)


@given(GRAPHS)
def test_every_order_fulfils_every_reference(graph: list[tuple[bool, frozenset[int]]]) -> None:
    heads = (f"POST {n}" if posts else f"PUT /Users/{n % 3}" for n, (posts, _) in enumerate(graph))
    tails = (" ".join(map(str, sorted(others))) for _, others in graph)
    listed = operations(*(f"{head}: {tail}" for head, tail in zip(heads, tails, strict=True)))
    makers = {position for position, (posts, _) in enumerate(graph) if posts}
    bulk_ids = {str(position) for position in makers}
    needs = {position: others & makers for position, (_, others) in enumerate(graph)}
    order = arrange(listed).order
    assert {operation.position for operation in order} == set(range(len(graph)))
    made: set[str] = set()
    said: dict[int, set[str]] = {}
    for operation in order:
        assert {other for other in operation.references if other in bulk_ids} <= made
        if operation.method is Method.POST and operation.bulk_id is not None:
            made.add(operation.bulk_id)
        said[operation.position] = said.get(operation.position, set()) | references_in("", operation.data)
    for operation in listed:  # nothing of what was asked for is left out
        assert said[operation.position] == references_in("", operation.data)
    places = {operation.position: place for place, operation in enumerate(order)}
    changes = [position for position in range(len(graph)) if position not in makers]
    for resource in range(3):
        same = [position for position in changes if position % 3 == resource]
        assert sorted(same, key=places.__getitem__) == same
    if not any(other >= position for position, others in needs.items() for other in others):
        assert list(places) == sorted(places)
