"""How records look in the vendor's answers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from sandbox_desk.directory import Customer, Organization
from sandbox_desk.exchange import Answer, as_json
from sandbox_desk.site import Site


def user_dto(site: Site, customer: Customer, base: str) -> dict[str, object]:
    """A UserDTO of the service desk API: it does not tell the account's type."""
    link = f"{base}/rest/api/3/user?accountId={quote(customer.id, safe='')}"
    dto: dict[str, object] = {
        "accountId": customer.id,
        "displayName": customer.name,
        "active": customer.active,
    }
    email = site.shown_email(customer)
    if email is not None:
        dto["emailAddress"] = email
    dto["timeZone"] = "Etc/UTC"
    dto["_links"] = {"jiraRest": link, "self": link}
    return dto


def platform_user(site: Site, customer: Customer, base: str) -> dict[str, object]:
    """A User of the platform API."""
    user: dict[str, object] = {
        "self": f"{base}/rest/api/3/user?accountId={quote(customer.id, safe='')}",
        "accountId": customer.id,
        "accountType": customer.type,
        "displayName": customer.name,
        "active": customer.active,
        "timeZone": "Etc/UTC",
    }
    email = site.shown_email(customer)
    if email is not None:
        user["emailAddress"] = email
    return user


def organization_dto(organization: Organization, base: str) -> dict[str, object]:
    """An OrganizationDTO: the id is a text here, a number in paths."""
    created = datetime.fromtimestamp(organization.created_ms / 1000, UTC)
    return {
        "id": str(organization.id),
        "name": organization.name,
        "uuid": organization.uuid,
        "scimManaged": organization.scim_managed,
        "created": {
            "iso8601": created.strftime("%Y-%m-%dT%H:%M:%S+0000"),
            "epochMillis": organization.created_ms,
        },
        "_links": {"self": f"{base}/rest/servicedeskapi/organization/{organization.id}"},
    }


def paged(values: Sequence[object], start: int, limit: int, more: bool, link: str) -> Answer:
    """A page of a list; `values` are those of the page, `link` the list's own address without a query."""
    links = {"self": f"{link}?start={start}&limit={limit}", "base": link, "context": ""}
    if more:
        links["next"] = f"{link}?start={start + len(values)}&limit={limit}"
    if start:
        links["prev"] = f"{link}?start={max(0, start - limit)}&limit={limit}"
    return as_json(
        {
            "_expands": [],
            "size": len(values),
            "start": start,
            "limit": limit,
            "isLastPage": not more,
            "_links": links,
            "values": values,
        }
    )
