"""The service desks of the site: one open, one closed."""

from urllib.parse import quote

from sandbox_desk.customers import known_desk
from sandbox_desk.directory import SERVICE_DESKS
from sandbox_desk.exchange import Answer, Request, as_json, page_bounds
from sandbox_desk.rendering import paged


def list_service_desks(request: Request) -> Answer:
    """GET /servicedesk."""
    start, limit = page_bounds(request.query())
    desks = [_dto(desk, request.base) for desk in SERVICE_DESKS]
    link = f"{request.base}/rest/servicedeskapi/servicedesk"
    return paged(desks[start : start + limit], start, limit, start + limit < len(desks), link)


def read_service_desk(request: Request) -> Answer:
    """GET /servicedesk/{id}."""
    return as_json(_dto(known_desk(request), request.base))


def read_info(request: Request) -> Answer:
    """GET /info: the one call that tells nothing about anybody."""
    link = f"{request.base}/rest/servicedeskapi/info"
    return as_json({"version": "sandbox", "isLicensedForUse": True, "_links": {"self": link}})


def _dto(desk: str, base: str) -> dict[str, object]:
    access = SERVICE_DESKS[desk]
    return {
        "id": desk,
        "projectId": f"1000{desk}",
        "projectName": f"Customer help ({access})",
        "projectKey": access.upper(),
        "projectTypeKey": "service_desk",
        "_links": {"self": f"{base}/rest/servicedeskapi/servicedesk/{quote(desk)}"},
    }
