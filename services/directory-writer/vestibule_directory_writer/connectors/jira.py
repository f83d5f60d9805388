"""Jira Service Management Cloud over its REST API: each operation of the protocol as its calls.

What bites here: a create of an organization returns an existing one of that name; a conflict on a customer
is told only with `strictConflictStatusCode=true`; a batch of members may be half taken before its 400;
list and search are late and hide addresses; DELETE takes a body.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from vestibule.domain.desks import DeskKind, capabilities_of
from vestibule_directory_writer.connectors.failures import (
    AlreadyExists,
    DeskRefusesCredentials,
    NotFound,
    PartlyApplied,
    Refused,
)
from vestibule_directory_writer.connectors.jira_answers import (
    Call,
    Meaning,
    customer,
    organization,
    page,
    unanswered,
)
from vestibule_directory_writer.connectors.jira_calls import Answer, Calls
from vestibule_directory_writer.connectors.pacing import Pacing, Unpaced
from vestibule_directory_writer.connectors.service_desk import (
    DeskCustomer,
    DeskOrganization,
    Kind,
    OrganizationMark,
)

PAGE_LIMIT = 100  # asked for; the server may cap it
MOST_PAGES = 4_000
MOST_MATCH_PAGES = 10  # of a look-up by address
SEARCH_LIMIT = 100
MARK = "vestibule"
LARGEST_NUMBER = 2**31 - 1  # the vendor numbers organizations with 32 bits

NO_CUSTOMER = Meaning(NotFound, "customer_unknown")
NO_ORGANIZATION = Meaning(NotFound, "organization_unknown")
NO_DESK = Meaning(DeskRefusesCredentials, "service_desk_unknown")  # also the answer to who may not see it

PROBE = Call("probe", "GET", "servicedesk/{id}", NO_DESK)
CREATE_CUSTOMER = Call(
    "create_customer",
    "POST",
    "customer",
    NO_DESK,
    repeatable=False,
    refusals={409: Meaning(AlreadyExists, "customer_exists")},
)
LIST_CUSTOMERS = Call("list_customers", "GET", "servicedesk/{id}/customer", NO_DESK, experimental=True)
ADD_TO_DESK = Call("add_to_desk", "POST", "servicedesk/{id}/customer", NO_DESK)
REMOVE_FROM_DESK = Call("remove_from_desk", "DELETE", "servicedesk/{id}/customer", NO_DESK, experimental=True)
READ_USER = Call("read_customer", "GET", "user", NO_CUSTOMER)
SEARCH_USERS = Call("search_users", "GET", "user/search", NO_CUSTOMER)
RENAME_CUSTOMER = Call("rename_customer", "PUT", "csm/customer/account/{id}", NO_CUSTOMER, experimental=True)
ORGANIZATIONS_OF = Call("organizations_of", "GET", "organization", NO_CUSTOMER)
CREATE_ORGANIZATION = Call("create_organization", "POST", "organization", NO_DESK, repeatable=False)
READ_ORGANIZATION = Call("read_organization", "GET", "organization/{id}", NO_ORGANIZATION)
RENAME_ORGANIZATION = Call(
    "rename_organization",
    "PUT",
    "csm/organization/{id}",
    NO_ORGANIZATION,
    experimental=True,
    refusals={409: Meaning(Refused, "organization_name_taken")},
)
WRITE_MARK = Call("mark_organization", "PUT", "organization/{id}/property/{key}", NO_ORGANIZATION)
READ_MARK = Call("read_mark", "GET", "organization/{id}/property/{key}", Meaning(NotFound, "mark_unknown"))
LINK_ORGANIZATION = Call("link_organization", "POST", "servicedesk/{id}/organization", NO_ORGANIZATION)
LIST_MEMBERS = Call("members", "GET", "organization/{id}/user", NO_ORGANIZATION)
ADD_MEMBERS = Call("add_members", "POST", "organization/{id}/user", NO_ORGANIZATION)
REMOVE_MEMBERS = Call("remove_members", "DELETE", "organization/{id}/user", NO_ORGANIZATION)


@dataclass(frozen=True, slots=True)
class JiraSettings:
    """Where a desk is. `csm_url` names the newer customer API; without it nothing can be renamed."""

    base_url: str
    service_desk_id: str
    csm_url: str | None
    closed_desk: bool


class JiraDesk:
    """A `ServiceDesk` at a Jira site."""

    def __init__(self, settings: JiraSettings, calls: Calls, pacing: Pacing | None = None) -> None:
        declared = {"csm_url": settings.csm_url, "closed_desk": settings.closed_desk}
        self.capabilities = replace(capabilities_of(DeskKind.JIRA, declared), call_seconds=calls.call_seconds)
        self._settings = settings
        self._calls = calls
        self._pacing: Pacing = pacing if pacing is not None else Unpaced()
        self._api = f"{settings.base_url}/rest/servicedeskapi"
        self._platform = f"{settings.base_url}/rest/api/3"
        self._service_desk = f"{self._api}/servicedesk/{quote(settings.service_desk_id, safe='')}"

    def paced_by(self, pacing: Pacing) -> "JiraDesk":
        return JiraDesk(self._settings, self._calls, pacing)

    async def close(self) -> None:
        await self._calls.close()

    async def probe(self) -> None:
        answer = await self._send(PROBE, self._service_desk)
        if not isinstance(answer.value, dict) or answer.value.get("id") != self._settings.service_desk_id:
            raise unanswered(PROBE, "answer_unreadable")

    async def create_customer(self, email: str, display_name: str) -> DeskCustomer:
        url = f"{self._api}/customer?strictConflictStatusCode=true"
        answer = await self._send(CREATE_CUSTOMER, url, {"email": email, "displayName": display_name})
        created = _customer(CREATE_CUSTOMER, answer.value, Kind.PORTAL_ONLY)
        if created.email is not None and not _bears(created, email):
            raise unanswered(CREATE_CUSTOMER, "answer_mismatch")
        return created

    async def find_customers(self, email: str) -> tuple[DeskCustomer, ...]:
        listed = await self._listed(email)
        searched = {found.id: found for found in await self._searched(email)}
        matching: dict[str, DeskCustomer] = {}
        for found in (*listed, *searched.values()):
            if not _bears(found, email):
                continue
            # The desk's own list does not tell whose account it is; a read does, but may hide the address.
            whole = searched.get(found.id) or await self._read_if_there(found.id)
            if whole is not None and (whole.email is None or _bears(whole, email)):
                matching[found.id] = replace(whole, email=found.email)
        return tuple(matching.values())

    async def _read_if_there(self, customer_id: str) -> DeskCustomer | None:
        try:
            return await self.read_customer(customer_id)
        except NotFound:
            return None

    async def _listed(self, email: str) -> list[DeskCustomer]:
        """Customers of the service desk whose name or address contains the text."""
        url = f"{self._service_desk}/customer"
        pages = self._pages(LIST_CUSTOMERS, url, {"query": email}, MOST_MATCH_PAGES)
        return [_customer(LIST_CUSTOMERS, value, Kind.OTHER) async for value in pages]

    async def _searched(self, email: str) -> list[DeskCustomer]:
        """Active users whose name or address starts with the text: the best of them are on the first page."""
        query = urlencode({"query": email, "maxResults": SEARCH_LIMIT})
        answer = await self._send(SEARCH_USERS, f"{self._platform}/user/search?{query}")
        if not isinstance(answer.value, list):
            raise unanswered(SEARCH_USERS, "answer_unreadable")
        return [_customer(SEARCH_USERS, value) for value in answer.value]

    async def read_customer(self, customer_id: str) -> DeskCustomer:
        query = urlencode({"accountId": customer_id})
        answer = await self._send(READ_USER, f"{self._platform}/user?{query}")
        return _customer(READ_USER, answer.value)

    async def rename_customer(self, customer_id: str, display_name: str) -> None:
        url = f"{self._csm()}/customer/account/{quote(customer_id, safe='')}"
        await self._send(RENAME_CUSTOMER, url, {"displayName": display_name})

    async def organizations_of(self, customer_id: str) -> tuple[DeskOrganization, ...]:
        pages = self._pages(ORGANIZATIONS_OF, f"{self._api}/organization", {"accountId": customer_id})
        found = [_organization(ORGANIZATIONS_OF, value) async for value in pages]
        return tuple({one.id: one for one in found}.values())

    async def desk_customers(self) -> frozenset[str]:
        pages = self._pages(LIST_CUSTOMERS, f"{self._service_desk}/customer", {})
        return frozenset([_customer(LIST_CUSTOMERS, value, Kind.OTHER).id async for value in pages])

    async def add_to_desk(self, customer_ids: Collection[str]) -> None:
        self._need(self.capabilities.closed_desk)
        await self._send_batch(ADD_TO_DESK, f"{self._service_desk}/customer", customer_ids)

    async def remove_from_desk(self, customer_ids: Collection[str]) -> None:
        self._need(self.capabilities.closed_desk)
        await self._send_batch(REMOVE_FROM_DESK, f"{self._service_desk}/customer", customer_ids)

    async def create_organization(self, name: str) -> DeskOrganization:
        answer = await self._send(CREATE_ORGANIZATION, f"{self._api}/organization", {"name": name})
        return _organization(CREATE_ORGANIZATION, answer.value)

    async def read_organization(self, organization_id: str) -> DeskOrganization:
        answer = await self._send(READ_ORGANIZATION, self._organization_url(organization_id))
        return _organization(READ_ORGANIZATION, answer.value)

    async def rename_organization(self, organization_id: str, name: str) -> None:
        url = f"{self._csm()}/organization/{_number(organization_id)}"
        await self._send(RENAME_ORGANIZATION, url, {"name": name})

    async def mark_organization(self, organization_id: str, mark: OrganizationMark) -> None:
        url = f"{self._organization_url(organization_id)}/property/{MARK}"
        await self._send(WRITE_MARK, url, {"tenant": mark.tenant, "organization": mark.organization})

    async def read_mark(self, organization_id: str) -> OrganizationMark | None:
        url = f"{self._organization_url(organization_id)}/property/{MARK}"
        try:
            answer = await self._send(READ_MARK, url)
        except NotFound:
            await self.read_organization(organization_id)  # the 404 does not tell which one is missing
            return None
        match answer.value:
            case {"value": {"tenant": str(tenant), "organization": str(owned)}}:
                return OrganizationMark(tenant, owned)
            case _:
                raise Refused("mark_unreadable")

    async def link_organization(self, organization_id: str) -> None:
        body = {"organizationId": _number(organization_id)}
        await self._send(LINK_ORGANIZATION, f"{self._service_desk}/organization", body)

    async def members(self, organization_id: str) -> frozenset[str]:
        pages = self._pages(LIST_MEMBERS, f"{self._organization_url(organization_id)}/user", {})
        return frozenset([_customer(LIST_MEMBERS, value, Kind.OTHER).id async for value in pages])

    async def add_members(self, organization_id: str, customer_ids: Collection[str]) -> None:
        url = f"{self._organization_url(organization_id)}/user"
        await self._send_batch(ADD_MEMBERS, url, customer_ids)

    async def remove_members(self, organization_id: str, customer_ids: Collection[str]) -> None:
        url = f"{self._organization_url(organization_id)}/user"
        await self._send_batch(REMOVE_MEMBERS, url, customer_ids)

    async def _send(self, call: Call, url: str, body: object = None) -> Answer:
        return await self._calls.send(self._pacing, call, url, body)

    async def _send_batch(self, call: Call, url: str, customer_ids: Collection[str]) -> None:
        """Send ids in one call. A 400 to several may have taken some of them; to one it is about that one."""
        most = self.capabilities.member_batch
        if len(customer_ids) > most:
            raise ValueError(f"{len(customer_ids)} ids in one call, {most} allowed")
        if not customer_ids:
            return
        try:
            await self._send(call, url, {"accountIds": list(dict.fromkeys(customer_ids))})
        except Refused as refused:
            if len(customer_ids) == 1:
                raise
            raise PartlyApplied(refused.code) from None

    async def _pages(
        self, call: Call, url: str, query: Mapping[str, str], most_pages: int = MOST_PAGES
    ) -> AsyncIterator[object]:
        """Every value of a list. Advances by what came, not by what was asked: the server caps `limit`."""
        start = 0
        for _ in range(most_pages):
            asked = urlencode({**query, "start": start, "limit": PAGE_LIMIT})
            found = page((await self._send(call, f"{url}?{asked}")).value)
            if found is None:
                raise unanswered(call, "answer_unreadable")
            for value in found.values:
                yield value
            if found.last:
                return
            start += found.step
        raise Refused("list_too_long")

    def _organization_url(self, organization_id: str) -> str:
        return f"{self._api}/organization/{_number(organization_id)}"

    def _csm(self) -> str:
        if self._settings.csm_url is None:
            raise Refused("unsupported")
        return self._settings.csm_url

    def _need(self, capability: bool) -> None:
        if not capability:
            raise Refused("unsupported")


def _number(organization_id: str) -> int:
    """The id as paths and links want it; no other kind of id has ever been an organization's."""
    digits = organization_id.isascii() and organization_id.isdecimal() and len(organization_id) <= 10
    if not digits or int(organization_id) > LARGEST_NUMBER:
        raise NO_ORGANIZATION.failure()
    return int(organization_id)


def _bears(found: DeskCustomer, email: str) -> bool:
    return found.email is not None and found.email.lower() == email.lower()


def _customer(call: Call, value: object, kind: Kind | None = None) -> DeskCustomer:
    found = customer(value, kind)
    if found is None:
        raise unanswered(call, "answer_unreadable")
    return found


def _organization(call: Call, value: object) -> DeskOrganization:
    found = organization(value)
    if found is None:
        raise unanswered(call, "answer_unreadable")
    return found
