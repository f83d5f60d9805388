"""SCIM JSON on the wire: resources with their ETag, lists, errors with their headers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.responses import Response

from vestibule.database.groups import Group
from vestibule.database.persons import Person
from vestibule.scim.errors import ERROR_SCHEMA, ScimError, TooLarge, Unauthorized, Unavailable
from vestibule.scim.projection import Projection, project
from vestibule.scim.representation import CONTENT_TYPE, render_group, render_meta, render_user, weak_etag
from vestibule.scim.schemas import GROUP, USER
from vestibule_ingest.authentication import CHALLENGE
from vestibule_ingest.throttling import Throttled

RETRY_SECONDS: Final = 1
NO_BODY: Final = frozenset({204, 304})
_TYPE_LINE: Final = (b"content-type", CONTENT_TYPE.encode())
UNKNOWN_MEMBERS: Final = "vestibule-unknown-members"
MOST_TOLD: Final = 2_000  # characters: far below what proxies take for one header


class ScimResponse(Response):
    """An answer whose body, where it has one, is SCIM JSON; names of headers are in lower case."""

    media_type = CONTENT_TYPE

    def __init__(
        self, body: object = None, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status_code = status
        self.background = None
        self.body = b"" if body is None else orjson.dumps(body)
        self.raw_headers = [_TYPE_LINE]
        if status not in NO_BODY:
            self.raw_headers.append((b"content-length", b"%d" % len(self.body)))
        for name, value in (headers or {}).items():
            self.raw_headers.append((name.encode("latin-1"), value.encode("latin-1")))


def user_body(person: Person, base: str, projection: Projection | None) -> Any:
    """The body of a user; `base` is the connection's base URL."""
    identifier = str(person.id)
    location = f"{base}/Users/{identifier}"
    meta = render_meta(USER, location, person.created_at, person.modified_at, person.version)
    body = render_user(person.document, identifier, meta, _addressed(person.groups, base))
    return _projected(body, projection)


def group_body(group: Group, base: str, projection: Projection | None) -> Any:
    """The body of a group; `base` as above."""
    identifier = str(group.id)
    location = f"{base}/Groups/{identifier}"
    meta = render_meta(GROUP, location, group.created_at, group.modified_at, group.version)
    body = render_group(group.document, identifier, meta, _addressed(group.members, base))
    if group.members is None and projection is not None and projection.leaves_out_only("members"):
        return orjson.Fragment(body)  # how most identity providers ask for groups: a page in half the time
    return _projected(body, projection)


def tagged(version: int, location: str | None = None) -> dict[str, str]:
    """The headers of an answer that shows a resource."""
    headers = {"etag": weak_etag(version)}
    if location is not None:
        headers["location"] = location
    return headers


def told_unknown(values: Sequence[str]) -> dict[str, str]:
    """The header that says which members of a group nobody is yet: how many, and as many as it has room for.

    A structured field (RFC 9651): an integer whose parameter has the values, percent-encoded. A header, for
    a PATCH is answered without a body and no identity provider minds one that it does not know.
    """
    if not values:
        return {}
    listed, room = [], MOST_TOLD
    for value in values:
        encoded = quote(value, safe="@")
        room -= len(encoded) + 1
        if room < 0:
            break
        listed.append(encoded)
    return {UNKNOWN_MEMBERS: f'{len(values)};values="{" ".join(listed)}"'}


def error_response(error: ScimError, headers: Mapping[str, str] | None = None) -> ScimResponse:
    """The answer that an error stands for."""
    extra = dict(headers or {})
    if isinstance(error, Unauthorized):
        extra["www-authenticate"] = CHALLENGE
    elif isinstance(error, Throttled):
        extra["retry-after"] = str(error.retry_after)
    elif isinstance(error, Unavailable):
        extra["retry-after"] = str(RETRY_SECONDS)
    elif isinstance(error, TooLarge):
        extra["connection"] = "close"  # the rest of the body is not waited for
    return ScimResponse(error.as_body(), error.status, extra)


def refusal(status: int, detail: str) -> tuple[str, bytes]:
    """What the server refuses before any endpoint is asked, said in SCIM too."""
    body = {"schemas": [ERROR_SCHEMA], "status": str(status), "detail": detail}
    return CONTENT_TYPE, orjson.dumps(body)


def _addressed(references: str | None, base: str) -> str | None:
    """Stored without the address that this service is reached at, which may change."""
    return None if references is None else references.replace('"$ref":"/', f'"$ref":"{base}/')


def _projected(body: str, projection: Projection | None) -> Any:
    """JSON is parsed only where a part of it is wanted."""
    if projection is None:
        return orjson.Fragment(body)
    return project(projection, orjson.loads(body), projection.resource_type)
