"""The subset of the platform API (/rest/api/3) that tells whose account an account is."""

from collections.abc import Iterator

from sandbox_desk.customers import ADDRESS, enrol
from sandbox_desk.directory import ATLASSIAN, Customer
from sandbox_desk.exchange import Answer, Refusal, Request, as_json, members, text, whole
from sandbox_desk.rendering import platform_user

SEARCH_WINDOW = 1_000  # the vendor looks at the first thousand matches only


def read_user(request: Request) -> Answer:
    """GET /user?accountId=: active or not, visible to lists or not."""
    customer = request.site.directory.customers.get(request.query().get("accountId", ""))
    if customer is None:
        raise Refusal(404, "user", "No user has this id")
    return as_json(platform_user(request.site, customer, request.base))


def search_users(request: Request) -> Answer:
    """GET /user/search: prefix match on names and addresses; active ones only, and late."""
    query = request.query()
    start, most = whole(query, "startAt", 0), whole(query, "maxResults", 50, least=1)
    if not query.get("query") and not query.get("accountId"):
        raise Refusal(400, "query", "Name what you look for")
    matches = [customer for _, customer in zip(range(SEARCH_WINDOW), _matches(request, query), strict=False)]
    chosen = matches[start : start + min(most, SEARCH_WINDOW)]
    return as_json([platform_user(request.site, customer, request.base) for customer in chosen])


def _matches(request: Request, query: dict[str, str]) -> Iterator[Customer]:
    wanted = query.get("query", "").lower()
    only = query.get("accountId")
    for customer in request.site.directory.customers.values():
        if not customer.active or not request.site.visible(customer) or only not in (None, customer.id):
            continue
        email, name = customer.email.lower(), customer.name.lower()
        if wanted not in email and wanted not in name:
            continue  # most of a large directory ends here
        words = (email, name, *name.split())
        if any(word.startswith(wanted) for word in words):
            yield customer


def create_user(request: Request) -> Answer:
    """POST /user: a full account, and a mail to its owner. Nothing of ours ever calls it."""
    allowed = {"emailAddress": str, "displayName": str, "products": list, "name": str}
    body = members(request, allowed, ("emailAddress", "products"))
    email = text(body["emailAddress"], "emailAddress", 254)
    if not ADDRESS.fullmatch(email):
        raise Refusal(400, "emailAddress", "The address is not one")
    if any(customer.type == ATLASSIAN for customer in request.site.directory.bearers(email)):
        raise Refusal(400, "emailAddress", "The address is taken")
    name = text(body.get("displayName") or email, "displayName", 255)
    customer = enrol(request.site, email, name, ATLASSIAN)
    request.site.record("mails_sent", count=1)
    return as_json(platform_user(request.site, customer, request.base), 201)


def read_myself(request: Request) -> Answer:
    """GET /myself: the integration's own account."""
    me = {"accountId": "712020:sandbox", "accountType": "atlassian", "active": True, "timeZone": "Etc/UTC"}
    return as_json({"self": f"{request.base}/rest/api/3/user?accountId=712020%3Asandbox", **me})
