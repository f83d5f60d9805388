"""One input after the other, watched from both sides of the service."""

import json
import time
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from tests.integration.ingest.scim_client import Answer, ScimClient
from tests.tenants import Customer
from vestibule.database.pool import Connection

SECONDS: Final = 5.0  # for the slowest input, on a busy machine
LARGE: Final = 1024 * 1024  # what the client would rather read from a file
JSON: Final = {"Content-Type": "application/json"}
STATE: Final = """
select (select string_agg(p.id || ' ' || p.version || ' ' || (p.removed_at is null), ',' order by p.id)
          from ingest.person p where p.tenant_id = $1),
       (select string_agg(g.id || ' ' || g.version || ' ' || (g.removed_at is null), ',' order by g.id)
          from ingest."group" g where g.tenant_id = $1),
       (select string_agg(m.group_id || ' ' || m.person_id || ' ' || (m.removed_at is null), ','
                          order by m.group_id, m.person_id)
          from ingest.group_member m where m.tenant_id = $1),
       (select string_agg(s.kind || ' ' || s.id || ' ' || s.version, ',' order by s.kind, s.id)
          from chain.sync s where s.tenant_id = $1),
       (select count(*) from chain.timeline t where t.tenant_id = $1)
"""


@dataclass(slots=True)
class Record:
    """What was sent in all, and how long the slowest took."""

    inputs: int = 0
    slowest: float = 0.0

    def note(self, began: float) -> None:
        """Count one that was begun then, by the monotonic clock."""
        self.inputs += 1
        self.slowest = max(self.slowest, time.monotonic() - began)


@dataclass(slots=True)
class Trial:
    """One customer's connection, watched from both sides."""

    scim: ScimClient
    admin: Connection
    customer: Customer
    record: Record
    known: Any = field(default=None)

    async def state(self) -> Any:
        """Every row and version of the customer that a request may change."""
        return await self.admin.fetchrow(STATE, self.customer.tenant)

    async def send(self, name: str, method: str, path: str, **options: Any) -> Answer:
        """Send one input: it is answered in time and in SCIM, and what is refused has changed nothing."""
        if self.known is None:
            self.known = await self.state()
        if len(options.get("data") or b"") > LARGE:
            options["data"] = BytesIO(options["data"])
        began = time.monotonic()
        answer = await self.scim.send(method, path, **options)
        self.record.note(began)
        assert time.monotonic() - began < SECONDS, name
        # RFC 7644 §3.11 wants 501 of /Me where there is none
        assert answer.status < 500 or (answer.status == 501 and "/Me" in path), (name, answer)
        if answer.status >= 400 or method == "GET":
            assert await self.state() == self.known, (name, answer)
        else:
            self.known = None
        if answer.status >= 400 and method != "HEAD":
            assert answer.headers["Content-Type"] == "application/scim+json", (name, answer)
            assert answer.body["status"] == str(answer.status), (name, answer)
        return answer


async def read_back(trial: Trial, path: str, answer: Answer) -> None:
    """What was answered is what is there."""
    read = await trial.scim.get(path)
    assert (read.status, read.body) == (200, answer.body)


def as_json(value: Any) -> bytes:
    """JSON, also of half a surrogate pair, which is written as its escape, and of numbers that are none."""
    return json.dumps(value).encode()
