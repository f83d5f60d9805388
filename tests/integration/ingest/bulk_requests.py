"""Bulk requests and their results, as an identity provider writes and reads them."""

from typing import Any

from tests.integration.ingest.scim_client import ScimClient
from tests.tenants import Customer
from vestibule.database.pool import Connection

REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
PERSONS = "select count(*) from ingest.person where tenant_id = $1"
GROUPS = 'select count(*) from ingest."group" where tenant_id = $1'


def post(kind: str, bulk_id: str, **data: object) -> dict[str, Any]:
    return {"method": "POST", "path": f"/{kind}", "bulkId": bulk_id, "data": data}


def user(bulk_id: str, **data: object) -> dict[str, Any]:
    return post("Users", bulk_id, **{"userName": f"{bulk_id}@corp.example", **data})


def members(*bulk_ids: str) -> list[dict[str, str]]:
    return [{"value": f"bulkId:{bulk_id}"} for bulk_id in bulk_ids]


async def send(scim: ScimClient, *operations: object, **more: object) -> list[dict[str, Any]]:
    """Send a Bulk that must be taken; returns the results."""
    answer = await scim.post("/Bulk", {"schemas": [REQUEST], "Operations": [*operations], **more})
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.body["schemas"] == [RESPONSE]
    results: list[dict[str, Any]] = answer.body["Operations"]
    return results


def statuses(results: list[dict[str, Any]]) -> list[str]:
    return [result["status"] for result in results]


def made(result: dict[str, Any]) -> str:
    """The id of what an operation made."""
    identifier: str = result["location"].rpartition("/")[2]
    return identifier


async def refusals(admin: Connection, customer: Customer) -> set[tuple[str, int, str, int]]:
    rows = await admin.fetch(
        "select operation, status, code, sum(requests)::int from ingest.refusal where tenant_id = $1 "
        "group by operation, status, code",
        customer.tenant,
    )
    return {tuple(row) for row in rows}
