"""Resources as they are answered: the document with what the service knows around it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vestibule.scim.attributes import ResourceType
from vestibule.scim.groups import MemberRef
from vestibule.scim.schemas import GROUP, USER

CONTENT_TYPE = "application/scim+json"


@dataclass(frozen=True, slots=True)
class Meta:
    """The times are aware; `version` is the number that the weak ETag shows."""

    location: str
    created: datetime
    last_modified: datetime
    version: int


@dataclass(frozen=True, slots=True)
class GroupRef:
    """A group that a user is a member of, as the user's `groups` show it; `type` is direct or indirect."""

    value: str
    display: str
    ref: str
    type: str = "direct"


@dataclass(frozen=True, slots=True)
class RenderedMember:
    """A member with what the service knows of it; `type` is User or Group."""

    member: MemberRef
    ref: str | None = None
    display: str | None = None


def render_user(
    document: Mapping[str, Any], resource_id: str, meta: Meta, groups: Iterable[GroupRef] = ()
) -> dict[str, Any]:
    """The body of a user: registered schemas first, `meta` last."""
    body = _render(USER, document, resource_id)
    listed = [
        {"value": group.value, "$ref": group.ref, "display": group.display, "type": group.type}
        for group in groups
    ]
    if listed:
        body["groups"] = listed
    body["meta"] = render_meta(USER, meta)
    return body


def render_group(
    document: Mapping[str, Any],
    resource_id: str,
    meta: Meta,
    members: Sequence[RenderedMember] | None = None,
) -> dict[str, Any]:
    """The body of a group; without `members` (None) it says nothing about them."""
    body = _render(GROUP, document, resource_id)
    if members is not None:
        body["members"] = [_render_member(member) for member in members]
    body["meta"] = render_meta(GROUP, meta)
    return body


def render_meta(resource_type: ResourceType, meta: Meta) -> dict[str, Any]:
    return {
        "resourceType": resource_type.name,
        "created": format_time(meta.created),
        "lastModified": format_time(meta.last_modified),
        "location": meta.location,
        "version": weak_etag(meta.version),
    }


def weak_etag(version: int) -> str:
    return f'W/"{version}"'


def format_time(moment: datetime) -> str:
    """An xsd:dateTime in UTC with milliseconds (RFC 7643 §2.3.5)."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="milliseconds")[:-6] + "Z"


def _render(resource_type: ResourceType, document: Mapping[str, Any], resource_id: str) -> dict[str, Any]:
    # RFC 7643 §3: `schemas` names every schema whose attributes are in the body.
    extensions = [key for key in document if ":" in key]
    return {"schemas": [resource_type.schema.id, *extensions], "id": resource_id, **document}


def _render_member(rendered: RenderedMember) -> dict[str, Any]:
    body: dict[str, Any] = {"value": rendered.member.value}
    if rendered.ref is not None:
        body["$ref"] = rendered.ref
    if rendered.member.type is not None:
        body["type"] = rendered.member.type
    if rendered.display is not None:
        body["display"] = rendered.display
    return body
