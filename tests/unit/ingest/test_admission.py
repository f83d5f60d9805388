"""Admission: a rate per credential, bounds on what is in hand."""

from dataclasses import dataclass

import pytest

from vestibule.domain.tokens import Credential
from vestibule.scim.errors import Unavailable
from vestibule_ingest.admission import BURST_SECONDS, LEAST_RATE, MOST_BUCKETS, Admission, Buckets, Throttled

ONE = Credential("a" * 26, bytes(32))
OTHER = Credential("b" * 26, bytes(32))


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
        buckets.take(Credential("c" * 26, number.to_bytes(32, "big")))
    buckets.take(ONE)  # the oldest was forgotten


def test_more_requests_than_fit_come_again_later() -> None:
    admission = Admission(Buckets(1_000, Clock()), most_in_hand=2)
    with admission.admit(ONE), admission.admit(OTHER), pytest.raises(Unavailable):
        admission.admit(ONE)
    with admission.admit(ONE):
        pass


def test_bodies_share_one_budget_until_their_requests_end() -> None:
    admission = Admission(Buckets(1_000, Clock()), most_in_hand=10, body_budget=100)
    with admission.admit(ONE) as first:
        first.charge(60)
        first.charge(30)
        with admission.admit(OTHER) as second, pytest.raises(Unavailable):
            second.charge(20)
    with admission.admit(OTHER) as second:
        second.charge(100)
