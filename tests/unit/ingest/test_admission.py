"""Admission: a rate per connection, bounds on what is in hand."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from vestibule.domain.tokens import Credential
from vestibule.scim.errors import Unavailable
from vestibule_ingest.admission import MOST_KNOWN, Admission, Bounds
from vestibule_ingest.aside import Aside
from vestibule_ingest.throttling import LEAST_RATE, MOST_BUCKETS, Buckets, Throttled

BURST_SECONDS = 2.0
ONE = Credential("a" * 26, bytes(32))
NEXT_TOKEN = Credential("a" * 26, b"\x01" * 32)  # of the same connection
OTHER = Credential("b" * 26, bytes(32))
THIRD = Credential("d" * 26, bytes(32))


def stranger(number: int) -> Credential:
    """One of many callers."""
    return Credential("c" * 26, number.to_bytes(32, "big"))


@dataclass
class Clock:
    """Stands still until a test moves it."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def drain(buckets: Buckets, caller: Credential) -> int:
    """How many requests are admitted at this moment."""
    taken = 0
    try:
        while True:
            buckets.take(caller)
            taken += 1
    except Throttled:
        return taken


@pytest.mark.parametrize("rate", [0, 1, 25])
def test_nobody_is_throttled_below_twenty_five_a_second(rate: float) -> None:
    clock = Clock()
    buckets = Buckets(rate, clock)
    for number in range(10 * LEAST_RATE):
        clock.now = number / LEAST_RATE
        buckets.take(ONE)


def test_a_burst_is_followed_by_the_rate() -> None:
    clock = Clock()
    buckets = Buckets(100, clock)
    assert drain(buckets, ONE) == 100 * BURST_SECONDS
    clock.now += 0.5
    assert drain(buckets, ONE) == 50


def test_the_time_to_come_back_is_in_whole_seconds() -> None:
    buckets = Buckets(25, Clock())
    drain(buckets, ONE)
    with pytest.raises(Throttled) as told:
        buckets.take(ONE)
    assert told.value.retry_after == 1


def test_credentials_do_not_share_a_bucket() -> None:
    buckets = Buckets(25, Clock())
    drain(buckets, ONE)
    buckets.take(OTHER)


def test_buckets_of_strangers_do_not_pile_up() -> None:
    buckets = Buckets(25, Clock())
    drain(buckets, ONE)
    for number in range(MOST_BUCKETS):
        buckets.take(stranger(number))
    buckets.take(ONE)  # the oldest was forgotten


def admission_of(
    *known: Credential, most: int = 4, most_of_one: int = 2, body_bytes: int = 80, rate: float = 1_000
) -> Admission:
    """An admission to whom these callers are known."""
    admission = Admission(Buckets(rate, Clock()), Bounds(most, most_of_one, body_bytes), Aside())
    for caller in known:
        with admission.admit(caller) as admitted:
            admitted.know()
    return admission


def test_two_tokens_of_a_connection_share_its_rate_and_its_places() -> None:
    admission = admission_of(ONE, NEXT_TOKEN, OTHER, rate=25)
    taken = 0
    with pytest.raises(Throttled):
        while True:
            with admission.admit((ONE, NEXT_TOKEN)[taken % 2]):
                taken += 1
    assert taken == 25 * BURST_SECONDS
    admission = admission_of(ONE, NEXT_TOKEN, OTHER)
    with admission.admit(ONE), admission.admit(NEXT_TOKEN):
        for caller in (ONE, NEXT_TOKEN):
            with pytest.raises(Throttled):
                admission.admit(caller)
        with admission.admit(OTHER):
            pass


def test_whoever_has_nothing_in_hand_gets_a_place_where_the_others_have_taken_all() -> None:
    flooding = [stranger(number) for number in range(3)]
    light = [stranger(10 + number) for number in range(5)]
    connections = [Credential(str(n), caller.token_hash) for n, caller in enumerate((*flooding, *light))]
    admission = admission_of(*connections)
    with ExitStack() as stack:
        for caller in (connections[0], connections[0], connections[1], connections[1]):
            stack.enter_context(admission.admit(caller))
        for caller in connections[3:7]:
            stack.enter_context(admission.admit(caller))
            with pytest.raises(Unavailable):  # one place each, no more
                admission.admit(caller)
        with pytest.raises(Unavailable):  # twice what there is: now it is full for everybody
            admission.admit(connections[7])
    with admission.admit(connections[7]):
        pass


