"""Numbers for Prometheus: a registry passed in, cached children, no label that a customer could fill."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Rows = Iterable[tuple[Sequence[str], float]]
T = TypeVar("T", Counter, Gauge, Histogram)

MAXIMUM_CHILDREN: Final = 1_000
OTHER: Final = "other"
REQUEST_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BATCH_BUCKETS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def open_registry() -> CollectorRegistry:
    """Make a registry of one process, with its memory, CPU time and open files."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    return registry


class Children(Generic[T]):
    """The children of one metric by label values, looked up once; past a bound all others are `other`."""

    def __init__(self, family: T) -> None:
        self._family: T = family
        self._children: dict[tuple[str, ...], T] = {}

    def of(self, *values: str) -> T:
        """Return the child of these label values."""
        child = self._children.get(values)
        if child is None:
            if len(self._children) >= MAXIMUM_CHILDREN:
                values = (OTHER,) * len(values)
            child = self._children[values] = self._family.labels(*values)
        return child


class Snapshot(Collector):
    """A gauge whose rows all come from one query: replaced as a whole, so that what is gone disappears."""

    def __init__(self, registry: CollectorRegistry, name: str, help_text: str, labels: Sequence[str]) -> None:
        self._name, self._help, self._labels = name, help_text, tuple(labels)
        self._rows: tuple[tuple[Sequence[str], float], ...] = ()
        registry.register(self)

    def replace(self, rows: Rows) -> None:
        """Show these rows from now on."""
        self._rows = tuple(rows)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the rows as they are now."""
        family = GaugeMetricFamily(self._name, self._help, labels=self._labels)
        for values, number in self._rows:
            family.add_metric(values, number)
        yield family


class RequestMetrics:
    """HTTP requests that a service answers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Children(
            Counter(
                "vestibule_requests",
                "Requests answered.",
                ("route", "method", "status"),
                registry=registry,
            )
        )
        self.seconds = Children(
            Histogram(
                "vestibule_request_seconds",
                "Seconds from the first byte to the last of a request.",
                ("route", "method"),
                registry=registry,
                buckets=REQUEST_BUCKETS,
            )
        )
        self.in_hand = 0  # read when somebody looks, not locked twice for each request
        Gauge("vestibule_requests_in_hand", "Requests being worked on.", registry=registry).set_function(
            lambda: self.in_hand
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer under its status class: 2xx, 4xx, ..."""
        self.requests.of(route, method, f"{status // 100}xx").inc()
        self.seconds.of(route, method).observe(seconds)


class BacklogMetrics:
    """What the database knows about all work: replaced from one query by whoever watches it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.standings = Snapshot(
            registry,
            "vestibule_persons",
            "Persons by connection and standing.",
            ("connection", "standing"),
        )
        self.dirty = Snapshot(registry, "vestibule_dirty_rows", "Rows waiting or under way.", ("stage",))
        self.oldest = Snapshot(
            registry, "vestibule_dirty_age_seconds", "Age of the oldest dirty row.", ("stage",)
        )
        self.parked = Snapshot(registry, "vestibule_parked_rows", "Rows waiting for a human.", ("stage",))
        self.in_flight = Snapshot(
            registry, "vestibule_window_used", "Messages admitted and not done.", ("scope", "name")
        )
        self.window = Snapshot(
            registry, "vestibule_window_size", "Messages admitted at most.", ("scope", "name")
        )


class RelayMetrics:
    """The relay's rounds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.picked = Children(
            Counter("vestibule_relay_picked", "Rows admitted.", ("stage",), registry=registry)
        )
        self.published = Children(
            Counter("vestibule_relay_published", "Keys published.", ("queue", "receipt"), registry=registry)
        )
        self.swept = Counter("vestibule_relay_swept", "Rows whose lease had run out.", registry=registry)


class ConsumerMetrics:
    """What a consumer of the broker does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connected = Gauge(
            "vestibule_consumer_ready", "1 while every queue is being consumed.", registry=registry
        )
        self.sessions = Counter("vestibule_broker_sessions", "Sessions opened.", registry=registry)
        self.deliveries = Children(
            Counter(
                "vestibule_deliveries",
                "Deliveries by what became of them.",
                ("queue", "outcome"),
                registry=registry,
            )
        )
        self.waiting = Children(
            Gauge("vestibule_deliveries_waiting", "Prefetched, not begun.", ("queue",), registry=registry)
        )
        self.batch_size = Histogram(
            "vestibule_batch_size", "Keys in a batch.", registry=registry, buckets=BATCH_BUCKETS
        )
        self.batch_seconds = Histogram(
            "vestibule_batch_seconds", "Seconds a batch took.", registry=registry, buckets=REQUEST_BUCKETS
        )


class WorkMetrics:
    """What the stages make of their keys."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.outcomes = Children(
            Counter(
                "vestibule_outcomes",
                "Keys done, by outcome.",
                ("stage", "kind", "outcome"),
                registry=registry,
            )
        )
        self.retries = Children(
            Counter("vestibule_retries", "Attempts to be repeated.", ("stage", "code"), registry=registry)
        )
        self.parked = Children(
            Counter("vestibule_parked", "Rows given to a human.", ("stage", "code"), registry=registry)
        )
        self.latency = Children(
            Histogram(
                "vestibule_done_after_seconds",
                "Seconds from the mark to the end of the stage.",
                ("stage",),
                registry=registry,
                buckets=(*REQUEST_BUCKETS, 30.0, 60.0, 300.0, 900.0, 3600.0),
            )
        )


class DeskMetrics:
    """Calls to service desks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Children(
            Counter(
                "vestibule_desk_calls", "Calls answered.", ("endpoint", "method", "status"), registry=registry
            )
        )
        self.seconds = Children(
            Histogram(
                "vestibule_desk_call_seconds",
                "Seconds a call took.",
                ("endpoint", "method"),
                registry=registry,
                buckets=REQUEST_BUCKETS,
            )
        )
        self.waits = Children(
            Histogram(
                "vestibule_desk_permit_seconds",
                "Seconds waited for a permit.",
                ("endpoint", "method"),
                registry=registry,
                buckets=REQUEST_BUCKETS,
            )
        )

    def called(self, endpoint: str, method: str, status: str, seconds: float) -> None:
        """Count a call; `status` is the three digits, or a code such as `timeout` where no answer came."""
        self.calls.of(endpoint, method, status).inc()
        self.seconds.of(endpoint, method).observe(seconds)


class LoopMetrics:
    """Background loops."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rounds = Children(
            Counter(
                "vestibule_loop_rounds", "Rounds, by how they ended.", ("loop", "result"), registry=registry
            )
        )
        self.counts = Children(
            Counter("vestibule_loop_items", "What the rounds did.", ("loop", "item"), registry=registry)
        )

    def ended(self, loop: str, result: str, counts: Mapping[str, int]) -> None:
        """Count a round and what it did."""
        self.rounds.of(loop, result).inc()
        for item, count in counts.items():
            if count > 0:
                self.counts.of(loop, item).inc(count)
