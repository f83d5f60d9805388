"""Which call is which: every path the sandbox knows, as a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from urllib.parse import unquote

from sandbox_desk import customer_management, customers, organizations, platform, service_desks
from sandbox_desk.exchange import Answer, Handler, Refusal, as_json


class Api(Enum):
    """The vendor's API that a call belongs to: it decides how an error looks."""

    SERVICE_DESK = "rest/servicedeskapi"
    PLATFORM = "rest/api/3"
    CUSTOMERS = "jsm/csm/cloudid/*/api/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path; `template` is its name in faults and counters."""

    api: Api
    template: str
    handlers: Mapping[str, Handler]


@dataclass(frozen=True, slots=True)
class Match:
    """An endpoint and what the wildcards of its path stood for."""

    endpoint: Endpoint
    place: tuple[str, ...]


_SERVICE_DESK: Mapping[str, Mapping[str, Handler]] = {
    "info": {"GET": service_desks.read_info},
    "customer": {"POST": customers.create_customer},
    "customer/user/{id}/revoke-portal-only-access": {"PUT": customers.revoke_portal_access},
    "organization": {"GET": organizations.list_organizations, "POST": organizations.create_organization},
    "organization/{id}": {
        "GET": organizations.read_organization,
        "DELETE": organizations.delete_organization,
    },
    "organization/{id}/user": {
        "GET": organizations.list_members,
        "POST": organizations.add_members,
        "DELETE": organizations.remove_members,
    },
    "organization/{id}/property": {"GET": organizations.list_properties},
    "organization/{id}/property/{key}": {
        "GET": organizations.read_property,
        "PUT": organizations.write_property,
        "DELETE": organizations.delete_property,
    },
    "servicedesk": {"GET": service_desks.list_service_desks},
    "servicedesk/{id}": {"GET": service_desks.read_service_desk},
    "servicedesk/{id}/customer": {
        "GET": customers.list_desk_customers,
        "POST": customers.add_to_desk,
        "DELETE": customers.remove_from_desk,
    },
    "servicedesk/{id}/organization": {
        "GET": organizations.list_linked,
        "POST": organizations.link_organization,
        "DELETE": organizations.unlink_organization,
    },
}
_PLATFORM: Mapping[str, Mapping[str, Handler]] = {
    "myself": {"GET": platform.read_myself},
    "user": {"GET": platform.read_user, "POST": platform.create_user},
    "user/search": {"GET": platform.search_users},
}
_CUSTOMERS: Mapping[str, Mapping[str, Handler]] = {
    "csm/customer/account/{id}": {"PUT": customer_management.rename_customer},
    "csm/organization/{id}": {"PUT": customer_management.rename_organization},
}


def _endpoints() -> list[tuple[tuple[str, ...], Endpoint]]:
    """Each endpoint with the segments of its whole path; `*` is a wildcard whose value nobody needs."""
    found = []
    for api, table in (
        (Api.SERVICE_DESK, _SERVICE_DESK),
        (Api.PLATFORM, _PLATFORM),
        (Api.CUSTOMERS, _CUSTOMERS),
    ):
        for template, handlers in table.items():
            path = f"{api.value}/{template.removeprefix('csm/')}"
            found.append((tuple(path.split("/")), Endpoint(api, template, MappingProxyType(dict(handlers)))))
    return found


ENDPOINTS = tuple(_endpoints())


def match(raw_path: str) -> Match | None:
    """The endpoint of a path whose segments are still percent-encoded: an id may hold an encoded slash."""
    segments = raw_path.strip("/").split("/")
    for pattern, endpoint in ENDPOINTS:
        if len(pattern) != len(segments):
            continue
        place: list[str] = []
        for part, segment in zip(pattern, segments, strict=True):
            if part.startswith("{"):
                place.append(unquote(segment))
            elif part not in ("*", segment):
                break
        else:
            return Match(endpoint, tuple(place))
    return None


def refuse(api: Api, refusal: Refusal) -> Answer:
    """A refusal in its API's own words."""
    return ERRORS[api](refusal)


def _service_desk_error(refusal: Refusal) -> Answer:
    i18n = {"i18nKey": refusal.key, "parameters": []}
    return as_json({"errorMessage": refusal.text, "i18nErrorMessage": i18n}, refusal.status)


def _platform_error(refusal: Refusal) -> Answer:
    return as_json({"errorMessages": [refusal.text], "errors": {refusal.key: refusal.text}}, refusal.status)


ERRORS: Mapping[Api, Callable[[Refusal], Answer]] = {
    Api.SERVICE_DESK: _service_desk_error,
    Api.PLATFORM: _platform_error,
    Api.CUSTOMERS: _service_desk_error,
}
