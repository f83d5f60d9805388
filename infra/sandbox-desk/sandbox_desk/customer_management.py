"""The two renames of the newer customer API (CSM); nothing in it changes an address."""

from sandbox_desk.customers import LONGEST_NAME
from sandbox_desk.directory import ATLASSIAN
from sandbox_desk.exchange import Answer, Refusal, Request, as_json, experimental, members, text
from sandbox_desk.organizations import LONGEST_NAME as LONGEST_ORGANIZATION_NAME
from sandbox_desk.organizations import writable


def rename_customer(request: Request) -> Answer:
    """PUT /customer/account/{id}: the display name only, of portal-only accounts only."""
    experimental(request)
    customer = request.site.directory.customers.get(request.place[0])
    if customer is None or customer.type == ATLASSIAN:
        raise Refusal(404, "csm.customer.unknown", "No customer has this id")
    body = members(request, {"displayName": str}, ("displayName",))
    name = text(body["displayName"], "displayName", LONGEST_NAME)
    if name != customer.name:
        request.site.record("customer_renamed", id=customer.id, name=name)
    return as_json({"id": customer.id, "displayName": name})


def rename_organization(request: Request) -> Answer:
    """PUT /organization/{id}: a name that is taken is a conflict."""
    experimental(request)
    organization = writable(request)
    body = members(request, {"name": str}, ("name",))
    name = text(body["name"], "name", LONGEST_ORGANIZATION_NAME)
    holder = request.site.directory.by_name.get(name)
    if holder not in (None, organization.id):
        raise Refusal(409, "csm.organization.name.exists", "The name is taken")
    if name != organization.name:
        request.site.record("organization_renamed", organization=organization.id, name=name)
    return as_json({"id": str(organization.id), "name": name})
