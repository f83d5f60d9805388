"""Which of the waiting keys are handled together."""

from uuid import UUID

import pytest

from vestibule.broker.lanes import SUSPECT_AFTER, Delivery, choose
from vestibule.domain.identifiers import Kind, TenantId
from vestibule.messages.envelope import Key

A, B, C = (TenantId(UUID(int=number)) for number in (1, 2, 3))


def waiting(*tenants: TenantId, returned: tuple[int, ...] = ()) -> list[Delivery]:
    """Deliveries in the order of their arrival, numbered from 1."""
    return [
        Delivery(
            Key(Kind.ACCOUNT, UUID(int=tag), tenant, 1), "q", tag, SUSPECT_AFTER if tag in returned else 0
        )
        for tag, tenant in enumerate(tenants, 1)
    ]


@pytest.mark.parametrize(
    ("tenants", "most", "expected"),
    [
        ((), 4, []),
        ((A, A, B), 4, [1, 2, 3]),
        ((A, B, C, A, B, C), 4, [1, 4, 2, 5]),
        ((A, B, A, A), 2, [1, 3]),
        ((B, A, A, A, A), 3, [1, 2, 3]),
    ],
)
def test_the_oldest_goes_first_and_takes_its_tenant_along(
    tenants: tuple[TenantId, ...], most: int, expected: list[int]
) -> None:
    assert [delivery.tag for delivery in choose(waiting(*tenants), most)] == expected


def test_nobody_is_passed_over_for_ever() -> None:
    """A tenant whose keys keep coming takes one batch at most before the next oldest has its turn."""
    queue = waiting(A, B, *[A] * 10)
    assert [delivery.tag for delivery in choose(queue, 4)] == [1, 3, 4, 5]
    left = [delivery for delivery in queue if delivery.tag not in (1, 3, 4, 5)]
    assert choose(left, 4)[0].key.tenant == B


def test_a_key_that_came_back_often_is_taken_alone_once_it_is_the_oldest() -> None:
    queue = waiting(A, B, A, A, returned=(3,))
    assert [delivery.tag for delivery in choose(queue, 4)] == [1, 4, 2]
    assert [delivery.tag for delivery in choose(queue[2:], 4)] == [3]
