"""Bodies that would hold the event loop up are understood beside it, and only for callers who are let in."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import orjson
import pytest

from vestibule.domain.tokens import Credential
from vestibule.scim.errors import InvalidSyntax, Unauthorized
from vestibule.scim.limits import DEFAULTS
from vestibule_ingest.admission import Admission, Bounds
from vestibule_ingest.aside import LARGE_BYTES, Aside
from vestibule_ingest.bodies import Receive, read_json
from vestibule_ingest.throttling import Buckets

T = TypeVar("T")

CALLER = Credential("a" * 26, bytes(32))
LARGE = {"x": "y" * LARGE_BYTES}


class Counting(Aside):
    """Counts what is done beside the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces = 0

    async def do(self, work: Callable[[], T]) -> T:
        self.pieces += 1
        return await super().do(work)


class Desk:
    """An admission, and whether the database lets the caller in."""

    def __init__(self, *, known: bool, good: bool) -> None:
        self.aside = Counting()
        self.asked = 0
        self.good = good
        self.admission = Admission(
            Buckets(1_000, lambda: 0.0), Bounds(10, 10, 10 * DEFAULTS.user_bytes), self.aside
        )
        if known:
            self.admission.know(CALLER)

    async def read(self, body: bytes, *, whole: bool = True) -> object:
        """Read a body that came with its head, or in two pieces."""
        with self.admission.admit(CALLER) as admitted:
            receive = sending(body) if whole else sending(body[:10], body[10:])
            return await read_json(receive, HEADERS, admitted, DEFAULTS.user_bytes, self.ask, DEFAULTS)

    async def ask(self) -> None:
        self.asked += 1
        if not self.good:
            raise Unauthorized("Who is this?")


HEADERS: Mapping[bytes, bytes] = {}


def sending(*pieces: bytes) -> Receive:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": place < len(pieces)}
        for place, piece in enumerate(pieces, start=1)
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    return receive


@pytest.mark.parametrize("whole", [True, False])
async def test_a_large_body_is_understood_beside_the_loop(whole: bool) -> None:
    desk = Desk(known=True, good=True)
    assert await desk.read(orjson.dumps(LARGE), whole=whole) == LARGE
    assert desk.aside.pieces == 1
    with pytest.raises(InvalidSyntax):
        await desk.read(b"[" * LARGE_BYTES, whole=whole)
    assert desk.aside.pieces == 2


async def test_a_small_one_is_understood_at_once() -> None:
    desk = Desk(known=False, good=True)
    assert await desk.read(b'{"userName": "a"}') == {"userName": "a"}
    assert (desk.aside.pieces, desk.asked) == (0, 0)


@pytest.mark.parametrize("whole", [True, False])
async def test_nothing_large_is_understood_for_a_stranger(whole: bool) -> None:
    desk = Desk(known=False, good=False)
    with pytest.raises(Unauthorized):
        await desk.read(orjson.dumps(LARGE), whole=whole)
    assert (desk.aside.pieces, desk.asked) == (0, 1)
