"""What an identity provider believes the endpoint to know, beside what the endpoint shows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.identity_providers.dialect import ENTERPRISE, Dialect
from infra.identity_providers.people import Profile
from infra.identity_providers.provider import IdentityProvider


def view_of(dialect: Dialect, told: Profile, manager: str | None) -> dict[str, Any]:
    """A person as this dialect has told him, by short names."""
    view: dict[str, Any] = {
        "userName": told.login,
        "externalId": told.external_id,
        "displayName": told.display_name,
        "active": told.active,
        "name.givenName": told.given,
        "name.familyName": told.family,
        "emails.work": told.email,
    }
    more = {"title": told.title, "mobile": told.mobile, "department": told.department}
    view |= {name: value for name, value in more.items() if name in dialect.attributes}
    if manager is not None:
        view["manager"] = manager
    return view


def view_in(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a user as the endpoint shows it."""
    name, extension = document.get("name") or {}, document.get(ENTERPRISE) or {}
    return {
        "userName": document.get("userName"),
        "externalId": document.get("externalId"),
        "displayName": document.get("displayName"),
        "active": document.get("active"),
        "name.givenName": name.get("givenName"),
        "name.familyName": name.get("familyName"),
        "emails.work": _typed(document.get("emails"), "work"),
        "title": document.get("title"),
        "mobile": _typed(document.get("phoneNumbers"), "mobile"),
        "department": extension.get("department"),
        "manager": (extension.get("manager") or {}).get("value"),
    }


def differences(
    idp: IdentityProvider, users: Iterable[Mapping[str, Any]], groups: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """Everything that the endpoint shows otherwise than it was told; without personal data."""
    yield from _of_users(idp, {user["id"]: user for user in users})
    yield from _of_groups(idp, {group["id"]: group for group in groups})


def _of_users(idp: IdentityProvider, found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    links = {link.id: (number, link) for number, link in idp.beliefs.links.items() if not link.gone}
    yield from (f"user {missing} is not there" for missing in links.keys() - found.keys())
    yield from (f"user {extra} is there, whom nobody sent" for extra in found.keys() - links.keys())
    for identifier in links.keys() & found.keys():
        number, link = links[identifier]
        if link.told is None:
            yield f"user {identifier} was matched and never told about"
            continue
        shown = view_in(found[identifier])
        for name, value in view_of(idp.dialect, link.told, idp.beliefs.managers.get(number)).items():
            if shown[name] != value:
                yield f"user {identifier}: {name} is not what was told"


def _of_groups(idp: IdentityProvider, found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    links = {link.id: link for link in idp.beliefs.team_links.values()}
    gone = {link.id for link in idp.beliefs.links.values() if link.gone}
    yield from (f"group {missing} is not there" for missing in links.keys() - found.keys())
    for identifier in links.keys() & found.keys():
        link, group = links[identifier], found[identifier]
        if group.get("displayName") != link.name:
            yield f"group {identifier}: displayName is not what was told"
        members = {member["value"] for member in group.get("members") or ()}
        told = (link.members or frozenset()) - gone
        if members != told:
            missing, more = len(told - members), len(members - told)
            yield f"group {identifier}: {missing} members are missing, {more} are too many"
    strangers = [key for key in found.keys() - links.keys() if found[key].get("members")]
    yield from (f"group {extra} has members, though nobody pushes it" for extra in strangers)


def _typed(values: Any, kind: str) -> Any:
    return next((one.get("value") for one in values or () if one.get("type") == kind), None)
