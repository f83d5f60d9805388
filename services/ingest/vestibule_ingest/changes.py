"""Changes that requests ask for, each with all that is needed to carry it out."""

from dataclasses import dataclass
from uuid import UUID

from vestibule.domain.tokens import Credential
from vestibule.scim.attributes import ResourceType
from vestibule_ingest.exchange import Call
from vestibule_ingest.preconditions import Conditions, read_conditions


@dataclass(frozen=True, slots=True)
class Change:
    """A PUT or PATCH of one resource; `kind` is what its body is read by, `trace` its traceparent."""

    caller: Credential
    target: UUID
    body: object
    conditions: Conditions
    trace: str | None
    kind: ResourceType


async def read_change(call: Call, most: int, kind: ResourceType) -> Change:
    """Read a request that changes what its path names, with a body of at most `most` bytes."""
    target = await call.resource_id()
    body = await call.json(most)
    return Change(call.caller, target, body, read_conditions(call.headers), call.trace, kind)
