"""Resources as they are answered: the stored document's text with what the service knows around it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from vestibule.scim.attributes import ResourceType
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, GROUP, USER

CONTENT_TYPE = "application/scim+json"
_EXTENSION = '"urn:'  # how the key of every extension begins, in whatever case
_ENTERPRISE = f'"{ENTERPRISE_SCHEMA}":'


@dataclass(frozen=True, slots=True)
class Meta:
    """The times are aware; `version` is the number that the weak ETag shows."""

    location: str
    created: datetime
    last_modified: datetime
    version: int


def render_user(document: str, resource_id: str, meta: Meta, groups: str | None = None) -> str:
    """The body of a user as JSON; `document` and the list `groups` are JSON already and are not parsed.

    Registered schemas come first, `meta` last.
    """
    return _render(USER, document, resource_id, meta, f',"groups":{groups}' if groups is not None else "")


def render_group(document: str, resource_id: str, meta: Meta, members: str | None = None) -> str:
    """The body of a group, as `render_user`; without `members` (None) it says nothing about them."""
    return _render(GROUP, document, resource_id, meta, f',"members":{members}' if members is not None else "")


def extensions_in(document: str) -> Iterable[str]:
    """The URNs of the extensions whose attributes a document has.

    It is parsed only where that is not plain to see: nothing but the body of an extension has keys that are
    URNs, so what is the only one is the key of a body.
    """
    urns = document.lower().count(_EXTENSION)
    if urns == 0:
        return ()
    if urns == 1 and _ENTERPRISE in document:
        return (ENTERPRISE_SCHEMA,)
    return [key for key in json.loads(document) if ":" in key]


def weak_etag(version: int) -> str:
    return f'W/"{version}"'


def format_time(moment: datetime) -> str:
    """An xsd:dateTime in UTC with milliseconds (RFC 7643 §2.3.5)."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="milliseconds")[:-6] + "Z"


def _render(kind: ResourceType, document: str, resource_id: str, meta: Meta, references: str) -> str:
    # RFC 7643 §3: `schemas` names every schema whose attributes are in the body.
    extensions = "".join(f",{json.dumps(urn)}" for urn in extensions_in(document))
    attributes = document[1:-1]
    created = format_time(meta.created)
    modified = created if meta.last_modified == meta.created else format_time(meta.last_modified)
    return (
        f'{{"schemas":["{kind.schema.id}"{extensions}],"id":"{resource_id}"{"," if attributes else ""}'
        f'{attributes}{references},"meta":{{"resourceType":"{kind.name}","created":"{created}",'
        f'"lastModified":"{modified}","location":"{meta.location}","version":"W/\\"{meta.version}\\""}}}}'
    )
