"""Exchanges and queues as data: the broker package and `infra/rabbitmq` carry out the same values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, assert_never

from vestibule.domain.identifiers import Kind

ExchangeType: TypeAlias = Literal["direct", "fanout"]


class Stage(StrEnum):
    """The two stages that a change passes after it was accepted."""

    ROUTER = "router"
    WRITER = "writer"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    type: ExchangeType


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue with its arguments."""

    name: str
    arguments: Mapping[str, str | int] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Binding:
    """Which messages of an exchange reach a queue."""

    exchange: str
    queue: str
    routing_key: str


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that must exist before the first message; declaring it twice changes nothing."""

    exchange: str  # where keys are published, with the queue's name as routing key
    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]


EXCHANGE: Final = "vestibule"
DEAD_LETTER_EXCHANGE: Final = "vestibule.dlx"
DEAD: Final = "dead"
DELIVERY_LIMIT: Final = 20  # consumer deaths count too: a low limit dead-letters what nobody has processed
MAXIMUM_LENGTH: Final = (
    10_000  # without a consumer the sweeper repeats a window per lease; this is where it ends
)

WORK_QUEUES: Final = tuple(f"{stage}.{lane}" for stage in Stage for lane in ("urgent", "in"))

_WORK_ARGUMENTS: Final[Mapping[str, str | int]] = MappingProxyType(
    {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
        # At-least-once dead-lettering works only together with overflow `reject-publish`, and keeps what it
        # cannot hand over in memory: hence a length too.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-max-length": MAXIMUM_LENGTH,
    }
)
_DEAD_ARGUMENTS: Final[Mapping[str, str | int]] = MappingProxyType(
    {"x-queue-type": "quorum", "x-max-length": MAXIMUM_LENGTH, "x-overflow": "drop-head"}
)

TOPOLOGY: Final = Topology(
    exchange=EXCHANGE,
    exchanges=(Exchange(EXCHANGE, "direct"), Exchange(DEAD_LETTER_EXCHANGE, "fanout")),
    queues=(*(Queue(name, _WORK_ARGUMENTS) for name in WORK_QUEUES), Queue(DEAD, _DEAD_ARGUMENTS)),
    bindings=(
        *(Binding(EXCHANGE, name, name) for name in WORK_QUEUES),
        Binding(DEAD_LETTER_EXCHANGE, DEAD, ""),
    ),
)


def stage_of(kind: Kind) -> Stage:
    """Name the stage whose work a kind is: the router decides, the writer carries out."""
    match kind:
        case Kind.PERSON | Kind.GROUP:
            return Stage.ROUTER
        case Kind.ACCOUNT | Kind.ORGANIZATION:
            return Stage.WRITER
        case _:
            assert_never(kind)


def queue_of(kind: Kind, urgent: bool) -> str:
    """Name the queue, which is the routing key too; leavers are urgent (quorum queues have no priorities)."""
    return f"{stage_of(kind)}.{'urgent' if urgent else 'in'}"


def queues_of(stage: Stage) -> tuple[str, str]:
    """Name the queues that a stage consumes, the urgent one first."""
    return f"{stage}.urgent", f"{stage}.in"
