import pytest

from vestibule.domain.identifiers import Kind
from vestibule.messages.topology import (
    DEAD,
    DEAD_LETTER_EXCHANGE,
    EXCHANGE,
    TOPOLOGY,
    WORK_QUEUES,
    Queue,
    Stage,
    queue_of,
    queues_of,
    stage_of,
)


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        (Kind.PERSON, Stage.ROUTER),
        (Kind.GROUP, Stage.ROUTER),
        (Kind.ACCOUNT, Stage.WRITER),
        (Kind.ORGANIZATION, Stage.WRITER),
    ],
)
def test_each_kind_is_work_of_one_stage(kind: Kind, stage: Stage) -> None:
    assert stage_of(kind) is stage


@pytest.mark.parametrize("kind", Kind)
def test_leavers_have_a_queue_of_their_own_that_is_consumed_first(kind: Kind) -> None:
    assert queues_of(stage_of(kind)) == (queue_of(kind, urgent=True), queue_of(kind, urgent=False))


def test_every_key_that_can_be_published_has_a_bound_queue() -> None:
    routed = {(binding.exchange, binding.routing_key): binding.queue for binding in TOPOLOGY.bindings}
    for kind in Kind:
        for urgent in (True, False):
            assert routed[EXCHANGE, queue_of(kind, urgent)] == queue_of(kind, urgent)


def test_only_declared_things_are_bound() -> None:
    exchanges = {exchange.name for exchange in TOPOLOGY.exchanges}
    queues = {queue.name for queue in TOPOLOGY.queues}
    assert {binding.exchange for binding in TOPOLOGY.bindings} == exchanges
    assert {binding.queue for binding in TOPOLOGY.bindings} == queues == {*WORK_QUEUES, DEAD}


@pytest.mark.parametrize("queue", [queue for queue in TOPOLOGY.queues if queue.name != DEAD])
def test_a_work_queue_loses_nothing(queue: Queue) -> None:
    arguments = queue.arguments
    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-dead-letter-exchange"] == DEAD_LETTER_EXCHANGE
    assert arguments["x-dead-letter-strategy"] == "at-least-once"
    assert arguments["x-overflow"] == "reject-publish"  # what at-least-once asks for
    assert arguments["x-delivery-limit"] == 20
