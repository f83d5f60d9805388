"""Resources as they are answered: the stored document's text with what the service knows around it."""

from datetime import UTC, datetime
from typing import Final

import orjson

from vestibule.scim.attributes import ResourceType
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, GROUP_SCHEMA, USER_SCHEMA

CONTENT_TYPE: Final = "application/scim+json"
_EXTENSION: Final = '"urn:'  # how the key of every extension begins, in whatever case
_ENTERPRISE: Final = f',"{ENTERPRISE_SCHEMA}"'
_ENTERPRISE_KEY: Final = f'"{ENTERPRISE_SCHEMA}":'


def render_user(document: str, resource_id: str, meta: str, groups: str | None = None) -> str:
    """The body of a user as JSON; what it is made of is JSON already, and is not parsed.

    Registered schemas come first, `meta` last.
    """
    return _render(
        USER_SCHEMA, document, resource_id, meta, f',"groups":{groups}' if groups is not None else ""
    )


def render_group(document: str, resource_id: str, meta: str, members: str | None = None) -> str:
    """The body of a group, as `render_user`; without `members` (None) it says nothing about them."""
    return _render(
        GROUP_SCHEMA, document, resource_id, meta, f',"members":{members}' if members is not None else ""
    )


def render_meta(
    kind: ResourceType, location: str, created: datetime, last_modified: datetime, version: int
) -> str:
    """A resource's `meta` as JSON; the times are aware, `version` is the number that the weak ETag shows."""
    made = format_time(created)
    changed = made if last_modified == created else format_time(last_modified)
    return (
        f'{{"resourceType":"{kind.name}","created":"{made}","lastModified":"{changed}",'
        f'"location":"{location}","version":"W/\\"{version}\\""}}'
    )


def weak_etag(version: int) -> str:
    return f'W/"{version}"'


def format_time(moment: datetime) -> str:
    """An xsd:dateTime in UTC with milliseconds (RFC 7643 §2.3.5)."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    text = orjson.dumps(in_utc).decode()  # a seventh of what isoformat takes, twice for each of a page
    return f"{text[1:24]}Z" if in_utc.microsecond else f"{text[1:20]}.000Z"


def _render(schema: str, document: str, resource_id: str, meta: str, references: str) -> str:
    attributes = document[1:-1]
    return (
        f'{{"schemas":["{schema}"{_extensions(document)}],"id":"{resource_id}"'
        f'{"," if attributes else ""}{attributes}{references},"meta":{meta}}}'
    )


def _extensions(document: str) -> str:
    """The URNs of the extensions in a document as the end of a list (RFC 7643 §3: `schemas` names them all).

    It is parsed only where they are not plain to see: nothing but the body of an extension has keys that are
    URNs, so what is the only one is the key of a body.
    """
    lower = document.lower()
    first = lower.find(_EXTENSION)
    if first < 0:
        return ""
    if document.startswith(_ENTERPRISE_KEY, first) and lower.find(_EXTENSION, first + 1) < 0:
        return _ENTERPRISE
    return "".join(f",{orjson.dumps(key).decode()}" for key in orjson.loads(document) if ":" in key)
