"""Numbers that only ingest has."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram

from vestibule.scim.dialects import Repair
from vestibule.telemetry.metrics import Children


class IngestMetrics:
    """How liberal we had to be, and what we failed to write down."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._repairs = Children(
            Counter("vestibule_scim_repairs", "Requests that needed a rule.", ("rule",), registry=registry)
        )
        self.refusals_lost = Counter(
            "vestibule_refusals_lost", "Refused requests that could not be recorded.", registry=registry
        )
        self.overtaken = Counter(
            "vestibule_writes_overtaken", "Writes repeated because another came between.", registry=registry
        )

        self.members_parked = Counter(
            "vestibule_members_parked", "Members that a group named and nobody was.", registry=registry
        )
        self.shared = Histogram(
            "vestibule_writes_per_commit",
            "Writes that shared a commit.",
            buckets=(1, 2, 4, 8, 16),
            registry=registry,
        )
        self.reads_shared = Histogram(
            "vestibule_reads_per_statement",
            "Reads by key that shared a statement.",
            buckets=(1, 2, 4, 8, 16),
            registry=registry,
        )
        self.parted = Counter(
            "vestibule_commits_parted",
            "Common transactions that were undone, each part then carried out alone.",
            registry=registry,
        )
        self.bulk_operations = Children(
            Counter(
                "vestibule_bulk_operations",
                "Operations of Bulk requests by their own answers.",
                ("method", "status"),
                registry=registry,
            )
        )

    def repaired(self, rules: Iterable[Repair]) -> None:
        """Count the rules that one request needed."""
        for rule in rules:
            self._repairs.of(rule.value).inc()
