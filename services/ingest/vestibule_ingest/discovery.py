"""/ServiceProviderConfig, /ResourceTypes and /Schemas, as lists and one by one (RFC 7644 §4)."""

from collections.abc import Callable
from typing import Any, TypeAlias

from starlette.responses import Response

from vestibule.scim import discovery
from vestibule.scim.errors import Forbidden, NotFound
from vestibule_ingest.exchange import Call, Handler
from vestibule_ingest.rendering import ScimResponse

Document: TypeAlias = Callable[[str], dict[str, Any]]


def shows(document: Document) -> Handler:
    """A handler that answers with one document."""

    async def show(call: Call) -> Response:
        # RFC 7644 §4: a filter on these must be refused, since it would be ignored.
        if "filter" in call.query():
            await call.check_caller()
            raise Forbidden("What this service can do is not filtered: ask without a filter.")
        await call.check_caller()
        return ScimResponse(document(call.base))

    return show


def shows_item(document: Callable[[str, str], dict[str, Any] | None]) -> Handler:
    """A handler that answers with the document that the path names."""

    async def show(call: Call) -> Response:
        await call.check_caller()
        body = document(call.request.path_params["id"], call.base)
        if body is None:
            raise NotFound("There is no such document: read the list without an id.")
        return ScimResponse(body)

    return show


CONFIG: Handler = shows(discovery.service_provider_config)
RESOURCE_TYPES: Handler = shows(discovery.resource_types)
RESOURCE_TYPE: Handler = shows_item(discovery.resource_type)
SCHEMAS: Handler = shows(discovery.schemas)
SCHEMA: Handler = shows_item(discovery.schema)
