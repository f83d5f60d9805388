"""The message: which subject has changed, and up to which version; all else is read from the database."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from vestibule.domain.identifiers import Kind, TenantId

MAXIMUM_BYTES = 1024  # a key takes about 140; anything larger was not written by us


@dataclass(frozen=True, slots=True)
class Key:
    """One dirty row of `sync`: the subject, its tenant and the version that made it dirty."""

    kind: Kind
    id: UUID
    tenant: TenantId
    version: int


class Reason(StrEnum):
    """Why a message cannot be read; a closed list, so that no content can leak into a log."""

    TOO_LARGE = "too_large"
    NO_JSON = "no_json"
    UNKNOWN_VERSION = "unknown_version"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that is acked and left to the lease of its row."""

    reason: Reason


class _Head(msgspec.Struct, frozen=True):
    v: int


class _Version1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    kind: Kind
    id: UUID
    tenant: UUID
    version: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]  # a bigint in `sync`


_encoder = msgspec.json.Encoder()
_head_decoder = msgspec.json.Decoder(_Head)
_version1_decoder = msgspec.json.Decoder(_Version1)


def encode(key: Key) -> bytes:
    """Render a key as the newest version of the message."""
    return _encoder.encode(_Version1(v=1, kind=key.kind, id=key.id, tenant=key.tenant, version=key.version))


def decode(body: bytes) -> Key | Unreadable:
    """Read any known version; whatever cannot be read comes back as a value, never as an exception."""
    if len(body) > MAXIMUM_BYTES:
        return Unreadable(Reason.TOO_LARGE)
    try:
        head = _head_decoder.decode(body)
        match head.v:
            case 1:
                return _from_version1(_version1_decoder.decode(body))
            case _:
                return Unreadable(Reason.UNKNOWN_VERSION)
    except msgspec.ValidationError:
        return Unreadable(Reason.MALFORMED)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unreadable(Reason.NO_JSON)


def _from_version1(message: _Version1) -> Key:
    return Key(message.kind, message.id, TenantId(message.tenant), message.version)
