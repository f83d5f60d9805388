"""Mappings are read once a version and kept within a bound."""

import uuid

from vestibule.domain.identifiers import ConnectionId, TenantId
from vestibule.mapping.rules import default_mapping
from vestibule_tenant_router.mappings import Mappings, Unusable

TENANT = TenantId(uuid.UUID(int=1))
CONNECTION = ConnectionId(uuid.UUID(int=2))


class Documents:
    """What the database has; counts how often it is asked."""

    def __init__(self, document: object | None) -> None:
        self.document = document
        self.reads: list[int] = []

    async def __call__(self, _tenant: TenantId, _connection: ConnectionId, version: int) -> object | None:
        self.reads.append(version)
        return self.document


async def test_a_version_is_read_once() -> None:
    documents = Documents(default_mapping().as_document())
    mappings = Mappings(documents)
    assert await mappings.find(TENANT, CONNECTION, 1) == default_mapping()
    assert await mappings.find(TENANT, CONNECTION, 1) == default_mapping()
    assert await mappings.find(TENANT, CONNECTION, 2) == default_mapping()
    assert documents.reads == [1, 2]


async def test_a_document_that_is_no_mapping_is_read_once_too() -> None:
    documents = Documents({"format": "odd"})
    mappings = Mappings(documents)
    assert await mappings.find(TENANT, CONNECTION, 1) == Unusable()
    assert await mappings.find(TENANT, CONNECTION, 1) == Unusable()
    assert documents.reads == [1]


async def test_a_missing_version_is_asked_for_again() -> None:
    documents = Documents(None)
    mappings = Mappings(documents)
    assert await mappings.find(TENANT, CONNECTION, 1) == Unusable()
    documents.document = default_mapping().as_document()
    assert await mappings.find(TENANT, CONNECTION, 1) == default_mapping()


async def test_the_one_not_used_for_longest_goes_when_it_gets_too_many() -> None:
    documents = Documents(default_mapping().as_document())
    mappings = Mappings(documents, limit=2)
    for version in (1, 2, 1, 3, 1, 2):
        await mappings.find(TENANT, CONNECTION, version)
    assert len(mappings) == 2
    assert documents.reads == [1, 2, 3, 2]
