"""The order of a Bulk: references are honoured, circles are found, all else stays as it came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim.arranging import arrange, resolve
from vestibule.scim.bulk import BulkOperation, Method
from vestibule.scim.errors import CircularReference, InvalidValue, ReferenceUnfulfilled
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
    ("given_operations", "order", "circular"),
    [
        (["POST a", "POST b", "POST c"], [0, 1, 2], set()),
        (["POST g: a", "POST a"], [1, 0], set()),
        (["POST g: a", "POST a: b", "POST b"], [2, 1, 0], set()),
        (["POST g: c", "POST a", "POST c", "POST d"], [1, 2, 0, 3], set()),
        (["POST g: nobody"], [0], set()),
        (["POST a: a"], [0], {0}),
        (["POST a: b", "POST b: a", "POST c"], [0, 1, 2], {0, 1}),
        (["POST a: b", "POST b: c", "POST c: a"], [0, 1, 2], {0, 1, 2}),
        (["POST g: a", "POST a: b", "POST b: a", "POST d"], [0, 1, 2, 3], {0, 1, 2}),
        (["PATCH /Groups/1: a", "POST a"], [1, 0], set()),
        (["PATCH /Groups/@g", "POST g: a", "POST a"], [2, 1, 0], set()),
        (["PUT /Users/1: a", "DELETE /Users/1", "POST a"], [2, 0, 1], set()),
        (["PUT /Users/1: a", "DELETE /Users/2", "POST a"], [1, 2, 0], set()),
        (["PUT /Users/1: a", "DELETE /Users/1", "POST a: a"], [0, 1, 2], {0, 2}),
    ],
)
def test_whoever_refers_waits(given_operations: list[str], order: list[int], circular: set[int]) -> None:
    arranged = arrange(operations(*given_operations))
    assert [operation.position for operation in arranged.order] == order
    assert arranged.circular == circular


def test_a_resolved_operation_has_ids_in_path_and_body() -> None:
    listed = operations("POST a", "PATCH /Groups/@a: a")
    resolved = resolve(listed[1], arrange(listed), {"a": "1"})
    assert (resolved.path, resolved.data) == ("/Groups/1", {"members": [{"value": "1"}]})
    assert resolve(listed[0], arrange(listed), {}) is listed[0]


@pytest.mark.parametrize(
    ("given_operations", "position", "error"),
    [
        (["POST a: b", "POST b: a"], 0, CircularReference),
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
    needs = {position: others & makers for position, (_, others) in enumerate(graph)}
    arranged = arrange(listed)
    places = {operation.position: place for place, operation in enumerate(arranged.order)}
    assert sorted(places) == list(range(len(graph)))

    def can_go_on_for(position: int) -> bool:
        """Whether references can be followed for more steps than there are operations."""
        reached = {position}
        for _ in graph:
            reached = {other for one in reached for other in needs[one]}
        return bool(reached)

    for position, others in needs.items():
        assert (position in arranged.circular) is can_go_on_for(position)
        if position not in arranged.circular:
            assert all(places[other] < places[position] for other in others)
    changes = [position for position in range(len(graph)) if position not in makers]
    for resource in range(3):
        same = [position for position in changes if position % 3 == resource]
        assert sorted(same, key=places.__getitem__) == same
    if not any(other > position for position, others in needs.items() for other in others):
        assert list(places) == sorted(places)
