"""The order of a Bulk's operations: whoever refers to another waits for it (RFC 7644 §3.7.2)."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Any

from vestibule.scim.bulk import BulkOperation, Method
from vestibule.scim.errors import InvalidValue, ReferenceUnfulfilled
from vestibule.scim.references import data_with_ids, path_with_ids, references_in


@dataclass(frozen=True, slots=True)
class Arrangement:
    """All operations in the order to carry them out; `makers` are the bulkIds that stand for a new resource.

    Where references go round in a circle, a POST of it stands there twice: without the attributes that refer
    to what is made later, and as a PATCH of the same position that adds them.
    """

    order: tuple[BulkOperation, ...]
    makers: frozenset[str]


def arrange(operations: Sequence[BulkOperation]) -> Arrangement:
    """Keep the order of the request, except that an operation that refers to a later one waits for it.

    Changes to one resource keep their order among each other, even when one of them has to wait.
    """
    makers = _makers(operations)
    circle = in_circles([_needs(operation, makers) for operation in operations])
    parts = [part for operation in operations for part in _split(operation, makers, circle)]
    made_by = _makers(parts)
    needs = [_needs(part, made_by) for part in parts]
    last: dict[str, int] = {}
    for place, part in enumerate(parts):
        if part.method is not Method.POST:
            if part.path in last:
                needs[place].add(last[part.path])
            last[part.path] = place
    return Arrangement(tuple(parts[place] for place in ordered(needs)), frozenset(makers))


def in_circles(needs: Sequence[Collection[int]]) -> frozenset[int]:
    """Those whose references go round in a circle, or stand on a way between two."""
    knotted = frozenset(range(len(needs))) - frozenset(ordered(needs))
    needed_by: list[set[int]] = [set() for _ in needs]
    for position in knotted:
        for other in needs[position]:
            needed_by[other].add(position)
    return knotted - frozenset(ordered(needed_by))


def _makers(operations: Sequence[BulkOperation]) -> dict[str, int]:
    return {
        operation.bulk_id: place
        for place, operation in enumerate(operations)
        if operation.method is Method.POST and operation.bulk_id is not None
    }


def _needs(operation: BulkOperation, makers: Mapping[str, int]) -> set[int]:
    return {makers[bulk_id] for bulk_id in operation.references if bulk_id in makers}


def _split(
    operation: BulkOperation, makers: Mapping[str, int], circle: frozenset[int]
) -> Iterator[BulkOperation]:
    """Take a POST of a circle apart (RFC 7644 §3.7.1: that must be tried): it needs earlier ones only."""
    later = frozenset(
        bulk_id
        for bulk_id in operation.references
        if operation.position in circle and operation.position <= makers.get(bulk_id, -1) in circle
    )
    if not later:
        yield operation
    elif isinstance(operation.data, Mapping) and later.isdisjoint(references_in(operation.path, None)):
        yield from _halves(operation, later)
    else:
        yield replace(operation, references=frozenset())  # no resource comes of it: its handler says why


def _halves(operation: BulkOperation, later: frozenset[str]) -> Iterator[BulkOperation]:
    first: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    referred: dict[bool, frozenset[str]] = {False: frozenset(), True: frozenset({str(operation.bulk_id)})}
    for name, value in operation.data.items():
        references = references_in("", {name: value})
        refers_on = not later.isdisjoint(references)
        (rest if refers_on else first)[name] = value
        referred[refers_on] |= references
    path_references = references_in(operation.path, None)
    yield replace(operation, data=first, references=referred[False] | path_references)
    yield replace(
        operation,
        method=Method.PATCH,
        path=f"{operation.path}/bulkId:{operation.bulk_id}",
        version=None,
        data={"Operations": [{"op": "replace", "value": rest}]},
        references=referred[True] | path_references,
    )


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
