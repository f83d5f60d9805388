"""The order of a Bulk's operations: whoever refers to another waits for it (RFC 7644 §3.7.2)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from vestibule.scim.bulk import BulkOperation, Method
from vestibule.scim.errors import CircularReference, InvalidValue, ReferenceUnfulfilled
from vestibule.scim.references import data_with_ids, path_with_ids


@dataclass(frozen=True, slots=True)
class Arrangement:
    """All operations in the order to carry them out; what cannot be ordered stands where it came.

    `makers` are the bulkIds that stand for a new resource; `circular` are the positions of operations whose
    references go round in a circle, or lead into one.
    """

    order: tuple[BulkOperation, ...]
    makers: frozenset[str]
    circular: frozenset[int]


def arrange(operations: Sequence[BulkOperation]) -> Arrangement:
    """Keep the order of the request, except that an operation that refers to a later one waits for it.

    Changes to one resource keep their order among each other, even when one of them has to wait.
    """
    makers = {
        operation.bulk_id: operation.position
        for operation in operations
        if operation.method is Method.POST and operation.bulk_id is not None
    }
    needs = [
        {makers[bulk_id] for bulk_id in operation.references if bulk_id in makers} for operation in operations
    ]
    circular = frozenset(range(len(operations))) - frozenset(ordered(needs))
    for position in circular:
        needs[position] = set()
    last: dict[str, int] = {}
    for operation in operations:
        if operation.method is not Method.POST:
            if operation.path in last:
                needs[operation.position].add(last[operation.path])
            last[operation.path] = operation.position
    order = tuple(operations[position] for position in ordered(needs))
    return Arrangement(order, frozenset(makers), circular)


def ordered(needs: Sequence[Collection[int]]) -> list[int]:
    """Order positions so that each comes after those it needs; whoever cannot is left out."""
    missing = [len(needed) for needed in needs]
    followers: defaultdict[int, list[int]] = defaultdict(list)
    for position, needed in enumerate(needs):
        for other in needed:
            followers[other].append(position)
    ready = [position for position, count in enumerate(missing) if count == 0]
    order = []
    while ready:
        position = heappop(ready)
        order.append(position)
        for follower in followers[position]:
            missing[follower] -= 1
            if missing[follower] == 0:
                heappush(ready, follower)
    return order


def resolve(operation: BulkOperation, arrangement: Arrangement, made: Mapping[str, str]) -> BulkOperation:
    """Put the ids of resources made so far in the place of references; a SCIM error where one is missing."""
    if operation.position in arrangement.circular:
        raise CircularReference(
            "The bulkId references of this operation lead in a circle: leave one of them out and add it by a "
            "PATCH that follows."
        )
    if not operation.references <= arrangement.makers:
        raise InvalidValue("The operation refers to a bulkId that no POST of this request has: correct it.")
    if not operation.references <= made.keys():
        raise ReferenceUnfulfilled(
            "The operation refers to a resource that was not created: see the result of its POST first."
        )
    if not operation.references:
        return operation
    return replace(
        operation,
        path=path_with_ids(operation.path, made.__getitem__),
        data=data_with_ids(operation.data, made.__getitem__),
    )
