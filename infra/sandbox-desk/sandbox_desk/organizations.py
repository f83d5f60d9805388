"""Organizations in the service desk API: names that find instead of create, members, properties, links."""

from urllib.parse import quote
from uuid import uuid4

import orjson

from sandbox_desk.customers import all_known, known_desk
from sandbox_desk.directory import Organization
from sandbox_desk.exchange import (
    INT32_MAX,
    NO_CONTENT,
    Answer,
    Refusal,
    Request,
    account_ids,
    as_json,
    members,
    page_bounds,
    text,
)
from sandbox_desk.rendering import organization_dto, paged, user_dto
from sandbox_desk.site import Site

LONGEST_NAME = 200
LONGEST_KEY_BYTES = 255
LONGEST_VALUE_BYTES = 32_768


def list_organizations(request: Request) -> Answer:
    """GET /organization: all, or those of `accountId`."""
    directory = request.site.directory
    query = request.query()
    start, limit = page_bounds(query)
    account_id = query.get("accountId")
    if account_id is None:
        ids = sorted(directory.organizations)
    elif account_id in directory.customers:
        ids = sorted(directory.of_customer.get(account_id, ()))
    else:
        raise Refusal(404, "sd.user.unknown", "No user has this id")
    found = [directory.organizations[number] for number in ids[start : start + limit]]
    values = [organization_dto(organization, request.base) for organization in found]
    link = f"{request.base}/rest/servicedeskapi/organization"
    return paged(values, start, limit, start + limit < len(ids), link)


def create_organization(request: Request) -> Answer:
    """POST /organization: 201 with a new organization, or with the EXISTING one of that name."""
    body = members(request, {"name": str}, ("name",))
    name = text(body["name"], "name", LONGEST_NAME)
    directory = request.site.directory
    existing = directory.by_name.get(name)
    organization = directory.organizations[existing] if existing is not None else found(request.site, name)
    return as_json(organization_dto(organization, request.base), 201)


def found(site: Site, name: str, scim_managed: bool = False) -> Organization:
    """Put a new organization into the directory."""
    number = site.directory.last_organization + 1
    site.record("organization_created", organization=number, name=name, uuid=str(uuid4()), scim=scim_managed)
    return site.directory.organizations[number]


def read_organization(request: Request) -> Answer:
    """GET /organization/{id}."""
    return as_json(organization_dto(known(request), request.base))


def delete_organization(request: Request) -> Answer:
    """DELETE /organization/{id}, whatever it is linked to."""
    request.site.record("organization_deleted", organization=writable(request).id)
    return NO_CONTENT


def list_members(request: Request) -> Answer:
    """GET /organization/{id}/user, by account id."""
    organization = known(request)
    start, limit = page_bounds(request.query())
    ids = organization.ordered()
    customers = request.site.directory.customers
    chosen = (customers[account_id] for account_id in ids[start : start + limit])
    values = [user_dto(request.site, customer, request.base) for customer in chosen]
    link = f"{request.base}/rest/servicedeskapi/organization/{organization.id}/user"
    return paged(values, start, limit, start + limit < len(ids), link)


def add_members(request: Request) -> Answer:
    """POST /organization/{id}/user: unknown ids make it a 400 after the others were added."""
    organization, wanted = writable(request), account_ids(request)
    known_ids = [account_id for account_id in wanted if account_id in request.site.directory.customers]
    fresh = [account_id for account_id in known_ids if account_id not in organization.members]
    if fresh:
        request.site.record("members_added", organization=organization.id, ids=fresh)
    return all_known(known_ids, wanted)


def remove_members(request: Request) -> Answer:
    """DELETE /organization/{id}/user with a body; whoever is no member is no error."""
    organization, wanted = writable(request), account_ids(request)
    known_ids = [account_id for account_id in wanted if account_id in request.site.directory.customers]
    gone = [account_id for account_id in known_ids if account_id in organization.members]
    if gone:
        request.site.record("members_removed", organization=organization.id, ids=gone)
    return all_known(known_ids, wanted)


def list_properties(request: Request) -> Answer:
    """GET /organization/{id}/property."""
    organization = known(request)
    link = f"{request.base}/rest/servicedeskapi/organization/{organization.id}/property"
    keys = [{"key": key, "self": f"{link}/{quote(key, safe='')}"} for key in organization.properties]
    return as_json({"keys": keys})


def read_property(request: Request) -> Answer:
    """GET /organization/{id}/property/{key}."""
    organization, key = known(request), request.place[1]
    if key not in organization.properties:
        raise Refusal(404, "sd.property.unknown", "The organization has no such property")
    return as_json({"key": key, "value": organization.properties[key]})


def write_property(request: Request) -> Answer:
    """PUT /organization/{id}/property/{key}: any JSON; 201 when new, 200 after."""
    organization, key = known(request), request.place[1]
    if len(key.encode()) > LONGEST_KEY_BYTES or not request.body or len(request.body) > LONGEST_VALUE_BYTES:
        raise Refusal(400, "sd.property.length", "The key or the value is too long, or the value is missing")
    try:
        value = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise Refusal(400, "sandbox.json", "The value is not JSON") from None
    status = 200 if key in organization.properties else 201
    request.site.record("property_set", organization=organization.id, key=key, value=value)
    return as_json({}, status)


def delete_property(request: Request) -> Answer:
    """DELETE /organization/{id}/property/{key}."""
    organization, key = known(request), request.place[1]
    if key not in organization.properties:
        raise Refusal(404, "sd.property.unknown", "The organization has no such property")
    request.site.record("property_removed", organization=organization.id, key=key)
    return NO_CONTENT


def list_linked(request: Request) -> Answer:
    """GET /servicedesk/{id}/organization."""
    desk = known_desk(request)
    start, limit = page_bounds(request.query())
    linked = [one for one in request.site.directory.organizations.values() if desk in one.desks]
    values = [organization_dto(one, request.base) for one in linked[start : start + limit]]
    link = f"{request.base}/rest/servicedeskapi/servicedesk/{quote(desk)}/organization"
    return paged(values, start, limit, start + limit < len(linked), link)


def link_organization(request: Request) -> Answer:
    """POST /servicedesk/{id}/organization: the id is a number here."""
    desk, organization = known_desk(request), _named_in_body(request)
    if desk not in organization.desks:
        request.site.record("organization_linked", organization=organization.id, desk=desk)
    return NO_CONTENT


def unlink_organization(request: Request) -> Answer:
    """DELETE /servicedesk/{id}/organization with a body."""
    desk, organization = known_desk(request), _named_in_body(request)
    if desk in organization.desks:
        request.site.record("organization_unlinked", organization=organization.id, desk=desk)
    return NO_CONTENT


def known(request: Request) -> Organization:
    """The organization that the path names."""
    return _by_number(request.site, request.place[0])


def writable(request: Request) -> Organization:
    """The same, unless the vendor's own SCIM drives it: then nobody else writes to it."""
    organization = known(request)
    if organization.scim_managed:
        raise Refusal(400, "sd.organization.scim.managed", "The organization is managed elsewhere")
    return organization


def _named_in_body(request: Request) -> Organization:
    body = members(request, {"organizationId": int, "serviceDeskId": str}, ("organizationId",))
    return _by_number(request.site, str(body["organizationId"]))


def _by_number(site: Site, text_number: str) -> Organization:
    number = int(text_number) if text_number.isdecimal() and len(text_number) <= 10 else INT32_MAX
    organization = site.directory.organizations.get(number)
    if organization is None:
        raise Refusal(404, "sd.organization.unknown", "No organization has this id")
    return organization
