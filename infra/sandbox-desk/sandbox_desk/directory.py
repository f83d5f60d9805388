"""Everybody and everything at the desk, as the fold of the effects that made it so."""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

Effect = Mapping[str, Any]

# One service desk with open access, one closed: what may be called differs (the vendor's 400 on removal).
SERVICE_DESKS: Mapping[str, str] = {"1": "open", "2": "closed"}

PORTAL_ONLY = "customer"
ATLASSIAN = "atlassian"


@dataclass(slots=True)
class Customer:
    """An account; `type` is the vendor's accountType."""

    id: str
    email: str
    name: str
    type: str
    hidden: bool
    created_ms: int
    active: bool = True


@dataclass(slots=True)
class Organization:
    """A customer organization. Members are kept in a set and sorted only when somebody pages through them."""

    id: int
    name: str
    uuid: str
    scim_managed: bool
    created_ms: int
    members: set[str] = field(default_factory=set)
    in_order: list[str] | None = None
    properties: dict[str, object] = field(default_factory=dict)
    desks: set[str] = field(default_factory=set)

    def ordered(self) -> list[str]:
        """Members by account id, as the vendor lists them."""
        if self.in_order is None:
            self.in_order = sorted(self.members)
        return self.in_order


class Directory:
    """The desk's content. Only `apply` changes it, so a replay of the effects is the same desk."""

    def __init__(self) -> None:
        self.customers: dict[str, Customer] = {}
        self.by_email: dict[str, list[str]] = {}
        self.organizations: dict[int, Organization] = {}
        self.by_name: dict[str, int] = {}
        self.of_customer: dict[str, set[int]] = {}
        self.at_desk: dict[str, set[str]] = {desk: set() for desk in SERVICE_DESKS}
        self.last_organization = 0
        self.mails = 0
        self.duplicate_creates = 0
        self._changes: Mapping[str, Callable[[Effect], None]] = {
            "customer_created": self._customer_created,
            "customer_renamed": self._customer_renamed,
            "customer_revoked": self._customer_revoked,
            "desk_joined": self._desk_joined,
            "desk_left": self._desk_left,
            "organization_created": self._organization_created,
            "organization_renamed": self._organization_renamed,
            "organization_deleted": self._organization_deleted,
            "organization_linked": self._organization_linked,
            "organization_unlinked": self._organization_unlinked,
            "property_set": self._property_set,
            "property_removed": self._property_removed,
            "members_added": self._members_added,
            "members_removed": self._members_removed,
            "mails_sent": self._mails_sent,
            "duplicates_attempted": self._duplicates_attempted,
        }

    def apply(self, effect: Effect) -> None:
        """Make the effect true."""
        self._changes[effect["do"]](effect)

    def restate(self) -> Iterator[Effect]:
        """The fewest effects that make this directory from an empty one."""
        for customer in self.customers.values():
            yield {
                "do": "customer_created",
                "id": customer.id,
                "email": customer.email,
                "name": customer.name,
                "type": customer.type,
                "hidden": customer.hidden,
                "active": customer.active,
                "ms": customer.created_ms,
            }
        for desk, ids in self.at_desk.items():
            yield {"do": "desk_joined", "desk": desk, "ids": sorted(ids)}
        for organization in self.organizations.values():
            yield {
                "do": "organization_created",
                "organization": organization.id,
                "name": organization.name,
                "uuid": organization.uuid,
                "scim": organization.scim_managed,
                "ms": organization.created_ms,
            }
            for key, value in organization.properties.items():
                yield {"do": "property_set", "organization": organization.id, "key": key, "value": value}
            for desk in sorted(organization.desks):
                yield {"do": "organization_linked", "organization": organization.id, "desk": desk}
            yield {"do": "members_added", "organization": organization.id, "ids": organization.ordered()}
        yield {"do": "mails_sent", "count": self.mails}
        yield {"do": "duplicates_attempted", "count": self.duplicate_creates}

    def bearers(self, email: str) -> list[Customer]:
        """Accounts with this address, whatever its case: at most one portal-only, one Atlassian."""
        return [self.customers[account_id] for account_id in self.by_email.get(email.lower(), ())]

    def customers_of(self, desk: str) -> Set[str]:
        """Who may see a service desk: all if it is open, else those added or in a linked organization."""
        if SERVICE_DESKS[desk] == "open":
            return self.customers.keys()
        seen = set(self.at_desk[desk])
        for organization in self.organizations.values():
            if desk in organization.desks:
                seen |= organization.members
        return seen

    def _customer_created(self, effect: Effect) -> None:
        customer = Customer(
            effect["id"], effect["email"], effect["name"], effect["type"], effect["hidden"], effect["ms"]
        )
        customer.active = effect.get("active", True)
        self.customers[customer.id] = customer
        self.by_email.setdefault(customer.email.lower(), []).append(customer.id)

    def _customer_renamed(self, effect: Effect) -> None:
        self.customers[effect["id"]].name = effect["name"]

    def _customer_revoked(self, effect: Effect) -> None:
        self.customers[effect["id"]].active = False

    def _desk_joined(self, effect: Effect) -> None:
        self.at_desk[effect["desk"]].update(effect["ids"])

    def _desk_left(self, effect: Effect) -> None:
        self.at_desk[effect["desk"]].difference_update(effect["ids"])

    def _organization_created(self, effect: Effect) -> None:
        organization = Organization(
            effect["organization"], effect["name"], effect["uuid"], effect["scim"], effect["ms"]
        )
        self.organizations[organization.id] = organization
        self.by_name[organization.name] = organization.id
        self.last_organization = max(self.last_organization, organization.id)

    def _organization_renamed(self, effect: Effect) -> None:
        organization = self.organizations[effect["organization"]]
        del self.by_name[organization.name]
        organization.name = effect["name"]
        self.by_name[organization.name] = organization.id

    def _organization_deleted(self, effect: Effect) -> None:
        organization = self.organizations.pop(effect["organization"])
        del self.by_name[organization.name]
        for account_id in organization.members:
            self.of_customer[account_id].discard(organization.id)

    def _organization_linked(self, effect: Effect) -> None:
        self.organizations[effect["organization"]].desks.add(effect["desk"])

    def _organization_unlinked(self, effect: Effect) -> None:
        self.organizations[effect["organization"]].desks.discard(effect["desk"])

    def _property_set(self, effect: Effect) -> None:
        self.organizations[effect["organization"]].properties[effect["key"]] = effect["value"]

    def _property_removed(self, effect: Effect) -> None:
        del self.organizations[effect["organization"]].properties[effect["key"]]

    def _members_added(self, effect: Effect) -> None:
        organization = self.organizations[effect["organization"]]
        organization.members.update(effect["ids"])
        organization.in_order = None
        for account_id in effect["ids"]:
            self.of_customer.setdefault(account_id, set()).add(organization.id)

    def _members_removed(self, effect: Effect) -> None:
        organization = self.organizations[effect["organization"]]
        organization.members.difference_update(effect["ids"])
        organization.in_order = None
        for account_id in effect["ids"]:
            self.of_customer[account_id].discard(organization.id)

    def _mails_sent(self, effect: Effect) -> None:
        self.mails += effect["count"]

    def _duplicates_attempted(self, effect: Effect) -> None:
        self.duplicate_creates += effect["count"]
