"""/ServiceProviderConfig, /ResourceTypes and /Schemas, as lists and one by one (RFC 7644 §4)."""

import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from starlette.responses import Response

from vestibule.scim import discovery
from vestibule.scim.errors import Forbidden, NotFound
from vestibule.scim.limits import Limits
from vestibule.scim.resource_types import ResourceTypes
from vestibule_ingest.exchange import Call, Handler
from vestibule_ingest.rendering import ScimResponse

CACHED_SECONDS: Final = 60

Document: TypeAlias = Callable[[str, ResourceTypes], dict[str, Any]]
Item: TypeAlias = Callable[[str, str, ResourceTypes], dict[str, Any] | None]


def shows(document: Document) -> Handler:
    """A handler that answers with one document."""

    async def show(call: Call) -> Response:
        # RFC 7644 §4: a filter on these must be refused, since it would be ignored.
        if "filter" in call.query():
            await call.check_caller()
            raise Forbidden("What this service can do is not filtered: ask without a filter.")
        await call.check_caller()
        return cacheable(call, document(call.base, call.types))

    return show


def shows_config(limits: Limits) -> Handler:
    """A handler that answers with what works here, and with the limits that are in force."""
    return shows(lambda base, _: discovery.service_provider_config(base, limits))


def shows_item(document: Item) -> Handler:
    """A handler that answers with the document that the path names."""

    async def show(call: Call) -> Response:
        await call.check_caller()
        body = document(call.request.path_params["id"], call.base, call.types)
        if body is None:
            raise NotFound("There is no such document: read the list without an id.")
        return cacheable(call, body)

    return show


def cacheable(call: Call, body: dict[str, Any]) -> Response:
    """The answer with a tag of what it says, so that whoever has it is spared the body."""
    answer = ScimResponse(body)
    tag = hashlib.sha256(answer.body).hexdigest()[:32]
    headers = {"etag": f'W/"{tag}"', "cache-control": f"private, max-age={CACHED_SECONDS}"}
    known = call.headers.get(b"if-none-match", b"").decode("latin-1").split(",")
    if {"*", f'"{tag}"'} & {one.strip().removeprefix("W/") for one in known}:
        return ScimResponse(None, 304, headers)
    answer.headers.update(headers)
    return answer


RESOURCE_TYPES: Handler = shows(discovery.resource_types)
RESOURCE_TYPE: Handler = shows_item(discovery.resource_type)
SCHEMAS: Handler = shows(discovery.schemas)
SCHEMA: Handler = shows_item(discovery.schema)
