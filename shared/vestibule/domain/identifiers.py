"""Who is who: one type per kind of id, all of them UUIDs that we made."""

import re
import uuid
from enum import StrEnum
from typing import NewType

TenantId = NewType("TenantId", uuid.UUID)
ConnectionId = NewType("ConnectionId", uuid.UUID)
"""The connection's row id, never its public name in the base URL."""
PersonId = NewType("PersonId", uuid.UUID)
GroupId = NewType("GroupId", uuid.UUID)
AccountId = NewType("AccountId", uuid.UUID)
OrganizationId = NewType("OrganizationId", uuid.UUID)
DeskId = NewType("DeskId", uuid.UUID)

_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RANDOM_BYTES = 10


class Kind(StrEnum):
    """The kinds of key in `sync`: the first two are the router's work, the others the writer's."""

    PERSON = "person"
    GROUP = "group"
    ACCOUNT = "account"
    ORGANIZATION = "organization"


def uuid7(milliseconds: int, randomness: bytes) -> uuid.UUID:
    """Build a version 7 UUID (RFC 9562 §5.7) from Unix milliseconds and 10 random bytes.

    Ids made in time order sort in time order, so that new rows land at the end of their index.
    """
    if len(randomness) != _RANDOM_BYTES:
        raise ValueError("uuid7 needs exactly 10 random bytes")
    if not 0 <= milliseconds < 1 << 48:
        raise ValueError("uuid7 needs Unix milliseconds that fit 48 bits")
    tail = int.from_bytes(randomness, "big")
    rand_a = tail >> 68
    rand_b = tail & ((1 << 62) - 1)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def parse_id(text: str) -> uuid.UUID | None:
    """Read a SCIM id as we write it (36 characters, lower case); None for anything else.

    `id` is caseExact (RFC 7643 §3.1), so another spelling of the same number is another, unknown id.
    """
    return uuid.UUID(text) if _TEXT.fullmatch(text) else None