def test_no_connection_takes_more_than_its_share() -> None:
    admission = admission_of(ONE, OTHER)
    with admission.admit(ONE) as one, admission.admit(ONE):
        with pytest.raises(Throttled) as told:
            admission.admit(ONE)
        assert told.value.retry_after == 1
        with pytest.raises(Unavailable):
            one.charge(41)
        with admission.admit(OTHER) as other:
            other.charge(40)
        one.charge(40)


def test_strangers_take_no_known_callers_place() -> None:
    admission = admission_of(ONE)
    with ExitStack() as stack:
        strangers = 0
        with pytest.raises(Unavailable):
            while True:
                admitted = stack.enter_context(admission.admit(stranger(strangers)))
                strangers += 1
                admitted.charge(5)
        assert strangers == 2
        with pytest.raises(Unavailable):
            admitted.charge(1)
        with admission.admit(ONE) as known, admission.admit(ONE):
            known.charge(40)


def test_who_is_let_in_is_known_until_he_is_not_let_in() -> None:
    admission = admission_of(ONE)
    with admission.admit(ONE) as admitted:
        assert admitted.is_known
        admitted.forget()
    with admission.admit(ONE) as admitted:
        assert not admitted.is_known


def test_who_waits_for_a_body_holds_no_place() -> None:
    admission = admission_of(ONE, most_of_one=1)
    with admission.admit(ONE) as first:
        with first.waiting():
            with admission.admit(ONE):
                pass
            first.charge(40)
        with pytest.raises(Throttled):
            admission.admit(ONE)
    with admission.admit(ONE) as again:
        again.charge(40)  # all was given back


def test_whoever_comes_to_be_known_leaves_the_strangers_room() -> None:
    admission = admission_of()
    with admission.admit(ONE) as first:
        first.charge(10)
        first.know()
        with first.waiting():
            with admission.admit(OTHER) as second, admission.admit(THIRD):
                second.charge(10)
            first.charge(30)


def test_bodies_that_are_still_coming_are_counted() -> None:
    admission = admission_of(ONE)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(stack.enter_context(admission.admit(ONE)).waiting())
        with admission.admit(ONE) as one_more, pytest.raises(Throttled):
            stack.enter_context(one_more.waiting())
        stack.close()
    with admission.admit(ONE) as again, again.waiting():
        pass


def test_callers_do_not_pile_up() -> None:
    admission = admission_of(*(stranger(number) for number in range(MOST_KNOWN + 1)))
    with admission.admit(stranger(0)) as oldest:
        assert not oldest.is_known
    with admission.admit(stranger(MOST_KNOWN)) as newest:
        assert newest.is_known


async def test_long_lists_of_one_caller_come_in_turn() -> None:
    admission = admission_of(ONE)
    order: list[str] = []
    begun = asyncio.Event()
    over = asyncio.Event()

    async def first() -> None:
        with admission.admit(ONE) as admitted:
            async with admitted.turn():
                begun.set()
                await over.wait()
                order.append("first")

    async def second() -> None:
        await begun.wait()
        with admission.admit(ONE) as admitted:
            async with admitted.turn():
                order.append("second")

    async def another() -> None:
        await begun.wait()
        with admission.admit(OTHER) as admitted:
            async with admitted.turn():
                order.append("another")
        over.set()

    async with asyncio.timeout(10):
        await asyncio.gather(first(), second(), another())
    assert order == ["another", "first", "second"]


async def test_long_work_of_a_flooding_connection_lets_another_one_between() -> None:
    admission = admission_of(ONE, OTHER, most=100, most_of_one=50)
    begun, over = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    order: list[str] = []

    def first() -> None:
        loop.call_soon_threadsafe(begun.set)
        assert over.wait(10)
        order.append("first of one")

    async def ask(caller: Credential, work: Callable[[], None]) -> None:
        with admission.admit(caller) as admitted:
            await admitted.aside(work)

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(ask(ONE, first))
        await begun.wait()  # the event loop goes on beside the thread
        for _ in range(20):
            group.create_task(ask(ONE, lambda: order.append("one")))
        await asyncio.sleep(0)
        group.create_task(ask(OTHER, lambda: order.append("other")))
        await asyncio.sleep(0)
        over.set()
    assert order == ["first of one", "other"] + ["one"] * 20
