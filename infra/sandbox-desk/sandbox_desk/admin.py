"""The calls of whoever runs the desk: faults, counters, state, effects, seeds. From loopback, uncounted."""

from collections.abc import Mapping
from dataclasses import asdict
from ipaddress import ip_address
from itertools import islice

import orjson

from sandbox_desk.customers import ADDRESS, enrol
from sandbox_desk.directory import ATLASSIAN, PORTAL_ONLY
from sandbox_desk.exchange import NO_CONTENT, Answer, Handler, Refusal, Request, as_json, members, text, whole
from sandbox_desk.faults import Faults, read_faults
from sandbox_desk.organizations import found
from sandbox_desk.rendering import organization_dto, platform_user

MOST_EFFECTS = 10_000
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def from_here(client: tuple[str, int] | None, request: Request) -> bool:
    """Whether the call comes from this machine, and not from some web page that its browser shows."""
    if client is None or not ip_address(client[0]).is_loopback:
        return False
    host = request.header(b"host").decode("ascii", "replace")
    name = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
    site = request.header(b"sec-fetch-site")
    return name in LOCAL_NAMES and site in (b"", b"same-origin", b"none")


def read_faults_now(request: Request) -> Answer:
    """GET /sandbox/faults: what is switched on, with hits so far."""
    shown = asdict(request.site.faults)
    del shown["buckets"]
    return as_json(shown)


def put_faults(request: Request) -> Answer:
    """PUT /sandbox/faults: these in place of all others; 400 lists every problem."""
    try:
        value = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return as_json({"problems": ["the body is not JSON"]}, 400)
    faults, problems = read_faults(value)
    if faults is None:
        return as_json({"problems": problems}, 400)
    request.site.faults = faults
    return NO_CONTENT


def delete_faults(request: Request) -> Answer:
    """DELETE /sandbox/faults: behave."""
    request.site.faults = Faults()
    return NO_CONTENT


def read_counters(request: Request) -> Answer:
    """GET /sandbox/counters."""
    site = request.site
    calls = [
        {"endpoint": endpoint, "method": method, "status": status, "count": count}
        for (endpoint, method, status), count in sorted(site.counters.calls.items())
    ]
    return as_json(
        {
            "calls": calls,
            "in_flight": site.counters.in_flight,
            "max_in_flight": site.counters.max_in_flight,
            "mails": site.directory.mails,
            "duplicate_creates": site.directory.duplicate_creates,
            "effects": site.last_effect,
        }
    )


def delete_counters(request: Request) -> Answer:
    """DELETE /sandbox/counters: count calls from none. Mails and duplicates are state and stay."""
    request.site.counters.clear()
    return NO_CONTENT


def read_state(request: Request) -> Answer:
    """GET /sandbox/state: the whole desk, in an order that does not depend on its history."""
    directory = request.site.directory
    customers = [
        {
            "accountId": customer.id,
            "email": customer.email,
            "displayName": customer.name,
            "accountType": customer.type,
            "active": customer.active,
            "hidden": customer.hidden,
            "serviceDesks": sorted(desk for desk, ids in directory.at_desk.items() if customer.id in ids),
            "organizations": sorted(directory.of_customer.get(customer.id, ())),
        }
        for customer in sorted(directory.customers.values(), key=lambda one: one.id)
    ]
    organizations = [
        {
            "id": organization.id,
            "name": organization.name,
            "scimManaged": organization.scim_managed,
            "members": organization.ordered(),
            "properties": organization.properties,
            "serviceDesks": sorted(organization.desks),
        }
        for organization in sorted(directory.organizations.values(), key=lambda one: one.id)
    ]
    return as_json(
        {"effects": request.site.last_effect, "customers": customers, "organizations": organizations}
    )


def read_effects(request: Request) -> Answer:
    """GET /sandbox/effects?after=&limit=: what changed the desk, in order. `next`: the next `after`."""
    query = request.query()
    after, limit = whole(query, "after", 0), min(whole(query, "limit", 1_000, least=1), MOST_EFFECTS)
    kept = request.site.effects
    first = kept[0]["n"] if kept else request.site.last_effect + 1
    skipped = max(0, after + 1 - first)
    chosen = list(islice(kept, skipped, skipped + limit))
    return as_json({"effects": chosen, "next": chosen[-1]["n"] if chosen else after, "first": first})


def seed_customer(request: Request) -> Answer:
    """POST /sandbox/customers: one that was there before us, of either type; both may share an address."""
    allowed = {"email": str, "displayName": str, "accountType": str, "hidden": bool, "active": bool}
    body = members(request, allowed, ("email", "displayName"))
    email, name = text(body["email"], "email", 254), text(body["displayName"], "displayName", 255)
    account_type = body.get("accountType", PORTAL_ONLY)
    if account_type not in (PORTAL_ONLY, ATLASSIAN) or not ADDRESS.fullmatch(email):
        raise Refusal(400, "sandbox.seed", "No such account type, or not an address")
    if any(customer.type == account_type for customer in request.site.directory.bearers(email)):
        raise Refusal(409, "sandbox.seed", "An account of this type has the address")
    customer = enrol(request.site, email, name, str(account_type), body.get("hidden") is True)
    if body.get("active") is False:
        request.site.record("customer_revoked", id=customer.id)
    return as_json(platform_user(request.site, customer, request.base), 201)


def seed_organization(request: Request) -> Answer:
    """POST /sandbox/organizations: one that was there before us, driven by the vendor's SCIM if said so."""
    body = members(request, {"name": str, "scimManaged": bool}, ("name",))
    name = text(body["name"], "name", 200)
    if name in request.site.directory.by_name:
        raise Refusal(409, "sandbox.seed", "The name is taken")
    organization = found(request.site, name, body.get("scimManaged") is True)
    return as_json(organization_dto(organization, request.base), 201)


def reset(request: Request) -> Answer:
    """POST /sandbox/reset: an empty desk, no faults, counters at none."""
    request.site.reset()
    return NO_CONTENT


def _told(handler: Handler) -> Handler:
    """The handler, with its refusals answered plainly."""

    def answer(request: Request) -> Answer:
        try:
            return handler(request)
        except Refusal as refusal:
            return as_json({"problems": [refusal.text]}, refusal.status)

    return answer


CALLS: Mapping[tuple[str, str], Handler] = {
    ("GET", "/sandbox/faults"): read_faults_now,
    ("PUT", "/sandbox/faults"): put_faults,
    ("DELETE", "/sandbox/faults"): delete_faults,
    ("GET", "/sandbox/counters"): read_counters,
    ("DELETE", "/sandbox/counters"): delete_counters,
    ("GET", "/sandbox/state"): read_state,
    ("GET", "/sandbox/effects"): _told(read_effects),
    ("POST", "/sandbox/customers"): _told(seed_customer),
    ("POST", "/sandbox/organizations"): _told(seed_organization),
    ("POST", "/sandbox/reset"): reset,
}
