"""Customers in the service desk API: create them, let them see a desk, take their portal access."""

import re
from urllib.parse import quote
from uuid import uuid4

from sandbox_desk.directory import ATLASSIAN, PORTAL_ONLY, SERVICE_DESKS, Customer
from sandbox_desk.exchange import (
    NO_CONTENT,
    Answer,
    Refusal,
    Request,
    account_ids,
    as_json,
    experimental,
    members,
    page_bounds,
    text,
)
from sandbox_desk.rendering import paged, user_dto
from sandbox_desk.site import Site

ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+\.[^\s@.<>,;:\"()\[\]\\]+")
LONGEST_EMAIL = 254
LONGEST_NAME = 255


def create_customer(request: Request) -> Answer:
    """POST /customer: a portal-only account, no mail. Taken: 409 if strict, else the 400 of a bad address."""
    site = request.site
    body = members(request, {"email": str, "displayName": str, "fullName": str}, ("email",))
    email = text(body["email"], "email", LONGEST_EMAIL)
    if not ADDRESS.fullmatch(email):
        raise Refusal(400, "sd.customer.email.invalid", "The address is not one")
    name = text(body.get("displayName") or body.get("fullName") or email, "displayName", LONGEST_NAME)
    strict = request.query().get("strictConflictStatusCode", "false")
    if strict not in ("true", "false"):
        raise Refusal(400, "sandbox.query", "strictConflictStatusCode must be true or false")
    if site.directory.bearers(email):
        site.record("duplicates_attempted", count=1)
        raise Refusal(409 if strict == "true" else 400, "sd.customer.email.exists", "The address is taken")
    customer = enrol(site, email, name, PORTAL_ONLY)
    return as_json(user_dto(site, customer, request.base), 201)


def enrol(site: Site, email: str, name: str, account_type: str, hidden: bool = False) -> Customer:
    """Put a new account into the directory."""
    account_id = f"qm:{uuid4()}:{uuid4()}" if account_type == PORTAL_ONLY else f"712020:{uuid4()}"
    about = {"id": account_id, "email": email, "name": name, "type": account_type, "hidden": hidden}
    site.record("customer_created", **about)
    return site.directory.customers[account_id]


def revoke_portal_access(request: Request) -> Answer:
    """PUT …/revoke-portal-only-access: one-way, there is no call that gives it back."""
    customer = request.site.directory.customers.get(request.place[0])
    if customer is None or customer.type == ATLASSIAN:
        raise Refusal(404, "sd.customer.unknown", "No portal-only customer has this id")
    if customer.active:
        request.site.record("customer_revoked", id=customer.id)
    return NO_CONTENT


def list_desk_customers(request: Request) -> Answer:
    """GET /servicedesk/{id}/customer: substring match on name and address; late, active ones only."""
    experimental(request)
    site, desk = request.site, known_desk(request)
    query = request.query()
    start, limit = page_bounds(query)
    wanted = query.get("query", "").lower()
    customers = site.directory.customers
    found = [
        customer
        for account_id in site.directory.customers_of(desk)
        if (customer := customers[account_id]).active
        and (wanted in customer.email.lower() or wanted in customer.name.lower())
        and site.visible(customer)
    ]
    found.sort(key=lambda customer: customer.id)
    values = [user_dto(site, customer, request.base) for customer in found[start : start + limit]]
    link = f"{request.base}/rest/servicedeskapi/servicedesk/{quote(desk)}/customer"
    return paged(values, start, limit, start + limit < len(found), link)


def add_to_desk(request: Request) -> Answer:
    """POST /servicedesk/{id}/customer: unknown ids make it a 400 after the others were added."""
    site, desk = request.site, known_desk(request)
    wanted = account_ids(request)
    present = site.directory.at_desk[desk]
    known = [account_id for account_id in wanted if account_id in site.directory.customers]
    fresh = [account_id for account_id in known if account_id not in present]
    if fresh:
        site.record("desk_joined", desk=desk, ids=fresh)
    return all_known(known, wanted)


def remove_from_desk(request: Request) -> Answer:
    """DELETE /servicedesk/{id}/customer with a body: a 400 at a desk with open access."""
    experimental(request)
    site, desk = request.site, known_desk(request)
    wanted = account_ids(request)
    if SERVICE_DESKS[desk] == "open":
        raise Refusal(400, "sd.servicedesk.open", "The service desk has open access")
    present = site.directory.at_desk[desk]
    gone = [account_id for account_id in wanted if account_id in present]
    if gone:
        site.record("desk_left", desk=desk, ids=gone)
    known = [account_id for account_id in wanted if account_id in site.directory.customers]
    return all_known(known, wanted)


def known_desk(request: Request) -> str:
    """The service desk that the path names."""
    desk = request.place[0]
    if desk not in SERVICE_DESKS:
        raise Refusal(404, "sd.servicedesk.unknown", "No service desk has this id")
    return desk


def all_known(known: list[str], wanted: list[str]) -> Answer:
    """204, or the 400 that does not tell which id was unknown."""
    if len(known) < len(wanted):
        raise Refusal(400, "sd.account.ids.invalid", "One or more account ids are invalid")
    return NO_CONTENT
