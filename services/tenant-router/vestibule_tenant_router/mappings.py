"""Mappings by immutable version: read once, kept within a bound."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from vestibule.domain.identifiers import ConnectionId, TenantId
from vestibule.mapping.rules import InvalidMapping, Mapping, parse_mapping

LIMIT: Final = 1_000  # documents of about a kilobyte; the one not used for longest goes first

ReadMapping: TypeAlias = Callable[[TenantId, ConnectionId, int], Awaitable[object | None]]


@dataclass(frozen=True, slots=True)
class Unusable:
    """There is no mapping to judge by: the version is missing, or its document is none."""


class Mappings:
    """The mapping of a connection at a version; versions never change, so nothing here can be out of date."""

    def __init__(self, read: ReadMapping, limit: int = LIMIT) -> None:
        self._read = read
        self._limit = limit
        self._known: OrderedDict[tuple[ConnectionId, int], Mapping | Unusable] = OrderedDict()

    async def find(self, tenant: TenantId, connection: ConnectionId, version: int) -> Mapping | Unusable:
        """The mapping, or that there is none to use; raises what the database raises."""
        place = (connection, version)
        known = self._known.get(place)
        if known is not None:
            self._known.move_to_end(place)
            return known
        document = await self._read(tenant, connection, version)
        if document is None:
            return Unusable()  # not kept: a missing one may still come
        found = _parse(document)
        self._known[place] = found
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
        return found

    def __len__(self) -> int:
        return len(self._known)


def _parse(document: object) -> Mapping | Unusable:
    try:
        return parse_mapping(document)
    except InvalidMapping:
        return Unusable()
